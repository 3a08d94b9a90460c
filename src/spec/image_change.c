/* SPDX-License-Identifier: Apache-2.0
 *
 * Dockerfile instructions that change a config: one table row each. See image_change.h.
 */
#include "spec/image_change.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "format/js.h"

struct change {
	json_t *config;
	bool cmd_set; /* by one of these changes: an ENTRYPOINT leaves it */
};

static int no_memory(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "image config");
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* object member, made when missing or null */
static json_t *member(json_t *config, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(config, key);

	if (v && !json_is_null(v))
		return v;
	v = make();
	return json_object_set_new(config, key, v) < 0 ? NULL : v;
}

/* A word with quotes and backslashes taken away; *s moves behind it. */
static int next_word(const char **s, struct buf *out, struct err *e)
{
	char quote = 0;
	const char *p = skip_blanks(*s);

	out->n = 0;
	buf_puts(out, "");
	for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
		if (*p == '\\' && quote != '\'' && p[1])
			buf_putc(out, *++p);
		else if (quote ? *p == quote : *p == '"' || *p == '\'')
			quote = quote ? 0 : *p;
		else
			buf_putc(out, *p);
	}
	if (quote)
		return err_new(e, E_INVALID, EINVAL, "unexpected end of statement while looking for matching "
						     "%s-quote", quote == '"' ? "double" : "single");
	*s = skip_blanks(p);
	return buf_failed(out) ? no_memory(e) : 0;
}

/* JSON list of texts; NULL when it is none (then the text is meant for a shell) */
static json_t *exec_form(const char *s)
{
	struct err ignored = { 0 };
	json_t *list = NULL, *v;
	size_t i;

	if (*s != '[' || js_parse(s, strlen(s), "list", &list, &ignored) < 0)
		return NULL;
	bool good = json_is_array(list);
	json_array_foreach(list, i, v)
		good = good && json_is_string(v);
	if (!good) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *command(const json_t *config, const char *s)
{
	json_t *list = exec_form(s), *shell = json_object_get(config, "Shell");

	if (list)
		return list;
	list = json_array_size(shell) ? json_deep_copy(shell) : json_pack("[s,s]", "/bin/sh", "-c");
	if (list && json_array_append_new(list, json_string(s)) < 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static int set(json_t *config, const char *key, json_t *v, struct err *e)
{
	return json_object_set_new(config, key, v) < 0 ? no_memory(e) : 0;
}

static int do_cmd(struct change *c, const char *s, struct err *e)
{
	c->cmd_set = true;
	return set(c->config, "Cmd", command(c->config, s), e);
}

static int do_entrypoint(struct change *c, const char *s, struct err *e)
{
	if (!c->cmd_set && json_object_get(c->config, "Cmd") && set(c->config, "Cmd", json_null(), e) < 0)
		return -e->eno;
	return set(c->config, "Entrypoint", command(c->config, s), e);
}

/* "A=b C='d e'" or the old "A b c" */
static int pairs(struct change *c, const char *what, const char *s, struct err *e,
		 int (*put)(struct change *c, const char *key, const char *value, struct err *e))
{
	OWN_BUF word = { 0 };
	size_t first = strcspn(s, " \t=");

	if (s[first] != '=') {
		OWN_STR key = strndup(s, first);
		const char *value = skip_blanks(s + first);
		if (!*value)
			return err_new(e, E_INVALID, EINVAL, "%s must have two arguments", what);
		return key ? put(c, key, value, e) : no_memory(e);
	}
	while (*s) {
		if (next_word(&s, &word, e) < 0)
			return -e->eno;
		char *eq = strchr(word.p, '=');
		if (!eq || eq == word.p)
			return err_new(e, E_INVALID, EINVAL,
				       "Syntax error - can't find = in \"%s\". Must be of the form: name=value",
				       word.p);
		*eq = 0;
		if (put(c, word.p, eq + 1, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int put_env(struct change *c, const char *key, const char *value, struct err *e)
{
	json_t *env = member(c->config, "Env", json_array), *v;
	OWN_BUF text = { 0 };
	size_t i, n = strlen(key);

	buf_printf(&text, "%s=%s", key, value);
	if (!env || buf_failed(&text))
		return no_memory(e);
	json_array_foreach(env, i, v) {
		const char *have = json_string_value(v);
		if (have && !strncmp(have, key, n) && have[n] == '=')
			return json_array_set_new(env, i, json_string(text.p)) < 0 ? no_memory(e) : 0;
	}
	return json_array_append_new(env, json_string(text.p)) < 0 ? no_memory(e) : 0;
}

static int put_label(struct change *c, const char *key, const char *value, struct err *e)
{
	json_t *labels = member(c->config, "Labels", json_object);
	return !labels || json_object_set_new(labels, key, json_string(value)) < 0 ? no_memory(e) : 0;
}

static int do_env(struct change *c, const char *s, struct err *e)
{
	return pairs(c, "ENV", s, e, put_env);
}

static int do_label(struct change *c, const char *s, struct err *e)
{
	return pairs(c, "LABEL", s, e, put_label);
}

static int put_port(json_t *ports, unsigned port, const char *proto, struct err *e)
{
	char key[32];
	(void)snprintf(key, sizeof key, "%u/%s", port, proto);
	return json_object_set_new(ports, key, json_object()) < 0 ? no_memory(e) : 0;
}

/* "80", "80/udp", "8000-8010/tcp" */
static int expose(json_t *ports, char *word, struct err *e)
{
	static const char *const protos[] = { "tcp", "udp", "sctp" };
	char *slash = strchr(word, '/'), *dash;
	const char *proto = "tcp";
	uint32_t from, to;

	if (slash) {
		*slash = 0;
		proto = NULL;
		for (size_t i = 0; i < ARRAY_LEN(protos); i++)
			if (!strcasecmp(protos[i], slash + 1))
				proto = protos[i];
	}
	dash = strchr(word, '-');
	if (dash)
		*dash = 0;
	if (!proto || text_uint32(word, &from) < 0 || (dash && text_uint32(dash + 1, &to) < 0))
		return err_new(e, E_INVALID, EINVAL, "invalid containerPort: %s", word);
	if (!dash)
		to = from;
	if (!from || to > 65535 || from > to)
		return err_new(e, E_INVALID, EINVAL, "invalid containerPort: %s", word);
	for (; from <= to; from++)
		if (put_port(ports, from, proto, e) < 0)
			return -e->eno;
	return 0;
}

static int do_expose(struct change *c, const char *s, struct err *e)
{
	json_t *ports = member(c->config, "ExposedPorts", json_object);
	OWN_BUF word = { 0 };

	while (*s) {
		if (next_word(&s, &word, e) < 0)
			return -e->eno;
		if (!ports || expose(ports, word.p, e) < 0)
			return ports ? -e->eno : no_memory(e);
	}
	return 0;
}

static int do_volume(struct change *c, const char *s, struct err *e)
{
	json_t *volumes = member(c->config, "Volumes", json_object), *v;
	OWN_JSON list = exec_form(s);
	OWN_BUF word = { 0 };
	size_t i;

	if (!volumes)
		return no_memory(e);
	if (!list && !(list = json_array()))
		return no_memory(e);
	while (!json_array_size(list) && *s != '[' && *s)
		do {
			if (next_word(&s, &word, e) < 0)
				return -e->eno;
			if (json_array_append_new(list, json_string(word.p)) < 0)
				return no_memory(e);
		} while (*s);
	json_array_foreach(list, i, v) {
		if (!*json_string_value(v))
			return err_new(e, E_INVALID, EINVAL, "VOLUME specified can not be an empty string");
		if (json_object_set_new(volumes, json_string_value(v), json_object()) < 0)
			return no_memory(e);
	}
	return 0;
}

static int do_onbuild(struct change *c, const char *s, struct err *e)
{
	json_t *list = member(c->config, "OnBuild", json_array);
	return !list || json_array_append_new(list, json_string(s)) < 0 ? no_memory(e) : 0;
}

static int one_word(struct change *c, const char *what, const char *key, const char *s, struct err *e)
{
	OWN_BUF word = { 0 };

	if (next_word(&s, &word, e) < 0)
		return -e->eno;
	if (*s)
		return err_new(e, E_INVALID, EINVAL, "%s requires exactly one argument", what);
	return set(c->config, key, json_string(word.p), e);
}

static int do_user(struct change *c, const char *s, struct err *e)
{
	return one_word(c, "USER", "User", s, e);
}

static int do_stopsignal(struct change *c, const char *s, struct err *e)
{
	return one_word(c, "STOPSIGNAL", "StopSignal", s, e);
}

static int do_workdir(struct change *c, const char *s, struct err *e)
{
	char clean[4096];
	OWN_BUF joined = { 0 };
	const char *old = js_str(c->config, "WorkingDir", "/");

	if (*s != '/')
		buf_printf(&joined, "%s/", *old ? old : "/");
	buf_puts(&joined, s);
	if (buf_failed(&joined))
		return no_memory(e);
	if (path_normalize(joined.p, clean, sizeof clean) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "WORKDIR is too long");
	return set(c->config, "WorkingDir", json_string(clean), e);
}

/* one "--option=value"; 0 when @s is no option */
static int health_option(json_t *health, const char **s, struct err *e)
{
	static const struct {
		const char *flag, *key;
		bool is_count;
	} rows[] = {
		{ "--interval", "Interval", false },        { "--timeout", "Timeout", false },
		{ "--start-period", "StartPeriod", false }, { "--start-interval", "StartInterval", false },
		{ "--retries", "Retries", true },
	};
	OWN_BUF word = { 0 };
	int64_t v;

	if (strncmp(*s, "--", 2))
		return 0;
	if (next_word(s, &word, e) < 0)
		return -e->eno;
	char *eq = strchr(word.p, '=');
	if (eq)
		*eq = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].flag, word.p))
			continue;
		int r = !eq ? -EINVAL : rows[i].is_count ? text_int64(eq + 1, &v) : duration_parse(eq + 1, &v);
		if (r < 0 || v < 0)
			return err_new(e, E_INVALID, EINVAL, "HEALTHCHECK: bad value of %s", word.p);
		return json_object_set_new(health, rows[i].key, json_integer(v)) < 0 ? no_memory(e) : 1;
	}
	return err_new(e, E_INVALID, EINVAL, "unknown flag: %s", word.p);
}

static int do_healthcheck(struct change *c, const char *s, struct err *e)
{
	OWN_JSON health = json_object();
	json_t *test = NULL;
	int r;

	while ((r = health ? health_option(health, &s, e) : no_memory(e)) > 0)
		;
	if (r < 0)
		return r;
	if (!strncasecmp(s, "CMD", 3) && (s[3] == ' ' || s[3] == '\t')) {
		s = skip_blanks(s + 3);
		test = exec_form(s);
		if (test && json_array_insert_new(test, 0, json_string("CMD")) < 0) {
			json_decref(test);
			return no_memory(e);
		}
		if (!test)
			test = json_pack("[s,s]", "CMD-SHELL", s);
	} else if (!strcasecmp(s, "NONE")) {
		test = json_pack("[s]", "NONE");
	} else {
		return err_new(e, E_INVALID, EINVAL, "Unknown type \"%s\" in HEALTHCHECK (try CMD)", s);
	}
	if (json_object_set_new(health, "Test", test) < 0)
		return no_memory(e);
	return set(c->config, "Healthcheck", ptr_take(&health), e);
}

static const struct row {
	const char *name;
	int (*act)(struct change *c, const char *s, struct err *e);
} rows[] = {
	{ "CMD", do_cmd },         { "ENTRYPOINT", do_entrypoint },   { "ENV", do_env },
	{ "EXPOSE", do_expose },   { "HEALTHCHECK", do_healthcheck }, { "LABEL", do_label },
	{ "ONBUILD", do_onbuild }, { "STOPSIGNAL", do_stopsignal },   { "USER", do_user },
	{ "VOLUME", do_volume },   { "WORKDIR", do_workdir },
};

static int apply_line(struct change *c, char *line, struct err *e)
{
	size_t n;

	line += strspn(line, " \t");
	for (n = strlen(line); n && strchr(" \t\r", line[n - 1]); n--)
		line[n - 1] = 0;
	if (!*line || *line == '#')
		return 0;
	n = strcspn(line, " \t");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strlen(rows[i].name) != n || strncasecmp(rows[i].name, line, n))
			continue;
		const char *rest = skip_blanks(line + n);
		if (!*rest)
			return err_new(e, E_INVALID, EINVAL, "%s requires at least one argument", rows[i].name);
		return rows[i].act(c, rest, e) < 0 ? -e->eno : 0;
	}
	return err_new(e, E_INVALID, EINVAL, "%.*s is not a valid change command", (int)n, line);
}

int image_change_apply(json_t *config, const char *const *changes, size_t n, struct err *e)
{
	struct change c = { .config = config };

	for (size_t i = 0; i < n; i++) {
		OWN_STR text = strdup(changes[i]);
		char *save = NULL;
		if (!text)
			return no_memory(e);
		/* a backslash at the end of a line joins the next one */
		for (char *p = text; (p = strstr(p, "\\\n"));)
			p[0] = p[1] = ' ';
		for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			if (apply_line(&c, line, e) < 0)
				return err_ctx(e, "change \"%.100s\"", changes[i]);
	}
	return 0;
}
