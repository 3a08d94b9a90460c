/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of sync: see sync.h. sync.c lists what is behind one place and copies it; sync_yaml.c does so for each registry
 * of a file.
 */
#ifndef ONGGI_REGISTRY_SYNC_INT_H
#define ONGGI_REGISTRY_SYNC_INT_H

#include "format/json.h"
#include "registry/sync.h"
#include "registry/transport/files.h"
#include "spec/reference.h"

struct sync {
	const struct sync_req *q;
	struct sync_result *result;
	const struct registry_access *access; /* to the registry of the source */
	char from[FILES_PATH_MAX]; /* dir: without slashes at its end */
	json_t *names;             /* what is behind the place of the source: canonical references, or paths below @from */
};

int sync_add_name(struct sync *s, const char *name, struct err *e);
/** sync_add_tags - all tags of repository @ref for which @fits says so (NULL: all); @ref's own tag is changed. */
int sync_add_tags(struct sync *s, struct reference *ref, bool (*fits)(const void *data, const char *tag),
		  const void *data, struct err *e);
/** sync_names - copy each of s->names, in order. */
int sync_names(struct sync *s, struct err *e);
/** sync_failed - with keep_going @one is told and counted, and 0 returned; else it becomes @e. */
int sync_failed(struct sync *s, const struct err *one, struct err *e);

/** sync_yaml - all of the file that s->q->from is. */
int sync_yaml(struct sync *s, struct err *e);

#endif
