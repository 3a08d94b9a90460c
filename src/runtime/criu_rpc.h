/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages that CRIU and we exchange (its images/rpc.proto), as structs. One message is one
 * packet of a SEQPACKET socket. Only data: who sends what when is in criu.c.
 */
#ifndef ONGGI_RUNTIME_CRIU_RPC_H
#define ONGGI_RUNTIME_CRIU_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum criu_type {
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_PRE_DUMP = 4,
	CRIU_NOTIFY = 6,
	CRIU_FEATURE_CHECK = 9,
	CRIU_VERSION = 10,
};

enum criu_cgroup_mode {
	CRIU_CGROUP_IGNORE = 0,
	CRIU_CGROUP_SOFT = 3,
	CRIU_CGROUP_FULL = 4,
	CRIU_CGROUP_STRICT = 5,
};

enum criu_network_lock {
	CRIU_LOCK_DEFAULT = 0, /* what CRIU was built with */
	CRIU_LOCK_IPTABLES = 1,
	CRIU_LOCK_NFTABLES = 2,
	CRIU_LOCK_SKIP = 3,
};

/* What one request says; everything zero or NULL is left out, and then CRIU's default counts.
 * Descriptors are numbers in the CRIU process. */
struct criu_request {
	enum criu_type type;
	bool notify_success;      /* CRIU_NOTIFY: go on */
	bool want_mem_track, want_lazy_pages; /* CRIU_FEATURE_CHECK */

	bool has_options;         /* the rest is to be sent at all */
	int images_fd, work_fd;   /* work_fd -1: logs go beside the images */
	pid_t pid;                /* root of the tree to be dumped */
	const char *root;         /* a mount point; becomes the root of the restored tree */
	const char *log_file, *config_file, *parent_path, *freeze_cgroup;
	const char *lsm_profile, *lsm_mount_context;
	const char *page_server;  /* address */
	uint16_t page_server_port;
	uint32_t empty_ns;        /* CLONE_NEW* */
	enum criu_cgroup_mode cgroup_mode;
	enum criu_network_lock network_lock;
	int status_fd;            /* -1: none */
	bool leave_running, ext_unix_sk, tcp_established, tcp_skip_in_flight, tcp_close, shell_job;
	bool file_locks, link_remap, auto_dedup, lazy_pages, track_mem;
	bool evasive_devices, rst_sibling, orphan_pts_master, notify_scripts, ext_sharing, ext_masters;
	bool mntns_compat_mode;   /* mounts by the older engine of CRIU */
	struct buf lists;         /* criu_add_*, owned: criu_request_done */
};

#define CRIU_REQUEST_EMPTY { .images_fd = -1, .work_fd = -1, .status_fd = -1 }

/** criu_add_mount - a mount that CRIU leaves alone. Dump: @key is where it is, @value the name by
 * which the images remember it. Restore: @key is the name, @value what is bound in its place. */
void criu_add_mount(struct criu_request *q, const char *key, const char *value);
/** criu_add_external - another object outside of the tree: "net[4026531840]:NAME". */
void criu_add_external(struct criu_request *q, const char *what);
/** criu_add_fd - descriptor @fd of the CRIU process takes the place of @key. */
void criu_add_fd(struct criu_request *q, const char *key, int fd);
/** criu_add_join - restore into the namespace at @path instead of a new one; @ns is "ipc". */
void criu_add_join(struct criu_request *q, const char *ns, const char *path);
/** criu_add_cgroup_root - the group that takes the place of the dumped tree's own one. */
void criu_add_cgroup_root(struct criu_request *q, const char *controller, const char *path);

/** criu_request_encode - the packet. E_NOMEM only. */
int criu_request_encode(const struct criu_request *q, struct buf *ret, struct err *e);
void criu_request_done(struct criu_request *q);

struct criu_response {
	uint32_t type;            /* enum criu_type, or one that we do not know */
	bool success;
	int eno;                  /* errno, 0: none said */
	pid_t pid;                /* of a notification, or of the restored root */
	char script[64];          /* notification: its name, cut */
	char message[256];        /* CRIU's own words about a failure, cut */
	uint32_t version;         /* 31701 for 3.17.1; 0: not said */
	bool mem_track, lazy_pages;
};

/** criu_response_decode - read a packet. E_CORRUPT when it is none. */
int criu_response_decode(const void *p, size_t n, struct criu_response *ret, struct err *e);

static inline void own_criu_request_done(struct criu_request *q)
{
	criu_request_done(q);
}
#define OWN_CRIU_REQUEST CLEANUP(own_criu_request_done) struct criu_request

#endif
