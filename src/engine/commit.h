/* SPDX-License-Identifier: Apache-2.0
 *
 * commit: a container's writable layer becomes the top layer of a new image.
 */
#ifndef ONGGI_ENGINE_COMMIT_H
#define ONGGI_ENGINE_COMMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"
#include "spec/digest.h"

struct engine_commit {
	const char *reference;      /* as the user gave it; NULL: none */
	const char *author, *message; /* NULL: none */
	const char *const *changes; /* Dockerfile instructions, see spec/image_change.h */
	size_t n_changes;
	bool pause;                 /* freeze a running container meanwhile */
};

/** engine_commit - @ret_id: of the new image. Volumes and other mounts are no part of it. */
int engine_commit(struct engine *eng, const char *ref, const struct engine_commit *req,
		  char ret_id[DIGEST_TEXT_MAX], struct err *e);

#endif
