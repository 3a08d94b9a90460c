/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting the monitor: see monitor.h.
 */
#include "engine/monitor.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/program.h"

static const char *const fifo_names[3] = { "stdin", "stdout", "stderr" };
static const char socket_name[] = "attach.sock";

enum {
	LISTEN_BACKLOG = 32
};

void monitor_stdio_close(struct monitor_stdio *s)
{
	for (int i = 0; i < 3; i++) {
		own_fd_done(&s->container[i]);
		own_fd_done(&s->monitor[i]);
	}
}

static void stdio_init(struct monitor_stdio *s)
{
	for (int i = 0; i < 3; i++)
		s->container[i] = s->monitor[i] = -1;
}

static int open_fifo(int xdir, const char *name, int flags, int *ret, struct err *e)
{
	int fd = openat(xdir, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_sys(e, errno, "open fifo %s", name);
	*ret = fd;
	return 0;
}

/* The container gets plain blocking descriptors. */
static int set_blocking(int fd, const char *name, struct err *e)
{
	int fl = fcntl(fd, F_GETFL);

	if (fl < 0 || fcntl(fd, F_SETFL, fl & ~O_NONBLOCK) < 0)
		return err_sys(e, errno, "set flags of fifo %s", name);
	return 0;
}

static int make_fifo(int xdir, int i, struct monitor_stdio *s, struct err *e)
{
	const char *name = fifo_names[i];
	/* stdin: the reader first, else opening the writer fails with ENXIO */
	int mine = i ? O_RDWR : O_RDONLY, other = i ? O_RDONLY : O_WRONLY;

	if (unlinkat(xdir, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove old fifo %s", name);
	if (mkfifoat(xdir, name, 0600) < 0)
		return err_sys(e, errno, "make fifo %s", name);
	if (open_fifo(xdir, name, mine, &s->container[i], e) < 0 ||
	    open_fifo(xdir, name, other, &s->monitor[i], e) < 0)
		return -e->eno;
	return set_blocking(s->container[i], name, e);
}

int monitor_stdio_make(int xrun_dir, bool open_stdin, struct monitor_stdio *ret, struct err *e)
{
	struct monitor_stdio s;

	stdio_init(&s);
	if (!open_stdin) {
		s.container[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (s.container[0] < 0)
			return err_sys(e, errno, "open /dev/null");
		(void)unlinkat(xrun_dir, fifo_names[0], 0); /* of an earlier run, if any */
	}
	for (int i = open_stdin ? 0 : 1; i < 3; i++) {
		if (make_fifo(xrun_dir, i, &s, e) < 0) {
			monitor_stdio_close(&s);
			return -e->eno;
		}
	}
	*ret = s;
	return 0;
}

int monitor_stdio_reopen(int xrun_dir, struct monitor_stdio *ret, struct err *e)
{
	struct monitor_stdio s;

	stdio_init(&s);
	for (int i = 0; i < 3; i++) {
		int r = open_fifo(xrun_dir, fifo_names[i], i ? O_RDONLY : O_WRONLY, &s.monitor[i], e);

		/* ENXIO: the container has closed its stdin */
		if (r < 0 && r != -ENOENT && r != -ENXIO) {
			monitor_stdio_close(&s);
			return r;
		}
	}
	err_clear(e);
	*ret = s;
	return 0;
}

int monitor_listen(int xrun_dir, int *ret_fd, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	OWN_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_sys(e, errno, "make attach socket");
	if (unlinkat(xrun_dir, socket_name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove old %s", socket_name);
	/* by descriptor: the real path may be longer than a socket address */
	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", xrun_dir, socket_name);
	/* the mode of the socket becomes that of the file, with no moment of a wider one */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return err_sys(e, errno, "listen at %s", socket_name);
	*ret_fd = fd_take(&fd);
	return 0;
}

int monitor_pair(int ret_fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return err_sys(e, errno, "make attach socket");
	return 0;
}

static int config_fd(const struct monitor_config *c, int *ret, struct err *e)
{
	OWN_STR text = malloc(MONITOR_CONFIG_MAX);
	OWN_FD fd = memfd_create("onggi-monitor", MFD_CLOEXEC);
	int n, r;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "monitor configuration");
	if (fd < 0)
		return err_sys(e, errno, "memfd for the monitor configuration");
	n = monitor_config_format(c, text, MONITOR_CONFIG_MAX);
	if (n < 0)
		return err_new(e, E_INVALID, -n, n == -E2BIG ? "monitor configuration is too long" :
				       "monitor configuration: a value holds a newline");
	r = io_write_all(fd, text, (size_t)n);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, r < 0 ? -r : errno, "write monitor configuration");
	*ret = fd_take(&fd);
	return 0;
}

static void keep_over_exec(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, 0); /* a bad descriptor is reported by the monitor */
}

int monitor_exec(const char *program, const struct monitor_config *c, struct err *e)
{
	const int fds[] = { c->pidfd, c->in, c->out, c->err, c->pty, c->listen, c->client };
	char path[4096], number[16], id[13];
	char *argv[] = { (char[]){ "onggi-monitor" }, number, id, NULL };
	OWN_FD fd = -1;

	if (!program && program_find("onggi-monitor", path, e) < 0)
		return -e->eno;
	if (config_fd(c, &fd, e) < 0)
		return -e->eno;
	snprintf(number, sizeof(number), "%d", fd);
	snprintf(id, sizeof(id), "%s", c->id);
	keep_over_exec(fd);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		keep_over_exec(fds[i]);
	execv(program ? program : path, argv);
	return err_sys(e, errno, "exec %s", program ? program : path);
}

/* In the child: a process that nobody has to wait for. It says its PID, and its error unless the
 * exec succeeds. */
static _Noreturn void spawn_child(const char *program, const struct monitor_config *c, int fd)
{
	struct err e = { 0 };
	pid_t pid = fork();

	if (pid > 0)
		_exit(0);
	if (pid < 0)
		err_sys(&e, errno, "fork monitor");
	else
		pid = getpid();
	/* the parent sees a short answer when these fail */
	if (!io_write_all(fd, &pid, sizeof(pid)) && pid > 0)
		(void)monitor_exec(program, c, &e);
	(void)io_write_all(fd, &e, sizeof(e));
	_exit(1);
}

int monitor_spawn(const char *program, const struct monitor_config *c, struct proc_id *ret,
		  struct err *e)
{
	struct err told;
	OWN_FD rd = -1;
	int p[2], status;
	pid_t child, pid;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe for the monitor");
	rd = p[0];
	child = fork();
	if (!child)
		spawn_child(program, c, p[1]);
	close(p[1]);
	if (child < 0)
		return err_sys(e, errno, "fork monitor");
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* its PID, then end of file at the exec, or an error */
	if (io_read_full(rd, &pid, sizeof(pid)) == (ssize_t)sizeof(pid)) {
		n = io_read_full(rd, &told, sizeof(told));
		if (!n)
			return proc_id_of(pid, ret, e);
		if (n == (ssize_t)sizeof(told)) {
			*e = told;
			return err_ctx(e, "start monitor");
		}
	}
	return err_new(e, E_IO, ECHILD, "start monitor");
}

int monitor_adopt(const char *program, int xrun_dir, const struct monitor_config *c,
		  struct proc_id *ret, struct err *e)
{
	struct monitor_config a = *c;
	struct proc_id id = { c->pid, c->start_ticks };
	OWN_FD pidfd = -1;
	OWN_FD listener = -1;
	struct monitor_stdio s;
	int r;

	if (monitor_listen(xrun_dir, &listener, e) < 0)
		return -e->eno;
	if (monitor_stdio_reopen(xrun_dir, &s, e) < 0)
		return -e->eno;
	if (proc_pidfd(&id, &pidfd, e) < 0) {
		if (e->kind != E_NOT_FOUND) {
			monitor_stdio_close(&s);
			return -e->eno;
		}
		err_clear(e);
	}
	a.adopt = true;
	a.pidfd = pidfd;
	a.in = s.monitor[0];
	a.out = s.monitor[1];
	a.err = s.monitor[2];
	a.pty = a.client = -1;
	a.listen = listener;
	r = monitor_spawn(program, &a, ret, e);
	monitor_stdio_close(&s);
	return r;
}
