/* SPDX-License-Identifier: Apache-2.0
 *
 * The WWW-Authenticate header (RFC 9110, 11.6.1): one or more challenges, each a scheme and its
 * parameters, in one or several header lines. Pure parsing.
 */
#ifndef ONGGI_FORMAT_CHALLENGE_H
#define ONGGI_FORMAT_CHALLENGE_H

#include <stddef.h>

#include "base/err.h"

enum challenge_scheme {
	CHALLENGE_OTHER,
	CHALLENGE_BASIC,
	CHALLENGE_BEARER,
	CHALLENGE_SCHEME_N,
};

/* Parameters that are absent are "". */
struct challenge {
	enum challenge_scheme scheme;
	char realm[2048];
	char service[512];
	char scope[2048];
	char error[128];
};

/** challenge_parse - all challenges of one header value. Returns how many were stored (at most
 * @max, further ones are left out) | -EINVAL malformed | -EMSGSIZE a parameter is too long. */
int challenge_parse(const char *value, struct challenge *ret, size_t max, struct err *e);

#endif
