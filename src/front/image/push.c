/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image push [-a] [-q] [--platform P] [--compression-format F] ... NAME[:TAG] [TARGET]
 */
#include <stdio.h>

#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/copy.h"
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

/* to a layout, an archive, a folder: as it is here */
static int push_place(const struct image_call *call)
{
	static const char *const refused[] = { "all-tags", "compression-format", "compression-level", "force-compression" };
	const char *to = call->argv[1];
	FILE *out = image_words_out(to);
	const bool quiet = opt_bool(call->req, "@quiet");
	struct copy_req q = { .from = call->argv[0], .from_kind = "store", .to = to, .keep_names = true,
			      .platform = opt_str(call->req, "@platform", NULL), .to_access = call->access };
	struct copy_result result;
	struct progress progress;
	struct store store;
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char key[32];
		(void)snprintf(key, sizeof key, "@%s", refused[i]);
		if (!json_object_get(call->req, key))
			continue;
		(void)err_new(&e, E_USAGE, EINVAL, "--%s is for registries: %s", refused[i], to);
		return image_fail(&e);
	}
	const struct transport *kind = NULL;
	const char *where;
	q.compress = opt_bool(call->req, "@compress");
	if (q.compress && (transport_find(to, &kind, &where, &e) < 0 || kind != &transport_dir)) {
		(void)err_new(&e, E_USAGE, EINVAL, "--compress is for dir: and for registries, which get layers so in any case: %s", to);
		return image_fail(&e);
	}
	if (store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, out);
	q.store = &store;
	if (!quiet) {
		q.progress = progress_event;
		q.data = &progress;
	}
	int r = copy_image(&q, &result, &e);
	progress_done(&progress);
	store_close(&store);
	if (r == 0)
		r = image_digest_file(call, result.digest, &e);
	if (r < 0)
		return image_fail(&e);
	if (quiet)
		fprintf(out, "%s\n", to);
	else
		fprintf(out, "%s: digest: %s\n", to, result.digest);
	return image_flush(0);
}

int verb_push(const struct image_call *call)
{
	const struct transport *kind;
	const char *target = NULL;
	struct err bad = { 0 };

	if (call->argc == 2 && transport_find(call->argv[1], &kind, &target, &bad) < 0)
		return image_fail(&bad);
	if (target && kind != &transport_docker)
		return push_place(call);
	const char *format = opt_str(call->req, "@compression-format", NULL);
	struct push_req q = { .reference = target ? target : call->argv[0],
			      .image = target ? call->argv[0] : NULL,
			      .all_tags = opt_bool(call->req, "@all-tags"),
			      .platform = opt_str(call->req, "@platform", NULL),
			      .access = call->access,
			      .level = (int)opt_int(call->req, "@compression-level", 0),
			      .recompress = opt_bool(call->req, "@force-compression") };
	bool quiet = opt_bool(call->req, "@quiet");
	struct push_result result;
	struct progress progress;
	struct store store;
	struct err e = { 0 };

	if (q.all_tags && json_object_get(call->req, "@digestfile")) {
		(void)err_new(&e, E_USAGE, EINVAL, "--digestfile is for one image, not for --all-tags");
		return image_fail(&e);
	}
	if (target && q.all_tags) {
		(void)err_new(&e, E_USAGE, EINVAL, "--all-tags pushes a repository by its own name, not to %s", target);
		return image_fail(&e);
	}
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
	if (r == 0)
		r = image_digest_file(call, result.digest, &e);
	int status = r < 0 ? image_fail(&e) : report(&q, quiet, &result);
	store_close(&store);
	return status;
}
