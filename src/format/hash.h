/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 and SHA-512 of streams, with the text form of digests. No library: the static programs
 * need it too. Uses the CPU's SHA instructions where it has them. The form of digests that come
 * from outside is checked by spec/digest.h.
 */
#ifndef ONGGI_FORMAT_HASH_H
#define ONGGI_FORMAT_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_TEXT_MAX = 136 }; /* "sha512:" + 128 digits + NUL */

enum hash_algo { HASH_SHA256, HASH_SHA512, HASH_ALGO_N };

struct hash {
	enum hash_algo algo;
	bool has_sha; /* the CPU has the instructions */
	union {
		uint32_t h32[8];
		uint64_t h64[8];
	} u;
	uint64_t n; /* bytes so far */
	unsigned char block[128];
};

void hash_init(struct hash *h, enum hash_algo algo);
void hash_add(struct hash *h, const void *p, size_t n);
/** hash_raw - the bytes (32 or 64); returns how many. @h is spent. */
size_t hash_raw(struct hash *h, unsigned char out[64]);
/** hash_text - "sha256:HEX" or "sha512:HEX". @h is spent. */
void hash_text(struct hash *h, char out[HASH_TEXT_MAX]);
/** hash_algo_of - algorithm by the prefix of a digest text, -EINVAL when unknown. */
int hash_algo_of(const char *digest);

#endif
