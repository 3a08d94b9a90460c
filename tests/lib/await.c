/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits for what happens in other processes, by events of the kernel: the tests put `timeout` in front.
 *
 *   await file PATH [BYTES]    until PATH holds at least BYTES bytes (default 1); its folder exists
 *   await gone PID...          until each has ended (a zombie has)
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "await: %s: %s\n", what, strerror(errno));
	return 125;
}

static int await_file(const char *path, long long bytes)
{
	const char *slash = strrchr(path, '/');
	char dir[4096], events[4096];
	int fd = inotify_init1(IN_CLOEXEC);
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	/* the watch before the first look: nothing falls between */
	if (fd < 0 || inotify_add_watch(fd, dir, IN_CREATE | IN_MODIFY | IN_MOVED_TO) < 0)
		return fail(dir);
	while (stat(path, &st) < 0 || st.st_size < bytes) {
		if (read(fd, events, sizeof(events)) < 0 && errno != EINTR)
			return fail(dir);
	}
	return 0;
}

static int await_gone(const char *pid)
{
	struct pollfd p = { .events = POLLIN };

	p.fd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);
	if (p.fd < 0)
		return errno == ESRCH ? 0 : fail(pid);
	while (poll(&p, 1, -1) < 0) {
		if (errno != EINTR)
			return fail(pid);
	}
	close(p.fd);
	return 0;
}

int main(int argc, char **argv)
{
	int r = 0;

	if (argc >= 3 && argc <= 4 && !strcmp(argv[1], "file"))
		return await_file(argv[2], argc > 3 ? strtoll(argv[3], NULL, 10) : 1);
	if (argc < 3 || strcmp(argv[1], "gone") != 0) {
		fprintf(stderr, "usage: await file PATH [BYTES] | await gone PID...\n");
		return 125;
	}
	for (int i = 2; i < argc && !r; i++)
		r = await_gone(argv[i]);
	return r;
}
