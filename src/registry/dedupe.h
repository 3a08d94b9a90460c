/* SPDX-License-Identifier: Apache-2.0
 *
 * storage dedupe: files of layers that have the same content share their extents, where the file system can.
 */
#ifndef ONGGI_REGISTRY_DEDUPE_H
#define ONGGI_REGISTRY_DEDUPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct dedupe_req {
	const struct store *store;
	uint64_t min_bytes; /* smaller files are left alone */
	/* of @files that have a twin by size @at are done; may be NULL */
	void (*told)(void *data, size_t at, size_t files);
	void *data;
};

struct dedupe_result {
	size_t files;          /* of that size or more, in all layers */
	size_t shared, before; /* that share their content with another one now | did so before */
	uint64_t shared_bytes; /* of the former: what the disk needs less */
	size_t failed;         /* that could not be read or shared, all else went on */
};

/** dedupe - by FIDEDUPERANGE: the kernel compares under its locks, so nothing can be damaged, whatever happens meanwhile, and
 * a kill leaves whole files. Layers that are removed meanwhile are passed over. E_UNSUPPORTED: the file system has no
 * shared extents (btrfs, and xfs with reflink, have). */
int dedupe(const struct dedupe_req *q, struct dedupe_result *ret, struct err *e);

#endif
