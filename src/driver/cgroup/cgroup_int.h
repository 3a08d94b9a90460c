/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the cgroup driver.
 *
 *   host   the hierarchies of this host: mount point, controllers, own path  (host.c)
 *   tree   one hierarchy as one container sees it: the directory of its group
 *   knob   one OCI field: controller, file and conversion on v1 and on v2    (knob.c)
 *
 * v1 and v2 are two properties of a tree (.unified) and two columns of tables; code asks which
 * tree holds a controller, never which version the host runs: a hybrid host has both.
 */
#ifndef ONGGI_DRIVER_CGROUP_CGROUP_INT_H
#define ONGGI_DRIVER_CGROUP_CGROUP_INT_H

#include "driver/cgroup/cgroup.h"

enum cg_ctrl {
	CG_CPU,
	CG_CPUACCT,
	CG_CPUSET,
	CG_MEMORY,
	CG_DEVICES,
	CG_FREEZER,
	CG_BLKIO, /* "io" on v2 */
	CG_PIDS,
	CG_HUGETLB,
	CG_RDMA,
	CG_NET_CLS,
	CG_NET_PRIO,
	CG_PERF_EVENT,
	CG_MISC,
	CG_CTRL_N
};

enum { CG_TREES_MAX = 24, CG_FILE_MAX = 1 << 20, CG_OP_WAIT_MS = 10000 };

/* --- host ---------------------------------------------------------------------------------- */

struct cg_hier {
	char name[128];  /* "memory", "cpu,cpuacct", "name=systemd"; "" is v2 */
	char mount[256]; /* mount point */
	char root[256];  /* what of the hierarchy is mounted there, "/" */
	char own[512];   /* group of this process */
	uint32_t ctrls;  /* bit per enum cg_ctrl; v2: filled by cg_host_controllers */
	bool unified;
};

struct cg_host {
	struct cg_hier h[CG_TREES_MAX];
	size_t n;
};

/** cg_host_scan - the hierarchies below @root ("/sys/fs/cgroup") as @self (/proc/self/cgroup)
 * names them; mountinfo is read only when they are not where they usually are. What was found out is
 * kept at @hint_dir for the next time, -1: nowhere. */
int cg_host_scan(const char *root, int hint_dir, struct cg_host *ret, struct err *e);
/** cg_hint_read, cg_hint_write - bit per hierarchy of @h: it is where it usually is (hint.c). */
int cg_hint_read(int xdir, const char *root, const struct cg_host *h, uint32_t *ret_bits);
void cg_hint_write(int xdir, const char *root, const struct cg_host *h, uint32_t bits);
/** cg_host_roots - fill .root, for paths relative to the own group. */
int cg_host_roots(struct cg_host *h, struct err *e);
/** cg_host_self, cg_host_mountinfo - parse the text of the two files; pure. @self adds
 * hierarchies, @mountinfo finds mount and root of those that are there. Broken lines are skipped. */
void cg_host_self(const char *text, struct cg_host *ret);
void cg_host_mountinfo(const char *text, struct cg_host *h);
/** cg_ctrl_name - name in v1; cg_ctrl_bits - bits of a list of names (v1 or v2) separated by one
 * of @sep. */
const char *cg_ctrl_name(enum cg_ctrl c, bool unified);
uint32_t cg_ctrl_bits(const char *list, const char *sep);

/* --- group --------------------------------------------------------------------------------- */

struct cg_tree {
	char name[128]; /* key of the record */
	char *dir;      /* of the group, absolute */
	size_t mount_n; /* length of the mount point in it; 0: not known (opened from a record) */
	int fd;         /* O_PATH of dir, opened when first used */
	uint32_t ctrls;
	bool unified;
	bool done;         /* cg_make has been here */
	bool made;         /* the group is ours: made just now */
	size_t made_from;  /* length of dir up to the parent of the topmost directory made */
};

struct cgroup {
	struct cg_tree t[CG_TREES_MAX];
	size_t n;
	char *path;  /* below the mount: "/docker/ID" */
	char *unit;  /* systemd driver: "PREFIX-ID.scope" */
	char *slice;
	json_t *resources; /* systemd driver: limits to set when the unit is there, owned */
	bool rootless;
	bool denied; /* a group could not be made; said once, */
	bool asked;  /* if there are limits that it was asked for */
	bool started; /* systemd driver: the unit is ours */
	bool fresh;  /* made by cgroup_create, still without processes */
	bool cloned; /* cgroup_clone_fd has been given: the process starts in the v2 group */
	bool early;  /* made by cgroup_prepare: the process is cloned into the v2 group */
	int events;  /* cgroup.events, -1 */
	struct cg_undo *undo; /* during an update: what was there before, the last first */
	void (*warn)(const char *msg, void *data);
	void *warn_data;
};

struct cgroup *cg_new(void);
/** cg_undo_note - @file (const data) of a group in use is about to be written. */
void cg_undo_note(struct cgroup *cg, struct cg_tree *t, const char *file);
/** cg_undo_end - the update is over; @back: it failed, everything noted is written back. */
void cg_undo_end(struct cgroup *cg, bool back);
void cg_warn(const struct cgroup *cg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** cg_tree_of - tree that holds a controller (v2 trees hold what cgroup.controllers says); NULL. */
struct cg_tree *cg_tree_of(const struct cgroup *cg, enum cg_ctrl c);
/** cg_unified - the v2 tree, also on a hybrid host; NULL. */
struct cg_tree *cg_unified(const struct cgroup *cg);
/** cg_tree_fd - descriptor of the directory (borrowed), -errno. */
int cg_tree_fd(struct cg_tree *t);

/** cg_read - a small control file as NUL-terminated text in @buf. Length or -errno. */
ssize_t cg_read(struct cg_tree *t, const char *file, char *buf, size_t n);
/** cg_read_all - the same of any length; heap, owned by the caller. 0 or -errno. */
int cg_read_all(struct cg_tree *t, const char *file, char **ret);
/** cg_write_raw - open, one write, close. 0 or -errno. */
int cg_write_raw(struct cg_tree *t, const char *file, const char *text);
/** cg_write - cg_write_raw for OCI field @field, with errors that name field, file and value. */
int cg_write(struct cgroup *cg, struct cg_tree *t, const char *field, const char *file,
	     const char *text, struct err *e);
/** cg_write_failed - the error for one that cg_write_raw gave; rootless may turn it into a
 * warning (0). */
int cg_write_failed(struct cgroup *cg, struct cg_tree *t, const char *field, const char *file,
		    const char *text, int r, struct err *e);
/** cg_missing - field @field needs controller @c, which is not there: error or warning. */
int cg_missing(struct cgroup *cg, enum cg_ctrl c, const char *field, struct err *e);
/** cg_unsupported - the host's kind of hierarchy has nothing for @field. */
int cg_unsupported(struct cgroup *cg, const char *field, const char *why, struct err *e);

/** cg_number - value of a file with one number; "max" is UINT64_MAX. */
int cg_number(struct cg_tree *t, const char *file, uint64_t *ret);
/** cg_keyed - value of @key in "key value" lines of @text; false when absent. */
bool cg_keyed(const char *text, const char *key, uint64_t *ret);

/* --- parts --------------------------------------------------------------------------------- */

/** cg_path_of - path of the group of @req for hierarchy @h, absolute below the mount. */
int cg_path_of(const struct cgroup_req *req, const struct cg_hier *h, char out[4096], struct err *e);
/** cg_plan - fill in the trees; nothing is made yet. */
int cg_plan(struct cgroup *cg, const struct cg_host *host, const struct cgroup_req *req,
	    struct err *e);
/** cg_make - make the directories, or the v2 one @only_unified. */
int cg_make(struct cgroup *cg, bool only_unified, struct err *e);
/** cg_unmake - remove what cg_make made. */
void cg_unmake(struct cgroup *cg);
/** cg_enable - have the controllers that @resources needs in the v2 group. */
int cg_enable(struct cgroup *cg, const json_t *resources, struct err *e);
/** cg_cpuset_init - a v1 cpuset group takes no process before cpus and mems are set. */
int cg_cpuset_init(struct cgroup *cg, const json_t *resources, struct err *e);
int cg_set_scalars(struct cgroup *cg, const json_t *resources, struct err *e);
int cg_set_lists(struct cgroup *cg, const json_t *resources, struct err *e);

struct cg_device {
	char type;            /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1 any */
	unsigned access;      /* CG_DEV_* */
	bool allow;
};
enum { CG_DEV_MKNOD = 1, CG_DEV_READ = 2, CG_DEV_WRITE = 4, CG_DEV_ALL = 7 };
/** cg_devices_read - rules of the OCI list and the default devices; heap, owned. */
int cg_devices_read(const json_t *list, struct cg_device **ret, size_t *ret_n, struct err *e);
int cg_devices_set(struct cgroup *cg, const json_t *list, struct err *e);
/** cg_devices_legacy - what to write into devices.allow and devices.deny. */
int cg_devices_legacy(struct cgroup *cg, struct cg_tree *t, const struct cg_device *r, size_t n,
		      struct err *e);
/** cg_device_bpf_set - the same as a program on a v2 group. */
int cg_device_bpf_set(struct cgroup *cg, struct cg_tree *t, const struct cg_device *r, size_t n,
		      struct err *e);

int cg_pids_of(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e);

/* systemd (systemd.c): scope units */
/** cg_systemd_create - names and paths; nothing is made before there is a process. */
int cg_systemd_create(struct cgroup *cg, const struct cgroup_req *req, struct err *e);
/** cg_systemd_enter - start the scope around @pid. */
int cg_systemd_enter(struct cgroup *cg, pid_t pid, struct err *e);
/** cg_systemd_update - tell systemd of new limits. */
int cg_systemd_update(struct cgroup *cg, const json_t *resources, struct err *e);
int cg_systemd_remove(struct cgroup *cg, struct err *e);
/** cg_systemd_running - whether systemd manages this host. */
bool cg_systemd_running(void);
/** cg_systemd_parse - "slice:prefix:name" (each may be empty) -> unit name and the slice's path.
 * @rootless picks user.slice as the default parent. */
struct cg_scope {
	char unit[256], slice[256], path[1024];
};
int cg_systemd_parse(const char *path, const char *id, bool rootless, struct cg_scope *ret,
		     struct err *e);

#endif
