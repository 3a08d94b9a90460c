/* SPDX-License-Identifier: Apache-2.0
 *
 * The push of a list: see manifest_list.h. To a registry members of registries go by a copy from there, members of the
 * local store as an image is pushed, the index last. To files the list is a source of a copy (transport/list.c).
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

/* where it goes in a registry */
static int target_find(struct list_push *l, struct err *e)
{
	const char *to = l->req->to ? l->req->to : l->req->list, *where;
	struct push *p = &l->push;
	const struct transport *kind;

	if (transport_find(to, &kind, &where, e) < 0)
		return -e->eno;
	if (reference_parse_tagged(where, &p->ref, e) < 0)
		return -e->eno;
	return *p->ref.digest ? err_new(e, E_USAGE, EINVAL, "cannot push a digest reference") : 0;
}

static int step_open(void *ctx, struct err *e)
{
	struct list_push *l = ctx;
	struct push *p = &l->push;

	if (manifest_list_load(l->req->store, l->req->list, &l->list, e) < 0 || target_find(l, e) < 0 ||
	    compress_level_check(l->req->compression, l->req->level, e) < 0 || registry_config_load(l->req->access, &p->config, e) < 0)
		return -e->eno;
	l->pushed = json_deep_copy(l->list);
	if (!l->pushed)
		return err_new(e, E_NOMEM, ENOMEM, "list");
	if (http_open(&p->http, e) < 0)
		return -e->eno;
	return registry_open(&p->ref, &p->config, "pull,push", &p->cancel, &p->registry, e);
}

/* what became of a member at the target */
static int descriptor_set(json_t *descriptor, const char *digest, int64_t size, const char *type, struct err *e)
{
	if (json_object_set_new(descriptor, "digest", json_string(digest)) |
	    json_object_set_new(descriptor, "size", json_integer((json_int_t)size)) |
	    json_object_set_new(descriptor, "mediaType", json_string(type)))
		return err_new(e, E_NOMEM, ENOMEM, "index");
	return 0;
}

static int member_copy(struct list_push *l, const char *from, const char *digest, json_t *descriptor, struct err *e)
{
	const struct reference *to = &l->push.ref;
	char source[REFERENCE_TEXT_MAX + 16], target[REFERENCE_TEXT_MAX + 16];
	/* credentials that were given for the target are not shown to another registry */
	struct registry_access there = l->req->access ? *l->req->access : (struct registry_access){ 0 };
	if (strncmp(from, to->domain, strlen(to->domain)) || from[strlen(to->domain)] != '/')
		there.user = there.password = NULL;
	const struct copy_req q = { .from = source, .to = target, .from_access = &there, .to_access = l->req->access,
				    .progress = l->req->progress, .data = l->req->data };
	struct copy_result done;
	int r = registry_manifest_has(l->push.registry, l->push.http, digest, e);

	if (r != 0)
		return r < 0 ? r : 0;
	(void)snprintf(source, sizeof source, "docker://%.511s@%s", from, digest);
	(void)snprintf(target, sizeof target, "docker://%s/%s", to->domain, to->path);
	if (copy_image(&q, &done, e) < 0)
		return -e->eno;
	if (!strcmp(done.digest, digest))
		return 0;
	return descriptor_set(descriptor, done.digest, done.size_bytes, done.media_type, e); /* schema 1, converted */
}

/* its layers may get another form there, and it another digest */
static int member_send(struct list_push *l, json_t *descriptor, struct err *e)
{
	struct registry_manifest child;
	struct push *p = &l->push;

	if (push_document(p, js_str(descriptor, "digest", ""), &child, e) < 0)
		return -e->eno;
	int r = registry_manifest_publish(p->registry, p->http, child.digest, &child, e);
	if (r == 0)
		r = descriptor_set(descriptor, child.digest, (int64_t)child.n, child.content_type, e);
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
		json_t *descriptor = json_object_get(entry, "descriptor");
		int r = *from ? member_copy(l, from, digest, descriptor, e) : member_send(l, descriptor, e);
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

/* ---- to files ---- */

static int place_check(const struct list_push_req *q, const struct transport *kind, struct err *e)
{
	if (kind->single) {
		(void)err_new(e, E_USAGE, EINVAL, "%.200s: %s: has room for one image, not for a list", q->to, kind->name);
		err_hint(e, "a list is pushed to a registry, to oci:, oci-archive: or dir:");
		return -EINVAL;
	}
	if (q->compression != COMPRESS_NONE || q->level || q->recompress)
		return err_new(e, E_USAGE, EINVAL, "layers are compressed for registries only: %.200s", q->to);
	if (q->access && q->access->user)
		return err_new(e, E_USAGE, EINVAL, "--creds is for the registry that is pushed to: %.200s is none", q->to);
	return 0;
}

static int step_copy(void *ctx, struct err *e)
{
	struct list_push *l = ctx;
	const struct list_push_req *r = l->req;
	const struct transport *kind;
	const char *where;
	struct copy_result done;

	if (manifest_list_load(r->store, r->list, &l->pushed, e) < 0 || transport_find(r->to, &kind, &where, e) < 0 ||
	    place_check(r, kind, e) < 0)
		return -e->eno;
	const enum place_form form = r->format == LIST_OCI    ? PLACE_OCI :
				     r->format == LIST_DOCKER ? PLACE_DOCKER : kind->form;
	const struct copy_req q = { .from = r->list, .from_kind = transport_list.name, .to = r->to, .store = r->store,
				    .form = form, .convert = kind->form ? form : PLACE_ANY,
				    .index_alone = r->without_members, .from_access = r->access,
				    .progress = r->progress, .data = r->data };
	if (copy_image(&q, &done, e) < 0)
		return -e->eno;
	memcpy(l->result->digest, done.digest, sizeof done.digest);
	l->result->size_bytes = done.size_bytes;
	return 0;
}

static const struct step list_place_steps[] = {
	{ "copy", step_copy, NULL },
	{ "purge", step_purge, NULL },
};
WAY_DEFINE(list_place_way, "manifest-push-files", list_place_steps);

static bool is_place(const char *to)
{
	const struct transport *kind;
	const char *where;
	struct err ignored = { 0 }; /* it is told when it is looked at again */

	return to && transport_find(to, &kind, &where, &ignored) == 0 && kind != &transport_docker;
}

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
		r = way_run(is_place(req->to) ? &list_place_way : &list_push_way, &l, NULL, e);
	lease_close(&p->lease);
	registry_close(p->registry);
	http_close(p->http);
	registry_config_done(&p->config);
	(void)pthread_mutex_destroy(&p->teller.lock); /* nobody holds it */
	json_decref(l.pushed);
	json_decref(l.list);
	return r < 0 ? r : 0;
}
