/* SPDX-License-Identifier: Apache-2.0
 *
 * What a user asks to be mounted: docker's "-v SRC:DST[:MODE]" (HostConfig.Binds), "--mount"
 * (HostConfig.Mounts) and "--tmpfs" (HostConfig.Tmpfs) as one struct. No I/O: whether a source
 * exists is the engine's business.
 */
#ifndef ONGGI_SPEC_MOUNT_SPEC_H
#define ONGGI_SPEC_MOUNT_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "format/json.h"

enum mount_type { MOUNT_BIND, MOUNT_VOLUME, MOUNT_TMPFS, MOUNT_TYPE_N };

/* Strings lie in the arena or in the JSON document; "" is never used for absent. */
struct mount_spec {
	enum mount_type type;
	const char *source;       /* bind: absolute path; volume: name, NULL: anonymous */
	const char *target;       /* absolute, clean, never "/" */
	const char *mode;         /* of -v, as given: "ro,z"; "" when none */
	bool read_only;
	bool no_copy;             /* volume: no copy-up of the image's content */
	bool make_source;         /* -v: a missing host directory is made */
	const char *propagation;  /* bind: "rslave" ...; NULL: rprivate */
	bool non_recursive;       /* bind without sub-mounts */
	bool ro_non_recursive;    /* read-only: the top mount alone */
	bool ro_force_recursive;  /* read-only: fail where the kernel cannot do it recursively */
	const char *relabel;      /* "z", "Z", NULL */
	const char *subpath;      /* volume: directory below its root, clean */
	const char *driver;       /* volume */
	const json_t *driver_opts, *labels;
	int64_t size_bytes;       /* tmpfs; 0: none given */
	mode_t tmpfs_mode;        /* tmpfs: 0: 1777 */
	const char *const *options; /* tmpfs: further words, NULL-terminated; may be NULL */
};

/** mount_spec_parse_bind - "SRC:DST[:MODE]". E_INVALID "invalid volume specification: '...'". */
int mount_spec_parse_bind(const char *s, struct arena *a, struct mount_spec *ret, struct err *e);
/** mount_spec_parse_mount - one member of HostConfig.Mounts, types already checked.
 * E_INVALID 'invalid mount config for type "bind": ...'. */
int mount_spec_parse_mount(const json_t *m, struct arena *a, struct mount_spec *ret, struct err *e);
/** mount_spec_parse_tmpfs - one member of HostConfig.Tmpfs: path and "size=64m,mode=1770". */
int mount_spec_parse_tmpfs(const char *path, const char *options, struct arena *a,
			   struct mount_spec *ret, struct err *e);
/** mount_spec_parse_all - every mount of @host_config in docker's order; same targets twice is
 * E_INVALID "Duplicate mount point: X" unless one is of the same -v list. */
int mount_spec_parse_all(const json_t *host_config, struct arena *a, struct mount_spec **ret,
			 size_t *ret_n, struct err *e);

#endif
