/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of the OCI config: any bytes give a checked bundle or an error that says what is wrong.
 */
#include <assert.h>
#include <stdint.h>

#include "format/js.h"
#include "spec/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	ARENA a = { 0 };
	OWN_JSON j = NULL;
	struct err e = { 0 };
	struct bundle b;

	if (js_parse((const char *)p, n, "config.json", &j, &e) < 0)
		return 0;
	if (bundle_parse(j, &a, &b, &e) < 0)
		assert(e.kind && e.chain[0]);
	else
		assert(b.root.path && (!b.process || b.process->args.n));
	return 0;
}
