#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.netDevices: devices of the host's network namespace moved into the container's. The suite runs in
# a network namespace of its own: nothing of the host is touched.

load lib

setup() {
	conform_setup
	need root
	need cmd ip
	[ "$(rt features 2>/dev/null | jq -r .linux.netDevices.enabled)" = true ] || skip "this version has no netDevices"
	D=v${T##*.}
	ip link add "$D" type veth peer name "${D}p" 2>/dev/null || skip "needs veth devices"
	conf '.linux.namespaces += [{ type: "network" }]'
}

teardown() {
	[ -z "${D:-}" ] || ip link del "$D" 2>/dev/null
	[ -z "${D:-}" ] || ip link del "${D}p" 2>/dev/null
	conform_teardown
}

netdev() { # NAME JSON
	local n=${#CONF_ARGS[@]}
	conf ".linux.netDevices[\$n$n] = $2" --arg "n$n" "$1"
}

there() { # the device is still in the runtime's namespace
	ip link show "$D" >/dev/null 2>&1
}

@test "linux.netDevices: moved under its own name" {
	netdev "$D" '{}'
	running_c
	run there
	[ "$status" -ne 0 ]
	exec_c "ip link show $D"
	ok
	has "$D"
}

@test "linux.netDevices: moved and up" {
	netdev "$D" '{}'
	running_c
	exec_c "ip link show $D"
	has UP
}

@test "linux.netDevices.name: renamed" {
	netdev "$D" '{ name: "inside0" }'
	running_c
	run there
	[ "$status" -ne 0 ]
	exec_c 'ip link show inside0'
	ok
}

@test "linux.netDevices.name: a number is filled in" {
	netdev "$D" '{ name: "eth%d" }'
	running_c
	exec_c 'ip link show eth0'
	ok
}

@test "linux.netDevices: global addresses are kept" {
	ip addr add 192.0.2.7/24 dev "$D"
	ip addr add 2001:db8::7/64 dev "$D" nodad 2>/dev/null || true
	netdev "$D" '{ name: "in0" }'
	running_c
	exec_c 'ip addr show in0'
	ok
	has 192.0.2.7/24
	[ ! -e /proc/sys/net/ipv6 ] || has 2001:db8::7/64
}

@test "linux.netDevices: several" {
	netdev "$D" '{ name: "one" }'
	netdev "${D}p" '{ name: "two" }'
	running_c
	exec_c 'ip link show one && ip link show two'
	ok
}

@test "linux.netDevices: gone with the container" {
	netdev "$D" '{}'
	run_c true
	ok
	gone() { ! there; }
	wait_until gone
}

@test "linux.netDevices: no such device" {
	netdev nothing77 '{}'
	run_c
	expect_error 'no such device|nothing77' linux.netDevices
	there
}

@test "linux.netDevices.name: taken in the container" {
	netdev "$D" '{ name: "lo" }'
	run_c
	expect_error 'lo' linux.netDevices
	there
}

@test "linux.netDevices.name: two of one name" {
	netdev "$D" '{ name: "one" }'
	netdev "${D}p" '{ name: "one" }'
	run_c
	expect_error 'one' linux.netDevices
}

@test "linux.netDevices.name: no name" {
	local n
	for n in '"a/b"' '"abcdefghijklmnop"' '"."' '".."' '"a b"' '"a:b"' 5; do
		CONF=$CONF_BASE CONF_ARGS=()
		conf '.linux.namespaces += [{ type: "network" }]'
		netdev "$D" "{ name: $n }"
		run_c
		expect_error . "linux.netDevices.$D"
		there
	done
}

@test "linux.netDevices: needs a network namespace" {
	CONF=$CONF_BASE
	netdev "$D" '{}'
	run_c
	expect_error 'network namespace' linux.netDevices
	there
}

@test "linux.netDevices: of the wrong type" {
	conf '.linux.netDevices = []'
	run_c
	expect_error 'expected object' linux.netDevices
}

@test "linux.netDevices: a member of the wrong type" {
	netdev "$D" '"in0"'
	run_c
	expect_error 'expected object' "linux.netDevices.$D"
}
