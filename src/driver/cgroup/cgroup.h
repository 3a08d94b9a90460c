/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups of one container, whatever the hierarchy of the host looks like (legacy,
 * unified, hybrid). The words v1 and v2 occur nowhere outside this folder.
 */
#ifndef ONGGI_DRIVER_CGROUP_CGROUP_H
#define ONGGI_DRIVER_CGROUP_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "format/json.h"

struct cgroup; /* one group in every hierarchy that is used */

struct cgroup_req {
	const char *path;        /* linux.cgroupsPath; NULL: default of the driver from @id */
	const char *id;
	const json_t *resources; /* linux.resources; NULL: none */
	bool systemd;            /* systemd driver instead of cgroupfs: cgroup_enter by the parent
	                          * starts the scope and sets the limits */
	bool rootless;           /* missing permission is a warning, not an error */
	int hint_dir;            /* where to keep what was found out about the host; 0: nowhere */
	void (*warn)(const char *msg, void *data);
	void *warn_data;
};

/** cgroup_create - make the group in every hierarchy and set @req->resources and the device rules
 * (with the default devices) before the first process. An existing group of the same path is used
 * when it is empty, else E_CONFLICT. On failure nothing is left. A member of resources that the
 * host has no controller or file for is E_UNSUPPORTED, or a warning when rootless. */
int cgroup_create(const struct cgroup_req *req, struct cgroup **ret, struct err *e);
/** cgroup_prepare, cgroup_finish - cgroup_create in two halves, so that the second can go on while
 * the container's process already works. The first decides the paths and makes the group of
 * cgroup_clone_fd only; the process is to be cloned into that where it is not -1. When the second
 * has come to its end, the process enters the rest by cgroup_enter_self. After a failure of
 * cgroup_finish call cgroup_discard. */
int cgroup_prepare(const struct cgroup_req *req, struct cgroup **ret, struct err *e);
int cgroup_finish(struct cgroup *cg, const json_t *resources, struct err *e);
/** cgroup_enter_self - the calling process, of one thread and cloned into cgroup_clone_fd, enters
 * what is left, many times faster than when another process moves it. Needs the host's cgroup
 * mounts and rights: before pivot_root and outside of a new user namespace (else: cgroup_enter by
 * the parent). Descriptors are left open, close-on-exec, for the close_range that is to come anyway.
 * CHILD_SAFE: yes. Returns 0 or -errno. */
int cgroup_enter_self(const struct cgroup *cg);
/** cgroup_enter_files, cgroup_enter_by - the same in two steps: the parent opens the files, after
 * cgroup_finish and with the host's mounts around it, and hands them over (@ret room for @max, owned by
 * the caller; how many or -errno); the process itself writes to them. CHILD_SAFE, the second one. */
int cgroup_enter_files(const struct cgroup *cg, int *ret, size_t max);
int cgroup_enter_by(const int *fds, size_t n);
/** cgroup_open - an existing group from its record (cgroup_record). */
int cgroup_open(const json_t *record, struct cgroup **ret, struct err *e);
/** cgroup_record - what must be stored to find the group again: {"driver", "paths": {ctrl: dir}}.
 * Caller owns the result. */
json_t *cgroup_record(const struct cgroup *cg);
/** cgroup_warn_to - where degraded operations of an opened group are reported. */
void cgroup_warn_to(struct cgroup *cg, void (*warn)(const char *msg, void *data), void *data);
/** cgroup_open_sub - the groups that `exec --cgroup` names below @cg: the NULL-terminated @words are
 * one "path", or any number of "ctrl[,ctrl]:path", which speak of v1 hierarchies only. They must
 * exist. cgroup_enter puts a process there. */
int cgroup_open_sub(const struct cgroup *cg, const char *const *words, struct cgroup **ret,
		    struct err *e);
/** cgroup_each_of - the groups of process @pid, one per hierarchy: "memory" or "cpu,cpuacct", "" for the v2 hierarchy,
 * and the path as /proc shows it. Ends with the first result of @each that is not 0, and returns it. */
int cgroup_each_of(pid_t pid, int (*each)(void *data, const char *controllers, const char *path, struct err *e), void *data,
		   struct err *e);
/** cgroup_open_of - the group, @cg's or one below it, where process @pid of the container is in the v2
 * hierarchy, for a process that the group itself cannot hold (-EBUSY). E_CONFLICT when it is
 * elsewhere. */
int cgroup_open_of(const struct cgroup *cg, pid_t pid, struct cgroup **ret, struct err *e);
/** cgroup_path - directory on the host that stands for the group (memory's where controllers have
 * their own), below the mount: "/docker/ID". Borrowed. */
const char *cgroup_path(const struct cgroup *cg);
/** cgroup_enter - move @pid into the group everywhere. */
int cgroup_enter(struct cgroup *cg, pid_t pid, struct err *e);
/** cgroup_clone_fd - descriptor (borrowed) for CLONE_INTO_CGROUP where the kernel can place a clone3
 * child itself, else -1. Beside other hierarchies that is only one of them: cgroup_enter_self or
 * cgroup_enter must follow. */
int cgroup_clone_fd(const struct cgroup *cg);
/** cgroup_set - set the members present in OCI linux.resources @resources (also devices, in whose
 * place the given rules and the default devices come). */
int cgroup_set(struct cgroup *cg, const json_t *resources, struct err *e);
int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e);
int cgroup_is_frozen(const struct cgroup *cg, bool *ret, struct err *e);
/** cgroup_freeze_dir - directory whose file cgroup_freeze writes, for another program that is to
 * freeze the group. Borrowed; NULL where the host has no freezer. */
const char *cgroup_freeze_dir(const struct cgroup *cg);
/** cgroup_kill - SIGKILL (or @signal) to every process, repeatedly until none is left that can be
 * signalled. */
int cgroup_kill(struct cgroup *cg, int signal, struct err *e);
int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e);
/** cgroup_remove - remove the group and sub-groups; kills nothing. Waits (on events, bounded) for
 * dying processes to leave. */
int cgroup_remove(struct cgroup *cg, struct err *e);
/** cgroup_discard - cgroup_remove after a creation that failed: groups that were there before stay. */
int cgroup_discard(struct cgroup *cg, struct err *e);
/** cgroup_remove_idle - remove a group in which nothing is any more, as after an ordinary end, by as
 * many calls as it has directories. -EBUSY: something is in it, or systemd's; nothing that is needed
 * for cgroup_kill and cgroup_remove has been touched. */
int cgroup_remove_idle(struct cgroup *cg);
/** cgroup_stats - cpu, memory, pids, blkio as one JSON object in the shape of runc's
 * `events --stats` data. Caller owns the result. */
int cgroup_stats(const struct cgroup *cg, json_t **ret, struct err *e);
/** cgroup_oom_count - how many processes the kernel killed here for lack of memory. */
int cgroup_oom_count(const struct cgroup *cg, uint64_t *ret, struct err *e);
/** cgroup_oom_file - path of the control file with a line "oom_kill N", for the monitor, which
 * counts without this library. -ENOENT where the host has none. */
int cgroup_oom_file(const struct cgroup *cg, char *out, size_t n);
/** cgroup_mounts - what a "cgroup" mount of a container consists of on this host, for the runtime
 * to carry out: array of { "source": dir on host, "target": path below the mount, "type":
 * "bind"|"symlink" }. One part with target "" is the whole mount, else the parts go into a tmpfs.
 * File system options of the hierarchy are never touched. Caller owns the result. */
int cgroup_mounts(const struct cgroup *cg, bool own_namespace, json_t **ret, struct err *e);
/** cgroup_delegate - give the group to the user @uid:@gid of a container with its own cgroup
 * namespace and a writable cgroup mount. Does nothing where delegation is not safe. */
int cgroup_delegate(struct cgroup *cg, uid_t uid, gid_t gid, struct err *e);
/** cgroup_events_fd - descriptor that gets POLLPRI when the population of the group changes,
 * -1 where the host has none. Borrowed. */
int cgroup_events_fd(const struct cgroup *cg);
void cgroup_free(struct cgroup *cg);
/** cgroup_hint_drop - forget what is kept at a cgroup_req.hint_dir: something failed. */
void cgroup_hint_drop(int xdir);
/** cgroup_features - the linux.cgroup member of the features document: which hierarchies and
 * drivers this build can use. Caller owns the result. */
json_t *cgroup_features(void);

/** cgroup_host_info - what this host offers, for `info` and `features`: { "version": "1"|"2",
 * "layout": "legacy"|"hybrid"|"unified", "driver": what a host like this usually takes
 * ("cgroupfs"|"systemd"), "controllers": [...], "rdma": bool, "systemd": it runs here,
 * "swap_limit": memory.swap can be set }. Caller owns the result. */
int cgroup_host_info(json_t **ret, struct err *e);
/** cgroup_swap_supported - the same as swap_limit there, alone. */
bool cgroup_swap_supported(void);

#endif
