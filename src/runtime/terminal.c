/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal of a container's process: a pair of the container's own devpts, the slave bound to
 * /dev/console by its descriptor, the master sent to whoever shows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "runtime/container.h"
#include "sys/fdpass.h"
#include "sys/mountfd.h"
#include "sys/pty.h"

int terminal_ptmx(int xroot, int *ret_master, struct err *e)
{
	OWN_FD fd = -1;
	struct statfs fs;

	if (path_open_in(xroot, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0, &fd, e) < 0)
		return err_ctx(e, "terminal");
	if (fstatfs(fd, &fs) < 0)
		return err_sys(e, errno, "terminal");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_new(e, E_DENIED, EPERM, "terminal: /dev/pts/ptmx of the container is not of a devpts");
	*ret_master = fd_take(&fd);
	return 0;
}

static int console_bind(struct child *ch, int slave, struct err *e)
{
	OWN_FD tree = -1;

	if (ch->dev < 0)
		return 0;
	if (mountfd_clone(slave, "", 0, &tree, e) < 0)
		return -e->eno;
	/* EEXIST, and what else there may be, is looked at below */
	OWN_FD made = openat(ch->dev, "console", O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0620);
	if (made < 0 && errno != EEXIST)
		return err_sys(e, errno, "make /dev/console");
	OWN_FD place = openat(ch->dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (place < 0 || fstat(place, &st) < 0)
		return err_sys(e, errno, "open /dev/console");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_new(e, E_DENIED, EPERM, "/dev/console is neither a file nor a device");
	return mountfd_attach(tree, place, e);
}

int terminal_open(struct child *ch, int *ret_slave, struct err *e)
{
	const struct container *c = ch->c;
	const struct bundle_process *p = c->b.process;
	OWN_FD master = -1;
	OWN_FD slave = -1;

	if (ch->pts >= 0)
		master = openat(ch->pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master < 0 && terminal_ptmx(ch->root, &master, e) < 0)
		return -e->eno;
	if (pty_slave(master, &slave, e) < 0 || console_bind(ch, slave, e) < 0)
		return err_ctx(e, "terminal");
	(void)pty_size(slave, p->console_rows, p->console_cols); /* a wrong size is no reason to fail */
	/* the user must be able to open its own terminal again by name */
	if (p->uid && fchown(slave, p->uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(e, errno, "terminal: owner");
	if (terminal_send(master, c->req->console_socket, c->sync[1], e) < 0)
		return -e->eno;
	*ret_slave = fd_take(&slave);
	return 0;
}

int terminal_send(int master, int console_socket, int sync, struct err *e)
{
	static const char name[] = "/dev/ptmx"; /* what go-runc and conmon expect along with it */
	int r;

	if (console_socket < 0) {
		r = sync_send(sync, SYNC_CONSOLE, 0, NULL, master);
		return r < 0 ? err_sys(e, -r, "send terminal") : 0;
	}
	r = (int)fdpass_send(console_socket, name, sizeof name - 1, &master, 1);
	return r < 0 ? err_sys(e, -r, "send terminal to the console socket") : 0;
}
