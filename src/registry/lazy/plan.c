/* SPDX-License-Identifier: Apache-2.0
 *
 * Which layers of an image may come late. Those are the topmost ones: what lies below a layer that has to be unpacked
 * is unpacked too, so that overlay and settling find one kind of layer above the other.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "registry/lazy/fetch.h"
#include "registry/lazy/lazy.h"
#include "registry/lazy/lazy_int.h"
#include "registry/pull_int.h"
#include "store/blob.h"
#include "store/lazy.h"

/* what the registry has of layer @i is fit for it, or @e says why not */
static int try_layer(struct pull *p, size_t i, struct err *e)
{
	const struct pull_layer *pl = &p->layers[i];
	struct lazy_layer l = { .size_bytes = (uint64_t)pl->blob->size, .number = (unsigned)i };
	struct toc_place place;
	OWN_STR text = NULL;
	size_t n;

	if (lazy_toc_fetch(p->registry, p->http, pl->blob, &place, &text, &n, e) < 0 || lazy_tree_open(&l, e) < 0)
		return -e->eno;
	int r = lazy_tree_read(&l, &place, text, n, e);
	lazy_tree_close(&l);
	return r < 0 ? r : lazy_toc_keep(p, i, &place, text, n, e);
}

/* a process shows the image already */
static bool is_served(const struct pull *p)
{
	const struct store *s = p->req->store;

	return lazy_is_served(s, p->layers[p->n_layers - 1].chain_id) && lazy_is_pending(s, p->manifest.config.digest);
}

int lazy_plan(struct pull *p, struct err *e)
{
	const char *why = p->req->late_not ? p->req->late_not : p->schema1 ? "the manifest is of schema 1" :
			  storage_in_userns() ? "only root of the host can show them" : NULL;
	struct err odd = { 0 };
	size_t first = 0;

	if (p->present || !p->n_layers)
		return 0;
	if (!why && is_served(p)) {
		p->result->late = true;
		p->n_first = 0;
		return 0;
	}
	while (first < p->n_layers && storage_layer_exists(p->req->store, p->layers[first].chain_id))
		first++;
	/* from the top: the first that is not fit decides about all below it */
	size_t i = p->n_layers;
	for (; !why && i > first; i--) {
		if (try_layer(p, i - 1, &odd) == 0)
			continue;
		if (odd.kind == E_NOMEM || odd.kind == E_NOSPACE || odd.kind == E_CANCELLED) {
			*e = odd;
			return -e->eno;
		}
		transfer_note(&p->teller, "%s: has to be here before the start: %s", p->layers[i - 1].name, odd.chain);
		break;
	}
	if (why) {
		transfer_note(&p->teller, "All layers have to be here before the start: %s", why);
		i = p->n_layers;
	}
	p->n_first = i;
	p->result->late = i < p->n_layers;
	return 0;
}
