/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of a stand-alone OCI process object, as exec --process takes it.
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
	struct bundle_strv warnings = { 0 };
	struct bundle_process process;

	if (js_parse((const char *)p, n, "process.json", &j, &e) < 0)
		return 0;
	if (bundle_process_parse(j, "", &a, &process, &warnings, &e) < 0)
		assert(e.kind && e.chain[0]);
	else
		assert(process.args.n && process.cwd && !process.env.v[process.env.n]);
	return 0;
}
