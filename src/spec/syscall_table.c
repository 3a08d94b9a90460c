/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-ups in the generated table of system call numbers, and the table of architectures.
 */
#include <linux/audit.h>
#include <string.h>

#include "spec/syscall_table.h"

#define WIDE(m) ((m) | __AUDIT_ARCH_64BIT)
#define LE(m)   ((m) | __AUDIT_ARCH_LE)
enum {
	MACHINE_386 = 3, MACHINE_68K = 4, MACHINE_MIPS = 8, MACHINE_PARISC = 15, MACHINE_PPC = 20,
	MACHINE_PPC64 = 21, MACHINE_S390 = 22, MACHINE_ARM = 40, MACHINE_SH = 42,
	MACHINE_X86_64 = 62, MACHINE_AARCH64 = 183, MACHINE_RISCV = 243, MACHINE_LOONGARCH = 258,
	CONVENTION_N32 = 0x20000000,
};

/* Machine numbers are those of ELF (<linux/elf-em.h>); x32 reports the audit value of x86_64 and
 * sets bit 30 of the number. */
const struct syscall_arch_row syscall_arch_rows[ARCH_N] = {
	[ARCH_X86] = { "SCMP_ARCH_X86", "x86", LE(MACHINE_386), 0, false, false },
	[ARCH_X86_64] = { "SCMP_ARCH_X86_64", "amd64", WIDE(LE(MACHINE_X86_64)), 0, false, true },
	[ARCH_X32] = { "SCMP_ARCH_X32", "x32", WIDE(LE(MACHINE_X86_64)), 0x40000000, false, false },
	[ARCH_ARM] = { "SCMP_ARCH_ARM", "arm", LE(MACHINE_ARM), 0, false, false },
	[ARCH_AARCH64] = { "SCMP_ARCH_AARCH64", "arm64", WIDE(LE(MACHINE_AARCH64)), 0, false, true },
	[ARCH_MIPS] = { "SCMP_ARCH_MIPS", "mips", MACHINE_MIPS, 4000, true, false },
	[ARCH_MIPS64] = { "SCMP_ARCH_MIPS64", "mips64", WIDE(MACHINE_MIPS), 5000, true, true },
	[ARCH_MIPS64N32] = { "SCMP_ARCH_MIPS64N32", "mips64n32", WIDE(MACHINE_MIPS) | CONVENTION_N32,
			     6000, true, false },
	[ARCH_MIPSEL] = { "SCMP_ARCH_MIPSEL", "mipsel", LE(MACHINE_MIPS), 4000, false, false },
	[ARCH_MIPSEL64] = { "SCMP_ARCH_MIPSEL64", "mipsel64", WIDE(LE(MACHINE_MIPS)), 5000, false,
			    true },
	[ARCH_MIPSEL64N32] = { "SCMP_ARCH_MIPSEL64N32", "mipsel64n32",
			       WIDE(LE(MACHINE_MIPS)) | CONVENTION_N32, 6000, false, false },
	[ARCH_PPC] = { "SCMP_ARCH_PPC", "ppc", MACHINE_PPC, 0, true, false },
	[ARCH_PPC64] = { "SCMP_ARCH_PPC64", "ppc64", WIDE(MACHINE_PPC64), 0, true, true },
	[ARCH_PPC64LE] = { "SCMP_ARCH_PPC64LE", "ppc64le", WIDE(LE(MACHINE_PPC64)), 0, false, true },
	[ARCH_S390] = { "SCMP_ARCH_S390", "s390", MACHINE_S390, 0, true, false },
	[ARCH_S390X] = { "SCMP_ARCH_S390X", "s390x", WIDE(MACHINE_S390), 0, true, true },
	[ARCH_PARISC] = { "SCMP_ARCH_PARISC", NULL, MACHINE_PARISC, 0, true, false },
	[ARCH_PARISC64] = { "SCMP_ARCH_PARISC64", NULL, WIDE(MACHINE_PARISC), 0, true, true },
	[ARCH_RISCV64] = { "SCMP_ARCH_RISCV64", "riscv64", WIDE(LE(MACHINE_RISCV)), 0, false, true },
	[ARCH_LOONGARCH64] = { "SCMP_ARCH_LOONGARCH64", "loongarch64", WIDE(LE(MACHINE_LOONGARCH)),
			       0, false, true },
	[ARCH_M68K] = { "SCMP_ARCH_M68K", NULL, MACHINE_68K, 0, true, false },
	[ARCH_SH] = { "SCMP_ARCH_SH", NULL, LE(MACHINE_SH), 0, false, false },
	[ARCH_SHEB] = { "SCMP_ARCH_SHEB", NULL, MACHINE_SH, 0, true, false },
};

enum syscall_arch syscall_arch_native(void)
{
#if defined(__x86_64__) && defined(__ILP32__)
	return ARCH_X32;
#elif defined(__x86_64__)
	return ARCH_X86_64;
#elif defined(__i386__)
	return ARCH_X86;
#elif defined(__aarch64__)
	return ARCH_AARCH64;
#elif defined(__arm__)
	return ARCH_ARM;
#elif defined(__riscv) && __riscv_xlen == 64
	return ARCH_RISCV64;
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ARCH_PPC64LE;
#elif defined(__powerpc64__)
	return ARCH_PPC64;
#elif defined(__powerpc__)
	return ARCH_PPC;
#elif defined(__s390x__)
	return ARCH_S390X;
#elif defined(__loongarch64)
	return ARCH_LOONGARCH64;
#elif defined(__mips__) && defined(__mips64) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ARCH_MIPSEL64;
#elif defined(__mips__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return ARCH_MIPSEL;
#else
#error "no seccomp architecture for this machine"
#endif
}

int syscall_arch_parse(const char *oci)
{
	for (int a = 0; a < ARCH_N; a++)
		if (!strcmp(syscall_arch_rows[a].oci, oci))
			return a;
	return -1;
}

bool syscall_arch_known(enum syscall_arch arch)
{
	return syscall_table_arch[arch] & 1;
}

const char *syscall_name(int row)
{
	if (row < 0 || (unsigned)row >= syscall_table_rows)
		return NULL;
	return syscall_table_names + syscall_table_name_at[row];
}

int syscall_find(const char *name)
{
	uint32_t h = syscall_hash(name) % SYSCALL_HASH_SLOTS;
	for (; syscall_table_hash[h]; h = (h + 1) % SYSCALL_HASH_SLOTS) {
		int row = syscall_table_hash[h] - 1;
		if (!strcmp(syscall_name(row), name))
			return row;
	}
	return -1;
}

int64_t syscall_number(int row, enum syscall_arch arch)
{
	int16_t n = syscall_table_numbers[row][arch];
	if (n < 0)
		return -1;
	if (n >= SYSCALL_FAR)
		return 0xf0000 + n - SYSCALL_FAR;
	return (int64_t)syscall_arch_rows[arch].base + n;
}

enum syscall_mux syscall_mux(int row, enum syscall_arch arch, uint32_t *ret_nr, uint32_t *ret_code)
{
	uint8_t code = syscall_table_mux[row];
	uint8_t flags = syscall_table_arch[arch];
	bool ipc = code & 0x80;

	if (!code || !(flags & (ipc ? 4 : 2)))
		return MUX_NONE;
	*ret_nr = (uint32_t)syscall_number(syscall_find(ipc ? "ipc" : "socketcall"), arch);
	*ret_code = code & 0x7f;
	return ipc ? MUX_IPC : MUX_SOCKETCALL;
}
