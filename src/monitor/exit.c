/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a container: its status, the durable record, the last frames, the command after.
 *
 *   child:  SIGCHLD -> waitid
 *   adopt:  pidfd readable -> PIDFD_GET_INFO (Linux 6.15, once it is reaped)
 *                          -> /proc/PID/stat (while it is a zombie, to who may trace it)
 *                          -> unknown
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "monitor/monitor_int.h"

/* <linux/pidfd.h> of Linux 6.15; older headers lack it */
struct pidfd_info_v0 {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
#define PIDFD_GET_INFO_V0 _IOWR(0xFF, 11, struct pidfd_info_v0)
enum {
	PIDFD_INFO_EXIT_BIT = 1 << 3,
	CAP_SYS_PTRACE_BIT = 19,
	STAT_START = 22, /* fields of /proc/PID/stat */
	STAT_EXIT_CODE = 52,
};

static void note_end(struct monitor *m)
{
	if (m->exited)
		return;
	m->exited = true;
	m->exited_at = clock_now_ns();
	m->drain_until = mono_ms() + MONITOR_DRAIN_MS;
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++)
		client_grow(m, i);
	if (m->streams[0].retry_at)
		m->streams[0].retry_at = 1; /* due at once */
}

void exit_lost(struct monitor *m)
{
	m->status_known = true; /* known to be unknown: it stays -1 */
	note_end(m);
}

static void note_status(struct monitor *m, int code, int status)
{
	m->status_known = true;
	m->exit.signal = code == CLD_EXITED ? 0 : status;
	m->exit.exit_code = code == CLD_EXITED ? status : 128 + status;
}

void exit_signal(struct monitor *m)
{
	struct signalfd_siginfo si;

	while (read(m->signal, &si, sizeof(si)) == (ssize_t)sizeof(si))
		;
	/* others may have been re-parented to us: reap all */
	for (;;) {
		siginfo_t wi = { 0 };

		if (waitid(P_ALL, 0, &wi, WEXITED | WNOHANG) < 0 || !wi.si_pid)
			return;
		if (wi.si_pid != m->cfg.pid || m->cfg.adopt || m->exited)
			continue;
		note_status(m, wi.si_code, wi.si_status);
		note_end(m);
	}
}

/* Whether the kernel shows us the exit code of others in /proc: to all else it shows 0. */
static bool may_trace(void)
{
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 }; /* version 3 */
	struct {
		uint32_t effective, permitted, inheritable;
	} caps[2] = { { 0 } };

	return !syscall(SYS_capget, &head, caps) && caps[0].effective & 1u << CAP_SYS_PTRACE_BIT;
}

/* Wait status of a zombie, -1 when it cannot be told. */
static int zombie_status(const struct monitor *m)
{
	char path[32], line[1024];
	unsigned long long start = 0;
	char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", m->cfg.pid);
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 || !may_trace() ? -1 : io_read_full(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return -1;
	line[n] = 0;
	p = strrchr(line, ')'); /* the name may hold anything */
	if (!p || strncmp(p, ") Z ", 4) != 0)
		return -1;
	p += 2;
	for (int field = 3; field < STAT_EXIT_CODE && p; field++) {
		if (field == STAT_START)
			start = strtoull(p, NULL, 10);
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p && start == m->cfg.start_ticks ? (int)strtol(p, NULL, 10) : -1;
}

static void note_wait_status(struct monitor *m, int status)
{
	int sig = status & 0x7f;

	note_status(m, sig ? CLD_KILLED : CLD_EXITED, sig ? sig : status >> 8 & 0xff);
}

/* The process is dead; its status is to be had once its parent has reaped it, or before that. */
void exit_pidfd(struct monitor *m)
{
	struct pidfd_info_v0 info = { .mask = PIDFD_INFO_EXIT_BIT };
	bool able = !ioctl(m->cfg.pidfd, PIDFD_GET_INFO_V0, &info);
	int status = able && info.mask & PIDFD_INFO_EXIT_BIT ? info.exit_code : zombie_status(m);

	if (status >= 0)
		note_wait_status(m, status);
	else if (!able && errno != ESRCH)
		m->status_known = true; /* this kernel cannot tell: it stays -1 */
	if (m->status_known)
		poll_drop(m, m->cfg.pidfd);
	else if (!m->exited)
		poll_set(m, m->cfg.pidfd, SRC_PIDFD, 0, true); /* EPOLLHUP comes with the reaping */
	else
		poll_drop(m, m->cfg.pidfd); /* hung up and still nothing to tell */
	note_end(m);
}

static bool oom_killed(const struct monitor *m)
{
	for (size_t i = 0; i < m->cfg.oom_n; i++) {
		OWN_FD fd = open(m->cfg.oom[i].path, O_RDONLY | O_CLOEXEC);
		char text[512];
		const char *at;
		ssize_t n = fd < 0 ? -1 : io_read_full(fd, text, sizeof(text) - 1);
		uint64_t v = 0;

		if (n <= 0)
			continue;
		text[n] = 0;
		at = strstr(text, "oom_kill ");
		for (at = at ? at + 9 : ""; *at >= '0' && *at <= '9'; at++)
			v = v * 10 + (uint64_t)(*at - '0');
		if (v > m->cfg.oom[i].initial)
			return true;
	}
	return false;
}

static void write_record(struct monitor *m)
{
	char text[1024], finished[CLOCK_TEXT_MAX];
	struct err e = { 0 };
	int n;

	clock_format(m->exited_at, finished);
	n = snprintf(text, sizeof(text),
		     "{\"pid\":%d,\"start_ticks\":%llu,\"exit_code\":%d,\"signal\":%d,"
		     "\"oom_killed\":%s,\"started_at\":\"%s\",\"finished_at\":\"%s\","
		     "\"log_dropped\":%llu,\"error\":\"\"}\n",
		     m->cfg.pid, (unsigned long long)m->cfg.start_ticks, m->exit.exit_code,
		     m->exit.signal, m->exit.oom_killed ? "true" : "false",
		     m->cfg.started_at ? m->cfg.started_at : "", finished,
		     (unsigned long long)m->log.dropped);
	if (io_replace_file(m->dir, "exit.json", text, (size_t)n, 0644, m->cfg.ephemeral ? 0 : IO_DURABLE,
			    &e) >= 0 || !m->cfg.run_dir)
		return;
	/* a full disk: the work after the exit takes it from where there is room. If that fails too, the
	 * container counts as ended with unknown status, which is the truth on disk. */
	OWN_FD run = open(m->cfg.run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (run >= 0)
		(void)io_replace_file(run, "exit.json", text, (size_t)n, 0644, 0, &e);
}

/* Whether a client still may take over: it has been told and has not hung up. */
static bool owner_pending(const struct monitor *m, bool *ret_cleaning)
{
	bool any = false;

	*ret_cleaning = false;
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		const struct client *c = &m->clients[i];

		if (c->fd < 0 || !(c->flags & MONITOR_OWNER))
			continue;
		any = true;
		*ret_cleaning |= c->cleaning;
	}
	return any;
}

/* True when the foreground client has done what follows the exit. */
static bool owner_wait(struct monitor *m)
{
	int64_t until = mono_ms() + MONITOR_OWNER_MS;
	bool cleaning;

	while (!m->cleaned && owner_pending(m, &cleaning)) {
		int64_t left = until - mono_ms();

		if (cleaning)
			(void)loop_once(m, -1);
		else if (left <= 0)
			break;
		else
			(void)loop_once(m, (int)left);
	}
	return m->cleaned;
}

static void run_after(struct monitor *m)
{
	char text[16];
	sigset_t none;
	int n;

	if (!m->cfg.after_n)
		return;
	if (m->oom_score_set) {
		struct err e = { 0 };
		n = snprintf(text, sizeof(text), "%d", m->oom_score_adj);
		(void)io_write_file(AT_FDCWD, "/proc/self/oom_score_adj", text, (size_t)n, &e);
	}
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL); /* KILL, STOP and the libc's own refuse */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* in place: the process that run.json names lives until the exit is handled */
	execv(m->cfg.after[0], (char *const *)(uintptr_t)m->cfg.after);
}

void monitor_finish(struct monitor *m)
{
	if (m->cfg.listen >= 0)
		close(m->cfg.listen);
	m->waiting = 0; /* who still holds a chunk loses it */
	output_end(m);
	m->exit.oom_killed = oom_killed(m);
	write_record(m);
	for (unsigned i = 0; i < MONITOR_CLIENTS_MAX; i++) {
		struct client *c = &m->clients[i];

		if (c->fd < 0 || !c->attached)
			continue;
		c->owed |= OWED_EXIT;
		client_flush(m, i);
	}
	if (!owner_wait(m))
		run_after(m);
	_exit(0);
}
