#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.resources through orun: the kernel has the limits, the container feels them, updates reach
# it, nothing of the groups is left. On any kind of hierarchy.

load orun_lib

setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	orun_setup
}

teardown() {
	[ "$(id -u)" != 0 ] || orun_teardown
}

# the control file FILE of the container's group, v1 and v2 name: knob CONTROLLER V1FILE V2FILE
knob() {
	local dir
	dir=$(jq -r --arg c "$1" '.cgroup_paths[$c] // .cgroup_paths[""]' "$T/state/$ID/state.json")
	cat "$dir/$2" 2>/dev/null || cat "$dir/$3"
}

start_sleeper() {
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d -b "$B" --pid-file "$T/pid" "$ID" >/dev/null 2>"$T/err" </dev/null
}

needs() { # skip unless the host has every controller
	local c
	for c; do
		grep -qw "$c" /sys/fs/cgroup/cgroup.controllers /proc/self/cgroup 2>/dev/null ||
			skip "no $c controller"
	done
}

@test "memory, cpu and pids reach the kernel; update changes them" {
	needs memory cpu pids
	cfg '.linux.resources = { memory: { limit: 67108864, swap: 134217728 },
		cpu: { shares: 512, quota: 50000, period: 100000 }, pids: { limit: 20 } }'
	start_sleeper
	[ "$(knob memory memory.limit_in_bytes memory.max)" = 67108864 ]
	[ "$(knob pids pids.max pids.max)" = 20 ]
	[[ "$(knob cpu cpu.cfs_quota_us cpu.max)" == 50000* ]]
	[ "$(knob cpu cpu.shares cpu.weight)" -le 512 ]
	# up past the old swap limit, down below the old memory limit
	for limit in 536870912 33554432; do
		echo "{\"memory\":{\"limit\":$limit,\"swap\":$limit}}" | orun update -r - "$ID"
		[ "$(knob memory memory.limit_in_bytes memory.max)" = $limit ]
	done
	orun update --pids-limit 7 --cpu-quota 20000 "$ID"
	[ "$(knob pids pids.max pids.max)" = 7 ]
	[[ "$(knob cpu cpu.cfs_quota_us cpu.max)" == 20000* ]]
	echo '{"pids":{"limit":9}}' >"$T/r.json"
	run orun update -r "$T/r.json" --pids-limit 8 "$ID"
	ok
	has "options for limits are ignored beside --resources"
	[ "$(knob pids pids.max pids.max)" = 9 ]
	orun delete --force "$ID"
}

@test "an update whose last value is refused changes nothing" {
	needs memory cpu pids cpuset
	cfg '.linux.resources = { memory: { limit: 67108864 }, pids: { limit: 50 } }'
	start_sleeper
	was=$(knob memory memory.limit_in_bytes memory.max; knob pids pids.max pids.max; knob cpu cpu.shares cpu.weight)
	run orun update --memory 134217728 --pids-limit 7 --cpu-share 333 --cpuset-cpus 9999 "$ID"
	fails "linux.resources.cpu.cpus"
	[ "$(knob memory memory.limit_in_bytes memory.max; knob pids pids.max pids.max; knob cpu cpu.shares cpu.weight)" = "$was" ]
	run orun update --memory 134217728 --pids-limit 7 "$ID"
	ok
	[ "$(knob memory memory.limit_in_bytes memory.max)" = 134217728 ]
	[ "$(knob pids pids.max pids.max)" = 7 ]
}

@test "a fork bomb stays inside, its host sees the limit in the figures" {
	needs pids
	cfg '.linux.resources.pids.limit = 12'
	run_sh 'i=0; while [ $i -lt 40 ]; do sleep 3 & i=$((i + 1)); done; wait'
	has "can't fork"
}

@test "out of memory: killed, not the host" {
	needs memory
	cfg '.linux.resources.memory = { limit: 16777216, swap: 16777216 }'
	run_sh 'head -c 200000000 /dev/zero | tail 2>/dev/null | wc -c; x=$(head -c 100000000 /dev/zero | tr "\0" x); echo survived'
	[[ $output != *survived* ]]
	[ "$status" -ne 0 ]
}

@test "devices: the default ones and no others" {
	cfg '.linux.resources.devices = [{ allow: false, access: "rwm" }]
		| .process.capabilities[] += ["CAP_MKNOD"]'
	run_sh 'echo x >/dev/null && echo null; busybox mknod /tmp/loop c 10 237 && : </tmp/loop && echo opened'
	has null "peration not permitted"
	hasnt opened
	[ -c /dev/loop-control ] || return 0
	cfg '.linux.resources.devices += [{ allow: true, type: "c", major: 10, minor: 237, access: "r" }]'
	run_sh ': </tmp/loop && echo read; : >/tmp/loop && echo written'
	has read "peration not permitted"
	hasnt written
}

@test "pause, resume, kill all" {
	cfg '.process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"]'
	orun run -d -b "$B" --pid-file "$T/pid" "$ID" >/dev/null 2>&1 </dev/null
	three() { [ "$(orun ps -f json "$ID" | jq length)" -ge 3 ]; }
	eventually 60 three
	orun pause "$ID"
	[ "$(orun state "$ID" | jq -r .status)" = paused ]
	orun resume "$ID"
	[ "$(orun state "$ID" | jq -r .status)" = running ]
	orun pause "$ID"
	orun delete --force "$ID"
	gone "$(cat "$T/pid")"
}

@test "cgroupsPath: given, nested, and taken" {
	cfg '.linux.cgroupsPath = $p' --arg p "/$ID-parent/a/$ID"
	start_sleeper
	grep -q ":/$ID-parent/a/$ID$" "/proc/$(cat "$T/pid")/cgroup"
	cp -r "$B" "$T/b2"
	run orun run -b "$T/b2" "$ID-2"
	fails "is not empty"
	orun delete --force "$ID"
	find /sys/fs/cgroup -depth -type d -path "*$ID-parent*" -exec rmdir {} +
}

@test "what the host has not is an error that names it" {
	cfg '.linux.resources.hugepageLimits = [{ pageSize: "3MB", limit: 1 }]'
	run orun run -b "$B" "$ID"
	fails hugepageLimits
	cfg 'del(.linux.resources.hugepageLimits) | .linux.resources.memory = { limit: 100, swap: 50 }'
	run orun run -b "$B" "$ID"
	fails "memory.swap"
	cfg '.linux.resources.memory = { limit: "1g" }'
	run orun run -b "$B" "$ID"
	fails "memory.limit: expected integer"
}

@test "20 containers at once: all run, no group is left" {
	local i
	cfg '.process.args = ["true"]'
	for i in $(seq 20); do
		orun run -b "$B" "$ID-$i" >"$T/out.$i" 2>&1 || echo "$i failed: $(cat "$T/out.$i")" >>"$T/failed" &
	done
	wait
	[ ! -e "$T/failed" ] || { cat "$T/failed"; false; }
}
