/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts that inspect and list share.
 */
#ifndef ONGGI_ENGINE_LOOK_H
#define ONGGI_ENGINE_LOOK_H

#include "base/buf.h"
#include "engine/engine_int.h"
#include "format/json.h"

/** look_state - State object. Caller owns. */
json_t *look_state(const struct handle *h);
/** look_networks - NetworkSettings.Networks, of the plan when running. Caller owns. @shared: one value for all
 * containers of a listing that are on no network now, made on first use; the lister lets go of it. NULL: none. */
json_t *look_networks(const struct handle *h, json_t **shared);
/** look_sizes - set SizeRw and SizeRootFs in @o. */
void look_sizes(struct engine *eng, const struct handle *h, json_t *o);
/** look_status - docker's words: "Up 3 minutes", "Exited (0) 2 hours ago". */
void look_status(const struct handle *h, int64_t now_ns, struct buf *out);

/** filter_check - refuse a filter whose name is not in @names (NULL-terminated), in docker's
 * words. */
int filter_check(const json_t *filters, const char *const *names, struct err *e);
/** filter_values - values of one filter, in docker's both forms (array, or object of booleans).
 * NULL: not given. Caller owns. */
json_t *filter_values(const json_t *filters, const char *name);
/** filter_labels - whether @labels satisfy every "KEY" or "KEY=VALUE" of the filter @name. */
bool filter_labels(const json_t *filters, const char *name, const json_t *labels);
/** filter_time - a time of `until`: Unix seconds, RFC 3339, or a duration ago. */
int filter_time(const char *s, int64_t *ret_ns, struct err *e);

#endif
