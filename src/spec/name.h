/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of containers: docker's grammar and made-up ones ("brave_lovelace").
 */
#ifndef ONGGI_SPEC_NAME_H
#define ONGGI_SPEC_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { NAME_MAX_LEN = 250, NAME_MADE_MAX = 48 };

/** name_check - /?[a-zA-Z0-9][a-zA-Z0-9_.-]+ ; E_INVALID in docker's words. */
int name_check(const char *name, struct err *e);
/** name_make - a random name, with a digit appended when @tries > 0. 0 or -errno. */
int name_make(unsigned tries, char out[NAME_MADE_MAX]);

#endif
