/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel RDT (linux.intelRdt): shares of the last-level cache and of memory bandwidth. A class of service
 * is a directory of the resctrl file system; a container has one of its own, or shares one that closID
 * names. Figures come from a monitoring group in it.
 *
 *   ROOT/CLOS/schemata            what the class may use
 *   ROOT/CLOS/tasks               the processes in it; children follow
 *   ROOT/CLOS/mon_groups/ID       figures of one container
 */
#ifndef ONGGI_DRIVER_RDT_RDT_H
#define ONGGI_DRIVER_RDT_RDT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "format/json.h"
#include "spec/bundle.h"

/* what a container has, as it is recorded */
struct rdt {
	char clos[256];    /* directory below the root; "/": the default class, the root itself */
	bool made;         /* the class is ours: it goes with the container */
	char monitor[256]; /* name of the monitoring group, "": none */
};

/** rdt_root_open - the resctrl file system of this host. E_UNSUPPORTED when it is not mounted. */
int rdt_root_open(int *ret_fd, struct err *e);
/** rdt_create - make or find the class of container @id and its monitoring group. A class that exists
 * must be as the schemata of @conf say; without any schemata a closID must exist. On failure nothing
 * is left. */
int rdt_create(int xroot, const char *id, const struct bundle_intel_rdt *conf, struct rdt *ret,
	       struct err *e);
/** rdt_enter - put a process into class and monitoring group. */
int rdt_enter(int xroot, const struct rdt *r, pid_t pid, struct err *e);
/** rdt_update - write new schemata; each may be NULL. */
int rdt_update(int xroot, const struct rdt *r, const char *l3_cache_schema, const char *mem_bw_schema,
	       struct err *e);
/** rdt_stats - the object intel_rdt of `events`: what the processor offers, what the class may use, what
 * was counted. Members that this processor does not have are absent. Caller owns the result. */
int rdt_stats(int xroot, const struct rdt *r, json_t **ret, struct err *e);
/** rdt_remove - remove what rdt_create made; what is gone already is no error. */
int rdt_remove(int xroot, const struct rdt *r, struct err *e);

/** rdt_record, rdt_read - to and from the record of a container. Caller owns the object. */
json_t *rdt_record(const struct rdt *r);
void rdt_read(const json_t *record, struct rdt *ret);

#endif
