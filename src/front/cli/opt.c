/* SPDX-License-Identifier: Apache-2.0
 *
 * Options as rows: see opt.h. The grammar is that of docker's flag library: --name value,
 * --name=value, -n value, -nvalue, -n=value, clusters of boolean letters, "--" ends the flags.
 */
#include "front/cli/opt.h"

#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "format/js.h"

/* object that holds the last component of @path; *ret_key is that component */
static json_t *place(json_t *o, const char *path, const char **ret_key)
{
	char key[128];

	if (*path == '@') { /* one flat name */
		*ret_key = path;
		return o;
	}
	for (;;) {
		const char *dot = strchr(path, '.');
		if (!dot) {
			*ret_key = path;
			return o;
		}
		size_t n = (size_t)(dot - path);
		if (n >= sizeof key)
			return NULL;
		memcpy(key, path, n);
		key[n] = 0;
		json_t *next = json_object_get(o, key);
		if (!json_is_object(next)) {
			next = json_object();
			if (json_object_set_new(o, key, next) < 0)
				return NULL;
		}
		o = next;
		path = dot + 1;
	}
}

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "options: out of memory");
}

int opt_store(json_t *request, const char *path, json_t *value, struct err *e)
{
	const char *key;
	json_t *o = place(request, path, &key);
	if (!o || !value || json_object_set_new(o, key, value) < 0)
		return nomem(e);
	return 0;
}

int opt_append(json_t *request, const char *path, json_t *value, struct err *e)
{
	const char *key;
	json_t *o = place(request, path, &key);
	json_t *list = o ? json_object_get(o, key) : NULL;

	if (o && !json_is_array(list)) {
		list = json_array();
		if (json_object_set_new(o, key, list) < 0)
			list = NULL;
	}
	if (!list || !value || json_array_append_new(list, value) < 0)
		return nomem(e);
	return 0;
}

int opt_set_key(json_t *request, const char *path, const char *key, json_t *value, struct err *e)
{
	const char *last;
	json_t *o = place(request, path, &last);
	json_t *map = o ? json_object_get(o, last) : NULL;

	if (o && !json_is_object(map)) {
		map = json_object();
		if (json_object_set_new(o, last, map) < 0)
			map = NULL;
	}
	if (!map || !value || json_object_set_new(map, key, value) < 0)
		return nomem(e);
	return 0;
}

bool opt_bool(const json_t *request, const char *at_name)
{
	return json_is_true(json_object_get(request, at_name));
}

const char *opt_str(const json_t *request, const char *at_name, const char *dflt)
{
	const json_t *j = json_object_get(request, at_name);
	return json_is_string(j) ? json_string_value(j) : dflt;
}

long long opt_int(const json_t *request, const char *at_name, long long dflt)
{
	const json_t *j = json_object_get(request, at_name);
	return json_is_integer(j) ? (long long)json_integer_value(j) : dflt;
}

/* a value that is not well-formed, in the words of docker's flag library */
static int bad_value(const struct opt *o, const char *value, const char *why, struct err *e)
{
	if (o->letter)
		return err_new(e, E_USAGE, EINVAL, "invalid argument \"%s\" for \"-%c, --%s\" flag: %s", value,
			       o->letter, o->name, why);
	return err_new(e, E_USAGE, EINVAL, "invalid argument \"%s\" for \"--%s\" flag: %s", value, o->name,
		       why);
}

static int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(s, yes[i]))
			return *ret = true, 0;
		if (!strcmp(s, no[i]))
			return *ret = false, 0;
	}
	return -EINVAL;
}

static int parse_cpus(const char *s, int64_t *ret)
{
	int64_t whole = 0, nano = 0, scale = 100000000;
	bool any = false;

	for (; *s >= '0' && *s <= '9' && whole < 1000000; s++, any = true)
		whole = whole * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, any = true) {
			if (!scale && *s != '0')
				return -ERANGE; /* finer than a nano CPU */
			nano += (*s - '0') * scale;
			scale /= 10;
		}
	if (!any || *s)
		return -EINVAL;
	*ret = whole * 1000000000 + nano;
	return 0;
}

static int put_number(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	int64_t v = 0;
	const char *why = NULL;
	int r = 0;

	if (o->type == OPT_INT) {
		r = text_int64(value, &v);
		why = r == -ERANGE ? "value out of range" : "invalid syntax";
	} else if (o->type == OPT_BYTES) {
		r = strcmp(value, "-1") ? text_bytes(value, &v) : (v = -1, 0);
		why = "invalid size: expected a number with an optional b, k, m, g or t";
	} else if (o->type == OPT_CPUS) {
		r = parse_cpus(value, &v);
		why = "failed to parse as a rational number of CPUs";
	} else {
		r = duration_parse(value, &v);
		why = "time: invalid duration";
	}
	if (r < 0)
		return bad_value(o, value, why, e);
	return opt_store(request, o->path, json_integer(v), e);
}

static int put_text(json_t *request, const struct opt *o, const char *value,
		    int (*store)(json_t *, const char *, json_t *, struct err *), struct err *e)
{
	json_t *s = json_string(value);
	if (!s)
		return bad_value(o, value, "not valid UTF-8", e);
	return store(request, o->path, s, e);
}

static int put_map(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	const char *eq = strchr(value, '=');
	char key[512];
	size_t n = eq ? (size_t)(eq - value) : strlen(value);

	if (!n || n >= sizeof key)
		return bad_value(o, value, "must be formatted as key=value", e);
	memcpy(key, value, n);
	key[n] = 0;
	json_t *s = json_string(eq ? eq + 1 : "");
	if (!s)
		return bad_value(o, value, "not valid UTF-8", e);
	return opt_set_key(request, o->path, key, s, e);
}

static int put(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	bool b;

	switch (o->type) {
	case OPT_BOOL:
		if (parse_bool(value, &b) < 0)
			return bad_value(o, value, "invalid syntax", e);
		return opt_store(request, o->path, json_boolean(o->flags & OPT_INVERT ? !b : b), e);
	case OPT_STRING:
		if (o->flags & OPT_ONE_LIST)
			return opt_store(request, o->path, json_pack("[s]", value), e);
		return put_text(request, o, value, opt_store, e);
	case OPT_INT:
	case OPT_BYTES:
	case OPT_CPUS:
	case OPT_DURATION:
		return put_number(request, o, value, e);
	case OPT_LIST:
		if (o->flags & OPT_OBJECTS)
			return opt_set_key(request, o->path, value, json_object(), e);
		return put_text(request, o, value, opt_append, e);
	case OPT_MAP:
		return put_map(request, o, value, e);
	case OPT_CUSTOM:
		if (o->put(request, o, value, e) < 0) {
			if (e->kind == E_USAGE && !text_starts(e->chain, "invalid argument")) {
				char why[sizeof e->chain];
				memcpy(why, e->chain, sizeof why);
				return bad_value(o, value, why, e);
			}
			return -e->eno;
		}
		return 0;
	case OPT_REFUSED:
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "flag --%s is not supported: %s", o->name, o->help);
	case OPT_TYPE_N:
	default:
		return err_new(e, E_INTERNAL, EINVAL, "flag --%s has no type", o->name);
	}
}

static const struct opt *by_name(const struct opt_set *sets, size_t n_sets, const char *name, size_t n)
{
	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < sets[s].n; i++)
			if (strlen(sets[s].rows[i].name) == n && !memcmp(sets[s].rows[i].name, name, n))
				return &sets[s].rows[i];
	return NULL;
}

static const struct opt *by_letter(const struct opt_set *sets, size_t n_sets, char c)
{
	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < sets[s].n; i++)
			if (sets[s].rows[i].letter == c)
				return &sets[s].rows[i];
	return NULL;
}

static int unknown_flag(const struct opt_set *sets, size_t n_sets, const char *name, struct err *e)
{
	const char *best = NULL;
	unsigned best_d = 3; /* further than two edits is no suggestion */

	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < sets[s].n; i++) {
			unsigned d = text_distance(name, sets[s].rows[i].name);
			if (d < best_d && !(sets[s].rows[i].flags & OPT_HIDDEN)) {
				best_d = d;
				best = sets[s].rows[i].name;
			}
		}
	(void)err_new(e, E_USAGE, EINVAL, "unknown flag: --%s", name);
	if (best)
		err_hint(e, "did you mean --%s?", best);
	return -EINVAL;
}

struct scan {
	const struct opt_set *sets;
	size_t n_sets;
	char **argv;
	int argc, i;
	struct opt_result *res;
	struct err *e;
};

static int scan_long(struct scan *s, const char *arg)
{
	const char *eq = strchr(arg, '=');
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	const struct opt *o = by_name(s->sets, s->n_sets, arg, n);

	if (!o) {
		if (n == 4 && !memcmp(arg, "help", 4)) {
			s->res->help = true;
			return 0;
		}
		char name[64];
		(void)memcpy(name, arg, n < sizeof name ? n : sizeof name - 1);
		name[n < sizeof name ? n : sizeof name - 1] = 0;
		return unknown_flag(s->sets, s->n_sets, name, s->e);
	}
	if (eq)
		return put(s->res->request, o, eq + 1, s->e);
	if (o->type == OPT_BOOL)
		return put(s->res->request, o, "true", s->e);
	if (s->i + 1 >= s->argc) {
		if (o->type == OPT_REFUSED)
			return put(s->res->request, o, "", s->e);
		return err_new(s->e, E_USAGE, EINVAL, "flag needs an argument: --%s", o->name);
	}
	return put(s->res->request, o, s->argv[++s->i], s->e);
}

static int scan_letters(struct scan *s, const char *arg)
{
	for (const char *p = arg + 1; *p; p++) {
		const struct opt *o = by_letter(s->sets, s->n_sets, *p);
		if (!o && *p == 'h' && !p[1] && p == arg + 1) {
			s->res->help = true;
			return 0;
		}
		if (!o)
			return err_new(s->e, E_USAGE, EINVAL, "unknown shorthand flag: '%c' in %s", *p, arg);
		int r;
		if (o->type == OPT_BOOL) {
			bool value = p[1] == '=';
			r = put(s->res->request, o, value ? p + 2 : "true", s->e);
			if (r < 0 || value)
				return r;
			continue;
		}
		if (p[1])
			return put(s->res->request, o, p + 1 + (p[1] == '='), s->e);
		if (s->i + 1 >= s->argc)
			return err_new(s->e, E_USAGE, EINVAL, "flag needs an argument: '%c' in %s", *p, arg);
		return put(s->res->request, o, s->argv[++s->i], s->e);
	}
	return 0;
}

int opt_parse(const struct opt_set *sets, size_t n_sets, int argc, char **argv, unsigned flags,
	      struct arena *a, struct opt_result *ret, struct err *e)
{
	OWN_JSON request = json_object();
	struct opt_result res = { .request = request };
	struct scan s = { sets, n_sets, argv, argc, 0, &res, e };

	res.argv = arena_get(a, ((size_t)argc + 1) * sizeof *res.argv);
	if (!request || !res.argv)
		return nomem(e);
	for (; s.i < argc; s.i++) {
		char *arg = argv[s.i];
		int r = 0;
		if (arg[0] != '-' || !arg[1]) {
			res.argv[res.argc++] = arg;
			if (flags & OPT_STOP_AT_ARG) {
				s.i++;
				break;
			}
			continue;
		}
		if (!strcmp(arg, "--")) {
			s.i++;
			break;
		}
		r = arg[1] == '-' ? scan_long(&s, arg + 2) : scan_letters(&s, arg);
		if (r < 0)
			return r;
	}
	while (s.i < argc)
		res.argv[res.argc++] = argv[s.i++];
	*ret = res;
	request = NULL;
	return 0;
}
