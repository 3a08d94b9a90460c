/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict parsers of small texts: numbers, sizes, hex, UTF-8; random identifiers.
 */
#ifndef ONGGI_BASE_TEXT_H
#define ONGGI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** text_int64, text_uint64, text_uint32 - the whole of @s as a decimal number: no blanks, no
 * sign but '-' for the signed form, no overflow. 0 or -EINVAL/-ERANGE. */
int text_int64(const char *s, int64_t *ret);
int text_uint64(const char *s, uint64_t *ret);
int text_uint32(const char *s, uint32_t *ret);
/** text_bytes - docker's sizes: "512", "64k", "1.5g", "10MB", "1GiB"; powers of 1024. */
int text_bytes(const char *s, int64_t *ret);
/** text_starts - whether @s begins with @prefix. */
bool text_starts(const char *s, const char *prefix);
/** text_hex - @n bytes as lower-case hex into @out (2n+1 bytes). */
void text_hex(const void *p, size_t n, char *out);
/** text_is_hex - whether @s is exactly @n lower-case hex digits. */
bool text_is_hex(const char *s, size_t n);
/** text_random_id - 64 random hex digits, as docker's container IDs. Never all digits in the first
 * twelve, so that a short ID is no number. 0 or -errno. */
int text_random_id(char out[65]);
/** text_utf8_len - length of the valid UTF-8 sequence at @s (RFC 3629; @n >= 1 bytes are there), 0 when
 * there is none. */
size_t text_utf8_len(const char *s, size_t n);
/** text_distance - edit distance (insert, delete, replace, swap), for "did you mean". */
unsigned text_distance(const char *a, const char *b);

#endif
