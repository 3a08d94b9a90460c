/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers in the form that the storage driver needs. Most are there; what came with a driver of the
 * other form is made by onggi-image, which has what unpacking takes. What is still on its way (store/lazy.h) is shown by
 * a process of the same program.
 */
#include "base/own.h"
#include "base/program.h"
#include "engine/engine_int.h"
#include "store/lazy.h"
#include "store/snapshot.h"

int engine_layers_late(struct engine *eng, const char *image_id, const char *const *chain, size_t n, struct err *e)
{
	const struct store *s = &eng->store;
	const char *argv[] = { "onggi-image", "lazy-serve", s->root, s->run, image_id, NULL };

	if (!n || !lazy_is_pending(s, image_id))
		return 0;
	/* first, so that it does not go away while we make use of it */
	own_fd_done(&eng->late_fd);
	if (lazy_use(s, chain[n - 1], &eng->late_fd, e) < 0)
		return -e->eno;
	if (!lazy_is_served(s, chain[n - 1]) && program_run(argv, e) < 0)
		return err_ctx(e, "layers of image %.19s that are on their way", image_id);
	return 1;
}

int engine_layers_ready(struct engine *eng, const char *image_id, const char *const *chain, size_t n, struct err *e)
{
	const struct store *s = &eng->store;
	const char *argv[] = { "onggi-image", "form", s->root, s->run, eng->storage->name, image_id, NULL };

	int late = eng->late_image ? engine_layers_late(eng, image_id, chain, n, e) : 0;
	if (late)
		return late < 0 ? late : 0;
	if (snapshot_is_ready(s, chain, n, eng->storage->form))
		return 0;
	if (program_run(argv, e) < 0)
		return err_ctx(e, "layers for storage driver %s", eng->storage->name);
	return 0;
}
