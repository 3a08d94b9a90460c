/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps of user and group ids: written to a new user namespace, directly or, for a user without
 * the right to do so, by the set-uid helpers newuidmap and newgidmap.
 */
#ifndef ONGGI_SYS_IDMAP_H
#define ONGGI_SYS_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct idmap_line {
	uint32_t container, host, size;
};

struct idmap {
	const struct idmap_line *uids, *gids;
	size_t n_uids, n_gids;
};

/** idmap_write - give process @pid (alone in its new user namespace) its maps. Tries the plain
 * write first; denied, it denies setgroups and maps a single own id, or calls the helpers. */
int idmap_write(pid_t pid, const struct idmap *m, struct err *e);
/** idmap_userns - descriptor of a new user namespace with these maps, for id-mapped mounts. */
int idmap_userns(const struct idmap *m, int *ret_fd, struct err *e);
/** idmap_nested - the ids of this process are not the host's: it is in a user namespace. */
bool idmap_nested(void);
/** idmap_ordinary_user - this is an ordinary user, or root of a user namespace of such a user, as
 * rootless engines make one; root of a container with ids of its own says USER=root. */
bool idmap_ordinary_user(void);

#endif
