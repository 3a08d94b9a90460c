/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor's configuration as text and back: one table row per key, see monitor.h.
 */
#include "spec/monitor.h"

#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

enum key_type {
	KEY_TEXT,
	KEY_FLAG,
	KEY_INT,  /* int: descriptors */
	KEY_PID,
	KEY_U32,
	KEY_I64,
	KEY_U64,
	KEY_LOG,
	KEY_OOM,   /* "INITIAL PATH", repeated */
	KEY_AFTER, /* one argument, repeated */
};

struct config_key {
	const char *name;
	enum key_type type;
	size_t offset;
};

#define F(m) offsetof(struct monitor_config, m)
static const struct config_key keys[] = {
	{ "id", KEY_TEXT, F(id) },
	{ "dir", KEY_TEXT, F(dir) },
	{ "run_dir", KEY_TEXT, F(run_dir) },
	{ "started_at", KEY_TEXT, F(started_at) },
	{ "pid", KEY_PID, F(pid) },
	{ "start_ticks", KEY_U64, F(start_ticks) },
	{ "adopt", KEY_FLAG, F(adopt) },
	{ "ephemeral", KEY_FLAG, F(ephemeral) },
	{ "stdin_once", KEY_FLAG, F(stdin_once) },
	{ "pidfd", KEY_INT, F(pidfd) },
	{ "in", KEY_INT, F(in) },
	{ "out", KEY_INT, F(out) },
	{ "err", KEY_INT, F(err) },
	{ "pty", KEY_INT, F(pty) },
	{ "listen", KEY_INT, F(listen) },
	{ "client", KEY_INT, F(client) },
	{ "client_flags", KEY_U32, F(client_flags) },
	{ "log", KEY_LOG, F(log) },
	{ "log_file", KEY_TEXT, F(log_file) },
	{ "log_max_size", KEY_I64, F(log_max_size) },
	{ "log_max_file", KEY_U32, F(log_max_file) },
	{ "log_attrs", KEY_TEXT, F(log_attrs) },
	{ "oom", KEY_OOM, 0 },
	{ "after", KEY_AFTER, 0 },
};
#undef F

static const char *const log_names[MONITOR_LOG_N] = {
	[MONITOR_LOG_NONE] = "none",
	[MONITOR_LOG_JSON_FILE] = "json-file",
};

void monitor_config_init(struct monitor_config *c)
{
	memset(c, 0, sizeof(*c));
	c->pidfd = c->in = c->out = c->err = c->pty = c->listen = c->client = -1;
}

static int parse_int(const char *v, int64_t lo, int64_t hi, int64_t *ret)
{
	if (text_int64(v, ret) < 0 || *ret < lo || *ret > hi)
		return -EINVAL;
	return 0;
}

static int parse_oom(char *v, struct monitor_config *c)
{
	char *sp = strchr(v, ' ');

	if (!sp || c->oom_n == MONITOR_OOM_MAX)
		return -EINVAL;
	*sp = 0;
	c->oom[c->oom_n].path = sp + 1;
	return text_uint64(v, &c->oom[c->oom_n++].initial);
}

static int parse_log(const char *v, enum monitor_log *ret)
{
	for (int i = 0; i < MONITOR_LOG_N; i++) {
		if (!strcmp(v, log_names[i])) {
			*ret = (enum monitor_log)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_key(const struct config_key *k, char *v, struct monitor_config *c)
{
	void *to = (char *)c + k->offset;
	int64_t i = 0;
	int r = 0;

	switch (k->type) {
	case KEY_TEXT:
		*(const char **)to = v;
		return 0;
	case KEY_FLAG:
		r = parse_int(v, 0, 1, &i);
		*(bool *)to = i;
		return r;
	case KEY_INT:
		r = parse_int(v, -1, 1 << 20, &i);
		*(int *)to = (int)i;
		return r;
	case KEY_PID:
		r = parse_int(v, 1, INT32_MAX, &i);
		*(pid_t *)to = (pid_t)i;
		return r;
	case KEY_U32:
		return text_uint32(v, to);
	case KEY_I64:
		r = parse_int(v, 0, INT64_MAX, &i);
		*(int64_t *)to = i;
		return r;
	case KEY_U64:
		return text_uint64(v, to);
	case KEY_LOG:
		return parse_log(v, to);
	case KEY_OOM:
		return parse_oom(v, c);
	case KEY_AFTER:
		if (c->after_n == MONITOR_AFTER_MAX)
			return -E2BIG;
		c->after[c->after_n++] = v;
		return 0;
	}
	return -EINVAL;
}

static int parse_line(char *line, struct monitor_config *c, struct err *e)
{
	char *eq = strchr(line, '=');

	if (!eq)
		return err_new(e, E_INVALID, EINVAL, "monitor configuration: no '=' in \"%s\"", line);
	*eq = 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].name, line))
			continue;
		if (set_key(&keys[i], eq + 1, c) < 0)
			return err_new(e, E_INVALID, EINVAL,
				       "monitor configuration: bad value \"%s\" of %s", eq + 1, line);
		return 0;
	}
	return err_new(e, E_INVALID, EINVAL, "monitor configuration: unknown key %s", line);
}

int monitor_config_parse(char *text, struct monitor_config *ret, struct err *e)
{
	struct monitor_config c;
	char *next;

	monitor_config_init(&c);
	for (char *line = text; *line; line = next) {
		size_t n = strcspn(line, "\n");
		next = line + n + (line[n] == '\n');
		line[n] = 0;
		if (n && parse_line(line, &c, e) < 0)
			return -e->eno;
	}
	if (!c.id || !c.dir || !c.pid)
		return err_new(e, E_INVALID, EINVAL, "monitor configuration: id, dir or pid missing");
	*ret = c;
	return 0;
}

struct text_out {
	char *p;
	size_t n, cap;
	int r; /* first failure */
};

static void put_line(struct text_out *o, const char *key, const char *value)
{
	int w;

	if (o->r < 0)
		return;
	if (strchr(value, '\n')) {
		o->r = -EINVAL;
		return;
	}
	w = snprintf(o->p + o->n, o->cap - o->n, "%s=%s\n", key, value);
	if (w < 0 || (size_t)w >= o->cap - o->n)
		o->r = -E2BIG;
	else
		o->n += (size_t)w;
}

static void put_number(struct text_out *o, const char *key, bool sign, uint64_t v)
{
	char text[24];

	if (sign)
		snprintf(text, sizeof(text), "%lld", (long long)v);
	else
		snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	put_line(o, key, text);
}

static void put_oom(struct text_out *o, const char *key, const struct monitor_config *c)
{
	char text[4200];

	for (size_t i = 0; i < c->oom_n && i < MONITOR_OOM_MAX; i++) {
		if (snprintf(text, sizeof(text), "%llu %s", (unsigned long long)c->oom[i].initial,
			     c->oom[i].path) >= (int)sizeof(text))
			o->r = -E2BIG;
		put_line(o, key, text);
	}
}

static void put_key(struct text_out *o, const struct config_key *k, const struct monitor_config *c)
{
	const void *from = (const char *)c + k->offset;

	switch (k->type) {
	case KEY_TEXT:
		if (*(const char *const *)from)
			put_line(o, k->name, *(const char *const *)from);
		return;
	case KEY_FLAG:
		if (*(const bool *)from)
			put_line(o, k->name, "1");
		return;
	case KEY_INT:
		if (*(const int *)from >= 0)
			put_number(o, k->name, true, (uint64_t) * (const int *)from);
		return;
	case KEY_PID:
		put_number(o, k->name, true, (uint64_t) * (const pid_t *)from);
		return;
	case KEY_U32:
		put_number(o, k->name, false, *(const uint32_t *)from);
		return;
	case KEY_I64:
		put_number(o, k->name, true, (uint64_t) * (const int64_t *)from);
		return;
	case KEY_U64:
		put_number(o, k->name, false, *(const uint64_t *)from);
		return;
	case KEY_LOG:
		put_line(o, k->name, log_names[*(const enum monitor_log *)from]);
		return;
	case KEY_OOM:
		put_oom(o, k->name, c);
		return;
	case KEY_AFTER:
		for (size_t i = 0; i < c->after_n && i < MONITOR_AFTER_MAX; i++)
			put_line(o, k->name, c->after[i]);
		return;
	}
}

int monitor_config_format(const struct monitor_config *c, char *out, size_t n)
{
	struct text_out o = { .p = out, .cap = n };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		put_key(&o, &keys[i], c);
	return o.r < 0 ? o.r : (int)o.n;
}
