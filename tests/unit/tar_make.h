/* SPDX-License-Identifier: Apache-2.0
 *
 * Little archives for unit tests: one line per member.
 */
#ifndef ONGGI_TEST_TAR_MAKE_H
#define ONGGI_TEST_TAR_MAKE_H

#include <string.h>

#include "format/tar.h"

/* one member; @body of a file, @link of links */
static inline void tar_make(struct buf *out, struct tar_entry en, const char *body)
{
	struct err e = { 0 };

	if (!en.mode)
		en.mode = en.type == TAR_DIR ? 0755 : 0644;
	if (body)
		en.size = strlen(body);
	if (!en.mtime.sec)
		en.mtime.sec = 1000000000;
	(void)tar_put_header(out, &en, &e);
	if (body && en.type == TAR_FILE) {
		buf_puts(out, body);
		tar_put_padding(out, en.size);
	}
}

static inline void tar_make_dir(struct buf *out, const char *path)
{
	tar_make(out, (struct tar_entry){ .type = TAR_DIR, .path = path }, NULL);
}

static inline void tar_make_file(struct buf *out, const char *path, const char *body)
{
	tar_make(out, (struct tar_entry){ .type = TAR_FILE, .path = path }, body);
}

static inline void tar_make_link(struct buf *out, enum tar_type type, const char *path, const char *link)
{
	tar_make(out, (struct tar_entry){ .type = type, .path = path, .link = link, .mode = 0777 }, NULL);
}

#endif
