/* SPDX-License-Identifier: Apache-2.0
 *
 * A new, empty ext4 file system, written without a program of the host: the form is in the kernel's
 * Documentation/filesystems/ext4. Only what is not zero is written, so that a file stays sparse.
 */
#ifndef ONGGI_FORMAT_EXT4_MAKE_H
#define ONGGI_FORMAT_EXT4_MAKE_H

#include <stdint.h>

#include "base/err.h"

#define EXT4_MAKE_BYTES_MAX (UINT64_C(12) << 40) /* block numbers have 32 bits here */

struct ext4_make {
	uint64_t bytes;   /* that files and directories may take, beside what the file system needs itself */
	uint64_t inodes;  /* at least so many for the user; 0: by the size */
	uint32_t mode;    /* of the root directory: permissions */
	uint8_t uuid[16];
	uint32_t now;     /* seconds since 1970 */
};

/** ext4_make - into the empty file @xfd, which gets as long as is needed: @ret_bytes. E_INVALID: more
 * inodes than so many bytes have room for, or more bytes than EXT4_MAKE_BYTES_MAX. */
int ext4_make(int xfd, const struct ext4_make *m, uint64_t *ret_bytes, struct err *e);

#endif
