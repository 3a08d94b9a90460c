/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and state of mounted images, see image_mount.h.
 */
#include "store/image_mount.h"

#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>

#include "base/libc.h"

void image_mount_point(const struct store *s, const char *image_id, char out[IMAGE_MOUNT_PATH_MAX])
{
	(void)snprintf(out, IMAGE_MOUNT_PATH_MAX, "%s/images/%.128s/root", s->run, digest_hex(image_id));
}

void image_mount_name(const char *image_id, char out[IMAGE_MOUNT_NAME_MAX])
{
	(void)snprintf(out, IMAGE_MOUNT_NAME_MAX, IMAGE_MOUNT_PREFIX "%.128s", digest_hex(image_id));
}

bool image_is_mounted(const struct store *s, const char *image_id)
{
	char path[IMAGE_MOUNT_PATH_MAX];

	image_mount_point(s, image_id, path);
	return libc_is_mount_root(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW) > 0;
}
