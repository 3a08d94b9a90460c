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

/* @fd (consumed) is the directory d->path[0..n]. Returns whether it holds nothing but places of
 * ours: then the start has copied it up, not the container. */
static bool walk(struct diff *d, int fd, size_t n, int depth)
{
	OWN_DIR dir = fdopendir(fd);
	struct stat st, below;
	size_t ours = 0, others = 0;

	if (!dir) {
		close(fd);
		return false;
	}
	for (struct dirent *en; (en = readdir(dir));) {
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, "..") || !strcmp(en->d_name, STORAGE_OPAQUE_MARK) ||
		    fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		size_t len = (size_t)snprintf(d->path + n, sizeof d->path - n, "/%s", en->d_name);
		if (len >= sizeof d->path - n)
			continue;
		bool was = rootfs_lower_stat(d->lowers, d->path + 1, &below);
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
			if (was)
				add(d, DELETED);
			others++;
			continue;
		}
		bool mine = mountpoint_is_ours(d->path + 1), shown = was || !mine;
		size_t at = json_array_size(d->list);
		if (shown)
			add(d, was ? CHANGED : ADDED);
		int sub = S_ISDIR(st.st_mode) && depth < DEPTH_MAX ?
				  openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
		if (sub >= 0 && walk(d, sub, n + len, depth + 1) && was) {
			(void)json_array_remove(d->list, at);
			mine = true;
		}
		if (mine)
			ours++;
		else
			others++;
	}
	return ours && !others;
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
	int fd = openat(changes.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !(d.list = json_array())) {
		if (fd >= 0)
			close(fd);
		storage_changes_done(&eng->store, &changes);
		return err_sys(e, fd < 0 ? errno : ENOMEM, "read the writable layer");
	}
	(void)walk(&d, fd, 0, 0);
	storage_changes_done(&eng->store, &changes);
	*ret = d.list;
	return 0;
}
