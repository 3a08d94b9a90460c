/* SPDX-License-Identifier: Apache-2.0
 *
 * A volume in use by the engine itself: see volumes.h. What a kill leaves is taken back by the sweep
 * (RUN/containers/ID without a record, whose lock nobody holds).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/volume.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "store/container.h"

void volume_use_end(struct volume_use *u)
{
	char path[96];
	struct err ignored = { 0 }; /* the sweep tries again */

	own_fd_done(&u->dir);
	if (!*u->id)
		return;
	volumes_detach(&u->eng->store, u->id);
	(void)snprintf(path, sizeof path, "containers/%s", u->id);
	(void)io_remove_tree(u->eng->store.run_fd, path, &ignored);
	own_fd_done(&u->lock);
}

int volume_use_take(const struct store *s, const char *id, int *ret_lock)
{
	struct err ignored = { 0 };
	char path[96];

	(void)snprintf(path, sizeof path, "containers/%.64s/use", id);
	int r = lock_take(s->run_fd, path, LOCK_EXCLUSIVE | LOCK_NOWAIT, ret_lock, &ignored);
	return r == 0 ? 1 : ignored.kind == E_BUSY ? 0 : r;
}

/* 1: ours | 0: a sweep came between, and took the folder */
static int folder_make(struct volume_use *u, int *ret_fd, struct err *e)
{
	OWN_FD fd = -1;
	struct stat st;
	int r = text_random_id(u->id);

	if (r < 0)
		return err_sys(e, -r, "random name");
	if (container_run_dir(&u->eng->store, u->id, true, &fd, e) < 0)
		return -e->eno;
	if (lock_take(fd, "use", LOCK_EXCLUSIVE, &u->lock, e) < 0) {
		if (e->eno != ENOENT)
			return -e->eno;
		err_clear(e);
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat a folder");
	if (!st.st_nlink) {
		own_fd_done(&u->lock);
		return 0;
	}
	*ret_fd = fd_take(&fd);
	return 1;
}

static int mount(struct volume_use *u, const char *name, char **ret_place, struct err *e)
{
	OWN_FD run_fd = -1;
	int r;

	while ((r = folder_make(u, &run_fd, e)) == 0)
		;
	return r < 0 ? r : volume_attach(&u->eng->store, u->id, run_fd, name, ret_place, e);
}

int volume_use_begin(struct engine *eng, const char *name, struct volume_use *u, struct err *e)
{
	const struct volume_spec spec = { .name = name };
	OWN_JSON v = NULL;
	OWN_JSON record = NULL;
	OWN_STR place = NULL;

	u->eng = eng;
	if (engine_volume_inspect(eng, name, &v, e) < 0)
		return -e->eno;
	/* one that only its plugin knew gets a record */
	if (!volume_is_local(v) && engine_volume_create(eng, &spec, &record, NULL, e) < 0)
		return -e->eno;
	const bool plain = volume_is_local(v) && !json_object_size(json_object_get(v, "Options"));
	if (!plain && mount(u, name, &place, e) < 0)
		return -e->eno;
	const char *path = place ? place : js_str(v, "Mountpoint", "");
	u->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return u->dir < 0 ? err_sys(e, errno, "open %s", path) : 0;
}
