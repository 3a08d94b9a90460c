/* SPDX-License-Identifier: Apache-2.0
 *
 * Push: reference -> manifest (and index) -> layers, config, manifest to the registry.
 *
 * What was pulled is sent as it came, bit by bit, so the registry has the same digest afterwards.
 * Layers that are plain here (loaded, imported, committed) are compressed, which makes a manifest of
 * its own; what came out is remembered, so that a registry that has it is not sent it again.
 */
#ifndef ONGGI_REGISTRY_PUSH_H
#define ONGGI_REGISTRY_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "registry/access.h"
#include "registry/compress.h"
#include "registry/transfer.h"
#include "spec/reference.h"
#include "store/store.h"

struct push_req {
	const struct store *store;
	const char *reference;  /* as the user gave it */
	const char *image;      /* name or ID of what is pushed as @reference; NULL: it has that name here */
	const char *platform;   /* push only this one of an index; NULL: all that is here */
	bool all_tags;
	const struct registry_access *access; /* NULL: as configured */
	unsigned parallel;      /* layers at a time; 0: as configured */
	enum compress_format format; /* COMPRESS_NONE: gzip for what is plain */
	int level;              /* 0: the default one */
	bool recompress;        /* also what is compressed in another format */
	transfer_progress *progress; /* may be NULL */
	void *data;
};

struct push_result {
	char digest[DIGEST_TEXT_MAX]; /* of what the tag names now */
	int64_t size_bytes;           /* of that manifest */
	char tag[REFERENCE_TAG_MAX + 1];
	char warning[512];
};

/** push_image - one tag, or every tag of the repository with all_tags (each is told as a note, and
 * @ret tells of the last). E_NOT_FOUND no such image here | E_AUTH "requested access to X is
 * denied" | E_NETWORK. */
int push_image(const struct push_req *req, struct push_result *ret, struct err *e);

#endif
