/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled seccomp filter of a container: see filter.h. The file is ours alone (mode 0600 in
 * a folder of mode 0700); its numbers are in the byte order of the host:
 *
 *   magic, instructions, flags, notify, length of path, length of metadata | code | path | metadata
 */
#include "runtime/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "sys/fdpass.h"
#include "sys/process.h"

struct head {
	uint32_t magic, n, flags, notify, path, metadata;
};

enum { MAGIC = 0x32464253, FILE_MAX = 1 << 20 };

struct filter_late {
	uint32_t n, flags;
	struct sock_filter code[BPF_MAXINSNS];
};

struct filter_late *filter_late_new(void)
{
	void *p = mmap(NULL, sizeof(struct filter_late), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void filter_late_free(struct filter_late *f)
{
	if (f)
		(void)munmap(f, sizeof *f);
}

void filter_late_put(struct filter_late *to, const struct seccomp_filter *f)
{
	if (f->n)
		memcpy(to->code, f->code, f->n * sizeof *f->code);
	to->n = (uint32_t)f->n;
	to->flags = f->flags;
}

int filter_late_get(const struct filter_late *from, struct seccomp_filter *ret)
{
	*ret = (struct seccomp_filter){ (struct sock_filter *)(uintptr_t)from->code, from->n, from->flags, false };
	return from->n != 0;
}

int filter_save(int xdir, const struct seccomp_filter *f, const struct filter_listener *to,
		struct err *e)
{
	struct head h = { MAGIC,     (uint32_t)f->n,	       f->flags,
			  f->notify, (uint32_t)strlen(to->path), (uint32_t)strlen(to->metadata) };
	struct iovec iov[4] = { { &h, sizeof h },
				{ f->code, f->n * sizeof *f->code },
				{ (char *)(uintptr_t)to->path, h.path },
				{ (char *)(uintptr_t)to->metadata, h.metadata } };
	size_t size = 0;

	for (size_t i = 0; i < ARRAY_LEN(iov); i++)
		size += iov[i].iov_len;
	if (size > FILE_MAX)
		return err_new(e, E_INVALID, EFBIG, "seccomp filter and its metadata are too large");
	OWN_FD fd = openat(xdir, STATE_SECCOMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "save seccomp filter");
	ssize_t n = writev(fd, iov, ARRAY_LEN(iov));
	return n == (ssize_t)size ? 0 : err_sys(e, n < 0 ? errno : ENOSPC, "save seccomp filter");
}

int filter_read(int xdir, struct arena *a, struct seccomp_filter *ret, struct filter_listener *ret_to,
		struct err *e)
{
	OWN_STR text = NULL;
	struct head h;
	size_t n, code;

	if (io_read_file(xdir, STATE_SECCOMP, FILE_MAX, &text, &n, e) < 0) {
		if (e->eno != ENOENT)
			return err_ctx(e, "seccomp filter");
		err_clear(e);
		return 0;
	}
	if (n >= sizeof h)
		memcpy(&h, text, sizeof h);
	if (n < sizeof h || h.magic != MAGIC || h.n > BPF_MAXINSNS || h.path > n || h.metadata > n ||
	    n != sizeof h + (code = h.n * sizeof(struct sock_filter)) + h.path + h.metadata)
		return err_new(e, E_CORRUPT, EBADMSG, "seccomp filter of the container is damaged");
	const char *path = arena_strndup(a, text + sizeof h + code, h.path);
	const char *metadata = arena_strndup(a, text + sizeof h + code + h.path, h.metadata);
	struct sock_filter *copy = malloc(code ? code : 1);
	if (!copy || !path || !metadata) {
		free(copy);
		return err_new(e, E_NOMEM, ENOMEM, "seccomp filter: out of memory");
	}
	memcpy(copy, text + sizeof h, code);
	*ret = (struct seccomp_filter){ copy, h.n, h.flags, h.notify };
	*ret_to = (struct filter_listener){ path, metadata };
	return 1;
}

static int state_text(const struct filter_listener *to, const struct state *s, pid_t pid, char **ret,
		      struct err *e)
{
	OWN_JSON state = NULL;

	if (state_oci_json(s, "creating", pid, &state, e) < 0)
		return -e->eno;
	OWN_JSON doc = json_pack("{s:s, s:[s], s:i, s:s, s:O}", "ociVersion", BUNDLE_VERSION_MAX, "fds",
				 "seccompFd", "pid", (int)pid, "metadata", to->metadata, "state", state);
	*ret = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "seccomp listener: out of memory");
}

int filter_listener_send(const struct filter_listener *to, const struct state *s, pid_t pid, int xpidfd,
			 int number, struct err *e)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	OWN_STR text = NULL;
	if (!*to->path || strlen(to->path) >= sizeof where.sun_path)
		return err_new(e, E_INVALID, EINVAL, "linux.seccomp.listenerPath: missing or too long");
	memcpy(where.sun_path, to->path, strlen(to->path) + 1);
	OWN_FD listener = process_fd_from(xpidfd, number);
	if (listener < 0)
		return err_sys(e, -listener, "seccomp listener");
	if (state_text(to, s, pid, &text, e) < 0)
		return -e->eno;
	OWN_FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (const struct sockaddr *)&where, sizeof where) < 0)
		return err_sys(e, errno, "seccomp listener: connect %s", to->path);
	const size_t size = strlen(text);
	ssize_t n = fdpass_send(sock, text, size, &listener, 1);
	if (n < 0)
		return err_sys(e, (int)-n, "seccomp listener: send");
	int r = io_write_all(sock, text + n, size - (size_t)n);
	return r < 0 ? err_sys(e, -r, "seccomp listener: send") : 0;
}
