/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of layers that come late.
 */
#ifndef ONGGI_REGISTRY_LAZY_LAZY_INT_H
#define ONGGI_REGISTRY_LAZY_LAZY_INT_H

#include "format/json.h"
#include "registry/lazy/tree.h"

/* only root of the host starts containers this way, so never the form for user namespaces */
#define LAZY_OPAQUE "trusted.overlay.opaque"

/** lazy_odd - E_UNSUPPORTED that names the entry. */
int lazy_odd(const char *path, const char *what, struct err *e);
/** lazy_is_opaque - whether @dir hides what layers below have in it. The mark is its last attribute: settling comes after. */
bool lazy_is_opaque(const struct fsnode *dir);
int lazy_set_opaque(struct lazy_layer *l, struct fsnode *dir, struct err *e);
/** lazy_record_load - the record of an image that is on its way. E_NOT_FOUND: it is not. Caller owns. */
int lazy_record_load(const struct store *s, const char *image_id, json_t **ret, struct err *e);

#endif
