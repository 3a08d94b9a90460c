/* SPDX-License-Identifier: Apache-2.0
 *
 * Resource limits of processes by docker's names ("nofile") and OCI's ("RLIMIT_NOFILE").
 */
#ifndef ONGGI_SPEC_ULIMIT_H
#define ONGGI_SPEC_ULIMIT_H

#include <stdint.h>

#include "base/err.h"

struct ulimit {
	const char *name;   /* "nofile", static */
	const char *oci;    /* "RLIMIT_NOFILE", static */
	int resource;       /* RLIMIT_* */
	int64_t soft, hard; /* -1: unlimited */
};

/** ulimit_parse - "nofile=1024[:2048]", -1 or "unlimited" for no limit. Docker's messages. */
int ulimit_parse(const char *s, struct ulimit *ret, struct err *e);
/** ulimit_make - from the parts of a HostConfig.Ulimits member. */
int ulimit_make(const char *name, int64_t soft, int64_t hard, struct ulimit *ret, struct err *e);

#endif
