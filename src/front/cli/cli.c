/* SPDX-License-Identifier: Apache-2.0
 *
 * One invocation of the command line: see cli.h.
 */
#include "front/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "format/js.h"
#include "store/others.h"

static bool name_is(const char *names, const char *one, const char *two)
{
	size_t n1 = strlen(one), n2 = two ? strlen(two) : 0;
	size_t want = n1 + (two ? n2 + 1 : 0);

	for (const char *p = names; p && *p;) {
		size_t n = strcspn(p, ",");
		if (n == want && !memcmp(p, one, n1) && (!two || (p[n1] == ' ' && !memcmp(p + n1 + 1, two, n2))))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
	for (int words = argc > 1 ? 2 : 1; words > 0; words--)
		for (size_t i = 0; i < command_count; i++) {
			const struct command *c = &command_table[i];
			const char *two = words == 2 ? argv[1] : NULL;
			if (name_is(c->name, argv[0], two) || name_is(c->aliases, argv[0], two)) {
				*ret_words = words;
				return c;
			}
		}
	return NULL;
}

const char *command_nearest(const char *word)
{
	const char *best = NULL;
	unsigned best_d = 3;

	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &command_table[i];
		if (strchr(c->name, ' ') || (c->flags & CMD_HIDDEN))
			continue;
		unsigned d = text_distance(word, c->name);
		if (d < best_d && d < strlen(c->name)) {
			best_d = d;
			best = c->name;
		}
	}
	return best;
}

void cli_error(const struct cli *c, const struct err *e)
{
	OWN_BUF out = { 0 };

	if (!e->chain[0])
		return; /* a program that we ran has said it already */
	if (c->json_errors) {
		buf_printf(&out, "{\"kind\":\"%s\",\"errno\":%d,\"message\":", err_map_of(e->kind)->name, e->eno);
		buf_json_string(&out, e->chain, strlen(e->chain));
		buf_puts(&out, ",\"hint\":");
		buf_json_string(&out, e->hint, strlen(e->hint));
		buf_puts(&out, "}\n");
	} else {
		bool usage = e->kind == E_USAGE;
		buf_printf(&out, "%s%s\n", usage ? "" : "onggi: ", e->chain);
		if (c->debug)
			buf_printf(&out, "kind: %s (errno %d)\n", err_map_of(e->kind)->name, e->eno);
		if (e->hint[0])
			buf_printf(&out, "hint: %s\n", e->hint);
	}
	fflush(stdout);
	fputs(buf_str(&out) ? buf_str(&out) : "onggi: out of memory\n", stderr);
}

int cli_filters(const struct cli *c, const char *at_name, json_t **ret, struct err *e)
{
	json_t *given = json_object_get(c->req, at_name), *f;
	OWN_JSON out = NULL;
	size_t i;

	*ret = NULL;
	if (!given)
		return 0;
	out = json_object();
	json_array_foreach(given, i, f) {
		const char *s = json_string_value(f), *eq = strchr(s, '=');
		char key[64];
		size_t n = eq ? (size_t)(eq - s) : 0;
		if (!eq || !n || n >= sizeof key)
			return err_new(e, E_USAGE, EINVAL, "invalid argument \"%s\" for \"--filter\" flag: bad format of filter (expected name=value)", s);
		for (size_t k = 0; k < n; k++)
			key[k] = (char)((s[k] >= 'A' && s[k] <= 'Z') ? s[k] + 32 : s[k]);
		key[n] = 0;
		if (opt_append(out, key, json_string(eq + 1), e) < 0)
			return -e->eno;
	}
	*ret = json_incref(out);
	return 0;
}

/* ---- global flags, dispatch ---- */

static int put_log_level(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	static const char *const levels[] = { "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic" };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (!strcasecmp(value, levels[i]))
			return opt_store(request, o->path, json_integer((json_int_t)i), e);
	return err_new(e, E_USAGE, EINVAL, "unable to parse logging level: %s", value);
}
enum { LEVEL_DEBUG = 1, LEVEL_WARN = 4 }; /* up to this index in the list */

static const struct opt global_rows[] = {
	{ "config", 0, OPT_STRING, 0, "@config", NULL, "Directory of config.json, with credentials", NULL, NULL },
	{ "debug", 'D', OPT_BOOL, 0, "@debug", NULL, "Show kinds of errors", NULL, NULL },
	{ "host", 'H', OPT_REFUSED, 0, "", NULL, "there is no daemon to connect to", NULL, NULL },
	{ "image-store", 0, OPT_LIST, 0, "@image-store", "list", "Image stores of others, read-only", NULL, NULL },
	{ "json-errors", 0, OPT_BOOL, 0, "@json-errors", NULL, "Print errors as JSON", NULL, NULL },
	{ "log-level", 'l', OPT_CUSTOM, 0, "@log-level", "string", "What to tell: debug, info, warn, error or fatal", put_log_level, NULL },
	{ "root", 0, OPT_STRING, 0, "@root", NULL, "Durable state", NULL, NULL },
	{ "run-dir", 0, OPT_STRING, 0, "@run-dir", NULL, "Run-time state", NULL, NULL },
	{ "storage-driver", 's', OPT_STRING, 0, "@storage-driver", NULL, "Storage driver of new containers", NULL, NULL },
	{ "storage-opt", 0, OPT_LIST, 0, "@storage-opt", "list", "Storage options of new containers", NULL, NULL },
	{ "trace", 0, OPT_BOOL, 0, "@trace", NULL, "Show timings of steps", NULL, NULL },
	{ "version", 'v', OPT_BOOL, 0, "@version", NULL, "Print the version", NULL, NULL },
};

static void warn_user(const char *msg, void *data)
{
	const struct cli *c = data;

	if (!c->quiet)
		fprintf(stderr, "WARNING: %s\n", msg);
}

static void trace_step(void *data, const struct way *w, size_t index, uint64_t ns, int result)
{
	(void)data;
	fprintf(stderr, "trace: %s %zu/%zu %-12s %8.3f ms%s\n", w->name, index + 1, w->n,
		w->steps[index].name, (double)ns / 1e6, result < 0 ? "  failed" : "");
}

static int check_args(const struct command *cmd, const json_t *req, int argc, struct err *e)
{
	/* --all stands for the objects that are otherwise named */
	if (!argc && (cmd->flags & CMD_OR_ALL) && json_is_true(json_object_get(req, "@all")))
		return 0;
	if (argc >= cmd->min_args && (cmd->max_args < 0 || argc <= cmd->max_args))
		return 0;
	const char *how = cmd->min_args == cmd->max_args ? "exactly" :
			  argc < cmd->min_args ? "at least" : "at most";
	int want = argc < cmd->min_args ? cmd->min_args : cmd->max_args;
	if (!want)
		(void)err_new(e, E_USAGE, EINVAL, "\"onggi %s\" accepts no arguments.", cmd->name);
	else
		(void)err_new(e, E_USAGE, EINVAL, "\"onggi %s\" requires %s %d argument%s.", cmd->name, how, want,
			      want > 1 ? "s" : "");
	return -EINVAL;
}

static const struct way_observer tracer = { trace_step, NULL };

/* "a=1,b=2"; empty: not given */
static void storage_options(const json_t *request, struct buf *out)
{
	const json_t *list = json_object_get(request, "@storage-opt");

	for (size_t i = 0; i < json_array_size(list); i++)
		buf_printf(out, "%s%s", i ? "," : "", json_string_value(json_array_get(list, i)));
}

/* By the environment, since other programs take part: those given here before those that are there. */
static int image_stores(const json_t *request, struct err *e)
{
	const json_t *list = json_object_get(request, "@image-store");
	const char *before = getenv(OTHERS_VARIABLE);
	OWN_BUF value = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *path = json_string_value(json_array_get(list, i));
		OWN_STR full = *path == '/' ? strdup(path) : realpath(path, NULL);
		if (!full)
			return err_sys(e, errno, "--image-store %s", path);
		if (strchr(full, ':') || !*full)
			return err_new(e, E_USAGE, EINVAL, "--image-store: a path without \":\" is needed");
		buf_printf(&value, "%s%s", i ? ":" : "", full);
	}
	if (!value.n)
		return 0;
	if (before && *before)
		buf_printf(&value, ":%s", before);
	return setenv(OTHERS_VARIABLE, buf_str(&value), 1) < 0 ? err_sys(e, errno, "environment") : 0;
}

static int run_command(struct cli *c, const struct opt_result *global, struct err *e)
{
	OWN_BUF storage = { 0 };

	if (image_stores(global->request, e) < 0)
		return -e->eno;
	storage_options(global->request, &storage);
	c->trace = opt_bool(global->request, "@trace");
	c->storage_driver = js_str(global->request, "@storage-driver", NULL);
	struct engine_options o = { .root = c->root, .run = c->run,
				    .spare_stores = c->cmd->flags & CMD_SPARE_STORES,
				    .storage_driver = c->storage_driver,
				    .storage_opt = storage.n ? buf_str(&storage) : NULL,
				    .warn = warn_user, .warn_data = c,
				    .observer = c->trace ? &tracer : NULL };
	bool open = !(c->cmd->flags & CMD_NO_ENGINE);

	if (open && engine_open(&o, &c->eng, e) < 0)
		return -e->eno;
	int r = c->cmd->run(c, e);
	if (open)
		engine_close(&c->eng);
	return r;
}

static int unknown_command(struct cli *c, const char *word)
{
	struct err e = { 0 };
	const char *near = command_nearest(word);
	(void)err_new(&e, E_USAGE, EINVAL, "onggi: '%s' is not an onggi command.", word);
	if (near)
		err_hint(&e, "did you mean 'onggi %s'?", near);
	cli_error(c, &e);
	usage_hint(NULL);
	return 1;
}

/* the exit code of a failed command: usage 125; run and exec by kind; the rest 1 */
static int exit_of(const struct command *cmd, const struct err *e)
{
	if (e->kind == E_USAGE || (cmd->flags & CMD_EXIT_125))
		return err_map_of(e->kind)->exit;
	return 1;
}

static int dispatch(struct cli *c, const struct opt_result *global)
{
	struct err e = { 0 };
	struct opt_result res = { 0 };
	int words = 0;

	c->cmd = command_find(global->argc, global->argv, &words);
	if (!c->cmd) {
		if (command_group_exists(global->argv[0])) {
			if (global->argc > 1 && global->argv[1][0] != '-' )
				return unknown_command(c, global->argv[1]);
			help_group(global->argv[0]);
			return 0;
		}
		return unknown_command(c, global->argv[0]);
	}
	int argc = global->argc - words;
	char **argv = global->argv + words;
	unsigned how = c->cmd->flags & CMD_STOP_AT_ARG ? OPT_STOP_AT_ARG : 0;
	int r = opt_parse(c->cmd->sets, ARRAY_LEN(c->cmd->sets), argc, argv, how, &c->arena, &res, &e);
	if (r >= 0 && res.help) {
		help_command(c->cmd);
		json_decref(res.request);
		return 0;
	}
	bool miscounted = r >= 0 && check_args(c->cmd, res.request, res.argc, &e) < 0; /* docker: 1, not 125 */
	if (miscounted)
		r = -e.eno;
	/* a program of its own takes the checked words as they were typed */
	bool raw = c->cmd->flags & CMD_RAW_ARGS;
	c->req = res.request;
	c->argv = raw ? argv : res.argv;
	c->argc = raw ? argc : res.argc;
	if (r >= 0)
		r = run_command(c, global, &e);
	json_decref(res.request);
	if (r >= 0)
		return r;
	cli_error(c, &e);
	if (e.kind == E_USAGE && !c->json_errors)
		usage_hint(c->cmd);
	return miscounted ? 1 : exit_of(c->cmd, &e);
}

int cli_main(int argc, char **argv)
{
	struct opt_set set = { global_rows, ARRAY_LEN(global_rows) };
	struct opt_result global = { 0 };
	struct cli c = { 0 };
	struct err e = { 0 };
	int rc;

	(void)setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, 1 << 16); /* cannot fail here */
	if (opt_parse(&set, 1, argc - 1, argv + 1, OPT_STOP_AT_ARG, &c.arena, &global, &e) < 0) {
		cli_error(&c, &e);
		usage_hint(NULL);
		return 125;
	}
	long long level = opt_int(global.request, "@log-level", 2);
	c.debug = opt_bool(global.request, "@debug") || level <= LEVEL_DEBUG;
	c.quiet = level > LEVEL_WARN;
	c.json_errors = opt_bool(global.request, "@json-errors");
	c.root = opt_str(global.request, "@root", NULL);
	c.run = opt_str(global.request, "@run-dir", NULL);
	const char *config = opt_str(global.request, "@config", NULL);
	if (config && setenv("DOCKER_CONFIG", config, 1) < 0) { /* read by onggi-image */
		perror("onggi: environment");
		rc = 1;
	} else if (opt_bool(global.request, "@version")) {
		puts("onggi version " ONGGI_VERSION);
		rc = 0;
	} else if (global.help || !global.argc) {
		help_all();
		rc = 0;
	} else if (!strcmp(global.argv[0], "help")) {
		int words;
		const struct command *cmd = global.argc > 1 ? command_find(global.argc - 1, global.argv + 1, &words) : NULL;
		rc = 0;
		if (cmd)
			help_command(cmd);
		else if (global.argc > 1 && command_group_exists(global.argv[1]))
			help_group(global.argv[1]);
		else if (global.argc > 1)
			rc = unknown_command(&c, global.argv[1]);
		else
			help_all();
	} else
		rc = dispatch(&c, &global);
	json_decref(global.request);
	if (fflush(stdout) == EOF && errno != EPIPE && !rc)
		rc = 1;
	arena_done(&c.arena);
	return rc;
}
