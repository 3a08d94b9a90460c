#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.seccomp through orun: the filter is in force in the container's process and in exec, and a
# profile that cannot be is refused with the field's name.

load orun_lib

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	orun_setup
}

teardown() {
	[ "$(id -u)" != 0 ] || orun_teardown
}

mode='grep ^Seccomp: /proc/self/status | tr -d "\t"'

@test "no profile, no filter" {
	run_sh "$mode"
	ok
	[ "$output" = Seccomp:0 ]
}

@test "one call denied with the errno that is asked for" {
	cfg '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64",
		"SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"], syscalls: [{ names: ["mkdir", "mkdirat"],
		action: "SCMP_ACT_ERRNO", errnoRet: 28 }] }'
	run_sh "$mode; mkdir /tmp/x"
	fails Seccomp:2 "No space left on device"
}

@test "arguments decide" {
	cfg '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["fchmodat", "chmod"],
		action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 493, op: "SCMP_CMP_EQ" },
		{ index: 2, value: 493, op: "SCMP_CMP_EQ" }] }] }'
	# two conditions on two arguments: both must hold, so neither form is caught
	run_sh 'chmod 755 /tmp && echo both'
	has both
	cfg '.linux.seccomp.syscalls[0].args = [{ index: 1, value: 493, op: "SCMP_CMP_EQ" }]
		| .linux.seccomp.syscalls[0].names = ["chmod"]
		| .linux.seccomp.syscalls += [{ names: ["fchmodat"], action: "SCMP_ACT_ERRNO",
			args: [{ index: 2, value: 493, op: "SCMP_CMP_EQ" }] }]'
	run_sh 'chmod 700 /tmp && echo other; chmod 755 /tmp'
	fails other "peration not permitted"
}

@test "an allow list: calls newer than it do not exist, the rest is forbidden" {
	[ -r "$ONGGI_BIN/../../tests/bench/bench-profile.json" ] || skip "not built"
	cfg '.linux.seccomp = $p[0]' --slurpfile p "$ONGGI_BIN/../../tests/bench/bench-profile.json"
	run_sh "$mode; busybox unshare -m true; busybox mount -t tmpfs none /tmp"
	fails Seccomp:2 "peration not permitted"
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d -b "$B" "$ID" >/dev/null 2>&1 </dev/null
	run orun exec "$ID" sh -c "$mode"
	ok
	[ "$output" = Seccomp:2 ]
	run orun exec "$ID" busybox unshare -m true
	fails "peration not permitted"
	orun delete --force "$ID"
}

@test "exec never runs with fewer bounds: a lost filter, a filter of nothing" {
	cfg '.process.args = ["sleep", "1000"] | .linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] }'
	orun run -d -b "$B" "$ID" >/dev/null 2>&1 </dev/null
	run orun exec "$ID" true
	ok
	filter=$(find "$T" -path "*/$ID/seccomp")
	[ -f "$filter" ]
	mv "$filter" "$T/lost"
	run orun exec "$ID" true
	fails "the seccomp filter of the container is lost"
	mv "$T/lost" "$filter"
	run orun exec "$ID" true
	ok
	orun delete -f "$ID"
	cfg '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW" }'
	orun run -d -b "$B" "$ID" >/dev/null 2>&1 </dev/null
	run orun exec "$ID" true
	ok
}

@test "killed by the filter: 128 + SIGSYS" {
	cfg '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }] }
		| .process.args = ["mkdir", "/tmp/x"]'
	run orun run -b "$B" "$ID"
	[ "$status" -eq 159 ]
}

@test "with no_new_privs and without" {
	local nnp
	for nnp in true false; do
		cfg '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"],
			action: "SCMP_ACT_ERRNO" }] } | .process.noNewPrivileges = $n' --argjson n $nnp
		run_sh "$mode; mkdir /tmp/x"
		fails Seccomp:2 "peration not permitted"
	done
}

@test "profiles that cannot be" {
	local p
	while read -r p want; do
		cfg '.linux.seccomp = ($p | fromjson)' --arg p "$p"
		run orun run -b "$B" "$ID"
		fails "$want"
	done <<-'END'
	{"defaultAction":"SCMP_ACT_NO"} linux.seccomp.defaultAction
	{"defaultAction":"SCMP_ACT_ALLOW","architectures":["z80"]} linux.seccomp.architectures[0]
	{"defaultAction":"SCMP_ACT_ALLOW","flags":["NO"]} linux.seccomp.flags[0]
	{"defaultAction":"SCMP_ACT_NOTIFY"} default action
	{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]} write syscall
	{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","errnoRet":1}]} errnoRet
	END
}

@test "features lists what is known" {
	run orun features
	ok
	[ "$(jq -r '.linux.seccomp.enabled' <<<"$output")" = true ]
	[ "$(jq -r '.linux.seccomp.actions | length' <<<"$output")" -eq 9 ]
	[ "$(jq -r '.linux.seccomp.operators | length' <<<"$output")" -eq 7 ]
}
