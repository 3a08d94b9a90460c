/* SPDX-License-Identifier: Apache-2.0
 *
 * Images in the store: references -> image -> layers -> snapshot chain.
 *
 * Nothing here assumes that a layer is a folder: a chain is named by chain IDs and only the
 * storage driver knows what lies behind one.
 */
#ifndef ONGGI_STORE_IMAGE_H
#define ONGGI_STORE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "spec/digest.h"
#include "store/lease.h"
#include "store/store.h"

/* One image, loaded. Free with image_done(). */
struct image {
	char id[DIGEST_TEXT_MAX];       /* "sha256:HEX", digest of the config */
	char manifest[DIGEST_TEXT_MAX]; /* digest of the manifest */
	json_t *config;         /* whole image config (architecture, config, rootfs, history) */
	json_t *record;         /* images/HEX, see image_register() */
	char **chain_ids;       /* "sha256:HEX", lowest first */
	size_t n_chain_ids;
	char **repo_tags;       /* familiar names "nginx:1.25", sorted */
	size_t n_repo_tags;
	char **repo_digests;    /* "nginx@sha256:..." */
	size_t n_repo_digests;
	const char *store;      /* root of the image store of others that it is in (store/others.h), lives as long as
				   the struct store; NULL: the own one */
};

/** image_find - full ID by reference (with docker's defaults), ID or unique ID prefix; loads
 * nothing. E_NOT_FOUND "No such image: X" | E_CONFLICT for an ambiguous prefix. */
int image_find(const struct store *s, const char *name, char ret_id[DIGEST_TEXT_MAX],
	       struct err *e);
/** image_resolve - image_find and image_load: three small files. repo_tags and repo_digests stay
 * empty, they would cost a look at every reference: see image_references(). */
int image_resolve(const struct store *s, const char *name, struct image *ret, struct err *e);
/** image_references - fill in repo_tags and repo_digests. */
int image_references(const struct store *s, struct image *img, struct err *e);
void image_done(struct image *img);

/** image_list - all images with their references; heap array, each to be freed with image_done(). */
int image_list(const struct store *s, struct image **ret, size_t *ret_n, struct err *e);

/** image_exists - whether the record of the image ID is there, here or in a store of others: one system call for
 * the own one. Whoever makes a
 * container writes its record first and looks here afterwards; together with image_remove, which
 * takes the record away first and looks for containers afterwards, no container ever ends up
 * without its image, and no lock is on the way of a start. */
bool image_exists(const struct store *s, const char *image_id);
/** image_exists_here - in the own store. */
bool image_exists_here(const struct store *s, const char *image_id);
/** image_lease - a lease of all layers of @img, for what is made of them in the own store. */
int image_lease(const struct store *s, const struct image *img, struct lease *ret, struct err *e);
/** image_borrow - before a container of an image of another store counts as made: note in the own one what it is
 * (images/kept-HEX), so that what is made of it for its containers is kept as long as they are there. Nothing for
 * an image of the own one. */
int image_borrow(const struct store *s, const struct image *img, struct err *e);

/** image_use - image_exists, and it counts as used now: the time of images/HEX. One system call, too. */
bool image_use(const struct store *s, const char *image_id);
/** image_last_use_ns - when it was registered, or a container was made of it or removed last; INT64_MAX when that
 * cannot be told. */
int64_t image_last_use_ns(const struct store *s, const char *image_id);

/* What a pull, load, import or build knows of a new image. */
struct image_new {
	const char *manifest;          /* digest; the blob is in the store */
	const char *manifest_type;     /* media type */
	const char *index;             /* digest of the index it was chosen from; NULL: none */
	const char *index_type;
	const char *named;             /* digest that the references stand for in their registry, where it is of
					  neither (schema 1); NULL: of the index, else of the manifest */
	uint64_t size_bytes;           /* 0: summed from the snapshots */
	const char *const *references; /* canonical forms to set: "docker.io/library/nginx:1.25" or
					  "docker.io/library/nginx@sha256:..." */
	size_t n_references;
	bool local;                    /* loaded, imported or built: no registry knows it, so it gets
					  no RepoDigests. Otherwise name@digest is set beside name:tag
					  and outlives it, as docker does. */
	bool borrowed;                 /* of an image store of others: only its layers are made ready, no record is
					  written and no name */
	bool hasty;                    /* do not wait for the disk. After an unclean end of the machine
					  the image counts as absent, so this is for what can be had
					  again from the same place. */
};

/** image_register - make an image visible: manifest, config, layers and snapshots must all be in
 * the store, protected by a lease of the caller. Reads manifest and config from the blobs, syncs
 * the file system once (order blob -> snapshot -> image -> reference survives power loss), writes
 * images/HEX, then the references. The record:
 *   {"manifest": descriptor, "index": descriptor or null, "config": descriptor,
 *    "layers": [{"digest","size","mediaType","diff_id","chain_id"}],
 *    "size": unpacked bytes, "created": RFC 3339, "registered": RFC 3339,
 *    "stores": {root of an image store of others that has layers of it: true}, if any}
 * An image that is there already gets the references only. @ret_id: may be NULL. */
int image_register(const struct store *s, const struct image_new *n, char ret_id[DIGEST_TEXT_MAX],
		   struct err *e);

/** reference_set - point @reference (canonical form, with tag or digest) at an image. Replaces
 * atomically; an image that lost its last reference stays as dangling. @manifest: digest that the
 * reference stands for in its registry (index or manifest); NULL for a local name. */
int reference_set(const struct store *s, const char *reference, const char *image_id,
		  const char *manifest, struct err *e);
/** reference_remove - a missing one is success; with IO_DURABLE it is for good. */
int reference_remove(const struct store *s, const char *reference, unsigned flags, struct err *e);
/** reference_get - image ID and manifest digest (either may be NULL). E_NOT_FOUND. */
int reference_get(const struct store *s, const char *reference, char ret_id[DIGEST_TEXT_MAX],
		  char ret_manifest[DIGEST_TEXT_MAX], struct err *e);

struct reference_entry {
	const char *reference; /* canonical */
	const char *image_id;
	const char *manifest;  /* "" for a local name */
	const char *updated;   /* RFC 3339 */
	const char *store;     /* root of the image store of others that its image was in; "" for the own one */
};
/** reference_each - call @each with every reference of the own store until it returns non-zero, which is
 * returned. */
int reference_each(const struct store *s,
		   int (*each)(void *data, const struct reference_entry *r), void *data,
		   struct err *e);
/** reference_each_seen - with those of image stores of others, too, where no store before has the name. */
int reference_each_seen(const struct store *s,
			int (*each)(void *data, const struct reference_entry *r), void *data, struct err *e);
/** reference_exists_here - whether the own store has this canonical name. */
bool reference_exists_here(const struct store *s, const char *reference);
/** reference_is_own - the same of a name as users see it ("nginx:1.25"). */
bool reference_is_own(const struct store *s, const char *familiar);

/** image_load - one image by its full ID; E_NOT_FOUND "No such image: X". */
int image_load(const struct store *s, const char *image_id, struct image *ret, struct err *e);

struct image_removed {
	json_t *list;   /* docker's shape: [{"Untagged": ..}, {"Deleted": ..}]; appended to, owned */
	uint64_t bytes; /* of layers that went away, unpacked */
};
/** image_remove - remove record, snapshots and blobs that no other image, container or lease
 * needs. References of the image are removed first (reported as Untagged). E_CONFLICT when a
 * container uses it, unless @keep_for_containers: then the image disappears from all lists and
 * lives on for them alone. @ret may be NULL. */
int image_remove(const struct store *s, const char *image_id, bool keep_for_containers,
		 struct image_removed *ret, struct err *e);
/** image_tag - give an existing image one more local name (canonical). @manifest: what the name that
 * it was found by stands for in its registry, so that it can be pushed as it came; NULL: nothing. */
int image_tag(const struct store *s, const char *image_id, const char *reference, const char *manifest,
	      struct err *e);

/** image_collect - remove blobs and snapshots that nothing needs, stale leases and temporary
 * files of dead processes. @ret_bytes (may be NULL): what was freed. */
int image_collect(const struct store *s, uint64_t *ret_bytes, struct err *e);

#endif
