/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the runtime: one container while it is being created. The parent fills `struct
 * container` completely before the clone; the child gets it by copy-on-write, reads it and
 * allocates nothing.
 *
 *   create.c  parent: files, cgroup, clone, maps, hooks, state
 *   child.c   child: the order of everything inside
 *   rootfs.c mounts.c devices.c masks.c terminal.c   what the child mounts
 *   launch.c  what the process is: user, capabilities, limits, command
 */
#ifndef ONGGI_RUNTIME_CONTAINER_H
#define ONGGI_RUNTIME_CONTAINER_H

#include <unistd.h>

#include "base/own.h"
#include "driver/cgroup/cgroup.h"
#include "driver/rdt/rdt.h"
#include "runtime/launch.h"
#include "runtime/runtime.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "spec/bundle.h"

#define CONTAINER_PID_TEXT "2147483647"

struct container {
	const struct runtime_env *env;
	const struct runtime_create_req *req;
	struct arena arena;
	json_t *config;             /* owned when read from the bundle */
	struct bundle b;
	const char *bundle_dir;     /* absolute */
	const char *rootfs;         /* absolute; for the state even when a plan is mounted */
	struct state state;
	int rdt_root;               /* the resctrl file system, -1: not wanted */
	struct rdt rdt;
	struct cgroup *cg;          /* NULL: no cgroup could be made (rootless) */
	json_t *cgroup_mounts;      /* NULL: none */
	bool enters_self;           /* the child enters the cgroup, not the parent */
	int sync[2];                /* sync_pair */
	int fifo;                   /* exec.fifo, -1 with req->run */
	uid_t owner;                /* our effective user */
	bool rootless;
	bool new_user;              /* a user namespace is made */
	bool in_user;               /* made or joined */
	bool late_join;             /* the child itself joins the namespaces in ns_fd */
	int ns_fd[NS_N];            /* namespaces to join, -1 */
	const char **sources;       /* of binds, absolute; NULL for others */
	int *trees;                 /* binds opened in the namespaces of the host, -1 */
	int *late_ro;               /* scratch of the child: mounts to become read-only at the end */
	int root_tree;              /* the same for root.path, -1 */
	int mount_base;             /* the mount namespace to begin with, -1: the host's (mount_base.c) */
	int *cgroup_trees;          /* with it: parts of the cgroup mount, -1 for links; scratch of the child */
	struct launch launch;
	const char *streams[3];     /* "pipe:[123]", for checkpoints; NULL with a terminal */
	char *hook_state;           /* for hooks inside the container, NULL: none; its pid is
				     * CONTAINER_PID_TEXT, in whose place the child puts its own */
	struct seccomp_filter filter_room;
	const struct seccomp_filter *filter; /* NULL: none */
	struct filter_late *filter_late; /* compiled while the child mounts; NULL: before it is made */
	bool unshares;              /* the child makes its namespaces, all but the PID namespace: that
				     * goes on while the parent makes the cgroup */
	bool between;               /* a process in between joins and makes the child */
	bool hidden;                /* the child is not dumpable from its first moment */
	bool alone;                 /* with its cgroup ready the child needs no other word of ours: SYNC_GO is
				     * said at once */
	bool creating;              /* the record says so: hooks read it early */
	struct proc_id init;
	pid_t pid;
	int pidfd;
};

/** container_hooks_wait - whether hooks make both sides wait for each other before pivot_root. */
static inline bool container_hooks_wait(const struct container *c)
{
	return c->b.hooks[BUNDLE_HOOK_PRESTART].n || c->b.hooks[BUNDLE_HOOK_CREATE_RUNTIME].n ||
	       c->b.hooks[BUNDLE_HOOK_CREATE_CONTAINER].n;
}

/** container_tells_namespaces - whether the parent waits for SYNC_NAMESPACES. */
static inline bool container_tells_namespaces(const struct container *c)
{
	return c->unshares && (c->req->ns_ready || c->b.n_netdevs);
}

/** container_new_flags - the namespaces to be made, but not cgroup (it begins where the process is)
 * and time (see nsfd_time_new), and of the two parts, by clone and by unshare, the one asked for. */
uint64_t container_new_flags(const struct container *c, bool by_unshare);

/** container_writes_proc - whether the child needs a procfs without masks: sysctls, labels. */
static inline bool container_writes_proc(const struct container *c)
{
	return c->b.n_sysctls || c->launch.apparmor || c->launch.selinux;
}

/* What only the child has. */
struct child {
	const struct container *c;
	enum sync_level level;
	int root;     /* mount of the root file system */
	int proc;     /* trusted procfs, -1: nothing is to be written there */
	int dev;      /* /dev of the container, -1: none, or it is the host's */
	bool in_dev;  /* it is the working directory */
	bool fresh_dev; /* a tmpfs of ours, mounted there by the mount before */
	int pts;      /* devpts of the container, -1: none */
	int null;     /* /dev/null of the host as a tree, -1: not opened yet */
	bool null_there; /* it is attached: the next one is a copy of it */
	int joins[SYNC_FDS_MAX]; /* files to enter the cgroup by */
	size_t n_joins;
	size_t n_late_ro;
	bool joined;    /* in the cgroup and its namespace */
	bool started;   /* the parent is no longer listening */
};

/* A descriptor that the child needs for a moment. Low ones stay open: the one close_range before the
 * exec takes them all, at a tenth of the price of closing each. */
enum { CHILD_FDS_KEEP = 96 };

static inline void child_fd_done(int *fd)
{
	if (*fd >= CHILD_FDS_KEEP)
		close(*fd);
	*fd = -1;
}
#define CHILD_FD CLEANUP(child_fd_done) int

/** child_main - everything after the clone; never returns. */
__attribute__((noreturn)) void child_main(const struct container *c);

/* steps of the child; CHILD_SAFE */
/** mount_base_enter - with c->mount_base: open what is needed of the host, then make the mount
 * namespace. */
int mount_base_enter(struct child *ch, struct err *e);
/** rootfs_open - the root file system as a detached tree, into ch->root. */
int rootfs_open(struct child *ch, struct err *e);
int rootfs_attach(struct child *ch, struct err *e);
int rootfs_enter(struct child *ch, struct err *e);
int mounts_carry_out(struct child *ch, struct err *e);
int mounts_seal(struct child *ch, struct err *e);
struct mounts_place {
	int dir;
	const char *name; /* entry of it; "": itself */
	bool made;        /* for this mount */
};
/** mounts_plain - whether mounts_classic will do for @m. */
bool mounts_plain(const struct child *ch, const struct bundle_mount *m);
/** mounts_classic - a file system by mount(2). 0, or -errno: not this way. */
int mounts_classic(struct child *ch, const struct bundle_mount *m, const struct mounts_place *at);
/** mounts_dev_name - the entry of a new /dev that @m is for, made just now; NULL: find the place. */
const char *mounts_dev_name(const struct child *ch, const struct bundle_mount *m);
int mounts_cgroup(struct child *ch, const struct bundle_mount *m, struct err *e);
/** cgroup_join - be in the cgroup, and in the cgroup namespace that begins there. */
int cgroup_join(struct child *ch, struct err *e);
int devices_make(struct child *ch, struct err *e);
int masks_apply(struct child *ch, struct err *e);
/** masks_null_open - the host's null device as a tree, verified to be that. */
int masks_null_open(int *ret_fd, struct err *e);
int terminal_open(struct child *ch, int *ret_slave, struct err *e);
/** terminal_ptmx - new master from the devpts below @xroot. */
int terminal_ptmx(int xroot, int *ret_master, struct err *e);

/** mounts_open_sources - parent: absolute sources of binds; trees that only the parent can open. */
int mounts_open_sources(struct container *c, struct err *e);
/** mounts_source_clone - the tree that bind mount @i is to be. CHILD_SAFE. */
int mounts_source_clone(const struct container *c, size_t i, int *ret_fd, struct err *e);
/** mounts_source_tree - open it now, in the host's mount namespace, as a tree for the container's. */
int mounts_source_tree(const struct container *c, size_t i, struct err *e);
/** mount_base_gives - whether the parent sends with SYNC_ENTERED what the child needs of the cgroup's
 * directories; mount_base_give - do it; mount_base_is_part - part @i of the cgroup mount is among it. */
bool mount_base_gives(const struct container *c);
int mount_base_give(const struct container *c, enum sync_level level, struct err *e);
bool mount_base_is_part(const struct container *c, size_t i);
/** mount_base_open - parent: decide what the mount namespace begins as, open it. */
int mount_base_open(struct container *c, struct err *e);
/** mounts_map_ids - parent: id-mapped mounts; @pid is in the container's user namespace. */
int mounts_map_ids(struct container *c, pid_t pid, struct err *e);
void mounts_close_sources(struct container *c);
/** mounts_target - open (make when missing: returns 1) the place of a mount below @xroot. */
int mounts_target(int xroot, const char *path, bool is_dir, int *ret_fd, struct err *e);
/** terminal_send - send the master of a terminal to whoever wants it: a console socket, else
 * SYNC_CONSOLE to the parent. */
int terminal_send(int master, int console_socket, int sync, struct err *e);

#endif
