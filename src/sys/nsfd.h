/* SPDX-License-Identifier: Apache-2.0
 *
 * Namespaces as descriptors: open with the type checked, join, and the offsets of a time
 * namespace. CHILD_SAFE throughout.
 */
#ifndef ONGGI_SYS_NSFD_H
#define ONGGI_SYS_NSFD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/** nsfd_open - open the namespace file @path; anything but a namespace of type @clone_flag
 * (CLONE_NEW*) is E_INVALID. @name is for errors: "network". */
int nsfd_open(const char *path, int clone_flag, const char *name, int *ret_fd, struct err *e);
/** nsfd_join - setns(2) of the calling thread. */
int nsfd_join(int xns, int clone_flag, const char *name, struct err *e);
/** nsfd_same - whether two descriptors are the same namespace. */
bool nsfd_same(int xa, int xb);
/** nsfd_may_return - whether the owner of our namespace at @path is our user namespace: only then
 * can one who has left it come back. */
bool nsfd_may_return(const char *path);

struct nsfd_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};
/** nsfd_time_new - enter a new time namespace. The kernel freezes the offsets as soon as a process
 * is inside, therefore clone3(CLONE_NEWTIME) is no use: unshare, write, then join.
 * @xproc a procfs directory where "self" is the caller. */
int nsfd_time_new(int xproc, const struct nsfd_time_offset *monotonic,
		  const struct nsfd_time_offset *boottime, struct err *e);

#endif
