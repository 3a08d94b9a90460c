/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays M, the process that makes a container and becomes its monitor, without a container: any
 * command stands in for it. DIR/rec and DIR/run are the two folders of a container.
 *
 *   monitor_driver run [OPTIONS] DIR CMD [ARG...]   start CMD under a monitor
 *   monitor_driver attach [OPTIONS] DIR             attach to it
 *   monitor_driver wait [OPTIONS] DIR               print the status of its end
 *   monitor_driver ready DIR                        until the monitor answers
 *   monitor_driver end DIR                          kill the command and its monitor
 *   monitor_driver adopt DIR                        a new monitor for a living process
 *   monitor_driver logs [OPTIONS] DIR
 *   monitor_driver pty CMD [ARG...]                 relay of an exec with a terminal
 *
 * OPTIONS: see the table below.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "engine/attach.h"
#include "engine/logs.h"
#include "engine/monitor.h"
#include "format/js.h"

enum option_type {
	OPT_FLAG,
	OPT_TEXT
};

struct options {
	bool stdin_open, tty, foreground, stdin_once, no_log, ephemeral, lossless, follow, timestamps,
		details, no_cleaned, no_stdin, slow, proxy, subreaper;
	const char *max_size, *max_file, *attrs, *after, *oom, *tail, *since, *until, *keys, *file,
		*ready;
};

#define O(m) offsetof(struct options, m)
static const struct {
	const char *name;
	enum option_type type;
	size_t offset;
} option_rows[] = {
	{ "--stdin", OPT_FLAG, O(stdin_open) },    { "--tty", OPT_FLAG, O(tty) },
	{ "--foreground", OPT_FLAG, O(foreground) }, { "--stdin-once", OPT_FLAG, O(stdin_once) },
	{ "--no-log", OPT_FLAG, O(no_log) },       { "--ephemeral", OPT_FLAG, O(ephemeral) },
	{ "--lossless", OPT_FLAG, O(lossless) },   { "--follow", OPT_FLAG, O(follow) },
	{ "--timestamps", OPT_FLAG, O(timestamps) }, { "--details", OPT_FLAG, O(details) },
	{ "--no-cleaned", OPT_FLAG, O(no_cleaned) }, { "--no-stdin", OPT_FLAG, O(no_stdin) },
	{ "--slow", OPT_FLAG, O(slow) },           { "--proxy", OPT_FLAG, O(proxy) },
	{ "--subreaper", OPT_FLAG, O(subreaper) }, { "--max-size", OPT_TEXT, O(max_size) },
	{ "--max-file", OPT_TEXT, O(max_file) },   { "--attrs", OPT_TEXT, O(attrs) },
	{ "--after", OPT_TEXT, O(after) },         { "--oom", OPT_TEXT, O(oom) },
	{ "--tail", OPT_TEXT, O(tail) },           { "--since", OPT_TEXT, O(since) },
	{ "--until", OPT_TEXT, O(until) },         { "--keys", OPT_TEXT, O(keys) },
	{ "--file", OPT_TEXT, O(file) },           { "--ready", OPT_TEXT, O(ready) },
};

static void fail(const struct err *e)
{
	fprintf(stderr, "monitor_driver: %s\n", e->chain);
	exit(125);
}

static char **parse(char **v, struct options *o)
{
	for (; *v && !strncmp(*v, "--", 2); v++) {
		size_t i = 0;

		while (i < ARRAY_LEN(option_rows) && strcmp(*v, option_rows[i].name) != 0)
			i++;
		if (i == ARRAY_LEN(option_rows)) {
			fprintf(stderr, "monitor_driver: unknown option %s\n", *v);
			exit(125);
		}
		if (option_rows[i].type == OPT_FLAG)
			*(bool *)((char *)o + option_rows[i].offset) = true;
		else
			*(const char **)((char *)o + option_rows[i].offset) = *++v;
	}
	return v;
}

static int open_dirs(const char *dir, int *rec, int *run)
{
	struct err e = { 0 };
	int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (top < 0 || io_open_dir(top, "rec", 0700, rec, &e) < 0 ||
	    io_open_dir(top, "run", 0700, run, &e) < 0) {
		perror(dir);
		exit(125);
	}
	return top;
}

/* The stand-in for the container, with its terminal or FIFOs. */
static pid_t start_process(const struct options *o, const struct monitor_stdio *s, int slave, char **cmd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(o->tty ? slave : s->container[i], i);
	if (o->tty)
		ioctl(0, TIOCSCTTY, 0);
	execvp(cmd[0], cmd);
	perror(cmd[0]);
	_exit(127);
}

static int make_pty(int *slave)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (m < 0 || grantpt(m) < 0 || unlockpt(m) < 0)
		exit(125);
	*slave = open(ptsname(m), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return m;
}

static void save_run(int run, const struct proc_id *c, const struct proc_id *mon, const char *started)
{
	struct err e = { 0 };
	OWN_JSON j = json_pack("{s:i,s:I,s:i,s:I,s:s}", "pid", c->pid, "start_ticks",
			       (json_int_t)c->start_ticks, "monitor_pid", mon->pid,
			       "monitor_start_ticks", (json_int_t)mon->start_ticks, "started_at",
			       started);

	if (!j || js_save(run, "run.json", j, 0600, 0, &e) < 0)
		fail(&e);
}

static char rec_path[4096], after_path[4096];

static void fill_config(const struct options *o, const char *dir, struct monitor_config *c)
{
	char real[3000];

	if (!realpath(dir, real))
		exit(125);
	snprintf(rec_path, sizeof(rec_path), "%s/rec", real);
	monitor_config_init(c);
	c->id = "0123456789abcdef";
	c->dir = rec_path;
	c->stdin_once = o->stdin_once;
	c->ephemeral = o->ephemeral;
	c->log = o->no_log ? MONITOR_LOG_NONE : MONITOR_LOG_JSON_FILE;
	c->log_max_size = o->max_size ? atoll(o->max_size) : 0;
	c->log_max_file = o->max_file ? (uint32_t)atoi(o->max_file) : 0;
	c->log_attrs = o->attrs;
	c->log_file = o->file;
	if (o->oom)
		c->oom[c->oom_n++].path = o->oom;
	if (o->after) {
		snprintf(after_path, sizeof(after_path), "%s", o->after);
		c->after[c->after_n++] = "/bin/sh";
		c->after[c->after_n++] = "-c";
		c->after[c->after_n++] = after_path;
	}
}

static uint32_t client_flags(const struct options *o)
{
	uint32_t f = MONITOR_WANT_STDOUT | MONITOR_WANT_STDERR;

	if (!o->no_stdin)
		f |= MONITOR_WANT_STDIN;
	if (o->lossless || o->foreground)
		f |= MONITOR_LOSSLESS;
	return f | (o->foreground ? MONITOR_OWNER : 0);
}

static _Noreturn void play_m(const struct options *o, const char *dir, char **cmd, int client, int tell)
{
	struct monitor_stdio s = { { -1, -1, -1 }, { -1, -1, -1 } };
	struct monitor_config c;
	struct proc_id id, me;
	struct err e = { 0 };
	char started[CLOCK_TEXT_MAX];
	int rec, run, slave = -1, master = -1;

	setsid();
	if (o->subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	open_dirs(dir, &rec, &run);
	fill_config(o, dir, &c);
	if (o->tty)
		master = make_pty(&slave);
	else if (monitor_stdio_make(run, o->stdin_open, &s, &e) < 0)
		fail(&e);
	if (monitor_listen(run, &c.listen, &e) < 0)
		fail(&e);
	c.pid = start_process(o, &s, slave, cmd);
	for (int i = 0; i < 3; i++)
		own_fd_done(&s.container[i]);
	own_fd_done(&slave);
	clock_format(clock_now_ns(), started);
	c.started_at = started;
	if (proc_id_of(c.pid, &id, &e) < 0 || proc_id_of(getpid(), &me, &e) < 0)
		fail(&e);
	c.start_ticks = id.start_ticks;
	save_run(run, &id, &me, started);
	c.in = s.monitor[0];
	c.out = s.monitor[1];
	c.err = s.monitor[2];
	c.pty = master;
	c.client = client;
	c.client_flags = client_flags(o);
	dprintf(tell, "%d %d\n", c.pid, (int)getpid());
	close(tell);
	(void)monitor_exec(NULL, &c, &e);
	fail(&e);
	_exit(125);
}

static void proxy(void *data, int sig)
{
	kill(*(pid_t *)data, sig);
}

static int report(const struct attach_result *r)
{
	if (r->lost_bytes)
		fprintf(stderr, "lost %llu\n", (unsigned long long)r->lost_bytes);
	if (r->end == ATTACH_DETACHED) {
		fprintf(stderr, "detached\n");
		return 0;
	}
	if (r->end == ATTACH_LOST) {
		fprintf(stderr, "monitor lost\n");
		return 124;
	}
	if (r->exit.oom_killed)
		fprintf(stderr, "oom\n");
	return r->exit.exit_code < 0 ? 123 : r->exit.exit_code;
}

static int client(const struct options *o, int sock, pid_t pid)
{
	struct attach_req q = { .in = o->no_stdin ? -1 : 0, .out = 1, .err = 2, .tty = o->tty,
				.signal_proxy = o->proxy, .on_signal = proxy, .data = &pid,
				.owner = o->foreground, .redraw = !o->foreground };
	struct attach_result r = { 0 };
	struct err e = { 0 };
	int code;

	if (detach_keys_parse(o->keys, &q.detach, &e) < 0)
		fail(&e);
	if (attach_run(sock, &q, &r, &e) < 0)
		fail(&e);
	code = report(&r);
	if (o->foreground && !o->no_cleaned && r.end == ATTACH_EXITED)
		(void)attach_cleaned(sock, &e);
	return code;
}

static int cmd_run(const struct options *o, char **v)
{
	int pair[2] = { -1, -1 }, tell[2], rec, run, n;
	struct err e = { 0 };
	char line[64];

	open_dirs(v[0], &rec, &run);
	if (pipe2(tell, O_CLOEXEC) < 0 || (o->foreground && monitor_pair(pair, &e) < 0))
		exit(125);
	pid_t m = fork();
	if (!m) {
		own_fd_done(&pair[0]);
		play_m(o, v[0], v + 1, pair[1], tell[1]);
	}
	close(tell[1]);
	own_fd_done(&pair[1]);
	n = (int)io_read_full(tell[0], line, sizeof(line) - 1);
	line[n > 0 ? n : 0] = 0;
	if (!o->foreground) {
		fputs(line, stdout);
		return n > 0 ? 0 : 125;
	}
	return client(o, pair[0], atoi(line));
}

/* A client that the monitor knows: its first frame is here, and left to the reader of the socket. --ready
 * PATH is told then, most often a FIFO on which the test waits. */
static int connect_ready(const struct options *o, const char *dir, uint32_t flags)
{
	struct err e = { 0 };
	int rec, run, sock, tell;
	char first;

	open_dirs(dir, &rec, &run);
	if (attach_connect(run, flags, &sock, &e) < 0)
		fail(&e);
	(void)recv(sock, &first, 1, MSG_PEEK); /* an end is seen by the reader too */
	if (o->ready) {
		tell = open(o->ready, O_WRONLY | O_CLOEXEC);
		if (tell < 0 || write(tell, "ready\n", 6) != 6)
			perror(o->ready);
		close(tell);
	}
	return sock;
}

static int cmd_attach(const struct options *o, const char *dir)
{
	int sock = connect_ready(o, dir, client_flags(o));

	if (o->slow) /* a client that never reads */
		pause();
	return client(o, sock, 0);
}

static int cmd_end(const char *dir)
{
	struct proc_id id[2];
	struct err e = { 0 };
	OWN_JSON j = NULL;
	int rec, run;

	open_dirs(dir, &rec, &run);
	if (js_load(run, "run.json", 65536, &j, &e) < 0)
		return 0; /* nothing was started */
	id[1] = (struct proc_id){ (pid_t)js_int(j, "pid", 0), (uint64_t)js_int(j, "start_ticks", 0) };
	id[0] = (struct proc_id){ (pid_t)js_int(j, "monitor_pid", 0),
				  (uint64_t)js_int(j, "monitor_start_ticks", 0) };
	for (size_t i = 0; i < ARRAY_LEN(id); i++) {
		OWN_FD fd = -1;

		if (id[i].pid > 0 && proc_pidfd(&id[i], &fd, &e) >= 0)
			(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0); /* or it has just ended */
	}
	return 0;
}

static int cmd_wait(const struct options *o, const char *dir)
{
	struct attach_result r = { 0 };
	struct err e = { 0 };

	if (attach_wait(connect_ready(o, dir, 0), &r, &e) < 0)
		fail(&e);
	printf("%d %d\n", r.end == ATTACH_EXITED ? r.exit.exit_code : -2, r.exit.signal);
	return 0;
}

static int cmd_adopt(const struct options *o, const char *dir)
{
	struct monitor_config c;
	struct proc_id mon, id;
	struct err e = { 0 };
	OWN_JSON j = NULL;
	int rec, run;

	open_dirs(dir, &rec, &run);
	fill_config(o, dir, &c);
	if (js_load(run, "run.json", 65536, &j, &e) < 0)
		fail(&e);
	c.pid = id.pid = (pid_t)js_int(j, "pid", 0);
	c.start_ticks = id.start_ticks = (uint64_t)js_int(j, "start_ticks", 0);
	c.started_at = js_str(j, "started_at", "");
	if (monitor_adopt(NULL, run, &c, &mon, &e) < 0)
		fail(&e);
	save_run(run, &id, &mon, c.started_at);
	printf("%d\n", mon.pid);
	return 0;
}

static int cmd_logs(const struct options *o, const char *dir)
{
	struct logs_req q = { .log_file = o->file, .tail = o->tail, .since = o->since,
			      .until = o->until, .follow = o->follow, .timestamps = o->timestamps,
			      .details = o->details, .out = 1, .err = 2 };
	struct err e = { 0 };

	open_dirs(dir, &q.dir, &q.run_dir);
	if (logs_run(&q, &e) < 0)
		fail(&e);
	return 0;
}

static int cmd_pty(const struct options *o, char **v)
{
	struct attach_req q = { .in = 0, .out = 1, .err = -1, .tty = true };
	struct attach_result r = { 0 };
	struct options with_tty = *o;
	struct err e = { 0 };
	int slave, status, master = make_pty(&slave);
	pid_t pid;

	with_tty.tty = true;
	pid = start_process(&with_tty, NULL, slave, v);
	close(slave);
	if (detach_keys_parse(o->keys, &q.detach, &e) < 0 ||
	    attach_pty_run(master, (int)syscall(SYS_pidfd_open, pid, 0), &q, &r, &e) < 0)
		fail(&e);
	if (r.end == ATTACH_DETACHED)
		return report(&r);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	const char *verb = argc > 2 ? argv[1] : "";
	char **v = argc > 2 ? parse(argv + 2, &o) : NULL;

	if (!v || !v[0])
		return 125;
	if (!strcmp(verb, "run") && v[1])
		return cmd_run(&o, v);
	if (!strcmp(verb, "attach"))
		return cmd_attach(&o, v[0]);
	if (!strcmp(verb, "wait"))
		return cmd_wait(&o, v[0]);
	if (!strcmp(verb, "ready"))
		return close(connect_ready(&o, v[0], 0));
	if (!strcmp(verb, "end"))
		return cmd_end(v[0]);
	if (!strcmp(verb, "adopt"))
		return cmd_adopt(&o, v[0]);
	if (!strcmp(verb, "logs"))
		return cmd_logs(&o, v[0]);
	if (!strcmp(verb, "pty"))
		return cmd_pty(&o, v);
	return 125;
}
