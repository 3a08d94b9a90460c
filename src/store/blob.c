/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs by digest: see blob.h.
 */
#include "store/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "store/lease.h"
#include "store/others.h"

enum { BLOB_PATH_MAX = 160, WRITE_BACK_BYTES = 8 << 20 };

/* "blobs/sha256/HEX"; only digests of the right form ever become part of a path */
static int blob_path(const char *digest, char out[BLOB_PATH_MAX], struct err *e)
{
	struct digest d;
	int r = digest_parse(digest, &d, e);
	if (r < 0)
		return r;
	(void)snprintf(out, BLOB_PATH_MAX, "blobs/%s/%s", digest_algo_name(d.algo),
		       digest_hex(d.text));
	return 0;
}

int blob_open(const struct store *s, const char *digest, int *ret_fd, uint64_t *ret_size,
	      struct err *e)
{
	char path[BLOB_PATH_MAX];
	struct stat st;

	if (blob_path(digest, path, e) < 0)
		return -e->eno;
	OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	for (size_t i = 0; fd < 0 && errno == ENOENT && i < s->n_others; i++)
		fd = openat(s->others[i].root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, errno, "open blob %s", digest);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat blob %s", digest);
	if (!S_ISREG(st.st_mode))
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s is not a file", digest);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* its lstat in one store; -ENOENT when it is no file */
static int stat_here(const struct store *s, const char *digest, struct stat *ret)
{
	char path[BLOB_PATH_MAX];
	struct err ignored = { 0 };

	return blob_path(digest, path, &ignored) < 0 || fstatat(s->root_fd, path, ret, AT_SYMLINK_NOFOLLOW) < 0 ||
			       !S_ISREG(ret->st_mode) ?
		       -ENOENT : 0;
}

/* the same in the first store that has it */
static int blob_stat(const struct store *s, const char *digest, struct stat *ret)
{
	const struct store *at;
	int r = -ENOENT;

	for (size_t i = 0; r < 0 && (at = others_at(s, i)); i++)
		r = stat_here(at, digest, ret);
	return r;
}

bool blob_exists_here(const struct store *s, const char *digest)
{
	struct stat st;

	return stat_here(s, digest, &st) == 0;
}

int64_t blob_size(const struct store *s, const char *digest)
{
	struct stat st;
	int r = blob_stat(s, digest, &st);

	return r < 0 ? r : st.st_size;
}

bool blob_exists(const struct store *s, const char *digest)
{
	return blob_size(s, digest) >= 0;
}

bool blob_is_synced(const struct store *s, const char *digest)
{
	struct stat st;

	return blob_stat(s, digest, &st) == 0 && st.st_mode & S_ISVTX;
}

int blob_mark_synced(const struct store *s, const char *digest, struct err *e)
{
	char path[BLOB_PATH_MAX];

	if (blob_path(digest, path, e) < 0)
		return -e->eno;
	if (fchmodat(s->root_fd, path, 01400, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "mark blob %s", digest);
	return 0;
}

int blob_is_sound(const struct store *s, const char *digest, struct err *e)
{
	struct source_digest check;
	struct source_fd file;
	OWN_FD fd = -1;

	if (blob_open(s, digest, &fd, NULL, e) < 0 || source_fd_init(&file, fd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = source_digest_init(&check, &file.source, digest, -1, e);
	if (r == 0)
		r = source_drain(&check.source, NULL, e);
	source_fd_done(&file);
	if (r < 0 && e->kind == E_CORRUPT) {
		err_clear(e);
		return 0;
	}
	return r < 0 ? r : 1;
}

int blob_can_be_trusted(const struct store *s, const char *digest, int64_t size, struct err *e)
{
	struct stat st;

	if (blob_stat(s, digest, &st) < 0 || (size >= 0 && st.st_size != size))
		return 0;
	if (st.st_mode & S_ISVTX)
		return 1;
	int r = blob_is_sound(s, digest, e);
	if (r == -ENOENT) { /* removed meanwhile */
		err_clear(e);
		return 0;
	}
	return r;
}

int blob_read(const struct store *s, const char *digest, size_t max, char **ret, size_t *ret_n,
	      struct err *e)
{
	OWN_FD fd = -1;
	OWN_STR text = NULL;
	char got[HASH_TEXT_MAX];
	struct hash h;
	size_t n;

	if (blob_open(s, digest, &fd, NULL, e) < 0)
		return -e->eno;
	if (io_read_fd(fd, max, &text, &n, e) < 0)
		return err_ctx(e, "blob %s", digest);
	hash_init(&h, (enum hash_algo)hash_algo_of(digest));
	hash_add(&h, text, n);
	hash_text(&h, got);
	if (strcmp(got, digest))
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s: content has changed on disk, is now %s",
			       digest, got);
	*ret = ptr_take(&text);
	if (ret_n)
		*ret_n = n;
	return 0;
}

int blob_write(const struct store *s, const void *p, size_t n, const char *expect,
	       char ret_digest[DIGEST_TEXT_MAX], struct err *e)
{
	struct blob_writer w;
	int algo = expect ? hash_algo_of(expect) : HASH_SHA256;

	if (algo < 0)
		return err_new(e, E_INVALID, EINVAL, "unsupported digest algorithm");
	if (blob_writer_open(s, (enum digest_algo)algo, &w, e) < 0)
		return -e->eno;
	if (blob_writer_add(&w, p, n, e) < 0) {
		blob_writer_abort(&w);
		return -e->eno;
	}
	return blob_writer_commit(&w, expect, (int64_t)n, ret_digest, e);
}

int blob_write_json(struct lease *lease, const json_t *j, char ret_digest[DIGEST_TEXT_MAX], size_t *ret_n,
		    struct err *e)
{
	OWN_STR text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "document");
	digest_sha256(text, n, ret_digest);
	if (ret_n)
		*ret_n = n;
	if (lease_add_blob(lease, ret_digest, e) < 0)
		return -e->eno;
	return blob_write(lease->store, text, n, ret_digest, NULL, e);
}

int blob_remove(const struct store *s, const char *digest, struct err *e)
{
	char path[BLOB_PATH_MAX], toc[BLOB_PATH_MAX];

	if (blob_path(digest, path, e) < 0)
		return -e->eno;
	/* what is known of its parts, see store.h; one that stays is found by the collector */
	(void)snprintf(toc, sizeof toc, "tocs/%s", digest_hex(digest));
	(void)unlinkat(s->root_fd, toc, 0);
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove blob %s", digest);
	return 0;
}

/* open and lock a temporary file. The sweeper may remove it between open and lock: try again
 * until the locked file is the one that has the name. */
static int tmp_open(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	for (int tries = 0; tries < 1000; tries++) {
		OWN_FD fd = openat(s->root_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat have, named;
		if (fd < 0)
			return err_sys(e, errno, "open %s", name);
		if (lock_fd(fd, LOCK_EXCLUSIVE, e) < 0)
			return err_ctx(e, "%s", name);
		if (fstat(fd, &have) < 0)
			return err_sys(e, errno, "stat %s", name);
		if (fstatat(s->root_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		    named.st_ino != have.st_ino)
			continue;
		*ret_fd = fd_take(&fd);
		return 0;
	}
	return err_new(e, E_BUSY, EBUSY, "%s is taken again and again", name);
}

static int tmp_dir(const struct store *s, struct err *e)
{
	return io_mkdir_p(s->root_fd, "tmp", 0700, e);
}

int blob_writer_open(const struct store *s, enum digest_algo algo, struct blob_writer *ret,
		     struct err *e)
{
	struct blob_writer w = { .store = s, .fd = -1 };
	uint64_t tag;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "random name");
	(void)snprintf(w.tmp, sizeof w.tmp, "tmp/blob-%016llx", (unsigned long long)tag);
	if (tmp_dir(s, e) < 0 || tmp_open(s, w.tmp, &w.fd, e) < 0)
		return -e->eno;
	hash_init(&w.hash, (enum hash_algo)algo);
	*ret = w;
	return 0;
}

/* hash what an earlier attempt left in the file */
static int resume_hash(struct blob_writer *w, struct err *e)
{
	struct source_fd f;
	const unsigned char *p;
	size_t n;
	int r;

	if (source_fd_init(&f, w->fd, UINT64_MAX, e) < 0)
		return -e->eno;
	while ((r = source_next(&f.source, &p, &n, e)) > 0) {
		hash_add(&w->hash, p, n);
		w->size_bytes += n;
	}
	source_fd_done(&f);
	return r;
}

static void partial_name(const struct digest *d, char out[160])
{
	(void)snprintf(out, 160, "tmp/partial-%s-%s", digest_algo_name(d->algo), digest_hex(d->text));
}

int blob_partial_open(const struct store *s, const char *digest, int *ret_fd)
{
	char path[160];
	struct digest d;

	if (digest_parse(digest, &d, NULL) < 0)
		return -EINVAL;
	partial_name(&d, path);
	*ret_fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? -errno : 0;
}

int blob_writer_resume(const struct store *s, const char *digest, struct blob_writer *ret,
		       struct err *e)
{
	struct blob_writer w = { .store = s, .fd = -1, .keep = true };
	struct digest d;

	if (digest_parse(digest, &d, e) < 0)
		return -e->eno;
	if (blob_exists_here(s, digest))
		return 1;
	partial_name(&d, w.tmp);
	if (tmp_dir(s, e) < 0 || tmp_open(s, w.tmp, &w.fd, e) < 0)
		return err_ctx(e, "download of %s", digest);
	if (blob_exists_here(s, digest)) { /* who held the lock has finished it */
		w.keep = false;
		blob_writer_abort(&w);
		return 1;
	}
	hash_init(&w.hash, (enum hash_algo)d.algo);
	if (resume_hash(&w, e) < 0) {
		blob_writer_abort(&w);
		return err_ctx(e, "resume of %s", digest);
	}
	*ret = w;
	return 0;
}

int blob_writer_put(struct blob_writer *w, const void *p, size_t n, struct err *e)
{
	uint64_t before = w->size_bytes / WRITE_BACK_BYTES * WRITE_BACK_BYTES;
	int r = io_write_all(w->fd, p, n);

	if (r < 0)
		return err_sys(e, -r, "write blob");
	w->size_bytes += n;
	uint64_t now = w->size_bytes / WRITE_BACK_BYTES * WRITE_BACK_BYTES;
	/* the disk begins now with what the one syncfs at the end would else wait for; a hint, no promise */
	if (now > before)
		(void)sync_file_range(w->fd, (off_t)before, (off_t)(now - before), SYNC_FILE_RANGE_WRITE);
	return 0;
}

int blob_writer_add(struct blob_writer *w, const void *p, size_t n, struct err *e)
{
	if (blob_writer_put(w, p, n, e) < 0)
		return -e->eno;
	hash_add(&w->hash, p, n);
	return 0;
}

int blob_writer_restart(struct blob_writer *w, struct err *e)
{
	if (ftruncate(w->fd, 0) < 0 || lseek(w->fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "truncate blob");
	w->size_bytes = 0;
	hash_init(&w->hash, w->hash.algo);
	return 0;
}

static int commit(struct blob_writer *w, const char *digest, int64_t size,
		  char got[DIGEST_TEXT_MAX], struct err *e)
{
	char path[BLOB_PATH_MAX];

	if (size >= 0 && w->size_bytes != (uint64_t)size)
		return err_new(e, E_CORRUPT, EBADMSG, "%llu bytes instead of %lld",
			       (unsigned long long)w->size_bytes, (long long)size);
	hash_text(&w->hash, got);
	if (digest && strcmp(got, digest))
		return err_new(e, E_CORRUPT, EBADMSG, "wrong digest: expected %s, got %s", digest, got);
	if (blob_path(got, path, e) < 0)
		return -e->eno;
	if (fchmod(w->fd, 0400) < 0)
		return err_sys(e, errno, "chmod");
	if (renameat(w->store->root_fd, w->tmp, w->store->root_fd, path) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(e, errno, "rename");
	char dir[BLOB_PATH_MAX];
	memcpy(dir, path, sizeof dir);
	*strrchr(dir, '/') = 0;
	if (io_mkdir_p(w->store->root_fd, dir, 0700, e) < 0)
		return -e->eno;
	if (renameat(w->store->root_fd, w->tmp, w->store->root_fd, path) < 0)
		return err_sys(e, errno, "rename");
	return 0;
}

int blob_writer_commit(struct blob_writer *w, const char *digest, int64_t size,
		       char ret_digest[DIGEST_TEXT_MAX], struct err *e)
{
	char got[DIGEST_TEXT_MAX];
	int r = commit(w, digest, size, got, e);

	if (r < 0) {
		/* too short: what is there may still be right and resumed; wrong: never */
		w->keep = w->keep && size >= 0 && w->size_bytes < (uint64_t)size;
		blob_writer_abort(w);
		return err_ctx(e, "blob %s", digest ? digest : "being written");
	}
	if (ret_digest)
		memcpy(ret_digest, got, sizeof got);
	close(w->fd);
	w->fd = -1;
	return 0;
}

void blob_writer_abort(struct blob_writer *w)
{
	if (w->fd < 0)
		return;
	if (!w->keep || !w->size_bytes)
		(void)unlinkat(w->store->root_fd, w->tmp, 0); /* else the sweep finds it */
	close(w->fd);
	w->fd = -1;
}

static int tee_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct source_blob *b = (struct source_blob *)s;
	const unsigned char *p;
	size_t n;

	if (b->done)
		return 0;
	int r = source_next(b->below, &p, &n, e);
	if (r < 0)
		return r;
	if (!r) {
		b->done = true;
		return blob_writer_commit(b->w, b->digest, b->size, NULL, e);
	}
	*ret = p;
	*ret_n = n;
	size_t skip = b->skip < n ? (size_t)b->skip : n;
	b->skip -= skip;
	if (b->size >= 0 && n - skip > (uint64_t)b->size - b->w->size_bytes)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s: more than the expected %lld bytes",
			       b->digest ? b->digest : "", (long long)b->size);
	r = blob_writer_add(b->w, p + skip, n - skip, e);
	return r < 0 ? r : 1;
}

void source_blob_init(struct source_blob *b, struct source *below, struct blob_writer *w,
		      const char *digest, int64_t size)
{
	*b = (struct source_blob){ .source.next = tee_next, .below = below, .w = w,
				   .digest = digest, .size = size, .skip = w->size_bytes };
}
