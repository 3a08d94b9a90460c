/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of transports: see files.h.
 */
#include "registry/transport/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "registry/schema1.h"
#include "spec/manifest.h"

enum { PIECE = 256 << 10 };

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

int files_where_parse(const char *where, struct files_where *ret, struct err *e)
{
	size_t n = strcspn(where, ":");
	const char *ref = where[n] ? where + n + 1 : "";
	uint32_t at;

	*ret = (struct files_where){ .at = -1 };
	if (!n)
		return err_new(e, E_USAGE, EINVAL, "%.200s: no path", where);
	if (n >= sizeof ret->path)
		return err_new(e, E_USAGE, ENAMETOOLONG, "%.100s...: the path is too long", where);
	memcpy(ret->path, where, n);
	if (*ref == '@') {
		if (text_uint32(ref + 1, &at) < 0 || at > 1000000)
			return err_new(e, E_USAGE, EINVAL, "%.200s: @ and the number of an image is wanted", where);
		ret->at = (int)at;
		return 0;
	}
	if (strlen(ref) >= sizeof ret->ref || has_control(ref))
		return err_new(e, E_USAGE, EINVAL, "%.200s: no valid reference of an image", where);
	(void)snprintf(ret->ref, sizeof ret->ref, "%s", ref);
	return 0;
}

int files_where_path(const char *path, int at, struct files_where *ret, struct err *e)
{
	*ret = (struct files_where){ .at = at - 1 };
	if (snprintf(ret->path, sizeof ret->path, "%s", path) >= (int)sizeof ret->path)
		return err_new(e, E_USAGE, ENAMETOOLONG, "%.100s...: the path is too long", path);
	return *path ? 0 : err_new(e, E_USAGE, EINVAL, "no path");
}

int files_open(int xdir, const char *name, int *ret_fd, int64_t *ret_size, struct err *e)
{
	OWN_FD fd = -1;
	struct stat st;

	if (path_open_in(xdir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd, e) < 0) {
		if (e->eno == ELOOP)
			return err_new(e, E_CORRUPT, ELOOP, "%s is a link, not a file", name);
		return -e->eno;
	}
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", name);
	if (!S_ISREG(st.st_mode))
		return err_new(e, E_CORRUPT, EINVAL, "%s is not a file", name);
	*ret_size = st.st_size;
	*ret_fd = fd_take(&fd);
	return 0;
}

int files_read(int xdir, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e)
{
	OWN_FD fd = -1;
	int64_t size;

	if (files_open(xdir, name, &fd, &size, e) < 0)
		return -e->eno;
	if (size > (int64_t)max)
		return err_new(e, E_CORRUPT, EFBIG, "%s is larger than %zu bytes", name, max);
	return io_read_fd(fd, max, ret, ret_n, e) < 0 ? err_ctx(e, "%s", name) : 0;
}

/* calls @add with all pieces */
static int each_piece(int xfd, int64_t offset, int64_t size,
		      int (*add)(void *data, const void *p, size_t n, struct err *e), void *data, struct err *e)
{
	OWN_PTR unsigned char *piece = malloc(PIECE);

	if (!piece)
		return err_new(e, E_NOMEM, ENOMEM, "read");
	while (size > 0) {
		ssize_t n = pread(xfd, piece, size < PIECE ? (size_t)size : PIECE, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read");
		if (!n)
			return err_new(e, E_CORRUPT, EBADMSG, "it ends %lld bytes too early", (long long)size);
		if (add(data, piece, (size_t)n, e) < 0)
			return -e->eno;
		offset += n;
		size -= n;
	}
	return 0;
}

static int feed_add(void *data, const void *p, size_t n, struct err *e)
{
	struct registry_sink *sink = data;

	if (sink->add(sink->data, p, n, e) < 0)
		return -e->eno;
	sink->at_bytes += (int64_t)n;
	return 0;
}

int files_feed(int xfd, int64_t offset, int64_t size, struct registry_sink *sink, struct err *e)
{
	return each_piece(xfd, offset + sink->at_bytes, size - sink->at_bytes, feed_add, sink, e);
}

int files_blob_feed(int xdir, const char *name, int64_t size, struct registry_sink *sink, struct err *e)
{
	OWN_FD fd = -1;
	int64_t have;

	if (files_open(xdir, name, &fd, &have, e) < 0)
		return -e->eno;
	if (have != size)
		return err_new(e, E_CORRUPT, EBADMSG, "%s has %lld bytes, not %lld", name, (long long)have, (long long)size);
	return files_feed(fd, 0, size, sink, e) < 0 ? err_ctx(e, "%s", name) : 0;
}

int files_manifest_take(char **text, size_t n, const char *name, const char *digest, struct registry_manifest *ret,
			struct err *e)
{
	struct registry_manifest m = { .n = n };

	if (schema1_digest(*text, n, NULL, digest, m.digest, e) < 0)
		return err_ctx(e, "%s", name);
	if (digest && strcmp(m.digest, digest) != 0)
		return err_new(e, E_CORRUPT, EBADMSG, "%s has not the digest that it is listed with", name);
	m.bytes = ptr_take(text);
	*ret = m;
	return 0;
}

int files_manifest_read(int xdir, const char *name, const char *digest, struct registry_manifest *ret, struct err *e)
{
	OWN_STR text = NULL;
	size_t n;

	if (files_read(xdir, name, MANIFEST_BYTES_MAX, &text, &n, e) < 0)
		return -e->eno;
	return files_manifest_take(&text, n, name, digest, ret, e);
}

static int copy_add(void *data, const void *p, size_t n, struct err *e)
{
	int r = io_write_all(*(int *)data, p, n);
	return r < 0 ? err_sys(e, -r, "write") : 0;
}

int files_copy(int xfd, int64_t offset, int64_t size, int xout, struct err *e)
{
	return each_piece(xfd, offset, size, copy_add, &xout, e);
}

static int hash_piece(void *data, const void *p, size_t n, struct err *e)
{
	(void)e;
	hash_add(data, p, n);
	return 0;
}

int files_digest(int xfd, int64_t offset, int64_t size, enum hash_algo algo, char out[HASH_TEXT_MAX], struct err *e)
{
	struct hash h;

	hash_init(&h, algo);
	if (each_piece(xfd, offset, size, hash_piece, &h, e) < 0)
		return -e->eno;
	hash_text(&h, out);
	return 0;
}

int files_spool(int *ret_fd, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	dir = dir && *dir == '/' ? dir : "/var/tmp";
	*ret_fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*ret_fd >= 0)
		return 0;
	(void)err_sys(e, errno, "make a temporary file in %s", dir);
	err_hint(e, "set TMPDIR to a directory with room");
	return -e->eno;
}

int files_spool_bytes(const void *p, size_t n, int *ret_fd, struct err *e)
{
	if (files_spool(ret_fd, e) < 0)
		return -e->eno;
	int r = io_write_all(*ret_fd, p, n);
	return r < 0 ? err_sys(e, -r, "write a temporary file") : 0;
}

int files_is_there(int xdir, const char *name, const char *digest, int64_t size, struct err *e)
{
	OWN_FD fd = -1;
	char got[HASH_TEXT_MAX];
	int64_t have;

	if (files_open(xdir, name, &fd, &have, e) < 0) {
		/* what is no file is replaced */
		if (e->kind != E_NOT_FOUND && e->kind != E_CORRUPT)
			return -e->eno;
		err_clear(e);
		return 0;
	}
	if (have != size)
		return 0;
	int algo = hash_algo_of(digest);
	if (files_digest(fd, 0, size, algo == HASH_SHA512 ? HASH_SHA512 : HASH_SHA256, got, e) < 0)
		return err_ctx(e, "%s", name);
	return !strcmp(got, digest);
}
