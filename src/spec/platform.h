/* SPDX-License-Identifier: Apache-2.0
 *
 * Platforms "os/arch[/variant]" as image indexes name them: parse, normal form, match with the
 * fall-backs that hardware allows (arm v7 runs v6 and v5, amd64 v3 runs v2 and v1 ...).
 */
#ifndef ONGGI_SPEC_PLATFORM_H
#define ONGGI_SPEC_PLATFORM_H

#include <stdbool.h>

#include "base/err.h"

struct platform {
	char os[32];         /* "linux" */
	char arch[32];       /* Go's names: "amd64", "arm64" */
	char variant[16];    /* "v7"; "" for the usual one */
	char os_version[64]; /* Windows only */
};

enum { PLATFORM_TEXT_MAX = 88 };

/** platform_parse - "linux/arm64", "linux/arm/v7", "arm64", "linux". Result is normalised. */
int platform_parse(const char *s, struct platform *ret, struct err *e);
/** platform_host - what this machine runs. */
void platform_host(struct platform *ret);
/** platform_normalize - aarch64 -> arm64, x86_64 -> amd64, armhf -> arm/v7 ..., arm64/v8 and
 * amd64/v1 -> no variant, arm -> arm/v7. */
void platform_normalize(struct platform *p);
/** platform_format - "linux/arm/v7". */
void platform_format(const struct platform *p, char out[PLATFORM_TEXT_MAX]);
/** platform_rank - how well an image for @have serves @want: 0 exact, larger is worse, -1 not
 * at all. Both normalised. */
int platform_rank(const struct platform *want, const struct platform *have);

#endif
