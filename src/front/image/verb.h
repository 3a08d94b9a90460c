/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of onggi-image, the program that holds the heavy libraries. Each is a row with its flags;
 * it prints and returns the exit status.
 */
#ifndef ONGGI_FRONT_IMAGE_VERB_H
#define ONGGI_FRONT_IMAGE_VERB_H

#include <stdio.h>

#include "base/err.h"
#include "format/json.h"
#include "registry/access.h"
#include "store/store.h"

/* What a verb is asked to do: docker's own flags by the rows that onggi parses too. */
struct image_call {
	const json_t *req; /* values of the flags, see front/cli/opt.h */
	char **argv;       /* positional arguments, ended by NULL */
	int argc;
	const struct registry_access *access; /* by the flags; of commands with two registries: those for both */
};

/** image_run - find the verb argv[0], parse the rest by its rows, run it. Returns the exit status. */
int image_run(int argc, char **argv);
/** image_store_open - the store of the environment (ONGGI_ROOT, ONGGI_RUN), to put layers into for the driver
 * of ONGGI_STORAGE_DRIVER. */
int image_store_open(struct store *ret, struct err *e);
/** image_fail - print @e once, with its hint, to stderr. Returns the exit status 1. */
int image_fail(const struct err *e);
/** image_digest_file - `--digestfile` of a push: @digest, without a line end. */
int image_digest_file(const struct image_call *call, const char *digest, struct err *e);
/** image_tell_tag - docker's word about a reference without tag and digest. */
void image_tell_tag(const char *reference);
/** image_words_out - where words go beside @place, which an archive may be written to: standard error where that is
 * standard output. */
FILE *image_words_out(const char *place);
/** image_flush - the end of what was printed: @status, or 1 when standard output failed. */
int image_flush(int status);

/* each returns the exit status */
int verb_form(const struct image_call *call);
int verb_import(const struct image_call *call);
int verb_lazy(const struct image_call *call);
int verb_lazy_serve(const struct image_call *call);
int verb_load(const struct image_call *call);
int verb_load_base(const struct image_call *call);
int verb_login(const struct image_call *call);
int verb_logout(const struct image_call *call);
int verb_manifest_add(const struct image_call *call);
int verb_manifest_create(const struct image_call *call);
int verb_manifest_inspect(const struct image_call *call);
int verb_manifest_push(const struct image_call *call);
int verb_pull(const struct image_call *call);
int verb_push(const struct image_call *call);
int verb_registry_copy(const struct image_call *call);
int verb_registry_gc(const struct image_call *call);
int verb_registry_ls(const struct image_call *call);
int verb_registry_referrers(const struct image_call *call);
int verb_registry_rm(const struct image_call *call);
int verb_registry_serve(const struct image_call *call);
int verb_registry_sync(const struct image_call *call);
int verb_registry_tags(const struct image_call *call);
int verb_save(const struct image_call *call);
int verb_search(const struct image_call *call);
int verb_storage_dedupe(const struct image_call *call);
int verb_storage_migrate(const struct image_call *call);

#endif
