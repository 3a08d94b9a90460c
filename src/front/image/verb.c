/* SPDX-License-Identifier: Apache-2.0
 *
 * Table of verbs, and what they share: see verb.h.
 */
#include "front/image/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/step.h"
#include "driver/storage/storage.h"
#include "format/js.h"
#include "front/cli/image_rows.h"
#include "front/image/access.h"
#include "spec/reference.h"

struct image_verb {
	const char *name;
	struct opt_set set;
	int min_args, max_args; /* -1: any number */
	int (*run)(const struct image_call *call);
};

static void print_way(void *data, const struct way *w)
{
	(void)data;
	for (size_t i = 0; i < w->n; i++)
		printf("%s %s\n", w->name, w->steps[i].name);
}

/* the step tables of this program, for the tests that break each step */
static int verb_ways(const struct image_call *call)
{
	(void)call;
	if (!way_faults()) {
		fputs("onggi: this build has no fault points\n", stderr);
		return 125;
	}
	way_each(print_way, NULL);
	return image_flush(0);
}

static const struct image_verb verbs[] = {
	{ "form", { NULL, 0 }, 4, 4, verb_form },
	{ "import", { import_rows, IMPORT_ROWS_N }, 1, 2, verb_import },
	{ "lazy", { pull_rows, PULL_ROWS_N }, 2, 2, verb_lazy },
	{ "lazy-serve", { NULL, 0 }, 3, 3, verb_lazy_serve },
	{ "load", { load_rows, LOAD_ROWS_N }, 0, 0, verb_load },
	{ "load-base", { NULL, 0 }, 0, 0, verb_load_base },
	{ "login", { login_rows, LOGIN_ROWS_N }, 0, 1, verb_login },
	{ "logout", { logout_rows, LOGOUT_ROWS_N }, 0, 1, verb_logout },
	{ "manifest add", { manifest_add_rows, MANIFEST_ADD_ROWS_N }, 2, -1, verb_manifest_add },
	{ "manifest create", { manifest_create_rows, MANIFEST_CREATE_ROWS_N }, 1, -1, verb_manifest_create },
	{ "manifest inspect", { manifest_inspect_rows, MANIFEST_INSPECT_ROWS_N }, 1, 2, verb_manifest_inspect },
	{ "manifest push", { manifest_push_rows, MANIFEST_PUSH_ROWS_N }, 1, 2, verb_manifest_push },
	{ "pull", { pull_rows, PULL_ROWS_N }, 1, 1, verb_pull },
	{ "push", { push_rows, PUSH_ROWS_N }, 1, 2, verb_push },
	{ "registry copy", { registry_copy_rows, REGISTRY_COPY_ROWS_N }, 2, 2, verb_registry_copy },
	{ "registry gc", { registry_gc_rows, REGISTRY_GC_ROWS_N }, 0, 0, verb_registry_gc },
	{ "registry ls", { registry_rows, REGISTRY_ROWS_N }, 1, 1, verb_registry_ls },
	{ "registry referrers", { registry_referrers_rows, REGISTRY_REFERRERS_ROWS_N }, 1, 1, verb_registry_referrers },
	{ "registry rm", { registry_rows, REGISTRY_ROWS_N }, 1, -1, verb_registry_rm },
	{ "registry serve", { registry_serve_rows, REGISTRY_SERVE_ROWS_N }, 0, 0, verb_registry_serve },
	{ "registry sync", { registry_sync_rows, REGISTRY_SYNC_ROWS_N }, 2, 2, verb_registry_sync },
	{ "registry tags", { registry_rows, REGISTRY_ROWS_N }, 1, 1, verb_registry_tags },
	{ "save", { save_rows, SAVE_ROWS_N }, 1, -1, verb_save },
	{ "search", { search_rows, SEARCH_ROWS_N }, 1, 1, verb_search },
	{ "storage dedupe", { storage_dedupe_rows, STORAGE_DEDUPE_ROWS_N }, 0, 0, verb_storage_dedupe },
	{ "storage migrate", { storage_migrate_rows, STORAGE_MIGRATE_ROWS_N }, 0, 0, verb_storage_migrate },
	{ "ways", { NULL, 0 }, 0, 0, verb_ways },
};

int image_store_open(struct store *ret, struct err *e)
{
	if (store_open(NULL, NULL, ret, e) < 0)
		return -e->eno;
	if (storage_open(ret, getenv("ONGGI_STORAGE_DRIVER"), e) == 0)
		return 0;
	store_close(ret);
	return -e->eno;
}

int image_fail(const struct err *e)
{
	fprintf(stderr, "onggi: %s\n", e->chain);
	if (*e->hint)
		fprintf(stderr, "hint: %s\n", e->hint);
	return 1;
}

int image_digest_file(const struct image_call *call, const char *digest, struct err *e)
{
	const char *file = opt_str(call->req, "@digestfile", NULL);

	return file ? io_replace_file(AT_FDCWD, file, digest, strlen(digest), 0644, 0, e) : 0;
}

void image_tell_tag(const char *reference)
{
	struct reference ref;
	struct err ignored = { 0 }; /* a bad name is told by whoever uses it */

	if (reference_parse(reference, &ref, &ignored) == 0 && !*ref.tag && !*ref.digest)
		puts("Using default tag: latest");
}

FILE *image_words_out(const char *place)
{
	return strstr(place, ":/dev/stdout") || strstr(place, ":/dev/fd/1") || strstr(place, ":/proc/self/fd/1") ? stderr :
														    stdout;
}

int image_flush(int status)
{
	if (fflush(stdout) == 0)
		return status;
	perror("onggi: write");
	return 1;
}

static const struct image_verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static int check_args(const struct image_verb *v, int n)
{
	if (n >= v->min_args && (v->max_args < 0 || n <= v->max_args))
		return 0;
	fprintf(stderr, "onggi: \"onggi %s\" requires %s %d argument(s).\n", v->name,
		v->min_args == v->max_args ? "exactly" : n < v->min_args ? "at least" : "at most",
		n < v->min_args ? v->min_args : v->max_args);
	return -EINVAL;
}

int image_run(int argc, char **argv)
{
	ARENA arena = { 0 };
	struct opt_result res = { 0 };
	struct err e = { 0 };
	const struct image_verb *v = argc > 0 ? find(argv[0]) : NULL;

	if (!v) {
		fprintf(stderr, "onggi-image: %s: it is run by onggi\n", argc > 0 ? "unknown verb" : "no verb");
		return 125;
	}
	if (opt_parse(&v->set, 1, argc - 1, argv + 1, 0, &arena, &res, &e) < 0) {
		(void)image_fail(&e);
		return 125;
	}
	OWN_JSON req = res.request;
	if (res.help || check_args(v, res.argc) < 0) {
		fprintf(stderr, "See 'onggi %s --help'.\n", v->name);
		return res.help ? 0 : 1;
	}
	if (json_is_false(json_object_get(req, "@disable-content-trust"))) {
		fputs("onggi: --disable-content-trust=false is not supported: there is no Notary client\n", stderr);
		return 125;
	}
	OWN_ACCESS access = { 0 };
	if (access_read(req, "", &access, &e) < 0) {
		(void)image_fail(&e);
		return 125;
	}
	const struct image_call call = { .req = req, .argv = res.argv, .argc = res.argc, .access = &access.is };
	return v->run(&call);
}
