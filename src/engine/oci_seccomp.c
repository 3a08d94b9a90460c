/* SPDX-License-Identifier: Apache-2.0
 *
 * The seccomp profile of a container: the default one, none, or the user's file in docker's form
 * (archMap, includes and excludes by capability, architecture and kernel), resolved to OCI's form.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/oci.h"
#include "format/js.h"
#include "spec/capability.h"
#include "spec/seccomp.h"
#include "spec/security_opt.h"

enum { PROFILE_MAX = 4 << 20 };

#if defined(__x86_64__)
static const char native_arch[] = "SCMP_ARCH_X86_64", go_arch[] = "amd64";
#elif defined(__aarch64__)
static const char native_arch[] = "SCMP_ARCH_AARCH64", go_arch[] = "arm64";
#elif defined(__arm__)
static const char native_arch[] = "SCMP_ARCH_ARM", go_arch[] = "arm";
#elif defined(__i386__)
static const char native_arch[] = "SCMP_ARCH_X86", go_arch[] = "386";
#elif defined(__riscv)
static const char native_arch[] = "SCMP_ARCH_RISCV64", go_arch[] = "riscv64";
#elif defined(__powerpc64__)
static const char native_arch[] = "SCMP_ARCH_PPC64LE", go_arch[] = "ppc64le";
#elif defined(__s390x__)
static const char native_arch[] = "SCMP_ARCH_S390X", go_arch[] = "s390x";
#else
static const char native_arch[] = "", go_arch[] = "";
#endif

static bool has_cap(const json_t *v, uint64_t caps)
{
	int cap = json_is_string(v) ? capability_parse(json_string_value(v)) : -1;
	return cap >= 0 && (caps & (UINT64_C(1) << cap));
}

static bool kernel_at_least(const char *want)
{
	struct utsname u;
	unsigned wa = 0, wb = 0, a = 0, b = 0;

	if (uname(&u) < 0 || sscanf(want, "%u.%u", &wa, &wb) < 1 || sscanf(u.release, "%u.%u", &a, &b) < 1)
		return false;
	return a > wa || (a == wa && b >= wb);
}

/* docker: all included capabilities, any excluded one */
static bool applies(const json_t *rule, uint64_t caps)
{
	const json_t *in = json_object_get(rule, "includes"), *ex = json_object_get(rule, "excludes");
	const char *kernel;
	size_t i;
	json_t *v;

	if (json_array_size(json_object_get(in, "arches")) && !js_has_string(json_object_get(in, "arches"), go_arch))
		return false;
	json_array_foreach(json_object_get(in, "caps"), i, v)
		if (!has_cap(v, caps))
			return false;
	if ((kernel = js_str(in, "minKernel", NULL)) && *kernel && !kernel_at_least(kernel))
		return false;
	if (js_has_string(json_object_get(ex, "arches"), go_arch))
		return false;
	json_array_foreach(json_object_get(ex, "caps"), i, v)
		if (has_cap(v, caps))
			return false;
	kernel = js_str(ex, "minKernel", NULL);
	return !(kernel && *kernel && kernel_at_least(kernel));
}

static json_t *rule_resolve(const json_t *rule)
{
	static const char *const keys[] = { "action", "errnoRet", "args" };
	json_t *o = json_object(), *names = json_array(), *v;

	if (*js_str(rule, "name", ""))
		json_array_append(names, json_object_get(rule, "name"));
	json_array_extend(names, json_object_get(rule, "names"));
	json_object_set_new(o, "names", names);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if ((v = json_object_get(rule, keys[i])) && !json_is_null(v) &&
		    (!json_is_array(v) || json_array_size(v)))
			json_object_set(o, keys[i], v);
	return o;
}

static json_t *arches_resolve(const json_t *profile)
{
	json_t *list = json_array(), *v;
	size_t i;

	json_array_extend(list, json_object_get(profile, "architectures"));
	json_array_foreach(json_object_get(profile, "archMap"), i, v)
		if (!strcmp(js_str(v, "architecture", ""), native_arch)) {
			json_array_append(list, json_object_get(v, "architecture"));
			json_array_extend(list, json_object_get(v, "subArchitectures"));
		}
	return list;
}

static int profile_resolve(const json_t *profile, uint64_t caps, json_t **ret, struct err *e)
{
	static const char *const keys[] = { "defaultAction", "defaultErrnoRet", "flags", "listenerPath",
					    "listenerMetadata" };
	json_t *v, *rules;
	size_t i;

	if (!json_is_object(profile))
		return err_new(e, E_INVALID, EINVAL, "seccomp profile is no object");
	if (json_array_size(json_object_get(profile, "archMap")) &&
	    json_array_size(json_object_get(profile, "architectures")))
		return err_new(e, E_INVALID, EINVAL,
			       "both 'architectures' and 'archMap' are specified in the seccomp profile, use one "
			       "of the two");
	if (!*js_str(profile, "defaultAction", ""))
		return err_new(e, E_INVALID, EINVAL, "seccomp profile has no defaultAction");
	OWN_JSON out = json_object();
	for (i = 0; i < ARRAY_LEN(keys); i++)
		if ((v = json_object_get(profile, keys[i])) && !json_is_null(v))
			json_object_set(out, keys[i], v);
	json_t *arches = arches_resolve(profile);
	if (json_array_size(arches))
		json_object_set_new(out, "architectures", arches);
	else
		json_decref(arches);
	rules = json_array();
	json_object_set_new(out, "syscalls", rules);
	json_array_foreach(json_object_get(profile, "syscalls"), i, v) {
		if (!json_is_object(v) || (*js_str(v, "name", "") && json_array_size(json_object_get(v, "names"))))
			return err_new(e, E_INVALID, EINVAL,
				       "both 'name' and 'names' are specified in the seccomp profile, use one of the "
				       "two");
		if (applies(v, caps))
			json_array_append_new(rules, rule_resolve(v));
	}
	*ret = ptr_take(&out);
	return 0;
}

static json_t *default_profile(uint64_t caps)
{
	const char *names[CAPABILITY_N + 1];
	size_t n = 0;

	for (int cap = 0; cap < CAPABILITY_N; cap++)
		if (caps & (UINT64_C(1) << cap))
			names[n++] = capability_name(cap);
	names[n] = NULL;
	return seccomp_default_profile(names);
}

static int profile_load(const char *path, json_t **ret, struct err *e)
{
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	OWN_STR text = NULL;
	size_t n;

	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (io_read_fd(fd, PROFILE_MAX, &text, &n, e) < 0)
		return -e->eno;
	return js_parse(text, n, path, ret, e);
}

int oci_seccomp(const json_t *hc, uint64_t caps, json_t **ret, struct err *e)
{
	struct security_opt sec;
	OWN_JSON profile = NULL;

	if (security_opt_parse(json_object_get(hc, "SecurityOpt"), &sec, e) < 0)
		return -e->eno;
	*ret = NULL;
	if (sec.seccomp ? !strcmp(sec.seccomp, "unconfined") : js_bool(hc, "Privileged", false))
		return 0;
	if (!sec.seccomp || !strcmp(sec.seccomp, "builtin")) {
		if (!(*ret = default_profile(caps)))
			return err_new(e, E_NOMEM, ENOMEM, "seccomp profile");
		return 0;
	}
	/* the profile itself, as docker's client sends it, or a file */
	if (sec.seccomp[strspn(sec.seccomp, " \t\r\n")] == '{') {
		if (js_parse(sec.seccomp, strlen(sec.seccomp), "seccomp profile", &profile, e) < 0)
			return err_ctx(e, "Decoding seccomp profile failed");
	} else if (profile_load(sec.seccomp, &profile, e) < 0)
		return err_ctx(e, "opening seccomp profile (%s) failed", sec.seccomp);
	return profile_resolve(profile, caps, ret, e);
}
