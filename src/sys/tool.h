/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of the host's system, such as mke2fs: found at fixed places only, started with an argument
 * vector and an environment of our own. Never anything of an image, and no shell.
 */
#ifndef ONGGI_SYS_TOOL_H
#define ONGGI_SYS_TOOL_H

#include <stddef.h>

#include "base/err.h"

enum { TOOL_PATH_MAX = 64 };

/** tool_find - path of @name in /usr/sbin, /sbin, /usr/bin, /bin. E_UNSUPPORTED: it is not installed. */
int tool_find(const char *name, char path[TOOL_PATH_MAX], struct err *e);
/** tool_run - run @argv (argv[0]: a name for tool_find; ends with NULL) and wait for its end. Its input is
 * /dev/null; what it says goes into the error when it fails (E_IO). */
int tool_run(const char *const *argv, struct err *e);
/** tool_read - the same, and what it wrote to its output, at most @max bytes: a heap string. */
int tool_read(const char *const *argv, size_t max, char **ret, struct err *e);

#endif
