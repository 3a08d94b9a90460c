/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles, docker's form and OCI: what compiles must be a program the kernel would take.
 */
#include <stdint.h>
#include <stdlib.h>

#include "format/js.h"
#include "spec/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct seccomp_filter *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct sock_filter *c = &f->code[i];
		size_t far = c->code == (BPF_JMP | BPF_JA) ? c->k : c->jt > c->jf ? c->jt : c->jf;
		if (BPF_CLASS(c->code) == BPF_JMP && i + 1 + far >= f->n)
			abort();
	}
	if (!f->n || f->n > BPF_MAXINSNS || BPF_CLASS(f->code[f->n - 1].code) != BPF_RET)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const caps[] = { "CAP_SYS_ADMIN", "CAP_CHOWN", NULL };
	struct err e = { 0 };
	OWN_JSON j = NULL;
	OWN_JSON oci = NULL;
	struct seccomp_filter f = { 0 };

	if (js_parse((const char *)data, n, "profile", &j, &e) < 0 ||
	    seccomp_profile_resolve(j, caps, &oci, &e) < 0 || !oci || seccomp_compile(oci, &f, &e) < 0)
		return 0;
	check(&f);
	seccomp_filter_done(&f);
	return 0;
}
