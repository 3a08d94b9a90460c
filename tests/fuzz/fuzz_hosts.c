/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of the hosts files: the host's resolv.conf and hosts, --add-host and --dns may be any text.
 */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "engine/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	struct err e = { 0 };
	char *text = arena_strndup(&a, (const char *)p, n);
	const char *const one[] = { text };
	struct hosts_req q = {
		.hostname = "c", .ip4 = "172.17.0.2", .gateway4 = "172.17.0.1", .host_resolv = text,
		.host_hosts = text,
	};

	if (!text)
		return 0;
	for (int mode = 0; mode < HOSTS_MODE_N; mode++) {
		OWN_STR hosts = NULL;
		OWN_STR resolv = NULL;
		OWN_STR extra = NULL;
		q.mode = (enum hosts_mode)mode;
		q.n_extra_hosts = 0;
		(void)hosts_text(&q, &hosts, &e);
		(void)resolv_text(&q, &resolv, &e);
		q.extra_hosts = one;
		q.n_extra_hosts = 1;
		(void)hosts_text(&q, &extra, &e); /* must only not crash */
	}
	return 0;
}
