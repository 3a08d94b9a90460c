/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image registry copy|ls|referrers|rm|tags: what is in a registry, without the local store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "format/js.h"
#include "front/cli/opt.h"
#include "front/image/access.h"
#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/client.h"
#include "registry/copy.h"

/* a repository that is asked about */
struct there {
	struct reference ref;
	struct registry_config config;
	struct registry *registry;
	struct http *http;
};

static int there_open(struct there *t, const struct image_call *call, const char *actions, struct err *e)
{
	if (registry_config_load(call->access, &t->config, e) < 0 || http_open(&t->http, e) < 0)
		return -e->eno;
	return registry_open(&t->ref, &t->config, actions, NULL, &t->registry, e);
}

static void there_close(struct there *t)
{
	registry_close(t->registry);
	http_close(t->http);
	registry_config_done(&t->config);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* sorted, as the spec wants a registry to do */
static int print_names(char **names, size_t n)
{
	if (n)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++)
		puts(names[i]);
	registry_tags_free(names, n);
	return image_flush(0);
}

int verb_registry_tags(const struct image_call *call)
{
	struct there t = { 0 };
	struct err e = { 0 };
	char **names;
	size_t n;

	int r = reference_parse(call->argv[0], &t.ref, &e);
	if (r == 0 && (*t.ref.tag || *t.ref.digest))
		r = err_new(&e, E_USAGE, EINVAL, "%s: the name of a repository, without tag and digest, is wanted", call->argv[0]);
	if (r == 0)
		r = there_open(&t, call, "pull", &e);
	if (r == 0)
		r = registry_tags(t.registry, t.http, &names, &n, &e);
	int status = r < 0 ? image_fail(&e) : print_names(names, n);
	there_close(&t);
	return status;
}

int verb_registry_ls(const struct image_call *call)
{
	char name[REFERENCE_NAME_MAX + 8];
	struct there t = { 0 };
	struct err e = { 0 };
	char **names;
	size_t n;
	int r = 0;

	/* the path matters to nobody: the list is of the whole registry */
	if (snprintf(name, sizeof name, "%s/all", call->argv[0]) >= (int)sizeof name)
		r = err_new(&e, E_USAGE, ENAMETOOLONG, "%.40s...: no name of a registry", call->argv[0]);
	if (r == 0)
		r = reference_parse(name, &t.ref, &e);
	if (r == 0 && strcmp(t.ref.path, "all") != 0)
		r = err_new(&e, E_USAGE, EINVAL, "%s: HOST[:PORT] of a registry is wanted", call->argv[0]);
	if (r == 0)
		r = there_open(&t, call, "pull", &e);
	if (r == 0)
		r = registry_catalog(t.registry, t.http, &names, &n, &e);
	int status = r < 0 ? image_fail(&e) : print_names(names, n);
	there_close(&t);
	return status;
}

/* the digest that t->ref names */
static int digest_find(struct there *t, char ret[DIGEST_TEXT_MAX], struct err *e)
{
	struct registry_manifest m = { 0 };

	if (*t->ref.digest) {
		(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", t->ref.digest);
		return 0;
	}
	if (registry_manifest_get(t->registry, t->http, t->ref.tag, &m, e) < 0)
		return -e->eno;
	(void)snprintf(ret, DIGEST_TEXT_MAX, "%s", m.digest);
	registry_manifest_done(&m);
	return 0;
}

static int print_referrers(const json_t *index, bool as_json)
{
	OWN_STR text = NULL;
	json_t *d;
	size_t i;

	if (as_json) {
		text = json_dumps(index, JSON_COMPACT);
		puts(text ? text : "");
		return image_flush(text ? 0 : 1);
	}
	printf("%-72s %-60s %s\n", "DIGEST", "ARTIFACT TYPE", "SIZE");
	json_array_foreach(json_object_get(index, "manifests"), i, d) {
		OWN_STR type = strdup(js_str(d, "artifactType", ""));
		for (char *p = type; p && *p; p++) /* what a registry says goes to a terminal */
			*p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
		printf("%-72s %-60s %lld\n", js_str(d, "digest", ""), type && *type ? type : "-",
		       (long long)js_int(d, "size", 0));
	}
	return image_flush(0);
}

int verb_registry_referrers(const struct image_call *call)
{
	struct there t = { 0 };
	struct err e = { 0 };
	OWN_JSON index = NULL;
	char digest[DIGEST_TEXT_MAX];

	int r = reference_parse_tagged(call->argv[0], &t.ref, &e);
	if (r == 0)
		r = there_open(&t, call, "pull", &e);
	if (r == 0)
		r = digest_find(&t, digest, &e);
	if (r == 0)
		r = registry_referrers(t.registry, t.http, digest, opt_str(call->req, "@artifact-type", NULL), &index, &e);
	int status = r < 0 ? image_fail(&e) : print_referrers(index, opt_bool(call->req, "@json"));
	there_close(&t);
	return status;
}

static int rm_one(const struct image_call *call, const char *name, struct err *e)
{
	struct there t = { 0 };

	int r = reference_parse(name, &t.ref, e);
	if (r == 0 && !*t.ref.tag && !*t.ref.digest)
		r = err_new(e, E_USAGE, EINVAL, "%s: say which tag (NAME:TAG) or manifest (NAME@DIGEST)", name);
	if (r == 0)
		r = there_open(&t, call, "pull,push,delete", e);
	if (r == 0 && *t.ref.digest)
		r = registry_manifest_unpublish(t.registry, t.http, t.ref.digest, e);
	else if (r == 0)
		r = registry_manifest_delete(t.registry, t.http, t.ref.tag, e);
	if (r < 0 && e->kind == E_UNSUPPORTED) {
		(void)err_ctx(e, "%s", name);
		err_hint(e, *t.ref.digest ? "deleting is switched off in many registries (docker-registry: storage.delete.enabled)" :
			    "this registry may delete manifests only: NAME@DIGEST, which takes all its tags along");
	}
	there_close(&t);
	return r;
}

int verb_registry_rm(const struct image_call *call)
{
	int status = 0;

	for (int i = 0; i < call->argc; i++) {
		struct err e = { 0 };
		if (rm_one(call, call->argv[i], &e) < 0)
			status = image_fail(&e);
		else
			printf("Deleted: %s\n", call->argv[i]);
	}
	return image_flush(status);
}

int verb_registry_copy(const struct image_call *call)
{
	FILE *out = image_words_out(call->argv[1]);
	bool quiet = opt_bool(call->req, "@quiet");
	struct copy_req q = { .from = call->argv[0],
			      .to = call->argv[1],
			      .platform = opt_str(call->req, "@platform", NULL),
			      .all = opt_bool(call->req, "@all"),
			      .preserve = opt_bool(call->req, "@preserve-digests"),
			      .all_tags = opt_bool(call->req, "@all-tags"),
			      .referrers = opt_bool(call->req, "@referrers") };
	const char *format = opt_str(call->req, "@format", NULL);
	struct copy_result result;
	struct progress progress;
	struct err e = { 0 };
	OWN_ACCESS from = { 0 };
	OWN_ACCESS to = { 0 };

	if ((format && place_form_parse(format, &q.convert, &e) < 0) || access_read(call->req, "src-", &from, &e) < 0 ||
	    access_read(call->req, "dest-", &to, &e) < 0)
		return image_fail(&e);
	q.from_access = &from.is;
	q.to_access = &to.is;
	progress_init(&progress, out);
	if (!quiet) {
		q.progress = progress_event;
		q.data = &progress;
	}
	int r = copy_image(&q, &result, &e);
	progress_done(&progress);
	if (r < 0)
		return image_fail(&e);
	fprintf(out, quiet ? "%s\n" : "Copied: %s\n", result.digest);
	return image_flush(0);
}
