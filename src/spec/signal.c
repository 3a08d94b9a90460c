/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals by name and number: see signal.h.
 */
#include "spec/signal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"

/* The kernel's numbers, not libc's: SIGRTMIN is a call in libc, which keeps two for itself, but
 * kill(1), docker and runc all mean 34 by SIGRTMIN. */
enum { RTMIN = 34, RTMAX = 64 };

static const struct {
	const char *name;
	int sig;
} aliases[] = {
	{ "SIGCLD", SIGCHLD },
	{ "SIGIOT", SIGABRT },
	{ "SIGPOLL", SIGIO },
	{ "SIGUNUSED", SIGSYS },
};

static const char *const names[RTMAX + 1] = {
	[SIGHUP] = "SIGHUP",
	[SIGINT] = "SIGINT",
	[SIGQUIT] = "SIGQUIT",
	[SIGILL] = "SIGILL",
	[SIGTRAP] = "SIGTRAP",
	[SIGABRT] = "SIGABRT",
	[SIGBUS] = "SIGBUS",
	[SIGFPE] = "SIGFPE",
	[SIGKILL] = "SIGKILL",
	[SIGUSR1] = "SIGUSR1",
	[SIGSEGV] = "SIGSEGV",
	[SIGUSR2] = "SIGUSR2",
	[SIGPIPE] = "SIGPIPE",
	[SIGALRM] = "SIGALRM",
	[SIGTERM] = "SIGTERM",
	[SIGSTKFLT] = "SIGSTKFLT",
	[SIGCHLD] = "SIGCHLD",
	[SIGCONT] = "SIGCONT",
	[SIGSTOP] = "SIGSTOP",
	[SIGTSTP] = "SIGTSTP",
	[SIGTTIN] = "SIGTTIN",
	[SIGTTOU] = "SIGTTOU",
	[SIGURG] = "SIGURG",
	[SIGXCPU] = "SIGXCPU",
	[SIGXFSZ] = "SIGXFSZ",
	[SIGVTALRM] = "SIGVTALRM",
	[SIGPROF] = "SIGPROF",
	[SIGWINCH] = "SIGWINCH",
	[SIGIO] = "SIGIO",
	[SIGPWR] = "SIGPWR",
	[SIGSYS] = "SIGSYS",
	[RTMIN] = "SIGRTMIN",
	[35] = "SIGRTMIN+1",
	[36] = "SIGRTMIN+2",
	[37] = "SIGRTMIN+3",
	[38] = "SIGRTMIN+4",
	[39] = "SIGRTMIN+5",
	[40] = "SIGRTMIN+6",
	[41] = "SIGRTMIN+7",
	[42] = "SIGRTMIN+8",
	[43] = "SIGRTMIN+9",
	[44] = "SIGRTMIN+10",
	[45] = "SIGRTMIN+11",
	[46] = "SIGRTMIN+12",
	[47] = "SIGRTMIN+13",
	[48] = "SIGRTMIN+14",
	[49] = "SIGRTMIN+15",
	[50] = "SIGRTMAX-14",
	[51] = "SIGRTMAX-13",
	[52] = "SIGRTMAX-12",
	[53] = "SIGRTMAX-11",
	[54] = "SIGRTMAX-10",
	[55] = "SIGRTMAX-9",
	[56] = "SIGRTMAX-8",
	[57] = "SIGRTMAX-7",
	[58] = "SIGRTMAX-6",
	[59] = "SIGRTMAX-5",
	[60] = "SIGRTMAX-4",
	[61] = "SIGRTMAX-3",
	[62] = "SIGRTMAX-2",
	[63] = "SIGRTMAX-1",
	[RTMAX] = "SIGRTMAX",
};

static int realtime_parse(const char *bare)
{
	uint32_t off = 0;
	bool max = !strncasecmp(bare, "RTMAX", 5);

	if (!max && strncasecmp(bare, "RTMIN", 5))
		return -EINVAL;
	bare += 5;
	if (*bare && (*bare != (max ? '-' : '+') || text_uint32(bare + 1, &off) < 0))
		return -EINVAL;
	if (off > RTMAX - RTMIN)
		return -EINVAL;
	return max ? RTMAX - (int)off : RTMIN + (int)off;
}

int signal_parse(const char *s)
{
	uint32_t n;

	if (!text_uint32(s, &n))
		return n >= 1 && n <= RTMAX ? (int)n : -EINVAL;
	const char *bare = strncasecmp(s, "SIG", 3) ? s : s + 3;
	for (int sig = 1; sig < RTMIN; sig++)
		if (names[sig] && !strcasecmp(names[sig] + 3, bare))
			return sig;
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (!strcasecmp(aliases[i].name + 3, bare))
			return aliases[i].sig;
	return realtime_parse(bare);
}

const char *signal_name(int sig)
{
	return sig > 0 && sig <= RTMAX ? names[sig] : NULL;
}
