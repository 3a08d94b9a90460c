/* SPDX-License-Identifier: Apache-2.0
 *
 * Disk use of containers.
 */
#include "engine/look.h"

void look_sizes(struct engine *eng, const struct handle *h, json_t *o)
{
	const json_t *chain = own_get(&h->c, "Chain");
	uint64_t rw = engine_changed_bytes(eng, &h->c), all = rw;

	for (size_t i = 0; i < json_array_size(chain); i++) {
		int64_t n = storage_layer_size(&eng->store, json_string_value(json_array_get(chain, i)));
		all += n > 0 ? (uint64_t)n : 0;
	}
	json_object_set_new(o, "SizeRw", json_integer((json_int_t)rw));
	json_object_set_new(o, "SizeRootFs", json_integer((json_int_t)all));
}
