/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles in docker's form -> OCI: what depends on capabilities, machine and kernel is decided
 * here, so that a runtime only sees names, actions and arguments.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/own.h"
#include "format/js.h"
#include "spec/seccomp.h"
#include "spec/seccomp_profile.h"

static bool has_cap(const char *const *caps, const char *cap)
{
	for (; caps && *caps; caps++)
		if (!strcmp(*caps, cap))
			return true;
	return false;
}

/* whether the blank-separated @list has @word */
static bool list_has(const char *list, const char *word)
{
	size_t want = word ? strlen(word) : 0;
	for (const char *p = list; want && *p;) {
		size_t n = strcspn(p, " ");
		if (n == want && !memcmp(p, word, n))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

static const char *machine(void)
{
	return syscall_arch_rows[syscall_arch_native()].docker;
}

/* --- the default profile ------------------------------------------------------------------ */

static bool row_applies(const struct profile_row *r, const char *const *caps)
{
	if (r->cap && !has_cap(caps, r->cap))
		return false;
	if (r->unless_cap && has_cap(caps, r->unless_cap))
		return false;
	if (r->archs && !list_has(r->archs, machine()))
		return false;
	return !r->unless_archs || !list_has(r->unless_archs, machine());
}

static json_t *row_json(const struct profile_row *r)
{
	json_t *names = json_array();
	for (const char *p = r->names; names && *p;) {
		size_t n = strcspn(p, " ");
		if (json_array_append_new(names, json_stringn(p, n)) < 0) {
			json_decref(names);
			return NULL;
		}
		p += n + (p[n] == ' ');
	}
	json_t *o = r->eno ? json_pack("{s:o, s:s, s:i}", "names", names, "action", "SCMP_ACT_ERRNO",
				       "errnoRet", r->eno) :
			     json_pack("{s:o, s:s}", "names", names, "action", "SCMP_ACT_ALLOW");
	if (!o || !r->cond.set)
		return o;
	json_t *args = json_pack("[{s:i, s:I, s:I, s:s}]", "index", (int)r->cond.index, "value",
				 (json_int_t)r->cond.value, "valueTwo", (json_int_t)r->cond.two, "op",
				 seccomp_operators[r->cond.op]);
	if (json_object_set_new(o, "args", args) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static json_t *default_archs(void)
{
	json_t *list = json_array();
	for (unsigned i = 0; list && i < seccomp_default_archs_n; i++) {
		const struct profile_archs *a = &seccomp_default_archs[i];
		if (a->arch != syscall_arch_native())
			continue;
		int bad = json_array_append_new(list, json_string(syscall_arch_rows[a->arch].oci));
		for (unsigned k = 0; k < a->more_n; k++)
			bad |= json_array_append_new(list,
						     json_string(syscall_arch_rows[a->more[k]].oci));
		if (bad) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *seccomp_default_profile(const char *const *caps)
{
	json_t *calls = json_array();
	for (unsigned i = 0; calls && i < seccomp_default_rows_n; i++) {
		const struct profile_row *r = &seccomp_default_rows[i];
		if (row_applies(r, caps) && json_array_append_new(calls, row_json(r)) < 0) {
			json_decref(calls);
			calls = NULL;
		}
	}
	/* json_pack fails on a NULL member and lets go of the others */
	return json_pack("{s:s, s:i, s:o, s:o}", "defaultAction", "SCMP_ACT_ERRNO", "defaultErrnoRet",
			 EPERM, "architectures", default_archs(), "syscalls", calls);
}

/* --- profiles of users -------------------------------------------------------------------- */

/* "4.8" against the running kernel */
static int kernel_at_least(const char *want, const char *at, bool *ret, struct err *e)
{
	struct utsname u;
	unsigned major, minor, have_major = 0, have_minor = 0;
	char end;

	if (sscanf(want, "%u.%u%c", &major, &minor, &end) != 2)
		return err_new(e, E_INVALID, EINVAL, "%s.minKernel: \"%s\" is not a version such as 4.8",
			       at, want);
	if (uname(&u) == 0)
		(void)sscanf(u.release, "%u.%u", &have_major, &have_minor); /* else 0.0: older */
	*ret = have_major > major || (have_major == major && have_minor >= minor);
	return 0;
}

struct filter_match {
	bool arch, any_cap, all_caps, kernel;  /* what the filter asks for is there */
	bool has_arches, has_caps, has_kernel; /* what it asks for at all */
};

static int filter_read(const json_t *call, const char *at, const char *key,
		       const char *const *caps, struct filter_match *m, struct err *e)
{
	json_t *o = NULL, *arches = NULL, *names = NULL, *item;
	const char *kernel = NULL;
	size_t i;

	*m = (struct filter_match){ .all_caps = true };
	int r = js_get_obj(call, at, key, &o, e);
	if (r <= 0)
		return r;
	if (js_get_arr(o, at, "arches", &arches, e) < 0 || js_get_arr(o, at, "caps", &names, e) < 0 ||
	    js_get_str(o, at, "minKernel", &kernel, e) < 0)
		return -EINVAL;
	json_array_foreach(arches, i, item) {
		m->has_arches = true;
		m->arch = m->arch || (machine() && json_is_string(item) &&
				      !strcmp(json_string_value(item), machine()));
	}
	json_array_foreach(names, i, item) {
		bool has = json_is_string(item) && has_cap(caps, json_string_value(item));
		m->has_caps = true;
		m->any_cap = m->any_cap || has;
		m->all_caps = m->all_caps && has;
	}
	m->has_kernel = kernel && *kernel;
	return m->has_kernel ? kernel_at_least(kernel, at, &m->kernel, e) : 0;
}

/* 1 when the entry counts here, 0 when not */
static int call_applies(const json_t *call, const char *at, const char *const *caps, struct err *e)
{
	struct filter_match m;

	if (filter_read(call, at, "excludes", caps, &m, e) < 0)
		return -EINVAL;
	if ((m.has_arches && m.arch) || (m.has_caps && m.any_cap) || (m.has_kernel && m.kernel))
		return 0;
	if (filter_read(call, at, "includes", caps, &m, e) < 0)
		return -EINVAL;
	return (!m.has_arches || m.arch) && (!m.has_caps || m.all_caps) &&
	       (!m.has_kernel || m.kernel);
}

/* docker also takes "name" for a single call */
static int call_names(json_t *copy, const char *at, struct err *e)
{
	const char *name = NULL;
	json_t *names = NULL;

	if (js_get_str(copy, at, "name", &name, e) < 0 || js_get_arr(copy, at, "names", &names, e) < 0)
		return -EINVAL;
	if (!name || !*name)
		return 0;
	if (json_array_size(names))
		return err_new(e, E_INVALID, EINVAL, "%s: both name and names are given", at);
	if (json_object_set_new(copy, "names", json_pack("[s]", name)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	return 0;
}

static int resolve_calls(const json_t *profile, const char *const *caps, json_t *out, struct err *e)
{
	static const char *const gone[] = { "includes", "excludes", "comment", "name" };
	json_t *calls = NULL, *item;
	size_t i;

	if (js_get_arr(profile, "", "syscalls", &calls, e) < 0)
		return -EINVAL;
	json_array_foreach(calls, i, item) {
		char at[48];
		snprintf(at, sizeof at, "syscalls[%zu]", i);
		if (!json_is_object(item))
			return err_new(e, E_INVALID, EINVAL, "%s: expected object", at);
		int r = call_applies(item, at, caps, e);
		if (r <= 0) {
			if (r < 0)
				return r;
			continue;
		}
		OWN_JSON copy = json_copy(item);
		if (!copy)
			return err_new(e, E_NOMEM, ENOMEM, "out of memory");
		if (call_names(copy, at, e) < 0)
			return -EINVAL;
		for (size_t k = 0; k < ARRAY_LEN(gone); k++)
			(void)json_object_del(copy, gone[k]); /* absent is fine */
		if (json_array_append(out, copy) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	}
	return 0;
}

/* archMap: this machine's row names the architectures whose programs it can run. */
static int resolve_archs(const json_t *profile, json_t *out, struct err *e)
{
	json_t *map = NULL, *archs = NULL, *item;
	const char *native = syscall_arch_rows[syscall_arch_native()].oci;
	size_t i;

	if (js_get_arr(profile, "", "archMap", &map, e) < 0 ||
	    js_get_arr(profile, "", "architectures", &archs, e) < 0)
		return -EINVAL;
	if (json_array_size(map) && json_array_size(archs))
		return err_new(e, E_INVALID, EINVAL, "both architectures and archMap are given");
	json_array_foreach(map, i, item) {
		const char *name = NULL;
		json_t *subs = NULL;
		char at[48];
		snprintf(at, sizeof at, "archMap[%zu]", i);
		if (!json_is_object(item))
			return err_new(e, E_INVALID, EINVAL, "%s: expected object", at);
		if (js_get_str(item, at, "architecture", &name, e) < 0 ||
		    js_get_arr(item, at, "subArchitectures", &subs, e) < 0)
			return -EINVAL;
		if (!name || strcmp(name, native) != 0)
			continue;
		json_t *list = json_pack("[s]", name);
		if (!list || (subs && json_array_extend(list, subs) < 0) ||
		    json_object_set_new(out, "architectures", list) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "out of memory");
		break;
	}
	return 0;
}

int seccomp_profile_resolve(const json_t *profile, const char *const *caps, json_t **ret,
			    struct err *e)
{
	const char *action = NULL;
	json_t *given = NULL;

	if (!json_is_object(profile))
		return err_new(e, E_INVALID, EINVAL, "a seccomp profile is a JSON object");
	if (js_get_str(profile, "", "defaultAction", &action, e) < 0 ||
	    js_get_arr(profile, "", "syscalls", &given, e) < 0)
		return -EINVAL;
	if ((!action || !*action) && !json_array_size(given)) {
		*ret = NULL;
		return 0;
	}
	OWN_JSON out = json_copy((json_t *)profile); /* the members stay shared and unchanged */
	OWN_JSON calls = json_array();
	if (!out || !calls)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	(void)json_object_del(out, "archMap"); /* absent is fine */
	int r = resolve_archs(profile, out, e);
	if (r >= 0)
		r = resolve_calls(profile, caps, calls, e);
	if (r < 0)
		return r;
	if (json_object_set(out, "syscalls", calls) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	*ret = ptr_take(&out);
	return 0;
}
