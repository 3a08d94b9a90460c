/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image load [-i FILE] [-q] [--platform P]
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "store/image_gc.h"

struct options {
	const char *input, *platform;
	bool quiet;
};

static void loaded(void *data, const char *familiar, const char *id, const char *replaced)
{
	const struct options *o = data;

	if (*replaced && !o->quiet)
		printf("The image %s already exists, renaming the old one with ID %s to empty string\n", familiar,
		       replaced);
	if (*familiar)
		printf("Loaded image: %s\n", familiar);
	else
		printf("Loaded image ID: %s\n", id);
}

static int run(const struct options *o, struct err *e)
{
	OWN_FD input = -1;
	struct store store;

	if (o->input) {
		input = open(o->input, O_RDONLY | O_CLOEXEC);
		if (input < 0)
			return err_sys(e, errno, "open %s", o->input);
	} else if (isatty(STDIN_FILENO)) {
		err_new(e, E_USAGE, EINVAL, "requested load from stdin, but stdin is empty");
		err_hint(e, "give the archive with -i FILE, or redirect stdin");
		return -e->eno;
	}
	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	struct archive_load_req q = { .store = &store, .xfd = o->input ? input : STDIN_FILENO,
				      .platform = o->platform, .loaded = loaded, .data = (void *)o };
	int r = archive_load(&q, e);
	struct err ignored = { 0 };
	(void)image_sweep_tmp(&store, &ignored); /* left-overs of others are no reason to fail */
	store_close(&store);
	return r;
}

int verb_load(const struct image_call *call)
{
	const struct options o = { .input = opt_str(call->req, "@input", NULL),
				   .platform = opt_str(call->req, "@platform", NULL),
				   .quiet = opt_bool(call->req, "@quiet") };
	struct err e = { 0 };

	return image_flush(run(&o, &e) < 0 ? image_fail(&e) : 0);
}
