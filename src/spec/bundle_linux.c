/* SPDX-License-Identifier: Apache-2.0
 *
 * The linux object of a bundle: namespaces, id maps, devices and what hangs on them. See bundle.h.
 */
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>

#include "format/js.h"
#include "spec/bundle_int.h"
#include "spec/limits.h"

#ifndef MPOL_PREFERRED_MANY /* Linux 5.15 */
#define MPOL_PREFERRED_MANY 5
#endif
enum { MPOL_WEIGHTED_INTERLEAVE_ = 6 }; /* Linux 6.9 */

static int namespaces_read(struct reader *r, const struct where *w, const json_t *o, struct bundle *b)
{
	struct where list = { w, "namespaces", 0 };
	json_t *arr;
	int n = read_arr(r, w, o, "namespaces", 256, &arr);
	if (n <= 0)
		return n;
	for (size_t i = 0; i < json_array_size(arr); i++) {
		struct where at = { &list, NULL, i };
		const json_t *m = json_array_get(arr, i);
		const char *type = "", *path = NULL;
		if (!json_is_object(m))
			return where_fail(r, &at, NULL, "expected object");
		if ((n = read_str(r, &at, m, "type", &type)) < 0 || (n = read_str(r, &at, m, "path", &path)) < 0)
			return n;
		int kind = ns_parse(type);
		if (kind < 0)
			return where_fail(r, &at, "type", "unknown namespace \"%s\"", type);
		if (b->ns[kind].present)
			return where_fail(r, &at, "type", "%s is given twice", type);
		if (path && *path != '/')
			return where_fail(r, &at, "path", "\"%s\" is not an absolute path", path);
		b->ns[kind] = (struct bundle_namespace){ true, path };
	}
	return 1;
}

static int id_maps_check(struct reader *r, const struct where *w, const struct bundle *b)
{
	const struct bundle_namespace *user = &b->ns[NS_USER];
	bool any = b->uid_maps.n || b->gid_maps.n;

	if (!user->present && any)
		return where_fail(r, w, b->uid_maps.n ? "uidMappings" : "gidMappings",
				  "needs a user namespace");
	if (user->present && !user->path && !b->uid_maps.n)
		return where_fail(r, w, "uidMappings", "a new user namespace needs mappings");
	if (user->present && !user->path && !b->gid_maps.n)
		return where_fail(r, w, "gidMappings", "a new user namespace needs mappings");
	return 0;
}

static int time_offset_read(struct reader *r, const struct where *w, const json_t *o,
			    struct bundle_time_offset *t)
{
	struct int_range whole = { INT64_MIN, INT64_MAX }, part = { 0, 999999999 };
	int64_t nanos = 0;
	int n;

	if ((n = read_int(r, w, o, "secs", whole, &t->secs)) < 0 ||
	    (n = read_int(r, w, o, "nanosecs", part, &nanos)) < 0)
		return n;
	t->nanosecs = (uint32_t)nanos;
	t->set = true;
	return 0;
}

static int time_offsets_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "timeOffsets", 0 };
	const char *key;
	json_t *obj, *value;
	int n = read_obj(r, up, o, "timeOffsets", &obj);
	if (n <= 0 || !json_object_size(obj))
		return n;
	if (!b->ns[NS_TIME].present || b->ns[NS_TIME].path)
		return where_fail(r, &w, NULL, "needs a new time namespace");
	json_object_foreach(obj, key, value) {
		struct where at = { &w, key, 0 };
		struct bundle_time_offset *t = !strcmp(key, "monotonic") ? &b->monotonic :
					       !strcmp(key, "boottime")	 ? &b->boottime :
									   NULL;
		if (!t)
			return where_fail(r, &at, NULL, "unknown clock");
		if (!json_is_object(value))
			return where_fail(r, &at, NULL, "expected object");
		if ((n = time_offset_read(r, &at, value, t)) < 0)
			return n;
	}
	return 1;
}

static int device_read(struct reader *r, const struct where *w, const json_t *o, void *ret)
{
	struct bundle_device *d = ret;
	const char *type = "", *path = "";
	uint32_t mode = 0;
	int n, have;

	if ((n = read_str(r, w, o, "type", &type)) < 0 || (n = read_str(r, w, o, "path", &path)) < 0)
		return n;
	if (strlen(type) != 1 || !strchr("cbup", *type))
		return where_fail(r, w, "type", "\"%s\" is none of c, b, u, p", type);
	d->type = *type == 'u' ? 'c' : *type;
	if ((n = read_clean_path(r, w, "path", path, &d->path)) < 0)
		return n;
	if ((have = read_u32(r, w, o, "major", &d->major)) < 0)
		return have;
	if ((n = read_u32(r, w, o, "minor", &d->minor)) < 0)
		return n;
	if (d->type != 'p' && (!have || !n))
		return where_fail(r, w, have ? "minor" : "major", "must be given for this type");
	if ((n = read_u32(r, w, o, "fileMode", &mode)) < 0)
		return n;
	d->has_mode = n;
	d->mode = mode & 07777;
	if ((n = read_id(r, w, o, "uid", &d->uid)) < 0)
		return n;
	d->has_uid = n;
	if ((n = read_id(r, w, o, "gid", &d->gid)) < 0)
		return n;
	d->has_gid = n;
	return 0;
}

static bool netdev_name_ok(const char *s)
{
	size_t n = strlen(s);
	return n > 0 && n < 16 && strcmp(s, ".") && strcmp(s, "..") && !strpbrk(s, "/: \t\n");
}

static int netdevs_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "netDevices", 0 };
	const char *host;
	json_t *obj, *value;
	int n = read_obj(r, up, o, "netDevices", &obj);
	if (n <= 0 || !json_object_size(obj))
		return n;
	if (!b->ns[NS_NETWORK].present)
		return where_fail(r, &w, NULL, "needs a network namespace");
	struct bundle_netdev *v = arena_get(r->arena, json_object_size(obj) * sizeof *v);
	if (!v)
		return read_nomem(r);
	json_object_foreach(obj, host, value) {
		struct where at = { &w, host, 0 };
		const char *name = host;
		if (!json_is_object(value))
			return where_fail(r, &at, NULL, "expected object");
		if ((n = read_str(r, &at, value, "name", &name)) < 0)
			return n;
		if (!netdev_name_ok(host))
			return where_fail(r, &at, NULL, "is no name of a network device");
		if (!netdev_name_ok(name))
			return where_fail(r, &at, "name", "\"%s\" is no name of a network device", name);
		v[b->n_netdevs++] = (struct bundle_netdev){ host, name };
	}
	b->netdevs = v;
	return 1;
}

static int propagation_read(struct reader *r, const struct where *w, const json_t *o, struct bundle *b)
{
	const char *s = NULL;
	int n = read_str(r, w, o, "rootfsPropagation", &s);
	if (n <= 0)
		return n;
	b->rootfs_propagation = (unsigned)mount_propagation_parse(s);
	if (!b->rootfs_propagation)
		return where_fail(r, w, "rootfsPropagation",
				  "\"%s\" is none of shared, slave, private, unbindable", s);
	return 1;
}

static int paths_read(struct reader *r, const struct where *w, const json_t *o, const char *key,
		      struct bundle_strv *ret)
{
	struct where list = { w, key, 0 };
	int n = read_strv(r, w, o, key, ret);
	for (size_t i = 0; n >= 0 && i < ret->n; i++) {
		struct where at = { &list, NULL, i };
		/* the array is ours, made by read_strv in the arena */
		n = read_clean_path(r, &at, NULL, ret->v[i], (const char **)&ret->v[i]);
	}
	return n;
}

static int personality_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "personality", 0 };
	struct bundle_strv flags = { 0 };
	const char *domain = "";
	json_t *j;
	int n = read_obj(r, up, o, "personality", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "domain", &domain)) < 0 || (n = read_strv(r, &w, j, "flags", &flags)) < 0)
		return n;
	if (flags.n)
		return where_fail(r, &w, "flags", "no personality flags are defined");
	if (!strcmp(domain, "LINUX"))
		b->personality = PER_LINUX;
	else if (!strcmp(domain, "LINUX32"))
		b->personality = PER_LINUX32;
	else
		return where_fail(r, &w, "domain", "\"%s\" is none of LINUX, LINUX32", domain);
	b->has_personality = true;
	return 1;
}

static int intel_rdt_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "intelRdt", 0 };
	struct bundle_intel_rdt *t = &b->intel_rdt;
	json_t *j;
	int n = read_obj(r, up, o, "intelRdt", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "closID", &t->clos_id)) < 0 ||
	    (n = read_str(r, &w, j, "l3CacheSchema", &t->l3_cache_schema)) < 0 ||
	    (n = read_str(r, &w, j, "memBwSchema", &t->mem_bw_schema)) < 0 ||
	    (n = read_strv(r, &w, j, "schemata", &t->schemata)) < 0 ||
	    (n = read_bool(r, &w, j, "enableMonitoring", &t->enable_monitoring)) < 0)
		return n;
	/* one directory of resctrl; "/" is the default class */
	if (t->clos_id && strcmp(t->clos_id, "/") &&
	    (strchr(t->clos_id, '/') || !strcmp(t->clos_id, ".") || !strcmp(t->clos_id, "..")))
		return where_fail(r, &w, "closID", "\"%s\" is no name of a directory", t->clos_id);
	t->set = true;
	return 1;
}

static const struct {
	const char *name;
	int mode;
} mpol_modes[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_LOCAL", MPOL_LOCAL },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE_ },
};

static const struct {
	const char *name;
	unsigned flag;
} mpol_flags[] = {
	{ "MPOL_F_STATIC_NODES", 1U << 15 },
	{ "MPOL_F_RELATIVE_NODES", 1U << 14 },
	{ "MPOL_F_NUMA_BALANCING", 1U << 13 },
};

const char *bundle_memory_mode_name(size_t i)
{
	return i < ARRAY_LEN(mpol_modes) ? mpol_modes[i].name : NULL;
}

const char *bundle_memory_flag_name(size_t i)
{
	return i < ARRAY_LEN(mpol_flags) ? mpol_flags[i].name : NULL;
}

static int mpol_flags_read(struct reader *r, const struct where *w, const struct bundle_strv *names,
			   unsigned *ret)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(mpol_flags) && strcmp(mpol_flags[k].name, names->v[i]))
			k++;
		if (k == ARRAY_LEN(mpol_flags))
			return where_fail(r, w, "flags", "unknown flag \"%s\"", names->v[i]);
		*ret |= mpol_flags[k].flag;
	}
	return 0;
}

static int memory_policy_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "memoryPolicy", 0 };
	struct bundle_memory_policy *p = &b->memory_policy;
	struct bundle_strv flags = { 0 };
	const char *mode = "";
	json_t *j;
	int n = read_obj(r, up, o, "memoryPolicy", &j);
	if (n <= 0)
		return n;
	if ((n = read_str(r, &w, j, "mode", &mode)) < 0 || (n = read_str(r, &w, j, "nodes", &p->nodes)) < 0 ||
	    (n = read_strv(r, &w, j, "flags", &flags)) < 0)
		return n;
	size_t k = 0;
	while (k < ARRAY_LEN(mpol_modes) && strcmp(mpol_modes[k].name, mode))
		k++;
	if (k == ARRAY_LEN(mpol_modes))
		return where_fail(r, &w, "mode", "unknown mode \"%s\"", mode);
	p->mode = mpol_modes[k].mode;
	if (p->nodes && (n = read_cpu_list(r, &w, "nodes", p->nodes)) < 0)
		return n;
	if ((p->mode == MPOL_DEFAULT || p->mode == MPOL_LOCAL) && p->nodes)
		return where_fail(r, &w, "nodes", "must be empty for %s", mode);
	if (p->mode != MPOL_DEFAULT && p->mode != MPOL_LOCAL && p->mode != MPOL_PREFERRED && !p->nodes)
		return where_fail(r, &w, "nodes", "must be given for %s", mode);
	p->set = true;
	return mpol_flags_read(r, &w, &flags, &p->flags);
}

static int security_check(struct reader *r, const struct where *w, const struct bundle *b)
{
	bool mnt = b->ns[NS_MOUNT].present;

	if (!mnt && (b->masked_paths.n || b->readonly_paths.n))
		return where_fail(r, w, b->masked_paths.n ? "maskedPaths" : "readonlyPaths",
				  "needs a mount namespace");
	return 0;
}

int linux_read(struct reader *r, const json_t *o, struct bundle *b)
{
	static const struct object_reader devices = { sizeof(struct bundle_device), LIMIT_DEVICES,
						      device_read };
	struct where w = { NULL, "linux", 0 };
	json_t *res = NULL, *sec = NULL;
	const void *v = NULL;
	int n;

	if ((n = namespaces_read(r, &w, o, b)) < 0 ||
	    (n = read_id_maps(r, &w, o, "uidMappings", &b->uid_maps)) < 0 ||
	    (n = read_id_maps(r, &w, o, "gidMappings", &b->gid_maps)) < 0 ||
	    (n = id_maps_check(r, &w, b)) < 0 || (n = time_offsets_read(r, &w, o, b)) < 0 ||
	    (n = read_objects(r, &w, o, "devices", &devices, &v, &b->n_devices)) < 0)
		return n;
	b->devices = v;
	if ((n = netdevs_read(r, &w, o, b)) < 0 ||
	    (n = read_str(r, &w, o, "cgroupsPath", &b->cgroups_path)) < 0 ||
	    (n = read_obj(r, &w, o, "resources", &res)) < 0 ||
	    (n = read_obj(r, &w, o, "seccomp", &sec)) < 0 || (n = sysctl_read(r, &w, o, b)) < 0 ||
	    (n = propagation_read(r, &w, o, b)) < 0 ||
	    (n = paths_read(r, &w, o, "maskedPaths", &b->masked_paths)) < 0 ||
	    (n = paths_read(r, &w, o, "readonlyPaths", &b->readonly_paths)) < 0 ||
	    (n = read_str(r, &w, o, "mountLabel", &b->mount_label)) < 0 ||
	    (n = personality_read(r, &w, o, b)) < 0 || (n = intel_rdt_read(r, &w, o, b)) < 0 ||
	    (n = memory_policy_read(r, &w, o, b)) < 0)
		return n;
	b->resources = res;
	b->seccomp = sec;
	return security_check(r, &w, b);
}
