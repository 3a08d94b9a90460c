/* SPDX-License-Identifier: Apache-2.0
 *
 * Container record -> OCI configuration: the bundle of the way of data. Reads the host only for
 * devices; everything else is decided by the record and the request.
 */
#ifndef ONGGI_ENGINE_OCI_H
#define ONGGI_ENGINE_OCI_H

#include <stdbool.h>

#include "base/err.h"
#include "engine/user.h"
#include "format/json.h"
#include "store/container.h"

struct oci_req {
	const struct container *c;
	const json_t *mounts;     /* of the user, as OCI mounts; NULL: none */
	const char *dir;          /* ROOT/containers/ID */
	const char *run_dir;      /* RUN/containers/ID */
	const char *init;         /* program for --init on the host; NULL: none */
	const struct user_info *user;
	const char *hostname;
	/* namespace files of "container:X" modes, NULL: not joined */
	const char *join_network, *join_pid, *join_ipc;
	const char *join_shm;     /* /dev/shm of the joined container, NULL: none */
	const char *files_dir;    /* where hosts, hostname and resolv.conf lie */
	void (*warn)(const char *msg, void *data);
	void *warn_data;
};

/** oci_config - caller owns @ret. */
int oci_config(const struct oci_req *q, json_t **ret, struct err *e);

/** oci_process - process object of an exec. @exec: body of POST /containers/{id}/exec; the
 * container's own environment, capabilities and so on come from its record. */
int oci_exec_process(const struct container *c, const json_t *exec, const struct user_info *user,
		     json_t **ret, struct err *e);

/* parts, one file each */
int oci_mounts(const struct oci_req *q, json_t *config, struct err *e);
int oci_linux(const struct oci_req *q, json_t *config, struct err *e);
/** oci_devices - linux.devices and linux.resources.devices. */
int oci_devices(const struct oci_req *q, json_t *linux_part, json_t *resources, struct err *e);
/** oci_resources - OCI linux.resources of docker's Resources @r (also for updates), without
 * devices. */
int oci_resources(const json_t *r, json_t *resources, struct err *e);
/** oci_capabilities - docker's rule of CapAdd, CapDrop and Privileged as a bit mask. */
uint64_t oci_capabilities(const json_t *host_config);
/** oci_seccomp - linux.seccomp for the container, NULL in @ret: unconfined. Caller owns. */
int oci_seccomp(const json_t *host_config, uint64_t caps, json_t **ret, struct err *e);
/** oci_environment - PATH, HOSTNAME, TERM, then Config.Env: later ones win, "NAME" alone
 * removes. */
json_t *oci_environment(const json_t *config, const char *hostname, bool tty);
/** oci_env_add - set or remove one "NAME=VALUE" or "NAME" in @env. */
int oci_env_add(json_t *env, const char *entry);

#endif
