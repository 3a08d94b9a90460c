/* SPDX-License-Identifier: Apache-2.0
 *
 * storage migrate: the layers of all images in the form that another storage driver wants, and only in that form.
 */
#ifndef ONGGI_REGISTRY_MIGRATE_H
#define ONGGI_REGISTRY_MIGRATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/image.h"

struct migrate_req {
	const struct store *store; /* its form is the one that is wanted */
	/* after each image; @made: false where all was there already; @e: why it could not be, else NULL.
	 * @at counts from 1 */
	void (*told)(void *data, const struct image *img, size_t at, size_t n, bool made, const struct err *e);
	void *data;
};

struct migrate_result {
	size_t images, made, failed;
	size_t dropped; /* layers whose other form went away */
	size_t kept;    /* layers whose other form stays: containers, mounted images or commands at work need it */
};

/** migrate - an image that fails is told and keeps what it has; the others go on. Killed at any moment, everything
 * still works and the next run goes on. */
int migrate(const struct migrate_req *q, struct migrate_result *ret, struct err *e);

#endif
