/* SPDX-License-Identifier: Apache-2.0
 *
 * Session keyrings: see keyring.h.
 */
#include "sys/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int keyring_join_new(const char *name)
{
	enum { USER_SEARCH = 0x00080000, POSSESSOR_ALL = 0x3f000000, USER_READ_VIEW = 0x00030000 };

	long id = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	if (id < 0) {
		/* an outer container forbids the call; or the user's key quota is full: going on with
		 * the inherited keyring is what other runtimes do as well */
		return errno == ENOSYS || errno == EPERM || errno == EDQUOT ? 0 : -errno;
	}
	/* the user must be able to search it after setuid, or key requests of the payload fail */
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, id, POSSESSOR_ALL | USER_SEARCH | USER_READ_VIEW) < 0)
		return -errno;
	return 0;
}
