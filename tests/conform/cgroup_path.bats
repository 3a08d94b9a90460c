#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.cgroupsPath, and what becomes of the container's groups.

load lib

# every group of the container's first process, one a line, without those of no interest
groups_of() { # pid
	sed 's/^[0-9]*:[^:]*://' "/proc/$1/cgroup" | sort -u
}

# the directories below the mounts for a path of cgroupsPath
dirs_of() { # path
	local m
	for m in /sys/fs/cgroup/*/ /sys/fs/cgroup/; do
		[[ $RUNTIME_KIND != crun || $m != */unified/ ]] || continue
		[ ! -f "$m/cgroup.procs" ] || [ ! -d "$m$1" ] || echo "$m$1"
	done
}

remove_groups() { # path
	local d
	for d in $(dirs_of "$1"); do
		find "$d" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
}

@test "linux.cgroupsPath: absolute, in every hierarchy" {
	need root
	conf '.linux.cgroupsPath = "/\($i)"' --arg i "$ID"
	running_c
	# crun has no v2 group beside v1
	[ "$(groups_of "$PID" | grep -v '^/$')" = "/$ID" ]
}

@test "linux.cgroupsPath: nested, parents are made" {
	need root
	conf '.linux.cgroupsPath = "/\($i)/a/b"' --arg i "$ID"
	running_c
	has_group() { [ "$(groups_of "$PID" | grep -v '^/$')" = "/$ID/a/b" ]; }
	has_group
	run_rt delete --force "$ID"
	ok
	[ -z "$(dirs_of "$ID/a/b")" ]
	remove_groups "$ID"
}

@test "linux.cgroupsPath: absent, the id is its name" {
	need root
	conf 'del(.linux.cgroupsPath)'
	running_c
	groups_of "$PID" | grep -q "$ID\$"
}

@test "linux.cgroupsPath: relative" {
	need root
	conf '.linux.cgroupsPath = "\($i)/rel"' --arg i "$ID"
	running_c
	groups_of "$PID" | grep -q "$ID/rel\$"
	run_rt delete --force "$ID"
	ok
	remove_groups "$ID"
}

@test "linux.cgroupsPath: the same value is the same place" {
	need root
	running_c
	local first
	first=$(groups_of "$PID")
	run_rt delete --force "$ID"
	ok
	running_c
	[ "$(groups_of "$PID")" = "$first" ]
}

@test "linux.cgroupsPath: two dots do not lead out" {
	need root
	conf '.linux.cgroupsPath = "/../../\($i)"' --arg i "$ID"
	running_c
	[ "$(groups_of "$PID" | grep -v '^/$')" = "/$ID" ]
}

@test "linux.cgroupsPath: the root of the hierarchy is refused" {
	need root
	conf '.linux.cgroupsPath = "/"'
	run_c
	expect_error 'root' linux.cgroupsPath
}

@test "linux.cgroupsPath: wrong type" {
	conf '.linux.cgroupsPath = 5'
	run_c
	expect_error 'expected string' linux.cgroupsPath
}

@test "linux.cgroupsPath: a group with processes is refused" {
	need root
	conf '.linux.cgroupsPath = "/\($i)"' --arg i "$ID"
	running_c
	local first=$ID
	ID=$first-2
	conf ".linux.cgroupsPath = \"/$first\""
	run_c
	ID=$first
	expect_fail
	[ "$RUNTIME_KIND" != orun ] || expect_fail 'not empty|processes|in use'
	# the first one is not harmed
	state_c .status
	is running
	[ -n "$(dirs_of "$first")" ]
}

@test "linux.cgroupsPath: a frozen group is refused" {
	need root
	[ "$RUNTIME_KIND" != crun ] || skip "crun waits in it for ever"
	local d froze=
	conf '.linux.cgroupsPath = "/\($i)"' --arg i "$ID"
	for d in /sys/fs/cgroup/freezer/$ID /sys/fs/cgroup/unified/$ID /sys/fs/cgroup/$ID; do
		[ -f "$(dirname "$d")/cgroup.procs" ] || continue
		mkdir "$d"
		if [ -f "$d/freezer.state" ]; then
			echo FROZEN >"$d/freezer.state" && froze=$d/freezer.state
		elif [[ $d != */unified/* && -f $d/cgroup.freeze ]]; then
			echo 1 >"$d/cgroup.freeze" && froze=$d/cgroup.freeze
		fi
	done
	[ -n "$froze" ]
	conf_write true
	run --separate-stderr timeout -k 1 20 "$RUNTIME" --root "$T/state" run -b "$B" "$ID" </dev/null
	local r=$status
	case $froze in
	*.state) echo THAWED >"$froze" ;;
	*) echo 0 >"$froze" ;;
	esac
	remove_groups "$ID"
	status=$r
	expect_fail
	[ "$RUNTIME_KIND" != orun ] || expect_fail 'frozen'
}

@test "linux.cgroupsPath: an empty group that was there before is used, and removed as the container's" {
	need root
	local d
	for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do
		[ ! -f "$d/cgroup.procs" ] || { mkdir "$d/$ID" && break; }
	done
	run_c 'cat /proc/self/cgroup'
	ok
	has "/$ID"
}

@test "linux.cgroupsPath: groups made inside go with the container" {
	need root
	running_c
	local d
	for d in $(dirs_of "$ID"); do
		mkdir -p "$d/below/deep"
	done
	run_rt delete --force "$ID"
	ok
	[ -z "$(dirs_of "$ID")" ]
}

@test "cgroup: a slice:prefix:name path without the systemd driver is a plain name" {
	need root
	conf '.linux.cgroupsPath = "system.slice:x:\($i)"' --arg i "$ID"
	running_c
	groups_of "$PID" | grep -q "/system.slice:x:$ID\$"
}

@test "cgroup: the systemd driver asks for slice:prefix:name" {
	need root
	RT_FLAGS=(--systemd-cgroup)
	run_c
	expect_error 'slice:prefix:name|systemd' linux.cgroupsPath
}

@test "cgroup: the systemd driver makes a scope in the slice" {
	need root
	need systemd
	RT_FLAGS=(--systemd-cgroup)
	conf '.linux.cgroupsPath = "system.slice:conf:\($i)"' --arg i "$ID"
	running_c
	groups_of "$PID" | grep -q "/system.slice/conf-$ID.scope\$"
	run systemctl is-active "conf-$ID.scope"
	ok
	is active
	run_rt delete --force "$ID"
	ok
	! systemctl is-active "conf-$ID.scope"
}

@test "cgroup: the systemd driver sets properties of the scope" {
	need root
	need systemd
	RT_FLAGS=(--systemd-cgroup)
	conf '.linux.cgroupsPath = "system.slice:conf:\($i)"
		| .linux.resources = { memory: { limit: 67108864 }, pids: { limit: 33 } }' --arg i "$ID"
	running_c
	run systemctl show -p MemoryMax -p MemoryLimit -p TasksMax "conf-$ID.scope"
	has 67108864 TasksMax=33
	run_rt update --pids-limit 44 "$ID"
	ok
	run systemctl show -p TasksMax "conf-$ID.scope"
	is TasksMax=44
}
