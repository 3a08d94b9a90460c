/* SPDX-License-Identifier: Apache-2.0
 *
 * The device mapper by its own ioctls (/dev/mapper/control, <linux/dm-ioctl.h>): devices with one
 * target, thin pools and their messages. No udev and no libdevmapper: nodes are devtmpfs's /dev/dm-N.
 */
#ifndef ONGGI_SYS_DM_H
#define ONGGI_SYS_DM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { DM_NAME_MAX = 64, DM_TEXT_MAX = 512, DM_PATH_MAX = 32, DM_REQUEST_MAX = 4096 };

struct dm_device {
	dev_t dev;
	bool live; /* it has a table; one without was left by a maker that was killed */
};

struct dm_pool_status {
	uint64_t transaction;
	uint64_t used_meta, total_meta, used_data, total_data; /* blocks of each */
	bool failed;   /* its metadata cannot be used */
	bool full;     /* out of data space */
	bool read_only;
	bool needs_check;
};

/** dm_open - the control device. E_UNSUPPORTED, with a hint, where the kernel has no device mapper. */
int dm_open(int *ret_ctl, struct err *e);
/** dm_target_check - whether the kernel has @target, whose module is loaded by that. E_UNSUPPORTED names it. */
int dm_target_check(int xctl, const char *target, struct err *e);
/** dm_status - the device of that name; -ENXIO (E_NOT_FOUND) when there is none. */
int dm_status(int xctl, const char *name, struct dm_device *ret, struct err *e);
/** dm_make - device @name with one target, live when this returns. -EBUSY: the name is taken. */
int dm_make(int xctl, const char *name, uint64_t sectors, const char *target, const char *params, struct err *e);
/** dm_remove - remove it and wait for its end. -ENXIO: there is none. -EBUSY: it is open; with @deferred the
 * kernel removes it when it is no longer, and that is success. */
int dm_remove(int xctl, const char *name, bool deferred, struct err *e);
/** dm_message - tell the target of @name something. -EEXIST, -ENODATA ... as the target says. */
int dm_message(int xctl, const char *name, struct err *e, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/** dm_target_status - type and status line of its target. */
int dm_target_status(int xctl, const char *name, char type[DM_NAME_MAX], char line[DM_TEXT_MAX], struct err *e);
/** dm_node - path of the node of @dev, "/dev/dm-N", and open it for reading: as long as the descriptor lives, a
 * deferred removal waits. -ENXIO: it is gone. */
int dm_node(dev_t dev, char path[DM_PATH_MAX], int *ret_fd, struct err *e);

/** dm_request_table, dm_request_message - the request of DM_TABLE_LOAD for one target, of DM_TARGET_MSG; @buf of
 * DM_REQUEST_MAX bytes, aligned to 8. -E2BIG (E_INVALID) when a text does not fit. */
int dm_request_table(void *buf, const char *name, uint64_t sectors, const char *target, const char *params,
		     struct err *e);
int dm_request_message(void *buf, const char *name, const char *text, struct err *e);
/** dm_pool_status_parse - status line of a thin-pool target (Documentation/admin-guide/device-mapper/
 * thin-provisioning.rst). E_INVALID. */
int dm_pool_status_parse(const char *line, struct dm_pool_status *ret, struct err *e);

#endif
