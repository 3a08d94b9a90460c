/* SPDX-License-Identifier: Apache-2.0
 *
 * diff: what a container changed, from its writable layer alone.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/own.h"
#include "engine/engine_int.h"
#include "engine/mountpoints.h"
#include "engine/rootfs.h"
#include "format/js.h"

enum { CHANGED, ADDED, DELETED, DEPTH_MAX = 400 };

struct diff {
	const struct storage_lowers *lowers;
	json_t *list;
	char path[4096];
};

static void add(struct diff *d, int kind)
{
	json_array_append_new(d->list, json_pack("{ss si}", "Path", d->path, "Kind", kind));
}

static int walk(struct diff *d, int xfd, size_t n, int depth, struct err *e);

/* the entry d->path: 1 when it is a place of ours, 0 when not */
static int one(struct diff *d, int xdir, const char *name, size_t n, int depth, struct err *e)
{
	struct stat st, below;

	if (fstatat(xdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "stat %s", d->path); /* gone meanwhile */
	bool was = rootfs_lower_stat(d->lowers, d->path + 1, &below);
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
		if (was)
			add(d, DELETED);
		return 0;
	}
	bool mine = mountpoint_is_ours(d->path + 1);
	size_t at = json_array_size(d->list);
	if (was || !mine)
		add(d, was ? CHANGED : ADDED);
	if (!S_ISDIR(st.st_mode))
		return mine;
	OWN_FD sub = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return errno == ENOENT ? mine : err_sys(e, errno, "open %s", d->path);
	int r = walk(d, sub, n, depth + 1, e);
	if (r > 0 && was) {
		(void)json_array_remove(d->list, at);
		mine = true;
	}
	return r < 0 ? r : mine;
}

/* @xfd is the directory d->path[0..n]. 1 when it holds nothing but places of ours: then the start has
 * copied it up, not the container. */
static int walk(struct diff *d, int xfd, size_t n, int depth, struct err *e)
{
	int list = openat(xfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	OWN_DIR dir = list < 0 ? NULL : fdopendir(list);
	size_t ours = 0, others = 0;
	const struct dirent *en;

	if (!dir)
		return err_sys(e, errno, "read directory %.*s", (int)n, d->path);
	if (depth > DEPTH_MAX)
		return err_new(e, E_INVALID, ELOOP, "%.*s: tree is too deep", (int)n, d->path);
	while ((r = io_dir_next(dir, &en, e)) > 0) {
		if (!strcmp(en->d_name, STORAGE_OPAQUE_MARK))
			continue;
		size_t len = (size_t)snprintf(d->path + n, sizeof d->path - n, "/%s", en->d_name);
		if (len >= sizeof d->path - n)
			return err_new(e, E_INVALID, ENAMETOOLONG, "%.*s: path is too long", (int)n, d->path);
		int mine = one(d, xfd, en->d_name, n + len, depth, e);
		if (mine < 0)
			return mine;
		if (mine)
			ours++;
		else
			others++;
	}
	return r < 0 ? r : ours && !others;
}

int engine_diff(struct engine *eng, const char *ref, json_t **ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	ARENA a = { 0 };
	struct storage_lowers lowers;
	struct storage_changes changes;
	struct diff d = { .lowers = &lowers };

	if (handle_open(eng, ref, 0, &h, e) < 0 || engine_lowers(eng, &h.c, &a, &lowers, e) < 0 ||
	    engine_changes(eng, &h.c, &lowers, &changes, e) < 0)
		return -e->eno;
	int r = (d.list = json_array()) ? walk(&d, changes.fd, 0, 0, e) : err_new(e, E_NOMEM, ENOMEM, "diff");
	storage_changes_done(&eng->store, &changes);
	if (r < 0) {
		json_decref(d.list);
		return err_ctx(e, "diff");
	}
	*ret = d.list;
	return 0;
}
