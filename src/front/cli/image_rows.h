/* SPDX-License-Identifier: Apache-2.0
 *
 * Options of the commands that `onggi-image` carries out. Both programs read them: onggi for the
 * command line, --help and completion, onggi-image for the words that it was handed.
 */
#ifndef ONGGI_FRONT_CLI_IMAGE_ROWS_H
#define ONGGI_FRONT_CLI_IMAGE_ROWS_H

#include "front/cli/opt.h"

enum { PULL_ROWS_N = 4, LOAD_ROWS_N = 3, SAVE_ROWS_N = 6, IMPORT_ROWS_N = 3, PUSH_ROWS_N = 7,
       LOGIN_ROWS_N = 4, LOGOUT_ROWS_N = 2, REGISTRY_COPY_ROWS_N = 6, REGISTRY_REFERRERS_ROWS_N = 2,
       REGISTRY_SERVE_ROWS_N = 8, REGISTRY_SYNC_ROWS_N = 8, SEARCH_ROWS_N = 5, STORAGE_MIGRATE_ROWS_N = 2,
       MANIFEST_CREATE_ROWS_N = 8, MANIFEST_ADD_ROWS_N = 13, MANIFEST_INSPECT_ROWS_N = 6, MANIFEST_PUSH_ROWS_N = 15 };

extern const struct opt pull_rows[PULL_ROWS_N];
extern const struct opt load_rows[LOAD_ROWS_N];
extern const struct opt login_rows[LOGIN_ROWS_N];
extern const struct opt logout_rows[LOGOUT_ROWS_N];
extern const struct opt push_rows[PUSH_ROWS_N];
extern const struct opt save_rows[SAVE_ROWS_N];
extern const struct opt registry_copy_rows[REGISTRY_COPY_ROWS_N];
extern const struct opt registry_referrers_rows[REGISTRY_REFERRERS_ROWS_N];
extern const struct opt registry_serve_rows[REGISTRY_SERVE_ROWS_N];
extern const struct opt registry_sync_rows[REGISTRY_SYNC_ROWS_N];
extern const struct opt search_rows[SEARCH_ROWS_N];
extern const struct opt storage_migrate_rows[STORAGE_MIGRATE_ROWS_N];
extern const struct opt manifest_add_rows[MANIFEST_ADD_ROWS_N];
extern const struct opt manifest_create_rows[MANIFEST_CREATE_ROWS_N];
extern const struct opt manifest_inspect_rows[MANIFEST_INSPECT_ROWS_N];
extern const struct opt manifest_push_rows[MANIFEST_PUSH_ROWS_N];
extern const struct opt import_rows[IMPORT_ROWS_N];

#endif
