/* SPDX-License-Identifier: Apache-2.0
 *
 * Loop devices: a file as a block device (drivers/block/loop.c). LOOP_CONFIGURE, Linux 5.8.
 */
#ifndef ONGGI_SYS_LOOPDEV_H
#define ONGGI_SYS_LOOPDEV_H

#include "base/err.h"

enum { LOOPDEV_PATH_MAX = 32 };

/** loopdev_open - the device that shows file @xfile, which is bound to a free one when there is none yet.
 * It is let go of by the kernel when its last user (mount or descriptor) is gone, also of a killed
 * process. Two devices for one file would be two caches of it: callers keep others out meanwhile, by a
 * lock on another descriptor than @xfile, which the device keeps open.
 * @part: text in the path of the file, by which its device is looked for
 * @ret_path: "/dev/loopN"   @ret_fd: holds the device until it is mounted */
int loopdev_open(int xfile, const char *part, char ret_path[LOOPDEV_PATH_MAX], int *ret_fd, struct err *e);

#endif
