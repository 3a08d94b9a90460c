/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the check: check.c goes through the objects, check_tar.c looks into layers that are archives.
 */
#ifndef ONGGI_STORE_CHECK_INT_H
#define ONGGI_STORE_CHECK_INT_H

#include "format/hash.h"
#include "format/json.h"
#include "store/check.h"

struct check {
	const struct check_req *q;
	struct check_result *r;
	const char *other; /* it is in an image store of others, where nothing may be written; NULL: the own one */
	json_t *seen; /* chain IDs whose archives were looked at */
};

/** check_tell - count a fault and report it. */
void check_tell(struct check *c, const char *kind, const char *name, const char *mended, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/** check_digest - of an open file by the algorithm of @digest, into @out; -errno. @bytes grows by what was read. */
int check_digest(int fd, const char *digest, uint64_t *bytes, char out[HASH_TEXT_MAX]);
/** check_tars - archives of the layers of an image (its @record) and their index. */
int check_tars(struct check *c, const json_t *record, struct err *e);

#endif
