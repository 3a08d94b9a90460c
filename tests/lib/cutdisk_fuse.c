/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk of cutdisk: a FUSE file system that is one file. A loop device on top sends its writes here in the
 * order of the block layer, and each flush of its cache as FSYNC; both go to the log before they are answered.
 * One thread: what was answered before a flush came is in the log before it.
 *
 *   setfattr -n user.fail -v write,read,flush FILE   from now on these fail with EIO; -v "" ends it
 */
#include "cutdisk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE_MAX = 1 << 20, REQUEST_MAX = WRITE_MAX + 4096, FAIL_WRITE = 1, FAIL_READ = 2, FAIL_FLUSH = 4 };

struct disk {
	int fuse, image, log;
	unsigned fail; /* FAIL_* */
	uint64_t size_bytes;
	char *data; /* WRITE_MAX bytes for reads */
};

/* status of answer(): a request that gets none, the end of the mount */
static int answer(const struct disk *d, uint64_t unique, int error, const void *p, size_t n)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof h + n), .error = error, .unique = unique };
	struct iovec v[2] = { { &h, sizeof h }, { (void *)p, n } };

	/* ENOENT: whoever asked has been interrupted */
	return writev(d->fuse, v, n ? 2 : 1) < 0 && errno != ENOENT ? -errno : 0;
}

static int note(const struct disk *d, enum cut_kind kind, uint64_t offset, const void *p, size_t n)
{
	struct cut_record r = { .kind = kind, .n_bytes = (uint32_t)n, .offset = offset };
	struct iovec v[2] = { { &r, sizeof r }, { (void *)p, n } };

	return writev(d->log, v, n ? 2 : 1) == (ssize_t)(sizeof r + n) ? 0 : -EIO;
}

static int do_write(const struct disk *d, const struct fuse_write_in *in, uint32_t *ret)
{
	const char *p = (const char *)(in + 1);

	if (d->fail & FAIL_WRITE || in->offset > d->size_bytes || in->size > d->size_bytes - in->offset)
		return -EIO;
	if (note(d, CUT_WRITE, in->offset, p, in->size) < 0 ||
	    pwrite(d->image, p, in->size, (off_t)in->offset) != (ssize_t)in->size)
		return -EIO;
	*ret = in->size;
	return 0;
}

static unsigned fail_of(const char *text, size_t n)
{
	char words[64];

	snprintf(words, sizeof words, "%.*s", (int)(n < sizeof words ? n : sizeof words - 1), text);
	return (strstr(words, "write") ? FAIL_WRITE : 0) | (strstr(words, "read") ? FAIL_READ : 0) |
	       (strstr(words, "flush") ? FAIL_FLUSH : 0);
}

static void attr_of(const struct disk *d, struct fuse_attr *a)
{
	a->ino = FUSE_ROOT_ID;
	a->size = d->size_bytes;
	a->blocks = d->size_bytes / 512;
	a->mode = S_IFREG | 0600;
	a->nlink = 1;
	a->blksize = 4096;
}

/* one request: 0 or the negative errno of the connection */
static int serve_one(struct disk *d, const struct fuse_in_header *h, const void *in)
{
	switch (h->opcode) {
	case FUSE_INIT: {
		const struct fuse_init_in *q = in;
		struct fuse_init_out a = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
					   .max_readahead = q->max_readahead,
					   .flags = q->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES), .max_background = 16,
					   .congestion_threshold = 12, .max_write = WRITE_MAX, .time_gran = 1,
					   .max_pages = WRITE_MAX / 4096 };
		return answer(d, h->unique, 0, &a, sizeof a);
	}
	case FUSE_GETATTR: {
		struct fuse_attr_out a = { .attr_valid = 3600 };
		attr_of(d, &a.attr);
		return answer(d, h->unique, 0, &a, sizeof a);
	}
	case FUSE_OPEN: {
		/* nothing is kept by the page cache of this file: the loop device's requests arrive as they are */
		struct fuse_open_out a = { .open_flags = FOPEN_DIRECT_IO };
		return answer(d, h->unique, 0, &a, sizeof a);
	}
	case FUSE_READ: {
		const struct fuse_read_in *q = in;
		ssize_t n = d->fail & FAIL_READ || q->size > WRITE_MAX ?
				    -1 : pread(d->image, d->data, q->size, (off_t)q->offset);
		return n < 0 ? answer(d, h->unique, -EIO, NULL, 0) : answer(d, h->unique, 0, d->data, (size_t)n);
	}
	case FUSE_WRITE: {
		struct fuse_write_out a = { 0 };
		int r = do_write(d, in, &a.size);
		return r < 0 ? answer(d, h->unique, r, NULL, 0) : answer(d, h->unique, 0, &a, sizeof a);
	}
	case FUSE_FSYNC:
		return answer(d, h->unique, d->fail & FAIL_FLUSH ? -EIO : note(d, CUT_FLUSH, 0, NULL, 0), NULL, 0);
	case FUSE_SETXATTR: {
		const struct fuse_setxattr_in *q = in;
		const char *name = (const char *)in + FUSE_COMPAT_SETXATTR_IN_SIZE;
		if (strcmp(name, "user.fail"))
			return answer(d, h->unique, -EOPNOTSUPP, NULL, 0);
		d->fail = fail_of(name + strlen(name) + 1, q->size);
		return answer(d, h->unique, 0, NULL, 0);
	}
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_ACCESS:
		return answer(d, h->unique, 0, NULL, 0);
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return 0; /* get no answer */
	default:
		return answer(d, h->unique, -ENOSYS, NULL, 0);
	}
}

static int serve(struct disk *d)
{
	char *request = malloc(REQUEST_MAX);
	int r = 0;

	d->data = malloc(WRITE_MAX);
	if (!request || !d->data)
		return 1;
	while (!r) {
		ssize_t n = read(d->fuse, request, REQUEST_MAX);
		if (n < 0) {
			/* ENODEV: unmounted */
			r = errno == EINTR || errno == EAGAIN || errno == ENOENT ? 0 : -errno;
			continue;
		}
		const struct fuse_in_header *h = (const void *)request;
		if ((size_t)n >= sizeof *h)
			r = serve_one(d, h, request + sizeof *h);
	}
	free(request);
	free(d->data);
	return r != -ENODEV;
}

int cut_serve(const char *image, const char *log, const char *file)
{
	char options[128];
	struct stat st;
	struct disk d = { .fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), .image = open(image, O_RDWR | O_CLOEXEC),
			  .log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) };

	if (d.fuse < 0 || d.image < 0 || d.log < 0 || fstat(d.image, &st) < 0) {
		perror("cutdisk: open");
		return 1;
	}
	d.size_bytes = (uint64_t)st.st_size;
	snprintf(options, sizeof options, "fd=%d,rootmode=100600,user_id=0,group_id=0,max_read=%d", d.fuse, WRITE_MAX);
	if (mount("cutdisk", file, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		perror("cutdisk: mount");
		return 1;
	}
	pid_t pid = fork();
	if (pid)
		return pid < 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	for (int fd = 3; fd < 64; fd++) /* of whoever waits for the end of its pipes */
		if (fd != d.fuse && fd != d.image && fd != d.log)
			(void)close(fd);
	/* not in the mount namespace of a test, which would then never end with the test: its mounts are of this file */
	int host = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	(void)setns(host, CLONE_NEWNS);
	(void)setsid();
	_exit(serve(&d));
}
