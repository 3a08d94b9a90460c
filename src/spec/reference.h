/* SPDX-License-Identifier: Apache-2.0
 *
 * Image references "[host[:port]/]path[:tag][@digest]" with docker's rules: the first noun of
 * the way of data. A reference is always held in normal form: domain and path are full
 * ("docker.io", "library/nginx"); the familiar form leaves out what docker adds by itself.
 */
#ifndef ONGGI_SPEC_REFERENCE_H
#define ONGGI_SPEC_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "spec/digest.h"

enum {
	REFERENCE_NAME_MAX = 255, /* domain and path together */
	REFERENCE_TAG_MAX = 128,
	REFERENCE_TEXT_MAX = 2 * REFERENCE_NAME_MAX + REFERENCE_TAG_MAX + DIGEST_TEXT_MAX + 4,
};

struct reference {
	char domain[REFERENCE_NAME_MAX + 1]; /* "docker.io", "localhost:5000", "[::1]:5000" */
	char path[REFERENCE_NAME_MAX + 1];   /* "library/nginx" */
	char tag[REFERENCE_TAG_MAX + 1];     /* "" when none */
	char digest[DIGEST_TEXT_MAX];        /* "" when none; wins over the tag */
};

/** reference_parse - parse and normalise a name. E_INVALID with docker's words: "invalid
 * reference format", "invalid reference format: repository name must be lowercase", "invalid
 * repository name (HEX), cannot specify 64-byte hexadecimal strings". No tag is added. */
int reference_parse(const char *s, struct reference *ret, struct err *e);
/** reference_parse_tagged - reference_parse, then "latest" when there is neither tag nor digest. */
int reference_parse_tagged(const char *s, struct reference *ret, struct err *e);
/** reference_canonical - "docker.io/library/nginx:1.25[@digest]". */
void reference_canonical(const struct reference *r, char out[REFERENCE_TEXT_MAX]);
/** reference_familiar - "nginx:1.25[@digest]". */
void reference_familiar(const struct reference *r, char out[REFERENCE_TEXT_MAX]);
/** reference_familiar_name - "nginx", without tag and digest. */
void reference_familiar_name(const struct reference *r, char out[REFERENCE_TEXT_MAX]);
/** reference_is_id - whether @s is an image ID in full: 64 hex digits or a digest alone. A prefix
 * of an ID looks like a name; image_resolve() tries both. */
bool reference_is_id(const char *s);
/** reference_tag_is_valid - whether @s may stand as a tag. */
bool reference_tag_is_valid(const char *s);

/** reference_path_is_valid - whether @s may stand as the path of a repository. */
bool reference_path_is_valid(const char *s);

#endif
