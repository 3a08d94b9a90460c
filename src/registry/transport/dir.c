/* SPDX-License-Identifier: Apache-2.0
 *
 * dir:DIR: one image as plain files, in skopeo's form.
 *
 *   DIR/version             "Directory Transport Version: 1.1"
 *   DIR/manifest.json       what the image is, as it came
 *   DIR/HEX.manifest.json   other manifests, of an index
 *   DIR/HEX                 blobs; those of another algorithm than sha256 as ALGO-HEX
 *
 * Written into a new folder beside DIR, which takes its place at the end. Its maker holds a lock on that folder: one
 * that nobody has locked was left by a copy that was killed, and goes away with the next copy to DIR.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/transport/files.h"
#include "registry/transport/transport.h"

#define VERSION_TEXT "Directory Transport Version: 1.1\n"

enum { NAME_TEXT_MAX = DIGEST_TEXT_MAX + 24 };

struct dir {
	char path[FILES_PATH_MAX];
	char tmp[FILES_PATH_MAX + 32]; /* target: "" when nothing is to be removed */
	int dir;
	bool replaces;
};

static void file_name(const char *digest, const char *suffix, char out[NAME_TEXT_MAX])
{
	const char *hex = digest_hex(digest);

	if (text_starts(digest, "sha256:"))
		(void)snprintf(out, NAME_TEXT_MAX, "%s%s", hex, suffix);
	else
		(void)snprintf(out, NAME_TEXT_MAX, "%.*s-%s%s", (int)(hex - 1 - digest), digest, hex, suffix);
}

/* whether the folder is of this transport, or empty */
static int is_ours(int xfd, struct err *e)
{
	OWN_FD fd = openat(xfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR list = fd >= 0 ? fdopendir(fd) : NULL;
	bool version = false, other = false;
	const struct dirent *en;
	int r;

	if (!list)
		return err_sys(e, errno, "read a folder");
	(void)fd_take(&fd);
	while ((r = io_dir_next(list, &en, e)) > 0) {
		version |= !strcmp(en->d_name, "version");
		other = true;
	}
	return r < 0 ? r : version || !other;
}

static int target_check(struct dir *d, struct err *e)
{
	OWN_FD old = open(d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (old < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", d->path);
	d->replaces = true;
	int r = is_ours(old, e);
	if (r == 0)
		return err_new(e, E_CONFLICT, EEXIST, "%s is no image of dir:, and has other files in it", d->path);
	return r < 0 ? err_ctx(e, "%s", d->path) : 0;
}

/* one that has no lock; the lock is held until it is gone, see tmp_make() */
static void sweep_one(int xparent, const char *name)
{
	OWN_FD fd = openat(xparent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored = { 0 }; /* left-overs of others are no reason to fail */

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_ours(fd, &ignored) > 0)
		(void)io_remove_tree(xparent, name, &ignored);
}

/* what killed copies to the same place have left: "DIR.tmp-" and 16 hex digits */
static void sweep(const struct dir *d)
{
	const char *slash = strrchr(d->path, '/'), *base = slash ? slash + 1 : d->path;
	const size_t n = strlen(base);
	char parent[FILES_PATH_MAX];
	const struct dirent *en;
	struct err ignored = { 0 };

	(void)snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - d->path) + 1 : 1, slash ? d->path : ".");
	OWN_FD fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR list = fd >= 0 ? fdopendir(fd) : NULL;
	if (!list)
		return;
	const int xparent = fd_take(&fd); /* now the stream's */
	while (io_dir_next(list, &en, &ignored) > 0)
		if (!strncmp(en->d_name, base, n) && text_starts(en->d_name + n, ".tmp-") &&
		    text_is_hex(en->d_name + n + 5, 16))
			sweep_one(xparent, en->d_name);
}

/* 1: made and locked | 0: taken away by somebody's sweep before it was locked */
static int tmp_make(struct dir *d, struct err *e)
{
	struct stat st;
	uint64_t tag;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "random name");
	(void)snprintf(d->tmp, sizeof d->tmp, "%s.tmp-%016llx", d->path, (unsigned long long)tag);
	if (mkdir(d->tmp, 0777) < 0) {
		int eno = errno;
		d->tmp[0] = 0;
		return err_sys(e, eno, "mkdir %s", d->path);
	}
	d->dir = open(d->tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open %s", d->tmp);
	if (flock(d->dir, LOCK_EX) < 0 || fstat(d->dir, &st) < 0)
		return err_sys(e, errno, "lock %s", d->tmp);
	return st.st_nlink > 0;
}

static int target_open(struct dir *d, struct err *e)
{
	int r;

	if (target_check(d, e) < 0)
		return -e->eno;
	sweep(d);
	while ((r = tmp_make(d, e)) == 0)
		own_fd_done(&d->dir);
	if (r < 0)
		return r;
	return io_replace_file(d->dir, "version", VERSION_TEXT, strlen(VERSION_TEXT), 0644, 0, e);
}

static int dir_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct dir *d = calloc(1, sizeof *d);
	size_t n = strlen(q->where);

	if (!d)
		return err_new(e, E_NOMEM, ENOMEM, "dir");
	d->dir = -1;
	p->state = d;
	while (n > 1 && q->where[n - 1] == '/')
		n--;
	if (n >= sizeof d->path)
		return err_new(e, E_USAGE, ENAMETOOLONG, "dir:%.100s...: the path is too long", q->where);
	memcpy(d->path, q->where, n);
	if (q->target)
		return target_open(d, e);
	d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->dir < 0 ? err_sys(e, errno, "open %s", d->path) : 0;
}

static int dir_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			    struct err *e)
{
	struct dir *d = p->state;
	char name[NAME_TEXT_MAX] = "manifest.json";

	(void)h;
	if (digest)
		file_name(digest, ".manifest.json", name);
	return files_manifest_read(d->dir, name, digest, ret, e) < 0 ? err_ctx(e, "%s", d->path) : 0;
}

static int dir_blob_get(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			const struct registry_retry *retry, struct err *e)
{
	struct dir *d = p->state;
	char name[NAME_TEXT_MAX];

	(void)h;
	(void)retry;
	file_name(blob->digest, "", name);
	return files_blob_feed(d->dir, name, blob->size, sink, e) < 0 ? err_ctx(e, "%s", d->path) : 0;
}

static int dir_blob_size(struct place *p, struct http *h, const char *digest, int64_t *ret, struct err *e)
{
	struct dir *d = p->state;
	char name[NAME_TEXT_MAX];
	OWN_FD fd = -1;

	(void)h;
	file_name(digest, "", name);
	return files_open(d->dir, name, &fd, ret, e) < 0 ? err_ctx(e, "%s", d->path) : 0;
}

/* made by this very copy */
static int is_made(const struct dir *d, const char *digest, const char *suffix, struct err *e)
{
	char name[NAME_TEXT_MAX];
	struct stat st;

	file_name(digest, suffix, name);
	if (fstatat(d->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(e, errno, "stat %s", name);
}

static int dir_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	(void)h;
	return is_made(p->state, digest, ".manifest.json", e);
}

static int dir_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	(void)h;
	return is_made(p->state, blob->digest, "", e);
}

static int dir_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	struct dir *d = p->state;
	char name[NAME_TEXT_MAX];

	(void)h;
	file_name(put->blob.digest, "", name);
	OWN_FD fd = openat(d->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST) /* another index entry has it too */
		return 0;
	if (fd < 0)
		return err_sys(e, errno, "make %s in %s", name, d->path);
	return files_copy(put->fd, 0, put->blob.size, fd, e) < 0 ? err_ctx(e, "%s: %s", d->path, name) : 0;
}

static int dir_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top, struct err *e)
{
	struct dir *d = p->state;
	char name[NAME_TEXT_MAX] = "manifest.json";

	(void)h;
	if (!top)
		file_name(m->digest, ".manifest.json", name);
	return io_replace_file(d->dir, name, m->bytes, m->n, 0644, 0, e) < 0 ? err_ctx(e, "%s", d->path) : 0;
}

static int dir_finish(struct place *p, struct err *e)
{
	struct dir *d = p->state;
	unsigned how = d->replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	if (syncfs(d->dir) < 0)
		return err_sys(e, errno, "sync %s", d->path);
	if (renameat2(AT_FDCWD, d->tmp, AT_FDCWD, d->path, how) < 0)
		return err_sys(e, errno, "rename to %s", d->path);
	if (!d->replaces)
		d->tmp[0] = 0; /* else the old one is there now: close removes it */
	return 0;
}

static void dir_close(struct place *p)
{
	struct dir *d = p->state;
	struct err ignored = { 0 };

	if (!d)
		return;
	if (d->dir >= 0)
		close(d->dir);
	if (*d->tmp)
		(void)io_remove_tree(AT_FDCWD, d->tmp, &ignored);
	free(d);
}

const struct transport transport_dir = {
	.name = "dir",
	.schema1 = true,
	.open = dir_open,
	.manifest_get = dir_manifest_get,
	.blob_get = dir_blob_get,
	.blob_size = dir_blob_size,
	.manifest_has = dir_manifest_has,
	.blob_has = dir_blob_has,
	.blob_put = dir_blob_put,
	.manifest_put = dir_manifest_put,
	.finish = dir_finish,
	.close = dir_close,
};
