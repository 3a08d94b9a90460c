#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# v2.bats - every limit of cgroup v2 on its real file, device rules by eBPF, freezing, killing, the
# events of memory, delegation, and the rules of the unified hierarchy that have no counterpart in v1.

load lib

setup() {
	guest_setup
	need v2
}

@test "v2: memory limit, reservation and swap; -1 is max" {
	created_with '{memory: {limit: 67108864, reservation: 33554432, swap: 100663296}}'
	knob memory.max 67108864
	knob memory.low 33554432
	knob memory.swap.max 33554432
	run_rt update --memory -1 --memory-swap -1 "$ID"
	ok
	knob memory.max max
	knob memory.swap.max max
	knob memory.low 33554432
}

@test "v2: memory and swap go up and down together" {
	created_with '{memory: {limit: 67108864, swap: 67108864}}'
	knob memory.swap.max 0
	run_rt update --memory 134217728 --memory-swap 201326592 "$ID"
	ok
	knob memory.max 134217728
	knob memory.swap.max 67108864
	run_rt update --memory 33554432 --memory-swap 33554432 "$ID"
	ok
	knob memory.max 33554432
	knob memory.swap.max 0
}

@test "v2: checkBeforeUpdate refuses a limit below what is used" {
	running_c 'dd if=/dev/zero of=/tmp/f bs=1M count=8 2>/dev/null'
	update_r '{"memory": {"limit": 1048576, "checkBeforeUpdate": true}}'
	expect_fail memory
	knob memory.max max
}

@test "v2: swappiness, disableOOMKiller and kernel limits have no file here" {
	created_with '{memory: {kernel: 1048576, kernelTCP: 1048576, useHierarchy: true, disableOOMKiller: false}}'
	delete_c --force
	resources '{memory: {disableOOMKiller: true}}'
	run_c true
	expect_error 'disableOOMKiller' linux.resources.memory
}

@test "v2: cpu weight, quota, period, burst, idle" {
	created_with '{cpu: {shares: 1024, quota: 50000, period: 200000, burst: 20000}}'
	knob cpu.weight 100
	knob cpu.max '50000 200000'
	knob cpu.max.burst 20000
	run_rt update --cpu-quota -1 "$ID"
	ok
	knob cpu.max 'max 200000'
	run_rt update --cpu-share 2 "$ID"
	ok
	knob cpu.weight 1
	run_rt update --cpu-share 262144 "$ID"
	ok
	knob cpu.weight 10000
	run_rt update --cpu-period 50000 --cpu-quota 25000 "$ID"
	ok
	knob cpu.max '25000 50000'
	run_rt update --cpu-idle 1 "$ID"
	ok
	knob cpu.idle 1
	run_rt update --cpu-idle 0 "$ID"
	ok
	knob cpu.idle 0
}

@test "v2: cpuset" {
	created_with '{cpu: {cpus: "1", mems: "0"}}'
	knob cpuset.cpus 1
	knob cpuset.cpus.effective 1
	knob cpuset.mems 0
	run_rt update --cpuset-cpus 0-1 "$ID"
	ok
	knob cpuset.cpus 0-1
	run_rt update --cpuset-cpus 77 "$ID"
	expect_fail cpuset.cpus
	start_c
	ok
	resources '{cpu: {cpus: "5-9"}}'
	ID=$ID-b run_c true
	expect_fail 'linux.resources.cpu.cpus'
}

@test "v2: pids; 0 is a limit, -1 is none" {
	created_with '{pids: {limit: 33}}'
	knob pids.max 33
	run_rt update --pids-limit -1 "$ID"
	ok
	knob pids.max max
	delete_c --force
	resources '{pids: {limit: 3}}'
	run_c 'true & true & true & true & true & wait; echo end'
	[[ $stderr == *fork* ]]
}

@test "v2: block I/O limits" {
	local dev
	dev=$(cat /sys/class/block/vda/dev)
	created_with "{blockIO: {
		throttleReadBpsDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 1048576}],
		throttleWriteBpsDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 2097152}],
		throttleReadIOPSDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 100}],
		throttleWriteIOPSDevice: [{major: ${dev%:*}, minor: ${dev#*:}, rate: 200}]}}"
	knob io.max "$dev rbps=1048576 wbps=2097152 riops=100 wiops=200"
	update_r "{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": ${dev%:*}, \"minor\": ${dev#*:}, \"rate\": 0}]}}"
	ok
	knob io.max "$dev rbps=max wbps=2097152 riops=100 wiops=200"
	delete_c --force
	resources '{blockIO: {throttleReadBpsDevice: [{major: 99, minor: 7, rate: 5}]}}'
	run_c true
	expect_error '99:7|no such device' 'throttleReadBpsDevice[0]'
}

@test "v2: huge pages, normal and reserved" {
	created_with '{hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	knob hugetlb.2MB.max 4194304
	knob hugetlb.2MB.rsvd.max 4194304
	delete_c --force
	resources '{hugepageLimits: [{pageSize: "3MB", limit: 4194304}]}'
	run_c true
	expect_error '3MB' 'linux.resources.hugepageLimits[0]'
}

@test "v2: rdma of a device that is not there" {
	resources '{rdma: {mlx5_9: {hcaHandles: 3, hcaObjects: 5}}}'
	run_c true
	expect_error mlx5_9 linux.resources.rdma
}

@test "v2: what only v1 has is refused" {
	resources '{network: {classID: 5}}'
	run_c true
	expect_error 'v1|not available|controller' linux.resources.network
	resources '{cpu: {realtimeRuntime: 5000}}'
	run_c true
	expect_error 'real|v1|not' linux.resources.cpu.realtimeRuntime
}

@test "v2: unified: any file by its name" {
	created_with '{unified: {"memory.high": "50331648", "cpu.weight.nice": "-3", "pids.max": "99",
		"memory.oom.group": "1", "cgroup.max.depth": "7"}}'
	knob memory.high 50331648
	knob cpu.weight.nice -3
	knob pids.max 99
	knob memory.oom.group 1
	knob cgroup.max.depth 7
	update_r '{"unified": {"memory.high": "max"}}'
	ok
	knob memory.high max
}

@test "v2: unified: what cannot be" {
	local key
	for key in nothing.max memory.nothing ../memory.max memory; do
		resources "{unified: {\"$key\": \"1\"}}"
		run_c true
		expect_error "$key" linux.resources.unified
	done
	resources '{unified: {"memory.max": "many"}}'
	run_c true
	expect_error 'memory.max' linux.resources.unified
}

@test "v2: devices: the default ones and no others" {
	conf '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	run_c 'echo x >/dev/null && head -c 1 /dev/zero | wc -c && head -c 1 /dev/urandom | wc -c
		mknod /dev/vda b 254 0 && echo made block
		cat /dev/vda >/dev/null || echo denied block
		mknod /dev/kmsg c 1 11 && cat /dev/kmsg || echo denied char'
	ok
	has 'made block' 'denied block' 'denied char'
	[[ $stderr == *'not permitted'* ]]
}

@test "v2: devices: rules are ordered, by type, number and access" {
	conf '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	resources '{devices: [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, minor: 229, access: "rm"},
		{allow: true, type: "c", major: 4, access: "rwm"}, {allow: false, type: "c", major: 4, minor: 64, access: "r"},
		{allow: true, type: "b", access: "rm"}]}'
	run_c 't() { "$@" >/dev/null 2>&1 </dev/null && echo "$n yes" || echo "$n no"; }
		n=fuse-made t mknod /dev/fuse c 10 229; n=fuse-read t sh -c "exec 3</dev/fuse"
		n=fuse-write t sh -c "exec 3>/dev/fuse"
		n=line-made t mknod /dev/ttyS0 c 4 64; n=line-read t sh -c "exec 3</dev/ttyS0"
		n=line-write t sh -c "exec 3>/dev/ttyS0"
		n=vda-made t mknod /dev/vda b 254 0; n=vda-read t head -c 1 /dev/vda; n=vda-write t sh -c "exec 3>>/dev/vda"'
	ok
	has 'fuse-made yes' 'fuse-read yes' 'fuse-write no' 'line-made yes' 'line-read no' 'line-write yes' \
		'vda-made yes' 'vda-read yes' 'vda-write no'
}

@test "v2: devices: everything allowed, and one exception" {
	conf '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	resources '{devices: [{allow: true, access: "rwm"}, {allow: false, type: "b", major: 254, minor: 0, access: "r"}]}'
	run_c 'mknod /dev/a b 254 0; mknod /dev/f c 10 229; sh -c "exec 3</dev/f" && echo fuse; head -c 1 /dev/a || echo no vda'
	ok
	has fuse 'no vda'
}

@test "v2: devices: an update takes the place of the rules, without a moment in between" {
	conf '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	running_c 'mknod /dev/fuse c 10 229'
	exec_c 'exec 3<>/dev/fuse'
	expect_fail 'not permitted'
	local i
	for i in 1 2 3; do
		update_r '{"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]}'
		ok
		exec_c 'exec 3<>/dev/fuse && echo open; echo x >/dev/null'
		ok
		is open
		update_r '{"devices": [{"allow": false, "access": "rwm"}]}'
		ok
		exec_c 'exec 3<>/dev/fuse'
		expect_fail 'not permitted'
		exec_c 'echo x >/dev/null'
		ok
	done
}

@test "v2: pause and resume by cgroup.freeze" {
	running_c
	run_rt pause "$ID"
	ok
	knob cgroup.freeze 1
	line cgroup.events 'frozen 1'
	state_c .status
	is paused
	run_rt exec "$ID" true
	expect_fail paused
	run_rt resume "$ID"
	ok
	knob cgroup.freeze 0
	line cgroup.events 'frozen 0'
	state_c .status
	is running
}

@test "v2: a paused container is deleted by force" {
	running_c
	run_rt pause "$ID"
	ok
	delete_c --force
	ok
	[ ! -e "$G" ]
	[ ! -e "/proc/$PID" ]
}

@test "v2: all is killed, also in groups below and what forks all the time" {
	mount_add /sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev,rw
	conf '.linux.namespaces += [{type: "cgroup"}]'
	running_c 'mkdir /sys/fs/cgroup/x /sys/fs/cgroup/x/y
		(echo 0 >/sys/fs/cgroup/x/y/cgroup.procs; exec sleep 1000) &
		(while :; do (sleep 1000 & sleep 1000 &); sleep 0.3; done) &
		i=0; while ! grep -q . /sys/fs/cgroup/x/y/cgroup.procs && [ $i -lt 300 ]; do sleep 0.1; i=$((i + 1)); done; true'
	grep -q . "$G/x/y/cgroup.procs"
	delete_c --force
	ok
	[ ! -e "$G" ]
}

@test "v2: no PID namespace: kill --all reaches every process" {
	conf '.linux.namespaces |= map(select(.type != "pid"))'
	running_c 'sleep 1001 & sleep 1002 & true'
	[ "$(wc -l <"$G/cgroup.procs")" -ge 3 ]
	run_rt kill --all "$ID" KILL
	ok
	wait_until stopped_c
	line cgroup.events 'populated 0'
}

@test "v2: out of memory: killed, counted, told" {
	resources '{memory: {limit: 16777216, swap: 16777216}}'
	running_c '(while [ ! -e /tmp/go ]; do sleep 0.1; done; sh -c "tail /dev/zero"; echo ended with $?) & true'
	rt events --interval 1s "$ID" >"$T/events" 2>&1 </dev/null &
	local p=$!
	wait_until grep -q stats "$T/events"
	exec_c 'touch /tmp/go'
	ok
	wait_until grep -q '"oom"' "$T/events"
	wait_until grep -q 'ended with 137' "$T/out"
	[ "$(awk '$1 == "oom_kill" { print $2 }' "$G/memory.events")" -ge 1 ]
	kill_c
	wait_until stopped_c
	wait "$p"
}

@test "v2: statistics" {
	resources '{memory: {limit: 67108864}, pids: {limit: 50}, cpu: {quota: 50000}}'
	running_c
	run_rt events --stats "$ID"
	ok
	local v
	v=$(jq -r '[.type, .id == "'"$ID"'", .data.memory.usage.limit, .data.pids.limit,
		(.data.memory.usage.usage > 0), (.data.cpu.usage.total > 0), .data.pids.current] | map(tostring) | join(" ")' <<<"$output")
	[ "$v" = 'stats true 67108864 50 true true 1' ] || { echo "$v: $output"; false; }
}

@test "v2: the process is cloned into its group" {
	need cmd strace
	conf_write true
	timeout 60 strace -f -e trace=clone3 -o "$T/trace" "$RUNTIME" --root "$T/state" run -b "$B" "$ID"
	grep -q 'CLONE_INTO_CGROUP' "$T/trace"
}

@test "v2: cgroupsPath: nested, relative, parents go with the group" {
	conf ".linux.cgroupsPath = \"/$ID/deep/er\""
	create_c
	ok
	[ "$(cat "/proc/$(pid_c)/cgroup")" = "0::/$ID/deep/er" ]
	# the controllers come down the whole way
	grep -q memory "/sys/fs/cgroup/$ID/deep/cgroup.subtree_control"
	delete_c --force
	ok
	conf '.linux.cgroupsPath = "'"$ID"'-rel"'
	create_c
	ok
	local own
	own=$(sed 's/0:://; s,/[^/]*$,,' /proc/self/cgroup)
	[ "$(cat "/proc/$(pid_c)/cgroup")" = "0::$own/$ID-rel" ]
	delete_c --force
	ok
	rmdir "/sys/fs/cgroup/$ID/deep" "/sys/fs/cgroup/$ID" 2>/dev/null || :
	[ ! -e "/sys/fs/cgroup/$ID" ]
}

@test "v2: a group that is in use, or frozen, is not taken" {
	mkdir "$G"
	sleep 1000 &
	local p=$!
	echo $p >"$G/cgroup.procs"
	run_c true
	expect_fail 'not empty'
	[ "$(cat "$G/cgroup.procs")" = $p ]
	kill $p
	wait $p || true
	echo 1 >"$G/cgroup.freeze"
	run_c true
	expect_fail frozen
	echo 0 >"$G/cgroup.freeze"
	run_c 'echo taken'
	ok
	is taken
	[ ! -e "$G" ] || rmdir "$G"
}

@test "v2: processes in a parent keep controllers back: the field is named" {
	mkdir "/sys/fs/cgroup/$ID-p"
	sleep 1000 &
	local p=$!
	echo $p >"/sys/fs/cgroup/$ID-p/cgroup.procs"
	conf ".linux.cgroupsPath = \"/$ID-p/c\""
	resources '{memory: {limit: 33554432}}'
	run_c true
	kill $p
	wait $p || true
	expect_error 'memory' linux.resources.memory.limit
	[ ! -e "/sys/fs/cgroup/$ID-p/c" ]
	wait_until rmdir "/sys/fs/cgroup/$ID-p"
}

@test "v2: a threaded group takes a container, and all of it is found again" {
	mkdir "/sys/fs/cgroup/$ID-t" "/sys/fs/cgroup/$ID-t/c"
	echo threaded >"/sys/fs/cgroup/$ID-t/c/cgroup.type"
	conf ".linux.cgroupsPath = \"/$ID-t/c\""
	running_c 'sleep 1001 & true'
	run_rt ps -f json "$ID"
	ok
	[ "$(jq length <<<"$output")" = 2 ]
	delete_c --force
	ok
	[ ! -e "/proc/$PID" ]
	# what only a domain has
	[ -e "/sys/fs/cgroup/$ID-t/c" ] || mkdir "/sys/fs/cgroup/$ID-t/c"
	echo threaded >"/sys/fs/cgroup/$ID-t/c/cgroup.type"
	resources '{memory: {limit: 33554432}}'
	run_c true
	rmdir "/sys/fs/cgroup/$ID-t/c" 2>/dev/null || :
	rmdir "/sys/fs/cgroup/$ID-t"
	expect_error memory linux.resources.memory.limit
}

@test "v2: cgroup mount: the container's own part, read-only or not" {
	mount_add /sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev,ro
	conf '.linux.namespaces += [{type: "cgroup"}]'
	resources '{pids: {limit: 44}}'
	run_c 'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max; mkdir /sys/fs/cgroup/x || echo read-only'
	ok
	has '0::/' 44 read-only
	conf '.linux.namespaces |= map(select(.type != "cgroup"))'
	run_c 'cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max'
	ok
	has "0::/$ID" 44
}

@test "v2: delegation to the root of a user namespace" {
	conf '.linux.namespaces += [{type: "user"}, {type: "cgroup"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 70000, size: 1000}]
		| .linux.gidMappings = [{containerID: 0, hostID: 80000, size: 1000}]'
	mount_add /sys/fs/cgroup cgroup2 cgroup2 nosuid,noexec,nodev
	resources '{memory: {limit: 67108864}}'
	running_c 'cd /sys/fs/cgroup && mkdir leaf && echo 0 >leaf/cgroup.procs && echo +memory >cgroup.subtree_control &&
		mkdir part && echo 16777216 >part/memory.max && echo delegated
		echo 1 >memory.max || echo own limit kept'
	collect
	has delegated 'own limit kept'
	[ "$(stat -c %u:%g "$G" "$G/cgroup.procs" "$G/cgroup.subtree_control" | sort -u)" = 70000:80000 ]
	[ "$(stat -c %u "$G/memory.max")" = 0 ]
	# the container's own group cannot hold processes now: exec goes where its first process is
	exec_c 'cat /proc/self/cgroup'
	ok
	is '0::/leaf'
	delete_c --force
	ok
	[ ! -e "$G" ]
}

@test "v2: no delegation where the mount is read-only or the namespace is the host's" {
	conf '.linux.namespaces += [{type: "user"}, {type: "cgroup"}]
		| .linux.uidMappings = [{containerID: 0, hostID: 70000, size: 1000}]
		| .linux.gidMappings = [{containerID: 0, hostID: 80000, size: 1000}]'
	mount_add /sys/fs/cgroup cgroup2 cgroup2 nosuid,noexec,nodev,ro
	create_c
	ok
	[ "$(stat -c %u:%g "$G")" = 0:0 ]
}

@test "v2: exec --cgroup: a group below" {
	mount_add /sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev,rw
	conf '.linux.namespaces += [{type: "cgroup"}]'
	running_c 'mkdir /sys/fs/cgroup/sub'
	exec_c 'cat /proc/self/cgroup' --cgroup /sub
	ok
	is '0::/sub'
	exec_c 'cat /proc/self/cgroup' --cgroup /none
	expect_fail none
}
