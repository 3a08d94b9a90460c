/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers, which no driver owns: a layer is a directory in overlay's own form (whiteouts are
 * character devices 0:0, opaque directories bear overlay's attribute), or its archive. See docs/adr/0012
 * and 0015.
 *
 *   tmp/layer-KEY/{diff,meta.json}       being unpacked; diff is locked (flock) by its maker
 *   tmp/layer-KEY/{diff,tar,tar.json}    as an archive: diff is there for the lock alone
 *   snapshots/HEX/{diff,tar}             committed
 *
 * The folders around diff are 0700: set-user-ID programs of images are out of reach of the host's
 * users (CVE-2021-41091).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "store/lazy.h"
#include "store/snapshot.h"

enum { PATH_BUF = 160 };

static int make_dir(int xdir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(xdir, name, mode) < 0)
		return err_sys(e, errno, "mkdir %s", name);
	/* exact whatever umask and set-group-ID parents say */
	if (fchmodat(xdir, name, mode, 0) < 0)
		return err_sys(e, errno, "chmod %s", name);
	return 0;
}

void storage_layer_abort(const struct store *s, const char *key)
{
	char path[PATH_BUF];
	struct err ignored = { 0 }; /* a left-over is swept by the next image command */

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s", key);
	(void)io_remove_tree(s->root_fd, path, &ignored);
}

/* tmp/layer-KEY/diff, locked. 0: *ret_fd is it. 1: a sweeper took the folder for one left over, before it was locked */
static int make_locked(const struct store *s, const char *key, int *ret_fd, struct err *e)
{
	char path[PATH_BUF];
	struct stat st;

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s", key);
	if (make_dir(s->root_fd, path, 0700, e) < 0)
		return e->eno == ENOENT ? 1 : -e->eno;
	(void)snprintf(path, sizeof path, "tmp/layer-%.32s/diff", key);
	if (make_dir(s->root_fd, path, 0755, e) < 0)
		return e->eno == ENOENT ? 1 : -e->eno;
	OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 1;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", path);
	if (!st.st_nlink)
		return 1;
	*ret_fd = fd_take(&fd);
	return 0;
}

int storage_temp_begin(const struct store *s, char key[64], int *ret_dirfd, struct err *e)
{
	uint64_t tag;

	if (io_mkdir_p(s->root_fd, "tmp", 0700, e) < 0)
		return -e->eno;
	for (int tries = 0; tries < 100; tries++) {
		struct err why = { 0 };

		if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
			return err_sys(e, errno, "random name");
		(void)snprintf(key, 64, "%016llx", (unsigned long long)tag);
		int r = make_locked(s, key, ret_dirfd, &why);
		if (!r)
			return 0;
		storage_layer_abort(s, key);
		if (r < 0) {
			*e = why;
			return -e->eno;
		}
	}
	return err_new(e, E_BUSY, EBUSY, "cannot get a temporary folder");
}

int storage_layer_begin(const struct store *s, const char *chain_id, char key[64], int *ret_dirfd, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	return storage_temp_begin(s, key, ret_dirfd, e) < 0 ? err_ctx(e, "layer %s", chain_id) : 0;
}

static int write_meta(const struct store *s, const char *dir, const struct storage_layer *info,
		      struct err *e)
{
	char boot[SNAPSHOT_BOOT_MAX], path[PATH_BUF + 16];

	if (snapshot_boot_id(boot, e) < 0)
		return -e->eno;
	OWN_JSON meta = json_pack("{s:s, s:I, s:s}", "driver", "overlay", "size",
				  (json_int_t)info->size_bytes, "boot", boot);
	if (!meta || (info->root_opaque && json_object_set_new(meta, "root_opaque", json_true()) < 0))
		return err_new(e, E_NOMEM, ENOMEM, "meta.json");
	(void)snprintf(path, sizeof path, "%s/%s", dir, snapshot_names[s->form].meta);
	if (js_save(s->root_fd, path, meta, 0600, 0, e) < 0)
		return -e->eno;
	if (info->root_opaque) {
		(void)snprintf(path, sizeof path, "%s/opaque", dir);
		if (io_replace_file(s->root_fd, path, "", 0, 0600, 0, e) < 0)
			return -e->eno;
	}
	if (!info->loose_bytes)
		return 0;
	(void)snprintf(path, sizeof path, "%s/loose", dir);
	return io_replace_file(s->root_fd, path, info->loose, info->loose_bytes, 0600, 0, e);
}

int storage_layer_tar(const struct store *s, const char *key, int *ret_fd, struct err *e)
{
	char path[PATH_BUF];

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s/tar", key);
	*ret_fd = openat(s->root_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);
	return *ret_fd < 0 ? err_sys(e, errno, "create %s", path) : 0;
}

int storage_layer_tar_is(const struct store *s, const char *key, int xblob, struct err *e)
{
	char path[PATH_BUF], self[32];
	OWN_FD fd = -1;

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s/tar", key);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", xblob);
	if (!linkat(AT_FDCWD, self, s->root_fd, path, AT_SYMLINK_FOLLOW))
		return 0;
	return storage_layer_tar(s, key, &fd, e) < 0 || io_copy_fd(xblob, fd, e) < 0 ? -e->eno : 0;
}

/* The other form is there: this one moves in beside it. What it holds is on the disk with the next
 * registration; meta, the last to come, makes it count. 1: somebody else's is in the way. */
static int add_form(const struct store *s, const char *tmp, const char *path, struct err *e)
{
	const struct snapshot_names *n = &snapshot_names[s->form];
	const char *const parts[] = { "opaque", "loose", n->payload, n->meta };
	char from[PATH_BUF + 16], to[PATH_BUF + 16];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		(void)snprintf(from, sizeof from, "%s/%s", tmp, parts[i]);
		(void)snprintf(to, sizeof to, "%s/%s", path, parts[i]);
		if (!renameat(s->root_fd, from, s->root_fd, to))
			continue;
		if (i < 2 && errno == ENOENT)
			continue;
		if (errno == EEXIST || errno == ENOTEMPTY)
			return 1;
		return err_sys(e, errno, "rename %s", to);
	}
	return 0;
}

/* What has the place of @chain_id: 0: the same layer, or this one is there now | 1: out of the way, try again */
static int give_way(const struct store *s, const char *chain_id, const char *tmp, const char *path, struct err *e)
{
	const enum store_form other = s->form == STORE_TAR ? STORE_DIFF : STORE_TAR;

	if (snapshot_exists_here(s, chain_id, s->form))
		return 0;
	/* left over from before a power loss: not to be trusted */
	if (!snapshot_exists_here(s, chain_id, other))
		return snapshot_hide(s, chain_id, e) < 0 ? -e->eno : 1;
	if (snapshot_hide_form(s, chain_id, s->form, e) < 0)
		return -e->eno;
	return add_form(s, tmp, path, e);
}

int storage_layer_commit(const struct store *s, const char *chain_id, const char *key,
			 const struct storage_layer *info, struct err *e)
{
	char tmp[PATH_BUF], path[SNAPSHOT_PATH_MAX], lock[PATH_BUF];
	int r = 1;

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(tmp, sizeof tmp, "tmp/layer-%.32s", key);
	if (write_meta(s, tmp, info, e) < 0 || io_mkdir_p(s->root_fd, "snapshots", 0700, e) < 0)
		r = -e->eno;
	for (int tries = 0; r == 1 && tries < 10; tries++) {
		if (!renameat(s->root_fd, tmp, s->root_fd, path)) {
			(void)snprintf(lock, sizeof lock, "%s/diff", path);
			if (s->form == STORE_TAR) /* empty, and of no more use; harmless where it stays */
				(void)unlinkat(s->root_fd, lock, AT_REMOVEDIR);
			return 0;
		}
		r = errno == EEXIST || errno == ENOTEMPTY ? give_way(s, chain_id, tmp, path, e) : err_sys(e, errno, "rename");
	}
	if (r == 1)
		r = err_new(e, E_BUSY, EBUSY, "others keep taking its place");
	storage_layer_abort(s, key);
	return r < 0 ? err_ctx(e, "commit layer %s", chain_id) : 0;
}

/* whether all layers are unpacked and settled, whatever is still shown of them */
static bool all_here(const struct store *s, const char *const *chain, size_t n)
{
	char loose[PATH_BUF];

	for (size_t i = 0; i < n; i++) {
		const char *hex = strchr(chain[i], ':');
		(void)snprintf(loose, sizeof loose, "snapshots/%.64s/loose", hex ? hex + 1 : "");
		if (!snapshot_exists(s, chain[i], STORE_DIFF) || !faccessat(s->root_fd, loose, F_OK, 0))
			return false;
	}
	return true;
}

/* storage_lowers while layers are on their way: the list says where each of them is to be seen */
static int late_lowers(const struct store *s, const char *top, char *list, struct arena *a, struct storage_lowers *ret,
		       struct err *e)
{
	char root[LAZY_PATH_MAX], *save = NULL;
	size_t n = 0, cap = 0;
	const char **dirs = NULL;

	lazy_path(top, "/root", root);
	for (char *p = strtok_r(list, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		bool late = text_starts(p, "late ");
		if ((!late && !text_starts(p, "here ")) || !text_is_hex(p + 5, 64))
			return err_new(e, E_CORRUPT, EBADMSG, "list of layers that are on their way");
		dirs = arena_grow(a, dirs, &cap, n + 1, sizeof *dirs);
		if (!dirs || !(dirs[n] = late ? arena_printf(a, "%s/%s/%s", s->run, root, p + 5) :
						arena_printf(a, "%s/snapshots/%s/diff", s->root, p + 5)))
			return err_new(e, E_NOMEM, ENOMEM, "layers");
		n++;
	}
	*ret = (struct storage_lowers){ .dirs = dirs, .n = n };
	return 0;
}

int storage_lowers(const struct store *s, const char *id, const char *const *chain, size_t n_chain, struct arena *a,
		   struct storage_lowers *ret, struct err *e)
{
	const char **dirs = arena_get(a, (n_chain + 1) * sizeof *dirs);
	OWN_STR late = NULL;
	size_t n = 0;

	if (!dirs)
		return err_new(e, E_NOMEM, ENOMEM, "layers of container %.12s", id);
	if (n_chain && lazy_lowers(s, chain[n_chain - 1], &late, e) < 0)
		return -e->eno;
	if (late && !all_here(s, chain, n_chain))
		return late_lowers(s, chain[n_chain - 1], late, a, ret, e);
	for (size_t i = n_chain; i--;) {
		const char *hex = strchr(chain[i], ':');
		char opaque[PATH_BUF];
		if (!hex)
			return err_new(e, E_CORRUPT, EINVAL, "container %.12s: bad chain of layers", id);
		const struct store *home = s->n_others ? snapshot_home(s, chain[i], STORE_DIFF) : s;
		if (!home) /* what opens it says so */
			home = s;
		dirs[n] = arena_printf(a, "%s/snapshots/%s/diff", home->root, hex + 1);
		if (!dirs[n++])
			return err_new(e, E_NOMEM, ENOMEM, "layers of container %.12s", id);
		/* overlay itself does not look at the attribute on the root of a layer */
		(void)snprintf(opaque, sizeof opaque, "snapshots/%.64s/opaque", hex + 1);
		if (!faccessat(home->root_fd, opaque, F_OK, 0))
			break;
	}
	*ret = (struct storage_lowers){ .dirs = dirs, .n = n };
	return 0;
}
