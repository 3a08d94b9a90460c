/* SPDX-License-Identifier: Apache-2.0
 *
 * fs-verity: see verity.h.
 */
#include "sys/verity.h"

#include <errno.h>
#include <limits.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK_MAX = 4096, BUSY_TRIES = 1000 };

/* node of the disk below the file system that @xfd is on */
static void device_of(int xfd, char out[64])
{
	char link[64], to[PATH_MAX];
	struct stat st;

	(void)snprintf(out, 64, "DEVICE");
	if (fstat(xfd, &st) < 0)
		return;
	(void)snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	ssize_t n = readlink(link, to, sizeof to - 1);
	if (n <= 0)
		return;
	to[n] = 0;
	const char *name = strrchr(to, '/');
	(void)snprintf(out, 64, "/dev/%.50s", name ? name + 1 : to);
}

/* Two answers of the kernel, three reasons */
static int unsupported(int xfd, int eno, struct err *e)
{
	struct statfs fs = { 0 };
	char device[64];

	(void)fstatfs(xfd, &fs);
	if (eno == ENOTTY) {
		err_new(e, E_UNSUPPORTED, eno, "this file system has no fs-verity");
		err_hint(e, "ext4, btrfs and f2fs have it");
	} else if (fs.f_type == EXT4_SUPER_MAGIC && !access("/sys/fs/ext4/features/verity", F_OK)) {
		device_of(xfd, device);
		err_new(e, E_UNSUPPORTED, eno, "this ext4 was made without its feature verity");
		err_hint(e, "turn it on with: tune2fs -O verity %s", device);
	} else {
		err_new(e, E_UNSUPPORTED, eno, "this kernel has no fs-verity (CONFIG_FS_VERITY)");
	}
	return -eno;
}

static bool is_unsupported(int eno)
{
	return eno == ENOTTY || eno == EOPNOTSUPP || eno == ENOSYS;
}

int verity_measure(int xfd, char out[VERITY_TEXT_MAX], struct err *e)
{
	union {
		struct fsverity_digest head;
		unsigned char room[sizeof(struct fsverity_digest) + 64];
	} d = { .head.digest_size = 64 };

	if (ioctl(xfd, FS_IOC_MEASURE_VERITY, &d) < 0) {
		if (errno == ENODATA)
			return 0;
		return is_unsupported(errno) ? unsupported(xfd, errno, e) : err_sys(e, errno, "fs-verity: measure");
	}
	int n = snprintf(out, VERITY_TEXT_MAX, "sha%d:", d.head.digest_algorithm == FS_VERITY_HASH_ALG_SHA512 ? 512 : 256);
	for (unsigned i = 0; i < d.head.digest_size && n + 2 < VERITY_TEXT_MAX; i++)
		n += snprintf(out + n, (size_t)(VERITY_TEXT_MAX - n), "%02x", d.room[sizeof d.head + i]);
	return 1;
}

int verity_enable(int xfd, struct err *e)
{
	struct fsverity_enable_arg arg = { .version = 1, .hash_algorithm = FS_VERITY_HASH_ALG_SHA256 };
	const long page = sysconf(_SC_PAGESIZE);
	struct statfs fs;

	if (fstatfs(xfd, &fs) < 0)
		return err_sys(e, errno, "fs-verity");
	/* the largest that works everywhere; before Linux 6.3 it had to be that of the file system and of a page */
	arg.block_size = (uint32_t)(fs.f_bsize < BLOCK_MAX ? fs.f_bsize : BLOCK_MAX);
	for (int tries = 0;; tries++) {
		if (!ioctl(xfd, FS_IOC_ENABLE_VERITY, &arg) || errno == EEXIST)
			return 0;
		/* a process that was just forked has our descriptors until it executes its program */
		if (errno != ETXTBSY || tries >= BUSY_TRIES)
			break;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	if (errno == EINVAL)
		return err_new(e, E_UNSUPPORTED, EINVAL,
			       "fs-verity of this kernel takes no blocks of %u bytes where a page has %ld", arg.block_size, page);
	return is_unsupported(errno) ? unsupported(xfd, errno, e) : err_sys(e, errno, "fs-verity: enable");
}

bool verity_is_chosen(int xfd)
{
	struct statfs fs;

	return !fstatfs(xfd, &fs) && fs.f_type != BTRFS_SUPER_MAGIC;
}
