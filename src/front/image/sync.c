/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image registry sync --src KIND --dest KIND [...] SOURCE TARGET
 */
#include <stdio.h>

#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/access.h"
#include "front/image/verb.h"
#include "registry/sync.h"

static void copied(void *data, const char *from, const char *to, const char *digest)
{
	(void)data;
	if (digest)
		printf("Copied: %s to %s: %s\n", from, to, digest);
	else
		printf("Would copy: %s to %s\n", from, to);
}

static void failed(void *data, const struct err *e)
{
	(void)data;
	(void)image_fail(e);
}

int verb_registry_sync(const struct image_call *call)
{
	struct sync_req q = { .src = opt_str(call->req, "@src", NULL),
			      .dest = opt_str(call->req, "@dest", NULL),
			      .from = call->argv[0],
			      .to = call->argv[1],
			      .platform = opt_str(call->req, "@platform", NULL),
			      .suffix = opt_str(call->req, "@append-suffix", NULL),
			      .preserve = opt_bool(call->req, "@preserve-digests"),
			      .all = opt_bool(call->req, "@all"),
			      .scoped = opt_bool(call->req, "@scoped"),
			      .keep_going = opt_bool(call->req, "@keep-going"),
			      .dry_run = opt_bool(call->req, "@dry-run"),
			      .copied = copied,
			      .failed = failed };
	const char *format = opt_str(call->req, "@format", NULL);
	struct sync_result result;
	struct err e = { 0 };
	OWN_ACCESS from = { 0 };
	OWN_ACCESS to = { 0 };

	if ((format && place_form_parse(format, &q.convert, &e) < 0) || access_read(call->req, "src-", &from, &e) < 0 ||
	    access_read(call->req, "dest-", &to, &e) < 0)
		return image_fail(&e);
	q.from_access = &from.is;
	q.to_access = &to.is;

	if (sync_images(&q, &result, &e) < 0)
		return image_fail(&e);
	if (!q.dry_run)
		printf("Synced %zu images\n", result.copied);
	if (result.failed)
		fprintf(stderr, "onggi: %zu images failed\n", result.failed);
	return image_flush(result.failed ? 1 : 0);
}
