/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing docker's image archive, the form of skopeo and podman:
 *
 *   HEX.tar                            layers, plain, by DiffID; written once however many images have them
 *   HEX.json                           config
 *   HEX/{VERSION,json,layer.tar}       for readers older than manifest.json
 *   manifest.json, repositories
 */
#ifndef ONGGI_REGISTRY_TRANSPORT_DOCKER_ARCHIVE_OUT_H
#define ONGGI_REGISTRY_TRANSPORT_DOCKER_ARCHIVE_OUT_H

#include "registry/transport/transport.h"

struct docker_out;

/** docker_out_open - a new archive at @path; an existing file is E_CONFLICT unless @replace. docker_out_close also
 * after an error. */
int docker_out_open(const char *path, bool replace, struct docker_out **ret, struct err *e);
void docker_out_close(struct docker_out *o);
/** docker_out_has - whether the blob is in it. */
int docker_out_has(struct docker_out *o, const char *digest);
/** docker_out_put - a config as it is, a layer decompressed. Thread safe. */
int docker_out_put(struct docker_out *o, const struct place_put *put, struct err *e);
/** docker_out_image - the blobs of manifest @m, which were all put, are an image with the canonical name @name (""
 * for none). @ret_digest: of the manifest that readers of the archive will give it. E_CORRUPT: the DiffIDs of the
 * config are not those of the layers. */
int docker_out_image(struct docker_out *o, const struct registry_manifest *m, const char *name,
		     char ret_digest[DIGEST_TEXT_MAX], struct err *e);
/** docker_out_finish - the archive is whole: shown at its path. */
int docker_out_finish(struct docker_out *o, struct err *e);

#endif
