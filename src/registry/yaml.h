/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML as JSON, by libyaml: one document of mappings, sequences and scalars. Scalars stay the text that they are ("1.0" is
 * a tag, no number); nothing, ~ and null are null. Anchors, tags of types, and a key twice are refused.
 */
#ifndef ONGGI_REGISTRY_YAML_H
#define ONGGI_REGISTRY_YAML_H

#include <stddef.h>

#include "base/err.h"
#include "format/json.h"

enum { YAML_DEPTH_MAX = 32, YAML_BYTES_MAX = 4 << 20 };

/** yaml_parse - @n bytes of text; caller owns *ret. E_INVALID naming the line. */
int yaml_parse(const char *text, size_t n, json_t **ret, struct err *e);

#endif
