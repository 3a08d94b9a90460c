/* SPDX-License-Identifier: Apache-2.0
 *
 * A container and the storage driver that it was made with: later ones may be made with another.
 */
#include <string.h>
#include <unistd.h>

#include "engine/engine_int.h"
#include "format/js.h"

int engine_storage(const struct engine *eng, const struct container *c, const struct storage_ops **ret, struct err *e)
{
	const char *name = js_str(c->record, "Driver", "");

	*ret = eng->storage;
	if (!*name || !strcmp(name, eng->storage->name))
		return 0;
	return storage_by_name(name, ret, e) < 0 ? err_ctx(e, "container %.12s", c->id) : 0;
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

int engine_plan(struct engine *eng, const struct container *c, unsigned flags, struct arena *a,
		struct mount_plan *ret, struct err *e)
{
	const struct storage_ops *ops;
	const char *const *ids;
	size_t n;

	if (engine_storage(eng, c, &ops, e) < 0 || chain_of(c, a, &ids, &n, e) < 0)
		return -e->eno;
	return ops->plan(&eng->store, c->id, ids, n, flags, a, ret, e);
}

int engine_layer_prepare(struct engine *eng, const struct container *c, struct err *e)
{
	const char *const *ids;
	ARENA a = { 0 };
	size_t n;

	if (chain_of(c, &a, &ids, &n, e) < 0)
		return -e->eno;
	/* the usual one is tried by its mount, whose error says as much */
	if (eng->storage != &storage_overlay && eng->storage->probe(&eng->store, e) < 0)
		return err_ctx(e, "storage driver");
	return eng->storage->prepare(&eng->store, c->id, ids, n, e);
}

int engine_layer_remove(struct engine *eng, const struct container *c, struct err *e)
{
	const struct storage_ops *ops;

	if (engine_storage(eng, c, &ops, e) < 0)
		return -e->eno;
	if (ops->remove(&eng->store, c->id, e) < 0)
		return err_ctx(e, "container %.12s: driver \"%s\" failed to remove root filesystem", c->id, ops->name);
	return 0;
}

int engine_lowers(struct engine *eng, const struct container *c, struct arena *a, struct storage_lowers *ret,
		  struct err *e)
{
	const char *const *ids;
	size_t n;

	return chain_of(c, a, &ids, &n, e) < 0 ? -e->eno : storage_lowers(&eng->store, c->id, ids, n, 0, a, ret, e);
}

int engine_changes(struct engine *eng, const struct container *c, const struct storage_lowers *lowers,
		   struct storage_changes *ret, struct err *e)
{
	const struct storage_ops *ops;

	ret->fd = -1;
	ret->key[0] = 0;
	return engine_storage(eng, c, &ops, e) < 0 ? -e->eno : ops->changes(&eng->store, c->id, lowers, ret, e);
}

uint64_t engine_changed_bytes(struct engine *eng, const struct container *c)
{
	const struct storage_ops *ops;
	struct storage_lowers lowers;
	struct err ignored = { 0 };
	ARENA a = { 0 };

	if (engine_storage(eng, c, &ops, &ignored) < 0 || engine_lowers(eng, c, &a, &lowers, &ignored) < 0)
		return 0;
	return ops->bytes(&eng->store, c->id, &lowers);
}
