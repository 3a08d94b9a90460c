/* SPDX-License-Identifier: Apache-2.0
 *
 * Build-time program: prints the table of system call numbers as C, from what libseccomp of the
 * build host knows plus the calls that newer kernels added under the same number everywhere.
 * Only this program uses libseccomp.
 */
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../syscall_table.h"

enum { NAMES_MAX = 1200, SCAN_MAX = 1200 };

#ifndef SCMP_ARCH_LOONGARCH64
#define SCMP_ARCH_LOONGARCH64 0
#endif
#ifndef SCMP_ARCH_M68K
#define SCMP_ARCH_M68K 0
#endif
#ifndef SCMP_ARCH_SH
#define SCMP_ARCH_SH 0
#endif
#ifndef SCMP_ARCH_SHEB
#define SCMP_ARCH_SHEB 0
#endif

static const struct {
	uint32_t token;
	int base;
} archs[ARCH_N] = {
	[ARCH_X86] = { SCMP_ARCH_X86, 0 },
	[ARCH_X86_64] = { SCMP_ARCH_X86_64, 0 },
	[ARCH_X32] = { SCMP_ARCH_X32, 0x40000000 },
	[ARCH_ARM] = { SCMP_ARCH_ARM, 0 },
	[ARCH_AARCH64] = { SCMP_ARCH_AARCH64, 0 },
	[ARCH_MIPS] = { SCMP_ARCH_MIPS, 4000 },
	[ARCH_MIPS64] = { SCMP_ARCH_MIPS64, 5000 },
	[ARCH_MIPS64N32] = { SCMP_ARCH_MIPS64N32, 6000 },
	[ARCH_MIPSEL] = { SCMP_ARCH_MIPSEL, 4000 },
	[ARCH_MIPSEL64] = { SCMP_ARCH_MIPSEL64, 5000 },
	[ARCH_MIPSEL64N32] = { SCMP_ARCH_MIPSEL64N32, 6000 },
	[ARCH_PPC] = { SCMP_ARCH_PPC, 0 },
	[ARCH_PPC64] = { SCMP_ARCH_PPC64, 0 },
	[ARCH_PPC64LE] = { SCMP_ARCH_PPC64LE, 0 },
	[ARCH_S390] = { SCMP_ARCH_S390, 0 },
	[ARCH_S390X] = { SCMP_ARCH_S390X, 0 },
	[ARCH_PARISC] = { SCMP_ARCH_PARISC, 0 },
	[ARCH_PARISC64] = { SCMP_ARCH_PARISC64, 0 },
	[ARCH_RISCV64] = { SCMP_ARCH_RISCV64, 0 },
	[ARCH_LOONGARCH64] = { SCMP_ARCH_LOONGARCH64, 0 },
	[ARCH_M68K] = { SCMP_ARCH_M68K, 0 },
	[ARCH_SH] = { SCMP_ARCH_SH, 0 },
	[ARCH_SHEB] = { SCMP_ARCH_SHEB, 0 },
};

/* Since Linux 5.1 new calls get one number on all architectures; those of these that the
 * library on the build host may not know yet. @only: the single architecture that has it. */
static const struct {
	const char *name;
	int nr, only;
} newer[] = {
	{ "cachestat", 451, -1 },         { "fchmodat2", 452, -1 },
	{ "map_shadow_stack", 453, -1 },  { "futex_wake", 454, -1 },
	{ "futex_wait", 455, -1 },        { "futex_requeue", 456, -1 },
	{ "statmount", 457, -1 },         { "listmount", 458, -1 },
	{ "lsm_get_self_attr", 459, -1 }, { "lsm_set_self_attr", 460, -1 },
	{ "lsm_list_modules", 461, -1 },  { "mseal", 462, -1 },
	{ "setxattrat", 463, -1 },        { "getxattrat", 464, -1 },
	{ "listxattrat", 465, -1 },       { "removexattrat", 466, -1 },
	{ "open_tree_attr", 467, -1 },    { "file_getattr", 468, -1 },
	{ "file_setattr", 469, -1 },      { "uretprobe", 335, ARCH_X86_64 },
	{ "uprobe", 336, ARCH_X86_64 },   { "riscv_hwprobe", 258, ARCH_RISCV64 },
};

static const char *const socketcalls[] = {
	NULL, "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername",
	"socketpair", "send", "recv", "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt",
	"sendmsg", "recvmsg", "accept4", "recvmmsg", "sendmmsg",
};
static const char *const ipcs[] = {
	[1] = "semop",    [2] = "semget",  [3] = "semctl",  [4] = "semtimedop",
	[11] = "msgsnd",  [12] = "msgrcv", [13] = "msgget", [14] = "msgctl",
	[21] = "shmat",   [22] = "shmdt",  [23] = "shmget", [24] = "shmctl",
};

static char *names[NAMES_MAX];
static unsigned names_n;
static int numbers[NAMES_MAX][ARCH_N];

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int row_of(const char *name)
{
	char **p = bsearch(&name, names, names_n, sizeof *names, by_name);
	return p ? (int)(p - names) : -1;
}

static void names_add(const char *name)
{
	for (unsigned i = 0; i < names_n; i++)
		if (!strcmp(names[i], name))
			return;
	if (names_n == NAMES_MAX)
		exit(1);
	names[names_n++] = strdup(name);
}

/* The far block 0xf0000: calls private to 32-bit ARM. */
static int scan_at(int a, int i)
{
	return i < SCAN_MAX ? archs[a].base + i : 0xf0000 + i - SCAN_MAX;
}

static void collect(void)
{
	for (int a = 0; a < ARCH_N; a++)
		for (int i = 0; archs[a].token && i < SCAN_MAX + 16; i++) {
			char *s = seccomp_syscall_resolve_num_arch(archs[a].token, scan_at(a, i));
			if (s)
				names_add(s);
			free(s);
		}
	for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++)
		names_add(newer[i].name);
	qsort(names, names_n, sizeof *names, by_name);
}

static void resolve(int a)
{
	for (unsigned i = 0; i < names_n; i++)
		numbers[i][a] = -1;
	if (!archs[a].token)
		return;
	for (int i = 0; i < SCAN_MAX + 16; i++) {
		char *s = seccomp_syscall_resolve_num_arch(archs[a].token, scan_at(a, i));
		int row = s ? row_of(s) : -1;
		if (row >= 0 && numbers[row][a] < 0)
			numbers[row][a] = i < SCAN_MAX ? i : SYSCALL_FAR + i - SCAN_MAX;
		free(s);
	}
	/* names that share a number with another one */
	for (unsigned i = 0; i < names_n; i++) {
		int nr = seccomp_syscall_resolve_name_arch(archs[a].token, names[i]);
		if (numbers[i][a] < 0 && nr >= archs[a].base)
			numbers[i][a] = nr >= 0xf0000 && archs[a].base == 0 ?
					SYSCALL_FAR + nr - 0xf0000 : nr - archs[a].base;
	}
	for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
		int row = row_of(newer[i].name);
		if (numbers[row][a] < 0 && (newer[i].only < 0 || newer[i].only == a))
			numbers[row][a] = newer[i].nr;
	}
}

static void print_names(void)
{
	unsigned at = 0;
	printf("const unsigned syscall_table_rows = %u;\nconst char syscall_table_names[] =\n", names_n);
	for (unsigned i = 0; i < names_n; i++)
		printf("\t\"%s\\0\"\n", names[i]);
	printf(";\nconst uint16_t syscall_table_name_at[] = {\n");
	for (unsigned i = 0; i < names_n; i++) {
		printf("\t%u,\n", at);
		at += (unsigned)strlen(names[i]) + 1;
	}
	printf("};\n");
}

static void print_numbers(void)
{
	printf("const int16_t syscall_table_numbers[][ARCH_N] = {\n");
	for (unsigned i = 0; i < names_n; i++) {
		printf("\t{");
		for (int a = 0; a < ARCH_N; a++)
			printf(" %d,", numbers[i][a]);
		printf(" },\n");
	}
	printf("};\nconst uint8_t syscall_table_mux[] = {\n");
	for (unsigned i = 0; i < names_n; i++) {
		unsigned code = 0;
		for (unsigned c = 1; c < sizeof socketcalls / sizeof *socketcalls; c++)
			if (!strcmp(socketcalls[c], names[i]))
				code = c;
		for (unsigned c = 1; c < sizeof ipcs / sizeof *ipcs; c++)
			if (ipcs[c] && !strcmp(ipcs[c], names[i]))
				code = 0x80 | c;
		printf("\t%u,\n", code);
	}
	printf("};\n");
}

static void print_hash(void)
{
	static unsigned slots[SYSCALL_HASH_SLOTS];
	for (unsigned i = 0; i < names_n; i++) {
		uint32_t h = syscall_hash(names[i]) % SYSCALL_HASH_SLOTS;
		while (slots[h])
			h = (h + 1) % SYSCALL_HASH_SLOTS;
		slots[h] = i + 1;
	}
	printf("const uint16_t syscall_table_hash[] = {\n");
	for (int i = 0; i < SYSCALL_HASH_SLOTS; i++)
		printf("%u,%s", slots[i], i % 16 == 15 ? "\n" : " ");
	printf("};\n");
}

static void print_archs(void)
{
	printf("const uint8_t syscall_table_arch[ARCH_N] = {");
	for (int a = 0; a < ARCH_N; a++) {
		uint32_t t = archs[a].token;
		unsigned flags = t != 0;
		/* a negative number that is not "unknown" stands for a multiplexed call */
		if (t && seccomp_syscall_resolve_name_arch(t, "socket") < -1 &&
		    numbers[row_of("socketcall")][a] >= 0)
			flags |= 2;
		if (t && seccomp_syscall_resolve_name_arch(t, "semop") < -1 &&
		    numbers[row_of("ipc")][a] >= 0)
			flags |= 4;
		printf(" %u,", flags);
	}
	printf(" };\n");
}

int main(void)
{
	collect();
	for (int a = 0; a < ARCH_N; a++)
		resolve(a);
	printf("/* generated by syscall_table_gen */\n#include \"spec/syscall_table.h\"\n");
	print_names();
	print_numbers();
	print_hash();
	print_archs();
	for (unsigned i = 0; i < names_n; i++)
		free(names[i]);
	return 0;
}
