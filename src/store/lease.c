/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: see lease.h.
 */
#include "store/lease.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "spec/digest.h"

int lease_open(const struct store *s, struct lease *ret, struct err *e)
{
	struct lease l = { .store = s, .fd = -1 };
	OWN_FD gc = -1;
	uint64_t tag;

	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "lease: random name");
	(void)snprintf(l.name, sizeof l.name, "leases/%016llx", (unsigned long long)tag);
	if (io_mkdir_p(s->root_fd, "leases", 0700, e) < 0 ||
	    io_mkdir_p(s->root_fd, "locks", 0700, e) < 0)
		return err_ctx(e, "lease");
	/* under the collector's lock: it must not see the file before it is locked */
	if (lock_take(s->root_fd, "locks/gc", LOCK_SHARED, &gc, e) < 0)
		return err_ctx(e, "lease");
	OWN_FD fd = openat(s->root_fd, l.name,
			   O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "lease: open %s", l.name);
	if (lock_fd(fd, LOCK_EXCLUSIVE, e) < 0) {
		(void)unlinkat(s->root_fd, l.name, 0);
		return err_ctx(e, "lease");
	}
	l.fd = fd_take(&fd);
	*ret = l;
	return 0;
}

static int add(struct lease *l, const char *kind, const char *digest, struct err *e)
{
	char line[DIGEST_TEXT_MAX + 16];
	OWN_FD gc = -1;
	struct digest d;

	if (digest_parse(digest, &d, e) < 0)
		return err_ctx(e, "lease");
	int n = snprintf(line, sizeof line, "%s %s\n", kind, d.text);
	if (lock_take(l->store->root_fd, "locks/gc", LOCK_SHARED, &gc, e) < 0)
		return err_ctx(e, "lease");
	int r = io_write_all(l->fd, line, (size_t)n);
	return r < 0 ? err_sys(e, -r, "lease: write") : 0;
}

int lease_add_blob(struct lease *l, const char *digest, struct err *e)
{
	return add(l, "blob", digest, e);
}

int lease_add_layer(struct lease *l, const char *chain_id, struct err *e)
{
	return add(l, "layer", chain_id, e);
}

void lease_close(struct lease *l)
{
	if (!l || l->fd < 0)
		return;
	(void)unlinkat(l->store->root_fd, l->name, 0); /* a stale one is swept */
	close(l->fd);
	l->fd = -1;
}
