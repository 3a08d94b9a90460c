/* SPDX-License-Identifier: Apache-2.0
 *
 * Images that are mounted on the host (`image mount`), as the store sees them.
 *
 *   RUN/images/lock        lock of every change
 *   RUN/images/HEX/count   how often it was mounted; counts only while root is a mount point
 *   RUN/images/HEX/root    the mount point
 *   RUN/images/HEX/parts   file systems that root is made of, where the driver needs any
 *   ROOT/containers/image-HEX  what the storage driver keeps for it; no container has such an ID
 *
 * The mount is the truth: a record without one is left over from a kill or a reboot. A mounter mounts
 * first and looks for the image afterwards, a removal takes the image away first and looks for mounts
 * afterwards (see image_exists).
 */
#ifndef ONGGI_STORE_IMAGE_MOUNT_H
#define ONGGI_STORE_IMAGE_MOUNT_H

#include <stdbool.h>

#include "base/err.h"
#include "spec/digest.h"
#include "store/store.h"

enum { IMAGE_MOUNT_PATH_MAX = 4200, IMAGE_MOUNT_NAME_MAX = 160 };
#define IMAGE_MOUNT_PREFIX "image-"

/** image_mount_point - absolute path of the mount point of @image_id, whether it is mounted or not. */
void image_mount_point(const struct store *s, const char *image_id, char out[IMAGE_MOUNT_PATH_MAX]);
/** image_mount_name - "image-HEX", what stands for a container's ID before the storage driver. */
void image_mount_name(const char *image_id, char out[IMAGE_MOUNT_NAME_MAX]);
/** image_is_mounted - whether the mount point is one, as this mount namespace sees it. */
bool image_is_mounted(const struct store *s, const char *image_id);

#endif
