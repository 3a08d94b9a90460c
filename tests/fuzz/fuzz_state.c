/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of state.json: a damaged record is an error, never a fault. With it the hooks and the group
 * of the record; a group is also what the lock file notes.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "format/js.h"
#include "runtime/state_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *text, size_t n)
{
	struct state s = STATE_EMPTY;
	struct err e = { 0 };

	if (js_parse((const char *)text, n, "state.json", &s.doc, &e) < 0)
		return 0;
	memcpy(s.id, "c", 2);
	if (state_decode(&s, &e) == 0) {
		ARENA a = { 0 };
		OWN_JSON j = NULL;
		struct bundle_hooks hooks;
		struct cgroup *cg = NULL;
		(void)state_oci_json(&s, "stopped", 0, &j, &e);
		for (int p = 0; p < BUNDLE_HOOK_POINTS; p++)
			if (state_late_hooks(&s, p, &a, &hooks, &e) == 0)
				for (size_t i = 0; i < hooks.n; i++)
					assert(hooks.v[i].path[0] == '/');
		if (s.cgroup && cgroup_open(s.cgroup, &cg, &e) == 0)
			cgroup_free(cg);
	}
	json_decref(s.doc);
	return 0;
}
