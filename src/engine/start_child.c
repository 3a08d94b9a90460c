/* SPDX-License-Identifier: Apache-2.0
 *
 * The process M of a start: it makes the container as its own child and becomes its monitor.
 *
 *   CLI --fork--> M: setsid, runtime_create(run), run.json, "made" --exec--> onggi-monitor
 *    |                     |                                |                    |
 *    +-- reads the pipe <--+------------- made -------------+--- end of file ----+
 *
 * The pipe closes at the exec: "made" and then the end means that all went well. M without a word
 * was killed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "base/text.h"
#include "driver/cgroup/cgroup.h"
#include "engine/start_int.h"
#include "format/js.h"
#include "runtime/state.h"

struct report {
	bool made;     /* the container runs */
	struct proc_id init;
	struct err e;  /* valid when not made, or when the monitor did not start */
};

static int ns_ready(void *data, pid_t pid, int netns_fd, struct err *e)
{
	struct start *s = data;

	(void)pid;
	if (netns_fd < 0)
		return 0;
	if (s->endpoint)
		return network_apply(&s->eng->network, s->h->c.id, netns_fd, e);
	if (s->net == CONTAINER_MODE_NONE || s->net == CONTAINER_MODE_NETWORK)
		return network_loopback_up(netns_fd, e);
	return 0;
}

/* where the kernel counts the processes that it killed for lack of memory, and how many so far */
static json_t *oom_list(struct start *s)
{
	struct state st = STATE_EMPTY;
	struct cgroup *cg = NULL;
	struct err e;
	char path[4096];
	uint64_t count = 0;
	json_t *list = json_array();

	if (state_open(&s->eng->runtime, s->h->c.id, 0, &st, &e) >= 0 && state_cgroup(&st, &cg, &e) >= 0 &&
	    cgroup_oom_file(cg, path, sizeof path) >= 0 && cgroup_oom_count(cg, &count, &e) >= 0)
		json_array_append_new(list, json_pack("[sI]", path, (json_int_t)count));
	cgroup_free(cg);
	state_close(&st);
	return list;
}

static int write_run(struct start *s, const struct runtime_proc *p, json_t **ret, struct err *e)
{
	char now[CLOCK_TEXT_MAX];
	struct proc_id me;

	if (proc_id_of(getpid(), &me, e) < 0)
		return -e->eno;
	clock_format(clock_now_ns(), now);
	OWN_JSON run = json_pack("{sI sI sI sI ss so sI}", "pid", (json_int_t)p->id.pid, "start_ticks",
				 (json_int_t)p->id.start_ticks, "monitor_pid", (json_int_t)me.pid,
				 "monitor_start_ticks", (json_int_t)me.start_ticks, "started_at", now, "oom",
				 oom_list(s), "restart_delay_ms", (json_int_t)s->restart_delay_ms);
	if (!run || (s->endpoint && json_object_set(run, "network", s->endpoint) < 0))
		return err_new(e, E_NOMEM, ENOMEM, "run.json");
	if (js_save(s->run_fd, "run.json", run, 0600, 0, e) < 0)
		return -e->eno;
	/* a reboot takes run.json: that it ran has to outlive that */
	if (!js_bool(s->h->c.record, "HostConfig.AutoRemove", false) &&
	    container_started_set(&s->h->c, now, e) < 0)
		return -e->eno;
	*ret = ptr_take(&run);
	return 0;
}

static json_t *log_attributes(const struct container *c)
{
	const json_t *config = js_at(c->record, "HostConfig.LogConfig.Config");
	json_t *attrs = json_object(), *env = js_at(c->record, "Config.Env"), *v;
	char *save = NULL;
	size_t i;

	OWN_STR labels = strdup(js_str(config, "labels", ""));
	for (char *k = labels ? strtok_r(labels, ",", &save) : NULL; k; k = strtok_r(NULL, ",", &save))
		if ((v = json_object_get(js_at(c->record, "Config.Labels"), k)))
			json_object_set(attrs, k, v);
	OWN_STR names = strdup(js_str(config, "env", ""));
	for (char *k = names ? strtok_r(names, ",", &save) : NULL; k; k = strtok_r(NULL, ",", &save))
		json_array_foreach(env, i, v) {
			const char *s = json_string_value(v);
			size_t n = strlen(k);
			if (!strncmp(s, k, n) && s[n] == '=')
				json_object_set_new(attrs, k, json_string(s + n + 1));
		}
	if (*js_str(config, "tag", ""))
		json_object_set(attrs, "tag", json_object_get(config, "tag"));
	return attrs;
}

static int fill_log(const struct container *c, struct arena *a, struct monitor_config *m, struct err *e)
{
	const json_t *log = js_at(c->record, "HostConfig.LogConfig");
	const char *size = js_str(log, "Config.max-size", "-1"), *files = js_str(log, "Config.max-file", "1");
	uint32_t n = 1;

	m->log = strcmp(js_str(log, "Type", ""), "none") ? MONITOR_LOG_JSON_FILE : MONITOR_LOG_NONE;
	if (text_bytes(size, &m->log_max_size) < 0)
		m->log_max_size = 0;
	if (text_uint32(files, &n) >= 0)
		m->log_max_file = n;
	OWN_JSON attrs = log_attributes(c);
	if (!json_object_size(attrs))
		return 0;
	OWN_STR text = json_dumps(attrs, JSON_COMPACT);
	m->log_attrs = text ? arena_strdup(a, text) : NULL;
	return m->log_attrs ? 0 : err_new(e, E_NOMEM, ENOMEM, "monitor");
}

int monitor_fill(struct engine *eng, const struct container *c, const json_t *run, struct arena *a,
		 struct monitor_config *ret, struct err *e)
{
	struct monitor_config m;
	char *self = arena_get(a, 4096);
	const json_t *oom = json_object_get(run, "oom");

	monitor_config_init(&m);
	m.id = c->id;
	m.dir = arena_printf(a, "%s/containers/%s", eng->store.root, c->id);
	m.run_dir = arena_printf(a, "%s/containers/%s", eng->store.run, c->id);
	if (!self || !m.dir || !m.run_dir)
		return err_new(e, E_NOMEM, ENOMEM, "monitor");
	if (program_self(self, e) < 0 || fill_log(c, a, &m, e) < 0)
		return -e->eno;
	m.started_at = js_str(run, "started_at", "");
	m.pid = (pid_t)js_int(run, "pid", 0);
	m.start_ticks = (uint64_t)js_int(run, "start_ticks", 0);
	m.ephemeral = js_bool(c->record, "HostConfig.AutoRemove", false);
	m.stdin_once = js_bool(c->record, "Config.StdinOnce", false);
	for (size_t i = 0; i < json_array_size(oom) && i < MONITOR_OOM_MAX; i++) {
		const json_t *row = json_array_get(oom, i);
		m.oom[i].path = json_string_value(json_array_get(row, 0));
		m.oom[i].initial = (uint64_t)json_integer_value(json_array_get(row, 1));
		m.oom_n = i + 1;
	}
	m.after[0] = self;
	m.after[1] = "internal-exited";
	m.after[2] = c->id;
	m.after_n = 3;
	/* whoever runs later must look at the same store */
	if (setenv("ONGGI_ROOT", eng->store.root, 1) < 0 || setenv("ONGGI_RUN", eng->store.run, 1) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "monitor");
	*ret = m;
	return 0;
}

static int make(struct start *s, struct runtime_proc *p, int *ret_pty, struct err *e)
{
	struct runtime_create_req q = {
		.id = s->h->c.id,
		.bundle = s->dir,
		.config = s->config,
		.rootfs_plan = &s->plan,
		.stdio = { s->stdio.container[0], s->stdio.container[1], s->stdio.container[2] },
		.console_socket = -1,
		.ret_console = s->tty ? ret_pty : NULL,
		.ns_ready = ns_ready,
		.ns_ready_data = s,
		.run = true,
		.own_child = true,
	};
	p->pidfd = -1;
	return runtime_create(&s->eng->runtime, &q, p, e);
}

/* M's own way, in the process that becomes the monitor */
struct making {
	struct start *s;
	int report_fd;
	struct runtime_proc p;
	struct monitor_config m;
	json_t *run;
	int pty;
};

static void tell(int fd, const struct report *r)
{
	(void)io_write_all(fd, r, sizeof *r); /* a starter that is gone needs no answer */
}

static int step_container(void *ctx, struct err *e)
{
	struct making *k = ctx;
	return make(k->s, &k->p, &k->pty, e);
}

/* the container runs but nobody would look after it: take it away again */
static void undo_container(void *ctx)
{
	struct making *k = ctx;
	(void)kill(k->p.id.pid, SIGKILL); /* our own child, not yet waited for */
	(void)waitpid(k->p.id.pid, NULL, 0);
	(void)runtime_delete(&k->s->eng->runtime, k->s->h->c.id, RUNTIME_DELETE_FORCE, &(struct err){ 0 });
	(void)unlinkat(k->s->run_fd, "run.json", 0);
	(void)container_started_set(&k->s->h->c, NULL, &(struct err){ 0 });
}

static int step_record(void *ctx, struct err *e)
{
	struct making *k = ctx;
	return write_run(k->s, &k->p, &k->run, e);
}

static int step_configure(void *ctx, struct err *e)
{
	struct making *k = ctx;
	const struct start *s = k->s;

	if (monitor_fill(s->eng, &s->h->c, k->run, &k->s->arena, &k->m, e) < 0)
		return -e->eno;
	k->m.pidfd = k->p.pidfd;
	k->m.in = s->tty ? -1 : s->stdio.monitor[0];
	k->m.out = s->tty ? -1 : s->stdio.monitor[1];
	k->m.err = s->tty ? -1 : s->stdio.monitor[2];
	k->m.pty = k->pty;
	k->m.listen = s->listen;
	k->m.client = s->opt->client_fd;
	k->m.client_flags = s->opt->client_flags;
	return 0;
}

static int step_tell(void *ctx, struct err *e)
{
	const struct making *k = ctx;
	struct report r = { .made = true, .init = k->p.id };

	(void)e;
	tell(k->report_fd, &r);
	return 0;
}

static const struct step monitor_steps[] = {
	{ "container", step_container, undo_container }, { "record", step_record, NULL },
	{ "configure", step_configure, NULL },           { "tell", step_tell, NULL },
};
WAY_DEFINE(monitor_way, "monitor", monitor_steps);

__attribute__((noreturn)) static void m_main(struct start *s, int report_fd)
{
	struct making k = { .s = s, .report_fd = report_fd, .pty = -1 };
	struct report r = { .made = false };

	(void)setsid();
	if (way_run(&monitor_way, &k, NULL, &r.e) >= 0) {
		(void)monitor_exec(NULL, &k.m, &r.e); /* returns only on failure */
		way_undo(&monitor_way, &k);
	}
	tell(report_fd, &r);
	_exit(1);
}

int start_process(struct start *s, struct err *e)
{
	int pair[2];
	struct report r, last;
	bool made = false, failed = false;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "start: pipe");
	OWN_FD rd = pair[0], wr = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "start: fork");
	if (pid == 0)
		m_main(s, wr);
	own_fd_done(&wr);
	while (io_read_full(rd, &r, sizeof r) == (ssize_t)sizeof r) {
		made = r.made;
		failed = !r.made;
		last = r; /* of a failure after "made" only the error counts */
	}
	if (made) {
		s->h->st.status = CONTAINER_RUNNING;
		s->h->st.init = last.init;
		return 0;
	}
	(void)waitpid(pid, NULL, 0);
	if (failed) {
		*e = last.e;
		return -e->eno;
	}
	/* killed half-way: what it made is taken away with the container's other run-time state */
	(void)runtime_delete(&s->eng->runtime, s->h->c.id, RUNTIME_DELETE_FORCE, &(struct err){ 0 });
	return err_new(e, E_INTERNAL, ECHILD, "start: the process that makes the container was killed");
}
