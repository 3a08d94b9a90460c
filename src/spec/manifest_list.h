/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists in the making: what `onggi manifest` works on before a list is pushed as an OCI index or a
 * Docker manifest list. A document of ours, so that neither form's limits lose anything:
 *
 *   {"name": canonical reference, "annotations": {...},
 *    "entries": [{"ref": as it was added, "from": "HOST/PATH" or "" for the local store,
 *                 "descriptor": {"mediaType","digest","size","annotations","platform"}}]}
 *
 * No I/O here. The order of members and entries is kept: it goes into the digest of what is pushed.
 */
#ifndef ONGGI_SPEC_MANIFEST_LIST_H
#define ONGGI_SPEC_MANIFEST_LIST_H

#include "base/err.h"
#include "format/json.h"

enum manifest_list_format {
	LIST_AUTO, /* OCI when a member is, or something has annotations; else Docker's */
	LIST_OCI,
	LIST_DOCKER,
	LIST_FORMAT_N,
};
/** manifest_list_format_parse - "oci" or "v2s2", podman's words. E_USAGE. */
int manifest_list_format_parse(const char *s, enum manifest_list_format *ret, struct err *e);

/* What is to be changed of an entry; NULL: as it is. All borrowed. */
struct manifest_edit {
	const char *os, *arch, *variant, *os_version;
	const json_t *os_features, *features; /* arrays of strings */
	const json_t *annotations;            /* object, or array of "key=value" */
};

/** manifest_list_new - without entries; NULL when memory is out. */
json_t *manifest_list_new(const char *name);
/** manifest_list_check - a document as it was read: E_CORRUPT unless all entries have what the
 * functions here rely on. */
int manifest_list_check(const json_t *list, struct err *e);
/** manifest_list_entry - a new entry, NULL when memory is out. @platform, @annotations: objects, borrowed, may be
 * NULL. */
json_t *manifest_list_entry(const char *ref, const char *from, const char *media_type, const char *digest,
			    json_int_t size, const json_t *platform, const json_t *annotations);
/** manifest_list_put - append @entry (taken over), in the place of one of the same digest. */
int manifest_list_put(json_t *list, json_t *entry, struct err *e);
/** manifest_list_find - the entry of this digest, or that was added as this canonical reference; NULL: none.
 * Lent. */
json_t *manifest_list_find(const json_t *list, const char *what);
/** manifest_list_drop - remove the entry that manifest_list_find finds. E_NOT_FOUND. */
int manifest_list_drop(json_t *list, const char *what, struct err *e);
/** manifest_list_edit - change an entry; without features and platform this may be the list itself, which has
 * annotations, too. */
int manifest_list_edit(json_t *object, const struct manifest_edit *edit, struct err *e);
/** manifest_list_index - the index that @list makes now, with the members in the order in which podman writes
 * them: the same entries have the same digest. *ret_type: its media type. E_INVALID for what Docker's
 * form cannot hold. Caller owns. */
int manifest_list_index(const json_t *list, enum manifest_list_format format, json_t **ret, const char **ret_type,
			struct err *e);

#endif
