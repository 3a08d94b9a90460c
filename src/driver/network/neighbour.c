/* SPDX-License-Identifier: Apache-2.0
 *
 * Other engines on this host. Each keeps its claims of ports in its own run folder; two that publish the
 * same port would both succeed, and one of them would never see a packet. So engines know each
 * other:
 *
 *   RUN/network/neighbours/TAG -> /other/run/network     both ways
 *   RUN/network/neighbours/.known                        the host has been looked through
 *
 * An engine looks for bridges of others once per boot, before its first claim, and tells each of
 * them that it is there.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "base/text.h"
#include "driver/network/network_int.h"

#define FOLDER "neighbours"
#define KNOWN FOLDER "/.known"

struct discovery {
	const struct network_ctx *c;
	char self[4096];
};

static void note(int xrun, const char *tag, const char *run)
{
	char path[64];

	(void)snprintf(path, sizeof path, FOLDER "/%s", *tag ? tag : "default");
	if (symlinkat(run, xrun, path) < 0 && errno == ENOENT &&
	    io_mkdir_p(xrun, FOLDER, 0700, &(struct err){ 0 }) >= 0)
		(void)symlinkat(run, xrun, path); /* there already, or it is not to be */
}

static int meet(const struct rtnl_link *l, void *data, struct err *e)
{
	const struct discovery *d = data;
	const char *given = bridge_owner(l);
	char tag[9], run[4096];

	(void)e;
	if (!given || path_normalize(given, run, sizeof run) < 0 || !strcmp(run, d->self))
		return 0;
	OWN_FD other = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (other < 0)
		return 0; /* deleted, or another's */
	network_tag(run, tag);
	note(d->c->run, tag, run);
	note(other, d->c->tag, d->self);
	return 0;
}

static int discover(const struct network_ctx *c, struct err *e)
{
	struct discovery d = { .c = c };
	OWN_FD rt = -1;

	if (path_normalize(c->env->run, d.self, sizeof d.self) < 0)
		return 0;
	if (nl_open(NETLINK_ROUTE, &rt, e) < 0 || rtnl_link_each(rt, meet, &d, e) < 0 ||
	    io_mkdir_p(c->run, FOLDER, 0700, e) < 0)
		return -e->eno;
	OWN_FD known = openat(c->run, KNOWN, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return known < 0 ? err_sys(e, errno, "make %s", KNOWN) : 0;
}

int neighbours_open(const struct network_ctx *c, int fds[NEIGHBOURS_MAX], size_t *ret_n, struct err *e)
{
	size_t n = 0;

	if (faccessat(c->run, KNOWN, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && discover(c, e) < 0)
		return err_ctx(e, "look for other engines");
	int fd = openat(c->run, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		*ret_n = 0;
		return 0;
	}
	for (struct dirent *en; n < NEIGHBOURS_MAX && (en = readdir(d));) {
		if (*en->d_name == '.')
			continue;
		fds[n] = openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[n] >= 0)
			n++;
		else if (errno == ENOENT)
			(void)unlinkat(fd, en->d_name, 0); /* an engine that was deleted */
	}
	*ret_n = n;
	return 0;
}

void neighbours_close(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}
