/* SPDX-License-Identifier: Apache-2.0
 *
 * A copy in another form, see copy_int.h: OCI's manifests as docker's and back. Blobs stay, so the image ID does.
 */
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "registry/copy_int.h"
#include "registry/transport/docker_list.h"
#include "spec/manifest_list.h"

static const char *form_name(const struct part *p)
{
	return p->c->req->convert == PLACE_OCI ? "OCI" : "docker";
}

static int check_preserve(const struct part *p, struct err *e)
{
	if (!p->c->req->preserve)
		return 0;
	return err_new(e, E_UNSUPPORTED, ENOTSUP, "--preserve-digests: %s has another digest in the form of %s", p->raw.digest,
		       form_name(p));
}

static void raw_set(struct part *p, struct registry_manifest *m)
{
	registry_manifest_done(&p->raw);
	p->raw = *m;
	*m = (struct registry_manifest){ 0 };
}

int copy_form_image(struct part *p, struct err *e)
{
	const bool oci = p->c->req->convert == PLACE_OCI;
	struct registry_manifest m = { 0 };

	if (p->c->req->convert == PLACE_ANY || oci == !strcmp(p->m.media_type, MEDIA_OCI_MANIFEST))
		return 0;
	if (check_preserve(p, e) < 0)
		return -e->eno;
	if (docker_list_convert(&p->m, oci, &m, e) < 0)
		return err_ctx(e, "%s in the form of %s", p->raw.digest, form_name(p));
	raw_set(p, &m);
	return 0;
}

/* the list that @manifests are of; docker's form has no annotations */
static json_t *list_of(const struct part *p, const json_t *manifests, bool oci)
{
	json_t *list = manifest_list_new("index"), *entries = json_object_get(list, "entries"), *d;
	const json_t *annotations = json_object_get(p->m.json, "annotations");
	int bad = !list;
	size_t i;

	if (oci && annotations)
		bad |= json_object_set_new(list, "annotations", json_deep_copy(annotations));
	json_array_foreach(manifests, i, d) {
		json_t *copy = json_deep_copy(d);
		if (!oci)
			(void)json_object_del(copy, "annotations"); /* not there: as well */
		bad |= json_array_append_new(entries, json_pack("{s:o}", "descriptor", copy));
	}
	if (!bad)
		return list;
	json_decref(list);
	return NULL;
}

int copy_form_index(struct part *p, const json_t *manifests, bool changed, struct err *e)
{
	const bool oci = p->c->req->convert == PLACE_OCI;
	struct registry_manifest m = { 0 };
	OWN_JSON index = NULL;
	const char *type;

	if (p->c->req->convert == PLACE_ANY || (!changed && oci == !strcmp(p->m.media_type, MEDIA_OCI_INDEX)))
		return 0;
	if (check_preserve(p, e) < 0)
		return -e->eno;
	OWN_JSON list = list_of(p, manifests, oci);
	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	if (manifest_list_index(list, oci ? LIST_OCI : LIST_DOCKER, &index, &type, e) < 0)
		return err_ctx(e, "%s in the form of %s", p->raw.digest, form_name(p));
	m.bytes = json_dumps(index, JSON_COMPACT);
	if (!m.bytes)
		return err_new(e, E_NOMEM, ENOMEM, "index");
	m.n = strlen(m.bytes);
	(void)snprintf(m.content_type, sizeof m.content_type, "%s", type);
	digest_sha256(m.bytes, m.n, m.digest);
	raw_set(p, &m);
	return 0;
}
