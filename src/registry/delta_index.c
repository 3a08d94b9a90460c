/* SPDX-License-Identifier: Apache-2.0
 *
 * What the blobs of the store have: their spans by key, kept in tocs/HEX so that a table is read once. Derived: a file
 * of it may be missing or damaged at any time, and goes with its blob.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "registry/delta_int.h"
#include "store/blob.h"

/* "onggitoc" and the version of what goes into a key; then the spans as they are in memory */
struct head {
	char magic[8];
	uint32_t version, kind;
	uint64_t size_bytes, n;
};
enum { INDEX_VERSION = 1 };

static int head_check(const struct head *h, size_t n, uint64_t size)
{
	return n < sizeof *h || memcmp(h->magic, "onggitoc", 8) || h->version != INDEX_VERSION ||
			       h->kind >= TOC_KIND_N || h->size_bytes != size || h->n > 2 * TOC_ENTRIES_MAX + 2 ||
			       (n - sizeof *h) / sizeof(struct delta_span) != h->n ? -EINVAL : 0;
}

/* 1: @ret has the spans; 0: there is no such file, or it is none */
static int index_read(const struct store *s, const char *path, uint64_t size, enum toc_kind *ret_kind,
		      struct delta_spans *ret)
{
	OWN_STR text = NULL;
	struct err ignored = { 0 };
	struct head h;
	size_t n;

	if (io_read_file(s->root_fd, path, 128 << 20, &text, &n, &ignored) < 0 || n < sizeof h)
		return 0;
	memcpy(&h, text, sizeof h);
	if (head_check(&h, n, size) < 0)
		return 0;
	struct delta_spans got = { .list = malloc(h.n * sizeof *got.list + 1), .n = h.n, .cap = h.n };
	if (!got.list)
		return 0;
	memcpy(got.list, text + sizeof h, h.n * sizeof *got.list);
	for (size_t i = 0; i < got.n; i++)
		if (got.list[i].offset > size || got.list[i].length > size - got.list[i].offset) {
			delta_spans_done(&got);
			return 0;
		}
	*ret_kind = (enum toc_kind)h.kind;
	*ret = got;
	return 1;
}

static void index_write(const struct store *s, const char *path, uint64_t size, enum toc_kind kind,
			const struct delta_spans *spans)
{
	struct head h = { .magic = "onggitoc", .version = INDEX_VERSION, .kind = (uint32_t)kind, .size_bytes = size,
			  .n = spans->n };
	struct err ignored = { 0 };
	OWN_BUF b = { 0 };

	buf_add(&b, &h, sizeof h);
	buf_add(&b, spans->list, spans->n * sizeof *spans->list);
	/* without it the next pull reads the table again */
	if (!buf_failed(&b) && io_mkdir_p(s->root_fd, "tocs", 0700, &ignored) == 0)
		(void)io_replace_file(s->root_fd, path, b.p, b.n, 0600, 0, &ignored);
}

/* 1: the blob has a table, these are its spans; 0: it has none that can be read */
static int table_read(int xfd, uint64_t size, enum toc_kind *ret_kind, struct delta_spans *ret)
{
	unsigned char tail[TOC_TAIL_BYTES];
	struct toc_place p = { 0 };
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	OWN_TOC t = { 0 };
	size_t n;

	if (pread(xfd, tail, sizeof tail, (off_t)(size - sizeof tail)) != sizeof tail ||
	    toc_locate(tail, sizeof tail, size, &p, &ignored) <= 0)
		return 0;
	OWN_STR packed = malloc(p.length);
	if (!packed || pread(xfd, packed, p.length, (off_t)p.offset) != (ssize_t)p.length ||
	    toc_unpack(&p, packed, &text, &n, &ignored) < 0 || toc_parse(&p, text, n, &t, &ignored) < 0 ||
	    delta_spans_make(&t, ret, &ignored) < 0)
		return 0;
	delta_spans_sort(ret);
	*ret_kind = p.kind;
	return 1;
}

static int source_load(const struct store *s, const char *hex, uint64_t size, enum toc_kind kind,
		       struct delta_source *ret)
{
	struct delta_source src = { .size_bytes = size };
	struct err ignored = { 0 };
	enum toc_kind is;
	char path[100];
	OWN_FD fd = -1;

	(void)snprintf(src.digest, sizeof src.digest, "sha256:%.64s", hex);
	(void)snprintf(path, sizeof path, "tocs/%.64s", hex);
	if (!digest_is_valid(src.digest))
		return 0;
	if (!index_read(s, path, size, &is, &src.spans)) {
		if (blob_open(s, src.digest, &fd, NULL, &ignored) < 0 || !table_read(fd, size, &is, &src.spans))
			return 0;
		index_write(s, path, size, is, &src.spans);
	}
	if (is != kind || !src.spans.n) {
		delta_spans_done(&src.spans);
		return 0;
	}
	*ret = src;
	return 1;
}

int delta_sources_load(const struct store *s, enum toc_kind kind, const char *but, struct delta_source **ret,
		       size_t *ret_n, struct err *e)
{
	int dir = openat(s->root_fd, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = dir < 0 ? NULL : fdopendir(dir);
	const struct dirent *en;
	size_t n = 0, spans = 0;
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "open blobs");
	if (!d) {
		close(dir);
		return err_sys(e, errno, "read blobs");
	}
	struct delta_source *list = calloc(DELTA_SOURCES_MAX, sizeof *list);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "layers to take parts from");
	while (n < DELTA_SOURCES_MAX && spans < DELTA_SPANS_MAX && (r = io_dir_next(d, &en, e)) > 0) {
		struct stat st;
		if (!strcmp(en->d_name, but) || fstatat(dir, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || st.st_size < DELTA_SOURCE_BYTES_MIN)
			continue;
		if (source_load(s, en->d_name, (uint64_t)st.st_size, kind, &list[n]))
			spans += list[n++].spans.n;
	}
	if (r < 0) {
		delta_sources_free(list, n);
		return r;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

void delta_sources_free(struct delta_source *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		delta_spans_done(&list[i].spans);
	free(list);
}
