/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers of other engines that onggi does not have: their names say what is missing, and what to take instead.
 * Why there are none: docs/adr/0020.
 */
#include "driver/storage/storage.h"

static int refuse(const char *name, const char *missing, const char *hint, struct err *e)
{
	int listed = storage_kernel_lists(name, e);

	if (listed < 0)
		return -e->eno;
	if (listed)
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s: the kernel has it, but onggi has no driver for it", name);
	else
		err_new(e, E_UNSUPPORTED, ENODEV, "%s: %s; /proc/filesystems does not list it", name, missing);
	err_hint(e, "%s", hint);
	return -e->eno;
}

static int probe_aufs(const struct store *s, struct err *e)
{
	(void)s;
	return refuse("aufs", "the kernel module aufs is not loaded, which is no part of Linux",
		      "take the driver overlay, which does the same and is in every kernel", e);
}

const struct storage_ops storage_aufs = { .name = "aufs", .probe = probe_aufs };
