/* SPDX-License-Identifier: Apache-2.0
 *
 * Another form for all images: see migrate.h. First every image gets the form that is wanted; then the other one
 * goes, layer by layer, where nothing needs it. A container that is made meanwhile over that other form may not see
 * it go: containers are looked at once more, and what they need is made again.
 */
#include "registry/migrate.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "registry/form.h"
#include "store/container.h"
#include "store/form_mark.h"
#include "store/image_gc.h"
#include "store/image_mount.h"
#include "store/snapshot.h"

struct migration {
	const struct migrate_req *q;
	struct migrate_result *result;
	enum store_form other;
	struct image *images;
	size_t n;
	json_t *keep;   /* chain IDs whose other form is needed, as keys */
	json_t *gone;   /* chain IDs that have lost it */
	json_t *seen;   /* chain IDs that were looked at, images share them */
};

static int add(json_t *set, const char *chain_id, struct err *e)
{
	return json_object_set_new(set, chain_id, json_true()) < 0 ? err_new(e, E_NOMEM, ENOMEM, "list of layers") : 0;
}

static int keep_image(struct migration *m, const struct image *img, struct err *e)
{
	for (size_t i = 0; i < img->n_chain_ids; i++)
		if (add(m->keep, img->chain_ids[i], e) < 0)
			return -e->eno;
	return 0;
}

static int make_all(struct migration *m, struct err *e)
{
	const struct store *s = m->q->store;

	for (size_t i = 0; i < m->n; i++) {
		struct image *img = &m->images[i];
		const char *const *chain = (const char *const *)img->chain_ids;
		if (img->store) /* its owner chooses */
			continue;
		bool ready = snapshot_is_ready(s, chain, img->n_chain_ids, s->form);
		struct err why = { 0 };
		int r = ready ? 0 : form_make(s, img->id, &why);
		m->q->told(m->q->data, img, i + 1, m->n, !ready, r < 0 ? &why : NULL);
		m->result->made += !ready && r == 0;
		m->result->failed += r < 0;
		if (r < 0 && keep_image(m, img, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* the chain of a container whose driver wants the other form; NULL: none such */
static const json_t *other_chain(struct migration *m, const struct container *c)
{
	const struct storage_ops *ops = &storage_overlay;
	const char *name = js_str(c->record, "Driver", "");
	struct err ignored = { 0 };

	/* a name that this version does not know: nothing of it is touched */
	if (*name && storage_by_name(m->q->store, name, &ops, &ignored) == 0 && ops->form != m->other)
		return NULL;
	return js_at(c->record, "Onggi.Chain");
}

/* calls @each for every layer whose other form a container needs */
static int each_used(struct migration *m, int (*each)(struct migration *m, const struct container *c, const char *chain_id,
						       struct err *e), struct err *e)
{
	OWN_PTR char (*ids)[65] = NULL;
	size_t n, k;
	json_t *v;

	if (container_ids(m->q->store, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(container_done) struct container c = CONTAINER_NULL;
		if (container_load(m->q->store, ids[i], &c, e) < 0) {
			if (!err_is_damage(e))
				return -e->eno;
			err_clear(e); /* gone meanwhile, or its record says nothing any more */
			continue;
		}
		json_array_foreach(other_chain(m, &c), k, v)
			if (json_is_string(v) && each(m, &c, json_string_value(v), e) < 0)
				return -e->eno;
	}
	return 0;
}

static int keep_used(struct migration *m, const struct container *c, const char *chain_id, struct err *e)
{
	(void)c;
	return add(m->keep, chain_id, e);
}

static int drop_layer(struct migration *m, const json_t *leased, const char *chain_id, struct err *e)
{
	const struct store *s = m->q->store;

	if (json_object_get(m->seen, chain_id) || !snapshot_exists_here(s, chain_id, m->other))
		return 0;
	if (add(m->seen, chain_id, e) < 0)
		return -e->eno;
	if (json_object_get(m->keep, chain_id) || need_has(leased, 'l', chain_id) ||
	    !snapshot_exists(s, chain_id, s->form)) {
		m->result->kept++;
		return 0;
	}
	if (add(m->gone, chain_id, e) < 0 || snapshot_hide_form(s, chain_id, m->other, e) < 0)
		return -e->eno;
	m->result->dropped++;
	return 0;
}

/* under the collector's lock: nobody counts on a layer while it goes who has not said so */
static int drop_all(struct migration *m, struct err *e)
{
	OWN_JSON leased = NULL;
	OWN_FD lock = -1;

	/* from here on makers of containers look again: they may not be seen yet */
	if (image_gc_lock(m->q->store, &lock, e) < 0 || form_mark_begin(m->q->store, e) < 0 ||
	    image_mark_leased(m->q->store, &leased, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < m->n; i++)
		if (image_is_mounted(m->q->store, m->images[i].id) && keep_image(m, &m->images[i], e) < 0)
			return -e->eno;
	if (each_used(m, keep_used, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < m->images[i].n_chain_ids; k++)
			if (drop_layer(m, leased, m->images[i].chain_ids[k], e) < 0)
				return -e->eno;
	return form_mark_end(m->q->store, e);
}

/* a container was made over it just before it went */
static int restore_used(struct migration *m, const struct container *c, const char *chain_id, struct err *e)
{
	struct store as_it_was = *m->q->store;

	as_it_was.form = m->other;
	if (!json_object_get(m->gone, chain_id))
		return 0;
	return form_make(&as_it_was, js_str(c->record, "Image", ""), e) < 0 ? err_ctx(e, "container %.12s", c->id) :
									      json_object_del(m->gone, chain_id);
}

int migrate(const struct migrate_req *q, struct migrate_result *ret, struct err *e)
{
	struct migration m = { .q = q, .result = ret, .other = q->store->form == STORE_TAR ? STORE_DIFF : STORE_TAR,
			       .keep = json_object(), .gone = json_object(), .seen = json_object() };

	*ret = (struct migrate_result){ 0 };
	int r = m.keep && m.gone && m.seen ? image_list(q->store, &m.images, &m.n, e) :
					     err_new(e, E_NOMEM, ENOMEM, "list of layers");
	ret->images = m.n;
	if (r == 0)
		r = make_all(&m, e);
	if (r == 0)
		r = drop_all(&m, e);
	if (r == 0)
		r = each_used(&m, restore_used, e);
	if (r == 0)
		r = image_sweep_tmp(q->store, e); /* and what killed ones left */
	for (size_t i = 0; i < m.n; i++)
		image_done(&m.images[i]);
	free(m.images);
	json_decref(m.keep);
	json_decref(m.gone);
	json_decref(m.seen);
	return r < 0 ? -e->eno : 0;
}
