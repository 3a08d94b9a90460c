/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests "sha256:HEX" and "sha512:HEX", and chain IDs.
 *
 * A digest of the outside is parsed here before it may become part of a path: anything but a
 * known algorithm and exactly its number of lower-case hex digits is refused (CVE-2024-3727).
 */
#ifndef ONGGI_SPEC_DIGEST_H
#define ONGGI_SPEC_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum digest_algo {
	DIGEST_SHA256,
	DIGEST_SHA512,
	DIGEST_ALGO_N,
};

enum { DIGEST_TEXT_MAX = 136 }; /* "sha512:" + 128 digits + NUL */

struct digest {
	enum digest_algo algo;
	char text[DIGEST_TEXT_MAX]; /* "sha256:HEX" */
};

/** digest_parse - docker's messages: "invalid checksum digest format", "... length",
 * "unsupported digest algorithm". */
int digest_parse(const char *s, struct digest *ret, struct err *e);
/** digest_is_valid - whether @s is a digest that digest_parse takes. */
bool digest_is_valid(const char *s);
/** digest_hex - the digits after the colon of a valid digest text. Borrowed. */
const char *digest_hex(const char *text);
/** digest_algo_name - "sha256", "sha512". */
const char *digest_algo_name(enum digest_algo a);
/** digest_sha256 - "sha256:HEX" of @n bytes. */
void digest_sha256(const void *p, size_t n, char out[DIGEST_TEXT_MAX]);
/** digest_chain_id - chain ID of a layer: @parent (NULL or "" for the lowest) and its diff ID.
 * chain(0) = diff(0); chain(n) = sha256(chain(n-1) + " " + diff(n)) [image-spec config.md]. */
void digest_chain_id(const char *parent, const char *diff_id, char out[DIGEST_TEXT_MAX]);

#endif
