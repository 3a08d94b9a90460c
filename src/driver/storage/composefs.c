/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage driver "composefs": one EROFS image of all names and attributes of an image (meta.h), made with its
 * first container; the content of files comes from the layers. A path is looked up in one directory however
 * many layers there are, and containers of images that share layers share the content in memory.
 *
 *   snapshots/HEX/meta               of the topmost layer's chain ID: goes with the layer
 *   containers/ID/rw/{diff,work}     as overlay's
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/meta.h"
#include "driver/storage/overlay_int.h"
#include "store/snapshot.h"
#include "sys/mountfd.h"

static int missing(struct err *e, int error, const char *what, const char *hint)
{
	err_new(e, E_UNSUPPORTED, error, "composefs: %s", what);
	err_hint(e, "%s", hint);
	return -e->eno;
}

/* a mount as plan() has it, of nothing: data-only layers without metacopy, which would leave files in the upper
 * directory that have no content */
static int mount_nothing(const struct store *s, struct err *e)
{
	OWN_FD erofs = -1, fs = -1, mnt = -1;

	if (erofs_mount_nothing(s, &erofs, e) < 0)
		return err_ctx(e, "composefs");
	if (mountfd_fs_open("overlay", &fs, e) < 0)
		return err_ctx(e, "composefs");
	if (mountfd_fs_file(fs, "lowerdir+", erofs, e) < 0 || mountfd_fs_string(fs, "datadir+", s->root, e) < 0 ||
	    mountfd_fs_flags(fs, MS_RDONLY, e) < 0 || mountfd_fs_word(fs, "metacopy=off", e) < 0 ||
	    mountfd_fs_mount(fs, "overlay", MOUNT_ATTR_RDONLY, &mnt, e) < 0)
		/* EBADF: before 6.13 layers could not be given as descriptors either */
		return e->eno != EINVAL && e->eno != EBADF ? err_ctx(e, "composefs") :
					  missing(e, EINVAL,
						  "overlay takes no data-only layers without metacopy: it has done since Linux 6.16",
						  "take the driver overlay");
	return 0;
}

static int probe(const struct store *s, struct err *e)
{
	if (storage_able(s, "composefs"))
		return 0;
	if (storage_overlay.probe(s, e) < 0)
		return err_ctx(e, "composefs");
	if (storage_in_userns())
		return missing(e, EPERM, "EROFS cannot be mounted in a user namespace", "take the driver overlay");
	if (mount_nothing(s, e) < 0)
		return -e->eno;
	storage_able_note(s, "composefs");
	return 0;
}

static int meta_path(const char *chain_id, char out[STORAGE_PATH_MAX], struct err *e)
{
	char snapshot[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, snapshot, e) < 0)
		return -e->eno;
	(void)snprintf(out, STORAGE_PATH_MAX, "%s/meta", snapshot);
	return 0;
}

static int meta_make(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	struct storage_lowers lowers;
	const char *top = chain[n_chain - 1];
	char path[STORAGE_PATH_MAX];
	ARENA a = { 0 };
	OWN_FD fd = -1;

	if (meta_path(top, path, e) < 0)
		return -e->eno;
	if (faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	/* once per image: after a power cut it is whole or not there */
	if (storage_lowers(s, id, chain, n_chain, &a, &lowers, e) < 0 || snapshot_file_open(s, top, &fd, e) < 0 ||
	    meta_write(&lowers, fd, e) < 0 || snapshot_file_name(s, top, "meta", fd, true, e) < 0)
		return err_ctx(e, "metadata of the image");
	return 0;
}

static int prepare(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct err *e)
{
	if (overlay_prepare(s, id, chain, n_chain, e) < 0)
		return -e->eno;
	return n_chain ? meta_make(s, id, chain, n_chain, e) : 0;
}

static int plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
		struct arena *a, struct mount_plan *ret, struct err *e)
{
	char path[STORAGE_PATH_MAX];
	struct mount_step *steps = arena_get(a, 2 * sizeof *steps);

	if (!n_chain)
		return storage_overlay.plan(s, id, chain, n_chain, flags, a, ret, e);
	if (!steps)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	/* made anew where the image was pulled anew since */
	if (meta_make(s, id, chain, n_chain, e) < 0 || meta_path(chain[n_chain - 1], path, e) < 0 ||
	    storage_overlay.plan(s, id, chain, n_chain, flags, a, ret, e) < 0)
		return -e->eno;
	steps[0] = (struct mount_step){ .fstype = "erofs", .source = arena_printf(a, "%s/%s", s->root, path),
					.read_only = true, .fd = -1 };
	if (!steps[0].source)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	steps[1] = ret->steps[0];
	/* what overlay stacks gives the content; read-only the writable layer is the first of it */
	const size_t own = flags & STORAGE_PLAN_READ_ONLY ? 1 : 0;
	steps[1].datas = steps[1].lowers + own;
	steps[1].n_datas = steps[1].n_lowers - own;
	steps[1].n_lowers = own;
	steps[1].over_last = true;
	*ret = (struct mount_plan){ steps, 2 };
	return 0;
}

const struct storage_ops storage_composefs = {
	.name = "composefs",
	.form = STORE_DIFF,
	.chosen = STORAGE_PLAN_VOLATILE, /* redirects to data-only layers are its own */
	.probe = probe,
	.prepare = prepare,
	.plan = plan,
	.remove = overlay_remove,
	.lowers = storage_lowers,
	.changes = overlay_changes,
	.bytes = overlay_bytes,
};
