/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of POST /containers/create: types and values, without looking at the host or the
 * store. What passes here can be read with the lenient getters of format/js.h.
 */
#ifndef ONGGI_SPEC_CREATE_BODY_H
#define ONGGI_SPEC_CREATE_BODY_H

#include "base/err.h"
#include "format/json.h"

/* What the host can do, for checks that depend on it. */
struct create_host {
	unsigned cpus; /* usable ones; 0: not checked */
};

/** create_body_check - E_INVALID in docker's words, E_UNSUPPORTED for what this build lacks.
 * @warnings: array that docker's warnings are appended to (strings). */
int create_body_check(const json_t *body, const struct create_host *host, json_t *warnings,
		      struct err *e);
/** create_body_types - only the types of the members, by the table; also for updates.
 * Errors name the JSON path: "HostConfig.Memory: expected integer, got string". */
int create_body_types(const json_t *body, struct err *e);
/** create_body_check_limits - the checks of docker's Resources alone; @prefix "" or "HostConfig."
 * is not part of the messages. */
int create_body_check_limits(const json_t *resources, const struct create_host *host,
			     json_t *warnings, struct err *e);
/** create_body_check_restart - HostConfig.RestartPolicy and AutoRemove. */
int create_body_check_restart(const json_t *host_config, struct err *e);

#endif
