/* SPDX-License-Identifier: Apache-2.0
 *
 * The push of a list: see manifest_list.h. Members of registries go by a copy from there, members of the local store
 * as an image is pushed, the index last.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "registry/copy.h"
#include "registry/manifest_list.h"
#include "registry/push_int.h"
#include "registry/transport/transport.h"
#include "store/manifest_store.h"

struct list_push {
	const struct list_push_req *req;
	struct list_push_result *result;
	struct push_req image_req;
	struct push_result image_result;
	struct push push; /* of the members from the store */
	json_t *list;
	json_t *pushed;   /* the list as it was read: members from the store get other digests in @list */
};

/* where it goes */
static int target_find(struct list_push *l, struct err *e)
{
	const char *to = l->req->to ? l->req->to : l->req->list, *where;
	struct push *p = &l->push;
	const struct transport *kind;

	if (transport_find(to, &kind, &where, e) < 0 || kind != &transport_docker)
		return err_new(e, E_USAGE, EINVAL, "%.200s: a list is pushed to a registry", to);
	if (reference_parse_tagged(where, &p->ref, e) < 0)
		return -e->eno;
	return *p->ref.digest ? err_new(e, E_USAGE, EINVAL, "cannot push a digest reference") : 0;
}

static int step_open(void *ctx, struct err *e)
{
	struct list_push *l = ctx;
	struct push *p = &l->push;

	if (manifest_list_load(l->req->store, l->req->list, &l->list, e) < 0 || target_find(l, e) < 0 ||
	    compress_level_check(l->req->compression, l->req->level, e) < 0 || registry_config_load(&p->config, e) < 0)
		return -e->eno;
	l->pushed = json_deep_copy(l->list);
	if (!l->pushed)
		return err_new(e, E_NOMEM, ENOMEM, "list");
	p->config.all_insecure = l->req->insecure;
	if (http_open(&p->http, e) < 0)
		return -e->eno;
	return registry_open(&p->ref, &p->config, "pull,push", &p->cancel, &p->registry, e);
}

static int member_copy(struct list_push *l, const char *from, const char *digest, struct err *e)
{
	const struct reference *to = &l->push.ref;
	char source[REFERENCE_TEXT_MAX + 16], target[REFERENCE_TEXT_MAX + 16];
	const struct copy_req q = { .from = source, .to = target, .insecure = l->req->insecure,
				    .progress = l->req->progress, .data = l->req->data };
	struct copy_result done;
	int r = registry_manifest_has(l->push.registry, l->push.http, digest, e);

	if (r != 0)
		return r < 0 ? r : 0;
	(void)snprintf(source, sizeof source, "docker://%.511s@%s", from, digest);
	(void)snprintf(target, sizeof target, "docker://%s/%s", to->domain, to->path);
	return copy_image(&q, &done, e);
}

/* its layers may get another form there, and it another digest */
static int member_send(struct list_push *l, json_t *descriptor, struct err *e)
{
	struct registry_manifest child;
	struct push *p = &l->push;

	if (push_document(p, js_str(descriptor, "digest", ""), &child, e) < 0)
		return -e->eno;
	int r = registry_manifest_publish(p->registry, p->http, child.digest, &child, e);
	if (r == 0 && (json_object_set_new(descriptor, "digest", json_string(child.digest)) |
		       json_object_set_new(descriptor, "size", json_integer((json_int_t)child.n)) |
		       json_object_set_new(descriptor, "mediaType", json_string(child.content_type))))
		r = err_new(e, E_NOMEM, ENOMEM, "index");
	registry_manifest_done(&child);
	return r;
}

static int step_members(void *ctx, struct err *e)
{
	struct list_push *l = ctx;
	const json_t *entries = json_object_get(l->list, "entries");
	json_t *entry;
	size_t i;

	if (l->req->without_members)
		return 0;
	json_array_foreach(entries, i, entry) {
		const char *from = js_str(entry, "from", "");
		char digest[DIGEST_TEXT_MAX];
		(void)snprintf(digest, sizeof digest, "%s", js_str(entry, "descriptor.digest", ""));
		transfer_note(&l->push.teller, "Pushing %s (%zu/%zu)", digest, i + 1, json_array_size(entries));
		int r = *from ? member_copy(l, from, digest, e) : member_send(l, json_object_get(entry, "descriptor"), e);
		if (r < 0)
			return err_ctx(e, "member %s", digest);
	}
	return 0;
}

static int step_index(void *ctx, struct err *e)
{
	struct list_push *l = ctx;
	struct push *p = &l->push;
	struct registry_manifest m = { 0 };
	OWN_JSON index = NULL;
	const char *type;

	if (manifest_list_index(l->list, l->req->format, &index, &type, e) < 0)
		return -e->eno;
	OWN_STR text = json_dumps(index, JSON_COMPACT);
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	m.bytes = text;
	m.n = strlen(text);
	(void)snprintf(m.content_type, sizeof m.content_type, "%s", type);
	digest_sha256(m.bytes, m.n, m.digest);
	if (registry_manifest_publish(p->registry, p->http, p->ref.tag, &m, e) < 0)
		return err_ctx(e, "index");
	memcpy(l->result->digest, m.digest, sizeof m.digest);
	l->result->size_bytes = (int64_t)m.n;
	return 0;
}

static int step_purge(void *ctx, struct err *e)
{
	struct list_push *l = ctx;

	if (!l->req->purge || manifest_list_remove(l->req->store, l->req->list, l->pushed, e) == 0)
		return 0;
	/* somebody has added to it: that is not there yet */
	l->result->kept = e->kind == E_CONFLICT;
	if (!l->result->kept && e->kind != E_NOT_FOUND)
		return -e->eno;
	err_clear(e);
	return 0;
}

static const struct step list_push_steps[] = {
	{ "open", step_open, NULL },
	{ "members", step_members, NULL },
	{ "index", step_index, NULL },
	{ "purge", step_purge, NULL },
};
WAY_DEFINE(list_push_way, "manifest-push", list_push_steps);

int manifest_list_push(const struct list_push_req *req, struct list_push_result *ret, struct err *e)
{
	struct list_push l = {
		.req = req, .result = ret,
		.image_req = { .store = req->store, .format = req->compression, .level = req->level,
			       .recompress = req->recompress, .progress = req->progress, .data = req->data },
		.push = { .lease.fd = -1, .teller = { req->progress, req->data, PTHREAD_MUTEX_INITIALIZER } },
	};
	struct push *p = &l.push;

	*ret = (struct list_push_result){ 0 };
	p->req = &l.image_req;
	p->result = &l.image_result;
	int r = lease_open(req->store, &p->lease, e);
	if (r == 0)
		r = way_run(&list_push_way, &l, NULL, e);
	lease_close(&p->lease);
	registry_close(p->registry);
	http_close(p->http);
	registry_config_done(&p->config);
	(void)pthread_mutex_destroy(&p->teller.lock); /* nobody holds it */
	json_decref(l.pushed);
	json_decref(l.list);
	return r < 0 ? r : 0;
}
