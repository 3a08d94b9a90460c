/* SPDX-License-Identifier: Apache-2.0
 *
 * `onggi manifest` where registries are asked: what a member is, and the push of a list.
 * The lists themselves are in store/manifest_store.h.
 */
#ifndef ONGGI_REGISTRY_MANIFEST_LIST_H
#define ONGGI_REGISTRY_MANIFEST_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/access.h"
#include "registry/compress.h"
#include "registry/transfer.h"
#include "spec/manifest_list.h"
#include "store/lease.h"
#include "store/store.h"

struct member_req {
	const struct store *store;
	struct lease *lease;     /* what comes from the store is put under it */
	const char *name;        /* as the user gave it: NAME, docker://NAME or containers-storage:NAME. A NAME alone is
				    looked for in its registry, unless the image here of this name was made here. */
	bool all;                /* of an index everything, else one platform */
	const char *os, *arch, *variant; /* which one of an index; NULL: the host's */
	const struct registry_access *access; /* NULL: as configured */
};
/** member_resolve - append the entries (see spec/manifest_list.h) that @req means to @entries. E_NOT_FOUND |
 * E_AUTH | E_NETWORK as a pull; E_CONFLICT: the image here lacks blobs. */
int member_resolve(const struct member_req *req, json_t *entries, struct err *e);
/** member_bytes - the manifest of an entry, from the store or its registry; heap, NUL-terminated. */
int member_bytes(const struct store *s, const json_t *entry, const struct registry_access *access, char **ret,
		 size_t *ret_n, struct err *e);
/** manifest_fetch - what @name (with the defaults of a pull) names in its registry, as an index or a manifest as it
 * came. *ret_entries: array of its entries, one for a manifest that is no index, none for one of schema 1. */
int manifest_fetch(const char *name, const struct registry_access *access, char **ret, size_t *ret_n,
		   json_t **ret_entries, struct err *e);

struct list_push_req {
	const struct store *store;
	const char *list;            /* canonical */
	const char *to;              /* as the user gave it, a registry, oci:, oci-archive: or dir:; NULL: as the list is
					called */
	bool purge;                  /* the list goes when it was pushed, unless it was changed meanwhile */
	bool without_members;        /* the index alone: its members are there already */
	enum manifest_list_format format;
	enum compress_format compression; /* of plain layers of members from the store, as in push.h */
	int level;
	bool recompress;
	const struct registry_access *access; /* NULL: as configured */
	transfer_progress *progress; /* may be NULL */
	void *data;
};
struct list_push_result {
	char digest[DIGEST_TEXT_MAX];
	int64_t size_bytes;
	bool kept;                   /* with purge: it was changed meanwhile and is still there */
};
/** manifest_list_push - members that the target lacks, each blobs first, then the index under its tag: a push that is
 * cut off leaves nothing under it. Members of registries keep their bytes; in oci: and oci-archive: all is OCI's, whose
 * readers know nothing else, unless @format says otherwise. Plain layers are compressed for registries only. */
int manifest_list_push(const struct list_push_req *req, struct list_push_result *ret, struct err *e);

#endif
