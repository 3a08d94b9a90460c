/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image pull [-a] [-q] [--platform P] ... NAME[:TAG|@DIGEST] | TRANSPORT:PLACE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/cli/opt.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/copy.h"
#include "registry/pull.h"
#include "spec/platform.h"
#include "store/store.h"

static int report(const struct pull_req *q, bool quiet, const struct pull_result *r)
{
	if (*r->warning)
		fprintf(stderr, "WARNING: %s\n", r->warning);
	if (!quiet) {
		if (!q->all_tags)
			printf("Digest: %s\n", r->digest);
		if (r->reused_bytes) {
			char size[32];
			progress_size(r->reused_bytes, size);
			printf("Reused: %s of layers that were here\n", size);
		}
		printf("Status: %s%s\n",
		       r->updated ? "Downloaded newer image for " : "Image is up to date for ", r->familiar);
	}
	printf("%s\n", r->canonical);
	return image_flush(0);
}

/* --os, --arch and --variant are parts of what --platform says at once; @text: room for it */
static int platform_of(const json_t *req, char *text, size_t n, const char **ret, struct err *e)
{
	const char *os = opt_str(req, "@os", NULL), *arch = opt_str(req, "@arch", NULL);
	const char *variant = opt_str(req, "@variant", NULL);
	struct platform host;

	*ret = opt_str(req, "@platform", NULL);
	if (!os && !arch && !variant)
		return 0;
	if (*ret)
		return err_new(e, E_USAGE, EINVAL, "--platform says what --os, --arch and --variant say: one or the other");
	platform_host(&host);
	if (snprintf(text, n, "%s/%s%s%s", os ? os : host.os, arch ? arch : host.arch, variant ? "/" : "", variant ? variant : "") >=
	    (int)n)
		return err_new(e, E_USAGE, EINVAL, "platform: a name is too long");
	*ret = text;
	return 0;
}

/* from a layout, an archive, a folder; prints the ID, as podman does */
static int pull_place(const struct image_call *call, const char *platform)
{
	struct copy_req q = { .from = call->argv[0], .to = "", .to_kind = "store",
			      .platform = platform, .from_access = call->access };
	struct copy_result result = { .names = NULL };
	struct progress progress;
	struct store store;
	struct err e = { 0 };

	if (opt_bool(call->req, "@all-tags")) {
		(void)err_new(&e, E_USAGE, EINVAL, "--all-tags is for registries: %s", q.from);
		return image_fail(&e);
	}
	if (image_store_open(&store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, stderr);
	q.store = &store;
	if (!opt_bool(call->req, "@quiet")) {
		q.progress = progress_event;
		q.data = &progress;
	}
	int r = copy_image(&q, &result, &e);
	progress_done(&progress);
	if (r == 0)
		puts(digest_hex(result.digest));
	json_decref(result.names);
	store_close(&store);
	return image_flush(r < 0 ? image_fail(&e) : 0);
}

int verb_pull(const struct image_call *call)
{
	const struct transport *kind;
	const char *where = call->argv[0];
	struct err ignored = { 0 }; /* what is no place is a reference, and told as one */
	struct err e = { 0 };
	char text[PLATFORM_TEXT_MAX];
	const char *platform;

	if (platform_of(call->req, text, sizeof text, &platform, &e) < 0)
		return image_fail(&e);
	if (transport_find(call->argv[0], &kind, &where, &ignored) < 0)
		where = call->argv[0];
	else if (kind != &transport_docker)
		return pull_place(call, platform);
	struct pull_req q = { .reference = where,
			      .all_tags = opt_bool(call->req, "@all-tags"),
			      .platform = platform,
			      .access = call->access };
	bool quiet = opt_bool(call->req, "@quiet");
	struct pull_result result;
	struct progress progress;
	struct store store;

	if (image_store_open(&store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, stdout);
	q.store = &store;
	if (!quiet) {
		q.progress = progress_event;
		q.data = &progress;
		if (!q.all_tags)
			image_tell_tag(q.reference);
	}
	int r = pull_image(&q, &result, &e);
	progress_done(&progress);
	int status = r < 0 ? image_fail(&e) : report(&q, quiet, &result);
	store_close(&store);
	return status;
}
