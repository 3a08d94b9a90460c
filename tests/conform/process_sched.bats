#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# When and where the process runs: scheduler, ioPriority, execCPUAffinity.

load lib

# "policy nice rt-priority" of the shell itself: a child of it may be back at the defaults
SHOW='read -r line </proc/$$/stat; set -- ${line##*) }; eval "echo \${39} \${17} \${38}"'

sched_c() { # JSON of process.scheduler
	conf '.process.scheduler = $s' --argjson s "$1"
	run_c "$SHOW"
}

# kernels with groups of real-time processes give none of it to a new group
real_time() {
	need cmd chrt
	chrt -f 1 true 2>/dev/null || skip "needs real-time scheduling"
	[ -z "$(cgroup_v1 cpu)" ] || [ ! -e "$(cgroup_v1 cpu)/cpu.rt_runtime_us" ] ||
		conf '.linux.resources.cpu = { realtimePeriod: 1000000, realtimeRuntime: 1000 }'
}

refused() { # JSON PATTERN FIELD
	sched_c "$1"
	expect_error "$2" "process.scheduler${3:+.$3}"
}

# ---- scheduler ----

@test "process.scheduler SCHED_OTHER" {
	sched_c '{ "policy": "SCHED_OTHER" }'
	ok
	is '0 0 0'
}

@test "process.scheduler.nice with SCHED_OTHER" {
	sched_c '{ "policy": "SCHED_OTHER", "nice": 7 }'
	ok
	is '0 7 0'
}

@test "process.scheduler.nice below 0" {
	need cap 23 CAP_SYS_NICE
	sched_c '{ "policy": "SCHED_OTHER", "nice": -5 }'
	ok
	is '0 -5 0'
}

@test "process.scheduler SCHED_BATCH" {
	sched_c '{ "policy": "SCHED_BATCH", "nice": 3 }'
	ok
	is '3 3 0'
}

@test "process.scheduler SCHED_IDLE" {
	sched_c '{ "policy": "SCHED_IDLE" }'
	ok
	is '5 0 0'
}

@test "process.scheduler SCHED_FIFO" {
	need cap 23 CAP_SYS_NICE
	real_time
	sched_c '{ "policy": "SCHED_FIFO", "priority": 10 }'
	ok
	is '1 0 10'
}

@test "process.scheduler SCHED_RR" {
	need cap 23 CAP_SYS_NICE
	real_time
	sched_c '{ "policy": "SCHED_RR", "priority": 20 }'
	ok
	is '2 0 20'
}

@test "process.scheduler SCHED_DEADLINE" {
	need cap 23 CAP_SYS_NICE
	chrt -d -T 1000000 -P 10000000 0 true 2>/dev/null || skip "needs deadline scheduling in this cgroup"
	sched_c '{ "policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 5000000, "period": 10000000,
		"flags": ["SCHED_FLAG_RESET_ON_FORK"] }'
	ok
	is '6 0 0'
}

@test "process.scheduler.flags SCHED_FLAG_RESET_ON_FORK" {
	# what may not be had by everyone is what a child does not get
	need cap 23 CAP_SYS_NICE
	conf '.process.scheduler = { policy: "SCHED_OTHER", nice: -3, flags: ["SCHED_FLAG_RESET_ON_FORK"] }'
	run_c "$SHOW; (sh -c '$SHOW'); true"
	ok
	is $'0 -3 0\n0 0 0'
}

@test "process.scheduler.flags SCHED_FLAG_KEEP_POLICY" {
	need kernel 5.3
	sched_c '{ "policy": "SCHED_OTHER", "nice": 4, "flags": ["SCHED_FLAG_KEEP_POLICY"] }'
	ok
	is '0 4 0'
}

@test "process.scheduler.flags SCHED_FLAG_KEEP_PARAMS" {
	need kernel 5.3
	sched_c '{ "policy": "SCHED_OTHER", "nice": 4, "flags": ["SCHED_FLAG_KEEP_POLICY", "SCHED_FLAG_KEEP_PARAMS"] }'
	ok
	is '0 0 0'
}

@test "process.scheduler.flags SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN" {
	need cap 23 CAP_SYS_NICE
	chrt -d -T 1000000 -P 10000000 0 true 2>/dev/null || skip "needs deadline scheduling in this cgroup"
	sched_c '{ "policy": "SCHED_DEADLINE", "runtime": 1000000, "deadline": 5000000, "period": 10000000,
		"flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"] }'
	ok
	is '6 0 0'
}

@test "process.scheduler.flags SCHED_FLAG_UTIL_CLAMP_MIN and MAX are taken or refused by the kernel" {
	# the specification has no field for the values, so that the kernel sees 0; without the option
	# CONFIG_UCLAMP_TASK it refuses
	sched_c '{ "policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"] }'
	if [ "$status" -eq 0 ]; then
		is '0 0 0'
	else
		expect_error 'scheduler' scheduler
	fi
}

@test "process.scheduler absent: as the runtime" {
	run_c "$SHOW"
	ok
	is '0 0 0'
}

@test "process.scheduler: a user without rights gets it too" {
	need cap 23 CAP_SYS_NICE
	conf '.process.user = { uid: 1000, gid: 1000 } | del(.process.capabilities)'
	sched_c '{ "policy": "SCHED_BATCH", "nice": -5 }'
	ok
	is '3 -5 0'
}

@test "process.scheduler.policy unknown is refused" {
	refused '{ "policy": "SCHED_NICE" }' 'SCHED_NICE' policy
}

@test "process.scheduler.policy missing is refused" {
	refused '{ "nice": 5 }' 'policy' policy
}

@test "process.scheduler.policy SCHED_ISO, which no kernel has, is refused" {
	refused '{ "policy": "SCHED_ISO" }' 'scheduler'
}

@test "process.scheduler.nice with SCHED_FIFO is refused" {
	refused '{ "policy": "SCHED_FIFO", "priority": 1, "nice": 5 }' 'only for' nice
}

@test "process.scheduler.nice out of range is refused" {
	refused '{ "policy": "SCHED_OTHER", "nice": 20 }' 'nice' nice
}

@test "process.scheduler.priority with SCHED_OTHER is refused" {
	refused '{ "policy": "SCHED_OTHER", "priority": 5 }' 'only for' priority
}

@test "process.scheduler.priority 0 with SCHED_FIFO is refused" {
	refused '{ "policy": "SCHED_FIFO" }' 'scheduler'
}

@test "process.scheduler.priority above 99 is refused" {
	refused '{ "policy": "SCHED_RR", "priority": 100 }' 'priority' priority
}

@test "process.scheduler.runtime with SCHED_OTHER is refused" {
	refused '{ "policy": "SCHED_OTHER", "runtime": 5 }' 'only for' runtime
}

@test "process.scheduler.deadline with SCHED_OTHER is refused" {
	refused '{ "policy": "SCHED_OTHER", "deadline": 5 }' 'only for' deadline
}

@test "process.scheduler.period with SCHED_OTHER is refused" {
	refused '{ "policy": "SCHED_OTHER", "period": 5 }' 'only for' period
}

@test "process.scheduler SCHED_DEADLINE with a runtime above the deadline is refused" {
	refused '{ "policy": "SCHED_DEADLINE", "runtime": 5000000, "deadline": 1000000, "period": 1000000 }' 'scheduler'
}

@test "process.scheduler.flags unknown is refused" {
	refused '{ "policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NO_SUCH"] }' 'SCHED_FLAG_NO_SUCH' flags
}

@test "process.scheduler of a wrong type is refused" {
	refused '"SCHED_OTHER"' 'expected object'
}

@test "process.scheduler.nice of a wrong type is refused" {
	refused '{ "policy": "SCHED_OTHER", "nice": "5" }' 'expected integer' nice
}

@test "process.scheduler.flags of a wrong type is refused" {
	refused '{ "policy": "SCHED_OTHER", "flags": "x" }' 'expected array' flags
}

# ---- ioPriority ----

io_c() { # JSON of process.ioPriority
	conf '.process.ioPriority = $s' --argjson s "$1"
	run_c 'ionice -p $$'
}

@test "process.ioPriority IOPRIO_CLASS_BE" {
	io_c '{ "class": "IOPRIO_CLASS_BE", "priority": 6 }'
	ok
	is 'best-effort: prio 6'
}

@test "process.ioPriority IOPRIO_CLASS_RT" {
	need cap 21 CAP_SYS_ADMIN
	io_c '{ "class": "IOPRIO_CLASS_RT", "priority": 2 }'
	ok
	is 'realtime: prio 2'
}

@test "process.ioPriority IOPRIO_CLASS_IDLE" {
	io_c '{ "class": "IOPRIO_CLASS_IDLE" }'
	ok
	matches '^idle'
}

@test "process.ioPriority.priority 0" {
	io_c '{ "class": "IOPRIO_CLASS_BE", "priority": 0 }'
	ok
	is 'best-effort: prio 0'
}

@test "process.ioPriority absent" {
	run_c 'ionice -p $$'
	ok
	matches '^none|best-effort: prio 4'
}

@test "process.ioPriority of an exec" {
	conf '.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 }'
	running_c
	exec_c 'ionice -p $$'
	ok
	is 'best-effort: prio 6'
}

@test "process.ioPriority.class unknown is refused" {
	io_c '{ "class": "IOPRIO_CLASS_NO", "priority": 1 }'
	expect_error 'IOPRIO_CLASS_NO' process.ioPriority.class
}

@test "process.ioPriority.class missing is refused" {
	io_c '{ "priority": 1 }'
	expect_error 'class' process.ioPriority.class
}

@test "process.ioPriority.priority above 7 is refused" {
	io_c '{ "class": "IOPRIO_CLASS_BE", "priority": 8 }'
	expect_error 'priority' process.ioPriority.priority
}

@test "process.ioPriority.priority negative is refused" {
	io_c '{ "class": "IOPRIO_CLASS_BE", "priority": -1 }'
	expect_error 'priority' process.ioPriority.priority
}

@test "process.ioPriority of a wrong type is refused" {
	io_c '5'
	expect_error 'expected object' process.ioPriority
}

# ---- execCPUAffinity ----

# two processors that this process may run on
processors() {
	local list=()
	mapfile -t list < <(taskset -cp $$ 2>/dev/null | sed 's/.*: //' | tr , '\n' |
		awk -F - '{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }')
	[ "${#list[@]}" -ge 2 ] || skip "needs two processors"
	FIRST=${list[0]} SECOND=${list[1]}
}

AFFINITY='awk "/^Cpus_allowed_list/ { print \$2 }" /proc/self/status'

@test "process.execCPUAffinity.final" {
	processors
	conf '.process.execCPUAffinity = { final: $c }' --arg c "$SECOND"
	running_c
	exec_c "$AFFINITY"
	ok
	is "$SECOND"
}

@test "process.execCPUAffinity.initial and final" {
	processors
	conf '.process.execCPUAffinity = { initial: $a, final: $b }' --arg a "$FIRST" --arg b "$SECOND"
	running_c
	exec_c "$AFFINITY"
	ok
	is "$SECOND"
}

@test "process.execCPUAffinity.final with ranges" {
	processors
	conf '.process.execCPUAffinity = { final: $c }' --arg c "$FIRST,$SECOND-$SECOND"
	running_c
	exec_c "$AFFINITY"
	ok
	matches "^$FIRST[,-]$SECOND\$"
}

@test "process.execCPUAffinity does not touch the container's process" {
	processors
	conf '.process.execCPUAffinity = { initial: $c, final: $c }' --arg c "$SECOND"
	run_c "$AFFINITY"
	ok
	is "$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)"
}

@test "process.execCPUAffinity: bad text is refused" {
	conf '.process.execCPUAffinity = { initial: "0-x" }'
	run_c true
	expect_error '0-x' process.execCPUAffinity.initial
}

@test "process.execCPUAffinity.final: bad text is refused" {
	conf '.process.execCPUAffinity = { final: "," }'
	run_c true
	expect_error 'list' process.execCPUAffinity.final
}

@test "process.execCPUAffinity of a wrong type is refused" {
	conf '.process.execCPUAffinity = "0"'
	run_c true
	expect_error 'expected object' process.execCPUAffinity
}
