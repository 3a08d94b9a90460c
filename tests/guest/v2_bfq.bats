#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# v2_bfq.bats - weights of block I/O on cgroup v2, before and after the scheduler that has files of its own for them.
#
# alone: every cgroup of the machine gets io.bfq.weight with it

load lib

setup() {
	guest_setup
	need v2
}

@test "v2: block I/O weights, with and without bfq" {
	resources '{blockIO: {weight: 500}}'
	create_c
	if [ -e /sys/fs/cgroup/system.slice/io.bfq.weight ] || [ -e "$G/io.bfq.weight" ]; then
		ok
		knob io.bfq.weight 'default 500'
	elif [ -e "$G/io.weight" ]; then
		ok
		knob io.weight 'default 4950'
	else
		expect_fail 'blockIO.weight|io.weight'
	fi
	delete_c --force
	# the scheduler of a disk brings the file
	modprobe bfq
	echo bfq >/sys/block/vdb/queue/scheduler
	local dev
	dev=$(cat /sys/class/block/vdb/dev)
	created_with "{blockIO: {weight: 300, weightDevice: [{major: ${dev%:*}, minor: ${dev#*:}, weight: 200}]}}"
	line io.bfq.weight 'default 300'
	line io.bfq.weight "$dev 200"
	run_rt update --blkio-weight 100 "$ID"
	ok
	line io.bfq.weight 'default 100'
}
