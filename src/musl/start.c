/* SPDX-License-Identifier: Apache-2.0
 *
 * Start of a static program that may lie anywhere in memory: in the place of musl's rcrt1.o, which does not
 * know the compact form of relocations (DT_RELR; musl 1.2.4 does). With it the table of some four thousand
 * addresses takes 1 kB instead of 98, all of which is read at every start. Runs before anything is
 * relocated: it must not use addresses of data, nor a stack protector.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR	  36
#endif

#if !defined(__x86_64__)
#error "only for x86_64; others use musl's own start file"
#endif

__asm__(".text\n"
	".global _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	xor %rbp, %rbp\n"
	"	mov %rsp, %rdi\n"
	"	.hidden _DYNAMIC\n"
	"	lea _DYNAMIC(%rip), %rsi\n"
	"	.hidden __ehdr_start\n"
	"	lea __ehdr_start(%rip), %rdx\n"
	"	and $-16, %rsp\n"
	"	call start_relocate\n"
	"	hlt\n");

int main(int argc, char **argv, char **env);
void _init(void) __attribute__((weak));
void _fini(void) __attribute__((weak));
int __libc_start_main(int (*)(int, char **, char **), int argc, char **argv, void (*)(void), void (*)(void),
		      void (*)(void));
__attribute__((noreturn, visibility("hidden"))) void start_relocate(long *stack, const Elf64_Dyn *dynamic,
								     uintptr_t base);

/* An even word is an address to be shifted; an odd one says by bits which of the next 63 words are. */
static void shift_packed(const uint64_t *table, size_t n, uintptr_t base)
{
	uint64_t *at = NULL;

	for (size_t i = 0; i < n; i++) {
		uint64_t word = table[i];
		if (!(word & 1)) {
			at = (uint64_t *)(base + word);
			*at++ += base;
			continue;
		}
		for (size_t k = 0; (word >>= 1) != 0; k++)
			if (word & 1)
				at[k] += base;
		at += 63;
	}
}

static void shift_plain(const Elf64_Rela *table, size_t n, uintptr_t base)
{
	for (size_t i = 0; i < n; i++)
		if (ELF64_R_TYPE(table[i].r_info) == R_X86_64_RELATIVE)
			*(uint64_t *)(base + table[i].r_offset) = base + (uint64_t)table[i].r_addend;
}

void start_relocate(long *stack, const Elf64_Dyn *dynamic, uintptr_t base)
{
	const Elf64_Rela *plain = NULL;
	const uint64_t *packed = NULL;
	size_t plain_size = 0, packed_size = 0;

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_RELA)
			plain = (const Elf64_Rela *)(base + dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_RELASZ)
			plain_size = dynamic->d_un.d_val;
		else if (dynamic->d_tag == DT_RELR)
			packed = (const uint64_t *)(base + dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_RELRSZ)
			packed_size = dynamic->d_un.d_val;
	}
	shift_plain(plain, plain_size / sizeof *plain, base);
	shift_packed(packed, packed_size / sizeof *packed, base);
	__libc_start_main(main, (int)stack[0], (char **)(stack + 1), _init, _fini, NULL);
	__builtin_trap();
}
