/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: settings, the guard around calls, helpers of all requests.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "front/library/library.h"

/* While one thread clones the process is not dumpable, which is a property of all threads: another one
 * that saw it so and restored it too early would make the next child visible to a container
 * (CVE-2016-9962). And the ends of sockets that a child inherits from the create of another thread
 * would keep that one waiting until the child has closed them. */
static pthread_mutex_t clone_turn = PTHREAD_MUTEX_INITIALIZER;

unsigned onggi_runtime_api(void)
{
	return ONGGI_RUNTIME_API;
}

const char *onggi_runtime_version(void)
{
	return ONGGI_VERSION;
}

void onggi_free(void *p)
{
	free(p);
}

void call_begin(struct call_guard *g, bool clones)
{
	sigset_t pipe, waiting;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	g->pending = sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe, &g->mask); /* fails for a wrong first argument only */
	g->clones = clones;
	if (clones)
		(void)pthread_mutex_lock(&clone_turn);
}

void call_end(struct call_guard *g)
{
	const struct timespec now = { 0, 0 };
	sigset_t pipe;

	if (g->clones)
		(void)pthread_mutex_unlock(&clone_turn);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	while (!g->pending && sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
		;
	(void)pthread_sigmask(SIG_SETMASK, &g->mask, NULL);
}

int text_set(char **to, const char *from)
{
	if (!from || !*from)
		return -EINVAL;
	char *copy = strdup(from);
	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

int json_give(const json_t *j, char **ret, struct err *e)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	*ret = text;
	return 0;
}

static void log_warning(const char *msg, void *data)
{
	const struct onggi_runtime *rt = data;

	rt->log(rt->log_data, ONGGI_LOG_WARNING, msg);
}

static void log_step(void *data, const struct way *w, size_t index, uint64_t ns, int result)
{
	const struct onggi_runtime *rt = data;
	char text[256];

	(void)snprintf(text, sizeof text, "%s: step %zu of %zu, %s: %s after %llu us", w->name, index + 1, w->n,
		       w->steps[index].name, result < 0 ? "failed" : "done", (unsigned long long)ns / 1000);
	rt->log(rt->log_data, ONGGI_LOG_DEBUG, text);
}

int onggi_runtime_new(struct onggi_runtime **ret, struct onggi_error **err)
{
	struct err e;

	error_begin(err);
	if (!ret)
		return error_null("ret", err);
	struct onggi_runtime *rt = calloc(1, sizeof *rt);
	if (!rt) {
		(void)err_new(&e, E_NOMEM, ENOMEM, "out of memory");
		return error_give(&e, err);
	}
	if (runtime_root_default(&rt->root, &e) < 0) {
		free(rt);
		return error_give(&e, err);
	}
	rt->env.root = rt->root;
	rt->env.rootless = -1;
	rt->trace = (struct way_observer){ log_step, rt };
	*ret = rt;
	return 0;
}

void onggi_runtime_free(struct onggi_runtime *rt)
{
	if (!rt)
		return;
	free(rt->criu);
	free(rt->root);
	free(rt);
}

int onggi_runtime_set_criu(struct onggi_runtime *rt, const char *program)
{
	int r = rt ? text_set(&rt->criu, program) : -EINVAL;

	if (r == 0)
		rt->env.criu = rt->criu;
	return r;
}

int onggi_runtime_set_root(struct onggi_runtime *rt, const char *dir)
{
	int r = rt ? text_set(&rt->root, dir) : -EINVAL;

	if (r == 0)
		rt->env.root = rt->root;
	return r;
}

int onggi_runtime_set_cgroup_manager(struct onggi_runtime *rt, enum onggi_cgroup_manager manager)
{
	if (!rt || (unsigned)manager > ONGGI_CGROUP_NONE)
		return -EINVAL;
	rt->env.systemd_cgroup = manager == ONGGI_CGROUP_SYSTEMD;
	rt->env.no_cgroup = manager == ONGGI_CGROUP_NONE;
	return 0;
}

int onggi_runtime_set_rootless(struct onggi_runtime *rt, enum onggi_rootless rootless)
{
	if (!rt || (unsigned)rootless > ONGGI_ROOTLESS_YES)
		return -EINVAL;
	rt->env.rootless = rootless == ONGGI_ROOTLESS_AUTO ? -1 : rootless == ONGGI_ROOTLESS_YES;
	return 0;
}

int onggi_runtime_set_log(struct onggi_runtime *rt, onggi_log_fn *fn, void *data, enum onggi_log_level level)
{
	if (!rt || (unsigned)level > ONGGI_LOG_DEBUG)
		return -EINVAL;
	rt->log = fn;
	rt->log_data = data;
	rt->env.warn = fn ? log_warning : NULL;
	rt->env.warn_data = rt;
	rt->env.trace = fn && level >= ONGGI_LOG_DEBUG ? &rt->trace : NULL;
	return 0;
}

int streams_set_stdio(struct streams *s, int in, int out, int errors)
{
	if (in < -1 || out < -1 || errors < -1)
		return -EINVAL;
	s->stdio[0] = in;
	s->stdio[1] = out;
	s->stdio[2] = errors;
	return 0;
}

int streams_set_console_socket(struct streams *s, int fd)
{
	if (fd < -1)
		return -EINVAL;
	s->console_socket = fd;
	return 0;
}

int streams_set_preserve_fds(struct streams *s, unsigned n)
{
	enum { MOST = 65536 };

	if (n > MOST)
		return -EINVAL;
	s->preserve_fds = (int)n;
	return 0;
}

int streams_set_pid_file(struct streams *s, const char *path)
{
	return text_set(&s->pid_file, path);
}
