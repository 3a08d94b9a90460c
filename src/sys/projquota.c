/* SPDX-License-Identifier: Apache-2.0
 *
 * Project quota: see projquota.h.
 */
#include "sys/projquota.h"

#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

static int call(int xdir, unsigned cmd, uint32_t id, void *data)
{
	return (int)syscall(SYS_quotactl_fd, xdir, QCMD(cmd, PRJQUOTA), id, data);
}

bool projquota_is_on(int xdir)
{
	struct fs_quota_stat st = { 0 };

	return !call(xdir, Q_XGETQSTAT, 0, &st) && (st.qs_flags & FS_QUOTA_PDQ_ENFD);
}

int projquota_is_free(int xdir, uint32_t id, struct err *e)
{
	struct if_dqblk q = { 0 };

	if (call(xdir, Q_GETQUOTA, id, &q) < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "quota of project %u", id);
	return !q.dqb_curspace && !q.dqb_curinodes && !q.dqb_bhardlimit && !q.dqb_ihardlimit && !q.dqb_bsoftlimit &&
	       !q.dqb_isoftlimit;
}

int projquota_is_over(int xdir, uint32_t id, struct err *e)
{
	struct if_dqblk q = { 0 };

	if (call(xdir, Q_GETQUOTA, id, &q) < 0)
		return err_sys(e, errno, "quota of project %u", id);
	return (q.dqb_bhardlimit && q.dqb_curspace > q.dqb_bhardlimit * QIF_DQBLKSIZE) ||
	       (q.dqb_ihardlimit && q.dqb_curinodes > q.dqb_ihardlimit);
}

int projquota_limit(int xdir, uint32_t id, uint64_t bytes, uint64_t inodes, struct err *e)
{
	struct if_dqblk q = { .dqb_bhardlimit = (bytes + QIF_DQBLKSIZE - 1) / QIF_DQBLKSIZE, .dqb_ihardlimit = inodes,
			      .dqb_valid = QIF_LIMITS };

	return call(xdir, Q_SETQUOTA, id, &q) < 0 ? err_sys(e, errno, "limit project %u", id) : 0;
}

int projquota_mark(int xdir, uint32_t id, struct err *e)
{
	struct fsxattr x;

	if (ioctl(xdir, FS_IOC_FSGETXATTR, &x) < 0)
		return err_sys(e, errno, "read the project of a directory");
	x.fsx_projid = id;
	x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return ioctl(xdir, FS_IOC_FSSETXATTR, &x) < 0 ? err_sys(e, errno, "make a directory part of project %u", id) : 0;
}
