/* SPDX-License-Identifier: Apache-2.0
 *
 * Image archives as sources: see tarball.h.
 */
#include "registry/transport/tarball.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/inflate.h"
#include "registry/transport/files.h"

static int spool_all(struct source *in, int xspool, uint64_t *ret_size, struct err *e)
{
	const unsigned char *p;
	size_t n;
	int r;

	*ret_size = 0;
	while ((r = source_next(in, &p, &n, e)) > 0) {
		int w = io_write_all(xspool, p, n);
		if (w < 0)
			return err_sys(e, -w, "write a temporary file");
		*ret_size += n;
	}
	return r;
}

/* the plain bytes of @xfd, from its position on, in a file of their own; *ret_fd stays -1 where they are one already */
static int make_plain(int xfd, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	struct source_fd file;
	struct inflate *in = NULL;
	struct stat st;

	if (fstat(xfd, &st) < 0)
		return err_sys(e, errno, "stat");
	const bool at_start = S_ISREG(st.st_mode) && lseek(xfd, 0, SEEK_CUR) == 0;
	if (source_fd_init(&file, xfd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	if (r == 0 && at_start && inflate_kind_of(in) == INFLATE_PLAIN)
		*ret_size = (uint64_t)st.st_size;
	else if (r == 0 && (r = files_spool(ret_fd, e)) == 0)
		r = spool_all(inflate_source(in), *ret_fd, ret_size, e);
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

int tarball_open(struct tarball *t, const char *path, struct err *e)
{
	OWN_FD plain = -1;
	uint64_t size = 0;

	if (!strcmp(path, "/dev/stdin"))
		t->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		t->fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (make_plain(t->fd, &plain, &size, e) < 0)
		return err_ctx(e, "read %s", path);
	if (plain >= 0) {
		close(t->fd);
		t->fd = fd_take(&plain);
	}
	return archive_list(&t->ar, t->fd, size, e) < 0 ? err_ctx(e, "%s", path) : 0;
}

void tarball_close(struct tarball *t)
{
	own_fd_done(&t->fd);
	archive_done(&t->ar);
}

int tarball_read(const struct tarball *t, const struct archive_file *f, size_t max, char **ret, size_t *ret_n,
		 struct err *e)
{
	if (f->size > (int64_t)max)
		return err_new(e, E_CORRUPT, EFBIG, "%s is larger than %zu bytes", f->name, max);
	const size_t size = (size_t)f->size;
	OWN_STR text = malloc(size + 1);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "%s", f->name);
	for (size_t n = 0; n < size;) {
		ssize_t r = pread(t->fd, text + n, size - n, (off_t)(f->at + n));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? err_sys(e, errno, "read %s", f->name) :
				       err_new(e, E_CORRUPT, EBADMSG, "%s: the archive ends in it", f->name);
		n += (size_t)r;
	}
	text[size] = 0;
	*ret = ptr_take(&text);
	*ret_n = size;
	return 0;
}
