/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions over tags, written for Go's regexp as skopeo's users do, and looked for by the C library: what
 * both mean the same is translated, what POSIX does not have is refused, never taken for something else.
 */
#ifndef ONGGI_REGISTRY_TAG_PATTERN_H
#define ONGGI_REGISTRY_TAG_PATTERN_H

#include <regex.h>
#include <stdbool.h>

#include "base/err.h"

enum { TAG_PATTERN_MAX = 1024 };

/** tag_pattern_open - E_INVALID: no expression | E_UNSUPPORTED: a part that is not known here, named. */
int tag_pattern_open(const char *pattern, regex_t *ret, struct err *e);
/** tag_pattern_fits - whether it is found anywhere in @tag. */
bool tag_pattern_fits(const regex_t *p, const char *tag);
void tag_pattern_close(regex_t *p);

#endif
