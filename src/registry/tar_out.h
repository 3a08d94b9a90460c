/* SPDX-License-Identifier: Apache-2.0
 *
 * A tar that is written piece by piece to a descriptor: files of images, whose times are zero so that the same
 * images give the same bytes.
 */
#ifndef ONGGI_REGISTRY_TAR_OUT_H
#define ONGGI_REGISTRY_TAR_OUT_H

#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/json.h"

struct tar_out {
	int xfd;
	struct buf b;
};

void tar_out_done(struct tar_out *t);
int tar_out_text(struct tar_out *t, const char *name, const char *text, struct err *e);
/** tar_out_json - takes @j; NULL is E_NOMEM. */
int tar_out_json(struct tar_out *t, const char *name, json_t *j, struct err *e);
/** tar_out_file - all of @xin, which has @size bytes from its position on. */
int tar_out_file(struct tar_out *t, const char *name, int xin, uint64_t size, struct err *e);
int tar_out_dir(struct tar_out *t, const char *name, struct err *e);
int tar_out_symlink(struct tar_out *t, const char *name, const char *target, struct err *e);
/** tar_out_end - the end of the archive. */
int tar_out_end(struct tar_out *t, struct err *e);

#endif
