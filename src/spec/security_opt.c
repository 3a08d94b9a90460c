/* SPDX-License-Identifier: Apache-2.0
 *
 * Security options: see security_opt.h. Old spellings with ":" instead of "=" are taken.
 */
#include "spec/security_opt.h"

#include <string.h>

static int bool_parse(const char *v, bool *ret)
{
	if (!strcmp(v, "true") || !strcmp(v, "1"))
		*ret = true;
	else if (!strcmp(v, "false") || !strcmp(v, "0"))
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

static int label(const char *v, struct security_opt *o)
{
	static const struct {
		const char *key;
		size_t offset;
	} parts[] = {
		{ "user:", offsetof(struct security_opt, label_user) },
		{ "role:", offsetof(struct security_opt, label_role) },
		{ "type:", offsetof(struct security_opt, label_type) },
		{ "level:", offsetof(struct security_opt, label_level) },
	};
	if (!strcmp(v, "disable")) {
		o->label_disable = true;
		return 0;
	}
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		size_t n = strlen(parts[i].key);
		if (!strncmp(v, parts[i].key, n) && v[n]) {
			*(const char **)((char *)o + parts[i].offset) = v + n;
			return 0;
		}
	}
	return -EINVAL;
}

static int one(const char *s, struct security_opt *o)
{
	size_t n = strcspn(s, "=:");
	const char *v = s[n] ? s + n + 1 : NULL;

	if (!strncmp(s, "no-new-privileges", n) && n == 17) {
		o->no_new_privileges = true;
		return v ? bool_parse(v, &o->no_new_privileges) : 0;
	}
	if (!strcmp(s, "disable")) { /* very old form of label=disable */
		o->label_disable = true;
		return 0;
	}
	if (!v || !*v)
		return -EINVAL;
	if (n == 7 && !strncmp(s, "seccomp", n))
		o->seccomp = v;
	else if (n == 8 && !strncmp(s, "apparmor", n))
		o->apparmor = v;
	else if (n == 5 && !strncmp(s, "label", n))
		return label(v, o);
	else if (n == 11 && !strncmp(s, "systempaths", n) && !strcmp(v, "unconfined"))
		o->systempaths_unconfined = true;
	else if (n == 16 && !strncmp(s, "writable-cgroups", n))
		return bool_parse(v, &o->writable_cgroups);
	else
		return -EINVAL;
	return 0;
}

int security_opt_parse(const json_t *list, struct security_opt *ret, struct err *e)
{
	struct security_opt o = { 0 };
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) {
		const char *s = json_string_value(v);
		if (!s || one(s, &o) < 0)
			return err_new(e, E_INVALID, EINVAL, "invalid --security-opt %zu: \"%.100s\"", i + 1,
				       s ? s : "");
	}
	*ret = o;
	return 0;
}
