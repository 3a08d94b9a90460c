/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: what characters a text may consist of.
 */
#include "base/text.h"
#include "format/json_int.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* 0x80 in the lowest byte that is no plain one; bytes above it may be marked wrongly */
static uint64_t odd_bytes(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
	uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';

	return (((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | w) & tops;
}
#endif

size_t json_plain(const char *s, const char *end)
{
	const char *p = s;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (uint64_t w; end - p >= 8; p += 8) {
		memcpy(&w, p, 8);
		w = odd_bytes(w);
		if (w)
			return (size_t)(p - s) + (size_t)__builtin_ctzll(w) / 8;
	}
#endif
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return (size_t)(p - s);
}

bool json_is_utf8(const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		size_t len = (unsigned char)*s < 0x80 ? 1 : text_utf8_len(s, (size_t)(end - s));
		if (!len)
			return false;
		s += len;
	}
	return true;
}
