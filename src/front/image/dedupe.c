/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image storage dedupe [--min-size BYTES] [--json]
 */
#include "registry/dedupe.h"

#include <stdio.h>
#include <unistd.h>

#include "base/own.h"
#include "front/cli/list.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"

enum { MIN_BYTES = 16 << 10 }; /* below that an extent of its own costs as much as it spares */

static void tell(void *data, size_t at, size_t files)
{
	unsigned *shown = data, percent = (unsigned)(files ? at * 100 / files : 100);

	if (percent == *shown)
		return;
	*shown = percent;
	fprintf(stderr, "\rComparing: %u%%", percent);
}

static int report(const struct dedupe_result *r, bool json)
{
	OWN_BUF bytes = { 0 };

	if (json) {
		printf("{\"Files\": %zu, \"Shared\": %zu, \"SharedBytes\": %llu, \"SharedBefore\": %zu, \"Failed\": %zu}\n", r->files,
		       r->shared, (unsigned long long)r->shared_bytes, r->before, r->failed);
		return image_flush(r->failed ? 1 : 0);
	}
	human_size((double)r->shared_bytes, &bytes);
	printf("%zu files: %zu share the content of others now (%s), %zu did before\n", r->files, r->shared, buf_str(&bytes),
	       r->before);
	if (r->failed)
		fprintf(stderr, "onggi: %zu files could not be compared\n", r->failed);
	return image_flush(r->failed ? 1 : 0);
}

int verb_storage_dedupe(const struct image_call *call)
{
	long long min = opt_int(call->req, "@min-size", MIN_BYTES);
	bool json = opt_bool(call->req, "@json"), bar = !json && isatty(STDERR_FILENO);
	struct dedupe_result result;
	struct err e = { 0 };
	struct store store;
	unsigned shown = 101;

	if (min < 1) {
		err_new(&e, E_USAGE, EINVAL, "--min-size: at least one byte");
		return image_fail(&e);
	}
	if (store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	const struct dedupe_req q = { .store = &store, .min_bytes = (uint64_t)min, .told = bar ? tell : NULL, .data = &shown };
	int r = dedupe(&q, &result, &e);
	if (bar && shown <= 100)
		fputs("\r\033[K", stderr);
	store_close(&store);
	return r < 0 ? image_fail(&e) : report(&result, json);
}
