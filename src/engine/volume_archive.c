/* SPDX-License-Identifier: Apache-2.0
 *
 * volume export, volume import: the content of a volume as a tar stream. A volume that has to be mounted first is
 * used as a container uses it, under an ID that no container has: what a kill leaves is taken back by the sweep
 * (RUN/containers/ID without a record).
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/archive.h"
#include "engine/volume.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "store/container.h"

struct use {
	struct engine *eng;
	char id[65];
	int dir; /* of the content; -1: none */
};

static void use_end(struct use *u)
{
	char path[96];
	struct err ignored = { 0 }; /* the sweep tries again */

	own_fd_done(&u->dir);
	if (!*u->id)
		return;
	volumes_detach(&u->eng->store, u->id);
	(void)snprintf(path, sizeof path, "containers/%s", u->id);
	(void)io_remove_tree(u->eng->store.run_fd, path, &ignored);
}

static int use_begin(struct use *u, const char *name, struct err *e)
{
	const struct volume_spec spec = { .name = name };
	OWN_JSON v = NULL;
	OWN_JSON record = NULL;
	OWN_FD run_fd = -1;
	OWN_STR place = NULL;

	if (engine_volume_inspect(u->eng, name, &v, e) < 0)
		return -e->eno;
	/* one that only its plugin knew gets a record */
	if (!volume_is_local(v) && engine_volume_create(u->eng, &spec, &record, NULL, e) < 0)
		return -e->eno;
	int r = text_random_id(u->id);
	if (r < 0)
		return err_sys(e, -r, "random name");
	if (container_run_dir(&u->eng->store, u->id, true, &run_fd, e) < 0 ||
	    volume_attach(&u->eng->store, u->id, run_fd, name, &place, e) < 0)
		return -e->eno;
	const char *path = place ? place : js_str(v, "Mountpoint", "");
	u->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return u->dir < 0 ? err_sys(e, errno, "open %s", path) : 0;
}

int engine_volume_export(struct engine *eng, const char *name, int out_fd, struct err *e)
{
	CLEANUP(use_end) struct use u = { .eng = eng, .dir = -1 };

	if (use_begin(&u, name, e) < 0 || archive_write_fd(u.dir, "", ARCHIVE_BARE, out_fd, e) < 0)
		return err_ctx(e, "export volume %s", name);
	return 0;
}

int engine_volume_import(struct engine *eng, const char *name, int in_fd, struct err *e)
{
	CLEANUP(use_end) struct use u = { .eng = eng, .dir = -1 };
	struct archive_dest dest = { .dir = "." };

	if (use_begin(&u, name, e) < 0)
		return err_ctx(e, "import into volume %s", name);
	dest.root = u.dir;
	if (archive_read(in_fd, &dest, e) < 0) {
		if (!*e->hint && e->kind == E_CORRUPT)
			err_hint(e, "it takes plain tar; of a compressed one: zcat FILE | onggi volume import %s -", name);
		return err_ctx(e, "import into volume %s", name);
	}
	return 0;
}
