/* SPDX-License-Identifier: Apache-2.0
 *
 * The default seccomp profile as data: docker's, so that an image which works there works here.
 * Everything that is not named gives EPERM. Three kinds of rows: always allowed, allowed with a
 * capability or on some machines, allowed for some values of an argument.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>

#include "spec/seccomp_profile.h"

#define NAMESPACES                                                                       \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |      \
	 CLONE_NEWNET | CLONE_NEWCGROUP)

#define EQ(index, value)     1, index, OP_EQ, value, 0
#define LT(index, value)     1, index, OP_LT, value, 0
#define MASKED(index, mask)  1, index, OP_MASKED_EQ, mask, 0
#define FAMILY(f)            { "socket", .cond = { EQ(0, f) } }
#define PERSONALITY(p)       { "personality", .cond = { EQ(0, p) } }

const struct profile_row seccomp_default_rows[] = {
	{
	"_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat "
	"capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64 "
	"clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep "
	"clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 "
	"dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
	"epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group "
	"faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir "
	"fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync "
	"fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 "
	"fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 "
	"futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area "
	"getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid "
	"getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid "
	"getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
	"getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid "
	"getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 "
	"inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
	"io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill "
	"landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
	"lgetxattr link linkat listen listmount listxattr listxattrat llistxattr "
	"lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier "
	"memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 "
	"mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive "
	"mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal "
	"msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at "
	"nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe "
	"pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 "
	"preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev "
	"pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead "
	"readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg "
	"remap_file_pages removexattr removexattrat rename renameat renameat2 "
	"restart_syscall riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending "
	"rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
	"sched_get_priority_min sched_getaffinity sched_getattr sched_getparam "
	"sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 "
	"sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield "
	"seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile "
	"sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area "
	"set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 "
	"setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 "
	"setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid "
	"setsockopt setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget "
	"shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall "
	"socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat "
	"sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete "
	"timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
	"timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
	"timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink "
	"unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 "
	"waitid waitpid write writev"
	},
	/* Families of sockets. Left out: those that the kernel has dropped (DECnet, Econet, ATM
	 * SVC, IrDA, WANPIPE, ISDN, CAIF), ALG (a large surface that no container needs) and VSOCK
	 * (reaches virtual machines past the network namespace). On machines with socketcall the
	 * family is behind a pointer and cannot be looked at. */
	{ "socket", .cond = { LT(0, 12) } }, /* unix .. ROSE */
	FAMILY(AF_NETBEUI), FAMILY(AF_SECURITY), FAMILY(AF_KEY), FAMILY(AF_NETLINK),
	FAMILY(AF_PACKET), FAMILY(AF_ASH), FAMILY(AF_RDS), FAMILY(AF_SNA), FAMILY(AF_PPPOX),
	FAMILY(AF_LLC), FAMILY(AF_IB), FAMILY(AF_MPLS), FAMILY(AF_CAN), FAMILY(AF_TIPC),
	FAMILY(AF_BLUETOOTH), FAMILY(AF_IUCV), FAMILY(AF_RXRPC), FAMILY(AF_PHONET),
	FAMILY(AF_IEEE802154), FAMILY(AF_NFC), FAMILY(AF_KCM), FAMILY(AF_QIPCRTR), FAMILY(AF_SMC),
	FAMILY(AF_XDP), FAMILY(45 /* AF_MCTP */),
	/* Linux, Linux with 32-bit uname, both with UNAME26, and asking for the present one */
	PERSONALITY(0x0), PERSONALITY(0x8), PERSONALITY(0x20000), PERSONALITY(0x20008),
	PERSONALITY(0xffffffff),

	{ "sync_file_range2 swapcontext", .archs = "ppc64le" },
	{ "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
	  .archs = "arm arm64" },
	{ "arch_prctl", .archs = "amd64 x32" },
	{ "modify_ldt", .archs = "amd64 x32 x86" },
	{ "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr", .archs = "s390 s390x" },
	{ "riscv_flush_icache", .archs = "riscv64" },

	{ "open_by_handle_at", .cap = "CAP_DAC_READ_SEARCH" },
	{ "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
	  "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount "
	  "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog "
	  "umount umount2 unshare",
	  .cap = "CAP_SYS_ADMIN" },
	/* no new namespaces; on s390 the flags are the second argument */
	{ "clone", .unless_cap = "CAP_SYS_ADMIN", .unless_archs = "s390 s390x",
	  .cond = { MASKED(0, NAMESPACES) } },
	{ "clone", .unless_cap = "CAP_SYS_ADMIN", .archs = "s390 s390x",
	  .cond = { MASKED(1, NAMESPACES) } },
	/* its flags are behind a pointer; ENOSYS makes a libc use clone */
	{ "clone3", .unless_cap = "CAP_SYS_ADMIN", .eno = ENOSYS },
	{ "reboot", .cap = "CAP_SYS_BOOT" },
	{ "chroot", .cap = "CAP_SYS_CHROOT" },
	{ "delete_module init_module finit_module", .cap = "CAP_SYS_MODULE" },
	{ "acct", .cap = "CAP_SYS_PACCT" },
	{ "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
	  .cap = "CAP_SYS_PTRACE" },
	{ "iopl ioperm", .cap = "CAP_SYS_RAWIO" },
	{ "settimeofday stime clock_settime clock_settime64", .cap = "CAP_SYS_TIME" },
	{ "vhangup", .cap = "CAP_SYS_TTY_CONFIG" },
	{ "get_mempolicy mbind set_mempolicy set_mempolicy_home_node", .cap = "CAP_SYS_NICE" },
	{ "syslog", .cap = "CAP_SYSLOG" },
	{ "bpf", .cap = "CAP_BPF" },
	{ "perf_event_open", .cap = "CAP_PERFMON" },
};

const unsigned seccomp_default_rows_n = sizeof seccomp_default_rows / sizeof seccomp_default_rows[0];

const struct profile_archs seccomp_default_archs[] = {
	{ ARCH_X86_64, { ARCH_X86, ARCH_X32 }, 2 },
	{ ARCH_AARCH64, { ARCH_ARM }, 1 },
	{ ARCH_MIPS64, { ARCH_MIPS, ARCH_MIPS64N32 }, 2 },
	{ ARCH_MIPS64N32, { ARCH_MIPS, ARCH_MIPS64 }, 2 },
	{ ARCH_MIPSEL64, { ARCH_MIPSEL, ARCH_MIPSEL64N32 }, 2 },
	{ ARCH_MIPSEL64N32, { ARCH_MIPSEL, ARCH_MIPSEL64 }, 2 },
	{ ARCH_S390X, { ARCH_S390 }, 1 },
	{ ARCH_RISCV64, { ARCH_RISCV64 }, 0 },
	{ ARCH_LOONGARCH64, { ARCH_LOONGARCH64 }, 0 },
};

const unsigned seccomp_default_archs_n =
	sizeof seccomp_default_archs / sizeof seccomp_default_archs[0];
