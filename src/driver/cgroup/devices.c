/* SPDX-License-Identifier: Apache-2.0
 *
 * Device rules: the OCI list, the default devices, and how a v1 group is brought from what it has
 * to what is wanted without forbidding in between what stays allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "format/js.h"

#define AT "linux.resources.devices"

/* What every container may use, as runc: making any node, and these. */
static const struct cg_device defaults[] = {
	{ 'c', -1, -1, CG_DEV_MKNOD, true },   { 'b', -1, -1, CG_DEV_MKNOD, true },
	{ 'c', 1, 3, CG_DEV_ALL, true },       /* null */
	{ 'c', 1, 5, CG_DEV_ALL, true },       /* zero */
	{ 'c', 1, 7, CG_DEV_ALL, true },       /* full */
	{ 'c', 1, 8, CG_DEV_ALL, true },       /* random */
	{ 'c', 1, 9, CG_DEV_ALL, true },       /* urandom */
	{ 'c', 5, 0, CG_DEV_ALL, true },       /* tty */
	{ 'c', 5, 2, CG_DEV_ALL, true },       /* ptmx */
	{ 'c', 136, -1, CG_DEV_ALL, true },    /* pts */
	{ 'c', 10, 200, CG_DEV_ALL, true },    /* net/tun */
};

static int access_parse(const char *s, unsigned *ret)
{
	*ret = 0;
	for (; *s; s++)
		if (*s == 'm')
			*ret |= CG_DEV_MKNOD;
		else if (*s == 'r')
			*ret |= CG_DEV_READ;
		else if (*s == 'w')
			*ret |= CG_DEV_WRITE;
		else
			return -EINVAL;
	return *ret ? 0 : -EINVAL;
}

static int rule_read(const json_t *o, const char *at, struct cg_device *ret, struct err *e)
{
	const char *type = "a", *access = "rwm";
	*ret = (struct cg_device){ .major = -1, .minor = -1 };

	if (!json_is_object(o))
		return err_new(e, E_INVALID, EINVAL, "%s: expected object", at);
	if (js_get_bool(o, at, "allow", &ret->allow, e) < 0 || js_get_str(o, at, "type", &type, e) < 0 ||
	    js_get_int(o, at, "major", &ret->major, e) < 0 ||
	    js_get_int(o, at, "minor", &ret->minor, e) < 0 ||
	    js_get_str(o, at, "access", &access, e) < 0)
		return -EINVAL;
	ret->type = *type == 'u' ? 'c' : *type ? *type : 'a';
	if ((*type && type[1]) || !strchr("abc", ret->type))
		return err_new(e, E_INVALID, EINVAL, "%s.type: \"%s\" is none of a, b, c", at, type);
	if (ret->major < -1 || ret->minor < -1 || ret->major > UINT32_MAX || ret->minor > UINT32_MAX)
		return err_new(e, E_INVALID, EINVAL, "%s: major and minor are numbers, -1 for any", at);
	if (access_parse(*access ? access : "rwm", &ret->access) < 0)
		return err_new(e, E_INVALID, EINVAL, "%s.access: \"%s\" has letters besides r, w, m", at,
			       access);
	return 0;
}

int cg_devices_read(const json_t *list, struct cg_device **ret, size_t *ret_n, struct err *e)
{
	size_t n = json_array_size(list), i;
	OWN_PTR struct cg_device *r = calloc(n + ARRAY_LEN(defaults), sizeof *r);
	json_t *item;

	if (!r)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	json_array_foreach(list, i, item) {
		char at[48];
		(void)snprintf(at, sizeof at, AT "[%zu]", i); /* fits */
		if (rule_read(item, at, &r[i], e) < 0)
			return -EINVAL;
	}
	memcpy(r + n, defaults, sizeof defaults);
	*ret_n = n + ARRAY_LEN(defaults);
	*ret = ptr_take(&r);
	return 0;
}

/* --- v1: a default and exceptions ---------------------------------------------------------- */

struct state {
	bool allow;          /* what is not among the exceptions */
	struct cg_device *x; /* exceptions; .allow is not used */
	size_t n, cap;
};

static void state_done(struct state *s)
{
	free(s->x);
}
#define OWN_STATE CLEANUP(state_done) struct state

static bool same_device(const struct cg_device *a, const struct cg_device *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

/* whether @a names every device that @b names */
static bool covers(const struct cg_device *a, const struct cg_device *b)
{
	return a->type == b->type && (a->major == -1 || a->major == b->major) &&
	       (a->minor == -1 || a->minor == b->minor);
}

static int exception_add(struct state *s, const struct cg_device *r)
{
	for (size_t i = 0; i < s->n; i++)
		if (same_device(&s->x[i], r)) {
			s->x[i].access |= r->access;
			return 0;
		}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 32;
		struct cg_device *x = realloc(s->x, cap * sizeof *x);
		if (!x)
			return -ENOMEM;
		s->x = x;
		s->cap = cap;
	}
	s->x[s->n++] = *r;
	return 0;
}

/* Takes @r out of the exceptions. The kernel's list cannot say "all of these but that one". */
static int exception_take(struct state *s, const struct cg_device *r)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (!covers(r, &s->x[i]) && covers(&s->x[i], r) && s->x[i].access & r->access)
			return -EOPNOTSUPP;
	for (size_t i = 0; i < s->n; i++) {
		if (covers(r, &s->x[i]))
			s->x[i].access &= ~r->access;
		if (s->x[i].access)
			s->x[n++] = s->x[i];
	}
	s->n = n;
	return 0;
}

static int state_apply(struct state *s, const struct cg_device *r)
{
	if (r->type == 'a') {
		s->allow = r->allow;
		s->n = 0;
		return 0;
	}
	return r->allow == s->allow ? exception_take(s, r) : exception_add(s, r);
}

/* devices.list: "a *:* rwm" or "c 1:3 rwm" lines */
static int state_parse(const char *text, struct state *s)
{
	*s = (struct state){ 0 };
	while (*text) {
		char type, access[4], major[16], minor[16];
		struct cg_device r = { .major = -1, .minor = -1 };
		if (sscanf(text, "%c %15[0-9*]:%15[0-9*] %3[rwm]", &type, major, minor, access) == 4) {
			r.type = type;
			if (*major != '*')
				r.major = atoll(major);
			if (*minor != '*')
				r.minor = atoll(minor);
			(void)access_parse(access, &r.access); /* sscanf took only these letters */
			if (type == 'a')
				s->allow = true;
			else if (exception_add(s, &r) < 0)
				return -ENOMEM;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return 0;
}

static void number_text(int64_t v, char out[24])
{
	if (v < 0)
		memcpy(out, "*", 2);
	else
		(void)snprintf(out, 24, "%lld", (long long)v); /* fits */
}

/* Both control files, opened when first needed: a list of rules is one write each. */
struct files {
	struct cgroup *cg;
	struct cg_tree *t;
	int fd[2]; /* deny, allow */
};

static void files_done(struct files *f)
{
	int *fds[] = { &f->fd[0], &f->fd[1] };

	io_close_all(fds, ARRAY_LEN(fds));
}
#define OWN_FILES CLEANUP(files_done) struct files

static int text_write(struct files *f, bool allow, const char *text, struct err *e)
{
	const char *name = allow ? "devices.allow" : "devices.deny";
	char path[PATH_MAX];

	if (f->fd[allow] < 0 && snprintf(path, sizeof path, "%s/%s", f->t->dir, name) < (int)sizeof path)
		f->fd[allow] = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd[allow] < 0 || write(f->fd[allow], text, strlen(text)) < 0)
		return cg_write_failed(f->cg, f->t, AT, name, text, -errno, e);
	return 0;
}

static int rule_write(struct files *f, bool allow, const struct cg_device *r, struct err *e)
{
	char text[64], major[24], minor[24];
	number_text(r->major, major);
	number_text(r->minor, minor);
	(void)snprintf(text, sizeof text, "%c %s:%s %s%s%s", r->type, major, minor,
		       r->access & CG_DEV_READ ? "r" : "", r->access & CG_DEV_WRITE ? "w" : "",
		       r->access & CG_DEV_MKNOD ? "m" : ""); /* fits */
	return text_write(f, allow, text, e);
}

static bool is_in(const struct state *s, const struct cg_device *r)
{
	for (size_t i = 0; i < s->n; i++)
		if (same_device(&s->x[i], r) && s->x[i].access == r->access)
			return true;
	return false;
}

static int transition(struct cgroup *cg, struct cg_tree *t, struct state *now,
		      const struct state *want, struct err *e)
{
	OWN_FILES f = { .cg = cg, .t = t, .fd = { -1, -1 } };
	int r = 0;

	if (now->allow != want->allow || (want->allow && now->n)) {
		/* writing "a" also forgets the exceptions */
		r = text_write(&f, want->allow, "a", e);
		now->n = 0;
	}
	for (size_t i = 0; r >= 0 && i < want->n; i++)
		if (!is_in(now, &want->x[i]))
			r = rule_write(&f, !want->allow, &want->x[i], e);
	for (size_t i = 0; r >= 0 && i < now->n; i++) {
		struct cg_device gone = now->x[i];
		for (size_t k = 0; k < want->n; k++)
			if (same_device(&gone, &want->x[k]))
				gone.access &= ~want->x[k].access;
		if (gone.access)
			r = rule_write(&f, want->allow, &gone, e);
	}
	return r;
}

int cg_devices_legacy(struct cgroup *cg, struct cg_tree *t, const struct cg_device *r, size_t n,
		      struct err *e)
{
	OWN_STATE want = { 0 };
	OWN_STATE now = { .allow = true };
	OWN_STR text = NULL;
	int rc = 0;

	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = state_apply(&want, &r[i]);
	if (rc == -EOPNOTSUPP)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, AT ": cgroup v1 cannot except one device from "
			       "a wider rule before it");
	if (rc < 0)
		return err_new(e, E_NOMEM, -rc, "out of memory");
	/* A fresh group below one that allows everything starts so; below others, and later, the
	 * kernel tells. */
	if ((want.allow || !cg->fresh) && cg_read_all(t, "devices.list", &text) == 0 &&
	    state_parse(text, &now) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	if (text && now.allow)
		now.n = 0;
	/* exceptions of an allow-all group are not shown: say them again from the start */
	if (!cg->fresh && now.allow && want.allow)
		now.allow = false;
	return transition(cg, t, &now, &want, e);
}

int cg_devices_set(struct cgroup *cg, const json_t *list, struct err *e)
{
	OWN_PTR struct cg_device *r = NULL;
	struct cg_tree *t = cg_tree_of(cg, CG_DEVICES);
	size_t n;

	int rc = cg_devices_read(list, &r, &n, e);
	if (rc < 0)
		return rc;
	if (!t) /* no rules to keep is worse than an error, unless nothing can be kept from anyone */
		return cg->denied ? 0 : cg_missing(cg, CG_DEVICES, AT, e);
	return t->unified ? cg_device_bpf_set(cg, t, r, n, e) : cg_devices_legacy(cg, t, r, n, e);
}
