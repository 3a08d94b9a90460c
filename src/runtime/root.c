/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_root_default: where the state lies when nobody says where.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "runtime/runtime.h"
#include "sys/idmap.h"

int runtime_root_default(char **ret, struct err *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	OWN_STR root = NULL;

	/* root of a user namespace that an ordinary user made is that user, and has no /run */
	if (!xdg || !*xdg || !idmap_ordinary_user()) {
		root = strdup("/run/orun");
		if (!root)
			return err_new(e, E_NOMEM, ENOMEM, "out of memory");
		*ret = ptr_take(&root);
		return 0;
	}
	if (asprintf(&root, "%s/orun", xdg) < 0) {
		root = NULL; /* undefined after a failure */
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	}
	/* the sticky bit keeps it from being swept, by the XDG base directory specification */
	if (io_mkdir_p(AT_FDCWD, root, 0700, e) < 0)
		return -e->eno;
	if (chmod(root, 01700) < 0)
		return err_sys(e, errno, "chmod %s", root);
	*ret = ptr_take(&root);
	return 0;
}
