/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields of linux.resources that are texts, lists or maps: cpuset, block devices, huge pages,
 * network priorities, rdma, and the files that `unified` names itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "driver/cgroup/knob.h"
#include "format/js.h"

#define AT "linux.resources"

/* --- cpuset -------------------------------------------------------------------------------- */

static int set_cpuset(struct cgroup *cg, const json_t *resources, struct err *e)
{
	static const struct {
		const char *key, *field, *file;
	} rows[] = {
		{ "cpus", AT ".cpu.cpus", "cpuset.cpus" },
		{ "mems", AT ".cpu.mems", "cpuset.mems" },
	};
	json_t *cpu = NULL;

	int r = js_get_obj(resources, AT, "cpu", &cpu, e);
	for (size_t i = 0; r > 0 && i < ARRAY_LEN(rows); i++) {
		const char *text = NULL;
		struct cg_tree *t;
		r = js_get_str(cpu, AT ".cpu", rows[i].key, &text, e);
		if (r < 0)
			return r;
		r = 1;
		if (!text || !*text)
			continue;
		if (strspn(text, "0123456789,- ") != strlen(text))
			return err_new(e, E_INVALID, EINVAL, "%s: \"%s\" is not a list such as 0-2,7",
				       rows[i].field, text);
		t = cg_tree_of(cg, CG_CPUSET);
		int w = t ? cg_write(cg, t, rows[i].field, rows[i].file, text, e) :
			    cg_missing(cg, CG_CPUSET, rows[i].field, e);
		if (w < 0)
			return w;
	}
	return r < 0 ? r : 0;
}

/* --- block devices ------------------------------------------------------------------------- */

static const struct io_row {
	const char *list, *value; /* members: "throttleReadBpsDevice"[].rate */
	const char *legacy, *legacy_or, *unified, *unified_key;
} io_rows[] = {
	{ "weightDevice", "weight", "blkio.weight_device", "blkio.bfq.weight_device", "io.bfq.weight",
	  "" },
	{ "weightDevice", "leafWeight", "blkio.leaf_weight_device", NULL, NULL, NULL },
	{ "throttleReadBpsDevice", "rate", "blkio.throttle.read_bps_device", NULL, "io.max", "rbps=" },
	{ "throttleWriteBpsDevice", "rate", "blkio.throttle.write_bps_device", NULL, "io.max", "wbps=" },
	{ "throttleReadIOPSDevice", "rate", "blkio.throttle.read_iops_device", NULL, "io.max", "riops=" },
	{ "throttleWriteIOPSDevice", "rate", "blkio.throttle.write_iops_device", NULL, "io.max",
	  "wiops=" },
};

static int io_write(struct cgroup *cg, const struct io_row *row, const char *field, const char *dev,
		    int64_t value, struct err *e)
{
	struct cg_tree *t = cg_tree_of(cg, CG_BLKIO);
	char text[96];

	if (!t)
		return cg_missing(cg, CG_BLKIO, field, e);
	const char *file = t->unified ? row->unified : row->legacy;
	if (!file)
		return cg_unsupported(cg, field, "cgroup v2 has no such limit", e);
	if (t->unified && *row->unified_key && !value)
		(void)snprintf(text, sizeof text, "%s %smax", dev, row->unified_key); /* all fit */
	else
		(void)snprintf(text, sizeof text, "%s %s%lld", dev, t->unified ? row->unified_key : "",
			       (long long)value);
	int r = cg_write_raw(t, file, text);
	if (r == -ENOENT && !t->unified && row->legacy_or) {
		file = row->legacy_or;
		r = cg_write_raw(t, file, text);
	}
	if (r == -ENODEV)
		return err_new(e, E_NOT_FOUND, ENODEV, "set %s: no block device %s", field, dev);
	return r < 0 ? cg_write_failed(cg, t, field, file, text, r, e) : 0;
}

static int io_item(struct cgroup *cg, const struct io_row *row, const json_t *item, const char *field,
		   struct err *e)
{
	int64_t major = -1, minor = -1, value = 0;
	char dev[48];

	if (!json_is_object(item))
		return err_new(e, E_INVALID, EINVAL, "%s: expected object", field);
	if (js_get_int(item, field, "major", &major, e) < 0 ||
	    js_get_int(item, field, "minor", &minor, e) < 0)
		return -EINVAL;
	int r = js_get_int(item, field, row->value, &value, e);
	if (r <= 0)
		return r;
	if (major < 0 || minor < 0 || value < 0)
		return err_new(e, E_INVALID, EINVAL, "%s: major, minor and %s must be given, 0 or more",
			       field, row->value);
	(void)snprintf(dev, sizeof dev, "%lld:%lld", (long long)major, (long long)minor); /* fits */
	return io_write(cg, row, field, dev, value, e);
}

static int set_io(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *io = NULL;
	int r = js_get_obj(resources, AT, "blockIO", &io, e);

	for (size_t k = 0; r > 0 && k < ARRAY_LEN(io_rows); k++) {
		json_t *list = NULL, *item;
		size_t i;
		if (js_get_arr(io, AT ".blockIO", io_rows[k].list, &list, e) < 0)
			return -EINVAL;
		json_array_foreach(list, i, item) {
			char field[96];
			(void)snprintf(field, sizeof field, AT ".blockIO.%s[%zu]", io_rows[k].list, i);
			int w = io_item(cg, &io_rows[k], item, field, e);
			if (w < 0)
				return w;
		}
	}
	return r < 0 ? r : 0;
}

/* --- huge pages ---------------------------------------------------------------------------- */

static int huge_item(struct cgroup *cg, const json_t *item, const char *field, struct err *e)
{
	const char *size = NULL;
	int64_t limit = 0;
	char file[80], text[32];
	struct cg_tree *t = cg_tree_of(cg, CG_HUGETLB);

	if (!json_is_object(item))
		return err_new(e, E_INVALID, EINVAL, "%s: expected object", field);
	if (js_get_str(item, field, "pageSize", &size, e) < 0 ||
	    js_get_int(item, field, "limit", &limit, e) < 0)
		return -EINVAL;
	if (!size || !*size || strlen(size) > 16 || strspn(size, "0123456789KMGB") != strlen(size))
		return err_new(e, E_INVALID, EINVAL, "%s.pageSize: \"%s\" is not a size such as 2MB", field,
			       size ? size : "");
	if (!t)
		return cg_missing(cg, CG_HUGETLB, field, e);
	if (limit < 0 && t->unified)
		memcpy(text, "max", 4);
	else
		(void)snprintf(text, sizeof text, "%lld", (long long)limit); /* fits */
	const char *end = t->unified ? "max" : "limit_in_bytes";
	(void)snprintf(file, sizeof file, "hugetlb.%s.%s", size, end); /* fits */
	int r = cg_write(cg, t, field, file, text, e);
	if (r < 0)
		return r;
	/* reservations: newer kernels only */
	(void)snprintf(file, sizeof file, "hugetlb.%s.rsvd.%s", size, end); /* fits */
	r = cg_write_raw(t, file, text);
	return r < 0 && r != -ENOENT ? cg_write_failed(cg, t, field, file, text, r, e) : 0;
}

static int set_huge(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *list = NULL, *item;
	size_t i;

	if (js_get_arr(resources, AT, "hugepageLimits", &list, e) < 0)
		return -EINVAL;
	json_array_foreach(list, i, item) {
		char field[64];
		(void)snprintf(field, sizeof field, AT ".hugepageLimits[%zu]", i); /* fits */
		int r = huge_item(cg, item, field, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- network, rdma ------------------------------------------------------------------------- */

static int set_priorities(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *net = NULL, *list = NULL, *item;
	struct cg_tree *t = NULL;
	size_t i;

	int r = js_get_obj(resources, AT, "network", &net, e);
	if (r <= 0)
		return r;
	if (js_get_arr(net, AT ".network", "priorities", &list, e) < 0)
		return -EINVAL;
	json_array_foreach(list, i, item) {
		const char *name = NULL;
		int64_t priority = 0;
		char field[64], text[96];
		(void)snprintf(field, sizeof field, AT ".network.priorities[%zu]", i); /* fits */
		if (!json_is_object(item))
			return err_new(e, E_INVALID, EINVAL, "%s: expected object", field);
		if (js_get_str(item, field, "name", &name, e) < 0 ||
		    js_get_int(item, field, "priority", &priority, e) < 0)
			return -EINVAL;
		if (!name || !*name || strlen(name) > 15 || priority < 0 || priority > UINT32_MAX)
			return err_new(e, E_INVALID, EINVAL, "%s: needs the name of an interface and a priority",
				       field);
		t = cg_tree_of(cg, CG_NET_PRIO);
		(void)snprintf(text, sizeof text, "%s %lld", name, (long long)priority); /* fits */
		r = t ? cg_write(cg, t, field, "net_prio.ifpriomap", text, e) :
			cg_missing(cg, CG_NET_PRIO, field, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_rdma(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *rdma = NULL, *limits;
	const char *device;

	if (js_get_obj(resources, AT, "rdma", &rdma, e) < 0)
		return -EINVAL;
	json_object_foreach(rdma, device, limits) {
		static const char field[] = AT ".rdma";
		int64_t handles = -1, objects = -1;
		char text[256], h[40] = "", o[40] = "";
		if (!json_is_object(limits))
			return err_new(e, E_INVALID, EINVAL, "%s.%.60s: expected object", field, device);
		if (js_get_int(limits, field, "hcaHandles", &handles, e) < 0 ||
		    js_get_int(limits, field, "hcaObjects", &objects, e) < 0)
			return -EINVAL;
		if (strlen(device) > 64 || strpbrk(device, " \n"))
			return err_new(e, E_INVALID, EINVAL, "%s: bad name of a device", field);
		if (handles >= 0)
			(void)snprintf(h, sizeof h, " hca_handle=%lld", (long long)handles); /* all fit */
		if (objects >= 0)
			(void)snprintf(o, sizeof o, " hca_object=%lld", (long long)objects);
		(void)snprintf(text, sizeof text, "%s%s%s", device, h, o);
		struct cg_tree *t = cg_tree_of(cg, CG_RDMA);
		int r = t ? cg_write(cg, t, field, "rdma.max", text, e) :
			    cg_missing(cg, CG_RDMA, field, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- unified ------------------------------------------------------------------------------- */

static int set_unified(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *map = NULL, *value;
	const char *key;

	if (js_get_obj(resources, AT, "unified", &map, e) < 0)
		return -EINVAL;
	json_object_foreach(map, key, value) {
		char field[128];
		(void)snprintf(field, sizeof field, AT ".unified.%.80s", key); /* fits */
		if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.')
			return err_new(e, E_INVALID, EINVAL, "%s: not the name of a control file", field);
		if (!json_is_string(value))
			return err_new(e, E_INVALID, EINVAL, "%s: expected string", field);
		struct cg_tree *t = cg_unified(cg);
		int r = t ? cg_write_raw(t, key, json_string_value(value)) : -ENODEV;
		if (r == -ENODEV && !t)
			r = cg_unsupported(cg, field, "this host has no cgroup v2", e);
		else if (r == -ENOENT)
			r = cg_unsupported(cg, field, "no such file; its controller is not available in the "
					   "v2 hierarchy of this host", e);
		else if (r < 0)
			r = cg_write_failed(cg, t, field, key, json_string_value(value), r, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int cg_set_lists(struct cgroup *cg, const json_t *resources, struct err *e)
{
	static int (*const parts[])(struct cgroup *, const json_t *, struct err *) = {
		set_cpuset, set_io, set_huge, set_priorities, set_rdma, set_unified,
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int r = parts[i](cg, resources, e);
		if (r < 0)
			return r;
	}
	return 0;
}
