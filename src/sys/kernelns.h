/* SPDX-License-Identifier: Apache-2.0
 *
 * A mount namespace with next to nothing in it. A new one is always a copy of the caller's, every
 * mount of the host one by one: 1.8 ms for a thousand of them. The kernel's own thread kdevtmpfs
 * has lived since boot in one of two mounts (drivers/base/devtmpfs.c, since Linux 2.6.32): whoever
 * joins that first and copies it then, copies two. Nothing is ever changed in it.
 */
#ifndef ONGGI_SYS_KERNELNS_H
#define ONGGI_SYS_KERNELNS_H

/** kernelns_open - open that namespace for setns(CLONE_NEWNS). Returns 0 or -errno: where the thread
 * cannot be seen (in a PID namespace), may not be looked at, or is not there, do without. The thread
 * is known by what no process can pretend: its flags and its parent. Where it was
 * is remembered in an extended attribute of @xdir, which only root can set. */
int kernelns_open(int xdir, int *ret_fd);

#endif
