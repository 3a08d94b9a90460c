/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of the commands that `onggi-image` carries out. Both programs read them: onggi for the
 * command line, --help and completion, onggi-image for the words that it was handed.
 */
#ifndef ONGGI_FRONT_CLI_IMAGE_ROWS_H
#define ONGGI_FRONT_CLI_IMAGE_ROWS_H

#include "front/cli/opt.h"

/* one per line, so that who adds a row changes nobody else's line */
enum {
	REGISTRY_ROWS_N = 7,
	TWO_SIDES_ROWS_N = 10 + REGISTRY_ROWS_N + 1,
	IMPORT_ROWS_N = 3,
	LOAD_ROWS_N = 3,
	LOGIN_ROWS_N = 7,
	LOGOUT_ROWS_N = 2,
	MANIFEST_ADD_ROWS_N = 8 + REGISTRY_ROWS_N,
	MANIFEST_CREATE_ROWS_N = 3 + REGISTRY_ROWS_N,
	MANIFEST_INSPECT_ROWS_N = 1 + REGISTRY_ROWS_N,
	MANIFEST_PUSH_ROWS_N = 10 + REGISTRY_ROWS_N,
	PULL_ROWS_N = 7 + REGISTRY_ROWS_N,
	PUSH_ROWS_N = 9 + REGISTRY_ROWS_N,
	REGISTRY_COPY_ROWS_N = 7 + TWO_SIDES_ROWS_N,
	REGISTRY_GC_ROWS_N = 5,
	REGISTRY_REFERRERS_ROWS_N = 2 + REGISTRY_ROWS_N,
	REGISTRY_SERVE_ROWS_N = 14,
	REGISTRY_SYNC_ROWS_N = 10 + TWO_SIDES_ROWS_N,
	SAVE_ROWS_N = 7,
	SEARCH_ROWS_N = 5 + REGISTRY_ROWS_N,
	STORAGE_DEDUPE_ROWS_N = 2,
	STORAGE_MIGRATE_ROWS_N = 2,
};

extern const struct opt pull_rows[PULL_ROWS_N];
extern const struct opt load_rows[LOAD_ROWS_N];
extern const struct opt login_rows[LOGIN_ROWS_N];
extern const struct opt logout_rows[LOGOUT_ROWS_N];
extern const struct opt push_rows[PUSH_ROWS_N];
extern const struct opt save_rows[SAVE_ROWS_N];
extern const struct opt registry_copy_rows[REGISTRY_COPY_ROWS_N];
extern const struct opt registry_gc_rows[REGISTRY_GC_ROWS_N];
extern const struct opt registry_referrers_rows[REGISTRY_REFERRERS_ROWS_N];
extern const struct opt registry_rows[REGISTRY_ROWS_N];
extern const struct opt registry_serve_rows[REGISTRY_SERVE_ROWS_N];
extern const struct opt registry_sync_rows[REGISTRY_SYNC_ROWS_N];
extern const struct opt search_rows[SEARCH_ROWS_N];
extern const struct opt storage_dedupe_rows[STORAGE_DEDUPE_ROWS_N];
extern const struct opt storage_migrate_rows[STORAGE_MIGRATE_ROWS_N];
extern const struct opt manifest_add_rows[MANIFEST_ADD_ROWS_N];
extern const struct opt manifest_create_rows[MANIFEST_CREATE_ROWS_N];
extern const struct opt manifest_inspect_rows[MANIFEST_INSPECT_ROWS_N];
extern const struct opt manifest_push_rows[MANIFEST_PUSH_ROWS_N];
extern const struct opt import_rows[IMPORT_ROWS_N];

#endif
