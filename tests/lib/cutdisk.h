/* SPDX-License-Identifier: Apache-2.0
 *
 * What cutdisk writes down: the file LOG is a row of these, each followed by the bytes that were written.
 */
#ifndef ONGGI_TESTS_CUTDISK_H
#define ONGGI_TESTS_CUTDISK_H

#include <stdint.h>

enum cut_kind { CUT_WRITE = 1, CUT_FLUSH = 2 };

struct cut_record {
	uint32_t kind;
	uint32_t n_bytes; /* follow this record; 0 for a flush */
	uint64_t offset;  /* in the image */
};

/* serves IMAGE as the mounted file FILE until it is unmounted; returns in the parent when it is there */
int cut_serve(const char *image, const char *log, const char *file);

#endif
