/* SPDX-License-Identifier: Apache-2.0
 *
 * A container and the storage driver that it was made with: later ones may be made with another.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/quota.h"
#include "engine/engine_int.h"
#include "engine/rootfs.h"
#include "format/js.h"
#include "store/snapshot.h"

int engine_storage(const struct engine *eng, const struct container *c, const struct storage_ops **ret, struct err *e)
{
	const char *name = js_str(c->record, "Driver", "");

	*ret = eng->storage;
	if (!*name || !strcmp(name, eng->storage->name))
		return 0;
	return storage_by_name(&eng->store, name, ret, e) < 0 ? err_ctx(e, "container %.12s", c->id) : 0;
}

static int chain_of(const struct container *c, struct arena *a, const char *const **ret, size_t *ret_n, struct err *e)
{
	const json_t *chain = own_get(c, "Chain");
	size_t n = json_array_size(chain);
	const char **ids = arena_get(a, (n + 1) * sizeof *ids);

	if (!ids)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < n; i++)
		if (!(ids[i] = json_string_value(json_array_get(chain, i))))
			return err_new(e, E_CORRUPT, EINVAL, "container %.12s: bad chain of layers", c->id);
	*ret = ids;
	*ret_n = n;
	return 0;
}

int engine_quota(const struct container *c, struct quota *ret, struct err *e)
{
	const json_t *own = own_get(c, "Quota");
	struct quota q = { 0 };

	if (own) {
		q.kind = quota_kind_parse(js_str(own, "Kind", ""));
		q.project = (uint32_t)js_int(own, "Project", 0);
	}
	if (q.kind == QUOTA_KIND_N)
		return err_new(e, E_CORRUPT, EINVAL, "container %.12s: unknown kind of quota", c->id);
	*ret = q;
	return 0;
}

/* where layers are that the own store does not have, for who misses them later: see layers_there() */
static int stores_note(const struct engine *eng, const struct container *c, const char *const *ids, size_t n, struct err *e)
{
	const struct store *s = &eng->store;
	OWN_JSON list = json_array();

	for (size_t i = 0; i < n && s->n_others; i++) {
		const struct store *home = snapshot_home(s, ids[i], eng->storage->form);
		bool noted = !home || home == s;
		json_t *v;
		size_t k;
		json_array_foreach(list, k, v)
			noted = noted || !strcmp(json_string_value(v), home->root);
		if (!noted && json_array_append_new(list, json_string(home->root)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "container record");
	}
	return json_array_size(list) && own_set(c, "ImageStores", json_incref(list)) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "container record") : 0;
}

static int layer_lost(const struct engine *eng, const struct container *c, const json_t *stores, const char *id,
		      struct err *e)
{
	const char *first = json_string_value(json_array_get(stores, 0)), *away = NULL;
	const json_t *v;
	size_t i;

	json_array_foreach(stores, i, v) {
		bool open = false;
		for (size_t k = 0; k < eng->store.n_others; k++)
			open = open || !strcmp(eng->store.others[k].root, json_string_value(v));
		if (!open && !away)
			away = json_string_value(v);
	}
	err_new(e, E_NOT_FOUND, ENOENT, "container %.12s: layer %.19s of its image is not in the image store %s%s", c->id, id,
		away ? away : first, away ? ", which is not given or cannot be used" : " any more");
	if (away)
		err_hint(e, "give it with: onggi --image-store %s", away);
	else
		err_hint(e, "get the image into the own store: onggi pull, or onggi load");
	return -e->eno;
}

/* whether all that a container stands on is there, where part of it was in image stores of others, whose owners do
 * not know of it */
static int layers_there(const struct engine *eng, const struct container *c, const struct storage_ops *ops,
			const char *const *ids, size_t n, struct err *e)
{
	const json_t *stores = own_get(c, "ImageStores");
	struct engine same = *eng;

	if (!json_array_size(stores))
		return 0;
	same.storage = ops;
	for (size_t i = 0; i < n; i++)
		if (!snapshot_exists(&eng->store, ids[i], ops->form))
			return layer_lost(eng, c, stores, ids[i], e);
	/* the index may have been theirs, too */
	return engine_layers_ready(&same, js_str(c->record, "Image", ""), ids, n, e);
}

static unsigned flags_of(const struct storage_opt *o, unsigned flags)
{
	if (o->without_sync)
		flags = (flags & ~(unsigned)STORAGE_PLAN_VOLATILE) | (o->without_sync == STORAGE_ON ? STORAGE_PLAN_VOLATILE : 0);
	if (o->redirect_dir == STORAGE_ON)
		flags |= STORAGE_PLAN_REDIRECT;
	return o->metacopy == STORAGE_ON ? flags | STORAGE_PLAN_METACOPY : flags;
}

/* add to @flags of plan() what the container was made with */
static int flags_add(const struct container *c, unsigned *flags, struct err *e)
{
	const json_t *map = json_object_get(json_object_get(c->record, "HostConfig"), "StorageOpt");
	struct storage_opt opt;

	if (!json_object_size(map))
		return 0;
	if (storage_opt_parse(map, &opt, e) < 0)
		return err_ctx(e, "container %.12s", c->id);
	*flags = flags_of(&opt, *flags);
	return 0;
}

/* whether driver @ops can do what --storage-opt chooses */
static int flags_check(const struct storage_ops *ops, const struct storage_opt *opt, struct err *e)
{
	const unsigned want = flags_of(opt, 0);

	if (want & ~ops->chosen)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "--storage-opt: driver %s has no %s", ops->name,
			       opt->metacopy == STORAGE_ON ? "metacopy" :
			       opt->redirect_dir == STORAGE_ON ? "redirect_dir" : "volatile");
	if (want & STORAGE_PLAN_REDIRECT && storage_in_userns())
		return err_new(e, E_UNSUPPORTED, EPERM, "--storage-opt: the kernel redirects for root of the host only");
	return 0;
}

/* One verb of a driver on the layers of a container, here or where its disk is mounted. */
struct verb {
	const struct storage_ops *ops;
	const struct container *c;
	const char *const *ids;
	size_t n;
	unsigned flags;
	struct arena a;
	struct quota quota;
	const struct storage_lowers *lowers;
	union {
		char key[64];   /* of struct storage_changes */
		uint64_t bytes;
	} result;
};

static void verb_done(struct verb *v)
{
	arena_done(&v->a);
}
#define OWN_VERB CLEANUP(verb_done) struct verb

static int verb_of(const struct engine *eng, const struct container *c, struct verb *v, struct err *e)
{
	v->c = c;
	return engine_storage(eng, c, &v->ops, e) < 0 || chain_of(c, &v->a, &v->ids, &v->n, e) < 0 ||
			       engine_quota(c, &v->quota, e) < 0 || flags_add(c, &v->flags, e) < 0 ? -e->eno : 0;
}

static int inside(const struct store *s, struct verb *v, int (*fn)(const struct store *, void *, int *, struct err *),
		  bool result, int *ret_fd, struct err *e)
{
	const struct quota_job job = { .fn = fn, .data = v, .result = result ? &v->result : NULL,
				       .result_n = sizeof v->result };

	return quota_inside(s, v->c->id, &job, ret_fd, e);
}

static int mounted(const struct store *s, void *data, int *ret_fd, struct err *e)
{
	OWN_MOUNT_PLAN plan = { 0 };
	struct verb *v = data;

	return v->ops->plan(s, v->c->id, v->ids, v->n, v->flags, &v->a, &plan, e) < 0 ||
			       rootfs_mount(&plan, ret_fd, e) < 0 ? -e->eno : 0;
}

/* on a disk: a mount that is made already, since its directories are nowhere else */
static int plan_inside(struct engine *eng, struct verb *v, struct arena *a, struct mount_plan *ret, struct err *e)
{
	struct mount_step *step = arena_get(a, sizeof *step);
	struct storage_lowers seen;

	if (v->flags & STORAGE_PLAN_LOOK)
		return err_new(e, E_STATE, ENOENT, "container %.12s: its layer is on a disk", v->c->id);
	if (!step)
		return err_new(e, E_NOMEM, ENOMEM, "mount plan");
	*step = (struct mount_step){ .fstype = MOUNT_STEP_FD, .fd = -1, .read_only = v->flags & STORAGE_PLAN_READ_ONLY };
	/* what is mounted for all containers of an image is not to be made in there */
	if (v->ops->lowers(&eng->store, v->c->id, v->ids, v->n, &v->a, &seen, e) < 0 ||
	    inside(&eng->store, v, mounted, false, &step->fd, e) < 0)
		return -e->eno;
	ret->steps = step;
	ret->n_steps = 1;
	return 0;
}

/* made when its image was not whole: have what is missing shown */
static int late(struct engine *eng, const struct container *c, const char *const *ids, size_t n, struct err *e)
{
	return own_get(c, "Late") ? engine_layers_late(eng, js_str(c->record, "Image", ""), ids, n, e) : 0;
}

int engine_plan(struct engine *eng, const struct container *c, unsigned flags, struct arena *a,
		struct mount_plan *ret, struct err *e)
{
	OWN_VERB v = { .flags = flags };

	if (verb_of(eng, c, &v, e) < 0)
		return -e->eno;
	int coming = flags & STORAGE_PLAN_LOOK ? 0 : late(eng, c, v.ids, v.n, e);
	if (coming < 0)
		return coming;
	if (!coming && !v.ops->copies && !(flags & STORAGE_PLAN_LOOK) && layers_there(eng, c, v.ops, v.ids, v.n, e) < 0)
		return -e->eno;
	if (v.quota.kind == QUOTA_DISK)
		return plan_inside(eng, &v, a, ret, e);
	return v.ops->plan(&eng->store, c->id, v.ids, v.n, v.flags, a, ret, e);
}

/* what the user gives, then what is the default of this engine; kept for inspect */
static int limits_of(const struct engine *eng, const struct container *c, struct storage_opt *ret, struct err *e)
{
	json_t *hc = json_object_get(c->record, "HostConfig");
	OWN_JSON map = json_is_object(json_object_get(hc, "StorageOpt")) ?
			       json_deep_copy(json_object_get(hc, "StorageOpt")) : json_object();

	if (!map)
		return err_new(e, E_NOMEM, ENOMEM, "storage options");
	if (eng->storage_opt && storage_opt_defaults(eng->storage_opt, eng->storage->name, map, e) < 0)
		return -e->eno;
	if (storage_opt_parse(map, ret, e) < 0)
		return err_ctx(e, "--storage-opt");
	if (json_object_size(map) && json_object_set(hc, "StorageOpt", map) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "storage options");
	return 0;
}

unsigned engine_plan_flags(const struct engine *eng)
{
	struct storage_opt opt = { 0 };
	OWN_JSON map = json_object();
	struct err ignored = { 0 }; /* wrong ones are told by create */

	if (eng->storage_opt && storage_opt_defaults(eng->storage_opt, eng->storage->name, map, &ignored) == 0)
		(void)storage_opt_parse(map, &opt, &ignored);
	return flags_of(&opt, 0);
}

static int quota_note(const struct container *c, const struct quota *q, struct err *e)
{
	json_t *own = json_pack("{ss}", "Kind", quota_kind_name(q->kind));

	if (q->kind == QUOTA_PROJECT)
		json_object_set_new(own, "Project", json_integer(q->project));
	return !own || own_set(c, "Quota", own) < 0 ? err_new(e, E_NOMEM, ENOMEM, "container record") : 0;
}

int engine_layer_prepare(struct engine *eng, const struct container *c, struct err *e)
{
	struct storage_opt opt;
	struct quota quota;
	const char *const *ids;
	ARENA a = { 0 };
	size_t n;

	if (chain_of(c, &a, &ids, &n, e) < 0 || limits_of(eng, c, &opt, e) < 0 || flags_check(eng->storage, &opt, e) < 0)
		return -e->eno;
	/* the usual one is tried by its mount, whose error says as much */
	if (eng->storage != &storage_overlay && storage_probe(&eng->store, eng->storage, e) < 0)
		return err_ctx(e, "storage driver");
	if (engine_layers_ready(eng, js_str(c->record, "Image", ""), ids, n, e) < 0 || stores_note(eng, c, ids, n, e) < 0)
		return -e->eno;
	if (!opt.bytes && !opt.inodes)
		return eng->storage->prepare(&eng->store, c->id, ids, n, e);
	return quota_prepare(&eng->store, eng->storage, c->id, ids, n, &opt, &quota, e) < 0 ||
			       quota_note(c, &quota, e) < 0 ? -e->eno : 0;
}

int engine_layers_again(struct engine *eng, const struct container *c, struct err *e)
{
	const char *const *ids;
	ARENA a = { 0 };
	size_t n;

	return chain_of(c, &a, &ids, &n, e) < 0 ? -e->eno :
						  engine_layers_ready(eng, js_str(c->record, "Image", ""), ids, n, e);
}

int engine_layer_remove(struct engine *eng, const struct container *c, struct err *e)
{
	const struct storage_ops *ops;
	struct quota quota;

	if (engine_storage(eng, c, &ops, e) < 0 || engine_quota(c, &quota, e) < 0)
		return -e->eno;
	if (quota_remove(&eng->store, ops, c->id, &quota, e) < 0)
		return err_ctx(e, "container %.12s: driver \"%s\" failed to remove root filesystem", c->id, ops->name);
	return 0;
}

int engine_lowers(struct engine *eng, const struct container *c, struct arena *a, struct storage_lowers *ret,
		  struct err *e)
{
	const struct storage_ops *ops;
	const char *const *ids;
	size_t n;

	if (engine_storage(eng, c, &ops, e) < 0 || chain_of(c, a, &ids, &n, e) < 0)
		return -e->eno;
	int coming = late(eng, c, ids, n, e);
	if (coming < 0 || (!coming && layers_there(eng, c, ops, ids, n, e) < 0))
		return -e->eno;
	return ops->lowers(&eng->store, c->id, ids, n, a, ret, e);
}

/* the driver's, or what a mount shows that keeps no difference */
static int changes_of(const struct store *s, struct verb *v, struct storage_changes *ret, struct err *e)
{
	OWN_FD mnt = -1;

	if (!(v->flags & STORAGE_PLAN_REDIRECT))
		return v->ops->changes(s, v->c->id, v->lowers, ret, e);
	v->flags |= STORAGE_PLAN_READ_ONLY;
	if (mounted(s, v, &mnt, e) < 0)
		return -e->eno;
	OWN_FD tree = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tree < 0 ? err_sys(e, errno, "open the container's file system") :
			  storage_changes_merged(s, v->c->id, tree, v->lowers, ret, e);
}

static int changes(const struct store *s, void *data, int *ret_fd, struct err *e)
{
	struct storage_changes c = { .fd = -1 };
	struct verb *v = data;

	if (changes_of(s, v, &c, e) < 0)
		return -e->eno;
	memcpy(v->result.key, c.key, sizeof c.key);
	*ret_fd = c.fd;
	return 0;
}

int engine_changes(struct engine *eng, const struct container *c, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e)
{
	OWN_VERB v = { .lowers = lowers };

	ret->fd = -1;
	ret->key[0] = 0;
	if (verb_of(eng, c, &v, e) < 0)
		return -e->eno;
	if (v.quota.kind != QUOTA_DISK)
		return changes_of(&eng->store, &v, ret, e);
	if (inside(&eng->store, &v, changes, true, &ret->fd, e) < 0)
		return -e->eno;
	memcpy(ret->key, v.result.key, sizeof ret->key);
	return 0;
}

static uint64_t bytes_of(const struct store *s, struct verb *v)
{
	struct storage_changes c;
	struct err ignored = { 0 };

	if (!(v->flags & STORAGE_PLAN_REDIRECT))
		return v->ops->bytes(v->ops, s, v->c->id, v->lowers);
	return changes_of(s, v, &c, &ignored) < 0 ? 0 : storage_changes_bytes(s, &c);
}

static int changed_bytes(const struct store *s, void *data, int *ret_fd, struct err *e)
{
	struct verb *v = data;

	(void)ret_fd;
	(void)e;
	v->result.bytes = bytes_of(s, v);
	return 0;
}

uint64_t engine_changed_bytes(struct engine *eng, const struct container *c)
{
	struct storage_lowers lowers;
	struct err ignored = { 0 };
	OWN_VERB v = { .lowers = &lowers };

	if (verb_of(eng, c, &v, &ignored) < 0 || engine_lowers(eng, c, &v.a, &lowers, &ignored) < 0)
		return 0;
	if (v.quota.kind != QUOTA_DISK)
		return bytes_of(&eng->store, &v);
	return inside(&eng->store, &v, changed_bytes, true, NULL, &ignored) < 0 ? 0 : v.result.bytes;
}
