/* SPDX-License-Identifier: Apache-2.0
 *
 * What create, run and restore want of a bundle before the runtime is asked.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"
#include "spec/limits.h"

/* the directory, and its path without links: the kernel knows it, a walk would look at each part */
static int bundle_open(const char *bundle, int *ret_dir, char **ret_path, struct err *e)
{
	char self[32], path[PATH_MAX];
	OWN_FD dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_sys(e, errno, "bundle %s", bundle);
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", dir); /* fits */
	ssize_t n = readlink(self, path, sizeof path);
	/* cut, of another root, without a procfs */
	if (n > 0 && (size_t)n < sizeof path && path[0] == '/')
		*ret_path = strndup(path, (size_t)n);
	else
		*ret_path = realpath(bundle, NULL);
	if (!*ret_path)
		return err_sys(e, errno, "bundle %s", bundle);
	*ret_dir = fd_take(&dir);
	return 0;
}

static int config_load(const char *config, int dir, const char *bundle, json_t **ret, struct err *e)
{
	int r = config ? js_load(AT_FDCWD, config, LIMIT_BUNDLE_BYTES, ret, e) :
			 js_load(dir, "config.json", LIMIT_BUNDLE_BYTES, ret, e);
	if (r == -ENOENT && !config) {
		(void)err_new(e, E_NOT_FOUND, ENOENT, "JSON specification file config.json not found in %s",
			      bundle);
		err_hint(e, "make one with: orun spec");
	}
	return r;
}

int orun_bundle_load(const char *bundle, const char *config, char **ret_path, json_t **ret_config, struct err *e)
{
	OWN_FD dir = -1;

	return bundle_open(bundle && *bundle ? bundle : ".", &dir, ret_path, e) < 0 ||
			       config_load(config, dir, *ret_path, ret_config, e) < 0 ?
		       -e->eno : 0;
}

int orun_terminal_check(bool terminal, bool detached, const char *console_socket, struct err *e)
{
	if (terminal && detached && !console_socket) {
		(void)err_new(e, E_USAGE, EINVAL,
			      "cannot allocate tty if orun will detach without setting console socket");
		err_hint(e, "give --console-socket, or set process.terminal to false");
		return -EINVAL;
	}
	if (console_socket && !(terminal && detached))
		return err_new(e, E_USAGE, EINVAL,
			       "cannot use console socket if orun will not detach or allocate tty");
	return 0;
}
