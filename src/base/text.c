/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsers of small texts: see text.h.
 */
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int text_uint64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
			return -ERANGE;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*ret = v;
	return 0;
}

int text_int64(const char *s, int64_t *ret)
{
	bool neg = *s == '-';
	uint64_t v;
	int r = text_uint64(s + neg, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + neg)
		return -ERANGE;
	*ret = neg ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int text_uint32(const char *s, uint32_t *ret)
{
	uint64_t v;
	int r = text_uint64(s, &v);
	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int text_bytes(const char *s, int64_t *ret)
{
	static const char units[] = "kmgtp";
	double v = 0, scale = 0.1;
	bool any = false;

	for (; *s >= '0' && *s <= '9'; s++, any = true)
		v = v * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
			v += (*s - '0') * scale;
	if (!any)
		return -EINVAL;
	if (*s == ' ')
		s++;
	char c = *s | 0x20;
	const char *u = *s ? strchr(units, c) : NULL;
	if (u) {
		for (const char *i = units; i <= u; i++)
			v *= 1024;
		s++;
		if ((*s | 0x20) == 'i' && (s[1] | 0x20) == 'b')
			s++;
	}
	if (*s && (*s | 0x20) == 'b')
		s++;
	if (*s)
		return -EINVAL;
	if (v > 9.2e18)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}

bool text_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

void text_hex(const void *p, size_t n, char *out)
{
	static const char d[] = "0123456789abcdef";
	const unsigned char *b = p;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = d[b[i] >> 4];
		out[2 * i + 1] = d[b[i] & 15];
	}
	out[2 * n] = 0;
}

bool text_is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") == n && !s[n];
}

int text_random_id(char out[65])
{
	unsigned char raw[32];
	do {
		if (getrandom(raw, sizeof raw, 0) != sizeof raw)
			return -errno;
		text_hex(raw, sizeof raw, out);
	} while (strspn(out, "0123456789") >= 12);
	return 0;
}

unsigned text_distance(const char *a, const char *b)
{
	enum { MAX = 64 };
	unsigned row[3][MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > MAX || nb > MAX)
		return MAX;
	for (size_t j = 0; j <= nb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *cur = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
		cur[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned v = up[j - 1] + (a[i - 1] != b[j - 1]);
			if (up[j] + 1 < v)
				v = up[j] + 1;
			if (cur[j - 1] + 1 < v)
				v = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < v)
				v = up2[j - 2] + 1;
			cur[j] = v;
		}
	}
	return row[na % 3][nb];
}

size_t text_utf8_len(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}
