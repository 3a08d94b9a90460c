#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.resources: memory, cpu, pids. Each knob is read back from the control file of the container's
# group: the v1 or the v2 one, whichever has the controller.

load lib
load resources

@test "linux.resources.memory.limit" {
	need controller memory
	limits '{ memory: { limit: 67108864 } }'
	knob memory memory.limit_in_bytes memory.max
	is 67108864
}

@test "linux.resources.memory.limit: -1 is none" {
	need controller memory
	limits '{ memory: { limit: -1 } }'
	knob memory memory.limit_in_bytes memory.max
	[ "$output" = max ] || [ "$output" = 9223372036854771712 ]
}

@test "linux.resources.memory.reservation" {
	need controller memory
	limits '{ memory: { limit: 134217728, reservation: 67108864 } }'
	knob memory memory.soft_limit_in_bytes memory.low
	is 67108864
}

@test "linux.resources.memory.swap: together with memory" {
	need controller memory
	need_swap
	limits '{ memory: { limit: 67108864, swap: 100663296 } }'
	knob memory memory.memsw.limit_in_bytes memory.swap.max
	is_v 100663296 33554432
}

@test "linux.resources.memory.swap: -1 is none" {
	need controller memory
	need_swap
	limits '{ memory: { limit: 67108864, swap: -1 } }'
	knob memory memory.memsw.limit_in_bytes memory.swap.max
	[ "$output" = max ] || [ "$output" = 9223372036854771712 ]
}

@test "linux.resources.memory.swap: below the limit" {
	need controller memory
	limits_fail '{ memory: { limit: 67108864, swap: 33554432 } }' linux.resources.memory.swap
}

@test "linux.resources.memory.swappiness" {
	need controller memory
	need v1
	limits '{ memory: { swappiness: 17 } }'
	knob memory memory.swappiness -
	is 17
	limits '{ memory: { swappiness: 0 } }'
	knob memory memory.swappiness -
	is 0
}

@test "linux.resources.memory.swappiness: out of range" {
	need controller memory
	limits_fail '{ memory: { swappiness: 101 } }' linux.resources.memory.swappiness
}

@test "linux.resources.memory.disableOOMKiller" {
	need controller memory
	need v1
	limits '{ memory: { limit: 67108864, disableOOMKiller: true } }'
	knob memory memory.oom_control -
	has 'oom_kill_disable 1'
}

@test "linux.resources.memory.disableOOMKiller: false" {
	need controller memory
	limits '{ memory: { limit: 67108864, disableOOMKiller: false } }'
	! need_v1 || { knob memory memory.oom_control -; has 'oom_kill_disable 0'; }
}

@test "linux.resources.memory.kernel, kernelTCP: ignored, with a warning" {
	need controller memory
	conf '.linux.resources.memory = { kernel: 67108864, kernelTCP: 67108864 }'
	running_c
	[ "$RUNTIME_KIND" != orun ] || grep -qi kernel "$T/err"
}

@test "linux.resources.memory.useHierarchy: taken" {
	need controller memory
	limits '{ memory: { useHierarchy: true } }'
}

@test "linux.resources.memory.checkBeforeUpdate: refuses a limit below what is in use" {
	need controller memory
	limits '{ memory: { limit: 268435456 } }'
	exec_c 'head -c 20000000 /dev/zero >/tmp/full'
	ok
	update_r '{"memory":{"limit":1048576,"checkBeforeUpdate":true}}'
	expect_fail
	knob memory memory.limit_in_bytes memory.max
	is 268435456
}

@test "linux.resources.memory: update up and down again" {
	need controller memory
	limits '{ memory: { limit: 67108864, swap: 67108864 } }'
	local m
	for m in 134217728 33554432 268435456 67108864; do
		update_r "{\"memory\":{\"limit\":$m,\"swap\":$m}}"
		ok
		knob memory memory.limit_in_bytes memory.max
		is $m
	done
}

@test "linux.resources.memory: update to none" {
	need controller memory
	limits '{ memory: { limit: 67108864, swap: 67108864 } }'
	run_rt update --memory -1 --memory-swap -1 "$ID"
	ok
	knob memory memory.limit_in_bytes memory.max
	[ "$output" = max ] || [ "$output" = 9223372036854771712 ]
}

@test "linux.resources.memory: out of it the process is killed, and inside" {
	need controller memory
	conf '.linux.resources.memory = { limit: 16777216, swap: 16777216 }'
	run_c 'head -c 60000000 /dev/zero >/tmp/full; echo "head: $?"; tail -c 60000000 /dev/zero; echo "tail: $?"'
	[[ $status = 137 || $output == *137* ]]
}

@test "linux.resources.memory: wrong values" {
	need controller memory
	limits_fail '{ memory: { limit: "64m" } }' linux.resources.memory.limit
	limits_fail '{ memory: { limit: 1.5 } }' linux.resources.memory.limit
	limits_fail '{ memory: { limit: -2 } }' linux.resources.memory.limit
	limits_fail '{ memory: 5 }' linux.resources.memory
}

@test "linux.resources.cpu.shares" {
	need controller cpu
	limits '{ cpu: { shares: 512 } }'
	knob cpu cpu.shares cpu.weight
	is_v 512 59 20
}

@test "linux.resources.cpu.shares: the default is the default" {
	need controller cpu
	limits '{ cpu: { shares: 1024 } }'
	knob cpu cpu.shares cpu.weight
	is_v 1024 100 39
}

@test "linux.resources.cpu.quota, period" {
	need controller cpu
	limits '{ cpu: { quota: 50000, period: 200000 } }'
	knob cpu cpu.cfs_quota_us cpu.max
	is_v 50000 '50000 200000'
	! need_v1 || { knob cpu cpu.cfs_period_us -; is 200000; }
}

@test "linux.resources.cpu.period: alone" {
	need controller cpu
	limits '{ cpu: { period: 50000 } }'
	knob cpu cpu.cfs_period_us cpu.max
	is_v 50000 'max 50000'
}

@test "linux.resources.cpu.quota: alone, and none" {
	need controller cpu
	limits '{ cpu: { quota: 30000 } }'
	knob cpu cpu.cfs_quota_us cpu.max
	is_v 30000 '30000 100000'
	run_rt update --cpu-quota -1 "$ID"
	ok
	knob cpu cpu.cfs_quota_us cpu.max
	is_v -1 'max 100000'
}

@test "linux.resources.cpu: quota and period change together, in any order" {
	need controller cpu
	limits '{ cpu: { quota: 50000, period: 100000 } }'
	local p
	for p in 1000000 1000 500000; do
		run_rt update --cpu-period $p --cpu-quota $((p * 2)) "$ID"
		ok
		knob cpu cpu.cfs_quota_us cpu.max
		is_v $((p * 2)) "$((p * 2)) $p"
	done
}

@test "linux.resources.cpu.burst" {
	need controller cpu
	limits '{ cpu: { quota: 50000, period: 100000, burst: 20000 } }'
	knob cpu cpu.cfs_burst_us cpu.max.burst
	is 20000
}

@test "linux.resources.cpu.burst: more than the quota" {
	need controller cpu
	limits_fail '{ cpu: { quota: 50000, period: 100000, burst: 60000 } }' linux.resources.cpu.burst
}

@test "linux.resources.cpu.idle" {
	need controller cpu
	limits '{ cpu: { idle: 1 } }'
	knob cpu cpu.idle cpu.idle
	is 1
}

@test "linux.resources.cpu.realtimePeriod, realtimeRuntime" {
	need v1
	need file /sys/fs/cgroup/cpu/cpu.rt_runtime_us
	# the group above has no time of its own to give: it can be 0 and no more
	limits '{ cpu: { realtimePeriod: 500000 } }'
	knob cpu cpu.rt_period_us -
	is 500000
}

@test "linux.resources.cpu.cpus, mems" {
	need controller cpuset
	limits '{ cpu: { cpus: "0", mems: "0" } }'
	knob cpuset cpuset.cpus cpuset.cpus
	is 0
	knob cpuset cpuset.mems cpuset.mems
	is 0
	exec_c 'grep Cpus_allowed_list /proc/self/status'
	[[ $output == *$'\t0' ]]
}

@test "linux.resources.cpu.cpus: none of the host's" {
	need controller cpuset
	limits_fail '{ cpu: { cpus: "4000" } }' linux.resources.cpu.cpus
	limits_fail '{ cpu: { cpus: "zero" } }' linux.resources.cpu.cpus
}

@test "linux.resources.cpu: wrong values" {
	need controller cpu
	limits_fail '{ cpu: { shares: "a" } }' linux.resources.cpu.shares
	limits_fail '{ cpu: { quota: 1 } }' linux.resources.cpu.quota
	limits_fail '{ cpu: { period: 5 } }' linux.resources.cpu.period
}

@test "linux.resources.pids.limit" {
	need controller pids
	limits '{ pids: { limit: 23 } }'
	knob pids pids.max pids.max
	is 23
}

@test "linux.resources.pids.limit: -1 is none" {
	need controller pids
	limits '{ pids: { limit: -1 } }'
	knob pids pids.max pids.max
	is max
}

@test "linux.resources.pids.limit: 0 is a limit" {
	need controller pids
	# the first process is there already; it cannot make another
	conf '.linux.resources.pids.limit = 0'
	run_c 'echo first; (true) || echo none'
	has first
	[[ "$output $stderr" == *none* || "$output $stderr" == *"fork"* ]]
}

@test "linux.resources.pids.limit: in force" {
	need controller pids
	conf '.linux.resources.pids.limit = 5'
	run_c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo started' 2>&1
	[[ "$output $stderr" == *"fork"* ]]
}

@test "linux.resources.pids: wrong values" {
	need controller pids
	limits_fail '{ pids: { limit: "5" } }' linux.resources.pids.limit
	limits_fail '{ pids: [] }' linux.resources.pids
}

@test "linux.resources: of the wrong type" {
	conf '.linux.resources = []'
	run_c
	expect_error 'expected object' linux.resources
}
