/* SPDX-License-Identifier: Apache-2.0
 *
 * fs-verity: the kernel keeps a Merkle tree behind a file, which can never be written again, and compares each block
 * that it reads from the disk. The root of the tree (the measurement) tells one such file from any other.
 */
#ifndef ONGGI_SYS_VERITY_H
#define ONGGI_SYS_VERITY_H

#include <stdbool.h>

#include "base/err.h"

enum { VERITY_TEXT_MAX = 7 + 128 + 1 };

/** verity_measure - what the kernel says of the open file (or directory, which never has it) @xfd
 * Returns 1: @out is "sha256:HEX" | 0: it has no fs-verity | -errno; E_UNSUPPORTED where kernel or file system lack it: the
 * error names what is missing, the hint the remedy. No file is touched: this is the probe, too. */
int verity_measure(int xfd, char out[VERITY_TEXT_MAX], struct err *e);
/** verity_enable - with SHA-256, of @xfd, which is open for reading only, as nobody may have it open for writing
 * The file's data are written out, read and hashed; a kill or a power cut leaves all of it or nothing. One that has it
 * is success. E_UNSUPPORTED as above; E_NOSPACE: no room for the tree. */
int verity_enable(int xfd, struct err *e);
/** verity_is_chosen - whether the file system of @xfd has fs-verity only where somebody turned it on (ext4, f2fs), or btrfs:
 * always, beside checksums of its own. */
bool verity_is_chosen(int xfd);

#endif
