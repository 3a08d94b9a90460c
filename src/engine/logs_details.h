/* SPDX-License-Identifier: Apache-2.0
 *
 * `logs --details`: the labels and variables that log options put into each record.
 */
#ifndef ONGGI_ENGINE_LOGS_DETAILS_H
#define ONGGI_ENGINE_LOGS_DETAILS_H

#include "base/buf.h"

/** logs_details_add - "key=value,key=value " of the JSON object @attrs, sorted by key, both parts
 * URL-encoded; only the space when there are none, as docker prints it. */
void logs_details_add(struct buf *b, const char *attrs, size_t n);

#endif
