/* SPDX-License-Identifier: Apache-2.0
 *
 * --log syslog:[NAME] and journald:[NAME], crun's forms: each message is a packet to the daemon
 * of the host, in the forms of RFC 3164 and of systemd's native journal protocol. No library of
 * either is needed.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "front/orun/orun.h"

static const struct daemon {
	const char *prefix, *socket;
	enum log_sink sink;
} daemons[] = {
	{ "syslog:", "/dev/log", LOG_SYSLOG_ },
	{ "journald:", "/run/systemd/journal/socket", LOG_JOURNAL_ },
};

/* as the priorities of syslog(3) */
static const unsigned severities[] = {
	[LOG_ERROR_] = 3,
	[LOG_WARNING_] = 4,
	[LOG_INFO_] = 6,
	[LOG_DEBUG_] = 7,
};

static int daemon_connect(const char *path, int *ret_fd)
{
	/* old daemons of syslog listen on a stream */
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int r = -EPROTOTYPE;

	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path); /* ours: fits */
	for (size_t i = 0; r == -EPROTOTYPE && i < ARRAY_LEN(types); i++) {
		OWN_FD fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
		r = fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
		if (r == 0)
			*ret_fd = fd_take(&fd);
	}
	return r;
}

int orun_log_open_daemon(struct orun_log *l, const char *target, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
		size_t n = strlen(daemons[i].prefix);
		if (strncmp(target, daemons[i].prefix, n))
			continue;
		int r = daemon_connect(daemons[i].socket, &l->fd);
		if (r < 0) {
			(void)err_sys(e, -r, "open log %s: connect to %s", target, daemons[i].socket);
			err_hint(e, "is that daemon running here? --log FILE needs none");
			return r;
		}
		l->sink = daemons[i].sink;
		l->name = target[n] ? target + n : "orun";
		return 1;
	}
	return 0;
}

static void syslog_packet(const struct orun_log *l, unsigned severity, const char *msg, struct buf *b)
{
	enum { FACILITY_USER = 1 };
	char when[32] = "";
	time_t now = time(NULL);
	struct tm t;

	if (localtime_r(&now, &t))
		(void)strftime(when, sizeof when, "%b %e %H:%M:%S", &t); /* fits */
	buf_printf(b, "<%u>%s %s[%d]: %s", FACILITY_USER << 3 | severity, when, l->name, (int)getpid(), msg);
	buf_putc(b, 0); /* what ends a message on a stream; a packet may have it */
}

/* "NAME=VALUE\n", or with line breaks in it "NAME\n", length in 8 bytes (little endian), "VALUE\n" */
static void journal_field(struct buf *b, const char *name, const char *value)
{
	size_t n = strlen(value);

	buf_puts(b, name);
	if (!strchr(value, '\n')) {
		buf_printf(b, "=%s\n", value);
		return;
	}
	buf_putc(b, '\n');
	for (int i = 0; i < 8; i++)
		buf_putc(b, (char)(n >> 8 * i));
	buf_printf(b, "%s\n", value);
}

static void journal_packet(const struct orun_log *l, unsigned severity, const char *msg, struct buf *b)
{
	char num[4];

	(void)snprintf(num, sizeof num, "%u", severity); /* one digit */
	journal_field(b, "PRIORITY", num);
	journal_field(b, "SYSLOG_IDENTIFIER", l->name);
	journal_field(b, "MESSAGE", msg);
}

void orun_log_send(const struct orun_log *l, enum log_level level, const char *msg)
{
	OWN_BUF b = { 0 };

	(l->sink == LOG_SYSLOG_ ? syslog_packet : journal_packet)(l, severities[level], msg, &b);
	/* nothing can be done when a message cannot be written */
	if (!buf_failed(&b))
		(void)send(l->fd, b.p, b.n, MSG_NOSIGNAL);
}
