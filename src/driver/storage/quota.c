/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of a container's writable layer: see quota.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/quota_int.h"
#include "sys/projquota.h"

static const char *const names[QUOTA_KIND_N] = { "none", "project", "qgroup", "disk", "dataset" };

const char *quota_kind_name(enum quota_kind kind)
{
	return names[kind];
}

enum quota_kind quota_kind_parse(const char *name)
{
	unsigned k = 0;

	while (k < QUOTA_KIND_N && strcmp(names[k], name) != 0)
		k++;
	return k;
}

static int choose(const struct store *s, const struct storage_ops *ops, const struct storage_opt *opt,
		  enum quota_kind *ret, struct err *e)
{
	if (ops == &storage_devicemapper) {
		/* what lies in rw is the number of a volume, which has a size of its own */
		(void)err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "storage driver devicemapper: all its volumes have one size");
		err_hint(e, "it is what ONGGI_DM_BASE_SIZE said when the store's first volume was made");
		return -e->eno;
	}
	if (ops == &storage_zfs) {
		if (opt->inodes)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "storage driver zfs: a dataset does not limit inodes");
		*ret = QUOTA_DATASET;
	} else if (projquota_is_on(s->root_fd)) {
		*ret = QUOTA_PROJECT;
	} else if (opt->bytes && !opt->inodes && qgroup_is_btrfs(s)) {
		*ret = QUOTA_QGROUP;
	} else if (ops == &storage_btrfs) {
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "storage driver btrfs: btrfs does not limit inodes");
	} else if (!opt->bytes) {
		(void)err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			      "inodes without size: %s is on a file system without project quota", s->root);
		err_hint(e, "give size, too, or mount it with the option prjquota");
		return -e->eno;
	} else {
		*ret = QUOTA_DISK;
	}
	return 0;
}

static int rw_open(const struct store *s, const char *id, int *ret_fd, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(id, "", path, e) < 0 || io_mkdir_p(s->root_fd, path, 0700, e) < 0)
		return -e->eno;
	*ret_fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", path) : 0;
}

/* Numbers from 2^30 on, out of the container's ID, which is random: others count from small ones. One
 * that has files is somebody's, so nothing has to be noted, and one is free again with its last file. */
static int project_take(int xrw, const char *id, const struct storage_opt *opt, uint32_t *ret, struct err *e)
{
	enum { DIGITS = 8, BASE = 0x40000000 };
	unsigned long long part;
	char text[DIGITS + 1];

	for (size_t at = 0; at + DIGITS <= strlen(id); at++) {
		(void)snprintf(text, sizeof text, "%.*s", DIGITS, id + at);
		if (sscanf(text, "%8llx", &part) != 1)
			break;
		uint32_t project = BASE | ((uint32_t)part & (BASE - 1));
		int r = projquota_is_free(xrw, project, e);
		if (r < 0)
			return r;
		if (!r)
			continue;
		*ret = project;
		return projquota_limit(xrw, project, opt->bytes, opt->inodes, e) < 0 || projquota_mark(xrw, project, e) < 0 ?
			       -e->eno : 0;
	}
	return err_new(e, E_BUSY, EBUSY, "no free project number for container %.12s", id);
}

struct prepare {
	const struct storage_ops *ops;
	const char *id;
	const char *const *chain;
	size_t n_chain;
};

static int prepare(const struct store *s, void *data, int *ret_fd, struct err *e)
{
	const struct prepare *p = data;

	(void)ret_fd;
	return p->ops->prepare(s, p->id, p->chain, p->n_chain, e);
}

static int by_project(const struct store *s, struct prepare *p, const struct storage_opt *opt, struct quota *q,
		      struct err *e)
{
	OWN_FD rw = -1;

	if (rw_open(s, p->id, &rw, e) < 0 || project_take(rw, p->id, opt, &q->project, e) < 0)
		return -e->eno;
	if (prepare(s, p, NULL, e) >= 0) {
		int over = projquota_is_over(rw, q->project, e);
		if (!over)
			return 0;
		if (over > 0)
			(void)err_new(e, E_NOSPACE, EDQUOT, "the image takes more than that");
	}
	struct err ignored = { 0 }; /* the first error counts */
	(void)projquota_limit(rw, q->project, 0, 0, &ignored);
	return -e->eno;
}

static int by_qgroup(const struct store *s, struct prepare *p, const struct storage_opt *opt, struct err *e)
{
	const bool own = p->ops == &storage_btrfs;
	char path[STORAGE_PATH_MAX];

	if (storage_rw_path(p->id, own ? "/fs" : "", path, e) < 0)
		return -e->eno;
	if (own) /* a snapshot: of what it shares with the image nothing is written */
		return prepare(s, p, NULL, e) < 0 ? -e->eno : qgroup_limit(s, path, opt->bytes, true, e);
	return qgroup_make(s, p->id, e) < 0 || qgroup_limit(s, path, opt->bytes, false, e) < 0 ? -e->eno :
											       prepare(s, p, NULL, e);
}

static int by_disk(const struct store *s, struct prepare *p, const struct storage_opt *opt, struct err *e)
{
	const struct quota_job job = { .fn = prepare, .data = p };
	OWN_FD rw = -1;

	if (rw_open(s, p->id, &rw, e) < 0 || disk_make(s, p->id, opt, e) < 0)
		return -e->eno;
	return quota_inside(s, p->id, &job, NULL, e);
}

static int by_dataset(const struct store *s, struct prepare *p, const struct storage_opt *opt, struct err *e)
{
	return prepare(s, p, NULL, e) < 0 ? -e->eno : dataset_limit(s, p->id, opt->bytes, e);
}

int quota_prepare(const struct store *s, const struct storage_ops *ops, const char *id, const char *const *chain,
		  size_t n_chain, const struct storage_opt *opt, struct quota *ret, struct err *e)
{
	struct prepare p = { ops, id, chain, n_chain };
	struct quota q = { 0 };
	int r;

	if (choose(s, ops, opt, &q.kind, e) < 0)
		return err_ctx(e, "--storage-opt");
	if (q.kind == QUOTA_PROJECT)
		r = by_project(s, &p, opt, &q, e);
	else if (q.kind == QUOTA_DATASET)
		r = by_dataset(s, &p, opt, e);
	else
		r = q.kind == QUOTA_QGROUP ? by_qgroup(s, &p, opt, e) : by_disk(s, &p, opt, e);
	if (r < 0) {
		if (e->kind == E_NOSPACE && ops == &storage_vfs)
			err_hint(e, "driver vfs keeps a copy of the image in it: is the size too small?");
		return err_ctx(e, "--storage-opt (%s)", names[q.kind]);
	}
	*ret = q;
	return 0;
}

int quota_remove(const struct store *s, const struct storage_ops *ops, const char *id, const struct quota *q,
		 struct err *e)
{
	struct err ignored = { 0 }; /* a limit of a project without files harms nobody */
	char path[STORAGE_PATH_MAX];
	uint64_t group = 0;
	OWN_FD rw = -1;

	/* while it has files, so that nobody has taken the number */
	if (q->kind == QUOTA_PROJECT && rw_open(s, id, &rw, &ignored) >= 0)
		(void)projquota_limit(rw, q->project, 0, 0, &ignored);
	if (q->kind == QUOTA_QGROUP && storage_rw_path(id, ops == &storage_btrfs ? "/fs" : "", path, &ignored) >= 0)
		group = qgroup_of(s, path);
	if (q->kind == QUOTA_DISK && disk_remove(s, id, e) < 0)
		return -e->eno;
	if (ops->remove(s, id, e) < 0)
		return -e->eno;
	qgroup_remove(s, group);
	return 0;
}
