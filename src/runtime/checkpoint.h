/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of checkpoint and restore: what lies beside CRIU's images, and what both sides call things
 * that are not in the images.
 *
 *   IMAGES/descriptors.json   [ "pipe:[123]", ... ]: standard streams as they were at the start,
 *                             or "file[MOUNT:INODE]" for one that is a file of the host
 *   IMAGES/mounts.json        [ "/data", ... ]: mounts that are bound again at the restore, by name
 *
 * The first is libcontainer's: its images can be restored here and ours there. A mount's name is its
 * place in the container, as there; a masked file is known as "/dev/null".
 */
#ifndef ONGGI_RUNTIME_CHECKPOINT_H
#define ONGGI_RUNTIME_CHECKPOINT_H

#include "runtime/criu.h"
#include "runtime/state.h"
#include "sys/mountinfo.h"

#define CHECKPOINT_DESCRIPTORS "descriptors.json"
#define CHECKPOINT_MOUNTS      "mounts.json"
#define CHECKPOINT_MASK        "/dev/null"
#define CHECKPOINT_NET         "extRootNetNS"
#define CHECKPOINT_PID         "extRootPidNS"
/* as runc names it */
#define CHECKPOINT_CONFIG_ANNOTATION "org.criu.config"

struct outside {
	struct criu_request *request;
	const struct state *state;
	struct arena *arena;
	const struct mountinfo *in; /* the container's, for outside_mounts and outside_streams */
};

/** outside_mounts - tell CRIU of every mount that is not the container's own. @ret: their names, owned
 * by the caller. */
int outside_mounts(const struct outside *o, json_t **ret, struct err *e);
/** outside_streams - tell CRIU of the standard streams that are files of the host. @ret: for
 * descriptors.json, owned by the caller. */
int outside_streams(const struct outside *o, json_t **ret, struct err *e);
/** outside_namespaces - tell CRIU of the namespaces that the container only joined. */
int outside_namespaces(const struct outside *o, struct err *e);
/** outside_network - whether the container's own network namespace has been set up by somebody, who
 * does so again at the restore. */
bool outside_network(const struct outside *o);

/** checkpoint_dirs - open the directories of images and logs; @make: also make them. @ret_work is -1
 * when the logs go beside the images. */
int checkpoint_dirs(const struct runtime_criu_opts *o, bool make, int *ret_images, int *ret_work,
		    struct err *e);
/** checkpoint_options - the part of a request that both sides have. */
void checkpoint_options(const struct runtime_criu_opts *o, struct criu_request *q);
/** checkpoint_config_file - CRIU's configuration file: annotation org.criu.config, else the first of
 * /etc/criu/orun.conf and /etc/criu/runc.conf that exists; NULL: none. */
const char *checkpoint_config_file(const json_t *annotations);

#endif
