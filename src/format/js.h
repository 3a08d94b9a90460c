/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON documents with errors that name the JSON path: files and members of an expected kind. The values
 * themselves are in json.h (prefix json_).
 * Unknown members are kept by whoever stores a document; a member of the wrong type is an error
 * "FILE: linux.resources.memory.limit: expected integer, got string".
 */
#ifndef ONGGI_FORMAT_JS_H
#define ONGGI_FORMAT_JS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/own.h"
#include "format/json.h"

static inline void own_json_done(json_t **j)
{
	if (*j)
		json_decref(*j);
	*j = NULL;
}
#define OWN_JSON CLEANUP(own_json_done) json_t *

/** js_parse - parse @n bytes; @what names the document in errors ("config.json"). Refuses
 * trailing garbage. An integer from 2^63 to 2^64-1 (Go writes RLIM_INFINITY as
 * 18446744073709551615) is read as the negative number of the same 64 bits. Caller owns @ret. */
int js_parse(const char *text, size_t n, const char *what, json_t **ret, struct err *e);
/** js_load - read (at most @max bytes) and parse a file below @xdir. */
int js_load(int xdir, const char *name, size_t max, json_t **ret, struct err *e);
/** js_save - write compactly with io_replace_file (@flags of enum io_replace_flags). */
int js_save(int xdir, const char *name, const json_t *j, mode_t mode, unsigned flags, struct err *e);

/** js_get_* - optional member @key of object @o (@path of @o for the error, "" at the top).
 * Absent or null: *ret unchanged, return 0. Present: set, return 1. Wrong type: error. */
int js_get_str(const json_t *o, const char *path, const char *key, const char **ret, struct err *e);
int js_get_int(const json_t *o, const char *path, const char *key, int64_t *ret, struct err *e);
int js_get_bool(const json_t *o, const char *path, const char *key, bool *ret, struct err *e);
int js_get_obj(const json_t *o, const char *path, const char *key, json_t **ret, struct err *e);
int js_get_arr(const json_t *o, const char *path, const char *key, json_t **ret, struct err *e);

/** js_str, js_int, js_bool - lenient getters for our own documents: @dflt when absent or of
 * another type. Accepts a dotted path ("Config.User"). Borrowed. */
const char *js_str(const json_t *o, const char *dotted, const char *dflt);
int64_t js_int(const json_t *o, const char *dotted, int64_t dflt);
bool js_bool(const json_t *o, const char *dotted, bool dflt);
/** js_at - value at a dotted path, NULL when absent. Borrowed. */
json_t *js_at(const json_t *o, const char *dotted);
/** js_strings - a new array of @n strings; NULL: no memory. */
json_t *js_strings(char *const *list, size_t n);
/** js_has_string - whether the array @values holds the string @s. */
bool js_has_string(const json_t *values, const char *s);

#endif
