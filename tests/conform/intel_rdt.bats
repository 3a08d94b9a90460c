#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.intelRdt: what a host without it answers, and the checks of the members; with it, a class of its
# own. (On a made-up file system: tests/unit/test_rdt.c.)

load lib

has_rdt() {
	[ -f /sys/fs/resctrl/schemata ]
}

@test "linux.intelRdt: the host has none" {
	need root
	! has_rdt || skip "the host has it"
	conf '.linux.intelRdt = { closID: "some", l3CacheSchema: "L3:0=f" }'
	run_c
	expect_error 'resctrl' linux.intelRdt
}

@test "linux.intelRdt: update on a host that has none" {
	need root
	! has_rdt || skip "the host has it"
	running_c
	run_rt update --l3-cache-schema L3:0=f "$ID"
	expect_fail
	run_rt update --mem-bw-schema MB:0=20 "$ID"
	expect_fail
}

@test "linux.intelRdt.closID: a name of one directory" {
	need root
	local c
	for c in a/b .. . ../x; do
		CONF=$CONF_BASE CONF_ARGS=()
		conf '.linux.intelRdt = { closID: $c }' --arg c "$c"
		run_c
		expect_error . linux.intelRdt
	done
}

@test "linux.intelRdt: wrong types" {
	need root
	local v
	for v in '5' '{ closID: 5 }' '{ l3CacheSchema: [] }' '{ memBwSchema: 5 }' '{ schemata: "L3:0=f" }' \
		'{ enableMonitoring: "yes" }'; do
		CONF=$CONF_BASE CONF_ARGS=()
		conf ".linux.intelRdt = $v"
		run_c
		expect_error 'expected|resctrl|rdt' linux.intelRdt
	done
}

@test "linux.intelRdt: a class of its own that goes with the container" {
	need root
	has_rdt || skip "needs /sys/fs/resctrl"
	conf '.linux.intelRdt = {}'
	running_c
	grep -qw "$PID" "/sys/fs/resctrl/$ID/tasks"
	delete_c --force
	ok
	[ ! -e "/sys/fs/resctrl/$ID" ]
}

@test "linux.intelRdt.closID: one that does not exist, without schemata" {
	need root
	has_rdt || skip "needs /sys/fs/resctrl"
	conf '.linux.intelRdt = { closID: "not-there" }'
	run_c
	expect_error 'does not exist' linux.intelRdt.closID
}
