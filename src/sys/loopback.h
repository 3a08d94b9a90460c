/* SPDX-License-Identifier: Apache-2.0
 *
 * The loopback device of a network namespace.
 */
#ifndef ONGGI_SYS_LOOPBACK_H
#define ONGGI_SYS_LOOPBACK_H

/** loopback_up - set "lo" up in the network namespace of the caller. 0 or -errno. CHILD_SAFE: yes.
 * For a child that closes everything before its exec: a descriptor stays open. */
int loopback_up(void);

#endif
