/* SPDX-License-Identifier: Apache-2.0
 *
 * Users of a container: see user.h. The files come from an image and may hold anything: lines
 * with too few fields or bad numbers are skipped, as libc does.
 */
#include "engine/user.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { FIELDS = 7, GROUPS_MAX = 65536 };

/* cut one line into fields; returns the start of the next line, NULL at the end */
static const char *line_cut(const char *p, char *line, size_t size, char *field[FIELDS])
{
	size_t n = strcspn(p, "\n");
	const char *next = p[n] ? p + n + 1 : NULL;

	if (n >= size)
		n = size - 1;
	memcpy(line, p, n);
	line[n] = 0;
	if (n && line[n - 1] == '\r')
		line[n - 1] = 0;
	for (int i = 0; i < FIELDS; i++) {
		field[i] = line;
		line += strcspn(line, ":");
		if (*line)
			*line++ = 0;
	}
	return next;
}

struct entry {
	uint32_t uid, gid;
	char name[256], home[4096];
};

static bool passwd_find(const char *text, const char *name, bool numeric, uint32_t uid, struct entry *ret)
{
	char line[8192], *f[FIELDS];
	uint32_t u, g;

	for (const char *p = text; p && *p;) {
		p = line_cut(p, line, sizeof line, f);
		if (text_uint32(f[2], &u) < 0 || text_uint32(f[3], &g) < 0)
			continue;
		if (strcmp(f[0], name) && !(numeric && u == uid))
			continue;
		ret->uid = u;
		ret->gid = g;
		(void)snprintf(ret->name, sizeof ret->name, "%s", f[0]);
		(void)snprintf(ret->home, sizeof ret->home, "%s", f[5]);
		return true;
	}
	return false;
}

static bool group_find(const char *text, const char *name, uint32_t *ret)
{
	char line[65536], *f[FIELDS];

	for (const char *p = text; p && *p;) {
		p = line_cut(p, line, sizeof line, f);
		if (!strcmp(f[0], name) && text_uint32(f[2], ret) >= 0)
			return true;
	}
	return false;
}

static int add(struct arena *a, uint32_t **list, size_t *n, size_t *cap, uint32_t gid, struct err *e)
{
	for (size_t i = 0; i < *n; i++)
		if ((*list)[i] == gid)
			return 0;
	if (*n >= GROUPS_MAX)
		return err_new(e, E_INVALID, EINVAL, "too many groups");
	uint32_t *more = arena_grow(a, *list, cap, *n + 1, sizeof **list);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "groups");
	*list = more;
	(*list)[(*n)++] = gid;
	return 0;
}

/* groups whose member list (comma separated) holds @name */
static int memberships(const char *text, const char *name, struct arena *a, uint32_t **list, size_t *n,
		       size_t *cap, struct err *e)
{
	char line[65536], *f[FIELDS], *save;
	uint32_t gid;

	for (const char *p = text; p && *p;) {
		p = line_cut(p, line, sizeof line, f);
		if (text_uint32(f[2], &gid) < 0)
			continue;
		for (char *m = strtok_r(f[3], ",", &save); m; m = strtok_r(NULL, ",", &save))
			if (!strcmp(m, name) && add(a, list, n, cap, gid, e) < 0)
				return -e->eno;
	}
	return 0;
}

static int group_of(const char *spec, const char *group, uint32_t *ret, struct err *e)
{
	if (group_find(group, spec, ret))
		return 0;
	if (text_uint32(spec, ret) < 0)
		return err_new(e, E_INVALID, EINVAL,
			       "unable to find group %s: no matching entries in group file", spec);
	if (*ret > INT32_MAX)
		return err_new(e, E_INVALID, EINVAL, "uids and gids must be in range 0-2147483647");
	return 0;
}

int user_resolve(const char *spec, const char *passwd, const char *group, const char *const *extra,
		 struct arena *a, struct user_info *ret, struct err *e)
{
	struct user_info u = { .home = "/" };
	struct entry en = { 0 };
	size_t n = strcspn(spec, ":"), cap = 0;
	const char *group_part = spec[n] ? spec + n + 1 : "";
	char *name = arena_strndup(a, spec, n);
	uint32_t *groups = NULL, gid;

	if (!name)
		return err_new(e, E_NOMEM, ENOMEM, "user");
	bool numeric = !*name || text_uint32(name, &u.uid) >= 0;
	if (numeric && u.uid > INT32_MAX)
		return err_new(e, E_INVALID, EINVAL, "uids and gids must be in range 0-2147483647");
	bool known = passwd_find(passwd, name, numeric, u.uid, &en);
	if (!known && !numeric)
		return err_new(e, E_INVALID, EINVAL,
			       "unable to find user %s: no matching entries in passwd file", name);
	if (known) {
		u.uid = en.uid;
		u.gid = en.gid;
		if (en.home[0] && !(u.home = arena_strdup(a, en.home)))
			return err_new(e, E_NOMEM, ENOMEM, "user");
	}
	/* an explicit group replaces the memberships, as in docker */
	if (*group_part) {
		if (group_of(group_part, group, &u.gid, e) < 0)
			return -e->eno;
	} else if (known && memberships(group, en.name, a, &groups, &u.n_groups, &cap, e) < 0)
		return -e->eno;
	for (; extra && *extra; extra++)
		if (group_of(*extra, group, &gid, e) < 0 ||
		    add(a, &groups, &u.n_groups, &cap, gid, e) < 0)
			return -e->eno;
	u.groups = groups;
	*ret = u;
	return 0;
}
