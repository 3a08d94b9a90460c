/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "vfs": a container is a copy of its image, which works on any file system. Content is
 * shared with the layers where the file system can share blocks (reflink: xfs, btrfs, bcachefs).
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"

static int probe(const struct store *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static int make(void *data, int rw_fd, struct err *e)
{
	if (mkdirat(rw_fd, "fs", 0755) < 0)
		return err_sys(e, errno, "mkdir fs");
	OWN_FD fs = openat(rw_fd, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fs < 0)
		return err_sys(e, errno, "open fs");
	return flat_copy(data, fs, e);
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	struct storage_lowers lowers;
	ARENA a = { 0 };

	if (storage_lowers(s, id, chain, n_chain, &a, &lowers, e) < 0)
		return -e->eno;
	return flat_prepare(s, id, make, &lowers, e);
}

static int remove_rw(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	return storage_rw_path(id, "", path, e) < 0 ? -e->eno : io_remove_tree(s->root_fd, path, e);
}

const struct storage_ops storage_vfs = {
	.name = "vfs",
	.form = STORE_DIFF,
	.copies = true,
	.probe = probe,
	.prepare = prepare,
	.plan = flat_plan,
	.remove = remove_rw,
	.lowers = storage_lowers,
	.changes = flat_changes,
	.bytes = flat_bytes,
};
