/* SPDX-License-Identifier: Apache-2.0
 *
 * Session keyrings: a container gets its own, so that it can neither read nor fill the caller's.
 * CHILD_SAFE.
 */
#ifndef ONGGI_SYS_KEYRING_H
#define ONGGI_SYS_KEYRING_H

/** keyring_join_new - join a new session keyring called @name that its owner may read and search.
 * 0, also when this kernel has no keyrings or they are forbidden here; else -errno. */
int keyring_join_new(const char *name);

#endif
