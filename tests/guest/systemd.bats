#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# systemd.bats - the systemd driver where systemd really runs: scopes and slices, what systemd knows
# of the limits, and that both agree after updates, reloads, restarts of systemd and sudden ends.
#
# alone: a reload makes systemd remove empty groups that it does not know, those of other tests too.

load lib

setup() {
	guest_setup
	need systemd
	RT_FLAGS=(--systemd-cgroup)
	UNIT=test-$ID.scope
	SLICE=guest.slice
	conf ".linux.cgroupsPath = \"guest.slice:test:$ID\""
	G=/sys/fs/cgroup/guest.slice/$UNIT
	[ "$(host_cgroup)" = v2 ] || G=/sys/fs/cgroup/memory/guest.slice/$UNIT
}

teardown() {
	conform_teardown || return 1
	[ "${UNIT:-}" = '' ] || [ -z "$(systemctl list-units --all --plain --no-legend "$UNIT")" ] ||
		{ echo "left over: unit $UNIT"; return 1; }
}

# shown PROPERTY VALUE: what systemd says of the unit
shown() {
	local now
	now=$(systemctl show -P "$1" "$UNIT")
	[ "$now" = "$2" ] || { echo "$1 is \"$now\", not \"$2\""; return 1; }
}

unit_gone() {
	[ -z "$(systemctl list-units --all --plain --no-legend "$UNIT")" ]
}

@test "systemd: a scope in its slice, delegated" {
	running_c
	shown ActiveState active
	shown Slice guest.slice
	shown Delegate yes
	shown ControlGroup "/guest.slice/$UNIT"
	grep -qx "$PID" "$G/cgroup.procs"
	[ "$(sed -n 's/^0:://p' "/proc/$PID/cgroup")" = "/guest.slice/$UNIT" ]
	exec_c 'cat /proc/self/cgroup'
	ok
	has "0::/guest.slice/$UNIT"
	delete_c --force
	ok
	unit_gone
	[ ! -e "$G" ]
}

@test "systemd: the default name, and --cgroup-manager" {
	conf 'del(.linux.cgroupsPath)'
	RT_FLAGS=(--cgroup-manager systemd)
	running_c
	local path
	path=$(sed -n 's/^0:://p' "/proc/$PID/cgroup")
	[[ $path == /system.slice/*"$ID.scope" ]] || { echo "$path"; false; }
	UNIT=${path##*/}
	shown Slice system.slice
	delete_c --force
	ok
	unit_gone
}

@test "systemd: slices of slices, and the root slice" {
	conf ".linux.cgroupsPath = \"guesta-b-c.slice:test:$ID\""
	running_c
	[ "$(sed -n 's/^0:://p' "/proc/$PID/cgroup")" = "/guesta.slice/guesta-b.slice/guesta-b-c.slice/$UNIT" ]
	delete_c --force
	ok
	ID=$ID-r UNIT=test-$ID.scope
	conf ".linux.cgroupsPath = \"-.slice:test:$ID\""
	running_c
	[ "$(sed -n 's/^0:://p' "/proc/$PID/cgroup")" = "/$UNIT" ]
	delete_c --force
	ok
}

@test "systemd: names that cannot be" {
	local p
	for p in /a/path a.slice:b a.slice:b:c:d notaslice:b:c a--b.slice:x:y a/b.slice:x:y; do
		conf ".linux.cgroupsPath = \"$p\""
		run_c true
		expect_error 'slice|unit|systemd' linux.cgroupsPath
	done
}

@test "systemd: limits are in the files and in the unit" {
	resources '{memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 99},
		cpu: {shares: 2048, quota: 50000, period: 100000, cpus: "1", mems: "0"}}'
	running_c
	shown TasksMax 99
	shown CPUQuotaPerSecUSec 500ms
	if [ "$(host_cgroup)" = v2 ]; then
		shown MemoryMax 67108864
		shown MemoryLow 33554432
		shown MemorySwapMax 67108864
		shown AllowedCPUs 1
		shown AllowedMemoryNodes 0
		shown CPUWeight "$(cat "$G/cpu.weight")"
		knob memory.max 67108864
		knob memory.low 33554432
		knob memory.swap.max 67108864
		knob pids.max 99
		knob cpu.max '50000 100000'
		knob cpuset.cpus 1
	else
		shown MemoryLimit 67108864
		shown CPUShares 2048
		knob memory.limit_in_bytes 67108864
	fi
}

@test "systemd: an update goes through systemd and outlasts its reload" {
	running_c
	run_rt update --memory 134217728 --pids-limit 77 --cpu-quota 30000 --cpu-period 100000 --cpu-share 512 "$ID"
	ok
	systemctl daemon-reload
	shown TasksMax 77
	shown CPUQuotaPerSecUSec 300ms
	if [ "$(host_cgroup)" = v2 ]; then
		shown MemoryMax 134217728
		knob memory.max 134217728
		knob pids.max 77
		knob cpu.max '30000 100000'
	else
		knob memory.limit_in_bytes 134217728
	fi
	# a further one, while another property is set by hand
	systemctl set-property --runtime "$UNIT" TasksMax=55
	run_rt update --memory 67108864 "$ID"
	ok
	shown TasksMax 55
	run_rt update --memory -1 --pids-limit -1 --cpu-quota -1 "$ID"
	ok
	shown TasksMax infinity
	shown CPUQuotaPerSecUSec infinity
	[ "$(host_cgroup)" != v2 ] || knob memory.max max
}

@test "systemd: finer than systemd's steps, and what it has no property for" {
	need v2
	resources '{cpu: {quota: 12345, period: 100000, burst: 1000}, unified: {"memory.high": "50331648"},
		hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	running_c
	knob cpu.max '12345 100000'
	knob cpu.max.burst 1000
	knob memory.high 50331648
	knob hugetlb.2MB.max 4194304
	systemctl daemon-reload
	knob memory.high 50331648
	knob hugetlb.2MB.max 4194304
}

@test "systemd: device rules outlast a reload and a change of properties" {
	conf '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	running_c 'mknod /dev/fuse c 10 229; mknod /dev/vda b 254 0'
	exec_c 'exec 3<>/dev/fuse'
	expect_fail 'not permitted'
	systemctl daemon-reload
	systemctl set-property --runtime "$UNIT" CPUWeight=50
	exec_c 'exec 3<>/dev/fuse'
	expect_fail 'not permitted'
	exec_c 'echo x >/dev/null && head -c 1 /dev/zero | wc -c'
	ok
	update_r '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]}'
	ok
	systemctl daemon-reload
	exec_c 'exec 3<>/dev/fuse && echo open; head -c 1 /dev/vda'
	[[ $output == open* && $stderr == *'not permitted'* ]]
}

@test "systemd: pause, resume, statistics" {
	running_c
	run_rt pause "$ID"
	ok
	state_c .status
	is paused
	run_rt resume "$ID"
	ok
	state_c .status
	is running
	run_rt events --stats "$ID"
	ok
	[ "$(jq '.data.memory.usage.usage > 0' <<<"$output")" = true ]
}

@test "systemd: restarted while a container runs" {
	running_c
	systemctl daemon-reexec
	state_c .status
	is running
	exec_c 'echo still here'
	ok
	is 'still here'
	run_rt update --pids-limit 66 "$ID"
	ok
	shown TasksMax 66
	delete_c --force
	ok
	unit_gone
}

@test "systemd: the scope is stopped from outside" {
	running_c
	systemctl stop "$UNIT"
	wait_until stopped_c
	[ ! -e "$G" ]
	delete_c
	ok
	wait_until unit_gone
}

@test "systemd: the process ends by itself: the scope goes, delete finds nothing to do" {
	running_c
	kill -KILL "$PID"
	wait_until stopped_c
	delete_c
	ok
	unit_gone
	run_c 'echo again'
	ok
	is again
}

@test "systemd: out of memory: the failed unit is no obstacle for the next of the name" {
	resources '{memory: {limit: 16777216, swap: 16777216}}'
	run_c 'tail /dev/zero'
	[ "$status" = 137 ]
	unit_gone
	run_c 'echo again'
	ok
	is again
}

@test "systemd: a unit of the name is there already" {
	systemd-run --quiet --scope --unit="$UNIT" --slice=guest.slice sleep 1000 &
	local p=$!
	wait_until systemctl -q is-active "$UNIT"
	run_c true
	expect_fail "exist|$UNIT"
	shown ActiveState active
	systemctl stop "$UNIT"
	wait "$p" || true
}

@test "systemd: limits that cannot be: nothing is left" {
	resources '{cpu: {cpus: "70-79"}}'
	run_c true
	expect_error 'cpu' linux.resources.cpu.cpus
	wait_until unit_gone
}

@test "systemd: a user namespace with a part of its own" {
	need v2
	conf '.linux.namespaces += [{type: "user"}, {type: "cgroup"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 70000, size: 1000}]
		| .linux.gidMappings = [{containerID: 0, hostID: 80000, size: 1000}]'
	mount_add /sys/fs/cgroup cgroup2 cgroup2 nosuid,noexec,nodev
	running_c 'cd /sys/fs/cgroup && mkdir leaf && echo 0 >leaf/cgroup.procs && echo +pids >cgroup.subtree_control && echo delegated'
	collect
	has delegated
	exec_c 'cat /proc/self/cgroup'
	ok
	is '0::/leaf'
	delete_c --force
	ok
	unit_gone
}

@test "systemd: many at once" {
	conf_write 'true'
	local i p=()
	for i in 1 2 3 4 5 6; do
		mkdir "$T/b$i"
		jq --arg n "$ID-$i" '.linux.cgroupsPath = "guest.slice:test:" + $n' "$B/config.json" >"$T/b$i/config.json"
		rt run -b "$T/b$i" "$ID-$i" >"$T/out$i" 2>&1 </dev/null &
		p+=($!)
	done
	for i in "${p[@]}"; do wait "$i"; done
	[ -z "$(systemctl list-units --all --plain --no-legend "test-$ID-*")" ]
}
