/* SPDX-License-Identifier: Apache-2.0
 *
 * `logs`: prints the log of a container as docker does, from the files alone: no daemon, no
 * monitor needed. Follows over rotation; ends when the container has exited and all is read.
 *
 *   container-json.log.2, .1, (current) -> records -> since/until, tail -> stdout or stderr
 */
#ifndef ONGGI_ENGINE_LOGS_H
#define ONGGI_ENGINE_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct logs_req {
	int dir;               /* directory ROOT/containers/ID, borrowed */
	int run_dir;           /* directory RUN/containers/ID; -1 when there is none (not running) */
	const char *log_file;  /* NULL: container-json.log */
	const char *driver;    /* HostConfig.LogConfig.Type; NULL: json-file; "none" is E_UNSUPPORTED */
	const char *tail;      /* number or "all"; NULL: all; not a number: all, as docker */
	const char *since, *until; /* RFC 3339, date, Unix seconds[.nanos], Go duration ago; NULL */
	bool follow, timestamps, details;
	int out, err;          /* where records of stdout and stderr go; -1: not wanted */
};

/** logs_run - E_UNSUPPORTED for a driver that cannot be read, E_USAGE for a bad time. A reader of
 * @out that goes away (EPIPE) ends it with success. */
int logs_run(const struct logs_req *q, struct err *e);
/** logs_time_parse - the forms of --since and --until; durations count back from @now_ns. */
int logs_time_parse(const char *s, int64_t now_ns, int64_t *ret_ns, struct err *e);

#endif
