/* SPDX-License-Identifier: Apache-2.0
 *
 * What others want to know of the hierarchies: the parts of a container's cgroup mount, what the
 * host offers, and giving a group to a container.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"
#include "format/js.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

/* --- mounts -------------------------------------------------------------------------------- */

/* Names under /sys/fs/cgroup: the hierarchy's own, and for "cpu,cpuacct" a link from each. */
static int mount_part(json_t *list, const struct cg_tree *t)
{
	const char *target = t->name;
	if (t->unified)
		target = "unified";
	else if (!strncmp(target, "name=", 5))
		target += 5;
	if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", "bind", "source", t->dir,
						  "target", target)) < 0)
		return -ENOMEM;
	for (const char *p = t->name; strchr(t->name, ',') && *p;) {
		size_t n = strcspn(p, ",");
		char link[sizeof t->name];
		memcpy(link, p, n);
		link[n] = 0;
		if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", "symlink", "source",
							  t->name, "target", link)) < 0)
			return -ENOMEM;
		p += n + (p[n] == ',');
	}
	return 0;
}

int cgroup_mounts(const struct cgroup *cg, bool own_namespace, json_t **ret, struct err *e)
{
	OWN_JSON list = json_array();

	/* With a namespace of its own the container sees the same directory as its root. */
	(void)own_namespace;
	if (!list)
		return nomem(e);
	if (cg->n == 1 && cg->t[0].unified) {
		if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", "bind", "source",
							  cg->t[0].dir, "target", "")) < 0)
			return nomem(e);
	} else {
		for (size_t i = 0; i < cg->n; i++)
			if (mount_part(list, &cg->t[i]) < 0)
				return nomem(e);
	}
	*ret = ptr_take(&list);
	return 0;
}

/* --- delegation ---------------------------------------------------------------------------- */

int cgroup_delegate(struct cgroup *cg, uid_t uid, gid_t gid, struct err *e)
{
	static const char basic[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	struct cg_tree *t = cg->n == 1 ? cg_unified(cg) : NULL;

	if (!t) /* the owner of a v1 group could undo its own limits */
		return 0;
	int dir = cg_tree_fd(t);
	if (dir < 0 || fchownat(dir, "", uid, gid, AT_EMPTY_PATH) < 0)
		return err_sys(e, dir < 0 ? -dir : errno, "give control group %s to user %u", t->dir, uid);
	(void)io_read_file(AT_FDCWD, "/sys/kernel/cgroup/delegate", 65536, &text, NULL, &ignored);
	for (const char *p = text ? text : basic; *p;) {
		char name[64];
		size_t n = strcspn(p, "\n");
		if (n && n < sizeof name) {
			memcpy(name, p, n);
			name[n] = 0;
			if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
				return err_sys(e, errno, "give %s of %s to user %u", name, t->dir, uid);
		}
		p += n + (p[n] == '\n');
	}
	return 0;
}

/* --- host ---------------------------------------------------------------------------------- */

static uint32_t controllers_of(const struct cg_hier *h)
{
	char path[300];
	OWN_STR text = NULL;
	struct err ignored = { 0 };
	if (!h->unified)
		return h->ctrls;
	(void)snprintf(path, sizeof path, "%s/cgroup.controllers", h->mount); /* fits */
	if (io_read_file(AT_FDCWD, path, 4096, &text, NULL, &ignored) < 0)
		return 0;
	return cg_ctrl_bits(text, " \n");
}

/* Whether some group of the hierarchy that holds memory has @file: the root may lack it. */
static bool has_swap(const struct cg_host *host)
{
	for (size_t i = 0; i < host->n; i++) {
		const struct cg_hier *h = &host->h[i];
		char path[900];
		if (!(controllers_of(h) & 1u << CG_MEMORY))
			continue;
		if (!h->unified)
			(void)snprintf(path, sizeof path, "%s/memory.memsw.limit_in_bytes", h->mount);
		else if (strcmp(h->own, "/"))
			(void)snprintf(path, sizeof path, "%s%s/memory.swap.max", h->mount, h->own);
		else
			return access("/proc/swaps", F_OK) == 0; /* v2 always accounts where there is swap */
		return access(path, F_OK) == 0; /* both fit */
	}
	return false;
}

bool cgroup_swap_supported(void)
{
	OWN_PTR struct cg_host *host = calloc(1, sizeof *host);
	struct err ignored = { 0 };
	return host && cg_host_scan("/sys/fs/cgroup", -1, host, &ignored) >= 0 && has_swap(host);
}

int cgroup_host_info(json_t **ret, struct err *e)
{
	OWN_PTR struct cg_host *host = calloc(1, sizeof *host);
	OWN_JSON names = json_array();
	uint32_t bits = 0;
	bool unified = false;

	if (!host || !names)
		return nomem(e);
	int r = cg_host_scan("/sys/fs/cgroup", -1, host, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < host->n; i++) {
		bits |= controllers_of(&host->h[i]);
		unified = unified || host->h[i].unified;
	}
	bool only = unified && host->n == 1;
	for (int c = 0; c < CG_CTRL_N; c++)
		if (bits & 1u << c && !(only && c == CG_CPUACCT) &&
		    json_array_append_new(names, json_string(cg_ctrl_name((enum cg_ctrl)c, only))) < 0)
			return nomem(e);
	json_t *o = json_pack("{s:s, s:s, s:s, s:O, s:b, s:b, s:b}", "version", only ? "2" : "1", "layout",
			      only ? "unified" : unified ? "hybrid" : "legacy", "driver",
			      cg_systemd_running() ? "systemd" : "cgroupfs", "controllers", names, "rdma",
			      (bits & 1u << CG_RDMA) != 0, "systemd", cg_systemd_running(), "swap_limit",
			      has_swap(host));
	if (!o)
		return nomem(e);
	*ret = o;
	return 0;
}
