/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled seccomp filter of a container: see filter.h. The file is ours alone (mode 0600 in
 * a folder of mode 0700); its numbers are in the byte order of the host.
 */
#include "runtime/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "runtime/state.h"

enum { MAGIC = 0x31464253, FILE_MAX = sizeof(uint32_t) * 4 + BPF_MAXINSNS * sizeof(struct sock_filter) };

int filter_save(int xdir, const struct seccomp_filter *f, struct err *e)
{
	uint32_t head[4] = { MAGIC, (uint32_t)f->n, f->flags, f->notify };
	size_t size = f->n * sizeof *f->code;
	struct iovec iov[2] = { { head, sizeof head }, { f->code, size } };
	OWN_FD fd = openat(xdir, STATE_SECCOMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || writev(fd, iov, 2) != (ssize_t)(sizeof head + size))
		return err_sys(e, errno, "save seccomp filter");
	return 0;
}

int filter_read(int xdir, struct seccomp_filter *ret, struct err *e)
{
	OWN_STR text = NULL;
	uint32_t head[4];
	size_t n;

	if (io_read_file(xdir, STATE_SECCOMP, FILE_MAX, &text, &n, e) < 0) {
		if (e->eno != ENOENT)
			return err_ctx(e, "seccomp filter");
		err_clear(e);
		return 0;
	}
	if (n < sizeof head)
		return err_new(e, E_CORRUPT, EBADMSG, "seccomp filter of the container is cut short");
	memcpy(head, text, sizeof head);
	if (head[0] != MAGIC || n != sizeof head + (size_t)head[1] * sizeof(struct sock_filter))
		return err_new(e, E_CORRUPT, EBADMSG, "seccomp filter of the container is damaged");
	struct sock_filter *code = malloc(n);
	if (!code)
		return err_new(e, E_NOMEM, ENOMEM, "seccomp filter: out of memory");
	memcpy(code, text + sizeof head, n - sizeof head);
	*ret = (struct seccomp_filter){ code, head[1], head[2], head[3] };
	return 1;
}
