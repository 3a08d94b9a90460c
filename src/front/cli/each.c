/* SPDX-License-Identifier: Apache-2.0
 *
 * One action on many objects: a child process each, at most EACH_MAX at once, so that stopping ten
 * containers takes as long as the slowest. Results are printed in the order of the arguments.
 *
 *   argument i --fork--> child: one(arg) --pipe--> struct result --> printed when all before are
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "front/cli/cli.h"

enum { EACH_MAX = 50 };

struct slot {
	pid_t pid; /* 0: not started */
	int fd;
};

struct result {
	int r;
	struct err e;
};

static int start(struct cli *c, int (*one)(struct cli *, const char *, struct err *), const char *arg,
		 struct slot *s)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	s->pid = fork();
	if (s->pid < 0) {
		int r = -errno;
		close(p[0]);
		close(p[1]);
		s->pid = 0;
		return r;
	}
	if (!s->pid) {
		struct result res = { 0 };
		close(p[0]);
		res.r = one(c, arg, &res.e);
		(void)fflush(stdout); /* what the action itself printed */
		(void)io_write_all(p[1], &res, sizeof res); /* a parent that is gone needs no answer */
		_exit(0);
	}
	close(p[1]);
	s->fd = p[0];
	return 0;
}

static void collect(struct slot *s, const char *arg, struct result *res)
{
	if (io_read_full(s->fd, res, sizeof *res) != (ssize_t)sizeof *res)
		res->r = err_new(&res->e, E_INTERNAL, ECHILD, "%s: the process that worked on it died", arg);
	close(s->fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}

static bool show(const struct cli *c, const char *arg, const struct result *res, enum each_flags flags)
{
	if (res->r >= 0) {
		if (flags & EACH_ECHO)
			puts(arg);
		(void)fflush(stdout); /* an error shows at the end */
		return true;
	}
	cli_error(c, &res->e);
	return res->e.kind == E_NOT_FOUND && (flags & EACH_MISSING_OK);
}

int cli_each(struct cli *c, int (*one)(struct cli *c, const char *arg, struct err *e),
	     enum each_flags flags)
{
	OWN_PTR struct slot *slots = calloc((size_t)c->argc + 1, sizeof *slots);
	int rc = 0, started = 0;

	(void)fflush(stdout); /* children must not print it again */
	for (int i = 0; i < c->argc; i++) {
		struct result res = { 0 };
		while (slots && c->argc > 1 && !(flags & EACH_SERIAL) && started < c->argc && started < i + EACH_MAX &&
		       start(c, one, c->argv[started], &slots[started]) >= 0)
			started++;
		if (slots && i < started)
			collect(&slots[i], c->argv[i], &res);
		else {
			/* a single one, or no process to be had: here and now */
			res.r = one(c, c->argv[i], &res.e);
			started = started > i + 1 ? started : i + 1;
		}
		if (!show(c, c->argv[i], &res, flags))
			rc = 1;
	}
	return rc;
}

int cli_all(struct cli *c, const json_t *names, struct err *e)
{
	size_t n = json_array_size(names);

	if (c->argc)
		return err_new(e, E_USAGE, EINVAL, "--all and names exclude each other");
	c->argv = arena_get(&c->arena, (n + 1) * sizeof *c->argv);
	if (!c->argv)
		return err_new(e, E_NOMEM, ENOMEM, "arguments");
	for (size_t i = 0; i < n; i++)
		if (!(c->argv[i] = arena_strdup(&c->arena, json_string_value(json_array_get(names, i)))))
			return err_new(e, E_NOMEM, ENOMEM, "arguments");
	c->argv[n] = NULL;
	c->argc = (int)n;
	return 0;
}
