/* SPDX-License-Identifier: Apache-2.0
 *
 * orun state, list, ps: what there is.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "front/orun/orun.h"

struct list_opts {
	const char *format;
	bool quiet;
};

static const struct opt_row list_rows[] = {
	{ "format", 'f', OPT_STR, offsetof(struct list_opts, format), "FORMAT", "table (default) or json" },
	{ "quiet", 'q', OPT_BOOL, offsetof(struct list_opts, quiet), NULL, "print only the ids" },
};

static const struct opt_row ps_rows[] = {
	{ "format", 'f', OPT_STR, offsetof(struct list_opts, format), "FORMAT", "table (default) or json" },
};

static int format_check(const char *format, bool *ret_json, struct err *e)
{
	*ret_json = format && !strcmp(format, "json");
	if (format && !*ret_json && strcmp(format, "table"))
		return err_new(e, E_USAGE, EINVAL, "invalid format option: \"%s\", must be table or json",
			       format);
	return 0;
}

/* runc's state object; pid 0 once the process is gone, as runc prints it */
static json_t *state_object(const struct runtime_state *s)
{
	char owner[64];
	uint32_t uid = 0;
	json_t *o = json_object(), *annotations = js_at(s->json, "onggi.annotations");

	/* the record is ours: a number */
	(void)text_uint32(js_str(s->json, "onggi.owner", "0"), &uid);
	orun_user_name(uid, owner, sizeof owner);
	json_object_set_new(o, "ociVersion", json_string(js_str(s->json, "onggi.oci_version", "1.0.0")));
	json_object_set_new(o, "id", json_string(s->id));
	json_object_set_new(o, "pid", json_integer(s->status == RUNTIME_STOPPED ? 0 : s->init.pid));
	json_object_set_new(o, "status", json_string(runtime_status_name(s->status)));
	json_object_set_new(o, "bundle", json_string(s->bundle));
	json_object_set_new(o, "rootfs", json_string(js_str(s->json, "config.rootfs", "")));
	json_object_set_new(o, "created", json_string(js_str(s->json, "created", "")));
	if (json_object_size(annotations))
		json_object_set(o, "annotations", annotations);
	json_object_set_new(o, "owner", json_string(owner));
	return o;
}

static int state_run(struct orun *o, const struct call *c, struct err *e)
{
	struct runtime_state s;
	int r = runtime_state(&o->env, c->args[0], &s, e);
	if (r < 0)
		return r;
	OWN_JSON j = state_object(&s);
	runtime_state_done(&s);
	return orun_print_json(j, 2, e);
}

/* Containers that vanish meanwhile are left out; those that cannot be read are named. */
static json_t *states_read(struct orun *o, char **ids, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		struct runtime_state s;
		struct err own = { 0 };
		if (runtime_state(&o->env, ids[i], &s, &own) < 0) {
			if (own.kind != E_NOT_FOUND) {
				(void)err_ctx(&own, "load container %s", ids[i]);
				orun_log_write(&o->log, LOG_WARNING_, own.chain, NULL);
			}
			continue;
		}
		json_array_append_new(all, state_object(&s));
		runtime_state_done(&s);
	}
	return all;
}

static const struct {
	const char *title, *key;
} list_columns[] = {
	{ "ID", "id" },		{ "PID", "pid" },	  { "STATUS", "status" },
	{ "BUNDLE", "bundle" }, { "CREATED", "created" }, { "OWNER", "owner" },
};

static const char *cell(const json_t *state, size_t column, char num[24])
{
	const json_t *v = json_object_get(state, list_columns[column].key);
	if (json_is_string(v))
		return json_string_value(v);
	(void)snprintf(num, 24, "%lld", (long long)json_integer_value(v));
	return num;
}

/* columns at least 12 wide with three blanks between, the last one open */
static int list_table(const json_t *all, struct err *e)
{
	enum { COLUMNS = ARRAY_LEN(list_columns), MIN = 12, GAP = 3 };
	size_t width[COLUMNS], i, c;
	const json_t *state;
	OWN_BUF b = { 0 };
	char num[24];

	for (c = 0; c < COLUMNS; c++) {
		width[c] = strlen(list_columns[c].title) + GAP;
		json_array_foreach(all, i, state)
			if (strlen(cell(state, c, num)) + GAP > width[c])
				width[c] = strlen(cell(state, c, num)) + GAP;
		if (width[c] < MIN)
			width[c] = MIN;
	}
	for (c = 0; c < COLUMNS; c++)
		buf_printf(&b, "%-*s", c + 1 < COLUMNS ? (int)width[c] : 0, list_columns[c].title);
	buf_putc(&b, '\n');
	json_array_foreach(all, i, state) {
		for (c = 0; c < COLUMNS; c++)
			buf_printf(&b, "%-*s", c + 1 < COLUMNS ? (int)width[c] : 0, cell(state, c, num));
		buf_putc(&b, '\n');
	}
	if (buf_failed(&b))
		return err_new(e, E_NOMEM, ENOMEM, "list: out of memory");
	return orun_print_text(buf_str(&b), e);
}

static int list_print(struct orun *o, const struct list_opts *opts, char **ids, size_t n, struct err *e)
{
	bool json;
	int r = format_check(opts->format, &json, e);
	if (r < 0)
		return r;
	for (size_t i = 0; opts->quiet && i < n; i++)
		if ((r = orun_print_text(ids[i], e)) < 0 || (r = orun_print_text("\n", e)) < 0)
			return r;
	if (opts->quiet)
		return 0;
	OWN_JSON all = states_read(o, ids, n);
	if (!json)
		return list_table(all, e);
	/* what Go makes of an empty list, and callers of runc expect */
	return json_array_size(all) ? orun_print_json(all, 0, e) : orun_print_text("null\n", e);
}

static int list_run(struct orun *o, const struct call *c, struct err *e)
{
	char **ids = NULL;
	size_t n = 0;
	int r = runtime_list(&o->env, &ids, &n, e);
	if (r == 0)
		r = list_print(o, c->opts, ids, n, e);
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
	return r;
}

static bool has_pid(const pid_t *pids, size_t n, const char *word, size_t len)
{
	char text[16];
	uint32_t v;

	(void)snprintf(text, sizeof text, "%.*s", (int)(len < 15 ? len : 15), word);
	if (text_uint32(text, &v) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == (pid_t)v)
			return true;
	return false;
}

/* word number @column of a line of ps */
static const char *column_find(const char *line, size_t column, size_t *ret_len)
{
	for (;; column--) {
		line += strspn(line, " \t");
		*ret_len = strcspn(line, " \t\n");
		if (!*ret_len || !column)
			return line;
		line += *ret_len;
	}
}

/* the header and the lines whose PID is one of ours */
static int ps_filter(char *text, const pid_t *pids, size_t n, struct err *e)
{
	size_t column = 0, len;
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	const char *word;
	OWN_BUF b = { 0 };

	if (!line)
		return err_new(e, E_UNSUPPORTED, EINVAL, "ps printed nothing");
	while (word = column_find(line, column, &len), len && !(len == 3 && !strncmp(word, "PID", 3)))
		column++;
	if (!len)
		return err_new(e, E_USAGE, EINVAL, "couldn't find PID field in ps output");
	buf_printf(&b, "%s\n", line);
	while ((line = strtok_r(NULL, "\n", &save))) {
		word = column_find(line, column, &len);
		if (has_pid(pids, n, word, len))
			buf_printf(&b, "%s\n", line);
	}
	if (buf_failed(&b))
		return err_new(e, E_NOMEM, ENOMEM, "ps: out of memory");
	return orun_print_text(buf_str(&b), e);
}

static int ps_output(const char *const *options, char **ret, struct err *e)
{
	enum { MAX = 64 << 20 };
	const char *argv[66] = { "ps", "-ef" };
	int fds[2], status, r;

	for (size_t i = 0; options[i]; i++) {
		if (i >= 64)
			return err_new(e, E_USAGE, EINVAL, "too many options for ps");
		argv[i + 1] = options[i];
		argv[i + 2] = NULL;
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, errno, "run ps");
	OWN_FD in = fds[0], out = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "run ps");
	if (!pid) {
		if (dup2(out, STDOUT_FILENO) >= 0)
			execvp("ps", (char *const *)argv);
		_exit(127);
	}
	own_fd_done(&out);
	r = io_read_fd(in, MAX, ret, NULL, e);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status)))
		return err_new(e, E_UNSUPPORTED, EIO, "the ps of this host failed%s",
			       WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ": not found" : "");
	return r;
}

static int ps_print(const struct call *c, const pid_t *pids, size_t n, struct err *e)
{
	const struct list_opts *opts = c->opts;
	OWN_STR text = NULL;
	bool json;
	int r = format_check(opts->format, &json, e);
	if (r < 0)
		return r;
	if (json) {
		OWN_JSON all = json_array();
		for (size_t i = 0; i < n; i++)
			json_array_append_new(all, json_integer(pids[i]));
		return n ? orun_print_json(all, 0, e) : orun_print_text("null\n", e);
	}
	r = ps_output(c->args + 1, &text, e);
	return r < 0 ? r : ps_filter(text, pids, n, e);
}

static int ps_run(struct orun *o, const struct call *c, struct err *e)
{
	OWN_PTR pid_t *pids = NULL;
	size_t n = 0;
	int r = runtime_pids(&o->env, c->args[0], &pids, &n, e);
	return r < 0 ? r : ps_print(c, pids, n, e);
}

const struct command orun_command_state = {
	.name = "state", .args = "CONTAINER", .help = "print the state of a container", .run = state_run,
	.min_args = 1, .max_args = 1,
};

const struct command orun_command_list = {
	.name = "list", .args = "", .help = "list the containers below the root directory", .run = list_run,
	.rows = list_rows, .n_rows = ARRAY_LEN(list_rows), .opts_size = sizeof(struct list_opts),
};

const struct command orun_command_ps = {
	.name = "ps", .args = "CONTAINER [PS OPTION...]", .help = "list the processes of a container",
	.run = ps_run, .rows = ps_rows, .n_rows = ARRAY_LEN(ps_rows), .opts_size = sizeof(struct list_opts),
	.min_args = 1, .max_args = 64, .flags = COMMAND_STOP_AT_FIRST,
};
