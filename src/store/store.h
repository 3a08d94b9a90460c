/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: every durable object of one engine below ONGGI_ROOT, one folder or file per object.
 *
 *   blobs/sha256/HEX        content by digest: indexes, manifests, configs, layers as received
 *   references/ENC          one file per image reference -> descriptor (see image.h)
 *   images/HEX              one file per image ID (= config digest): manifest, layers, sizes
 *   manifests/ENC           lists in the making, of `onggi manifest` (see manifest_store.h)
 *   snapshots/CHAINID/      layer: diff/ or tar (see snapshot.h), meta.json; tmp name until whole
 *   containers/ID/          config.json (record), bundle, rw/{diff,work}, logs, exit.json, hosts ...
 *   names/NAME              claims a container name: hard link, content is the ID
 *   volumes/NAME/_data      named volumes with volume.json
 *   pushed/HEX-FORMAT-LEVEL digest and size that a plain layer had when it was pushed compressed
 *   tocs/HEX                which parts a layer's blob has, found out from its table of contents; made anew when missing
 *   network/                definitions
 *   locks/, tmp/            lock files; half-made things, swept by the next command
 */
#ifndef ONGGI_STORE_STORE_H
#define ONGGI_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* How layers are stored, see snapshot.h. A layer may have both. */
enum store_form {
	STORE_DIFF, /* unpacked, for drivers that stack or copy directories */
	STORE_TAR,  /* the archive as it is, for EROFS */
	STORE_FORM_N,
};

struct store {
	char root[3800]; /* absolute path of ONGGI_ROOT */
	char run[3800];  /* absolute path of ONGGI_RUN */
	int root_fd;     /* directory of root */
	int run_fd;
	enum store_form form; /* of layers that are made now; store_open: STORE_DIFF */
	struct store *others; /* read-only image stores, in the order of asking (store/others.h) */
	size_t n_others;
	bool plain; /* (one of @others) its file system has no trusted attributes: nothing unpacked can be used */
};

/** store_open - open (make when missing) the two roots. @root, @run NULL: from ONGGI_ROOT and
 * ONGGI_RUN, else /var/lib/onggi and /run/onggi. With the image stores of ONGGI_IMAGE_STORES: one that cannot be
 * used is an error. */
int store_open(const char *root, const char *run, struct store *ret, struct err *e);
/** store_open_spared - the same without those image stores that cannot be used: for what has to be done all the
 * same. */
int store_open_spared(const char *root, const char *run, struct store *ret, struct err *e);
void store_close(struct store *s);

#endif
