/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of a container's writable layer, for all drivers that keep it in containers/ID/rw. How, is told by
 * what the file system of the store can:
 *
 *   project  its project quota: rw and all in it are of a project of their own
 *   qgroup   btrfs: rw (driver btrfs: rw/fs) is a subvolume whose group is limited
 *   disk     any other: rw is a file system of its own in the sparse file containers/ID/disk.img,
 *            mounted only in namespaces that look at it (quota_inside)
 *   dataset  driver zfs: the quota of the container's dataset, which does not count what it shares with the image
 */
#ifndef ONGGI_DRIVER_STORAGE_QUOTA_H
#define ONGGI_DRIVER_STORAGE_QUOTA_H

#include "driver/storage/storage.h"
#include "spec/storage_opt.h"

enum quota_kind { QUOTA_NONE, QUOTA_PROJECT, QUOTA_QGROUP, QUOTA_DISK, QUOTA_DATASET, QUOTA_KIND_N };

struct quota {
	enum quota_kind kind;
	uint32_t project; /* QUOTA_PROJECT: its number */
};

/** quota_kind_name - as in records and inspect. */
const char *quota_kind_name(enum quota_kind kind);
/** quota_kind_parse - its inverse; QUOTA_KIND_N when unknown. */
enum quota_kind quota_kind_parse(const char *name);

/** quota_prepare - ops->prepare with limits @opt, at least one of which is set. Killed in between, what is there goes
 * with the container's folder. E_NOSPACE: the driver's copy of the image does not fit in it. E_UNSUPPORTED:
 * nothing here can do that. */
int quota_prepare(const struct store *s, const struct storage_ops *ops, const char *id, const char *const *chain,
		  size_t n_chain, const struct storage_opt *opt, struct quota *ret, struct err *e);
/** quota_remove - ops->remove, and the limits. */
int quota_remove(const struct store *s, const struct storage_ops *ops, const char *id, const struct quota *q,
		 struct err *e);

/* Work in a mount namespace where the disk of a container is mounted at its rw. */
struct quota_job {
	/* @inside: the store as it is there   @ret_fd: comes back open, mounts included; -1: none */
	int (*fn)(const struct store *inside, void *data, int *ret_fd, struct err *e);
	void *data;
	void *result;    /* part of data that @fn fills, at most QUOTA_RESULT_MAX bytes; no pointers in it. May be NULL */
	size_t result_n;
};
enum { QUOTA_RESULT_MAX = 256 };
/** quota_inside - run @job in a child with such a namespace. The disk stays mounted as long as a mount or
 * descriptor of it that was made there: nothing is left of a child that is killed. Any number at once. */
int quota_inside(const struct store *s, const char *id, const struct quota_job *job, int *ret_fd, struct err *e);

#endif
