/* SPDX-License-Identifier: Apache-2.0
 *
 * A digest beside the writing: see hasher.h.
 *
 *   parent -> child   how far the file is written, and whether that is all
 *   child  -> parent  the state of the digest; the end of either is the end of the other
 */
#include "engine/hasher.h"

#include <stdbool.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"

enum { STEP_BYTES = 1 << 20, BLOCK = 256 << 10 };

struct word {
	uint64_t bytes;
	uint64_t complete;
};

static int add_range(struct hash *h, int fd, uint64_t from, uint64_t to, unsigned char *block, struct err *e)
{
	while (from < to) {
		size_t want = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
		ssize_t n = pread(fd, block, want, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "read blob");
		if (!n)
			return err_new(e, E_CORRUPT, EIO, "read blob: the file has become shorter");
		hash_add(h, block, (size_t)n);
		from += (uint64_t)n;
	}
	return 0;
}

static void child_main(int fd, int file, pid_t parent)
{
	unsigned char *block = malloc(BLOCK);
	struct err ignored = { 0 };
	struct word w = { 0 };
	struct hash h;
	uint64_t done = 0;

	/* what it has inherited, such as locks, must not outlive the parent */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	hash_init(&h, HASH_SHA256);
	while (block && !w.complete) {
		ssize_t n = recv(fd, &w, sizeof w, 0);
		if (n < 0 && errno == EINTR)
			continue;
		/* without an answer the parent does it and says what is wrong */
		if (n != sizeof w || add_range(&h, file, done, w.bytes, block, &ignored) < 0)
			_exit(1);
		done = w.bytes;
	}
	(void)send(fd, &h, sizeof h, MSG_NOSIGNAL); /* a parent that is gone needs no answer */
	_exit(0);
}

void hasher_start(struct hasher *h, int xfd)
{
	int fds[2];

	*h = HASHER_NULL;
	h->xfd = xfd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return;
	OWN_FD ours = fds[0];
	OWN_FD theirs = fds[1];
	pid_t parent = getpid();
	h->pid = fork();
	if (h->pid < 0)
		return;
	if (h->pid == 0) {
		own_fd_done(&ours);
		child_main(theirs, xfd, parent);
	}
	h->fd = fd_take(&ours);
}

void hasher_grown(struct hasher *h, uint64_t bytes)
{
	const struct word w = { .bytes = bytes };

	if (h->fd < 0 || bytes - h->told_bytes < STEP_BYTES)
		return;
	h->told_bytes = bytes;
	(void)send(h->fd, &w, sizeof w, MSG_NOSIGNAL | MSG_DONTWAIT); /* the next one says it too */
}

void hasher_abort(struct hasher *h)
{
	if (h->fd < 0)
		return;
	own_fd_done(&h->fd);
	while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static bool answer(struct hasher *h, uint64_t bytes, struct hash *ret)
{
	const struct word w = { .bytes = bytes, .complete = 1 };
	ssize_t n;

	if (h->fd < 0 || send(h->fd, &w, sizeof w, MSG_NOSIGNAL) != sizeof w)
		return false;
	do
		n = recv(h->fd, ret, sizeof *ret, 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof *ret;
}

int hasher_end(struct hasher *h, uint64_t bytes, struct hash *ret, struct err *e)
{
	bool done = answer(h, bytes, ret);

	hasher_abort(h);
	if (done)
		return 0;
	OWN_PTR unsigned char *block = malloc(BLOCK);
	if (!block)
		return err_new(e, E_NOMEM, ENOMEM, "digest");
	hash_init(ret, HASH_SHA256);
	return add_range(ret, h->xfd, 0, bytes, block, e);
}
