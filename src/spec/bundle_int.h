/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the parts of the bundle parser. A `where` is the way from the top of the document to
 * the object being read, a chain on the stack; it becomes text only when there is an error, so
 * that reading a good config formats nothing.
 */
#ifndef ONGGI_SPEC_BUNDLE_INT_H
#define ONGGI_SPEC_BUNDLE_INT_H

#include "spec/bundle.h"

struct where {
	const struct where *up; /* NULL at the top */
	const char *key;        /* member name; NULL: array member @index */
	size_t index;
};

/* what every part of the parser needs */
struct reader {
	struct arena *arena;
	struct err *e; /* never NULL */
	const char **warnings;
	size_t n_warnings, cap_warnings;
};

/** where_fail - E_INVALID "PATH.key: MESSAGE". @w and @key may be NULL. */
int where_fail(struct reader *r, const struct where *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** where_warn - keep a warning "PATH.key: MESSAGE". */
int where_warn(struct reader *r, const struct where *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int read_nomem(struct reader *r);

/* Optional members: 0 absent (ret unchanged), 1 read, negative error that names the path. */
int read_str(struct reader *r, const struct where *w, const json_t *o, const char *key,
	     const char **ret); /* an empty string counts as absent */
int read_bool(struct reader *r, const struct where *w, const json_t *o, const char *key, bool *ret);
int read_obj(struct reader *r, const struct where *w, const json_t *o, const char *key, json_t **ret);
/** read_arr - @max members at most. */
int read_arr(struct reader *r, const struct where *w, const json_t *o, const char *key, size_t max,
	     json_t **ret);

struct int_range {
	int64_t min, max;
};
int read_int(struct reader *r, const struct where *w, const json_t *o, const char *key,
	     struct int_range range, int64_t *ret);
int read_u32(struct reader *r, const struct where *w, const json_t *o, const char *key, uint32_t *ret);
/** read_u64 - a negative value is the same number modulo 2^64 (see js_parse). */
int read_u64(struct reader *r, const struct where *w, const json_t *o, const char *key, uint64_t *ret);
/** read_id - a user or group id: 0 to 2^32-2. */
int read_id(struct reader *r, const struct where *w, const json_t *o, const char *key, uint32_t *ret);
/** read_strv - array of strings. @ret->v is never NULL afterwards. */
int read_strv(struct reader *r, const struct where *w, const json_t *o, const char *key,
	      struct bundle_strv *ret);
/** read_clean_path - absolute path, lexically cleaned, into the arena when it changes. */
int read_clean_path(struct reader *r, const struct where *w, const char *key, const char *path,
		    const char **ret);
/** read_cpu_list - check "0-3,7". */
int read_cpu_list(struct reader *r, const struct where *w, const char *key, const char *list);
/** read_objects - array of objects as zeroed array of @size bytes each; @one reads a member. */
struct object_reader {
	size_t size, max;
	int (*one)(struct reader *r, const struct where *w, const json_t *o, void *ret);
};
int read_objects(struct reader *r, const struct where *w, const json_t *o, const char *key,
		 const struct object_reader *how, const void **ret, size_t *ret_n);
/** read_id_maps - array of containerID, hostID, size. */
int read_id_maps(struct reader *r, const struct where *w, const json_t *o, const char *key,
		 struct bundle_id_maps *ret);

int process_read(struct reader *r, const struct where *w, const json_t *o, struct bundle_process *ret);
int linux_read(struct reader *r, const json_t *o, struct bundle *ret);
int sysctl_read(struct reader *r, const struct where *w, const json_t *o, struct bundle *b);

#endif
