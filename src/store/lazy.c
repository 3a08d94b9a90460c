/* SPDX-License-Identifier: Apache-2.0
 *
 * Images that are not whole yet: see lazy.h.
 */
#include "store/lazy.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "store/image_gc.h"
#include "store/image_int.h"

enum { RECORD_MAX = 4 << 20, LOWERS_MAX = 1 << 20 };

void lazy_path(const char *top, const char *what, char out[LAZY_PATH_MAX])
{
	(void)snprintf(out, LAZY_PATH_MAX, "lazy/%.64s%.32s", strchr(top, ':') ? strchr(top, ':') + 1 : top, what);
}

int lazy_record_path(const char *image_id, char out[LAZY_PATH_MAX], struct err *e)
{
	char path[IMAGE_PATH_MAX];

	if (image_record_path(image_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(out, LAZY_PATH_MAX, "images/" IMAGE_KEPT "%.100s", strchr(path, '/') + 1);
	return 0;
}

const char *lazy_record_top(const json_t *record)
{
	const json_t *layers = json_object_get(record, "layers");
	size_t n = json_array_size(layers);

	return n ? js_str(json_array_get(layers, n - 1), "chain_id", "") : "";
}

bool lazy_is_pending(const struct store *s, const char *image_id)
{
	char path[LAZY_PATH_MAX];
	OWN_JSON record = NULL;
	struct err ignored = { 0 };

	/* this one first: the whole image is registered before its forerunner goes */
	if (image_exists(s, image_id) || lazy_record_path(image_id, path, &ignored) < 0)
		return false;
	return js_load(s->root_fd, path, RECORD_MAX, &record, &ignored) >= 0 && json_object_get(record, "lazy");
}

bool lazy_is_served(const struct store *s, const char *top)
{
	char path[LAZY_PATH_MAX];

	lazy_path(top, "/lowers", path);
	return !faccessat(s->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) && lazy_is_claimed(s, top);
}

bool lazy_is_claimed(const struct store *s, const char *top)
{
	char path[LAZY_PATH_MAX];

	lazy_path(top, "/served", path);
	return lock_is_held(s->run_fd, path);
}

static int take(const struct store *s, const char *top, const char *what, int mode, int *ret_fd, struct err *e)
{
	char path[LAZY_PATH_MAX];

	lazy_path(top, "", path);
	if (io_mkdir_p(s->run_fd, path, 0700, e) < 0)
		return -e->eno;
	lazy_path(top, what, path);
	return lock_take(s->run_fd, path, mode, ret_fd, e);
}

int lazy_begin(const struct store *s, const char *top, int *ret_fd, struct err *e)
{
	return take(s, top, "/begin", LOCK_EXCLUSIVE, ret_fd, e);
}

int lazy_use(const struct store *s, const char *top, int *ret_fd, struct err *e)
{
	return take(s, top, "/use", LOCK_SHARED, ret_fd, e);
}

int lazy_lowers(const struct store *s, const char *top, char **ret, struct err *e)
{
	char path[LAZY_PATH_MAX];

	*ret = NULL;
	lazy_path(top, "/lowers", path);
	if (io_read_file(s->run_fd, path, LOWERS_MAX, ret, NULL, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return err_ctx(e, "layers that are on their way");
		err_clear(e);
	}
	return 0;
}

void lazy_unmount(const struct store *s, const char *top)
{
	char path[LAZY_PATH_MAX], place[sizeof s->run + LAZY_PATH_MAX];

	lazy_path(top, "/root", path);
	(void)snprintf(place, sizeof place, "%s/%s", s->run, path);
	while (!umount2(place, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
}

void lazy_sweep(const struct store *s)
{
	int fd = openat(s->run_fd, "lazy", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *en;
	struct err ignored = { 0 }; /* the next sweep, then */

	if (fd >= 0 && !d)
		close(fd);
	while (d && io_dir_next(d, &en, &ignored) > 0) {
		char path[LAZY_PATH_MAX];
		struct err busy = { 0 };
		OWN_FD begin = -1;
		/* with this lock none begins now */
		lazy_path(en->d_name, "/begin", path);
		if (!text_is_hex(en->d_name, 64) ||
		    lock_take(s->run_fd, path, LOCK_EXCLUSIVE | LOCK_NOWAIT, &begin, &busy) < 0 || lazy_is_claimed(s, en->d_name))
			continue;
		lazy_path(en->d_name, "/lowers", path);
		(void)unlinkat(s->run_fd, path, 0);
		lazy_unmount(s, en->d_name);
	}
}
