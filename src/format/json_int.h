/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the JSON library: how values lie in memory.
 *
 *   piece | piece head (next, used) | value | text of a name | members | value ...
 *   value | json_t (count, kind, distance to the piece's start) | what the kind needs
 *
 * A value of a document (json_loadb, json_pack, json_deep_copy) lies in one of the document's pieces,
 * and so does all that it needs later, a longer array for example; the pieces go together when the
 * last value has gone. Any other value has memory of its own from malloc.
 */
#ifndef ONGGI_FORMAT_JSON_INT_H
#define ONGGI_FORMAT_JSON_INT_H

#include <string.h>

#include "base/buf.h"
#include "format/json.h"

struct json_string {
	json_t j;
	uint32_t n;
	char text[]; /* NUL-terminated */
};

struct json_number {
	json_t j;
	union {
		json_int_t i;
		double d;
	};
};

struct json_array {
	json_t j;
	uint32_t n, cap;
	json_t **v;
};

struct json_member {
	const char *key;
	json_t *value; /* NULL: removed */
	uint32_t key_n;
	uint32_t hash; /* only where the object has an index */
};

struct json_object {
	json_t j;
	uint32_t n, cap; /* members with the removed ones */
	uint32_t removed;
	uint32_t index_mask; /* of the index, a power of two less one */
	struct json_member *v;
	uint32_t *index; /* place in v + 1, 0: free; NULL while the object is small */
};

struct json_piece;
struct json_doc {
	struct json_piece *head; /* the one that is filled now */
	size_t live;             /* values that are not yet released */
};

enum {
	JSON_PIECE_MIN = 512,
	JSON_PIECE_MAX = 64 << 10,
	JSON_INDEX_FROM = 32,          /* members: looked through one by one below that */
	JSON_SIZE_MAX = 1 << 30,       /* bytes of a text, of a string; members of a container */
};

/* ---- json_mem.c ---- */

/** json_doc_new - with room for @bytes in its first piece (at least JSON_PIECE_MIN). */
struct json_doc *json_doc_new(size_t bytes);
void json_doc_free(struct json_doc *d);
/** json_doc_get - memory of the document, not cleared; NULL when memory is out. */
void *json_doc_get(struct json_doc *d, size_t bytes);
/** json_doc_text - copy of a text, NUL-terminated. */
char *json_doc_text(struct json_doc *d, const char *s, size_t n);
/** json_doc_of - the document of a value, NULL when it has memory of its own. */
struct json_doc *json_doc_of(const json_t *j);
/** json_make - a new value of @bytes in @d, or with memory of its own when @d is NULL. Counted once,
 * the rest not cleared. */
void *json_make(struct json_doc *d, json_type type, size_t bytes);
/** json_string_in, json_integer_in ... - plain values and empty containers in @d (may be NULL). */
json_t *json_string_in(struct json_doc *d, const char *s, size_t n);
json_t *json_integer_in(struct json_doc *d, json_int_t v);
json_t *json_real_in(struct json_doc *d, double v);
struct json_array *json_array_in(struct json_doc *d);
struct json_object *json_object_in(struct json_doc *d);
/** json_grow - the block of @old_n bytes of value @j (NULL: none yet) with room for @want_n. */
void *json_grow(const json_t *j, void *old, size_t old_n, size_t want_n);

/* ---- json_object.c ---- */

/** json_object_put - as json_object_set_new, @key of @n bytes is known to be UTF-8 without NUL. */
int json_object_put(struct json_object *o, const char *key, size_t n, json_t *v);
/** json_object_seal - @v of @n members, whose names may occur twice, becomes the content of the new and
 * empty object @o of a document: the last of a name counts. The block stays with the caller. */
int json_object_seal(struct json_object *o, const struct json_member *v, size_t n);
/** json_member_of - place of a member, NULL when absent. */
struct json_member *json_member_of(const struct json_object *o, const char *key, size_t n);

/* ---- json_text.c ---- */

/** json_is_utf8 - whether all of @s is. */
bool json_is_utf8(const char *s, size_t n);
/** json_plain - how many bytes from @s on are ASCII that stands for itself in a quoted string. */
size_t json_plain(const char *s, const char *end);

/* the containers as their kinds; NULL for another kind */
static inline struct json_array *json_array_body(const json_t *j)
{
	return json_is_array(j) ? (struct json_array *)j : NULL;
}

static inline struct json_object *json_object_body(const json_t *j)
{
	return json_is_object(j) ? (struct json_object *)j : NULL;
}

#endif
