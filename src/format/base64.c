/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64: see base64.h.
 */
#include "format/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *p, size_t n, struct buf *out)
{
	const unsigned char *b = p;

	for (; n; b += 3, n -= n < 3 ? n : 3) {
		uint32_t v = (uint32_t)b[0] << 16 | (n > 1 ? (uint32_t)b[1] << 8 : 0) | (n > 2 ? b[2] : 0);
		buf_putc(out, alphabet[v >> 18]);
		buf_putc(out, alphabet[v >> 12 & 63]);
		buf_putc(out, n > 1 ? alphabet[v >> 6 & 63] : '=');
		buf_putc(out, n > 2 ? alphabet[v & 63] : '=');
	}
}

static int digit(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;
	if (at)
		return (int)(at - alphabet);
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64_decode_bytes(const char *s, char **ret, size_t *ret_n)
{
	OWN_STR out = malloc(strlen(s) / 4 * 3 + 4);
	uint32_t v = 0;
	unsigned bits = 0;
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (; *s && *s != '='; s++) {
		int d = digit(*s);
		if (*s == '\n' || *s == '\r')
			continue;
		if (d < 0)
			return -EINVAL;
		v = (v << 6 | (uint32_t)d) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (char)(v >> bits);
		}
	}
	if (s[strspn(s, "=\r\n")] || bits >= 6)
		return -EINVAL;
	out[n] = 0;
	*ret_n = n;
	*ret = ptr_take(&out);
	return 0;
}

int base64_decode(const char *s, char **ret, size_t *ret_n)
{
	OWN_STR out = NULL;
	size_t n;
	int r = base64_decode_bytes(s, &out, &n);

	if (r < 0)
		return r;
	if (memchr(out, 0, n))
		return -EINVAL;
	*ret_n = n;
	*ret = ptr_take(&out);
	return 0;
}
