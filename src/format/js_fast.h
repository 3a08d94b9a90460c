/* SPDX-License-Identifier: Apache-2.0
 *
 * Quick reading of plain JSON, for js_parse: see js_fast.c.
 */
#ifndef ONGGI_FORMAT_JS_FAST_H
#define ONGGI_FORMAT_JS_FAST_H

#include <stdbool.h>
#include <stddef.h>

#include "format/json.h"

/** js_fast - the value of @text when it is plain (printable ASCII without escapes, integers of up to 18
 * digits, at most 32 levels), the same that jansson gives; NULL for anything else. Caller owns. */
json_t *js_fast(const char *text, size_t n);

#endif
