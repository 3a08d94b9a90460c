/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests and chain IDs: see digest.h.
 */
#include "spec/digest.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "format/hash.h"

static const struct {
	const char *name;
	size_t digits;
} algos[DIGEST_ALGO_N] = {
	[DIGEST_SHA256] = { "sha256", 64 },
	[DIGEST_SHA512] = { "sha512", 128 },
};

const char *digest_algo_name(enum digest_algo a)
{
	return algos[a].name;
}

/* go-digest: algorithm = component *( [+._-] component ), component = [a-z0-9]+ */
static bool algo_is_well_formed(const char *s, size_t n)
{
	bool sep = true;
	for (size_t i = 0; i < n; i++) {
		bool word = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
		if (!word && (sep || !strchr("+._-", s[i])))
			return false;
		sep = !word;
	}
	return n && !sep;
}

int digest_parse(const char *s, struct digest *ret, struct err *e)
{
	const char *colon = strchr(s, ':');

	if (!colon || !colon[1] || !algo_is_well_formed(s, (size_t)(colon - s)))
		return err_new(e, E_INVALID, EINVAL, "invalid checksum digest format");
	for (int a = 0; a < DIGEST_ALGO_N; a++) {
		if (strlen(algos[a].name) != (size_t)(colon - s) ||
		    memcmp(algos[a].name, s, (size_t)(colon - s)) != 0)
			continue;
		size_t n = strlen(colon + 1);
		if (n != algos[a].digits)
			return err_new(e, E_INVALID, EINVAL, "invalid checksum digest length");
		if (!text_is_hex(colon + 1, n))
			return err_new(e, E_INVALID, EINVAL, "invalid checksum digest format");
		ret->algo = (enum digest_algo)a;
		(void)snprintf(ret->text, sizeof ret->text, "%s", s); /* length checked above */
		return 0;
	}
	return err_new(e, E_INVALID, EINVAL, "unsupported digest algorithm");
}

bool digest_is_valid(const char *s)
{
	struct digest d;
	return digest_parse(s, &d, NULL) == 0;
}

const char *digest_hex(const char *text)
{
	const char *colon = strchr(text, ':');
	return colon ? colon + 1 : text;
}

void digest_sha256(const void *p, size_t n, char out[DIGEST_TEXT_MAX])
{
	struct hash h;

	hash_init(&h, HASH_SHA256);
	hash_add(&h, p, n);
	hash_text(&h, out);
}

void digest_chain_id(const char *parent, const char *diff_id, char out[DIGEST_TEXT_MAX])
{
	char text[2 * DIGEST_TEXT_MAX];

	if (!parent || !*parent) {
		(void)snprintf(out, DIGEST_TEXT_MAX, "%s", diff_id); /* a valid digest fits */
		return;
	}
	int n = snprintf(text, sizeof text, "%s %s", parent, diff_id);
	digest_sha256(text, (size_t)n, out);
}
