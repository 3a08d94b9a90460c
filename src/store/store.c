/* SPDX-License-Identifier: Apache-2.0
 *
 * Roots of the store: see store.h. Sub-folders are made by their own modules on first use.
 */
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "store/others.h"

static int root_path(const char *given, const char *var, const char *dflt, char out[3800], struct err *e)
{
	const char *p = given ? given : getenv(var);
	char cwd[2000] = "";

	if (!p || !*p)
		p = dflt;
	if (*p != '/' && !getcwd(cwd, sizeof cwd))
		return err_sys(e, errno, "current directory");
	if (snprintf(out, 3800, "%s%s%s", cwd, *cwd ? "/" : "", p) >= 3800)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%s: path too long", var);
	return 0;
}

static int open_roots(const char *root, const char *run, struct store *ret, struct err *e)
{
	struct store s = { .root_fd = -1, .run_fd = -1 };

	if (root_path(root, "ONGGI_ROOT", "/var/lib/onggi", s.root, e) < 0 ||
	    root_path(run, "ONGGI_RUN", "/run/onggi", s.run, e) < 0)
		return -e->eno;
	OWN_FD root_fd = -1;
	if (io_open_dir(AT_FDCWD, s.root, 0711, &root_fd, e) < 0 ||
	    io_open_dir(AT_FDCWD, s.run, 0711, &s.run_fd, e) < 0) {
		if (e->kind == E_DENIED)
			err_hint(e, "run as root, or set ONGGI_ROOT and ONGGI_RUN to directories of your own");
		return err_ctx(e, "open store");
	}
	s.root_fd = fd_take(&root_fd);
	*ret = s;
	return 0;
}

static int open_with(const char *root, const char *run, bool spare, struct store *ret, struct err *e)
{
	struct store s;

	if (open_roots(root, run, &s, e) < 0)
		return -e->eno;
	if (others_open(&s, spare, e) < 0) {
		store_close(&s);
		return -e->eno;
	}
	*ret = s;
	return 0;
}

int store_open(const char *root, const char *run, struct store *ret, struct err *e)
{
	return open_with(root, run, false, ret, e);
}

int store_open_spared(const char *root, const char *run, struct store *ret, struct err *e)
{
	return open_with(root, run, true, ret, e);
}

void store_close(struct store *s)
{
	others_close(s);
	if (s->root_fd >= 0)
		close(s->root_fd);
	if (s->run_fd >= 0)
		close(s->run_fd);
	s->root_fd = s->run_fd = -1;
}
