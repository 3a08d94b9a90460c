/* SPDX-License-Identifier: Apache-2.0
 *
 * system check: a line for each fault, then the sum. Exit status 1 when damage is left.
 */
#include <stdio.h>

#include "base/own.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"
#include "store/check.h"

static void print(void *data, const struct check_fault *f)
{
	(void)data;
	if (f->store)
		printf("image store %s: ", f->store);
	printf("%s %s %s%s%s\n", f->kind, f->name, f->problem, f->mended ? "; " : "", f->mended ? f->mended : "");
}

static void collect(void *data, const struct check_fault *f)
{
	json_t *o = json_pack("{ss ss ss so}", "Kind", f->kind, "Name", f->name, "Problem", f->problem, "Mended",
			      f->mended ? json_string(f->mended) : json_null());
	if (f->store)
		(void)json_object_set_new(o, "Store", json_string(f->store));

	(void)json_array_append_new(data, o); /* out of memory: seen in the sum */
}

static int sum(const struct check_result *r, struct err *e)
{
	OWN_BUF size = { 0 };
	const unsigned long long left = r->faults - r->mended;

	human_size((double)r->bytes, &size);
	printf("%llu blobs (%s read), %llu images, %llu references, %llu containers", (unsigned long long)r->blobs,
	       buf_str(&size), (unsigned long long)r->images, (unsigned long long)r->references,
	       (unsigned long long)r->containers);
	if (r->sealed)
		printf(", %llu files under fs-verity", (unsigned long long)r->sealed);
	fputs(": ", stdout);
	if (!r->faults)
		puts("no damage");
	else
		printf("%llu found, %llu mended\n", (unsigned long long)r->faults, (unsigned long long)r->mended);
	if (!left)
		return 0;
	(void)err_new(e, E_CORRUPT, EUCLEAN, "the store is damaged: %llu left", left);
	err_hint(e, "system check --repair removes what is of no use; images that are not whole: rmi and pull again, or --repair-lossy");
	return -e->eno;
}

int cmd_check(struct cli *c, struct err *e)
{
	const bool lossy = opt_bool(c->req, "@repair-lossy"), as_json = opt_bool(c->req, "@json");
	OWN_JSON list = json_array();
	struct check_req q = { .store = &c->eng.store,
			       .others = opt_bool(c->req, "@image-stores"),
			       .quick = opt_bool(c->req, "@quick"),
			       .repair = lossy || opt_bool(c->req, "@repair"),
			       .lossy = lossy,
			       .found = as_json ? collect : print,
			       .data = list };
	struct check_result r;

	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "check");
	if (store_check(&q, &r, e) < 0)
		return -e->eno;
	if (!as_json)
		return sum(&r, e);
	OWN_JSON doc = json_pack("{sO sI sI sI sI sI}", "Faults", list, "Found", (json_int_t)r.faults, "Mended",
				 (json_int_t)r.mended, "Blobs", (json_int_t)r.blobs, "Images", (json_int_t)r.images, "Sealed",
				 (json_int_t)r.sealed);
	OWN_STR text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "check");
	puts(text);
	return r.faults > r.mended ? err_new(e, E_CORRUPT, EUCLEAN, "the store is damaged") : 0;
}
