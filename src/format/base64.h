/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648) for Basic authentication, the files of docker's credentials, extended attributes in tables of
 * contents.
 */
#ifndef ONGGI_FORMAT_BASE64_H
#define ONGGI_FORMAT_BASE64_H

#include <stddef.h>

#include "base/buf.h"

/** base64_encode - append @n bytes with padding to @out. */
void base64_encode(const void *p, size_t n, struct buf *out);
/** base64_decode - standard or URL alphabet, padding optional, line ends skipped. @ret: NUL-
 * terminated heap memory without inner NUL. 0, -EINVAL or -ENOMEM. */
int base64_decode(const char *s, char **ret, size_t *ret_n);
/** base64_decode_bytes - the same; any bytes may come out. */
int base64_decode_bytes(const char *s, char **ret, size_t *ret_n);

#endif
