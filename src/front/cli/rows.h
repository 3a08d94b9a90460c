/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of lists that more than one command shows: ps, images, volume ls, and system df -v.
 */
#ifndef ONGGI_FRONT_CLI_ROWS_H
#define ONGGI_FRONT_CLI_ROWS_H

#include <stdbool.h>

#include "format/json.h"
#include "front/cli/list.h"

enum { PS_FIELDS_N = 17, IMAGE_FIELDS_N = 12, VOLUME_FIELDS_N = 9 };
extern const struct list_field ps_fields[PS_FIELDS_N];
extern const struct list_field image_fields[IMAGE_FIELDS_N];
extern const struct list_field volume_fields[VOLUME_FIELDS_N];

/** ps_row - of a container's summary @s. @trunc: shorten as tables do; @all: what only templates and JSON ask for, too. */
json_t *ps_row(const json_t *s, bool trunc, bool all);
/** image_row - of an image's summary @img under its name @tag (NULL: none). */
json_t *image_row(const json_t *img, const char *tag, bool trunc);
/** volume_row - of a volume object. */
json_t *volume_row(const json_t *v);

#endif
