/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of this project: see program.h.
 */
#include "base/program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ONGGI_LIBEXECDIR
#define ONGGI_LIBEXECDIR "/usr/local/libexec"
#endif

int program_self(char out[PROGRAM_PATH_MAX], struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", out, PROGRAM_PATH_MAX - 1);
	if (n < 0)
		return err_sys(e, errno, "path of this program");
	out[n] = 0;
	return 0;
}

static bool try(char out[PROGRAM_PATH_MAX], const char *dir, size_t dir_n, const char *sub, const char *name)
{
	int n = snprintf(out, PROGRAM_PATH_MAX, "%.*s/%s%s", (int)dir_n, dir, sub, name);
	return n > 0 && n < PROGRAM_PATH_MAX && !access(out, X_OK);
}

int program_find(const char *name, char out[PROGRAM_PATH_MAX], struct err *e)
{
	char self[PROGRAM_PATH_MAX];
	const char *given = getenv("ONGGI_LIBEXEC");

	if (given && *given && try(out, given, strlen(given), "", name))
		return 0;
	if (program_self(self, e) < 0)
		return -e->eno;
	const char *slash = strrchr(self, '/');
	size_t n = slash ? (size_t)(slash - self) : 0;
	if (try(out, self, n, "", name) || try(out, self, n, "../libexec/onggi/", name) ||
	    try(out, ONGGI_LIBEXECDIR, strlen(ONGGI_LIBEXECDIR), "onggi/", name))
		return 0;
	(void)err_new(e, E_NOT_FOUND, ENOENT, "%s is not installed", name);
	err_hint(e, "it belongs to onggi: install it again, or set ONGGI_LIBEXEC to the folder that holds it");
	return -ENOENT;
}
