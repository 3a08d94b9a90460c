/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of the host: see tool.h.
 */
#include "sys/tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "sys/process.h"

enum { SAID_MAX = 400 };

int tool_find(const char *name, char path[TOOL_PATH_MAX], struct err *e)
{
	static const char *const places[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int n = snprintf(path, TOOL_PATH_MAX, "%s/%s", places[i], name);
		if (n > 0 && n < TOOL_PATH_MAX && !access(path, X_OK))
			return 0;
	}
	return err_new(e, E_UNSUPPORTED, ENOENT, "%s is not installed", name);
}

__attribute__((noreturn)) static void child(const char *path, const char *const *argv, int out, int err)
{
	static const char *const env[] = { "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C", NULL };
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || chdir("/") < 0 ||
	    libc_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || sigaction(SIGPIPE, &dfl, NULL) < 0 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		_exit(126);
	(void)umask(022);
	execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

/* the first line that it says; the rest is read too, so that it never waits for us */
static void listen(int from, char said[SAID_MAX])
{
	char rest[512];
	ssize_t n = io_read_full(from, said, SAID_MAX - 1);

	said[n > 0 ? n : 0] = 0;
	said[strcspn(said, "\n")] = 0;
	while (n > 0 && (n = read(from, rest, sizeof rest)) != 0)
		if (n < 0 && errno == EINTR)
			n = 1;
}

/* @out: where its output goes, -1: the same way as its errors */
static int run(const char *const *argv, int out, struct err *e)
{
	char path[TOOL_PATH_MAX], said[SAID_MAX];
	int pair[2], status;

	if (tool_find(argv[0], path, e) < 0)
		return -e->eno;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "%s: pipe", argv[0]);
	OWN_FD from = pair[0];
	pid_t pid = fork();
	if (!pid)
		child(path, argv, out < 0 ? pair[1] : out, pair[1]);
	int eno = errno;
	close(pair[1]);
	if (pid < 0)
		return err_sys(e, eno, "%s: fork", argv[0]);
	listen(from, said);
	int r = process_wait(pid, &status);
	if (r < 0)
		return err_sys(e, -r, "wait for %s", argv[0]);
	if (WIFSIGNALED(status))
		return err_new(e, E_IO, EIO, "%s: ended by signal %d%s%s", argv[0], WTERMSIG(status), *said ? ": " : "",
			       said);
	return WEXITSTATUS(status) ? err_new(e, E_IO, EIO, "%s: status %d: %s", argv[0], WEXITSTATUS(status), said) : 0;
}

int tool_run(const char *const *argv, struct err *e)
{
	return run(argv, -1, e);
}

int tool_read(const char *const *argv, size_t max, char **ret, struct err *e)
{
	OWN_FD out = memfd_create("output", MFD_CLOEXEC);

	if (out < 0)
		return err_sys(e, errno, "%s: memory for its output", argv[0]);
	if (run(argv, out, e) < 0)
		return -e->eno;
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "%s: its output", argv[0]);
	return io_read_fd(out, max, ret, NULL, e) < 0 ? err_ctx(e, "%s: its output", argv[0]) : 0;
}
