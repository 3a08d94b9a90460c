#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.namespaces, uidMappings, gidMappings, timeOffsets: new ones, inherited ones, joined ones.

load lib

ns_of() { # type pid
	readlink "/proc/$2/ns/$1"
}

link_of() { # type of the spec -> name in /proc/PID/ns
	case $1 in
	network) echo net ;;
	mount) echo mnt ;;
	*) echo "$1" ;;
	esac
}

set_ns() { # types...: exactly these
	local n=${#CONF_ARGS[@]}
	conf ".linux.namespaces = [\$n$n[] | { type: . }]" --argjson "n$n" "$(printf '%s\n' "$@" | json_lines)"
}

user_maps() { # a user namespace with ids 0-65535 from 100000 on
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }]'
	# the image belongs to the host's root: let others in
	chmod 755 "$T" "$B"
}

@test "linux.namespaces: every type new" {
	need root
	need ns time
	set_ns pid mount ipc uts network cgroup time
	running_c
	for t in pid mnt ipc uts net cgroup time; do
		[ "$(ns_of $t "$PID")" != "$(ns_of $t self)" ] || { echo "$t is the host's"; return 1; }
	done
	[ "$(ns_of user "$PID")" = "$(ns_of user self)" ]
}

@test "linux.namespaces: an absent type is the runtime's" {
	need root
	set_ns mount
	running_c
	for t in pid ipc uts net cgroup user; do
		[ "$(ns_of $t "$PID")" = "$(ns_of $t self)" ] || { echo "$t is not the host's"; return 1; }
	done
	[ "$(ns_of mnt "$PID")" != "$(ns_of mnt self)" ]
}

@test "linux.namespaces: a new PID namespace starts with process 1" {
	run_c 'echo $$; ls -d /proc/[0-9]* | head -n 1'
	ok
	is $'1\n/proc/1'
}

@test "linux.namespaces: a new network namespace has a loopback device that is up" {
	need root
	set_ns pid mount network
	run_c 'cat /sys/class/net/lo/flags 2>/dev/null; cut -d : -f 1 /proc/net/dev | tail -n +3; ip link show lo'
	ok
	has lo LOOPBACK,UP
}

@test "linux.namespaces: a cgroup namespace is made in the container's cgroup" {
	need root
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	run_c 'cut -d : -f 3 /proc/self/cgroup | sort -u'
	ok
	is /
}

@test "linux.namespaces.path: each type is joined" {
	need root
	need ns time
	set_ns pid mount ipc uts network cgroup time
	running_c
	local first=$ID pid=$PID t l
	for t in ipc uts network cgroup time pid; do
		l=$(link_of $t)
		ID=$first-$t
		CONF=$CONF_BASE CONF_ARGS=()
		set_ns mount
		conf '.linux.namespaces += [{ type: $t, path: $p }]' --arg t "$t" --arg p "/proc/$pid/ns/$l"
		run_c "readlink /proc/self/ns/$l"
		ok
		is "$(ns_of "$l" "$pid")"
	done
	ID=$first
}

@test "linux.namespaces.path: a bind-mounted namespace is joined too" {
	need root
	: >"$T/net"
	unshare --net="$T/net" true
	conf '.linux.namespaces += [{ type: "network", path: $p }]' --arg p "$T/net"
	run_c 'readlink /proc/self/ns/net'
	local want
	want="net:[$(stat -c %i "$T/net")]"
	umount "$T/net"
	ok
	is "$want"
}

@test "linux.namespaces.path: the user namespace is joined first" {
	need root
	need userns
	user_maps
	conf '.linux.namespaces += [{ type: "network" }]'
	running_c
	local pid=$PID first=$ID
	ID=$first-2
	CONF=$CONF_BASE CONF_ARGS=()
	# the network namespace belongs to that user namespace: any other order fails
	conf '.linux.namespaces = [{ type: "network", path: "/proc/\($pid)/ns/net" }, { type: "pid" },
		{ type: "mount" }, { type: "ipc" }, { type: "uts" },
		{ type: "user", path: "/proc/\($pid)/ns/user" }]' --argjson pid "$pid"
	run_c 'readlink /proc/self/ns/user; readlink /proc/self/ns/net; id -u'
	local want
	want=$(ns_of user "$pid"; ns_of net "$pid"; echo 0)
	ID=$first
	ok
	is "$want"
}

@test "linux.namespaces.path: a mount namespace is joined" {
	need root
	unshare --mount sleep 1000 >/dev/null 2>&1 3>&- &
	local pid=$!
	other() { [ "$(ns_of mnt $pid)" != "$(ns_of mnt self)" ]; }
	wait_until other
	private_rootfs
	conf '.linux.namespaces = [{ type: "pid" }, { type: "mount", path: "/proc/\($pid)/ns/mnt" }]
		| .mounts = [{ destination: "/proc", type: "proc", source: "proc" }]' --argjson pid $pid
	run_c 'readlink /proc/self/ns/mnt; ls /bin/busybox'
	local want
	want=$(ns_of mnt $pid)
	kill $pid
	ok
	is "$want"$'\n/bin/busybox'
}

@test "linux.namespaces.path: errors" {
	need root
	conf '.linux.namespaces += [{ type: "network", path: "/proc/self/ns/uts" }]'
	run_c
	expect_error 'network' linux.namespaces
	CONF=$CONF_BASE
	conf '.linux.namespaces += [{ type: "network", path: "/nothing/here" }]'
	run_c
	expect_error 'no such file or directory' /nothing/here
	CONF=$CONF_BASE
	conf '.linux.namespaces += [{ type: "network", path: "/etc/passwd" }]'
	run_c
	expect_error 'namespace' /etc/passwd
	CONF=$CONF_BASE
	conf '.linux.namespaces += [{ type: "network", path: 5 }]'
	run_c
	expect_error 'expected string' 'linux.namespaces[4].path'
}

@test "linux.namespaces.path: not absolute" {
	need root
	conf '.linux.namespaces += [{ type: "network", path: "proc/self/ns/net" }]'
	run_c
	expect_error 'absolute' 'linux.namespaces[4].path'
}

@test "linux.namespaces: an unknown type" {
	conf '.linux.namespaces += [{ type: "network2" }]'
	run_c
	expect_error 'network2' 'linux.namespaces[4].type'
}

@test "linux.namespaces: a missing type" {
	conf '.linux.namespaces += [{}]'
	run_c
	expect_error . 'linux.namespaces[4].type'
}

@test "linux.namespaces: a type given twice" {
	need root
	conf '.linux.namespaces += [{ type: "uts" }]'
	run_c
	expect_error 'twice' 'linux.namespaces[4].type'
}

@test "linux.namespaces: none of the wrong type" {
	if [ "$RUNTIME_KIND" = orun ]; then # one that takes this for none mounts in our own namespace
		conf '.linux.namespaces = {}'
		run_c
		expect_error 'expected array' linux.namespaces
		CONF=$CONF_BASE
	fi
	conf '.linux.namespaces[0] = "pid"'
	run_c
	expect_error 'expected object' 'linux.namespaces[0]'
}

@test "linux.uidMappings, gidMappings: ids inside and outside" {
	need root
	need userns
	user_maps
	conf '.process.user = { uid: 3, gid: 4 }'
	running_c
	exec_c 'cat /proc/self/uid_map /proc/self/gid_map' --user 0:0
	ok
	[ "$(tr -s ' ' <<<"$output")" = $' 0 100000 65536\n 0 200000 65536' ]
	[ "$(stat -c %u:%g "/proc/$PID")" = 100003:200004 ]
}

@test "linux.uidMappings: several ranges" {
	need root
	need userns
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 10 },
			{ containerID: 10, hostID: 300000, size: 5 }, { containerID: 1000, hostID: 0, size: 1 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 100 }]
		| .process.user.uid = 12'
	run_c 'tr -s " " </proc/self/uid_map; id -u'
	ok
	is $' 0 100000 10\n 10 300000 5\n 1000 0 1\n12'
}

@test "linux.uidMappings: as many ranges as the kernel takes" {
	need root
	need userns
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [range(340) | { containerID: ., hostID: (1000 + .), size: 1 }]
		| .linux.gidMappings = [range(340) | { containerID: ., hostID: (1000 + .), size: 1 }]'
	run_c 'wc -l </proc/self/uid_map'
	ok
	is 340
	CONF=$CONF_BASE
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [range(341) | { containerID: ., hostID: (100000 + 2 * .), size: 1 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1 }]'
	run_c
	expect_error '340|invalid argument|too' linux.uidMappings
}

@test "linux.uidMappings: needed with a new user namespace" {
	need root
	need userns
	conf '.linux.namespaces += [{ type: "user" }]'
	run_c
	expect_error 'mappings' linux.uidMappings
}

@test "linux.uidMappings: refused without a user namespace" {
	conf '.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 1 }]'
	run_c
	expect_error 'user namespace' linux.uidMappings
}

@test "linux.gidMappings: needed with a new user namespace" {
	need root
	need userns
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	run_c
	expect_error 'mappings' linux.gidMappings
}

@test "linux.uidMappings: wrong values" {
	need root
	need userns
	local m
	for m in '{ containerID: -1, hostID: 100000, size: 1 }' '{ containerID: 0, hostID: 4294967296, size: 1 }' \
		'{ containerID: 0, hostID: 100000, size: 0 }' '{ containerID: "0", hostID: 100000, size: 1 }' \
		'{ containerID: 0, hostID: 4294967290, size: 100 }' '5'; do
		CONF=$CONF_BASE
		conf ".linux.namespaces += [{ type: \"user\" }] | .linux.uidMappings = [$m]
			| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1 }]"
		run_c
		expect_error . linux.uidMappings
	done
	CONF=$CONF_BASE
	# the kernel does not take ranges that overlap
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 9 }, { containerID: 5, hostID: 5, size: 9 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 1 }]'
	run_c
	expect_error . linux.uidMappings
}

@test "linux.uidMappings: a process user that is not mapped" {
	need root
	need userns
	user_maps
	conf '.process.user.uid = 70000'
	run_c
	expect_error . 70000
}

@test "linux.timeOffsets: monotonic and boottime" {
	need root
	need ns time
	conf '.linux.namespaces += [{ type: "time" }]
		| .linux.timeOffsets = { monotonic: { secs: 200, nanosecs: 5 }, boottime: { secs: 864000 } }'
	local before
	before=$(cut -d . -f 1 /proc/uptime)
	run_c 'tr -s " \t" "  " </proc/self/timens_offsets; cut -d . -f 1 /proc/uptime'
	ok
	[ "$(head -n 2 <<<"$output")" = $'monotonic 200 5\nboottime 864000 0' ]
	(($(tail -n 1 <<<"$output") - before >= 864000 && $(tail -n 1 <<<"$output") - before < 864300))
}

@test "linux.timeOffsets: none is none" {
	need root
	need ns time
	conf '.linux.namespaces += [{ type: "time" }]'
	run_c 'tr -s " \t" "  " </proc/self/timens_offsets'
	ok
	is $'monotonic 0 0\nboottime 0 0'
}

@test "linux.timeOffsets: backwards" {
	need root
	need ns time
	conf '.linux.namespaces += [{ type: "time" }] | .linux.timeOffsets = { monotonic: { secs: -10, nanosecs: 7 } }'
	run_c 'head -n 1 /proc/self/timens_offsets | tr -s " \t" "  "'
	ok
	is 'monotonic -10 7'
}

@test "linux.timeOffsets: needs a time namespace of its own" {
	need root
	need ns time
	conf '.linux.timeOffsets = { monotonic: { secs: 5 } }'
	run_c
	expect_error 'time namespace' linux.timeOffsets
	CONF=$CONF_BASE
	conf '.linux.namespaces += [{ type: "time", path: "/proc/self/ns/time" }]
		| .linux.timeOffsets = { monotonic: { secs: 5 } }'
	run_c
	expect_error 'time namespace' linux.timeOffsets
}

@test "linux.timeOffsets: wrong values" {
	need root
	need ns time
	local v
	for v in '{ monotonic: { nanosecs: 1000000000 } }' '{ monotonic: { secs: "5" } }' '{ monotonic: 5 }' '5' \
		'{ boottime: { secs: -99999999999 } }'; do
		CONF=$CONF_BASE
		conf ".linux.namespaces += [{ type: \"time\" }] | .linux.timeOffsets = $v"
		run_c
		expect_error . linux.timeOffsets
	done
}

@test "linux.timeOffsets: an unknown clock" {
	need root
	need ns time
	conf '.linux.namespaces += [{ type: "time" }] | .linux.timeOffsets = { realtime: { secs: 5 } }'
	run_c
	expect_error . linux.timeOffsets.realtime
}
