/* SPDX-License-Identifier: Apache-2.0
 *
 * Which control group hierarchies this host has and where. The usual places are tried first: the
 * table of mounts grows with the number of containers and costs more than everything else here.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"

static const struct {
	const char *legacy, *unified;
} ctrls[CG_CTRL_N] = {
	[CG_CPU] = { "cpu", "cpu" },
	[CG_CPUACCT] = { "cpuacct", "cpu" },
	[CG_CPUSET] = { "cpuset", "cpuset" },
	[CG_MEMORY] = { "memory", "memory" },
	[CG_DEVICES] = { "devices", "devices" },
	[CG_FREEZER] = { "freezer", "freezer" },
	[CG_BLKIO] = { "blkio", "io" },
	[CG_PIDS] = { "pids", "pids" },
	[CG_HUGETLB] = { "hugetlb", "hugetlb" },
	[CG_RDMA] = { "rdma", "rdma" },
	[CG_NET_CLS] = { "net_cls", "net_cls" },
	[CG_NET_PRIO] = { "net_prio", "net_prio" },
	[CG_PERF_EVENT] = { "perf_event", "perf_event" },
	[CG_MISC] = { "misc", "misc" },
};

const char *cg_ctrl_name(enum cg_ctrl c, bool unified)
{
	return unified ? ctrls[c].unified : ctrls[c].legacy;
}

uint32_t cg_ctrl_bits(const char *list, const char *sep)
{
	uint32_t bits = 0;
	while (*list) {
		size_t n = strcspn(list, sep);
		for (int c = 0; c < CG_CTRL_N; c++)
			if ((strlen(ctrls[c].legacy) == n && !memcmp(list, ctrls[c].legacy, n)) ||
			    (strlen(ctrls[c].unified) == n && !memcmp(list, ctrls[c].unified, n)))
				bits |= 1u << c;
		list += n;
		list += strspn(list, sep);
	}
	return bits;
}

/* Copies [p, end) when it fits. */
static bool copy(char *out, size_t cap, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	if (n >= cap)
		return false;
	memcpy(out, p, n);
	out[n] = 0;
	return true;
}

void cg_host_self(const char *text, struct cg_host *ret)
{
	ret->n = 0;
	while (*text && ret->n < CG_TREES_MAX) {
		const char *end = text + strcspn(text, "\n");
		const char *names = memchr(text, ':', (size_t)(end - text));
		const char *path = names ? memchr(names + 1, ':', (size_t)(end - names - 1)) : NULL;
		struct cg_hier *h = &ret->h[ret->n];
		*h = (struct cg_hier){ .root = "/" };
		if (path && copy(h->name, sizeof h->name, names + 1, path) &&
		    copy(h->own, sizeof h->own, path + 1, end) && h->own[0] == '/') {
			h->unified = !h->name[0];
			h->ctrls = h->unified ? 0 : cg_ctrl_bits(h->name, ",");
			/* groups above the root of our namespace show as /../.. */
			if (!strncmp(h->own, "/..", 3))
				h->own[1] = 0;
			ret->n++;
		}
		text = *end ? end + 1 : end;
	}
}

/* One field of mountinfo, with its octal escapes resolved. */
static bool field_copy(char *out, size_t cap, const char *p, size_t n)
{
	size_t k = 0;
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		if (c == '\\' && i + 3 < n && isdigit((unsigned char)p[i + 1]) &&
		    isdigit((unsigned char)p[i + 2]) && isdigit((unsigned char)p[i + 3])) {
			c = (char)((p[i + 1] - '0') * 64 + (p[i + 2] - '0') * 8 + p[i + 3] - '0');
			i += 3;
		}
		if (!c || k + 1 >= cap)
			return false;
		out[k++] = c;
	}
	out[k] = 0;
	return true;
}

struct mount_line {
	char root[256], point[256], type[16], super[512];
};

/* 36 35 98:0 /root /point opts [tags...] - type source super */
static bool line_split(const char *p, const char *end, struct mount_line *m)
{
	unsigned i = 0, after = 0;
	*m = (struct mount_line){ 0 };
	while (p < end) {
		size_t n = strcspn(p, " \n");
		if (p + n > end)
			n = (size_t)(end - p);
		if (after == 0 && i == 3 && !field_copy(m->root, sizeof m->root, p, n))
			return false;
		if (after == 0 && i == 4 && !field_copy(m->point, sizeof m->point, p, n))
			return false;
		if (after == 1 && !copy(m->type, sizeof m->type, p, p + n))
			return false;
		if (after == 3 && !copy(m->super, sizeof m->super, p, p + n))
			return false;
		if (after || (i > 5 && n == 1 && *p == '-'))
			after++;
		i++;
		p += n + 1;
	}
	return after > 3 && m->root[0] == '/' && m->point[0] == '/';
}

/* Whether the option list @super names everything that hierarchy @h consists of. */
static bool is_mount_of(const struct cg_hier *h, const struct mount_line *m)
{
	if (h->unified)
		return !strcmp(m->type, "cgroup2");
	if (strcmp(m->type, "cgroup") != 0)
		return false;
	for (const char *p = h->name; *p;) {
		size_t n = strcspn(p, ",");
		bool found = false;
		for (const char *q = m->super; *q && !found;) {
			size_t k = strcspn(q, ",");
			found = k == n && !memcmp(p, q, n);
			q += k + (q[k] == ',');
		}
		if (!found)
			return false;
		p += n + (p[n] == ',');
	}
	return h->name[0];
}

void cg_host_mountinfo(const char *text, struct cg_host *h)
{
	bool seen[CG_TREES_MAX] = { false };
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		struct mount_line m;
		if (line_split(text, end, &m))
			for (size_t i = 0; i < h->n; i++)
				/* the first mount is the host's, later ones are bind mounts of it */
				if (!seen[i] && is_mount_of(&h->h[i], &m)) {
					memcpy(h->h[i].mount, m.point, sizeof m.point);
					memcpy(h->h[i].root, m.root, sizeof m.root);
					seen[i] = true;
				}
		text = *end ? end + 1 : end;
	}
}

static bool is_magic(const char *path, long magic)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

/* Where distributions mount a hierarchy: /sys/fs/cgroup/{memory,systemd,unified}. */
static bool usual_name(const char *root, struct cg_hier *h)
{
	const char *name = h->name;
	if (h->unified)
		name = "unified";
	else if (!strncmp(name, "name=", 5))
		name += 5;
	int n = snprintf(h->mount, sizeof h->mount, "%s/%s", root, name);
	return n > 0 && (size_t)n < sizeof h->mount;
}

static bool usual_place(const char *root, struct cg_hier *h)
{
	return usual_name(root, h) && is_magic(h->mount, h->unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

static int read_mountinfo(struct cg_host *h, struct err *e)
{
	OWN_STR text = NULL;
	int r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", 64 << 20, &text, NULL, e);
	if (r < 0)
		return r;
	cg_host_mountinfo(text, h);
	return 0;
}

static void drop_unmounted(struct cg_host *h)
{
	size_t n = 0;
	for (size_t i = 0; i < h->n; i++)
		if (h->h[i].mount[0])
			h->h[n++] = h->h[i];
	h->n = n;
}

/* nearly always a few lines: one read then */
static int read_self(struct cg_host *h, struct err *e)
{
	char few[4096];
	OWN_STR all = NULL;
	OWN_FD fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, few, sizeof few - 1);

	if (n < 0)
		return err_sys(e, errno, "read /proc/self/cgroup");
	few[n] = 0;
	if ((size_t)n >= sizeof few / 2 &&
	    io_read_file(AT_FDCWD, "/proc/self/cgroup", CG_FILE_MAX, &all, NULL, e) < 0)
		return -e->eno;
	cg_host_self(all ? all : few, h);
	return 0;
}

/* as usual places were found the last time */
static int scan_again(const char *root, int hint_dir, struct cg_host *h)
{
	uint32_t bits;
	int r = cg_hint_read(hint_dir, root, h, &bits);

	for (size_t i = 0; r >= 0 && i < h->n; i++)
		if (!(bits & 1u << i) || !usual_name(root, &h->h[i]))
			h->h[i].mount[0] = 0;
	return r;
}

static bool has_legacy(const struct cg_host *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->h[i].unified)
			return true;
	return false;
}

int cg_host_scan(const char *root, int hint_dir, struct cg_host *ret, struct err *e)
{
	bool all = true;
	uint32_t usual = 0;
	int r = read_self(ret, e);

	if (r < 0)
		return err_ctx(e, "find control groups");
	const bool hint = hint_dir >= 0 && has_legacy(ret);
	if (hint && scan_again(root, hint_dir, ret) >= 0) {
		drop_unmounted(ret);
		return 0;
	}
	bool whole = is_magic(root, CGROUP2_SUPER_MAGIC);
	for (size_t i = 0; i < ret->n; i++) {
		struct cg_hier *h = &ret->h[i];
		if (whole && h->unified)
			(void)snprintf(h->mount, sizeof h->mount, "%s", root); /* short */
		else if (whole || !usual_place(root, h))
			h->mount[0] = 0;
		usual |= h->mount[0] ? 1u << i : 0;
		/* without any mount of a hierarchy (v1 switched off beside v2) there is no more to find */
		all = all && (h->mount[0] || whole || h->unified);
	}
	if (!all) {
		r = read_mountinfo(ret, e);
		if (r < 0)
			return err_ctx(e, "find control groups");
	} else if (hint && !whole && usual) {
		cg_hint_write(hint_dir, root, ret, usual);
	}
	drop_unmounted(ret);
	if (!ret->n) {
		err_new(e, E_UNSUPPORTED, ENODEV, "no control group hierarchy is mounted");
		err_hint(e, "mount -t cgroup2 none /sys/fs/cgroup");
		return -ENODEV;
	}
	return 0;
}

int cg_host_roots(struct cg_host *h, struct err *e)
{
	return read_mountinfo(h, e);
}
