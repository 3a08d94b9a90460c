/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions on the terminal, and secrets from standard input.
 */
#ifndef ONGGI_FRONT_IMAGE_PROMPT_H
#define ONGGI_FRONT_IMAGE_PROMPT_H

#include <stdbool.h>

#include "base/err.h"

/** prompt - ask on standard output, read one line of standard input; @hidden: without echo. *ret: heap, without line
 * end. */
int prompt(const char *question, bool hidden, char **ret, struct err *e);
/** prompt_rest - all of standard input, without line ends at the end. Heap. */
int prompt_rest(char **ret, struct err *e);

#endif
