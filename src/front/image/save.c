/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image save [-o FILE] [--platform P] IMAGE [IMAGE...]
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"

struct options {
	const char *output, *platform;
	char **names;
	size_t n_names;
};

static int save_to(const struct options *o, int fd, struct err *e)
{
	struct store store;

	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	const struct archive_save_req q = { .store = &store, .names = (const char *const *)o->names,
					    .n_names = o->n_names, .platform = o->platform, .xfd = fd };
	int r = archive_save(&q, e);
	store_close(&store);
	return r;
}

/* A file appears whole or not at all; devices and pipes are written to directly. */
static int save_to_file(const struct options *o, struct err *e)
{
	char tmp[4200];
	struct stat st;
	uint64_t tag;

	if (!stat(o->output, &st) && !S_ISREG(st.st_mode)) {
		OWN_FD out = open(o->output, O_WRONLY | O_CLOEXEC);
		if (out < 0)
			return err_sys(e, errno, "open %s", o->output);
		return save_to(o, out, e);
	}
	if (getrandom(&tag, sizeof tag, 0) != sizeof tag)
		return err_sys(e, errno, "random name");
	if (snprintf(tmp, sizeof tmp, "%s.tmp-%016llx", o->output, (unsigned long long)tag) >= (int)sizeof tmp)
		return err_new(e, E_INVALID, ENAMETOOLONG, "invalid output path: %s", o->output);
	OWN_FD fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "invalid output path: %s", o->output);
	int r = save_to(o, fd, e);
	if (!r && rename(tmp, o->output) < 0)
		r = err_sys(e, errno, "rename %s", tmp);
	if (r < 0)
		(void)unlink(tmp); /* the first error counts */
	return r;
}

int verb_save(const struct image_call *call)
{
	const struct options o = { .output = opt_str(call->req, "@output", NULL),
				   .platform = opt_str(call->req, "@platform", NULL),
				   .names = call->argv, .n_names = (size_t)call->argc };
	struct err e = { 0 };

	if (o.output)
		return save_to_file(&o, &e) < 0 ? image_fail(&e) : 0;
	if (isatty(STDOUT_FILENO)) {
		err_new(&e, E_USAGE, EINVAL,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
		return image_fail(&e);
	}
	return save_to(&o, STDOUT_FILENO, &e) < 0 ? image_fail(&e) : 0;
}
