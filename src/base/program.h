/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the programs of this project are: onggi runs onggi-monitor, onggi-image and onggi-init.
 */
#ifndef ONGGI_BASE_PROGRAM_H
#define ONGGI_BASE_PROGRAM_H

#include "base/err.h"

enum { PROGRAM_PATH_MAX = 4096 };

/** program_self - path of this program. */
int program_self(char out[PROGRAM_PATH_MAX], struct err *e);
/** program_find - path of @name: in ONGGI_LIBEXEC, beside this program (a build tree), in
 * ../libexec/onggi from it (any prefix), or where the build installs. E_NOT_FOUND with a hint. */
int program_find(const char *name, char out[PROGRAM_PATH_MAX], struct err *e);
/** program_run - run @argv, whose first word is found by program_find, without input and output. What it says on standard
 * error ("onggi: ...", then perhaps "hint: ...") is the error where it fails, of kind E_NOT_FOUND. */
int program_run(const char *const *argv, struct err *e);

#endif
