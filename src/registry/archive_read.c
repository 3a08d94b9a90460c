/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking an image archive apart in one pass, whatever the order of its files: blobs/ALGO/HEX go
 * into the store under the digest they claim (verified), other files under the one they have, the
 * few documents that name them stay in memory. Names are only ever looked up in the list of what
 * was in the archive; no path of it reaches a file system.
 *
 * archive_list() makes the list alone: everything stays in the archive.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/own.h"
#include "base/text.h"
#include "format/inflate.h"
#include "format/tar.h"
#include "registry/archive_int.h"
#include "store/blob.h"

enum {
	DOCUMENT_MAX = 16 << 20,
	FILES_MAX = 100000,
	LINKS_MAX = 16,
};

/* "./a//b/../c" -> "a/c"; NULL when it leaves the archive or memory is out */
static const char *clean_name(struct arena *a, const char *dir, size_t dir_n, const char *name)
{
	size_t max = dir_n + strlen(name) + 2, w = 0;
	char *out = arena_get(a, max), *joined = arena_get(a, max);

	if (!out || !joined)
		return NULL;
	if (*name != '/' && dir_n)
		memcpy(joined, dir, dir_n);
	else
		dir_n = 0;
	joined[dir_n] = '/';
	memcpy(joined + dir_n + 1, name, strlen(name) + 1);
	for (const char *p = joined; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (!w)
				return NULL;
			while (w && out[w - 1] != '/')
				w--;
			if (w)
				w--;
		} else if (n && !(n == 1 && *p == '.')) {
			if (w)
				out[w++] = '/';
			memcpy(out + w, p, n);
			w += n;
		}
		p += n + (p[n] == '/');
	}
	out[w] = 0;
	return out;
}

static struct archive_file *add_file(struct archive *ar, const char *name, struct err *e)
{
	if (ar->n >= FILES_MAX) {
		err_new(e, E_CORRUPT, E2BIG, "more than %d files in an image archive", FILES_MAX);
		return NULL;
	}
	struct archive_file *more = grow_one(ar->files, ar->n, &ar->cap, sizeof *more);
	if (!more) {
		err_new(e, E_NOMEM, ENOMEM, "image archive");
		return NULL;
	}
	ar->files = more;
	struct archive_file *f = &ar->files[ar->n++];
	*f = (struct archive_file){ .name = name };
	return f;
}

static int read_document(struct tar_reader *t, struct buf *b, const char *name, struct err *e)
{
	const unsigned char *p;
	uint64_t at;
	size_t n;
	int r;

	b->n = 0;
	while ((r = tar_body(t, &p, &n, &at, e)) > 0) {
		if (b->n + n > DOCUMENT_MAX)
			return err_new(e, E_CORRUPT, EFBIG, "%s is larger than 16 MiB", name);
		buf_add(b, p, n);
	}
	if (r < 0)
		return r;
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, "%s", name) : 0;
}

static int copy_body(struct tar_reader *t, struct blob_writer *w, struct err *e)
{
	static const unsigned char zeros[4096];
	const unsigned char *p;
	uint64_t at;
	size_t n;
	int r;

	while ((r = tar_body(t, &p, &n, &at, e)) > 0) {
		while (w->size_bytes < at) { /* a hole of a sparse member */
			uint64_t gap = at - w->size_bytes;
			if (blob_writer_add(w, zeros, gap < sizeof zeros ? (size_t)gap : sizeof zeros, e) < 0)
				return -e->eno;
		}
		if (blob_writer_add(w, p, n, e) < 0)
			return -e->eno;
	}
	return r;
}

/* "blobs/sha256/HEX" -> "sha256:HEX" */
static bool blob_name(const char *name, char out[DIGEST_TEXT_MAX])
{
	if (!text_starts(name, "blobs/"))
		return false;
	const char *algo = name + 6, *slash = strchr(algo, '/');
	if (!slash || (size_t)(slash - algo) + strlen(slash) >= DIGEST_TEXT_MAX)
		return false;
	memcpy(out, algo, strlen(algo) + 1);
	out[slash - algo] = ':';
	return digest_is_valid(out);
}

/* Whether a file can be left where it is: a layer by its first bytes, never a document that has to be read before
 * the layers are. A compressed one without a claim is needed now: only its content tells its digest. */
static bool can_wait(const struct archive *ar, const struct archive_file *f)
{
	unsigned char head[512];

	if (f->size < (int64_t)sizeof head ||
	    pread(ar->xfd, head, sizeof head, (off_t)f->at) != (ssize_t)sizeof head)
		return false;
	if (inflate_detect(head, sizeof head) != INFLATE_PLAIN)
		return f->claims;
	return !memcmp(head + 257, "ustar", 5);
}

/* the list alone: where the content lies, and what digest the name claims */
static int list_file(struct archive *ar, const struct tar_reader *t, const struct tar_entry *en, struct archive_file *f,
		     struct err *e)
{
	if (en->hunks)
		return err_new(e, E_UNSUPPORTED, EINVAL, "%.200s: a sparse file in an image archive", f->name);
	f->size = (int64_t)en->size;
	f->at = ar->start + tar_offset(t);
	f->claims = blob_name(f->name, f->digest);
	if (!f->claims)
		f->digest[0] = 0;
	return 0;
}

static int store_file(struct archive *ar, struct tar_reader *t, const struct tar_entry *en,
		      struct archive_file *f, struct err *e)
{
	char claimed[DIGEST_TEXT_MAX];
	struct blob_writer w;

	f->size = (int64_t)en->size;
	f->claims = blob_name(f->name, claimed);
	if (f->claims) {
		memcpy(f->digest, claimed, sizeof claimed);
		if (lease_add_blob(ar->lease, claimed, e) < 0)
			return -e->eno;
		int r = blob_can_be_trusted(ar->store, claimed, f->size, e);
		if (r)
			return r < 0 ? r : 0;
	}
	f->at = ar->start + tar_offset(t);
	if (ar->file && !en->hunks && can_wait(ar, f)) {
		f->waits = true;
		return 0;
	}
	int algo = f->claims ? hash_algo_of(claimed) : HASH_SHA256;
	if (blob_writer_open(ar->store, (enum digest_algo)algo, &w, e) < 0)
		return -e->eno;
	if (copy_body(t, &w, e) < 0) {
		blob_writer_abort(&w);
		return err_ctx(e, "%s", f->name);
	}
	if (!f->claims) {
		struct hash h = w.hash;
		hash_text(&h, f->digest);
		/* in the lease before it can be found */
		if (lease_add_blob(ar->lease, f->digest, e) < 0) {
			blob_writer_abort(&w);
			return -e->eno;
		}
	}
	return blob_writer_commit(&w, f->digest, f->size, NULL, e);
}

static int take_entry(struct archive *ar, struct tar_reader *t, const struct tar_entry *en,
		      struct err *e)
{
	static const char *const skipped[] = { "VERSION", "json", "repositories" };
	const char *name = clean_name(&ar->a, NULL, 0, en->path);
	struct archive_file *f;

	if (!name && !ar->store)
		return err_new(e, E_CORRUPT, EBADMSG, "entry %.200s leads out of the archive", en->path);
	if (!name || !*name || en->type == TAR_DIR)
		return 0;
	if (en->type == TAR_SYMLINK || en->type == TAR_HARDLINK) {
		/* old docker archives link equal layers */
		const char *slash = en->type == TAR_SYMLINK ? strrchr(name, '/') : NULL;
		const char *target = clean_name(&ar->a, name, slash ? (size_t)(slash - name) : 0, en->link);
		if (!target && !ar->store)
			return err_new(e, E_CORRUPT, EBADMSG, "entry %.200s is a link out of the archive", name);
		f = target ? add_file(ar, name, e) : NULL;
		if (f)
			f->link = target;
		return f || !target ? 0 : -e->eno;
	}
	if (en->type != TAR_FILE)
		return 0;
	if (!strcmp(name, "manifest.json")) {
		ar->has_manifest_json = true;
		return read_document(t, &ar->manifest_json, name, e);
	}
	if (!strcmp(name, "index.json")) {
		ar->has_index_json = true;
		return read_document(t, &ar->index_json, name, e);
	}
	if (!strcmp(name, "oci-layout"))
		return read_document(t, &ar->oci_layout, name, e);
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	for (size_t i = 0; i < ARRAY_LEN(skipped); i++)
		if (!strcmp(base, skipped[i]))
			return 0;
	f = add_file(ar, name, e);
	if (!f)
		return -e->eno;
	return ar->store ? store_file(ar, t, en, f, e) : list_file(ar, t, en, f, e);
}

/* a name that came twice: the last one counts */
static int file_compare(const void *x, const void *y)
{
	const struct archive_file *a = x, *b = y;
	return strcmp(a->name, b->name);
}

static int read_tar(struct archive *ar, struct source *src, struct err *e)
{
	const struct tar_entry *en;
	struct tar_reader *t;
	int r = tar_open(src, NULL, &t, e);

	if (r < 0)
		return r;
	while ((r = tar_next(t, &en, e)) > 0)
		if (take_entry(ar, t, en, e) < 0) {
			r = -e->eno;
			break;
		}
	tar_close(t);
	return r < 0 ? r : source_drain(src, NULL, e);
}

static int read_stream(struct archive *ar, int xfd, struct err *e)
{
	struct source_fd file;
	struct inflate *in = NULL;

	if (source_fd_init(&file, xfd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	if (!r)
		r = read_tar(ar, inflate_source(in), e);
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

static int read_file(struct archive *ar, uint64_t size, struct err *e)
{
	struct source_at file;

	if (source_at_init(&file, ar->xfd, ar->start, size, e) < 0)
		return -e->eno;
	ar->file = true;
	int r = read_tar(ar, &file.source, e);
	source_at_done(&file);
	return r;
}

/* bytes of a plain tar from the position of @xfd on; 0: it is a stream, compressed or nothing of this kind */
static uint64_t plain_bytes(struct archive *ar, int xfd)
{
	unsigned char head[512];
	struct stat st;
	off_t at = lseek(xfd, 0, SEEK_CUR);

	if (at < 0 || fstat(xfd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= at ||
	    pread(xfd, head, sizeof head, at) != (ssize_t)sizeof head ||
	    inflate_detect(head, sizeof head) != INFLATE_PLAIN)
		return 0;
	ar->xfd = xfd;
	ar->start = (uint64_t)at;
	return (uint64_t)(st.st_size - at);
}

/* stable for equal names: merge sort by hand is not worth it, equal names are an attack or an accident, and either
 * content is verified by its digest */
static void sort_files(struct archive *ar)
{
	if (ar->n)
		qsort(ar->files, ar->n, sizeof *ar->files, file_compare);
}

int archive_read(struct archive *ar, int xfd, struct err *e)
{
	uint64_t plain = plain_bytes(ar, xfd);
	int r = plain ? read_file(ar, plain, e) : read_stream(ar, xfd, e);

	if (r < 0)
		return err_ctx(e, "read image archive");
	sort_files(ar);
	return 0;
}

int archive_list(struct archive *ar, int xfd, uint64_t size, struct err *e)
{
	ar->xfd = xfd;
	if (read_file(ar, size, e) < 0)
		return err_ctx(e, "read image archive");
	sort_files(ar);
	return 0;
}

void archive_done(struct archive *ar)
{
	free(ar->files);
	buf_done(&ar->manifest_json);
	buf_done(&ar->index_json);
	buf_done(&ar->oci_layout);
	arena_done(&ar->a);
}

struct archive_file *archive_entry(const struct archive *ar, const char *name)
{
	const struct archive_file key = { .name = name };

	return ar->n ? bsearch(&key, ar->files, ar->n, sizeof key, file_compare) : NULL;
}

struct archive_file *archive_find(const struct archive *ar, const char *name)
{
	ARENA a = { 0 };
	const char *clean = clean_name(&a, NULL, 0, name);

	for (int hops = 0; clean && hops < LINKS_MAX; hops++) {
		struct archive_file *f = archive_entry(ar, clean);
		if (!f || !f->link)
			return f;
		clean = f->link;
	}
	return NULL;
}

const struct archive_file *archive_waiting(const struct archive *ar, const char *digest)
{
	for (size_t i = 0; ar->file && i < ar->n; i++)
		if (ar->files[i].waits && !strcmp(ar->files[i].digest, digest))
			return &ar->files[i];
	return NULL;
}
