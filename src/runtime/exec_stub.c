/* SPDX-License-Identifier: Apache-2.0
 *
 * The program between the runtime and the command of a container. It is compiled for itself,
 * without libc, embedded in the runtime, and executed from a sealed memory file; all it does is
 * execute the command. Through it /proc/self/exe is never the runtime's own file while anything of
 * the container decides what is executed, as in a script that begins with #!/proc/self/exe
 * (CVE-2019-5736).
 *
 *   argv: marker, status descriptor, procfs descriptor or "-", LSM label, path, command's argv ...
 *
 * Started in any other way, as the interpreter of such a script, it ends at once.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <stddef.h>

#include "exec_stub.h"

#if defined(__x86_64__)
enum { NR_WRITE = 1, NR_FCNTL = 72, NR_EXECVE = 59, NR_EXIT = 231, NR_OPENAT = 257 };
static long call(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return r;
}
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall stub\n");
#elif defined(__aarch64__)
enum { NR_WRITE = 64, NR_FCNTL = 25, NR_EXECVE = 221, NR_EXIT = 94, NR_OPENAT = 56 };
static long call(long nr, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
}
__asm__(".globl _start\n_start:\n\tmov x29,#0\n\tmov x0,sp\n\tbl stub\n");
#elif defined(__riscv) && __riscv_xlen == 64
enum { NR_WRITE = 64, NR_FCNTL = 25, NR_EXECVE = 221, NR_EXIT = 94, NR_OPENAT = 56 };
static long call(long nr, long a, long b, long c, long d)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
	return a0;
}
__asm__(".globl _start\n_start:\n\tmv a0,sp\n\tcall stub\n");
#endif

/* compilers call it for structures */
void *memset(void *to, int c, size_t n);
void *memset(void *to, int c, size_t n)
{
	for (volatile char *p = to; n; n--)
		*p++ = (char)c;
	return to;
}

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

static int number(const char *s)
{
	int v = 0;
	while (*s >= '0' && *s <= '9')
		v = v * 10 + (*s++ - '0');
	return v;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static int label(const char *proc, const char *text)
{
	static const char apparmor[] = "self/attr/apparmor/exec", other[] = "self/attr/exec";

	if (proc[0] == '-')
		return 0;
	long fd = -ENOENT;
	if (text[0] == 'e' && text[1] == 'x' && text[2] == 'e' && text[3] == 'c' && text[4] == ' ')
		fd = call(NR_OPENAT, number(proc), (long)apparmor, O_WRONLY | O_CLOEXEC, 0);
	if (fd == -ENOENT)
		fd = call(NR_OPENAT, number(proc), (long)other, O_WRONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	long n = (long)length(text), r = call(NR_WRITE, fd, (long)text, n, 0);
	return r < 0 ? (int)r : 0;
}

__attribute__((used, noreturn)) void stub(long *sp)
{
	long argc = sp[0];
	char **argv = (char **)(sp + 1), **envp = argv + argc + 1;
	struct exec_stub_failed f = { .magic = EXEC_STUB_MAGIC };

	if (argc > 5 && same(argv[0], EXEC_STUB_MARKER)) {
		long status = number(argv[1]);
		/* success is told by the close at the exec of the command */
		call(NR_FCNTL, status, F_SETFD, FD_CLOEXEC, 0);
		if (argv[2][0] != '-')
			call(NR_FCNTL, number(argv[2]), F_SETFD, FD_CLOEXEC, 0);
		int r = label(argv[2], argv[3]);
		f.in_label = r < 0;
		if (!r)
			r = (int)call(NR_EXECVE, (long)argv[4], (long)(argv + 5), (long)envp, 0);
		f.eno = -r;
		const char *what = f.in_label ? argv[3] : argv[4];
		for (size_t i = 0; what[i] && i + 1 < sizeof f.path; i++)
			f.path[i] = what[i];
		call(NR_WRITE, status, (long)&f, sizeof f, 0);
		call(NR_EXIT, f.eno == ENOENT ? 127 : 126, 0, 0, 0);
	}
	for (;;) {
		call(NR_EXIT, 126, 0, 0, 0);
		__builtin_trap(); /* a seccomp filter may forbid even exit */
	}
}
