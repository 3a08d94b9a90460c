/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648) for Basic authentication and the files of docker's credentials.
 */
#ifndef ONGGI_REGISTRY_BASE64_H
#define ONGGI_REGISTRY_BASE64_H

#include <stddef.h>

#include "base/buf.h"

/** base64_encode - append @n bytes with padding to @out. */
void base64_encode(const void *p, size_t n, struct buf *out);
/** base64_decode - standard or URL alphabet, padding optional, line ends skipped. @ret: NUL-
 * terminated heap memory without inner NUL. 0, -EINVAL or -ENOMEM. */
int base64_decode(const char *s, char **ret, size_t *ret_n);

#endif
