/* SPDX-License-Identifier: Apache-2.0
 *
 * index.json of an OCI image layout: finding an image by name or number, entering one. Pure but for the
 * count: no files.
 * image-spec image-layout.md, annotations.md (org.opencontainers.image.ref.name).
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_LAYOUT_H
#define ONGGI_REGISTRY_TRANSPORT_LAYOUT_H

#include <stdint.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/client.h"
#include "registry/transport/files.h"
#include "spec/digest.h"

enum { LAYOUT_BLOB_PATH_MAX = DIGEST_TEXT_MAX + 8 };
#define LAYOUT_VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"

struct layout_entry {
	char digest[DIGEST_TEXT_MAX];
	int64_t size;
	char media_type[128];           /* "" when absent */
	char ref[FILES_REF_MAX];        /* org.opencontainers.image.ref.name; "" when none, or too long */
	char name[REFERENCE_TEXT_MAX];  /* whole reference among its annotations, canonical; "" when none */
};

/** layout_find - the entry that @where names: by reference name, by number, or the only one. @n bytes of
 * index.json. E_NOT_FOUND no such image | E_USAGE several, and none named | E_CORRUPT. */
int layout_find(const char *text, size_t n, const struct files_where *where, struct layout_entry *ret,
		struct err *e);
/** layout_count - images in index.json of the layout below @xdir. */
int layout_count(int xdir, size_t *ret, struct err *e);
/** layout_enter - @text (NULL: there is none yet) with an entry for @m in place of the one that has the name
 * @ref (or, with "", that has the same digest and no name). Unknown members stay. Heap text. */
int layout_enter(const char *text, size_t n, const char *ref, const struct registry_manifest *m, char **ret,
		 struct err *e);
/** layout_blob_path - "blobs/sha256/HEX" of a valid digest. */
void layout_blob_path(const char *digest, char out[LAYOUT_BLOB_PATH_MAX]);
/** layout_check_version - the text of the file oci-layout: E_CORRUPT or E_UNSUPPORTED unless 1.x. */
int layout_check_version(const char *text, size_t n, struct err *e);

#endif
