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
 *   network/                definitions
 *   locks/, tmp/            lock files; half-made things, swept by the next command
 */
#ifndef ONGGI_STORE_STORE_H
#define ONGGI_STORE_STORE_H

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
};

/** store_open - open (make when missing) the two roots. @root, @run NULL: from ONGGI_ROOT and
 * ONGGI_RUN, else /var/lib/onggi and /run/onggi. */
int store_open(const char *root, const char *run, struct store *ret, struct err *e);
void store_close(struct store *s);

#endif
