/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots by chain ID: see snapshot.h. Their gaps are closed in snapshot_settle.c.
 */
#include "store/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/digest.h"
#include "store/others.h"
#include "store/snapshot_index.h"

enum { META_MAX = 64 << 10 };

int snapshot_path(const char *chain_id, char out[SNAPSHOT_PATH_MAX], struct err *e)
{
	if (!text_starts(chain_id, "sha256:") || !text_is_hex(chain_id + 7, 64))
		return err_new(e, E_INVALID, EINVAL, "invalid chain ID");
	(void)snprintf(out, SNAPSHOT_PATH_MAX, "snapshots/%s", chain_id + 7);
	return 0;
}

int snapshot_boot_id(char out[SNAPSHOT_BOOT_MAX], struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 256, &text, &n, e) < 0)
		return -e->eno;
	text[strcspn(text, "\n")] = 0;
	(void)snprintf(out, SNAPSHOT_BOOT_MAX, "%s", text);
	return 0;
}

const struct snapshot_names snapshot_names[STORE_FORM_N] = {
	[STORE_DIFF] = { "diff", "meta.json", "synced" },
	[STORE_TAR] = { "tar", "tar.json", "tar.synced" },
};

static int load_meta(const struct store *s, const char *path, enum store_form form, json_t **ret)
{
	char name[SNAPSHOT_PATH_MAX + 16];
	struct err ignored = { 0 };

	(void)snprintf(name, sizeof name, "%s/%s", path, snapshot_names[form].meta);
	return js_load(s->root_fd, name, META_MAX, ret, &ignored);
}

static bool has(const struct store *s, const char *path, const char *name)
{
	char full[SNAPSHOT_PATH_MAX + 16];

	(void)snprintf(full, sizeof full, "%s/%s", path, name);
	return others_has_file(s, full);
}

/* the store of others in which @path bears the mark */
static const struct store *marked_by_others(const struct store *s, const char *path, enum store_form form)
{
	for (size_t i = 0; i < s->n_others; i++)
		if ((form != STORE_DIFF || !s->others[i].plain) && has(&s->others[i], path, snapshot_names[form].mark))
			return &s->others[i];
	return NULL;
}

bool snapshot_exists_here(const struct store *s, const char *chain_id, enum store_form form)
{
	char path[SNAPSHOT_PATH_MAX], boot[SNAPSHOT_BOOT_MAX];
	struct err ignored = { 0 };
	OWN_JSON meta = NULL;

	if (snapshot_path(chain_id, path, &ignored) < 0)
		return false;
	if (has(s, path, snapshot_names[form].mark))
		return true;
	/* its files may not have reached the disk: good only as long as this machine runs */
	return load_meta(s, path, form, &meta) >= 0 && snapshot_boot_id(boot, &ignored) >= 0 &&
	       !strcmp(js_str(meta, "boot", ""), boot);
}

const struct store *snapshot_home(const struct store *s, const char *chain_id, enum store_form form)
{
	char path[SNAPSHOT_PATH_MAX];
	struct err ignored = { 0 };

	if (snapshot_exists_here(s, chain_id, form))
		return s;
	return snapshot_path(chain_id, path, &ignored) < 0 ? NULL : marked_by_others(s, path, form);
}

bool snapshot_exists(const struct store *s, const char *chain_id, enum store_form form)
{
	return snapshot_home(s, chain_id, form) != NULL;
}

bool snapshot_exists_any(const struct store *s, const char *chain_id)
{
	return snapshot_exists(s, chain_id, STORE_DIFF) || snapshot_exists(s, chain_id, STORE_TAR);
}

bool snapshot_is_ready(const struct store *s, const char *const *chain, size_t n, enum store_form form)
{
	char path[SNAPSHOT_PATH_MAX];
	struct err ignored = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (snapshot_path(chain[i], path, &ignored) < 0)
			return false;
		if (has(s, path, snapshot_names[form].mark))
			continue; /* the usual case: one system call */
		if (marked_by_others(s, path, form))
			continue;
		if (!snapshot_exists_here(s, chain[i], form) || (form == STORE_DIFF && has(s, path, "loose")))
			return false;
	}
	return form != STORE_TAR || !n || snapshot_index_home(s, chain[n - 1]);
}

int64_t snapshot_size(const struct store *s, const char *chain_id)
{
	char path[SNAPSHOT_PATH_MAX];
	struct err ignored = { 0 };
	OWN_JSON meta = NULL;

	const struct store *at;
	if (snapshot_path(chain_id, path, &ignored) < 0)
		return -ENOENT;
	for (size_t i = 0; (at = others_at(s, i)); i++)
		if (load_meta(at, path, STORE_DIFF, &meta) == 0 || load_meta(at, path, STORE_TAR, &meta) == 0)
			return js_int(meta, "size", 0);
	return -ENOENT;
}

/* @path, which is @what of a snapshot, to tmp/dead-RANDOM */
static int hide(const struct store *s, const char *path, const char *what, struct err *e)
{
	char dead[64];
	uint64_t tag;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "random name");
	(void)snprintf(dead, sizeof dead, "tmp/dead-%016llx", (unsigned long long)tag);
	if (io_mkdir_p(s->root_fd, "tmp", 0700, e) < 0)
		return -e->eno;
	if (renameat(s->root_fd, path, s->root_fd, dead) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove snapshot %s", what);
	return 0;
}

int snapshot_hide(const struct store *s, const char *chain_id, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	return snapshot_path(chain_id, path, e) < 0 ? -e->eno : hide(s, path, chain_id, e);
}

/* beside its three files */
static const char *const made_of[STORE_FORM_N][6] = {
	[STORE_DIFF] = { "flat", "meta", "opaque", "loose", NULL },
	[STORE_TAR] = { "erofs", "erofs.verity", "tar.verity", NULL },
};

int snapshot_hide_form(const struct store *s, const char *chain_id, enum store_form form, struct err *e)
{
	const struct snapshot_names *n = &snapshot_names[form];
	const char *const marks[] = { n->mark, n->meta };
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 16];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		(void)snprintf(name, sizeof name, "%s/%s", path, marks[i]);
		if (unlinkat(s->root_fd, name, 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "remove %s", name);
	}
	/* what was made of it goes first; flat is a tree */
	for (const char *const *more = made_of[form]; *more; more++) {
		(void)snprintf(name, sizeof name, "%s/%s", path, *more);
		if (hide(s, name, chain_id, e) < 0)
			return -e->eno;
	}
	(void)snprintf(name, sizeof name, "%s/%s", path, n->payload);
	return hide(s, name, chain_id, e);
}

int snapshot_bury(const struct store *s, struct err *e)
{
	int fd = openat(s->root_fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *en;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open tmp");
	if (!d) {
		close(fd);
		return err_sys(e, errno, "read tmp");
	}
	while ((en = readdir(d)))
		if (text_starts(en->d_name, "dead-") && io_remove_tree(fd, en->d_name, e) < 0)
			return err_ctx(e, "remove snapshot");
	return 0;
}

int snapshot_file_open(const struct store *s, const char *chain_id, int *ret_fd, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX];

	if (snapshot_path(chain_id, path, e) < 0 || (s->n_others && io_mkdir_p(s->root_fd, path, 0700, e) < 0))
		return -e->eno;
	*ret_fd = openat(s->root_fd, path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return *ret_fd < 0 ? err_sys(e, errno, "make a file in %s", path) : 0;
}

int snapshot_file_name(const struct store *s, const char *chain_id, const char *name, int xfd, bool durable,
		       struct err *e)
{
	char path[SNAPSHOT_PATH_MAX], full[SNAPSHOT_PATH_MAX + 16], self[32];

	if (snapshot_path(chain_id, path, e) < 0)
		return -e->eno;
	(void)snprintf(full, sizeof full, "%s/%s", path, name);
	if (fchmod(xfd, 0400) < 0 || (durable && fsync(xfd) < 0))
		return err_sys(e, errno, "write %s", full);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", xfd);
	if (linkat(AT_FDCWD, self, s->root_fd, full, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		return err_sys(e, errno, "link %s", full);
	return 0;
}

bool snapshot_is_synced(const struct store *s, const char *chain_id, enum store_form form)
{
	char path[SNAPSHOT_PATH_MAX];
	struct err ignored = { 0 };

	return snapshot_path(chain_id, path, &ignored) == 0 &&
	       (has(s, path, snapshot_names[form].mark) || marked_by_others(s, path, form));
}

int snapshot_mark_synced(const struct store *s, char *const *chain, size_t n, enum store_form form, struct err *e)
{
	char path[SNAPSHOT_PATH_MAX], name[SNAPSHOT_PATH_MAX + 16];

	for (size_t i = 0; i < n; i++) {
		if (snapshot_path(chain[i], path, e) < 0)
			return -e->eno;
		if (s->n_others && !has(s, path, snapshot_names[form].meta))
			continue;
		(void)snprintf(name, sizeof name, "%s/%s", path, snapshot_names[form].mark);
		OWN_FD fd = openat(s->root_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return err_sys(e, errno, "mark snapshot %s", chain[i]);
	}
	/* A second round: with a journal the first of these writes all marks. A record must never be
	 * there without them, or the next pull would replace what containers stand on. */
	for (size_t i = 0; i < n; i++) {
		if (snapshot_path(chain[i], path, e) < 0)
			return -e->eno;
		if (s->n_others && !has(s, path, snapshot_names[form].meta))
			continue;
		OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(e, errno, "sync snapshot %s", chain[i]);
	}
	return 0;
}
