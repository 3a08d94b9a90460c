/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzer of CRIU's answers: any bytes are an answer or an error.
 */
#include <stdint.h>
#include <stdlib.h>

#include "runtime/criu_rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct criu_response r;
	struct err e = { 0 };

	if (criu_response_decode(p, n, &r, &e) < 0)
		return 0;
	if (r.pid < 0 || r.script[sizeof r.script - 1] || r.message[sizeof r.message - 1])
		abort();
	return 0;
}
