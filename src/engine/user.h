/* SPDX-License-Identifier: Apache-2.0
 *
 * "--user name|uid[:group|gid]" by the container's own passwd and group files, given as text:
 * never by NSS of the host.
 */
#ifndef ONGGI_ENGINE_USER_H
#define ONGGI_ENGINE_USER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct user_info {
	uint32_t uid, gid;
	const uint32_t *groups; /* additional ones, in the arena */
	size_t n_groups;
	const char *home;       /* of passwd; "/" when there is no entry */
};

/** user_resolve - @spec "" is root. @passwd, @group: texts, NULL when the file does not exist.
 * @extra: names or numbers of --group-add. E_INVALID "unable to find user x: no matching entries in
 * passwd file". */
int user_resolve(const char *spec, const char *passwd, const char *group, const char *const *extra,
		 struct arena *a, struct user_info *ret, struct err *e);

#endif
