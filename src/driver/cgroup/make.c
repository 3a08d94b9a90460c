/* SPDX-License-Identifier: Apache-2.0
 *
 * Making the directories of a group: where they go, with their parents, made ready for processes
 * (controllers switched on, cpuset filled), and removed again when anything fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "driver/cgroup/cgroup_int.h"
#include "format/js.h"

/* @own is the group of this process in the whole hierarchy; what of it lies below the mount. */
static const char *below_root(const char *own, const char *root)
{
	size_t n = strlen(root);
	if (!strcmp(root, "/"))
		return own;
	if (!strncmp(own, root, n) && (own[n] == '/' || !own[n]))
		return own[n] ? own + n : "/";
	return "/";
}

int cg_path_of(const struct cgroup_req *req, const struct cg_hier *h, char out[4096], struct err *e)
{
	const char *path = req->path && *req->path ? req->path : NULL;
	char raw[PATH_MAX], text[PATH_MAX], base[sizeof h->own] = "/";

	if (strchr(path ? path : req->id, '\n'))
		return err_new(e, E_INVALID, EINVAL, "linux.cgroupsPath: line break in the name");
	/* As runc: a relative path starts at our own group; on v2 at its parent, because a group with
	 * processes cannot hand controllers down. Without a path root gets /ID. */
	if (path ? *path != '/' : req->rootless) {
		(void)snprintf(base, sizeof base, "%s", below_root(h->own, h->root)); /* same size */
		char *slash = strrchr(base, '/');
		if (h->unified && slash)
			slash[slash == base ? 1 : 0] = 0;
	}
	int n = snprintf(raw, sizeof raw, "/%s", path ? path : req->id);
	if (n < 0 || (size_t)n >= sizeof raw || path_normalize(raw, text, sizeof text) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "linux.cgroupsPath: too long");
	if (!strcmp(text, "/"))
		return err_new(e, E_INVALID, EINVAL,
			       "linux.cgroupsPath: \"%s\" is the root of the hierarchy", path ? path : "");
	n = snprintf(out, 4096, "%s%s", strcmp(base, "/") ? base : "", text);
	if (n < 0 || n >= 4096 - (int)sizeof h->mount)
		return err_new(e, E_INVALID, ENAMETOOLONG, "linux.cgroupsPath: too long");
	return 0;
}

/* mkdir -p below the mount. Another container may remove a parent that it thinks is its own. */
static int tree_mkdir(struct cg_tree *t)
{
	for (int tries = 0; tries < 16; tries++) {
		if (mkdir(t->dir, 0755) == 0) {
			t->made = true;
			if (!t->made_from)
				t->made_from = (size_t)(strrchr(t->dir, '/') - t->dir);
			return 0;
		}
		if (errno != ENOENT)
			return -errno;
		for (char *p = t->dir + t->mount_n + 1; (p = strchr(p, '/')); p++) {
			*p = 0;
			int r = mkdir(t->dir, 0755) < 0 ? -errno : 0;
			if (!r && !t->made_from)
				t->made_from = (size_t)(strrchr(t->dir, '/') - t->dir);
			*p = '/';
			if (r && r != -EEXIST && r != -ENOENT)
				return r;
		}
	}
	return -ENOENT;
}

/* An existing group is taken when nothing runs in it. */
static int tree_is_free(struct cg_tree *t, struct err *e)
{
	char buf[256];
	uint64_t populated = 0;

	if (t->unified && cg_read(t, "cgroup.events", buf, sizeof buf) > 0)
		(void)cg_keyed(buf, "populated", &populated); /* else the next file tells */
	/* whoever enters a frozen group stands still for ever */
	static const char *const frozen[][2] = { { "cgroup.freeze", "1\n" }, { "freezer.state", "FROZEN\n" } };
	bool freezer = t->unified || t->ctrls & 1u << CG_FREEZER;
	if (freezer && cg_read(t, frozen[!t->unified][0], buf, sizeof buf) > 0 &&
	    !strcmp(buf, frozen[!t->unified][1])) {
		err_new(e, E_CONFLICT, EBUSY, "control group %s is frozen", t->dir);
		err_hint(e, "write %s to its %s, or remove it", t->unified ? "0" : "THAWED",
			 frozen[!t->unified][0]);
		return -EBUSY;
	}
	ssize_t n = cg_read(t, "cgroup.procs", buf, sizeof buf);
	if (n > 0 || populated) {
		err_new(e, E_CONFLICT, EBUSY, "control group %s is not empty", t->dir);
		err_hint(e, "another container uses this linux.cgroupsPath, or one was left behind: "
			    "see %s/cgroup.procs", t->dir);
		return -EBUSY;
	}
	if (n < 0 && n != -EOPNOTSUPP)
		return err_sys(e, (int)-n, "read %s/cgroup.procs", t->dir);
	return 0;
}

int cg_plan(struct cgroup *cg, const struct cg_host *host, const struct cgroup_req *req,
	    struct err *e)
{
	for (size_t i = 0; i < host->n; i++) {
		const struct cg_hier *h = &host->h[i];
		struct cg_tree *t = &cg->t[cg->n];
		char path[4096];
		int r = cg_path_of(req, h, path, e);
		if (r < 0)
			return r;
		/* what the group is called: memory's path, else the first one */
		if (!cg->path || h->ctrls & 1u << CG_MEMORY) {
			free(cg->path);
			cg->path = strdup(path);
		}
		*t = (struct cg_tree){ .fd = -1, .ctrls = h->ctrls, .unified = h->unified };
		memcpy(t->name, h->name, sizeof t->name);
		t->mount_n = strlen(h->mount);
		if (!cg->path || asprintf(&t->dir, "%s%s", h->mount, path) < 0) {
			t->dir = NULL;
			return err_new(e, E_NOMEM, ENOMEM, "out of memory");
		}
		cg->n++;
	}
	return 0;
}

/* 1: without permission, which a rootless container does without */
static int tree_make(struct cgroup *cg, struct cg_tree *t, struct err *e)
{
	int r = tree_mkdir(t);
	if (r == -EEXIST)
		return cg->unit ? 0 : tree_is_free(t, e); /* systemd has put the process there */
	if (r == 0)
		return 0;
	bool denied = r == -EACCES || r == -EPERM || r == -EROFS;
	if (denied && cg->rootless) {
		/* the rule for ordinary users: one word for all hierarchies is enough, and none where nothing
		 * is lost; podman can read a log of errors only */
		if (!cg->denied && cg->asked)
			cg_warn(cg, "no permission to make control groups (%s): limits are not in force",
				t->dir);
		cg->denied = true;
		return 1;
	}
	err_sys(e, -r, "make control group %s", t->dir);
	if (denied)
		err_hint(e, "run as root, or have the group delegated");
	return r;
}

int cg_make(struct cgroup *cg, bool only_unified, struct err *e)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < cg->n; i++) {
		struct cg_tree *t = &cg->t[i];
		bool later = only_unified && !t->unified;
		if (r >= 0 && !later && !t->done)
			r = tree_make(cg, t, e);
		t->done = t->done || !later;
		if (r > 0)
			free(ptr_take(&t->dir));
		else
			cg->t[n++] = *t; /* kept after an error too: for cg_unmake */
		r = r < 0 ? r : 0;
	}
	cg->n = n;
	return r;
}

void cg_unmake(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		struct cg_tree *t = &cg->t[i];
		if (t->made && rmdir(t->dir) < 0)
			continue; /* in use: so are its parents */
		/* parents that only we needed; one that another container uses stays */
		for (char *slash = strrchr(t->dir, '/');
		     t->made_from && slash && (size_t)(slash - t->dir) > t->made_from;
		     slash = strrchr(t->dir, '/')) {
			*slash = 0;
			if (rmdir(t->dir) < 0)
				break;
		}
	}
}

/* --- v2: controllers ----------------------------------------------------------------------- */

/* Which controllers the members of @resources need. */
static uint32_t needed(const json_t *resources)
{
	static const struct {
		const char *member;
		enum cg_ctrl c;
	} rows[] = {
		{ "cpu", CG_CPU }, { "memory", CG_MEMORY }, { "pids", CG_PIDS }, { "blockIO", CG_BLKIO },
		{ "hugepageLimits", CG_HUGETLB }, { "rdma", CG_RDMA },
	};
	uint32_t bits = 0;
	const char *key;
	json_t *value;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *j = json_object_get(resources, rows[i].member);
		if (json_object_size(j) || json_array_size(j))
			bits |= 1u << rows[i].c;
	}
	if (js_at(resources, "cpu.cpus") || js_at(resources, "cpu.mems"))
		bits |= 1u << CG_CPUSET;
	json_object_foreach(json_object_get(resources, "unified"), key, value) {
		char name[32];
		(void)snprintf(name, sizeof name, "%.*s", (int)strcspn(key, "."), key); /* cut: no controller */
		bits |= cg_ctrl_bits(name, " ");
	}
	return bits;
}

static uint32_t read_controllers(const char *dir, size_t dir_n, const char *file)
{
	char path[4200], buf[512];
	(void)snprintf(path, sizeof path, "%.*s/%s", (int)dir_n, dir, file); /* too long: no such file */
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
	if (n < 0)
		return 0;
	buf[n] = 0;
	return cg_ctrl_bits(buf, " \n");
}

/* One level: hand @want down as far as the level has it. */
static void hand_down(const char *dir, size_t dir_n, uint32_t want)
{
	uint32_t has = read_controllers(dir, dir_n, "cgroup.controllers");
	want &= has & ~read_controllers(dir, dir_n, "cgroup.subtree_control");
	char path[4200];
	(void)snprintf(path, sizeof path, "%.*s/cgroup.subtree_control", (int)dir_n, dir); /* as above */
	OWN_FD fd = want ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	/* one by one: a refused one (real-time tasks and cpu) must not keep back the others */
	for (int c = 0; fd >= 0 && c < CG_CTRL_N; c++) {
		char text[32];
		if (!(want & 1u << c) || c == CG_CPUACCT)
			continue;
		int n = snprintf(text, sizeof text, "+%s", cg_ctrl_name((enum cg_ctrl)c, true));
		ssize_t ignored = write(fd, text, (size_t)n);
		(void)ignored; /* what is missing is reported by whoever needs it */
	}
}

int cg_enable(struct cgroup *cg, const json_t *resources, struct err *e)
{
	struct cg_tree *t = cg_unified(cg);
	uint32_t want = needed(resources);

	(void)e;
	if (!t || !t->mount_n)
		return 0;
	/* alone it also does the accounting; beside v1 it only holds what v1 does not have */
	if (cg->n == 1)
		want |= 1u << CG_CPU | 1u << CG_MEMORY | 1u << CG_PIDS | 1u << CG_BLKIO;
	for (size_t i = 0; i < cg->n; i++)
		want &= ~cg->t[i].ctrls;
	if (!want)
		return 0;
	t->ctrls |= read_controllers(t->dir, strlen(t->dir), "cgroup.controllers");
	if (want & ~t->ctrls) {
		size_t end = strlen(t->dir);
		for (size_t at = t->mount_n; at < end; at += 1 + strcspn(t->dir + at + 1, "/"))
			hand_down(t->dir, at, want);
		t->ctrls |= read_controllers(t->dir, end, "cgroup.controllers");
	}
	if (t->ctrls & 1u << CG_CPU)
		t->ctrls |= 1u << CG_CPUACCT;
	return 0;
}

/* --- v1: cpuset ---------------------------------------------------------------------------- */

static int level_open(const struct cg_tree *t, size_t n, const char *file, int flags)
{
	char path[4200];
	(void)snprintf(path, sizeof path, "%.*s/%s", (int)n, t->dir, file); /* too long: no such file */
	return open(path, flags | O_CLOEXEC);
}

static ssize_t level_read(const struct cg_tree *t, size_t n, const char *file, char *buf, size_t cap)
{
	OWN_FD fd = level_open(t, n, file, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, buf, cap - 1);
	if (got < 0)
		return -errno;
	buf[got] = 0;
	return got;
}

/* The value of the level at @n, from the one above where it has none: filled from the top down.
 * @empty: known to have none. */
static int level_fill(const struct cg_tree *t, size_t n, const char *file, bool empty, char *buf,
		      size_t cap)
{
	ssize_t got = empty ? 0 : level_read(t, n, file, buf, cap);
	if (got < 0)
		return (int)got;
	if (got > 0 && buf[0] != '\n')
		return 0;
	size_t up = n;
	while (up > t->mount_n && t->dir[--up] != '/')
		;
	if (up < t->mount_n || up == n)
		return -ENODATA;
	/* what lies below the topmost directory made just now is new as well */
	int r = level_fill(t, up, file, t->made && up > t->made_from, buf, cap);
	if (r < 0)
		return r;
	OWN_FD fd = level_open(t, n, file, O_WRONLY);
	if (fd < 0 || write(fd, buf, strlen(buf)) < 0)
		return -errno;
	return 0;
}

int cg_cpuset_init(struct cgroup *cg, const json_t *resources, struct err *e)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	static const char *const fields[] = { "cpu.cpus", "cpu.mems" };
	struct cg_tree *t = cg_tree_of(cg, CG_CPUSET);

	if (!t || t->unified || !t->mount_n)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char buf[4096];
		size_t n = strlen(t->dir);
		/* what is set anyway only needs parents that can hold it */
		if (*js_str(resources, fields[i], ""))
			while (n > t->mount_n && t->dir[--n] != '/')
				;
		int r = level_fill(t, n, files[i], t->made && n > t->made_from, buf, sizeof buf);
		if (r < 0 && !cg->rootless)
			return err_sys(e, -r, "fill %s of %s", files[i], t->dir);
	}
	return 0;
}
