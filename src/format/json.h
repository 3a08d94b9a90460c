/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values in memory: read, made, changed, compared, written. Why a library of our own:
 * docs/adr/0010. Values are counted: who holds one calls json_decref once; functions that end in _new
 * take the caller's count over, also when they fail; getters lend. Members of an object keep the
 * order in which they came. Counts are not atomic: a value and all that hangs on it belong to one
 * thread at a time.
 *
 * What json_loadb and json_pack make lies in a few pieces of memory that go back when its last value
 * goes: reading is one pass over the text and hardly any call of malloc.
 */
#ifndef ONGGI_FORMAT_JSON_H
#define ONGGI_FORMAT_JSON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
	JSON_OBJECT,
	JSON_ARRAY,
	JSON_STRING,
	JSON_INTEGER,
	JSON_REAL,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
} json_type;

typedef long long json_int_t;

/* what is common to all values; the rest is in json_int.h */
typedef struct json {
	uint32_t refs;
	uint32_t type : 4;
	uint32_t at : 28; /* distance from the start of its piece of memory, in 8 bytes; 0: memory of its own */
} json_t;

enum {
	JSON_REFS_STATIC = UINT32_MAX >> 1, /* true, false and null are never freed */
	JSON_DEPTH_MAX = 2048,              /* levels of a document */
};

/* what json_loadb and json_loads accept beyond an object or an array without duplicate words */
enum json_load_flags {
	JSON_DECODE_ANY = 1,     /* any value at the top */
	JSON_ALLOW_NUL = 2,      /* \u0000 in strings (never in the name of a member) */
	JSON_UNSIGNED_WRAPS = 4, /* 2^63 .. 2^64-1 are read as the signed number of the same 64 bits */
};

/* how json_dumps writes; JSON_INDENT(n) starts a line for each value */
enum json_dump_flags {
	JSON_COMPACT = 32,
	JSON_SORT_KEYS = 128,
	JSON_ENCODE_ANY = 512, /* any value at the top, not only an object or an array */
};
#define JSON_INDENT(n) ((n) & 31)

typedef struct {
	int line, column; /* both from 1; a column is one character */
	bool no_memory;
	char text[128];
} json_error_t;

/* ---- counts ---- */

/** json_free - for json_decref only. */
void json_free(json_t *j);

static inline json_t *json_incref(json_t *j)
{
	if (j && j->refs != JSON_REFS_STATIC)
		j->refs++;
	return j;
}

static inline void json_decref(json_t *j)
{
	if (j && j->refs != JSON_REFS_STATIC && --j->refs == 0)
		json_free(j);
}

/* ---- kinds ---- */

static inline json_type json_typeof(const json_t *j)
{
	return (json_type)j->type;
}
#define json_is_object(j)  ((j) && json_typeof(j) == JSON_OBJECT)
#define json_is_array(j)   ((j) && json_typeof(j) == JSON_ARRAY)
#define json_is_string(j)  ((j) && json_typeof(j) == JSON_STRING)
#define json_is_integer(j) ((j) && json_typeof(j) == JSON_INTEGER)
#define json_is_real(j)    ((j) && json_typeof(j) == JSON_REAL)
#define json_is_number(j)  (json_is_integer(j) || json_is_real(j))
#define json_is_true(j)    ((j) && json_typeof(j) == JSON_TRUE)
#define json_is_false(j)   ((j) && json_typeof(j) == JSON_FALSE)
#define json_is_boolean(j) (json_is_true(j) || json_is_false(j))
#define json_is_null(j)    ((j) && json_typeof(j) == JSON_NULL)

/* ---- plain values ---- */

json_t *json_true(void);
json_t *json_false(void);
json_t *json_null(void);
static inline json_t *json_boolean(bool b)
{
	return b ? json_true() : json_false();
}
/** json_integer, json_real - NULL when memory is out, and for a real that is not finite. */
json_t *json_integer(json_int_t v);
json_t *json_real(double v);
/** json_integer_value, json_real_value, json_number_value - 0 for a value of another kind. */
json_int_t json_integer_value(const json_t *j);
double json_real_value(const json_t *j);
double json_number_value(const json_t *j);

/** json_string, json_stringn - a copy; NULL when @s is NULL or not UTF-8, or memory is out. */
json_t *json_string(const char *s);
json_t *json_stringn(const char *s, size_t n);
/** json_string_nocheck, json_stringn_nocheck - the same for what is known to be UTF-8. */
json_t *json_string_nocheck(const char *s);
json_t *json_stringn_nocheck(const char *s, size_t n);
json_t *json_sprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** json_string_value - NUL-terminated, NULL for a value of another kind. Lent. */
const char *json_string_value(const json_t *j);
size_t json_string_length(const json_t *j);

/* ---- arrays ---- */

json_t *json_array(void);
size_t json_array_size(const json_t *a);
/** json_array_get - NULL beyond the end and for what is no array. Lent. */
json_t *json_array_get(const json_t *a, size_t i);
/** json_array_*_new, json_array_remove ... - 0 or -1: no array, no such place, @v NULL, no memory. */
int json_array_set_new(json_t *a, size_t i, json_t *v);
int json_array_append_new(json_t *a, json_t *v);
int json_array_insert_new(json_t *a, size_t i, json_t *v);
int json_array_remove(json_t *a, size_t i);
int json_array_clear(json_t *a);
/** json_array_extend - append all of @other, which shares the values. */
int json_array_extend(json_t *a, const json_t *other);
static inline int json_array_set(json_t *a, size_t i, json_t *v)
{
	return json_array_set_new(a, i, json_incref(v));
}
static inline int json_array_append(json_t *a, json_t *v)
{
	return json_array_append_new(a, json_incref(v));
}

#define json_array_foreach(array, index, value)                                                  \
	for ((index) = 0;                                                                        \
	     (index) < json_array_size(array) && ((value) = json_array_get((array), (index))); \
	     (index)++)

/* ---- objects ---- */

json_t *json_object(void);
size_t json_object_size(const json_t *o);
/** json_object_get - NULL when there is no such member, or no object. Lent. */
json_t *json_object_get(const json_t *o, const char *key);
/** json_object_set_new - add a member or replace its value in place. 0, or -1: no object, @key NULL or
 * not UTF-8, @v NULL or @o itself, no memory. */
int json_object_set_new(json_t *o, const char *key, json_t *v);
/** json_object_del - 0, or -1 when there is no such member. */
int json_object_del(json_t *o, const char *key);
int json_object_clear(json_t *o);
/** json_object_update, json_object_update_missing - set the members of @other (the second: only those
 * that @o lacks), which shares the values. */
int json_object_update(json_t *o, const json_t *other);
int json_object_update_missing(json_t *o, const json_t *other);
static inline int json_object_set(json_t *o, const char *key, json_t *v)
{
	return json_object_set_new(o, key, json_incref(v));
}

/** json_object_next - for json_object_foreach: name of the first member from @at on, NULL at the end. */
const char *json_object_next(const json_t *o, size_t *at);
json_t *json_object_value_at(const json_t *o, size_t at);

/* In the loop members may be replaced and removed, not added. */
#define JSON_PASTE2(a, b) a##b
#define JSON_PASTE(a, b)  JSON_PASTE2(a, b)
#define JSON_EACH(object, key, value, at)                                                         \
	for (size_t at = 0; ((key) = json_object_next((object), &at)) != NULL &&                 \
			    ((value) = json_object_value_at((object), at)) != NULL;              \
	     at++)
#define json_object_foreach(object, key, value) JSON_EACH(object, key, value, JSON_PASTE(json_at_, __LINE__))

/* ---- whole documents ---- */

/** json_loadb, json_loads - read the whole of @text (RFC 8259, UTF-8, at most JSON_DEPTH_MAX levels; of
 * members of one name the last counts); @flags of enum json_load_flags. NULL with @ret_error (which may
 * be NULL) filled in. A flood of numbers or levels costs time and memory in proportion to its bytes. */
json_t *json_loadb(const char *text, size_t n, unsigned flags, json_error_t *ret_error);
json_t *json_loads(const char *text, unsigned flags, json_error_t *ret_error);
/** json_dumps - as text, free with free(); @flags of enum json_dump_flags. NULL when memory is out, a
 * string is not UTF-8, or the top is a plain value and JSON_ENCODE_ANY not given. */
char *json_dumps(const json_t *j, unsigned flags);
/** json_dumpf - the same into a file; 0 or -1. */
int json_dumpf(const json_t *j, FILE *f, unsigned flags);

/** json_pack - make a value from a pattern: {} object (name, value ...), [] array, s string, i int,
 * I json_int_t, b int as boolean, f double, n null, o value (taken over), O value (shared). After s, o
 * and O: ? makes null of a NULL, * leaves the member out. Blanks, ':' and ',' are for the reader.
 * NULL when a pattern, a string or memory is wrong; values for "o" are released then. */
json_t *json_pack(const char *fmt, ...);

/** json_copy - the members or values are shared. json_deep_copy - nothing is. */
json_t *json_copy(const json_t *j);
json_t *json_deep_copy(const json_t *j);
/** json_equal - same kind and content; the order of members does not count, 1 is not 1.0. */
bool json_equal(const json_t *a, const json_t *b);

#endif
