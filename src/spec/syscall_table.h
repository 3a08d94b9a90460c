/* SPDX-License-Identifier: Apache-2.0
 *
 * System call numbers of every architecture that a seccomp profile can name. The numbers come
 * from a table generated at build time (gen/syscall_table_gen.c); nothing is resolved by a
 * library at run time.
 */
#ifndef ONGGI_SPEC_SYSCALL_TABLE_H
#define ONGGI_SPEC_SYSCALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Order = columns of the generated table. */
enum syscall_arch {
	ARCH_X86,
	ARCH_X86_64,
	ARCH_X32,
	ARCH_ARM,
	ARCH_AARCH64,
	ARCH_MIPS,
	ARCH_MIPS64,
	ARCH_MIPS64N32,
	ARCH_MIPSEL,
	ARCH_MIPSEL64,
	ARCH_MIPSEL64N32,
	ARCH_PPC,
	ARCH_PPC64,
	ARCH_PPC64LE,
	ARCH_S390,
	ARCH_S390X,
	ARCH_PARISC,
	ARCH_PARISC64,
	ARCH_RISCV64,
	ARCH_LOONGARCH64,
	ARCH_M68K,
	ARCH_SH,
	ARCH_SHEB,
	ARCH_N
};

struct syscall_arch_row {
	const char *oci;    /* "SCMP_ARCH_X86_64" */
	const char *docker; /* name in includes.arches of docker's profiles, NULL: none */
	uint32_t audit;     /* AUDIT_ARCH_*: what the kernel puts into seccomp_data.arch */
	uint32_t base;      /* numbers of the table are relative to this */
	bool big_endian;
	bool wide;          /* arguments are 64 bits */
};
extern const struct syscall_arch_row syscall_arch_rows[ARCH_N];

/* Multiplexers: on some architectures `socket` is also socketcall(1, ...), `semop` ipc(1, ...). */
enum syscall_mux { MUX_NONE, MUX_SOCKETCALL, MUX_IPC };

/** syscall_arch_native - the architecture of this program. */
enum syscall_arch syscall_arch_native(void);
/** syscall_arch_parse - from the OCI name; -1 when unknown. */
int syscall_arch_parse(const char *oci);
/** syscall_arch_known - whether the numbers of @arch were known to the build. */
bool syscall_arch_known(enum syscall_arch arch);
/** syscall_find - row of a system call name, -1 when no architecture has it. */
int syscall_find(const char *name);
/** syscall_name - inverse of syscall_find; NULL past the end. */
const char *syscall_name(int row);
/** syscall_number - number of @row on @arch as the kernel reports it, -1 when it has none. */
int64_t syscall_number(int row, enum syscall_arch arch);
/** syscall_mux - whether @row can also be reached through a multiplexer on @arch: its kind, with
 * the multiplexer's number and the value of its first argument. */
enum syscall_mux syscall_mux(int row, enum syscall_arch arch, uint32_t *ret_nr, uint32_t *ret_code);

/* Generated: numbers relative to base, -1 absent; SYSCALL_FAR + n stands for 0xf0000 + n. */
enum { SYSCALL_HASH_SLOTS = 2048, SYSCALL_FAR = 0x7000 };
extern const unsigned syscall_table_rows;
extern const char syscall_table_names[];             /* NUL-separated, sorted */
extern const uint16_t syscall_table_name_at[];       /* offset of each row's name */
extern const int16_t syscall_table_numbers[][ARCH_N];
extern const uint8_t syscall_table_mux[];            /* code of socketcall; 0x80 | code of ipc */
extern const uint16_t syscall_table_hash[];          /* row + 1, 0 empty; linear probing */
extern const uint8_t syscall_table_arch[ARCH_N];     /* 1 known, 2 has socketcall, 4 has ipc */

/** syscall_hash - FNV-1a, shared by generator and look-up. */
static inline uint32_t syscall_hash(const char *s)
{
	uint32_t h = 2166136261u;
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h ^ h >> 15;
}

#endif
