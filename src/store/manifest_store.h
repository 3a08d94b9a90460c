/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists in the making in the store (docs/adr/0013):
 *
 *   manifests/ENC      one file per list, see spec/manifest_list.h; named as references are
 *   locks/manifests    exclusive: while a list is read, changed and replaced; never while a registry is asked
 *
 * What a list has from the local store is kept by the collector for as long as the list is there, though
 * the image that it was added from goes.
 */
#ifndef ONGGI_STORE_MANIFEST_STORE_H
#define ONGGI_STORE_MANIFEST_STORE_H

#include <stdbool.h>

#include "base/err.h"
#include "format/json.h"
#include "store/store.h"

/** manifest_list_load - by canonical name; caller owns. E_NOT_FOUND "No such manifest: X" | E_CORRUPT. */
int manifest_list_load(const struct store *s, const char *name, json_t **ret, struct err *e);

enum manifest_list_make {
	LIST_MUST_EXIST,
	LIST_MUST_BE_NEW, /* else E_CONFLICT */
	LIST_MAY_EXIST,
};
/** manifest_list_change - read, @change, replace as a whole and durably, one at a time: of two additions at once
 * none is lost. What @change adds from the local store is under a lease of the caller. A change that
 * fails leaves the list as it was. */
int manifest_list_change(const struct store *s, const char *name, enum manifest_list_make make,
			 int (*change)(void *data, json_t *list, struct err *e), void *data, struct err *e);
/** manifest_list_remove - the blobs that it kept go with the next collection of the store. @same: only when the list is
 * still this, else E_CONFLICT; NULL: whatever it is, also damaged. E_NOT_FOUND. */
int manifest_list_remove(const struct store *s, const char *name, const json_t *same, struct err *e);
/** manifest_list_each - every list until @each returns non-zero, which is returned. One that is damaged comes as
 * @list NULL, with the name of its file. */
int manifest_list_each(const struct store *s, int (*each)(void *data, const char *name, const json_t *list), void *data,
		       struct err *e);

#endif
