/* SPDX-License-Identifier: Apache-2.0
 *
 * Detach keys: docker's notation, and the filter that finds them in what the user types.
 */
#include "engine/detach_keys.h"

#include <string.h>

/* "a" or "ctrl-X" of @n bytes; -1 when it is neither. */
static int key_parse(const char *s, size_t n)
{
	static const char ctrl[] = "ctrl-", others[] = "@[\\]^_";
	const char *at;
	char c;

	if (n == 1)
		return (unsigned char)s[0];
	if (n != sizeof(ctrl) || memcmp(s, ctrl, sizeof(ctrl) - 1) != 0)
		return -1;
	c = s[n - 1];
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 1;
	if (c == '@')
		return 0;
	at = strchr(others + 1, c);
	return at && *at ? (int)(at - others) + 26 : -1;
}

int detach_keys_parse(const char *s, struct detach_keys *ret, struct err *e)
{
	struct detach_keys k = { .n = 0 };
	const char *whole = s ? s : "ctrl-p,ctrl-q";

	for (s = whole; *whole; s++) {
		size_t n = strcspn(s, ",");
		int key = key_parse(s, n);

		if (key < 0 || k.n == DETACH_KEYS_MAX) {
			err_new(e, E_USAGE, EINVAL, "invalid detach keys (%s): \"%.*s\"", whole, (int)n,
				s);
			err_hint(e, "a list such as ctrl-p,ctrl-q: one character, or ctrl- and one of a-z @ [ \\ ] ^ _");
			return -EINVAL;
		}
		k.key[k.n++] = (uint8_t)key;
		s += n;
		if (!*s)
			break;
	}
	*ret = k;
	return 0;
}

/* The longest end of (first @held keys + @c) that is a beginning of the keys, but not all of
 * what was typed: where the search goes on after a key that does not fit. */
static size_t fall_back(const struct detach_keys *k, size_t held, uint8_t c)
{
	for (size_t len = held; len > 0; len--) {
		/* candidate: the last len-1 of the held keys and c */
		if (k->key[len - 1] == c && !memcmp(k->key, k->key + held - (len - 1), len - 1))
			return len;
	}
	return 0;
}

size_t detach_filter(const struct detach_keys *k, size_t *held, const uint8_t *in, size_t n,
		     uint8_t *out, bool *ret_detach)
{
	size_t o = 0;

	*ret_detach = false;
	for (size_t i = 0; i < n; i++) {
		size_t next;

		if (!k->n) {
			out[o++] = in[i];
			continue;
		}
		if (in[i] == k->key[*held]) {
			if (++*held == k->n) {
				*ret_detach = true;
				*held = 0;
				return o;
			}
			continue;
		}
		next = fall_back(k, *held, in[i]);
		/* what can no longer be a beginning was meant for the container */
		memcpy(out + o, k->key, *held + (next ? 1 : 0) - next);
		o += *held + (next ? 1 : 0) - next;
		if (!next)
			out[o++] = in[i];
		*held = next;
	}
	return o;
}
