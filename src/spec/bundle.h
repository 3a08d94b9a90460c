/* SPDX-License-Identifier: Apache-2.0
 *
 * Bundle: the OCI runtime configuration (config.json, runtime-spec 1.3) as one checked struct.
 * The runtime reads this and never looks into the JSON again, except for the two objects that
 * other modules read themselves: linux.resources (driver/cgroup) and linux.seccomp (spec/seccomp).
 *
 * Strings point into the JSON document, arrays lie in the arena: both must outlive the bundle.
 * Data and validation only: no file of the host is looked at.
 */
#ifndef ONGGI_SPEC_BUNDLE_H
#define ONGGI_SPEC_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"
#include "spec/mount_option.h"
#include "spec/namespace.h"

/* NULL-terminated; n does not count the NULL. v is never NULL after a successful parse. */
struct bundle_strv {
	const char *const *v;
	size_t n;
};

struct bundle_id_map {
	uint32_t container, host, size;
};

struct bundle_id_maps {
	const struct bundle_id_map *v;
	size_t n;
};

struct bundle_mount {
	const char *destination; /* absolute and lexically clean */
	const char *source;      /* as given; NULL when absent. Binds: relative = below the bundle */
	const char *type;        /* NULL when absent; a bind is told by opt.bind, not by this */
	struct mount_opt opt;
	struct bundle_id_maps uid_maps, gid_maps; /* n == 0: none given */
};

enum { BUNDLE_CAPSETS = 5 };
enum bundle_capset {
	BUNDLE_CAP_BOUNDING,
	BUNDLE_CAP_EFFECTIVE,
	BUNDLE_CAP_INHERITABLE,
	BUNDLE_CAP_PERMITTED,
	BUNDLE_CAP_AMBIENT,
};

struct bundle_rlimit {
	int resource; /* RLIMIT_* */
	const char *name;
	uint64_t soft, hard; /* UINT64_MAX = RLIM_INFINITY */
};

struct bundle_scheduler {
	bool set;
	uint32_t policy;      /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint64_t flags;       /* SCHED_FLAG_* */
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct bundle_process {
	bool terminal;
	uint16_t console_rows, console_cols; /* 0: not given */
	const char *cwd;                     /* absolute */
	struct bundle_strv args;             /* n >= 1 */
	struct bundle_strv env;              /* duplicate keys dropped, the last wins */
	const char *path;                    /* value of PATH in env, NULL when absent */
	bool has_home;                       /* env has a HOME that is not empty */
	uint32_t uid, gid;
	bool has_umask;
	uint32_t umask;
	const uint32_t *groups;              /* additionalGids */
	size_t n_groups;
	const struct bundle_rlimit *rlimits;
	size_t n_rlimits;
	bool has_caps;                       /* absent: all sets empty */
	uint64_t caps[BUNDLE_CAPSETS];       /* bit n = capability n */
	bool no_new_privileges;
	const char *apparmor_profile;        /* NULL: absent or empty */
	const char *selinux_label;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct bundle_scheduler scheduler;
	bool has_io_priority;
	int io_priority_class;               /* IOPRIO_CLASS_*: 1 RT, 2 BE, 3 IDLE */
	int io_priority;                     /* 0-7 */
	const char *cpu_affinity_initial;    /* execCPUAffinity: cpu lists, NULL: absent */
	const char *cpu_affinity_final;
};

struct bundle_hook {
	const char *path; /* absolute */
	struct bundle_strv args; /* whole argv; n == 0: use path as argv[0] */
	struct bundle_strv env;  /* exactly this environment */
	int timeout_s;           /* 0: none */
};

enum bundle_hook_point {
	BUNDLE_HOOK_PRESTART,
	BUNDLE_HOOK_CREATE_RUNTIME,
	BUNDLE_HOOK_CREATE_CONTAINER,
	BUNDLE_HOOK_START_CONTAINER,
	BUNDLE_HOOK_POSTSTART,
	BUNDLE_HOOK_POSTSTOP,
	BUNDLE_HOOK_POINTS
};

struct bundle_hooks {
	const struct bundle_hook *v;
	size_t n;
};

struct bundle_namespace {
	bool present;     /* absent: inherited from the runtime */
	const char *path; /* join this one; NULL: make a new one */
};

struct bundle_device {
	char type;        /* 'c', 'b', 'p' ('u' is given as 'c') */
	const char *path; /* absolute and clean */
	uint32_t major, minor;
	bool has_mode;
	mode_t mode;      /* permission bits */
	bool has_uid, has_gid;
	uint32_t uid, gid;
};

struct bundle_sysctl {
	const char *key;   /* as given */
	const char *file;  /* below /proc/sys: "net/ipv4/ip_forward" */
	const char *value;
	enum ns_kind ns;   /* the namespace that owns it */
};

struct bundle_time_offset {
	bool set;
	int64_t secs;
	uint32_t nanosecs;
};

struct bundle_netdev {
	const char *host; /* name in the runtime's network namespace */
	const char *name; /* name inside; may hold one %d; the same as host when not given */
};

struct bundle_intel_rdt {
	bool set;
	const char *clos_id, *l3_cache_schema, *mem_bw_schema; /* NULL: absent */
	struct bundle_strv schemata;
	bool enable_monitoring;
};

struct bundle_memory_policy {
	bool set;
	int mode;          /* MPOL_* */
	unsigned flags;    /* MPOL_F_* */
	const char *nodes; /* "0-3,7"; NULL: absent */
};

struct bundle {
	const char *oci_version;
	struct {
		const char *path; /* as given: relative = below the bundle */
		bool read_only;
	} root;
	const char *hostname, *domainname; /* NULL: absent or empty */
	const struct bundle_mount *mounts;
	size_t n_mounts;
	const struct bundle_process *process; /* NULL: absent */
	struct bundle_hooks hooks[BUNDLE_HOOK_POINTS];
	const json_t *annotations; /* object of strings, or NULL */

	struct bundle_namespace ns[NS_N];
	struct bundle_id_maps uid_maps, gid_maps;
	struct bundle_time_offset monotonic, boottime;
	const struct bundle_device *devices;
	size_t n_devices;
	const struct bundle_netdev *netdevs;
	size_t n_netdevs;
	const char *cgroups_path;  /* NULL: absent or empty */
	const json_t *resources;   /* linux.resources, or NULL */
	const json_t *seccomp;     /* linux.seccomp, or NULL */
	const struct bundle_sysctl *sysctls;
	size_t n_sysctls;
	unsigned rootfs_propagation; /* MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE, perhaps
				      * | MS_REC; 0: not given */
	struct bundle_strv masked_paths, readonly_paths; /* absolute and clean */
	const char *mount_label;
	bool has_personality;
	unsigned long personality; /* PER_LINUX or PER_LINUX32 */
	struct bundle_intel_rdt intel_rdt;
	struct bundle_memory_policy memory_policy;

	struct bundle_strv warnings; /* degraded but going on; for the caller's log */
};

/** bundle_parse - check @config and fill @ret. Errors: E_INVALID naming the JSON path,
 * "linux.namespaces[3].type: ...". Unknown members are ignored. */
int bundle_parse(const json_t *config, struct arena *a, struct bundle *ret, struct err *e);
/** bundle_process_parse - a stand-alone process object (exec --process) under the same rules.
 * @path is put before member names in errors ("process", "" for none). @warnings may be NULL. */
int bundle_process_parse(const json_t *process, const char *path, struct arena *a,
			 struct bundle_process *ret, struct bundle_strv *warnings, struct err *e);
/** bundle_hook_name - "createRuntime" and so on, as in config.json. */
const char *bundle_hook_name(enum bundle_hook_point p);
/** bundle_memory_mode_name, bundle_memory_flag_name - names of memoryPolicy by index; NULL after the
 * last one. */
const char *bundle_memory_mode_name(size_t i);
const char *bundle_memory_flag_name(size_t i);
/** bundle_version_check - 1.x.y with any -suffix; else E_UNSUPPORTED or E_INVALID. */
int bundle_version_check(const char *version, struct err *e);

#define BUNDLE_VERSION_MIN "1.0.0"
#define BUNDLE_VERSION_MAX "1.3.0"

#endif
