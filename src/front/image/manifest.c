/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image manifest create|add|inspect|push: lists in the making where registries are asked. The other verbs are in
 * onggi itself (front/cli/cmd_manifest.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "front/cli/manifest_flags.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/manifest_list.h"
#include "spec/manifest.h"
#include "store/manifest_store.h"

struct addition {
	json_t *entries;
	const struct manifest_edit *edit; /* of each entry */
	const json_t *annotations;        /* of the list */
	json_t *index;                    /* out: what it is now */
};

static int addition_make(void *data, json_t *list, struct err *e)
{
	struct addition *a = data;
	const struct manifest_edit whole = { .annotations = a->annotations };
	const char *type;
	json_t *entry;
	size_t i;

	json_array_foreach(a->entries, i, entry)
		if ((a->edit && manifest_list_edit(entry, a->edit, e) < 0) ||
		    manifest_list_put(list, json_incref(entry), e) < 0)
			return -e->eno;
	if (manifest_list_edit(list, &whole, e) < 0)
		return -e->eno;
	return manifest_list_index(list, LIST_AUTO, &a->index, &type, e);
}

/* argv[1..]: images; the list changes when all are known, or not at all */
static int members_add(const struct image_call *call, const char *name, enum manifest_list_make make,
		       struct addition *a, struct err *e)
{
	OWN_JSON entries = json_array();
	struct lease lease = { .fd = -1 };
	struct store store;

	if (!entries)
		return err_new(e, E_NOMEM, ENOMEM, "entries");
	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	int r = lease_open(&store, &lease, e);
	for (int i = 1; r == 0 && i < call->argc; i++) {
		const struct member_req q = { .store = &store, .lease = &lease, .name = call->argv[i],
					      .all = opt_bool(call->req, "@all"), .access = call->access,
					      .os = a->edit ? a->edit->os : NULL, .arch = a->edit ? a->edit->arch : NULL,
					      .variant = a->edit ? a->edit->variant : NULL };
		r = member_resolve(&q, entries, e);
	}
	a->entries = entries;
	if (r == 0)
		r = manifest_list_change(&store, name, make, addition_make, a, e);
	lease_close(&lease);
	store_close(&store);
	return r;
}

int verb_manifest_create(const struct image_call *call)
{
	char name[REFERENCE_TEXT_MAX];
	struct addition a = { .annotations = json_object_get(call->req, "@annotation") };
	struct err e = { 0 };

	if (manifest_name(call->argv[0], name, &e) < 0 ||
	    members_add(call, name, opt_bool(call->req, "@amend") ? LIST_MAY_EXIST : LIST_MUST_BE_NEW, &a, &e) < 0)
		return image_fail(&e);
	json_decref(a.index);
	printf("Created manifest list %s\n", name);
	return image_flush(0);
}

int verb_manifest_add(const struct image_call *call)
{
	char name[REFERENCE_TEXT_MAX], digest[DIGEST_TEXT_MAX];
	struct manifest_flags flags;
	struct addition a = { .edit = &flags.edit };
	struct err e = { 0 };

	int r = manifest_flags_read(call->req, &flags, &e);
	if (r == 0)
		r = manifest_name(call->argv[0], name, &e);
	if (r == 0)
		r = members_add(call, name, LIST_MUST_EXIST, &a, &e);
	manifest_flags_done(&flags);
	OWN_JSON index = a.index;
	OWN_STR text = index ? json_dumps(index, JSON_COMPACT) : NULL;
	if (r < 0)
		return image_fail(&e);
	digest_sha256(text ? text : "", text ? strlen(text) : 0, digest);
	puts(digest);
	return image_flush(0);
}

/* ---- inspect ---- */

static int print_json(const json_t *j, struct err *e)
{
	OWN_STR text = json_dumps(j, JSON_INDENT(4));

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "output");
	puts(text);
	return 0;
}

static int print_bytes(const char *text, size_t n, struct err *e)
{
	OWN_JSON j = NULL;

	return js_parse(text, n, "manifest", &j, e) < 0 ? -e->eno : print_json(j, e);
}

/* docker's object of -v; @text: the manifest, NULL: to be fetched */
static json_t *verbose(const struct store *s, const json_t *entry, const struct registry_access *access, struct err *e)
{
	const json_t *d = json_object_get(entry, "descriptor");
	const char *from = js_str(entry, "from", ""), *digest = js_str(d, "digest", "");
	bool oci = !strcmp(js_str(d, "mediaType", ""), MEDIA_OCI_MANIFEST);
	OWN_STR text = NULL;
	OWN_JSON manifest = NULL;
	size_t n;

	if (member_bytes(s, entry, access, &text, &n, e) < 0 || js_parse(text, n, "manifest", &manifest, e) < 0)
		return NULL;
	json_t *o = json_pack("{s:o, s:O, s:O}", "Ref",
			      *from ? json_sprintf("%s@%s", from, digest) : json_string(js_str(entry, "ref", "")),
			      "Descriptor", d, oci ? "OCIManifest" : "SchemaV2Manifest", manifest);
	if (!o)
		(void)err_new(e, E_NOMEM, ENOMEM, "output");
	return o;
}

static int print_verbose(const struct store *s, const json_t *entries, bool list, const struct registry_access *access, struct err *e)
{
	OWN_JSON all = json_array();
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry) {
		json_t *o = verbose(s, entry, access, e);
		if (!o)
			return -e->eno;
		if (json_array_append_new(all, o) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "output");
	}
	return print_json(list ? all : json_array_get(all, 0), e);
}

static int inspect_list(const struct store *s, const json_t *list, const struct image_call *call, struct err *e)
{
	OWN_JSON index = NULL;
	const char *type;

	if (opt_bool(call->req, "@verbose"))
		return print_verbose(s, json_object_get(list, "entries"), true, call->access, e);
	if (manifest_list_index(list, LIST_AUTO, &index, &type, e) < 0)
		return -e->eno;
	return print_json(index, e);
}

static int inspect_remote(const struct store *s, const char *name, const struct image_call *call, struct err *e)
{
	OWN_STR text = NULL;
	OWN_JSON entries = NULL;
	OWN_MANIFEST m = { 0 };
	size_t n;

	if (!strncmp(name, "docker://", 9))
		name += 9;
	if (manifest_fetch(name, call->access, &text, &n, &entries, e) < 0)
		return -e->eno;
	if (!opt_bool(call->req, "@verbose"))
		return print_bytes(text, n, e);
	if (manifest_parse(text, n, NULL, &m, e) < 0) /* also what it has no entries of: schema 1 */
		return -e->eno;
	return print_verbose(s, entries, m.kind == MANIFEST_INDEX, call->access, e);
}

/* one member of a list */
static int inspect_member(const struct store *s, const char *list_name, const struct image_call *call, struct err *e)
{
	char member[REFERENCE_TEXT_MAX];
	OWN_JSON list = NULL;
	OWN_STR text = NULL;
	size_t n;

	if (manifest_list_load(s, list_name, &list, e) < 0 || manifest_member_name(call->argv[1], member, e) < 0)
		return -e->eno;
	const json_t *entry = manifest_list_find(list, member);
	if (!entry)
		return err_new(e, E_NOT_FOUND, ENOENT, "manifest for image %s does not exist in %s", member, list_name);
	if (opt_bool(call->req, "@verbose")) {
		OWN_JSON o = verbose(s, entry, call->access, e);
		return o ? print_json(o, e) : -e->eno;
	}
	if (member_bytes(s, entry, call->access, &text, &n, e) < 0)
		return -e->eno;
	return print_bytes(text, n, e);
}

static int inspect(const struct store *s, const struct image_call *call, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];
	OWN_JSON list = NULL;

	if (call->argc == 2)
		return manifest_name(call->argv[0], name, e) < 0 ? -e->eno : inspect_member(s, name, call, e);
	/* a name with a digest, or with a transport, is none of a list */
	if (manifest_name(call->argv[0], name, e) == 0 && manifest_list_load(s, name, &list, e) == 0)
		return inspect_list(s, list, call, e);
	if (e->kind != E_NOT_FOUND && e->kind != E_INVALID)
		return -e->eno;
	err_clear(e);
	return inspect_remote(s, call->argv[0], call, e);
}

int verb_manifest_inspect(const struct image_call *call)
{
	struct store store;
	struct err e = { 0 };

	if (store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	int r = inspect(&store, call, &e);
	store_close(&store);
	return r < 0 ? image_fail(&e) : image_flush(0);
}

/* ---- push ---- */

static int push_flags(const struct image_call *call, struct list_push_req *q, struct err *e)
{
	const char *format = opt_str(call->req, "@format", NULL);
	const char *compression = opt_str(call->req, "@compression-format", NULL);

	if ((format && manifest_list_format_parse(format, &q->format, e) < 0) ||
	    (compression && compress_format_parse(compression, &q->compression, e) < 0))
		return -e->eno;
	return 0;
}

static int push_done(const struct image_call *call, FILE *out, const struct list_push_result *r, struct err *e)
{
	if (image_digest_file(call, r->digest, e) < 0)
		return -e->eno;
	if (r->kept)
		fputs("WARNING: the list was changed during the push: it stays\n", stderr);
	fprintf(out, "%s\n", r->digest);
	return 0;
}

int verb_manifest_push(const struct image_call *call)
{
	char name[REFERENCE_TEXT_MAX];
	struct list_push_req q = { .list = name, .to = call->argc > 1 ? call->argv[1] : NULL,
				   .purge = opt_bool(call->req, "@purge") || opt_bool(call->req, "@rm"),
				   .without_members = json_is_false(json_object_get(call->req, "@all")),
				   .level = (int)opt_int(call->req, "@compression-level", 0),
				   .recompress = opt_bool(call->req, "@force-compression"), .access = call->access };
	FILE *out = q.to ? image_words_out(q.to) : stdout;
	struct list_push_result result;
	struct progress progress;
	struct store store;
	struct err e = { 0 };

	if (push_flags(call, &q, &e) < 0 || manifest_name(call->argv[0], name, &e) < 0 ||
	    store_open(NULL, NULL, &store, &e) < 0)
		return image_fail(&e);
	progress_init(&progress, out);
	q.store = &store;
	if (!opt_bool(call->req, "@quiet")) {
		q.progress = progress_event;
		q.data = &progress;
	}
	int r = manifest_list_push(&q, &result, &e);
	progress_done(&progress);
	if (r == 0)
		r = push_done(call, out, &result, &e);
	store_close(&store);
	return r < 0 ? image_fail(&e) : image_flush(0);
}
