/* SPDX-License-Identifier: Apache-2.0
 *
 * --storage-opt: limits of a container's file system, docker's "size" and podman's "inodes", and how overlay is mounted
 * for it, with the kernel's words (Documentation/filesystems/overlayfs.rst).
 */
#ifndef ONGGI_SPEC_STORAGE_OPT_H
#define ONGGI_SPEC_STORAGE_OPT_H

#include <stdint.h>

#include "base/err.h"
#include "format/json.h"

enum { STORAGE_OPT_SIZE_MIN = 1 << 20 };

enum storage_switch { STORAGE_UNSET, STORAGE_OFF, STORAGE_ON };

struct storage_opt {
	uint64_t bytes, inodes;                   /* 0: no limit */
	enum storage_switch metacopy;             /* new owner or mode of a file: its content is not copied */
	enum storage_switch redirect_dir;         /* directories of the image can be renamed; on with metacopy */
	enum storage_switch without_sync;         /* "volatile" */
};

/** storage_opt_parse - HostConfig.StorageOpt (NULL and null: nothing). E_INVALID for unknown options,
 * and sizes below STORAGE_OPT_SIZE_MIN other than 0. */
int storage_opt_parse(const json_t *map, struct storage_opt *ret, struct err *e);
/** storage_opt_parse_limits - the same of what has limits alone. */
int storage_opt_parse_limits(const json_t *map, struct storage_opt *ret, struct err *e);
/** storage_opt_defaults - "[DRIVER.]OPTION=VALUE[,...]", as of dockerd's storage-opts: those for @driver or for all,
 * which @map (an object) does not have yet, are added to it. */
int storage_opt_defaults(const char *text, const char *driver, json_t *map, struct err *e);

#endif
