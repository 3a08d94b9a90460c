/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes: ROOT/volumes/NAME/_data with volume.json beside it. A named volume is shared by any
 * number of containers; an anonymous one has a random 64-digit name.
 */
#ifndef ONGGI_STORE_VOLUME_H
#define ONGGI_STORE_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "format/json.h"
#include "store/store.h"

struct volume_spec {
	const char *name;      /* NULL: anonymous */
	const char *made_name; /* of an anonymous one; NULL: made here */
	const char *driver;    /* NULL: "local"; another: a plugin has made it, this is its record */
	const char *scope;     /* of a plugin's volume; NULL: "local" */
	const json_t *options; /* driver options (type, device, o); NULL: none; borrowed */
	const json_t *labels;  /* NULL: none; borrowed */
};

/** volume_name_is_valid - docker's rule [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
bool volume_name_is_valid(const char *name);
/** volume_create - make it, or find the one of this name (E_CONFLICT when driver or options
 * differ). @ret: docker's volume object {CreatedAt, Driver, Labels, Mountpoint, Name, Options,
 * Scope}; caller owns. @ret_new may be NULL. */
int volume_create(const struct store *s, const struct volume_spec *spec, json_t **ret,
		  bool *ret_new, struct err *e);
/** volume_inspect - E_NOT_FOUND "get X: no such volume". Caller owns @ret. */
int volume_inspect(const struct store *s, const char *name, json_t **ret, struct err *e);
/** volume_exists - whether there is one of this name. */
bool volume_exists(const struct store *s, const char *name);
/** volume_list - array of volume objects, sorted by name. Caller owns. */
int volume_list(const struct store *s, json_t **ret, struct err *e);
/** volume_users - IDs of the containers that mount @name, as JSON array. Caller owns. */
int volume_users(const struct store *s, const char *name, json_t **ret, struct err *e);
/** volume_unused - E_CONFLICT names the containers that mount @name. */
int volume_unused(const struct store *s, const char *name, struct err *e);

/** volume_sweep - remove what killed commands left half-made or half-removed. */
void volume_sweep(const struct store *s);

enum volume_remove_flags {
	VOLUME_REMOVE_FORCE = 1,  /* a missing one is no error */
};
/** volume_remove - E_CONFLICT "remove X: volume is in use - [ID, ...]". */
int volume_remove(const struct store *s, const char *name, unsigned flags, struct err *e);

#endif
