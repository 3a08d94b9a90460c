#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.resources.devices: what may be opened and made, tried in the container. On v1 the devices
# controller keeps the rules, on v2 a program of the kernel's.

load lib

setup() {
	# a device that is none of the default ones and that root may open without any capability
	MINOR=$(awk '$2 ~ /^(fuse|loop-control|vga_arbiter|cpu_dma_latency)$/ { print $1; exit }' /proc/misc)
	[ -n "$MINOR" ] || skip "needs a misc device that anybody may open"
	conform_setup
}

rules() { # JSON RULES...
	local r all=
	for r; do
		all+="${all:+, }$r"
	done
	conf ".linux.resources.devices = [${all//MINOR/$MINOR}]"
}

node() { # name type major minor
	conf ".linux.devices += [{ path: \"/dev/$1\", type: \"$2\", major: $3, minor: $4, fileMode: 438 }]"
}

# what can be done with the nodes: "name r w" lines
PROBE='try() { ( : <"/dev/$1" ) 2>/dev/null && r=r || r=-; ( : >"/dev/$1" ) 2>/dev/null && w=w || w=-; echo "$1 $r$w"; }; '

DENY='{ allow: false, access: "rwm" }'

@test "linux.resources.devices: denied all, the default nodes work" {
	need root
	rules "$DENY"
	run_c "$PROBE"'for d in null zero full random urandom ptmx; do try $d; done'
	ok
	is $'null rw\nzero rw\nfull rw\nrandom rw\nurandom rw\nptmx rw'
}

@test "linux.resources.devices: denied all, others do not" {
	need root
	rules "$DENY"
	node mem c 1 1
	node some c 10 $MINOR
	node loop b 7 0
	run_c "$PROBE"'try mem; try some; try loop; head -c 1 /dev/some 2>&1'
	has $'mem --\nsome --\nloop --' 'Operation not permitted'
}

@test "linux.resources.devices: none given, denied as well" {
	need root
	node some c 10 $MINOR
	run_c "$PROBE"'try some; try null'
	ok
	is $'some --\nnull rw'
}

@test "linux.resources.devices: any node may be made" {
	need root
	rules "$DENY"
	run_c 'mknod /tmp/c c 10 5 && mknod /tmp/b b 7 0 && echo made'
	ok
	is made
}

@test "linux.resources.devices: tun is allowed" {
	need root
	need file /dev/net/tun
	rules "$DENY"
	node net/tun c 10 200
	run_c "$PROBE"'try net/tun'
	ok
	is 'net/tun rw'
}

@test "linux.resources.devices.access: read alone" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "r" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some r-'
}

@test "linux.resources.devices.access: write alone" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "w" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some -w'
}

@test "linux.resources.devices.access: all" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "rwm" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some rw'
}

@test "linux.resources.devices.minor: absent is any" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, access: "r" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some r-'
}

@test "linux.resources.devices.minor: another one is not meant" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: 254, access: "rwm" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some --'
}

@test "linux.resources.devices.type: a block device is no character device" {
	need root
	rules "$DENY" '{ allow: true, type: "b", major: 10, minor: MINOR, access: "rwm" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some --'
}

@test "linux.resources.devices: a later rule takes back an earlier one" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "rw" }' \
		'{ allow: false, type: "c", major: 10, minor: MINOR, access: "w" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some r-'
}

@test "linux.resources.devices: allowed all" {
	need root
	rules '{ allow: true, access: "rwm" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some; try null'
	ok
	is $'some rw\nnull rw'
}

@test "linux.resources.devices: allowed all but one" {
	need root
	rules '{ allow: true, type: "a", access: "rwm" }' '{ allow: false, type: "c", major: 10, minor: MINOR, access: "rwm" }'
	node some c 10 $MINOR
	run_c "$PROBE"'try some; try null'
	ok
	is $'some --\nnull rw'
}

@test "linux.resources.devices: denied again after everything" {
	need root
	rules '{ allow: true, access: "rwm" }' "$DENY"
	node some c 10 $MINOR
	run_c "$PROBE"'try some; try null'
	ok
	is $'some --\nnull rw'
}

@test "linux.resources.devices: update changes them, and keeps what is in use" {
	need root
	rules "$DENY"
	node some c 10 $MINOR
	running_c
	exec_c "$PROBE"'try some'
	is 'some --'
	update_r '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":'"$MINOR"',"access":"r"}]}'
	ok
	exec_c "$PROBE"'try some; try null'
	ok
	is $'some r-\nnull rw'
}

@test "linux.resources.devices: an update of other limits leaves them" {
	need root
	need controller pids
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "r" }'
	node some c 10 $MINOR
	running_c
	run_rt update --pids-limit 100 "$ID"
	ok
	exec_c "$PROBE"'try some; try null'
	ok
	is $'some r-\nnull rw'
}

@test "linux.resources.devices.type: others are refused" {
	need root
	rules "$DENY" '{ allow: true, type: "x", major: 10, minor: MINOR }'
	run_c
	expect_error . 'linux.resources.devices[1].type'
}

@test "linux.resources.devices.access: other letters are refused" {
	need root
	rules "$DENY" '{ allow: true, type: "c", major: 10, minor: MINOR, access: "rx" }'
	run_c
	expect_error . 'linux.resources.devices[1].access'
}

@test "linux.resources.devices: wrong types" {
	need root
	rules '{ allow: "yes" }'
	run_c
	expect_error 'expected' 'linux.resources.devices[0].allow'
	CONF=$CONF_BASE
	rules '{ allow: true, major: "1" }'
	run_c
	expect_error 'expected' 'linux.resources.devices[0].major'
	CONF=$CONF_BASE
	rules 5
	run_c
	expect_error 'expected object' 'linux.resources.devices[0]'
	CONF=$CONF_BASE
	conf '.linux.resources.devices = {}'
	run_c
	expect_error 'expected array' linux.resources.devices
}

@test "linux.resources.devices: hundreds of rules" {
	need root
	conf '.linux.resources.devices = [{ allow: false, access: "rwm" }, (range(300) |
		{ allow: true, type: "c", major: (500 + .), minor: 1, access: "rw" }),
		{ allow: true, type: "c", major: 10, minor: $m, access: "r" }]' --argjson m "$MINOR"
	node some c 10 $MINOR
	run_c "$PROBE"'try some'
	ok
	is 'some r-'
}
