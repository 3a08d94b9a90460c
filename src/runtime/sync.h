/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between the runtime and the child that becomes the container's process, over one
 * SEQPACKET socket pair. Up: whole structs, an error among them by one write. Down: levels; a
 * higher level includes the lower ones, so that the parent sends only what the child must know.
 * End of file on the way up is the exec. CHILD_SAFE.
 */
#ifndef ONGGI_RUNTIME_SYNC_H
#define ONGGI_RUNTIME_SYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum sync_type {
	SYNC_WARN,     /* err.chain is the text; going on */
	SYNC_ERROR,    /* the child is about to exit */
	SYNC_NAMESPACES, /* the namespaces are there: the network can be set up */
	SYNC_MOUNTED,  /* everything is mounted, waiting for SYNC_GO before pivot_root */
	SYNC_CONSOLE,  /* the master of the terminal is attached */
	SYNC_SECCOMP,  /* value: number of the listener descriptor in the child */
	SYNC_TREE,     /* err.chain is a path of the host: sync_give a tree of it */
	SYNC_CREATED,  /* ready: waiting for start, or for a run about to execute */
};

struct sync_msg {
	enum sync_type type;
	int value;
	struct err err;
};

enum sync_level {
	SYNC_NONE,
	SYNC_MAPPED,  /* ids are mapped */
	SYNC_ENTERED, /* the cgroup is ready, and the child in it unless it enters by itself */
	SYNC_GO,      /* network and hooks are done */
	SYNC_FILTERED, /* the seccomp filter is in the memory for it, see filter_late */
	SYNC_LISTENING, /* the seccomp listener has been taken and handed over */
};

enum { SYNC_FDS_MAX = 56 };

/** sync_pair - [0] for the parent, [1] for the child; both close-on-exec. */
int sync_pair(int ret[2], struct err *e);

/* child's side; -errno: the parent is gone */
int sync_send(int xfd, enum sync_type type, int value, const struct err *err, int passed_fd);
int sync_warn(int xfd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** sync_wait - wait until the parent has reached @want; @level is what is known so far. */
int sync_wait(int xfd, enum sync_level *level, enum sync_level want);
/** sync_wait_with - the same where descriptors may come along, owned by the caller; how many. */
int sync_wait_with(int xfd, enum sync_level *level, enum sync_level want, int ret_fds[SYNC_FDS_MAX]);
/** sync_ask_tree - have the parent open a bind mount of @path, where the mounts of the host are no
 * longer around us. @ret_fd is owned by the caller. */
int sync_ask_tree(int xfd, enum sync_level *level, const char *path, int *ret_fd);

/* parent's side */
int sync_raise(int xfd, enum sync_level level);
/** sync_raise_with - and hand over descriptors, which stay the caller's as well. */
int sync_raise_with(int xfd, enum sync_level level, const int *fds, size_t n);
/** sync_give - the answer to SYNC_TREE. */
int sync_give(int xfd, int tree);
/** sync_receive - next message. 1, 0 at the end of file, or -errno. @ret_fd: descriptor that came
 * along, owned by the caller, -1 when none. */
int sync_receive(int xfd, struct sync_msg *ret, int *ret_fd);
/** sync_error_read - the error that a child wrote before its end where there is no socket: exec.fifo.
 * 0: these @n bytes are none. */
int sync_error_read(const void *p, size_t n, struct err *e);

#endif
