/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML 1.0 into JSON values: what the configuration files of podman, containerd and our own are
 * written in. Dates, times, inf and nan become strings.
 */
#ifndef ONGGI_FORMAT_TOML_H
#define ONGGI_FORMAT_TOML_H

#include <stddef.h>

#include "base/err.h"
#include "format/json.h"

enum { TOML_DEPTH_MAX = 64 }; /* of arrays and inline tables in each other, and of one key */

/** toml_parse - @what names the document in errors: "registries.conf: line 7: ...". Caller owns
 * @ret, an object. */
int toml_parse(const char *text, size_t n, const char *what, json_t **ret, struct err *e);
/** toml_load - read (at most @max bytes) and parse a file below @xdir. */
int toml_load(int xdir, const char *name, size_t max, json_t **ret, struct err *e);

#endif
