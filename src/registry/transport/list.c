/* SPDX-License-Identifier: Apache-2.0
 *
 * A list in the making (store/manifest_store.h) as a source: its index, and its members from the local store and from
 * their registries. Not in the table: no user names it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/transport/files.h"
#include "registry/transport/transport.h"
#include "spec/manifest_list.h"
#include "store/blob.h"
#include "store/lease.h"
#include "store/manifest_store.h"

struct list_place {
	const struct store *store;
	const struct registry_config *config;
	const atomic_bool *cancel;
	struct lease lease;
	json_t *list;
	char *index;       /* its text */
	const char *type;
	struct place there; /* the repository of the member whose manifest was asked for last; kind NULL: the store */
};

static int list_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct list_place *l = calloc(1, sizeof *l);
	OWN_JSON index = NULL;

	if (!l)
		return err_new(e, E_NOMEM, ENOMEM, "list");
	p->state = l;
	l->store = q->store;
	l->config = q->config;
	l->cancel = q->cancel;
	l->lease.fd = -1;
	if (lease_open(q->store, &l->lease, e) < 0 || manifest_list_load(q->store, q->where, &l->list, e) < 0 ||
	    manifest_list_index(l->list, q->form == PLACE_OCI ? LIST_OCI : q->form == PLACE_ANY ? LIST_AUTO : LIST_DOCKER,
				&index, &l->type, e) < 0)
		return -e->eno;
	l->index = json_dumps(index, JSON_COMPACT);
	return l->index ? 0 : err_new(e, E_NOMEM, ENOMEM, "index");
}

static int index_get(const struct list_place *l, struct registry_manifest *ret, struct err *e)
{
	struct registry_manifest m = { .bytes = strdup(l->index), .n = strlen(l->index) };

	if (!m.bytes)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	(void)snprintf(m.content_type, sizeof m.content_type, "%s", l->type);
	digest_sha256(m.bytes, m.n, m.digest);
	*ret = m;
	return 0;
}

/* the blobs are kept by the list; by the lease, too, should it be removed meanwhile */
static int local_get(struct list_place *l, const char *digest, struct registry_manifest *ret, struct err *e)
{
	OWN_MANIFEST m = { 0 };
	OWN_STR text = NULL;
	size_t n;

	if (lease_add_blob(&l->lease, digest, e) < 0 || blob_read(l->store, digest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    manifest_parse(text, n, NULL, &m, e) < 0)
		return -e->eno;
	if (m.kind == MANIFEST_IMAGE && lease_add_blob(&l->lease, m.config.digest, e) < 0)
		return -e->eno;
	for (size_t i = 0; m.kind == MANIFEST_IMAGE && i < m.n_entries; i++)
		if (lease_add_blob(&l->lease, m.entries[i].digest, e) < 0)
			return -e->eno;
	return files_manifest_take(&text, n, digest, digest, ret, e);
}

/* @from: HOST/PATH */
static int there_open(struct list_place *l, const char *from, const char *digest, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	const struct place_req q = { .where = name, .config = l->config, .cancel = l->cancel };

	(void)snprintf(name, sizeof name, "%.511s@%s", from, digest);
	l->there.kind = &transport_docker;
	return place_open(&l->there, &q, e);
}

static int list_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			     struct err *e)
{
	struct list_place *l = p->state;

	if (!digest)
		return index_get(l, ret, e);
	const json_t *entry = manifest_list_find(l->list, digest);
	const char *from = js_str(entry, "from", "");
	if (entry) { /* else a member is an index, and this is one of its own */
		place_close(&l->there);
		if (*from && there_open(l, from, digest, e) < 0)
			return -e->eno;
	}
	return l->there.kind ? l->there.kind->manifest_get(&l->there, h, digest, ret, e) : local_get(l, digest, ret, e);
}

static int list_blob_get(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			 const struct registry_retry *retry, struct err *e)
{
	struct list_place *l = p->state;
	OWN_FD fd = -1;
	uint64_t size;

	if (l->there.kind)
		return l->there.kind->blob_get(&l->there, h, blob, sink, retry, e);
	if (blob_open(l->store, blob->digest, &fd, &size, e) < 0)
		return -e->eno;
	if ((int64_t)size != blob->size)
		return err_new(e, E_CORRUPT, EBADMSG, "blob %s has %lld bytes, not %lld", blob->digest, (long long)size,
			       (long long)blob->size);
	return files_feed(fd, 0, blob->size, sink, e);
}

static int list_blob_size(struct place *p, struct http *h, const char *digest, int64_t *ret, struct err *e)
{
	struct list_place *l = p->state;

	if (!l->there.kind) /* schema 1 is never in the store */
		return err_new(e, E_CORRUPT, EBADMSG, "a member from the store has a manifest of schema 1");
	return l->there.kind->blob_size(&l->there, h, digest, ret, e);
}

static void list_close(struct place *p)
{
	struct list_place *l = p->state;

	if (!l)
		return;
	place_close(&l->there);
	lease_close(&l->lease);
	json_decref(l->list);
	free(l->index);
	free(l);
}

const struct transport transport_list = {
	.name = "list",
	.online = true,
	.open = list_open,
	.manifest_get = list_manifest_get,
	.blob_get = list_blob_get,
	.blob_size = list_blob_size,
	.close = list_close,
};
