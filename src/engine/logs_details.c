/* SPDX-License-Identifier: Apache-2.0
 *
 * `logs --details`: see logs_details.h.
 */
#include "engine/logs_details.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "format/js.h"

enum {
	DETAILS_MAX = 256
};

static void add_query(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
			buf_putc(b, *s);
		else if (*s == ' ')
			buf_putc(b, '+');
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
	}
}

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void logs_details_add(struct buf *b, const char *attrs, size_t n)
{
	struct err e = { 0 };
	OWN_JSON o = NULL;
	const char *keys[DETAILS_MAX], *key;
	json_t *v;
	size_t k = 0;

	if (n && !js_parse(attrs, n, "attrs", &o, &e)) {
		json_object_foreach(o, key, v) {
			if (k < DETAILS_MAX && json_is_string(v))
				keys[k++] = key;
		}
		qsort(keys, k, sizeof(keys[0]), by_key);
	}
	for (size_t i = 0; i < k; i++) {
		if (i)
			buf_putc(b, ',');
		add_query(b, keys[i]);
		buf_putc(b, '=');
		add_query(b, json_string_value(json_object_get(o, keys[i])));
	}
	buf_putc(b, ' ');
}
