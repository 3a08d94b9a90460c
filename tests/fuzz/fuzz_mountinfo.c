/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc/self/mountinfo: where the hierarchies of /proc/self/cgroup are mounted. Anybody who may mount
 * chooses paths in it.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/own.h"
#include "driver/cgroup/cgroup_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	OWN_PTR struct cg_host *h = calloc(1, sizeof *h);
	OWN_STR text = strndup((const char *)p, n);

	if (!h || !text)
		return 0;
	cg_host_self("9:memory:/m\n3:cpu,cpuacct:/a\n2:name=systemd:/\n0::/x\n", h);
	cg_host_mountinfo(text, h);
	for (size_t i = 0; i < h->n; i++) {
		assert(memchr(h->h[i].mount, 0, sizeof h->h[i].mount));
		assert(memchr(h->h[i].root, 0, sizeof h->h[i].root));
		assert(!h->h[i].mount[0] || h->h[i].root[0] == '/');
	}
	return 0;
}
