#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.seccomp: every action, operator, flag and member, seen at one call: chmod(2), as chmod(1) of the
# container makes it.

load lib

# deny JSON: a profile that allows all but what the rules say; MODE stands for the index of its mode
profile() { # JSON of the seccomp object
	conf ".linux.seccomp = $1"
}

# rules for chmod on every machine: where there is no chmod(2) it is fchmodat(2), with the mode one on
chmod_rules() { # JSON OF THE REST [JSON OF ARGS WITHOUT INDEX...]
	local a one= two=
	for a in "${@:2}"; do
		one+="${one:+, }{ index: 1, $a }"
		two+="${two:+, }{ index: 2, $a }"
	done
	echo "{ names: [\"chmod\"], args: [$one], $1 }, { names: [\"fchmodat\", \"fchmodat2\"], args: [$two], $1 }"
}

TRY='touch /tmp/f; try() { chmod $1 /tmp/f 2>/tmp/e; r=$?; echo "$1 $r $(sed "s/.*: //" /tmp/e)"; }; '

@test "linux.seccomp: none, no filter" {
	run_c 'grep Seccomp: /proc/self/status'
	ok
	is $'Seccomp:\t0'
}

@test "linux.seccomp: a filter is in force" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW" }'
	conf '.linux.seccomp.syscalls = [{ names: ["sethostname"], action: "SCMP_ACT_ERRNO" }]'
	run_c 'grep Seccomp: /proc/self/status'
	ok
	is $'Seccomp:\t2'
}

@test "linux.seccomp.syscalls.action: ERRNO" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
	run_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp.syscalls.errnoRet" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO", errnoRet: 28')] }"
	run_c "$TRY"'try 600'
	is '600 1 No space left on device'
}

@test "linux.seccomp.syscalls.errnoRet: 0 is success that did nothing" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO", errnoRet: 0')] }"
	run_c "$TRY"'chmod 640 /tmp/f; try 600; stat -c %a /tmp/f'
	has '600 0'
	hasnt $'\n600'
}

@test "linux.seccomp.syscalls.action: KILL, KILL_THREAD, KILL_PROCESS, TRAP" {
	need root
	local a
	for a in KILL KILL_THREAD KILL_PROCESS TRAP; do
		CONF=$CONF_BASE
		profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules "action: \"SCMP_ACT_$a\"")] }"
		run_c "$TRY"'try 600; echo on'
		has '600 159' on
	done
}

@test "linux.seccomp.syscalls.action: TRACE without a tracer" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_TRACE"')] }"
	run_c "$TRY"'try 600'
	is '600 1 Function not implemented'
}

@test "linux.seccomp.syscalls.action: LOG" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_LOG"')] }"
	run_c "$TRY"'try 600'
	is '600 0 '
}

@test "linux.seccomp.defaultAction: LOG" {
	need root
	profile '{ defaultAction: "SCMP_ACT_LOG", syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] }'
	run_c 'echo fine'
	ok
	is fine
}

# what a small shell needs
ALLOWED='"access", "arch_prctl", "brk", "capget", "capset", "chdir", "clock_gettime", "clone", "clone3", "close",
	"close_range", "connect", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait",
	"execve", "execveat", "exit", "exit_group", "faccessat", "faccessat2", "fchdir", "fchown", "fcntl", "flock",
	"fork", "fstat", "fstatfs", "futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid", "getgroups",
	"getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getrlimit", "getuid", "gettid", "ioctl", "kill",
	"lseek", "lstat", "madvise", "mmap", "mount", "mprotect", "mremap", "munmap", "nanosleep", "newfstatat",
	"open", "openat", "openat2", "pause", "pipe", "pipe2", "poll", "ppoll", "prctl", "pread64", "prlimit64", "pselect6", "read",
	"readlink", "readlinkat", "readv", "recvfrom", "recvmsg", "rseq", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sched_getaffinity", "sched_yield", "seccomp", "select", "sendmsg", "sendto", "set_robust_list",
	"set_tid_address", "setgid", "setgroups", "setpgid", "setresgid", "setresuid", "setsid", "setuid", "sigaltstack",
	"socket", "stat", "statfs", "statx", "symlink", "symlinkat", "tgkill", "time", "umask", "uname", "unlink", "unlinkat", "utimensat",
	"vfork", "wait4", "waitid", "write", "writev"'

@test "linux.seccomp.defaultAction: ERRNO, an allow list" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ERRNO\", syscalls: [{ names: [$ALLOWED], action: \"SCMP_ACT_ALLOW\" }] }"
	run_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp.defaultErrnoRet" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ERRNO\", defaultErrnoRet: 28,
		syscalls: [{ names: [$ALLOWED], action: \"SCMP_ACT_ALLOW\" }] }"
	run_c "$TRY"'try 600'
	is '600 1 No space left on device'
}

@test "linux.seccomp.syscalls.args: every operator" {
	need root
	local op want got m
	# 600, 640, 700 in octal are 384, 416, 448
	while read -r op want; do
		CONF=$CONF_BASE
		profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"' \
			"value: 416, op: \"SCMP_CMP_$op\"")] }"
		run_c "$TRY"'for m in 600 640 700; do try $m; done'
		got=
		for m in 600 640 700; do
			[[ $output != *"$m 1 Operation"* ]] || got+=$m,
		done
		[ "$got" = "$want" ] || { echo "$op denies $got, not $want"; return 1; }
	done <<-LIST
		EQ 640,
		NE 600,700,
		LT 600,
		LE 600,640,
		GT 700,
		GE 640,700,
	LIST
}

@test "linux.seccomp.syscalls.args: MASKED_EQ" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"' \
		'value: 32, valueTwo: 32, op: "SCMP_CMP_MASKED_EQ"')] }"
	run_c "$TRY"'for m in 600 640 700 740; do try $m; done'
	has '600 0' '640 1' '700 0' '740 1'
}

@test "linux.seccomp.syscalls.args: all of several must hold" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["fchownat", "chown", "lchown"], action: "SCMP_ACT_ERRNO" },
		{ names: ["kill"], action: "SCMP_ACT_ERRNO", errnoRet: 28, args: [
			{ index: 0, value: 1, op: "SCMP_CMP_EQ" }, { index: 1, value: 12, op: "SCMP_CMP_EQ" }] }] }'
	run_c 'trap : USR1 USR2; kill -USR1 1 && echo one; kill -USR2 1 2>&1 | sed "s/.*: //"'
	is $'one\nNo space left on device'
}

@test "linux.seccomp.syscalls.args: two on one argument are alternatives" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"' \
		'value: 384, op: "SCMP_CMP_EQ"' 'value: 448, op: "SCMP_CMP_EQ"')] }"
	run_c "$TRY"'for m in 600 640 700; do try $m; done'
	has '600 1' '640 0' '700 1'
}

@test "linux.seccomp.syscalls.args: values of 64 bits" {
	need root
	# a mode that is only equal in its lower half is another
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"' \
		'value: 4294967712, op: "SCMP_CMP_EQ"')] }"
	run_c "$TRY"'try 640'
	has '640 0'
}

@test "linux.seccomp.syscalls: names that the kernel does not know are skipped" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{ names: [\"no_such_call\"], action: \"SCMP_ACT_ERRNO\" },
		$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
	run_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp.flags" {
	need root
	local f
	for f in SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC; do
		CONF=$CONF_BASE
		profile "{ defaultAction: \"SCMP_ACT_ALLOW\", flags: [\"$f\"], syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
		run_c "$TRY"'try 600'
		is '600 1 Operation not permitted'
	done
}

@test "linux.seccomp.flags: unknown" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_NOTHING"],
		syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }] }'
	run_c
	expect_error . linux.seccomp.flags
}

@test "linux.seccomp.architectures" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\",
		\"SCMP_ARCH_AARCH64\", \"SCMP_ARCH_ARM\"], syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
	run_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp.architectures: all that the specification names" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", architectures: ("X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL
		MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB"
		| [splits("\\s+") | "SCMP_ARCH_" + .]), syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_ERRNO" }] }'
	run_c 'echo fine'
	ok
	is fine
}

@test "linux.seccomp.architectures: unknown" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_Z80"], syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }] }'
	run_c
	expect_error . linux.seccomp.architectures
}

@test "linux.seccomp: with and without noNewPrivileges" {
	need root
	local n
	for n in true false; do
		CONF=$CONF_BASE
		profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
		conf ".process.noNewPrivileges = $n"
		run_c "$TRY"'try 600'
		is '600 1 Operation not permitted'
	done
}

@test "linux.seccomp: an ordinary user in the container" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
	conf '.process.user = { uid: 1000, gid: 1000 }'
	run_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp: exec has the filter too" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_ERRNO"')] }"
	running_c
	exec_c "$TRY"'try 600'
	is '600 1 Operation not permitted'
}

@test "linux.seccomp: wrong values" {
	need root
	local s
	for s in '5' '{}' '{ defaultAction: "SCMP_ACT_NOTHING" }' '{ defaultAction: 5 }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_X" }] }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: [], action: "SCMP_ACT_ERRNO" }] }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ action: "SCMP_ACT_ERRNO" }] }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: {} }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO", args: [{ index: 6, value: 1, op: "SCMP_CMP_EQ" }] }] }' \
		'{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 1, op: "SCMP_CMP_X" }] }] }'; do
		CONF=$CONF_BASE
		profile "$s"
		run_c
		expect_error . linux.seccomp || { echo "$s"; return 1; }
	done
}

@test "linux.seccomp.syscalls.errnoRet: with an action that has none" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_KILL", errnoRet: 5 }] }'
	run_c
	expect_error . linux.seccomp.syscalls
	CONF=$CONF_BASE
	profile '{ defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 5, syscalls: [{ names: ["chmod"], action: "SCMP_ACT_KILL" }] }'
	run_c
	expect_error . linux.seccomp.defaultErrnoRet
}

@test "linux.seccomp.listenerPath: NOTIFY needs one, and not for write" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_NOTIFY" }] }'
	run_c
	expect_error 'listenerPath' linux.seccomp
	CONF=$CONF_BASE
	profile '{ defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/nothing/sock", syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] }'
	run_c
	expect_error 'write' linux.seccomp
}

@test "linux.seccomp.listenerMetadata: needs listenerPath" {
	need root
	profile '{ defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x", syscalls: [{ names: ["chmod"], action: "SCMP_ACT_ERRNO" }] }'
	run_c
	expect_error . linux.seccomp.listenerMetadata
}

@test "linux.seccomp.listenerPath: nobody listens" {
	need root
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$T/nobody\", syscalls: [$(chmod_rules 'action: "SCMP_ACT_NOTIFY"')] }"
	run_c
	expect_error 'no such file|connect' "$T/nobody"
}

@test "linux.seccomp.listenerPath: the state, the metadata and a descriptor that answers" {
	need root
	need cmd python3
	python3 - "$T/sock" "$T/got" >"$T/py" 2>&1 3>&- <<-'PY' &
		import array, fcntl, json, socket, struct, sys
		s = socket.socket(socket.AF_UNIX); s.settimeout(120); s.bind(sys.argv[1]); s.listen()
		c, _ = s.accept()
		data, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
		fd = array.array("i", anc[0][2])[0]
		while True:
		    try:
		        more = c.recv(65536)
		    except OSError: break
		    if not more: break
		    data += more
		open(sys.argv[2], "wb").write(data)
		# struct seccomp_notif: 80 bytes; answers with EBUSY for ever
		while True:
		    b = bytearray(80)
		    try:
		        fcntl.ioctl(fd, 0xC0502100, b)
		    except OSError: break
		    ident = struct.unpack_from("Q", b)[0]
		    fcntl.ioctl(fd, 0xC0182101, struct.pack("QqiI", ident, 0, -16, 0))
	PY
	wait_until test -S "$T/sock"
	profile "{ defaultAction: \"SCMP_ACT_ALLOW\", listenerPath: \"$T/sock\", listenerMetadata: \"some words\",
		syscalls: [$(chmod_rules 'action: "SCMP_ACT_NOTIFY"')] }"
	conf '.annotations = { "a.b": "c" }'
	# the others do the same, but stay until they are ended
	[ "$RUNTIME_KIND" = orun ] || CONFORM_TIMEOUT=15
	run_c "$TRY"'try 600'
	is '600 1 Device or resource busy'
	jq -e --arg id "$ID" --arg b "$B" '.ociVersion and .fds == ["seccompFd"] and .pid > 0 and .metadata == "some words"
		and .state.id == $id and .state.status == "creating" and .state.bundle == $b and .state.annotations == { "a.b": "c" }' "$T/got"
}
