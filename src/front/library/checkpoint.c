/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: checkpoint and restore by CRIU.
 */
#include <stdlib.h>

#include "base/own.h"
#include "front/library/library.h"

struct onggi_checkpoint {
	char *images, *work, *parent, *page_server, *lsm_profile, *lsm_mount_context;
	unsigned flags;
	enum onggi_checkpoint_cgroups cgroups;
	enum onggi_checkpoint_lock lock;
	uint16_t page_server_port;
	int status_fd;
};

/* the numbers of the ABI are not those inside */
static const struct {
	unsigned here, inside;
} flag_rows[] = {
	{ ONGGI_CHECKPOINT_TCP_ESTABLISHED, RUNTIME_CRIU_TCP_ESTABLISHED },
	{ ONGGI_CHECKPOINT_TCP_SKIP_IN_FLIGHT, RUNTIME_CRIU_TCP_SKIP_IN_FLIGHT },
	{ ONGGI_CHECKPOINT_TCP_CLOSE, RUNTIME_CRIU_TCP_CLOSE },
	{ ONGGI_CHECKPOINT_EXT_UNIX_SK, RUNTIME_CRIU_EXT_UNIX_SK },
	{ ONGGI_CHECKPOINT_SHELL_JOB, RUNTIME_CRIU_SHELL_JOB },
	{ ONGGI_CHECKPOINT_FILE_LOCKS, RUNTIME_CRIU_FILE_LOCKS },
	{ ONGGI_CHECKPOINT_LINK_REMAP, RUNTIME_CRIU_LINK_REMAP },
	{ ONGGI_CHECKPOINT_AUTO_DEDUP, RUNTIME_CRIU_AUTO_DEDUP },
	{ ONGGI_CHECKPOINT_LAZY_PAGES, RUNTIME_CRIU_LAZY_PAGES },
	{ ONGGI_CHECKPOINT_LEAVE_RUNNING, RUNTIME_CRIU_LEAVE_RUNNING },
	{ ONGGI_CHECKPOINT_PRE_DUMP, RUNTIME_CRIU_PRE_DUMP },
	{ ONGGI_CHECKPOINT_EMPTY_NETWORK, RUNTIME_CRIU_EMPTY_NETWORK },
};

int onggi_checkpoint_new(const char *images, struct onggi_checkpoint **ret, struct onggi_error **err)
{
	struct err e;

	error_begin(err);
	if (!images || !*images || !ret)
		return error_null(ret ? "directory of images" : "ret", err);
	struct onggi_checkpoint *q = calloc(1, sizeof *q);
	if (!q || text_set(&q->images, images) < 0) {
		onggi_checkpoint_free(q);
		(void)err_new(&e, E_NOMEM, ENOMEM, "out of memory");
		return error_give(&e, err);
	}
	q->status_fd = -1;
	*ret = q;
	return 0;
}

void onggi_checkpoint_free(struct onggi_checkpoint *q)
{
	if (!q)
		return;
	free(q->lsm_mount_context);
	free(q->lsm_profile);
	free(q->page_server);
	free(q->parent);
	free(q->work);
	free(q->images);
	free(q);
}

int onggi_checkpoint_set_work_dir(struct onggi_checkpoint *q, const char *dir)
{
	return q ? text_set(&q->work, dir) : -EINVAL;
}

int onggi_checkpoint_set_flags(struct onggi_checkpoint *q, unsigned flags)
{
	unsigned known = 0;

	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++)
		known |= flag_rows[i].here;
	if (!q || flags & ~known)
		return -EINVAL;
	q->flags = flags;
	return 0;
}

int onggi_checkpoint_set_cgroups(struct onggi_checkpoint *q, enum onggi_checkpoint_cgroups cgroups)
{
	if (!q || (unsigned)cgroups > ONGGI_CHECKPOINT_CGROUPS_IGNORE)
		return -EINVAL;
	q->cgroups = cgroups;
	return 0;
}

int onggi_checkpoint_set_network_lock(struct onggi_checkpoint *q, enum onggi_checkpoint_lock lock)
{
	if (!q || (unsigned)lock > ONGGI_CHECKPOINT_LOCK_SKIP)
		return -EINVAL;
	q->lock = lock;
	return 0;
}

int onggi_checkpoint_set_parent(struct onggi_checkpoint *q, const char *dir)
{
	return q ? text_set(&q->parent, dir) : -EINVAL;
}

int onggi_checkpoint_set_page_server(struct onggi_checkpoint *q, const char *address, unsigned port)
{
	if (!q || port > UINT16_MAX)
		return -EINVAL;
	int r = text_set(&q->page_server, address);
	if (r == 0)
		q->page_server_port = (uint16_t)port;
	return r;
}

int onggi_checkpoint_set_status_fd(struct onggi_checkpoint *q, int fd)
{
	if (!q || fd < -1)
		return -EINVAL;
	q->status_fd = fd;
	return 0;
}

int onggi_checkpoint_set_lsm_profile(struct onggi_checkpoint *q, const char *profile)
{
	return q ? text_set(&q->lsm_profile, profile) : -EINVAL;
}

int onggi_checkpoint_set_lsm_mount_context(struct onggi_checkpoint *q, const char *context)
{
	return q ? text_set(&q->lsm_mount_context, context) : -EINVAL;
}

/* what the other of the two calls alone can do; NULL: nothing of it is set */
static const char *not_for_checkpoint(const struct onggi_checkpoint *q)
{
	if (q->flags & ONGGI_CHECKPOINT_TCP_CLOSE)
		return "ONGGI_CHECKPOINT_TCP_CLOSE";
	if (q->lsm_profile)
		return "an LSM profile";
	return q->lsm_mount_context ? "an LSM mount context" : NULL;
}

static const char *not_for_restore(const struct onggi_checkpoint *q)
{
	if (q->flags & ONGGI_CHECKPOINT_TCP_SKIP_IN_FLIGHT)
		return "ONGGI_CHECKPOINT_TCP_SKIP_IN_FLIGHT";
	if (q->flags & ONGGI_CHECKPOINT_LEAVE_RUNNING)
		return "ONGGI_CHECKPOINT_LEAVE_RUNNING";
	if (q->flags & ONGGI_CHECKPOINT_PRE_DUMP)
		return "ONGGI_CHECKPOINT_PRE_DUMP";
	if (q->parent)
		return "a parent";
	if (q->page_server)
		return "a page server";
	return q->status_fd >= 0 ? "a status descriptor" : NULL;
}

static int misplaced(const char *call, const char *what, struct onggi_error **err)
{
	struct err e;

	(void)err_new(&e, E_INVALID, EINVAL, "%s: %s means nothing here", call, what);
	return error_give(&e, err);
}

static struct runtime_criu_opts criu_opts(const struct onggi_checkpoint *q)
{
	static const enum runtime_criu_cgroups cgroups[] = {
		[ONGGI_CHECKPOINT_CGROUPS_DEFAULT] = RUNTIME_CRIU_CGROUPS_DEFAULT,
		[ONGGI_CHECKPOINT_CGROUPS_SOFT] = RUNTIME_CRIU_CGROUPS_SOFT,
		[ONGGI_CHECKPOINT_CGROUPS_FULL] = RUNTIME_CRIU_CGROUPS_FULL,
		[ONGGI_CHECKPOINT_CGROUPS_STRICT] = RUNTIME_CRIU_CGROUPS_STRICT,
		[ONGGI_CHECKPOINT_CGROUPS_IGNORE] = RUNTIME_CRIU_CGROUPS_IGNORE,
	};
	static const enum runtime_criu_lock locks[] = {
		[ONGGI_CHECKPOINT_LOCK_DEFAULT] = RUNTIME_CRIU_LOCK_DEFAULT,
		[ONGGI_CHECKPOINT_LOCK_IPTABLES] = RUNTIME_CRIU_LOCK_IPTABLES,
		[ONGGI_CHECKPOINT_LOCK_NFTABLES] = RUNTIME_CRIU_LOCK_NFTABLES,
		[ONGGI_CHECKPOINT_LOCK_SKIP] = RUNTIME_CRIU_LOCK_SKIP,
	};
	struct runtime_criu_opts o = { .image_path = q->images,
				       .work_path = q->work,
				       .cgroups = cgroups[q->cgroups],
				       .network_lock = locks[q->lock] };

	for (size_t i = 0; i < ARRAY_LEN(flag_rows); i++)
		if (q->flags & flag_rows[i].here)
			o.flags |= flag_rows[i].inside;
	return o;
}

int onggi_runtime_checkpoint(const struct onggi_runtime *rt, const char *id, const struct onggi_checkpoint *q,
			     struct onggi_error **err)
{
	struct call_guard g;
	struct err e = { .kind = E_NONE };

	error_begin(err);
	if (!rt || !id || !q)
		return error_null(!rt ? "runtime" : id ? "request" : "id", err);
	const struct runtime_checkpoint_req req = { .id = id,
						    .criu = criu_opts(q),
						    .parent_path = q->parent,
						    .page_server = q->page_server,
						    .page_server_port = q->page_server_port,
						    .status_fd = q->status_fd };
	if (not_for_checkpoint(q))
		return misplaced("checkpoint", not_for_checkpoint(q), err);
	call_begin(&g, true);
	int r = runtime_checkpoint(&rt->env, &req, &e);
	call_end(&g);
	return r < 0 ? error_give(&e, err) : 0;
}

static int restore(const struct runtime_env *env, struct runtime_create_req *create, const void *data,
		   struct runtime_proc *proc, struct err *e)
{
	const struct onggi_checkpoint *q = data;
	const struct runtime_restore_req req = { .create = *create,
						 .criu = criu_opts(q),
						 .lsm_profile = q->lsm_profile,
						 .lsm_mount_context = q->lsm_mount_context };

	return runtime_restore(env, &req, proc, e);
}

int onggi_runtime_restore(const struct onggi_runtime *rt, const struct onggi_create *create,
			  const struct onggi_checkpoint *q, struct onggi_process **ret, struct onggi_error **err)
{
	error_begin(err);
	if (!q)
		return error_null("images", err);
	if (not_for_restore(q))
		return misplaced("restore", not_for_restore(q), err);
	return create_carry_out(rt, create, restore, q, ret, err);
}
