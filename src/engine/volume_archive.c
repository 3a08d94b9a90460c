/* SPDX-License-Identifier: Apache-2.0
 *
 * volume export, volume import: the content of a volume as a tar stream.
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

int engine_volume_export(struct engine *eng, const char *name, int out_fd, struct err *e)
{
	CLEANUP(volume_use_end) struct volume_use u = VOLUME_USE_NULL;

	if (volume_use_begin(eng, name, &u, e) < 0 || archive_write_fd(u.dir, "", ARCHIVE_BARE, out_fd, e) < 0)
		return err_ctx(e, "export volume %s", name);
	return 0;
}

int engine_volume_import(struct engine *eng, const char *name, int in_fd, struct err *e)
{
	CLEANUP(volume_use_end) struct volume_use u = VOLUME_USE_NULL;
	struct archive_dest dest = { .dir = "." };

	if (volume_use_begin(eng, name, &u, e) < 0)
		return err_ctx(e, "import into volume %s", name);
	dest.root = u.dir;
	if (archive_read(in_fd, &dest, e) < 0) {
		if (!*e->hint && e->kind == E_CORRUPT)
			err_hint(e, "it takes plain tar; of a compressed one: zcat FILE | onggi volume import %s -", name);
		return err_ctx(e, "import into volume %s", name);
	}
	return 0;
}
