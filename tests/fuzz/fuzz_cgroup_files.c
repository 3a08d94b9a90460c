/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the kernel that the cgroup driver reads: /proc/self/cgroup, mountinfo, statistics, and
 * the record and paths that come from state files and callers. The first byte picks one.
 */
#include <stdint.h>
#include <string.h>

#include "driver/cgroup/stats.h"
#include "format/js.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void host(const char *text)
{
	static struct cg_host h;
	cg_host_self("3:cpu,cpuacct:/a\n2:name=systemd:/\n0::/x\n", &h);
	cg_host_mountinfo(text, &h);
	cg_host_self(text, &h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	OWN_STR text = n ? strndup((const char *)data + 1, n - 1) : NULL;
	OWN_JSON a = NULL;
	OWN_JSON list = json_array();
	struct cg_scope scope;
	struct err e = { 0 };
	uint64_t v;

	if (!text)
		return 0;
	switch (data[0] % 8) {
	case 0: host(text); break;
	case 1: a = cg_stats_keyed(text); (void)cg_keyed(text, "oom_kill", &v); break;
	case 2: a = cg_stats_numbers(text); break;
	case 3: a = cg_stats_list(text); break;
	case 4: a = cg_stats_pressure(text); break;
	case 5: a = cg_stats_blkio_lines(text); break;
	case 6: cg_stats_io_lines(text, list, list); break;
	case 7: (void)cg_systemd_parse(text, "id", false, &scope, &e); break;
	}
	return 0;
}
