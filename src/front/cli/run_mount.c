/* SPDX-License-Identifier: Apache-2.0
 *
 * --mount type=...,source=...,target=...: one CSV line -> a member of HostConfig.Mounts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/own.h"
#include "base/text.h"
#include "front/cli/run_fields.h"

enum { FIELDS_MAX = 64 };

/* CSV as RFC 4180: a field may be quoted, "" inside quotes is a quote. Cuts @text in place. */
static int csv_split(char *text, char **fields, size_t *ret_n, struct err *e)
{
	size_t n = 0;
	char *r = text, *w = text;

	for (;;) {
		if (n == FIELDS_MAX)
			return err_new(e, E_USAGE, E2BIG, "too many fields");
		fields[n++] = w;
		if (*r == '"') {
			for (r++; *r && !(*r == '"' && r[1] != '"'); r++) {
				r += *r == '"';
				*w++ = *r;
			}
			if (!*r++)
				return err_new(e, E_USAGE, EINVAL, "a quote is not closed");
		} else
			while (*r && *r != ',')
				*w++ = *r++;
		if (!*r) {
			*w = 0;
			*ret_n = n;
			return 0;
		}
		if (*r != ',')
			return err_new(e, E_USAGE, EINVAL, "text after a closing quote");
		r++;
		*w++ = 0;
	}
}

enum value_kind { VALUE_TEXT, VALUE_BOOL, VALUE_INVERTED, VALUE_BYTES, VALUE_OCTAL, VALUE_PAIR };

static const struct mount_key {
	const char *key, *path;
	enum value_kind kind;
} keys[] = {
	{ "bind-nonrecursive", "BindOptions.NonRecursive", VALUE_BOOL },
	{ "bind-propagation", "BindOptions.Propagation", VALUE_TEXT },
	{ "consistency", "Consistency", VALUE_TEXT },
	{ "destination", "Target", VALUE_TEXT },
	{ "dst", "Target", VALUE_TEXT },
	{ "readonly", "ReadOnly", VALUE_BOOL },
	{ "ro", "ReadOnly", VALUE_BOOL },
	{ "rw", "ReadOnly", VALUE_INVERTED },
	{ "source", "Source", VALUE_TEXT },
	{ "src", "Source", VALUE_TEXT },
	{ "target", "Target", VALUE_TEXT },
	{ "tmpfs-mode", "TmpfsOptions.Mode", VALUE_OCTAL },
	{ "tmpfs-size", "TmpfsOptions.SizeBytes", VALUE_BYTES },
	{ "type", "Type", VALUE_TEXT },
	{ "volume-driver", "VolumeOptions.DriverConfig.Name", VALUE_TEXT },
	{ "volume-label", "VolumeOptions.Labels", VALUE_PAIR },
	{ "volume-nocopy", "VolumeOptions.NoCopy", VALUE_BOOL },
	{ "volume-opt", "VolumeOptions.DriverConfig.Options", VALUE_PAIR },
	{ "volume-subpath", "VolumeOptions.Subpath", VALUE_TEXT },
};

static int bad(const char *key, const char *value, struct err *e)
{
	return err_new(e, E_USAGE, EINVAL, "invalid value for %s: %s", key, value ? value : "(none)");
}

static int mount_bool(const char *value, bool *ret)
{
	if (!value || !strcmp(value, "true") || !strcmp(value, "1"))
		*ret = true;
	else if (!strcmp(value, "false") || !strcmp(value, "0"))
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

/* a host path that starts with "." means the current directory, as in docker's client */
static json_t *absolute(const char *value)
{
	if (value[0] != '.')
		return json_string(value);
	OWN_STR real = realpath(value, NULL);
	return json_string(real ? real : value);
}

static int put_key(json_t *m, const struct mount_key *k, const char *value, struct err *e)
{
	bool b;
	int64_t v;
	char *end;

	switch (k->kind) {
	case VALUE_BOOL:
	case VALUE_INVERTED:
		if (mount_bool(value, &b) < 0)
			return bad(k->key, value, e);
		return opt_store(m, k->path, json_boolean(k->kind == VALUE_BOOL ? b : !b), e);
	case VALUE_BYTES:
		if (!value || text_bytes(value, &v) < 0)
			return bad(k->key, value, e);
		return opt_store(m, k->path, json_integer(v), e);
	case VALUE_OCTAL:
		v = value ? strtol(value, &end, 8) : -1;
		if (v < 0 || v > 07777 || *end)
			return bad(k->key, value, e);
		return opt_store(m, k->path, json_integer(v), e);
	case VALUE_PAIR: {
		const char *eq = value ? strchr(value, '=') : NULL;
		OWN_STR name = value ? strndup(value, eq ? (size_t)(eq - value) : strlen(value)) : NULL;
		if (!name || !*name)
			return bad(k->key, value, e);
		return opt_set_key(m, k->path, name, json_string(eq ? eq + 1 : ""), e);
	}
	case VALUE_TEXT:
	default:
		if (!value)
			return err_new(e, E_USAGE, EINVAL, "invalid field '%s' must be a key=value pair", k->key);
		return opt_store(m, k->path, strcmp(k->path, "Source") ? json_string(value) : absolute(value), e);
	}
}

int put_mount(json_t *request, const struct opt *o, const char *value, struct err *e)
{
	OWN_STR copy = strdup(value);
	char *fields[FIELDS_MAX];
	size_t n = 0;
	json_t *m = json_object();

	if (!copy || !m || opt_append(request, o->path, m, e) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "options: out of memory");
	if (csv_split(copy, fields, &n, e) < 0)
		return -e->eno;
	(void)json_object_set_new(m, "Type", json_string("volume"));
	for (size_t i = 0; i < n; i++) {
		char *eq = strchr(fields[i], '=');
		const struct mount_key *k = NULL;
		if (eq)
			*eq = 0;
		/* bind-recursive has words of its own */
		if (!strcmp(fields[i], "bind-recursive")) {
			const char *v = eq ? eq + 1 : "";
			const char *path = !strcmp(v, "disabled") ? "BindOptions.NonRecursive" :
					   !strcmp(v, "writable") ? "BindOptions.ReadOnlyNonRecursive" :
					   !strcmp(v, "readonly") ? "BindOptions.ReadOnlyForceRecursive" : NULL;
			if (!path && strcmp(v, "enabled"))
				return bad("bind-recursive", v, e);
			if (path && opt_store(m, path, json_true(), e) < 0)
				return -e->eno;
			continue;
		}
		for (size_t j = 0; j < ARRAY_LEN(keys); j++)
			if (!strcmp(keys[j].key, fields[i]))
				k = &keys[j];
		if (!k)
			return err_new(e, E_USAGE, EINVAL, "unexpected key '%s' in '%s'", fields[i], value);
		if (put_key(m, k, eq ? eq + 1 : NULL, e) < 0)
			return -e->eno;
	}
	if (!json_object_get(m, "Target"))
		return err_new(e, E_USAGE, EINVAL, "target is required");
	return 0;
}
