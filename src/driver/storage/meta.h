/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and attributes of an image's merged layers as an EROFS image. Its files are empty and tell overlay
 * where their content lies: at the same path in one of the layers, which are data-only layers of the mount
 * (Documentation/filesystems/overlayfs.rst, "Data-only lower layers").
 */
#ifndef ONGGI_DRIVER_STORAGE_META_H
#define ONGGI_DRIVER_STORAGE_META_H

#include "driver/storage/storage.h"

/** meta_write - write it to the empty file @fd, open for reading and writing. */
int meta_write(const struct storage_lowers *lowers, int fd, struct err *e);

#endif
