/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets on which callers wait for a descriptor: --console-socket, --pidfd-socket.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/own.h"
#include "front/orun/orun.h"
#include "sys/fdpass.h"

int orun_socket_connect(const char *path, int *ret_fd, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	OWN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	OWN_FD dir = -1;

	if (fd < 0)
		return err_sys(e, errno, "make socket");
	if (strlen(path) < sizeof to.sun_path)
		(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	else {
		/* sun_path has room for 107 bytes: reach a longer path through its directory */
		const char *slash = strrchr(path, '/');
		OWN_STR parent = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
		if (parent)
			dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || strlen(slash) > 64)
			return err_sys(e, parent && dir < 0 ? errno : ENAMETOOLONG, "connect to %s", path);
		(void)snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%.64s", dir, slash + 1);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return err_sys(e, errno, "connect to %s", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int orun_socket_send_fd(int xsock, int xfd, const char *text, struct err *e)
{
	ssize_t n = fdpass_send(xsock, text, strlen(text), &xfd, 1);

	return n < 0 ? err_sys(e, (int)-n, "send descriptor") : 0;
}
