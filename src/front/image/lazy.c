/* SPDX-License-Identifier: Apache-2.0
 *
 * For `run --pull lazy` and `create --pull lazy`, run by onggi itself:
 *   onggi-image lazy [-q] [--platform P] FD NAME[:TAG|@DIGEST]   pull what has to be here before a container starts.
 *       Into descriptor FD goes the ID of the image when it is not whole yet; nothing when it is
 *   onggi-image lazy-serve ROOT RUN IMAGE-ID                     have a process show what is missing of it
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/text.h"
#include "driver/storage/storage.h"
#include "front/cli/opt.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/lazy/lazy.h"
#include "registry/pull.h"
#include "store/store.h"

/* other drivers than overlay copy or index all of an image, or let another program stack it */
static const char *refusal(const struct store *s, struct err *e)
{
	const char *name = getenv("ONGGI_STORAGE_DRIVER");
	const struct storage_ops *ops = &storage_overlay;

	if (name && *name && storage_by_name(s, name, &ops, e) < 0)
		return "the storage driver is not known"; /* opening the store has told */
	return ops != &storage_overlay ? "the storage driver needs them" :
	       s->n_others	       ? "image stores of others are in use" : NULL;
}

static void report(const struct pull_result *r)
{
	if (*r->warning)
		fprintf(stderr, "WARNING: %s\n", r->warning);
	printf("Digest: %s\n", r->digest);
	if (r->late)
		printf("Status: The rest of %s comes while it is used\n", r->familiar);
	else
		printf("Status: %s%s\n", r->updated ? "Downloaded newer image for " : "Image is up to date for ", r->familiar);
}

int verb_lazy(const struct image_call *call)
{
	struct pull_req q = { .reference = call->argv[1], .platform = opt_str(call->req, "@platform", NULL), .late = true };
	bool quiet = opt_bool(call->req, "@quiet");
	struct pull_result result;
	struct progress progress;
	struct store store;
	struct err e = { 0 };
	uint32_t out;

	if (text_uint32(call->argv[0], &out) < 0 || fcntl((int)out, F_SETFD, FD_CLOEXEC) < 0) {
		(void)err_new(&e, E_USAGE, EINVAL, "descriptor %s", call->argv[0]);
		return image_fail(&e);
	}
	if (image_store_open(&store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, stdout);
	q.store = &store;
	q.late_not = refusal(&store, &e);
	if (!quiet) {
		q.progress = progress_event;
		q.data = &progress;
		image_tell_tag(q.reference);
	}
	int r = pull_image(&q, &result, &e);
	progress_done(&progress);
	if (r == 0 && result.late && (r = io_write_all((int)out, result.image_id, strlen(result.image_id))) < 0)
		(void)err_sys(&e, -r, "tell the ID of the image");
	if (r == 0 && !quiet)
		report(&result);
	store_close(&store);
	return image_flush(r < 0 ? image_fail(&e) : 0);
}

int verb_lazy_serve(const struct image_call *call)
{
	char **arg = call->argv;
	struct err e = { 0 };
	struct store store;

	if (store_open(arg[0], arg[1], &store, &e) < 0)
		return image_fail(&e);
	int r = lazy_serve(&store, arg[2], &e);
	store_close(&store);
	return r < 0 ? image_fail(&e) : 0;
}
