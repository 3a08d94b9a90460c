/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image push [-a] [-q] [--platform P] [--compression-format F] ... NAME[:TAG]
 */
#include <stdio.h>

#include "front/cli/opt.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/push.h"

static int report(const struct push_req *q, bool quiet, const struct push_result *r)
{
	struct reference ref;
	struct err ignored = { 0 };
	char name[REFERENCE_TEXT_MAX];

	if (*r->warning)
		fprintf(stderr, "WARNING: %s\n", r->warning);
	if (!quiet) {
		printf("%s: digest: %s size: %lld\n", r->tag, r->digest, (long long)r->size_bytes);
	} else if (reference_parse_tagged(q->reference, &ref, &ignored) == 0) {
		reference_canonical(&ref, name);
		puts(name);
	}
	return image_flush(0);
}

int verb_push(const struct image_call *call)
{
	const char *format = opt_str(call->req, "@compression-format", NULL);
	struct push_req q = { .reference = call->argv[0],
			      .all_tags = opt_bool(call->req, "@all-tags"),
			      .platform = opt_str(call->req, "@platform", NULL),
			      .level = (int)opt_int(call->req, "@compression-level", 0),
			      .recompress = opt_bool(call->req, "@force-compression") };
	bool quiet = opt_bool(call->req, "@quiet");
	struct push_result result;
	struct progress progress;
	struct store store;
	struct err e = { 0 };

	if ((format && compress_format_parse(format, &q.format, &e) < 0) ||
	    store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, stdout);
	q.store = &store;
	if (!quiet) {
		q.progress = progress_event;
		q.data = &progress;
		if (!q.all_tags)
			image_tell_tag(q.reference);
	}
	int r = push_image(&q, &result, &e);
	progress_done(&progress);
	int status = r < 0 ? image_fail(&e) : report(&q, quiet, &result);
	store_close(&store);
	return status;
}
