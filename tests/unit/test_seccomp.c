/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp: our compiler against libseccomp. The same profile is built by both, as runc would, and
 * both programs are run in a small interpreter over system calls, architectures and arguments.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "base/err.h"
#include "base/own.h"
#include "bpf_run.h"
#include "format/js.h"
#include "spec/seccomp.h"
#include "spec/syscall_table.h"

/* libseccomp 2.5 loses nodes of its trees when it puts rules together */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp.so";
}

/* --- the same profile through libseccomp --------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t scmp;
} acts[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
};

static uint32_t act_of(const json_t *o, const char *key, const char *errno_key)
{
	const char *name = js_str(o, key, "");
	unsigned eno = (unsigned)js_int(o, errno_key, EPERM);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (!strcmp(acts[i].name, name))
			return acts[i].scmp;
	return !strcmp(name, "SCMP_ACT_TRACE") ? SCMP_ACT_TRACE(eno) : SCMP_ACT_ERRNO(eno);
}

static struct scmp_arg_cmp arg_of(const json_t *a)
{
	static const char *const ops[] = { NULL, "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
					   "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
					   "SCMP_CMP_MASKED_EQ" };
	unsigned op = 1;
	while (strcmp(ops[op], js_str(a, "op", "")) != 0)
		op++;
	return (struct scmp_arg_cmp){ (unsigned)js_int(a, "index", 0), (enum scmp_compare)op,
				      (uint64_t)js_int(a, "value", 0),
				      (uint64_t)js_int(a, "valueTwo", 0) };
}

/* 0, or the error of the first rule that libseccomp does not take (such as a contradiction) */
static int their_rules(scmp_filter_ctx ctx, const json_t *call, uint32_t act)
{
	struct scmp_arg_cmp args[16];
	size_t i, k, n = 0;
	unsigned count[6] = { 0 };
	json_t *name, *a;
	bool several = false;

	json_array_foreach(json_object_get(call, "args"), i, a) {
		args[n] = arg_of(a);
		several = several || count[args[n].arg]++;
		n++;
	}
	json_array_foreach(json_object_get(call, "names"), i, name) {
		int nr = seccomp_syscall_resolve_name(json_string_value(name));
		int r = 0;
		if (nr == __NR_SCMP_ERROR)
			continue;
		if (!several)
			r = seccomp_rule_add_array(ctx, act, nr, (unsigned)n, args);
		for (k = 0; several && k < n && !r; k++)
			r = seccomp_rule_add_array(ctx, act, nr, 1, &args[k]);
		if (r)
			return r;
	}
	return 0;
}

static int their_compile(const json_t *spec, struct sock_filter **ret, size_t *ret_n)
{
	uint32_t def = act_of(spec, "defaultAction", "defaultErrnoRet");
	scmp_filter_ctx ctx = seccomp_init(def);
	json_t *item;
	size_t i;
	int r = 0;

	assert_non_null(ctx);
	json_array_foreach(json_object_get(spec, "architectures"), i, item) {
		const struct syscall_arch_row *row =
			&syscall_arch_rows[syscall_arch_parse(json_string_value(item))];
		uint32_t token = !strcmp(row->oci, "SCMP_ARCH_X32") ? SCMP_ARCH_X32 : row->audit;
		r = seccomp_arch_add(ctx, token);
		assert_true(r == 0 || r == -EEXIST);
	}
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 1);
	json_array_foreach(json_object_get(spec, "syscalls"), i, item) {
		uint32_t act = act_of(item, "action", "errnoRet");
		if (act != def && !r)
			r = their_rules(ctx, item, act);
	}
	int fd = memfd_create("bpf", MFD_CLOEXEC);
	if (!r)
		r = seccomp_export_bpf(ctx, fd);
	if (!r) {
		size_t n = (size_t)lseek(fd, 0, SEEK_END);
		*ret = malloc(n);
		assert_int_equal(pread(fd, *ret, n, 0), n);
		*ret_n = n / sizeof **ret;
	}
	close(fd);
	seccomp_release(ctx);
	return r;
}

/* --- comparison ---------------------------------------------------------------------------- */

struct samples {
	uint64_t v[400];
	size_t n;
};

static void sample_add(struct samples *s, uint64_t v)
{
	if (s->n < ARRAY_LEN(s->v))
		s->v[s->n++] = v;
}

static void samples_of(const json_t *spec, struct samples *s)
{
	json_t *call, *a;
	size_t i, k;
	static const uint64_t fixed[] = { 0, 1, 40, 0xffffffff, 0x100000000, UINT64_MAX };
	for (i = 0; i < ARRAY_LEN(fixed); i++)
		sample_add(s, fixed[i]);
	json_array_foreach(json_object_get(spec, "syscalls"), i, call)
		json_array_foreach(json_object_get(call, "args"), k, a) {
			uint64_t v = (uint64_t)js_int(a, "value", 0);
			uint64_t two = (uint64_t)js_int(a, "valueTwo", 0);
			const uint64_t more[] = { v, v - 1, v + 1, v | 1ULL << 35, v ^ 1ULL << 32,
						  two, two | ~v, v & (v - 1) };
			for (size_t m = 0; m < ARRAY_LEN(more); m++)
				sample_add(s, more[m]);
		}
}

struct pair {
	const json_t *spec;
	struct seccomp_filter ours;
	struct sock_filter *theirs;
	size_t theirs_n;
	bool stub;
	bool archs[ARCH_N];
	int64_t top[ARCH_N];
};

/* Numbers that our table has and the library of this host does not know. */
static bool newer_than_library(enum syscall_arch arch, uint32_t nr)
{
	uint32_t token = arch == ARCH_X32 ? SCMP_ARCH_X32 : syscall_arch_rows[arch].audit;
	char *name = seccomp_syscall_resolve_num_arch(token, (int)nr);
	bool known = name != NULL;
	free(name);
	if (known)
		return false;
	for (unsigned i = 0; i < syscall_table_rows; i++)
		if (syscall_number((int)i, arch) == (int64_t)nr)
			return true;
	return false;
}

/* @ret_fault: libseccomp 2.5 forgot to load the number, which happens to it with multiplexed calls
 * in several architectures: nothing to compare with. */
static uint32_t expected(const struct pair *p, enum syscall_arch arch, const struct seccomp_data *d,
			 bool *ret_fault)
{
	bool nr_seen;
	uint32_t nr = (uint32_t)d->nr;
	enum syscall_arch a = arch == ARCH_X86_64 && nr & 0x40000000 ? ARCH_X32 : arch;
	if (p->stub && p->archs[a] && p->top[a] >= 0 && nr > p->top[a])
		return SECCOMP_RET_ERRNO | ENOSYS;
	uint32_t r = bpf_run(p->theirs, p->theirs_n, d, &nr_seen);
	*ret_fault = p->archs[arch] && !nr_seen;
	return r;
}

static bool arg_holds(const json_t *a, uint64_t v, bool wide)
{
	struct scmp_arg_cmp c = arg_of(a);
	uint64_t all = wide ? UINT64_MAX : UINT32_MAX, x = c.datum_a & all;
	v &= all;
	switch (c.op) {
	case SCMP_CMP_NE:
		return v != x;
	case SCMP_CMP_LT:
		return v < x;
	case SCMP_CMP_LE:
		return v <= x;
	case SCMP_CMP_EQ:
		return v == x;
	case SCMP_CMP_GE:
		return v >= x;
	case SCMP_CMP_GT:
		return v > x;
	case SCMP_CMP_MASKED_EQ:
		return (v & x) == (c.datum_b & x);
	case _SCMP_CMP_MIN:
	case _SCMP_CMP_MAX:
	default:
		return false;
	}
}

/* Whether a rule names this call (directly, or @mux: by its number behind a multiplexer) and all
 * its conditions hold. */
static bool rule_holds(const json_t *call, enum syscall_arch a, const struct seccomp_data *d)
{
	json_t *name, *arg;
	size_t i, k;
	json_array_foreach(json_object_get(call, "names"), i, name) {
		int row = syscall_find(json_string_value(name));
		uint32_t mux = 0, code = 0;
		if (row < 0)
			continue;
		bool behind = syscall_mux(row, a, &mux, &code) && mux == (uint32_t)d->nr;
		if (!behind && syscall_number(row, a) != (int64_t)(uint32_t)d->nr)
			continue;
		bool holds = !behind || (uint32_t)d->args[0] == code;
		json_array_foreach(json_object_get(call, "args"), k, arg) {
			unsigned at = (unsigned)js_int(arg, "index", 0);
			if (!behind || at)
				holds = holds && arg_holds(arg, d->args[at], syscall_arch_rows[a].wide);
		}
		if (holds)
			return true;
	}
	return false;
}

/* What the words of the specification say, for profiles with one action besides the default:
 * a call is given it when any rule holds. libseccomp's trees of several rules do not always. */
static uint32_t plain_meaning(const struct pair *p, enum syscall_arch arch,
			      const struct seccomp_data *d)
{
	uint32_t nr = (uint32_t)d->nr;
	enum syscall_arch a = arch == ARCH_X86_64 && nr & 0x40000000 ? ARCH_X32 : arch;
	json_t *call;
	size_t i;
	json_array_foreach(json_object_get(p->spec, "syscalls"), i, call)
		if (rule_holds(call, a, d))
			return act_of(call, "action", "errnoRet");
	return act_of(p->spec, "defaultAction", "defaultErrnoRet");
}

static void compare_one(const struct pair *p, enum syscall_arch arch, const struct seccomp_data *d)
{
	bool nr_seen, fault = false;
	uint32_t ours = bpf_run(p->ours.code, p->ours.n, d, &nr_seen);
	uint32_t theirs = expected(p, arch, d, &fault);
	if (ours == theirs || fault || ours == plain_meaning(p, arch, d))
		return;
	char *text = json_dumps(p->spec, JSON_COMPACT);
	if (strlen(text) > 30000)
		text[30000] = 0;
	fprintf(stderr, "%s\n", text);
	fail_msg("%s nr %x args %llx %llx %llx %llx %llx %llx: ours %x theirs %x",
		 syscall_arch_rows[arch].oci, d->nr, (unsigned long long)d->args[0],
		 (unsigned long long)d->args[1], (unsigned long long)d->args[2],
		 (unsigned long long)d->args[3], (unsigned long long)d->args[4],
		 (unsigned long long)d->args[5], ours, theirs);
}

static void compare_number(const struct pair *p, enum syscall_arch arch, uint32_t nr,
			   const struct samples *s, bool all)
{
	struct seccomp_data d = { .nr = (int)nr, .arch = syscall_arch_rows[arch].audit };
	enum syscall_arch a = arch == ARCH_X86_64 && nr & 0x40000000 ? ARCH_X32 : arch;
	if (newer_than_library(a, nr))
		return;
	compare_one(p, arch, &d);
	if (!all)
		return;
	for (size_t i = 0; i < s->n; i++) {
		for (int k = 0; k < 6; k++)
			d.args[k] = s->v[(i * (k ? (size_t)k * 7 + 1 : 1) + (size_t)k) % s->n];
		compare_one(p, arch, &d);
		for (int k = 0; k < 6; k++)
			d.args[k] = s->v[i];
		compare_one(p, arch, &d);
	}
}

static bool number_has_args(const struct pair *p, enum syscall_arch arch, uint32_t nr)
{
	json_t *call, *name;
	size_t i, k;
	json_array_foreach(json_object_get(p->spec, "syscalls"), i, call)
		if (json_object_get(call, "args"))
			json_array_foreach(json_object_get(call, "names"), k, name) {
				int row = syscall_find(json_string_value(name));
				uint32_t mux, code;
				enum syscall_arch x = nr & 0x40000000 ? ARCH_X32 : arch;
				if (row >= 0 && syscall_number(row, x) == (int64_t)nr)
					return true;
				if (row >= 0 && syscall_mux(row, arch, &mux, &code) && mux == nr)
					return true;
			}
	return false;
}

static void compare_arch(const struct pair *p, enum syscall_arch arch, const struct samples *s)
{
	static const uint32_t odd[] = { 0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, 0x80000005,
					0xbfffffff, 0xc0000000, 0xc0000029, 0x3fffffff, 0xf0001,
					0xf0005, 0xf0010 };
	uint32_t base = syscall_arch_rows[arch].base;
	for (uint32_t nr = 0; nr < 620; nr++) {
		compare_number(p, arch, base + nr, s, number_has_args(p, arch, base + nr));
		if (arch == ARCH_X86_64)
			compare_number(p, arch, 0x40000000 + nr, s,
				       number_has_args(p, arch, 0x40000000 + nr));
	}
	for (size_t i = 0; i < ARRAY_LEN(odd); i++)
		compare_number(p, arch, odd[i], s, false);
}

/* false when libseccomp does not take the profile */
static bool compare(const json_t *spec)
{
	struct pair p = { .spec = spec };
	struct err e = { 0 };
	struct samples s = { 0 };
	json_t *item, *name;
	size_t i, k;

	if (their_compile(spec, &p.theirs, &p.theirs_n) < 0)
		return false;
	if (seccomp_compile(spec, &p.ours, &e) < 0)
		fail_msg("%s", e.chain);
	const char *def = js_str(spec, "defaultAction", "");
	p.stub = strcmp(def, "SCMP_ACT_ALLOW") != 0 && strcmp(def, "SCMP_ACT_LOG") != 0 &&
		 strcmp(def, "SCMP_ACT_TRACE") != 0;
	p.archs[ARCH_X86_64] = true;
	json_array_foreach(json_object_get(spec, "architectures"), i, item)
		p.archs[syscall_arch_parse(json_string_value(item))] = true;
	for (int a = 0; a < ARCH_N; a++) {
		p.top[a] = -1;
		json_array_foreach(json_object_get(spec, "syscalls"), i, item)
			json_array_foreach(json_object_get(item, "names"), k, name) {
				int row = syscall_find(json_string_value(name));
				int64_t nr = row < 0 ? -1 : syscall_number(row, (enum syscall_arch)a);
				p.top[a] = nr > p.top[a] ? nr : p.top[a];
			}
	}
	samples_of(spec, &s);
	for (int a = 0; a < ARCH_N; a++)
		if (!syscall_arch_rows[a].big_endian && a != ARCH_X32 &&
		    syscall_arch_known((enum syscall_arch)a))
			compare_arch(&p, (enum syscall_arch)a, &s);
	seccomp_filter_done(&p.ours);
	free(p.theirs);
	return true;
}

static const char *const docker_caps[] = { DOCKER_CAPS };

static void default_profile_is_libseccomps(void **state)
{
	static const char *const admin[] = { "CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF",
					     "CAP_SYS_TIME", NULL };
	static const char *const none[] = { NULL };
	const char *const *const sets[] = { docker_caps, admin, none };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		OWN_JSON spec = seccomp_default_profile(sets[i]);
		assert_non_null(spec);
		assert_true(compare(spec));
	}
}

/* deterministic: the same profiles in every run */
static uint32_t rnd(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

static json_t *random_args(uint32_t *seed, bool one)
{
	static const char *const ops[] = { "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
					   "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_GE", "SCMP_CMP_GT" };
	static const json_int_t values[] = { 0, 1, 5, 9, 12, 0x7e020000, 0x100000000, 0x500000003,
					     0xffffffff, 0x1ffffffff };
	json_t *list = json_array();
	uint32_t n = one ? 1 : 1 + rnd(seed, 3), index = rnd(seed, 3);
	for (uint32_t i = 0; i < n; i++) {
		/* libseccomp turns LE around after another condition where arguments have 32 bits */
		const char *op = ops[rnd(seed, i ? 3 : 7)];
		json_array_append_new(list, json_pack("{s:i,s:I,s:I,s:s}", "index", (int)(index + i),
						      "value", values[rnd(seed, 10)], "valueTwo",
						      values[rnd(seed, 10)], "op", op));
	}
	return list;
}

static json_t *random_profile(uint32_t *seed, bool one)
{
	/* the first ten may come several times, behind multiplexers too */
	static const char *const names[] = { "socket", "semop", "shmat", "accept", "sendto",
					     "socketcall", "semtimedop", "recv", "ioctl", "openat",
					     "read", "write", "clone", "personality", "fchmodat2",
					     "fcntl64", "mmap2", "cacheflush", "arch_prctl",
					     "no_such_call" };
	static const char *const defaults[] = { "SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS",
						"SCMP_ACT_ALLOW", "SCMP_ACT_KILL", "SCMP_ACT_TRAP" };
	static const char *const acts_of[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE" };
	static const char *const arch_sets[] = {
		"[]", "[\"SCMP_ARCH_X86_64\"]", "[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"]",
		"[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]",
		"[\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\",\"SCMP_ARCH_RISCV64\"]",
		"[\"SCMP_ARCH_MIPSEL\",\"SCMP_ARCH_MIPSEL64\",\"SCMP_ARCH_MIPSEL64N32\"]",
	};
	uint32_t def = rnd(seed, 5);
	json_t *calls = json_array();
	for (uint32_t i = 0, n = rnd(seed, 14); i < n; i++) {
		/* libseccomp loses its way in several rules of several conditions for one call */
		const char *name = one ? names[rnd(seed, 20)] : names[(10 + i) % 20];
		if (!one && i >= 10)
			break;
		json_t *o = json_pack("{s:[s],s:s}", "names", name, "action",
				      def == 2 ? "SCMP_ACT_ERRNO" : acts_of[one ? 0 : rnd(seed, 40) / 39]);
		if (def == 2)
			json_object_set_new(o, "errnoRet", json_integer(38));
		if (rnd(seed, 4))
			json_object_set_new(o, "args", random_args(seed, one));
		json_array_append_new(calls, o);
	}
	return json_pack("{s:s,s:o,s:o}", "defaultAction", defaults[def], "architectures",
			 parse(arch_sets[rnd(seed, 6)]), "syscalls", calls);
}

static void random_profiles_are_libseccomps(void **state)
{
	uint32_t seed = 12345, taken = 0;
	(void)state;
	for (int i = 0; i < 400; i++) {
		OWN_JSON spec = random_profile(&seed, i % 2);
		taken += compare(spec);
	}
	assert_true(taken > 300);
}

static void long_programs_jump_far(void **state)
{
	/* every other call is allowed for two values of two arguments: thousands of instructions */
	json_t *calls = json_array();
	(void)state;
	for (unsigned i = 0; i < syscall_table_rows; i++) {
		if (syscall_number((int)i, ARCH_X86_64) % 3 != 1)
			continue;
		json_array_append_new(
			calls, json_pack("{s:[s],s:s,s:[{s:i,s:I,s:s},{s:i,s:I,s:s}]}", "names",
					 syscall_name((int)i), "action", i & 1 ? "SCMP_ACT_ALLOW" :
					 "SCMP_ACT_LOG", "args", "index", 0, "value", (json_int_t)i,
					 "op", "SCMP_CMP_GT", "index", 3, "value",
					 (json_int_t)i << 33, "op", "SCMP_CMP_NE"));
	}
	OWN_JSON spec = json_pack("{s:s,s:[s],s:o}", "defaultAction", "SCMP_ACT_ERRNO",
				  "architectures", "SCMP_ARCH_X86_64", "syscalls", calls);
	assert_true(compare(spec));
	json_array_append_new(json_object_get(spec, "architectures"), json_string("SCMP_ARCH_X86"));
	json_array_append_new(json_object_get(spec, "architectures"), json_string("SCMP_ARCH_X32"));
	assert_true(compare(spec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_programs_jump_far),
		cmocka_unit_test(default_profile_is_libseccomps),
		cmocka_unit_test(random_profiles_are_libseccomps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
