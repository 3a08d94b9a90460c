/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers of an image in the other form (docs/adr/0015), made from the blobs as they came.
 */
#ifndef ONGGI_REGISTRY_FORM_H
#define ONGGI_REGISTRY_FORM_H

#include "base/err.h"
#include "store/store.h"

/** form_make - all layers of image @id in the form that @s has now, with what belongs to it; each is
 * verified as in a pull. Layers that are there are kept, so a killed one is gone on with. E_NOT_FOUND
 * with a hint when a blob that is needed is not here. */
int form_make(const struct store *s, const char *id, struct err *e);

#endif
