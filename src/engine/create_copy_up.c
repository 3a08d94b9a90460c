/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes that are empty get what the image has at their place, whatever driver they are of.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/create.h"
#include "engine/rootfs.h"
#include "engine/tree_copy.h"
#include "engine/volume.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "store/attr.h"

static bool is_empty_dir(int fd)
{
	int dup_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	for (struct dirent *en; d && (en = readdir(d));)
		if (strcmp(en->d_name, ".") && strcmp(en->d_name, ".."))
			return false;
	return d != NULL;
}

static int copy_up_one(struct create *c, int root, const json_t *item, struct err *e)
{
	const char *name = js_str(item, "Name", ""), *from_path = js_str(item, "Destination", "");
	CLEANUP(volume_use_end) struct volume_use use = VOLUME_USE_NULL;
	OWN_FD lock = -1, from = -1;
	char path[NAME_MAX + 32];

	if (path_open_in(root, from_path, O_RDONLY | O_DIRECTORY, 0, &from, e) < 0) {
		if (e->eno != ENOENT && e->eno != ENOTDIR && e->eno != ELOOP)
			return -e->eno;
		err_clear(e); /* the image has nothing there */
		return 0;
	}
	if (volume_use_begin(c->eng, name, &use, e) < 0)
		return -e->eno;
	/* two first containers of one volume: the second finds it full */
	(void)snprintf(path, sizeof path, "volumes/%s/copy-up.lock", name);
	if (lock_take(c->eng->store.root_fd, path, LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	if (!is_empty_dir(use.dir))
		return 0;
	if (tree_copy(from, use.dir, e) < 0 || attr_copy(from, use.dir, e) < 0) {
		if (e->eno != EROFS)
			return err_ctx(e, "copy %s of the image into its volume", from_path);
		err_clear(e); /* it can be given nothing */
	}
	return 0;
}

int create_copy_up(struct create *c, struct err *e)
{
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	OWN_FD root = -1;
	size_t i;
	json_t *v;

	if (!json_array_size(c->copy_up))
		return 0;
	if (engine_plan(c->eng, &c->c, STORAGE_PLAN_READ_ONLY, &a, &plan, e) < 0 || rootfs_mount(&plan, &root, e) < 0)
		return -e->eno;
	json_array_foreach(c->copy_up, i, v)
		if (copy_up_one(c, root, v, e) < 0)
			return -e->eno;
	return 0;
}
