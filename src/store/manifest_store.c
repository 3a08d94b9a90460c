/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists in the making: see manifest_store.h.
 */
#include "store/manifest_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "spec/manifest_list.h"
#include "spec/reference.h"
#include "store/image_int.h"

enum { LIST_BYTES_MAX = 16 << 20 };

static int no_such(const char *name, struct err *e)
{
	struct reference ref;
	char text[REFERENCE_TEXT_MAX];
	struct err ignored = { 0 };

	err_clear(e);
	if (reference_parse(name, &ref, &ignored) < 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "No such manifest: %.200s", name);
	reference_familiar(&ref, text);
	return err_new(e, E_NOT_FOUND, ENOENT, "No such manifest: %s", text);
}

static int load(int xdir, const char *path, json_t **ret, struct err *e)
{
	OWN_JSON list = NULL;

	if (js_load(xdir, path, LIST_BYTES_MAX, &list, e) < 0 || manifest_list_check(list, e) < 0)
		return -e->eno;
	*ret = ptr_take(&list);
	return 0;
}

int manifest_list_load(const struct store *s, const char *name, json_t **ret, struct err *e)
{
	char path[REFERENCE_PATH_MAX];

	if (reference_path("manifests", name, path, e) < 0)
		return -e->eno;
	if (load(s->root_fd, path, ret, e) < 0)
		return e->kind == E_NOT_FOUND ? no_such(name, e) : err_ctx(e, "list %s", name);
	return 0;
}

/* ---- the way of a change ---- */

struct change {
	const struct store *s;
	const char *name;
	char path[REFERENCE_PATH_MAX];
	enum manifest_list_make make;
	int (*change)(void *data, json_t *list, struct err *e);
	void *data;
	json_t *list;
	int lock, gc;
};

static int step_lock(void *ctx, struct err *e)
{
	struct change *c = ctx;

	if (io_mkdir_p(c->s->root_fd, "locks", 0700, e) < 0 || io_mkdir_p(c->s->root_fd, "manifests", 0700, e) < 0)
		return -e->eno;
	return lock_take(c->s->root_fd, "locks/manifests", LOCK_EXCLUSIVE, &c->lock, e);
}

static int step_change(void *ctx, struct err *e)
{
	struct change *c = ctx;

	if (load(c->s->root_fd, c->path, &c->list, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		if (c->make == LIST_MUST_EXIST)
			return no_such(c->name, e);
		err_clear(e);
		c->list = manifest_list_new(c->name);
		if (!c->list)
			return err_new(e, E_NOMEM, ENOMEM, "list");
	} else if (c->make == LIST_MUST_BE_NEW) {
		(void)err_new(e, E_CONFLICT, EEXIST, "refusing to amend an existing manifest list with no --amend flag");
		err_hint(e, "add to it with --amend or onggi manifest add; remove it with onggi manifest rm");
		return -EEXIST;
	}
	return c->change(c->data, c->list, e);
}

static int step_write(void *ctx, struct err *e)
{
	struct change *c = ctx;

	/* a collection that is on its way sees either the caller's lease or the list */
	if (lock_take(c->s->root_fd, "locks/gc", LOCK_SHARED, &c->gc, e) < 0)
		return -e->eno;
	return js_save(c->s->root_fd, c->path, c->list, 0600, IO_DURABLE, e);
}

static const struct step change_steps[] = {
	{ "lock", step_lock, NULL },
	{ "change", step_change, NULL },
	{ "write", step_write, NULL },
};
WAY_DEFINE(change_way, "manifest-change", change_steps);

int manifest_list_change(const struct store *s, const char *name, enum manifest_list_make make,
			 int (*change)(void *data, json_t *list, struct err *e), void *data, struct err *e)
{
	struct change c = { .s = s, .name = name, .make = make, .change = change, .data = data, .lock = -1, .gc = -1 };

	if (reference_path("manifests", name, c.path, e) < 0)
		return -e->eno;
	int r = way_run(&change_way, &c, NULL, e);
	own_fd_done(&c.gc);
	own_fd_done(&c.lock);
	json_decref(c.list);
	return r < 0 ? r : 0;
}

int manifest_list_remove(const struct store *s, const char *name, const json_t *same, struct err *e)
{
	char path[REFERENCE_PATH_MAX];
	OWN_JSON now = NULL;
	OWN_FD lock = -1;

	if (reference_path("manifests", name, path, e) < 0 || io_mkdir_p(s->root_fd, "locks", 0700, e) < 0 ||
	    lock_take(s->root_fd, "locks/manifests", LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	if (same && manifest_list_load(s, name, &now, e) < 0)
		return -e->eno;
	if (same && !json_equal(now, same))
		return err_new(e, E_CONFLICT, EBUSY, "list %s is another one by now", name);
	if (unlinkat(s->root_fd, path, 0) < 0)
		return errno == ENOENT ? no_such(name, e) : err_sys(e, errno, "remove list %s", name);
	return 0;
}

int manifest_list_each(const struct store *s, int (*each)(void *data, const char *name, const json_t *list), void *data,
		       struct err *e)
{
	OWN_FD fd = openat(s->root_fd, "manifests", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dup_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	const struct dirent *en;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open manifests");
	if (!d)
		return err_sys(e, errno, "read manifests");
	while ((r = io_dir_next(d, &en, e)) > 0) {
		OWN_JSON list = NULL;
		struct err own = { 0 };
		if (en->d_name[0] == '.')
			continue;
		if (load(fd, en->d_name, &list, &own) < 0) {
			if (own.kind == E_NOT_FOUND) /* removed meanwhile */
				continue;
			if (!err_is_damage(&own)) {
				*e = own;
				return err_ctx(e, "list");
			}
		}
		if ((r = each(data, list ? js_str(list, "name", "") : en->d_name, list)) != 0)
			return r;
	}
	return r;
}
