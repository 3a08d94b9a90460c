/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing tars of images: see tar_out.h.
 */
#include "registry/tar_out.h"

#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "format/tar.h"

static int flush(struct tar_out *t, struct err *e)
{
	if (buf_failed(&t->b))
		return err_new(e, E_NOMEM, ENOMEM, "archive");
	int r = io_write_all(t->xfd, t->b.p, t->b.n);
	t->b.n = 0;
	return r < 0 ? err_sys(e, -r, "write archive") : 0;
}

void tar_out_done(struct tar_out *t)
{
	buf_done(&t->b);
}

int tar_out_text(struct tar_out *t, const char *name, const char *text, struct err *e)
{
	struct tar_entry en = { .type = TAR_FILE, .path = name, .mode = 0644, .size = strlen(text) };

	if (tar_put_header(&t->b, &en, e) < 0)
		return -e->eno;
	buf_puts(&t->b, text);
	tar_put_padding(&t->b, en.size);
	return flush(t, e);
}

int tar_out_json(struct tar_out *t, const char *name, json_t *j, struct err *e)
{
	OWN_STR text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "%s", name);
	return tar_out_text(t, name, text, e);
}

int tar_out_file(struct tar_out *t, const char *name, int xin, uint64_t size, struct err *e)
{
	struct tar_entry en = { .type = TAR_FILE, .path = name, .mode = 0644, .size = size };

	if (tar_put_header(&t->b, &en, e) < 0 || flush(t, e) < 0 || io_copy_fd(xin, t->xfd, e) < 0)
		return err_ctx(e, "%s", name);
	tar_put_padding(&t->b, size);
	return flush(t, e);
}

int tar_out_dir(struct tar_out *t, const char *name, struct err *e)
{
	const struct tar_entry en = { .type = TAR_DIR, .path = name, .mode = 0755 };
	return tar_put_header(&t->b, &en, e) < 0 ? -e->eno : flush(t, e);
}

int tar_out_symlink(struct tar_out *t, const char *name, const char *target, struct err *e)
{
	const struct tar_entry en = { .type = TAR_SYMLINK, .path = name, .link = target, .mode = 0777 };
	return tar_put_header(&t->b, &en, e) < 0 ? -e->eno : flush(t, e);
}

int tar_out_end(struct tar_out *t, struct err *e)
{
	tar_put_end(&t->b);
	return flush(t, e);
}
