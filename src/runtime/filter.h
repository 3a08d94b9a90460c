/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled seccomp filter of a container, kept beside its state for exec, and the listener
 * that a filter with notifications needs.
 */
#ifndef ONGGI_RUNTIME_FILTER_H
#define ONGGI_RUNTIME_FILTER_H

#include "base/arena.h"
#include "base/err.h"
#include "runtime/state.h"
#include "sys/seccomp.h"

struct filter_listener {
	const char *path, *metadata; /* linux.seccomp.listenerPath, listenerMetadata; "": none */
};

/* The memory in which a filter comes to the child that is made before it is compiled: shared by both,
 * written by the parent only. Compiling docker's profile takes 0.16 ms, in which the child mounts. */
struct filter_late;

/** filter_late_new - NULL: out of memory (errno). To be freed by the parent. */
struct filter_late *filter_late_new(void);
void filter_late_free(struct filter_late *f);
/** filter_late_put - parent: copy @f (n = 0: none) before it raises SYNC_FILTERED. */
void filter_late_put(struct filter_late *to, const struct seccomp_filter *f);
/** filter_late_get - child: @ret is a view of @from; 0: there is none. CHILD_SAFE. */
int filter_late_get(const struct filter_late *from, struct seccomp_filter *ret);

/** filter_save - write @f and where its notifications go to file "seccomp" below @xdir. */
int filter_save(int xdir, const struct seccomp_filter *f, const struct filter_listener *to,
		struct err *e);
/** filter_read - read it back; 0: there is none, 1: @ret (seccomp_filter_done) and @ret_to (in the
 * arena) are filled. */
int filter_read(int xdir, struct arena *a, struct seccomp_filter *ret, struct filter_listener *ret_to,
		struct err *e);
/** filter_listener_send - send descriptor @number of the process to the listener: one connection,
 * one message with the containerProcessState (runtime-spec, "Seccomp listener"). */
int filter_listener_send(const struct filter_listener *to, const struct state *s, pid_t pid, int xpidfd,
			 int number, struct err *e);

#endif
