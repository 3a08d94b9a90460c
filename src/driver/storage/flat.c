/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole tree per container: see flat_int.h.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/flat_int.h"

int flat_prepare(const struct store *s, const char *id, int (*make)(void *data, int rw_fd, struct err *e), void *data,
		 struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0)
		return -e->eno;
	if (io_mkdir_p(s->root_fd, path, 0700, e) < 0)
		return err_ctx(e, "writable layer");
	OWN_FD rw = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rw < 0)
		return err_sys(e, errno, "writable layer: open %s", path);
	if (make(data, rw, e) < 0)
		return err_ctx(e, "writable layer");
	OWN_FD mark = openat(rw, "made", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return mark < 0 ? err_sys(e, errno, "writable layer: mark") : 0;
}

int flat_made(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "/made", path, e) < 0)
		return -e->eno;
	if (faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_new(e, E_CORRUPT, errno, "the file system of container %.12s was never completed", id);
	return 0;
}

int flat_plan(const struct store *s, const char *id, const char *const *chain, size_t n_chain, unsigned flags,
	      struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct mount_step *step = arena_get(a, sizeof *step);

	(void)chain;
	(void)n_chain;
	if (flat_made(s, id, e) < 0)
		return -e->eno;
	if (!step || !(step->source = arena_printf(a, "%s/containers/%s/rw/fs", s->root, id)))
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	step->fstype = "bind";
	step->read_only = flags & STORAGE_PLAN_READ_ONLY;
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}
