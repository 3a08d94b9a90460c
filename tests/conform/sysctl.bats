#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.sysctl: every class of keys that a namespace of the container owns, and the refusal of all
# others.

load lib

sysctls() { # KEY VALUE...
	local n=${#CONF_ARGS[@]}
	conf ".linux.sysctl = ([\$n$n | range(0; length; 2) as \$i | { (.[\$i]): .[\$i + 1] }] | add)" \
		--argjson "n$n" "$(printf '%s\n' "$@" | json_lines)"
}

@test "linux.sysctl: System V IPC" {
	need root
	sysctls kernel.msgmax 8000 kernel.msgmnb 20000 kernel.msgmni 77 kernel.sem '250 32000 100 60' \
		kernel.shmall 18446744073692774 kernel.shmmax 1234567 kernel.shmmni 99 kernel.shm_rmid_forced 1
	run_c 'cd /proc/sys/kernel && cat msgmax msgmnb msgmni sem shmall shmmax shmmni shm_rmid_forced | tr "\t" " "'
	ok
	is $'8000\n20000\n77\n250 32000 100 60\n18446744073692774\n1234567\n99\n1'
	[ "$(cat /proc/sys/kernel/shmmni)" != 99 ]
}

@test "linux.sysctl: POSIX message queues" {
	need root
	need file /proc/sys/fs/mqueue
	sysctls fs.mqueue.msg_max 7 fs.mqueue.queues_max 30
	run_c 'cat /proc/sys/fs/mqueue/msg_max /proc/sys/fs/mqueue/queues_max'
	ok
	is $'7\n30'
}

@test "linux.sysctl: network" {
	need root
	conf '.linux.namespaces += [{ type: "network" }]'
	sysctls net.ipv4.ip_forward 1 net.core.somaxconn 333 net.ipv4.conf.lo.log_martians 1
	run_c 'cd /proc/sys/net && cat ipv4/ip_forward core/somaxconn ipv4/conf/lo/log_martians'
	ok
	is $'1\n333\n1'
}

@test "linux.sysctl: the separator may be a slash" {
	need root
	conf '.linux.namespaces += [{ type: "network" }]'
	sysctls net/core/somaxconn 333 kernel/shmmni 98
	run_c 'cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni'
	ok
	is $'333\n98'
}

@test "linux.sysctl: after a dot a slash is a dot of the name" {
	need root
	conf '.linux.namespaces += [{ type: "network" }]'
	sysctls net.ipv4.conf.none/5.forwarding 1
	run_c
	expect_error 'none.5' net.ipv4.conf.none/5.forwarding
}

@test "linux.sysctl: domain name, with a UTS namespace" {
	need root
	sysctls kernel.domainname some.where
	run_c 'cat /proc/sys/kernel/domainname'
	ok
	is some.where
}

@test "linux.sysctl: user namespace limits, with a user namespace" {
	need root
	need userns
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	sysctls user.max_net_namespaces 5
	run_c 'cat /proc/sys/user/max_net_namespaces'
	ok
	is 5
}

@test "linux.sysctl: IPC keys need an IPC namespace" {
	need root
	local k
	for k in kernel.msgmax kernel.sem kernel.shmmax kernel/shmmni fs.mqueue.msg_max; do
		CONF=$CONF_BASE
		conf '.linux.namespaces -= [{ type: "ipc" }]'
		sysctls $k 100
		run_c
		expect_error 'ipc' $k
	done
}

@test "linux.sysctl: network keys need a network namespace" {
	need root
	sysctls net.ipv4.ip_forward "$(cat /proc/sys/net/ipv4/ip_forward)"
	run_c
	expect_error 'network' net.ipv4.ip_forward
}

@test "linux.sysctl: a network namespace by path that is the host's own" {
	need root
	conf '.linux.namespaces += [{ type: "network", path: "/proc/self/ns/net" }]'
	sysctls net.ipv4.ip_forward "$(cat /proc/sys/net/ipv4/ip_forward)"
	run_c
	expect_error 'network' net.ipv4.ip_forward
}

@test "hostname: a UTS namespace by path that is the host's own" {
	need root
	conf '.linux.namespaces |= map(select(.type != "uts")) + [{ type: "uts", path: "/proc/self/ns/uts" }]
		| .hostname = $h' --arg h "$(uname -n)"
	run_c
	expect_error 'uts' hostname
}

@test "linux.sysctl: kernel.domainname needs a UTS namespace" {
	need root
	conf '.linux.namespaces -= [{ type: "uts" }]'
	sysctls kernel.domainname "$(cat /proc/sys/kernel/domainname)"
	run_c
	expect_error 'uts' kernel.domainname
}

@test "linux.sysctl: user limits need a user namespace" {
	need root
	sysctls user.max_net_namespaces "$(cat /proc/sys/user/max_net_namespaces)"
	run_c
	expect_error . user.max_net_namespaces
}

@test "linux.sysctl: kernel.hostname contradicts hostname" {
	need root
	conf '.hostname = "box"'
	sysctls kernel.hostname other
	run_c
	expect_error 'hostname' kernel.hostname
}

@test "linux.sysctl: keys of the whole host are refused" {
	need root
	local k f
	for k in kernel.panic vm.swappiness fs.file-max kernel.core_pattern kernel.pid_max kernel.sysrq dev.scsi.x \
		debug.exception-trace kernel.msgmaxx; do
		f=/proc/sys/${k//.//}
		CONF=$CONF_BASE
		conf '.linux.namespaces += [{ type: "network" }]'
		sysctls $k "$(cat "$f" 2>/dev/null || echo 1)"
		run_c
		expect_error 'namespace' $k
	done
}

@test "linux.sysctl: names that lead elsewhere are refused" {
	need root
	conf '.linux.namespaces += [{ type: "network" }]'
	local k base=$CONF
	for k in net/../kernel/panic net/./x net//core/somaxconn net. net/ / "" .net net/core/../../kernel/panic; do
		CONF=$base
		sysctls "$k" 1
		run_c
		expect_error . linux.sysctl
	done
}

@test "linux.sysctl: a name that does not exist" {
	need root
	conf '.linux.namespaces += [{ type: "network" }]'
	sysctls net.core.nothing 1
	run_c
	expect_error 'no such file' net.core.nothing
}

@test "linux.sysctl: a value that the kernel refuses" {
	need root
	sysctls kernel.shmmni nonsense
	run_c
	expect_error 'invalid argument' kernel.shmmni
}

@test "linux.sysctl: values are texts" {
	need root
	conf '.linux.sysctl = { "kernel.shmmni": 99 }'
	run_c
	expect_error 'expected string' linux.sysctl.kernel.shmmni
}

@test "linux.sysctl: an object" {
	conf '.linux.sysctl = ["kernel.shmmni"]'
	run_c
	expect_error 'expected object' linux.sysctl
}
