/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a group: create, record, open, enter, free. See cgroup_int.h for the terms.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "format/js.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct cgroup *cg_new(void)
{
	struct cgroup *cg = calloc(1, sizeof *cg);
	if (cg)
		cg->events = -1;
	return cg;
}

void cgroup_free(struct cgroup *cg)
{
	if (!cg)
		return;
	for (size_t i = 0; i < cg->n; i++) {
		if (cg->t[i].fd >= 0)
			close(cg->t[i].fd);
		free(cg->t[i].dir);
	}
	if (cg->events >= 0)
		close(cg->events);
	free(cg->path);
	free(cg->unit);
	free(cg->slice);
	json_decref(cg->resources);
	free(cg);
}

static void own_cgroup_done(struct cgroup **cg)
{
	cgroup_free(*cg);
	*cg = NULL;
}
#define OWN_CGROUP CLEANUP(own_cgroup_done) struct cgroup *

static struct cg_tree *tree_with(const struct cgroup *cg, enum cg_ctrl c)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->t[i].ctrls & 1u << c)
			return (struct cg_tree *)&cg->t[i];
	return NULL;
}

struct cg_tree *cg_unified(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->t[i].unified)
			return (struct cg_tree *)&cg->t[i];
	return NULL;
}

struct cg_tree *cg_tree_of(const struct cgroup *cg, enum cg_ctrl c)
{
	struct cg_tree *t = tree_with(cg, c), *u = cg_unified(cg);
	char buf[512];

	if (t || !u)
		return t;
	/* no v1 tree has it: v2 may, and tells in a file */
	if (cg_read(u, "cgroup.controllers", buf, sizeof buf) > 0)
		u->ctrls |= cg_ctrl_bits(buf, " \n");
	if (c == CG_DEVICES && cg->n == 1)
		return u; /* a program, not a controller */
	return u->ctrls & 1u << c ? u : NULL;
}

static int plan_cgroupfs(struct cgroup *cg, const struct cgroup_req *req, struct err *e)
{
	OWN_PTR struct cg_host *host = calloc(1, sizeof *host);
	bool relative = req->path && *req->path ? *req->path != '/' : req->rootless;

	if (!host)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	int r = cg_host_scan(CGROUP_ROOT, req->hint_dir ? req->hint_dir : -1, host, e);
	if (r >= 0 && relative)
		r = cg_host_roots(host, e);
	return r < 0 ? r : cg_plan(cg, host, req, e);
}

/* any limit, apart from the rules for devices that every config has */
static bool limits_asked(const json_t *resources)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)resources, key, value)
		if (strcmp(key, "devices") != 0 && !json_is_null(value) &&
		    !(json_is_object(value) && !json_object_size(value)))
			return true;
	return false;
}

int cgroup_prepare(const struct cgroup_req *req, struct cgroup **ret, struct err *e)
{
	OWN_CGROUP cg = cg_new();

	if (!cg)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	cg->rootless = req->rootless;
	cg->asked = limits_asked(req->resources);
	cg->fresh = true;
	cg->early = !req->systemd;
	cg->warn = req->warn;
	cg->warn_data = req->warn_data;
	int r = req->systemd ? cg_systemd_create(cg, req, e) : plan_cgroupfs(cg, req, e);
	if (r >= 0 && !cg->unit)
		r = cg_make(cg, true, e);
	if (r < 0) {
		cg_unmake(cg);
		return r;
	}
	*ret = ptr_take(&cg);
	return 0;
}

static int finish(struct cgroup *cg, const json_t *resources, struct err *e)
{
	int r = cg_make(cg, false, e);
	if (r >= 0)
		r = cg_enable(cg, resources, e);
	if (r >= 0)
		r = cg_cpuset_init(cg, resources, e);
	if (r >= 0)
		r = cgroup_set(cg, resources, e);
	/* without a list of devices the default ones hold */
	if (r >= 0 && !json_object_get(resources, "devices"))
		r = cg_devices_set(cg, NULL, e);
	return r;
}

int cgroup_finish(struct cgroup *cg, const json_t *resources, struct err *e)
{
	if (!cg->unit)
		return finish(cg, resources, e);
	/* a scope begins with its first process: cgroup_enter */
	json_decref(cg->resources);
	cg->resources = json_incref((json_t *)resources);
	return 0;
}

int cgroup_create(const struct cgroup_req *req, struct cgroup **ret, struct err *e)
{
	OWN_CGROUP cg = NULL;

	int r = cgroup_prepare(req, &cg, e);
	if (r < 0)
		return r;
	cg->early = false;
	r = cgroup_finish(cg, req->resources, e);
	if (r < 0) {
		cg_unmake(cg);
		return r;
	}
	*ret = ptr_take(&cg);
	return 0;
}

int cgroup_set(struct cgroup *cg, const json_t *resources, struct err *e)
{
	json_t *devices = NULL;

	if (!resources)
		return 0;
	if (!json_is_object(resources))
		return err_new(e, E_INVALID, EINVAL, "linux.resources: expected object");
	int r = cg_set_scalars(cg, resources, e);
	if (r >= 0)
		r = cg_set_lists(cg, resources, e);
	if (r >= 0)
		r = js_get_arr(resources, "linux.resources", "devices", &devices, e);
	if (r > 0)
		r = cg_devices_set(cg, devices, e);
	if (r >= 0 && cg->unit && !cg->fresh) {
		/* systemd writes what it rounds, and all that it knows of the unit */
		r = cg_systemd_update(cg, resources, e);
		if (r > 0 && (r = cg_set_scalars(cg, resources, e)) >= 0)
			r = cg_set_lists(cg, resources, e);
	}
	cg_undo_end(cg, r < 0);
	return r < 0 ? r : 0;
}

/* --- record -------------------------------------------------------------------------------- */

/* One key per controller, as libcontainer's cgroup_paths has it: tools read it there. */
static int record_tree(json_t *paths, const struct cg_tree *t)
{
	for (const char *p = t->name;; p++) {
		size_t n = strcspn(p, ",");
		char key[sizeof t->name];
		memcpy(key, p, n);
		key[n] = 0;
		if (json_object_set_new(paths, key, json_string(t->dir)) < 0)
			return -ENOMEM;
		p += n;
		if (!*p)
			return 0;
	}
}

json_t *cgroup_record(const struct cgroup *cg)
{
	json_t *paths = json_object();
	for (size_t i = 0; paths && i < cg->n; i++)
		if (record_tree(paths, &cg->t[i]) < 0) {
			json_decref(paths);
			paths = NULL;
		}
	json_t *o = json_pack("{s:s, s:o, s:s*, s:b}", "driver", cg->unit ? "systemd" : "cgroupfs",
			      "paths", paths, "path", cg->path, "rootless", cg->rootless);
	if (o && cg->unit &&
	    (json_object_set_new(o, "unit", json_string(cg->unit)) < 0 ||
	     json_object_set_new(o, "slice", json_string(cg->slice ? cg->slice : "")) < 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int open_tree_of(struct cgroup *cg, const char *key, const char *dir, struct err *e)
{
	uint32_t bits = cg_ctrl_bits(key, ",");

	if (*dir != '/' || strlen(key) >= sizeof cg->t[0].name / 2)
		return err_new(e, E_CORRUPT, EINVAL, "cgroup record: bad path of \"%s\"", key);
	/* controllers of one hierarchy share a directory */
	for (size_t i = 0; i < cg->n; i++)
		if (*key && !strcmp(cg->t[i].dir, dir) && !cg->t[i].unified &&
		    strlen(cg->t[i].name) + strlen(key) + 2 < sizeof cg->t[i].name) {
			size_t n = strlen(cg->t[i].name);
			(void)snprintf(cg->t[i].name + n, sizeof cg->t[i].name - n, ",%s", key); /* fits */
			cg->t[i].ctrls |= bits;
			return 0;
		}
	if (cg->n == CG_TREES_MAX)
		return err_new(e, E_CORRUPT, EINVAL, "cgroup record: too many hierarchies");
	struct cg_tree *t = &cg->t[cg->n];
	*t = (struct cg_tree){ .fd = -1, .ctrls = *key ? bits : 0, .unified = !*key };
	(void)snprintf(t->name, sizeof t->name, "%s", key); /* fits */
	t->dir = strdup(dir);
	if (!t->dir)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	cg->n++;
	return 0;
}

int cgroup_open(const json_t *record, struct cgroup **ret, struct err *e)
{
	OWN_CGROUP cg = cg_new();
	const char *key;
	json_t *dir;

	if (!cg)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	cg->rootless = js_bool(record, "rootless", false);
	cg->early = true; /* it is there: a process can be cloned into it */
	json_object_foreach(json_object_get(record, "paths"), key, dir) {
		int r = open_tree_of(cg, key, json_is_string(dir) ? json_string_value(dir) : "", e);
		if (r < 0)
			return r;
	}
	const char *path = js_str(record, "path", NULL), *unit = js_str(record, "unit", NULL);
	cg->path = path ? strdup(path) : NULL;
	cg->unit = unit ? strdup(unit) : NULL;
	cg->slice = unit ? strdup(js_str(record, "slice", "")) : NULL;
	cg->started = unit;
	if ((path && !cg->path) || (unit && (!cg->unit || !cg->slice)))
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	*ret = ptr_take(&cg);
	return 0;
}

void cgroup_warn_to(struct cgroup *cg, void (*warn)(const char *msg, void *data), void *data)
{
	cg->warn = warn;
	cg->warn_data = data;
}

const char *cgroup_path(const struct cgroup *cg)
{
	return cg->path ? cg->path : "";
}

/* --- processes ----------------------------------------------------------------------------- */

int cgroup_clone_fd(const struct cgroup *cg)
{
	/* beside v1 it is of use only to a child that enters the rest itself */
	bool there = !cg->unit || !cg->fresh; /* systemd makes it when it is told the process */
	struct cg_tree *t = (cg->n == 1 || cg->early) && there ? cg_unified(cg) : NULL;
	int fd = t ? cg_tree_fd(t) : -1;
	((struct cgroup *)cg)->cloned = fd >= 0; /* remembered for cgroup_enter_self */
	return fd < 0 ? -1 : fd;
}

static int tree_enter(struct cgroup *cg, struct cg_tree *t, const char *text, struct err *e)
{
	int r = cg_write_raw(t, "cgroup.procs", text);
	if (r >= 0)
		return 0;
	if (cg->rootless && (r == -EACCES || r == -EPERM)) {
		cg_warn(cg, "no permission to enter control group %s", t->dir);
		return 0;
	}
	err_sys(e, -r, "enter control group %s", t->dir);
	if (r == -EBUSY && t->unified)
		err_hint(e, "a group that hands controllers to groups below holds no processes");
	else if (r == -ENOSPC)
		err_hint(e, "cpuset.cpus or cpuset.mems of the group is empty");
	return r;
}

int cgroup_enter(struct cgroup *cg, pid_t pid, struct err *e)
{
	char text[24];

	if (cg->unit && cg->fresh) {
		int r = cg_systemd_enter(cg, pid, e);
		if (r >= 0)
			r = finish(cg, cg->resources, e);
		if (r < 0)
			return r;
	}
	(void)snprintf(text, sizeof text, "%d", (int)pid); /* fits */
	for (size_t i = 0; i < cg->n; i++) {
		int r = tree_enter(cg, &cg->t[i], text, e);
		if (r < 0)
			return r;
	}
	cg->fresh = false;
	return 0;
}

/* with one call for all, by the caller */
enum { SELF_FDS_KEEP = 96 };

static int self_open(const struct cg_tree *t, const char *file)
{
	char path[4200];
	size_t n = strlen(t->dir), k = strlen(file) + 1;

	if (n + k > sizeof path)
		return -ENAMETOOLONG;
	memcpy(path, t->dir, n);
	memcpy(path + n, file, k);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int cgroup_enter_by(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (write(fds[i], "0", 1) != 1)
			return -errno;
	return 0;
}

static int self_write(const struct cg_tree *t, const char *file)
{
	int fd = self_open(t, file);
	if (fd < 0)
		return fd;
	int r = cgroup_enter_by(&fd, 1);
	if (fd >= SELF_FDS_KEEP)
		close(fd);
	return r;
}

/* One thread that moves itself needs no lock on all forks and exits of the host, unlike a process
 * that another one moves (Linux 6.0): that lock waits for a grace period of RCU, about 1 ms. */
int cgroup_enter_files(const struct cgroup *cg, int *ret, size_t max)
{
	size_t n = 0;
	int r = cg->n > max || (cg->unit && cg->fresh) ? -EOPNOTSUPP : 0;

	for (size_t i = 0; r >= 0 && i < cg->n; i++) {
		const struct cg_tree *t = &cg->t[i];
		if (t->unified && cg->cloned)
			continue;
		r = self_open(t, t->unified ? "/cgroup.procs" : "/tasks");
		if (r >= 0)
			ret[n++] = r;
	}
	while (r < 0 && n)
		(void)close(ret[--n]); /* opened for nothing */
	return r < 0 ? r : (int)n;
}

int cgroup_enter_self(const struct cgroup *cg)
{
	int r = cg->unit && cg->fresh ? -EOPNOTSUPP : 0;

	for (size_t i = 0; r >= 0 && i < cg->n; i++)
		if (!cg->t[i].unified)
			r = self_write(&cg->t[i], "/tasks");
		else if (!cg->cloned)
			r = self_write(&cg->t[i], "/cgroup.procs");
	return r;
}
