/* SPDX-License-Identifier: Apache-2.0
 *
 * The options that checkpoint and restore share.
 */
#ifndef ONGGI_FRONT_ORUN_CRIU_OPTS_H
#define ONGGI_FRONT_ORUN_CRIU_OPTS_H

#include "front/orun/orun.h"

struct criu_opts {
	const char *image_path, *work_path, *cgroups, *network_lock;
	struct opt_list empty_ns;
	bool tcp_established, tcp_skip_in_flight, ext_unix_sk, shell_job, file_locks, link_remap, auto_dedup,
		lazy_pages, tcp_close, leave_running, pre_dump;
};

/* @T: the struct that holds a struct criu_opts as member "criu" */
#define CRIU_AT(T, m) offsetof(struct T, criu.m)
/* clang-format off */
#define CRIU_ROWS(T)                                                                                \
	{ "image-path", 0, OPT_STR, CRIU_AT(T, image_path), "DIR",                                  \
	  "directory of the images (default: ./checkpoint)" },                                      \
	{ "work-path", 0, OPT_STR, CRIU_AT(T, work_path), "DIR",                                    \
	  "directory of CRIU's log and work files (default: that of the images)" },                 \
	{ "tcp-established", 0, OPT_BOOL, CRIU_AT(T, tcp_established), NULL,                        \
	  "allow established TCP connections" },                                                    \
	{ "ext-unix-sk", 0, OPT_BOOL, CRIU_AT(T, ext_unix_sk), NULL,                                \
	  "allow UNIX sockets with a peer outside" },                                               \
	{ "shell-job", 0, OPT_BOOL, CRIU_AT(T, shell_job), NULL,                                    \
	  "allow a session and terminal from outside" },                                            \
	{ "file-locks", 0, OPT_BOOL, CRIU_AT(T, file_locks), NULL, "allow file locks" },             \
	{ "link-remap", 0, OPT_BOOL, CRIU_AT(T, link_remap), NULL,                                  \
	  "allow open files without a name, by a temporary link" },                                 \
	{ "manage-cgroups-mode", 0, OPT_STR, CRIU_AT(T, cgroups), "MODE",                           \
	  "groups inside the container: soft (default), full, strict or ignore" },                  \
	{ "empty-ns", 0, OPT_LIST, CRIU_AT(T, empty_ns), "NAMESPACE",                               \
	  "do not save or restore what is set up in this namespace: network" },                     \
	{ "auto-dedup", 0, OPT_BOOL, CRIU_AT(T, auto_dedup), NULL,                                  \
	  "punch holes in the images that this one replaces" },                                     \
	{ "lazy-pages", 0, OPT_BOOL, CRIU_AT(T, lazy_pages), NULL,                                  \
	  "fetch memory when it is needed, from a page server" },                                   \
	{ "network-lock", 0, OPT_STR, CRIU_AT(T, network_lock), "METHOD",                           \
	  "hold connections meanwhile by iptables, nftables or skip" }
/* clang-format on */

/** criu_opts_take - the request's part of @o. "checkpoint" in the working directory is where images
 * lie unless told otherwise, as with runc. */
int criu_opts_take(struct orun *o, const struct criu_opts *opts, struct runtime_criu_opts *ret, struct err *e);

#endif
