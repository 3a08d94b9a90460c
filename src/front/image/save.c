/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image save [-o FILE] [--platform P] IMAGE [IMAGE...]
 */
#include <stdio.h>
#include <unistd.h>

#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "registry/out_file.h"

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

static int save_to_file(const struct options *o, struct err *e)
{
	struct out_file out;
	int r = out_file_open(&out, o->output, 0600, e);

	if (r == 0)
		r = save_to(o, out.fd, e);
	if (r == 0)
		r = out_file_show(&out, e);
	out_file_close(&out);
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
