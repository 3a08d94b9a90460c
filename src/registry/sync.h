/* SPDX-License-Identifier: Apache-2.0
 *
 * Sync: all images of a repository or of a tree of folders to a registry or to folders, one copy after the other,
 * with the names and rules of skopeo sync.
 */
#ifndef ONGGI_REGISTRY_SYNC_H
#define ONGGI_REGISTRY_SYNC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "registry/access.h"
#include "registry/transport/transport.h"

struct sync_req {
	const char *src, *dest;     /* kinds of places: "docker", "dir", "yaml" (src only: a file of registries and their
				       images, sync_yaml.c); from dir to dir is refused */
	const char *from, *to;      /* repository, with or without tag or digest, or folder; prefix of a repository, or
				       folder */
	const struct registry_access *from_access, *to_access; /* NULL: as configured */
	const char *platform;       /* of an index, unless @all; NULL: the host's */
	const char *suffix;         /* appended to every name at the target; NULL: none */
	enum place_form convert;    /* as in copy.h */
	bool preserve;              /* an image that would get another digest fails */
	bool all;                   /* indexes as a whole */
	bool scoped;                /* names at the target begin with the whole name of the source */
	bool keep_going;            /* an image that fails is told, and the others follow */
	bool dry_run;
	/* after each image; @digest NULL: only a dry run */
	void (*copied)(void *data, const char *from, const char *to, const char *digest);
	void (*failed)(void *data, const struct err *e); /* with keep_going */
	void *data;
};

struct sync_result {
	size_t copied, failed;
};

/** sync_images - E_USAGE for kinds that do not go together | E_NOT_FOUND there is no image | the first error of a copy,
 * unless keep_going: then 0, and ret->failed tells. A folder that is there already is not written over: E_CONFLICT. */
int sync_images(const struct sync_req *q, struct sync_result *ret, struct err *e);

#endif
