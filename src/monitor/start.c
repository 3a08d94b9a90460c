/* SPDX-License-Identifier: Apache-2.0
 *
 * From the exec to a ready loop: configuration, descriptors, signals, log, epoll set. Nothing of
 * the process that became the monitor stays open but what the configuration names.
 */
#include "monitor/monitor_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"

enum {
	KEEP_MAX = 8,
	FIRST_FREE_FD = 3,
	OOM_SCORE_WANTED = -999,
};

static int keep_list(const struct monitor_config *c, int out[KEEP_MAX])
{
	const int fds[] = { c->pidfd, c->in, c->out, c->err, c->pty, c->listen, c->client };
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		int at = n;

		if (fds[i] < 0)
			continue;
		while (at && out[at - 1] > fds[i]) {
			out[at] = out[at - 1];
			at--;
		}
		out[at] = fds[i];
		n++;
	}
	return n;
}

/* Close everything but the descriptors of the configuration; they get O_CLOEXEC. */
static int close_rest(const struct monitor_config *c, struct err *e)
{
	int keep[KEEP_MAX], n = keep_list(c, keep);
	unsigned from = FIRST_FREE_FD;

	for (int i = 0; i < n; i++) {
		if (keep[i] < (int)from || fcntl(keep[i], F_SETFD, FD_CLOEXEC) < 0)
			return err_new(e, E_INVALID, EBADF,
				       "monitor configuration: descriptor %d is not open or used twice",
				       keep[i]);
		if ((unsigned)keep[i] > from)
			(void)syscall(SYS_close_range, from, (unsigned)keep[i] - 1, 0);
		from = (unsigned)keep[i] + 1;
	}
	(void)syscall(SYS_close_range, from, ~0u, 0);
	return 0;
}

static int buffers_make(struct monitor *m, struct err *e)
{
	const size_t log_cap = LOG_BUFFER_MIN + MONITOR_DATA_MAX;
	char *p;

	m->map_n = 3 * MONITOR_DATA_MAX + sizeof(struct monitor_frame) + 2 * LOG_LINE_MAX + log_cap;
	p = mmap(NULL, m->map_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "map buffers");
	m->map = p;
	m->chunk = (uint8_t *)p;
	m->in = (uint8_t *)p + MONITOR_DATA_MAX;
	p += 2 * MONITOR_DATA_MAX;
	for (unsigned i = 0; i < SRC_STREAMS; i++, p += LOG_LINE_MAX)
		m->streams[i].lines.held = p;
	m->log.buf = p;
	m->log.cap = log_cap;
	m->packet = (uint8_t *)p + log_cap;
	return 0;
}

static void signals_set(struct monitor *m)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1,
				       SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU, SIGVTALRM, SIGPROF,
				       SIGIO, SIGPWR, SIGXFSZ };
	sigset_t chld;

	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* ignored, children would vanish without a status */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_SETMASK, &chld, NULL);
	m->signal = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The kernel should take the container first. Lowering needs CAP_SYS_RESOURCE: as far as allowed. */
static void oom_score_lower(struct monitor *m)
{
	static const char *const wanted[] = { "-999", "0" };
	OWN_FD fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	char old[16];
	ssize_t n = fd < 0 ? -1 : io_read_full(fd, old, sizeof(old) - 1);
	int64_t v;

	if (n <= 0)
		return;
	old[n] = 0;
	old[strcspn(old, "\n")] = 0;
	if (text_int64(old, &v) < 0)
		return;
	m->oom_score_adj = (int)v;
	for (size_t i = 0; i < ARRAY_LEN(wanted) && !m->oom_score_set; i++) {
		if (v > (i ? 0 : OOM_SCORE_WANTED))
			m->oom_score_set = pwrite(fd, wanted[i], strlen(wanted[i]), 0) > 0;
	}
}

static void stdio_drop(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; i < FIRST_FREE_FD; i++) {
		if (fd < 0)
			close(i);
		else
			(void)dup2(fd, i);
	}
	if (fd >= FIRST_FREE_FD)
		close(fd);
}

static void set_nonblock(int fd)
{
	int fl = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (fl >= 0)
		(void)fcntl(fd, F_SETFL, fl | O_NONBLOCK);
}

static void streams_set(struct monitor *m)
{
	const struct monitor_config *c = &m->cfg;

	set_nonblock(c->in);
	set_nonblock(c->out);
	set_nonblock(c->err);
	set_nonblock(c->pty);
	m->streams[0].fd = has_pty(m) ? c->pty : c->out;
	m->streams[0].pty = has_pty(m);
	m->streams[1].fd = has_pty(m) ? -1 : c->err;
	/* a second descriptor, since epoll knows each only once */
	m->stdin_fd = has_pty(m) ? fcntl(c->pty, F_DUPFD_CLOEXEC, FIRST_FREE_FD) : c->in;
	m->in_from = -1;
}

static int log_start(struct monitor *m, struct err *e)
{
	const struct monitor_config *c = &m->cfg;
	const char *name = c->log_file ? c->log_file : "container-json.log";

	if (c->log != MONITOR_LOG_JSON_FILE)
		return 0;
	if (strlen(name) >= LOG_FILE_NAME_MAX || strchr(name, '/'))
		return err_new(e, E_INVALID, EINVAL, "log file name \"%s\"", name);
	memcpy(m->log.name, name, strlen(name) + 1);
	m->log.dir = m->dir;
	m->log.max_size = c->log_max_size;
	m->log.max_file = c->log_max_file;
	m->log.attrs = c->log_attrs;
	m->log.attrs_n = c->log_attrs ? strlen(c->log_attrs) : 0;
	m->logging = true;
	(void)log_file_open(&m->log, e); /* a log that cannot be opened must not stop the container */
	return 0;
}

static void sources_add(struct monitor *m)
{
	const struct monitor_config *c = &m->cfg;

	poll_set(m, m->signal, SRC_SIGNAL, EPOLLIN, false);
	if (c->listen >= 0) {
		set_nonblock(c->listen);
		poll_set(m, c->listen, SRC_LISTEN, EPOLLIN, false);
	}
	if (c->client >= 0)
		client_add(m, c->client, c->client_flags, true);
	output_repoll(m);
	if (c->adopt && c->pidfd >= 0)
		poll_set(m, c->pidfd, SRC_PIDFD, EPOLLIN, false);
}

/* A container that ended before we were there, or that nobody can wait for. */
static void first_look(struct monitor *m)
{
	siginfo_t wi = { 0 };

	if (!m->cfg.adopt &&
	    waitid(P_PID, (id_t)m->cfg.pid, &wi, WEXITED | WNOHANG | WNOWAIT) < 0)
		m->cfg.adopt = true;
	if (m->cfg.adopt && m->cfg.pidfd < 0)
		exit_lost(m);
	exit_signal(m);
}

int monitor_start(struct monitor *m, char *config, struct err *e)
{
	if (monitor_config_parse(config, &m->cfg, e) < 0)
		return -e->eno;
	m->exit.exit_code = -1;
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++)
		m->clients[i].fd = -1;
	if (close_rest(&m->cfg, e) < 0 || buffers_make(m, e) < 0)
		return -e->eno;
	(void)setsid(); /* fails for a session leader, which is as good */
	umask(022);
	if (chdir("/") < 0)
		return err_sys(e, errno, "chdir /");
	m->dir = open(m->cfg.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return err_sys(e, errno, "open %s", m->cfg.dir);
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll < 0)
		return err_sys(e, errno, "epoll_create");
	signals_set(m);
	if (log_start(m, e) < 0)
		return -e->eno;
	oom_score_lower(m);
	streams_set(m);
	stdio_drop();
	first_look(m);
	sources_add(m);
	return 0;
}
