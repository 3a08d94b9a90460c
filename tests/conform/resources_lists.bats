#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.resources: blockIO, hugepageLimits, network, rdma, unified. The control files are read back,
# v1 or v2, whichever has the controller.

load lib
load resources

# d: MAJOR:MINOR of some whole disk of the host
need_disk() {
	local f
	for f in /sys/block/{vd,sd,xvd,nvme,loop,ram}*/dev; do
		[ -f "$f" ] || continue
		d=$(cat "$f")
		return
	done
	skip "needs a block device"
}

# file of a group, made for a moment: whether this host has it
has_file() { # controller v1file v2file
	local m d r=1
	m=$(cgroup_v1 "$1")
	if [ -n "$m" ]; then
		d=$m/$ID-probe
		mkdir "$d"
		[ ! -f "$d/$2" ] || r=0
		rmdir "$d"
		return $r
	fi
	[ -f "$(find /sys/fs/cgroup -mindepth 2 -maxdepth 3 -name "$3" -print -quit 2>/dev/null)" ]
}

need_io() {
	if need_v1; then need controller blkio; else need controller io; fi
}

@test "linux.resources.blockIO.weight" {
	need root
	need_io
	local f v1=none v2=none
	for f in blkio.weight blkio.bfq.weight; do
		[ "$v1" != none ] || ! need_v1 || ! has_file blkio $f none || v1=$f
	done
	for f in io.bfq.weight io.weight; do
		[ "$v2" != none ] || need_v1 || ! has_file blkio none $f || v2=$f
	done
	[ "$v1 $v2" != 'none none' ] || skip "needs a scheduler with weights"
	limits '{ blockIO: { weight: 300 } }'
	knob blkio "$v1" "$v2"
	# io.weight has another range
	[[ $output == *300* ]] || { [ "$v2" = io.weight ] && has 2930; }
}

@test "linux.resources.blockIO.weight: the host has none" {
	need root
	need controller blkio
	need v1
	! has_file blkio blkio.weight none || skip "the host has it"
	! has_file blkio blkio.bfq.weight none || skip "the host has it"
	limits_fail '{ blockIO: { weight: 300 } }' linux.resources.blockIO.weight
}

@test "linux.resources.blockIO.leafWeight: the host has none" {
	need root
	need_io
	! need_v1 || ! has_file blkio blkio.leaf_weight none || skip "the host has it"
	limits_fail '{ blockIO: { leafWeight: 300 } }' linux.resources.blockIO.leafWeight
}

@test "linux.resources.blockIO.weightDevice: the host has none" {
	need root
	need controller blkio
	need v1
	! has_file blkio blkio.weight_device none || skip "the host has it"
	! has_file blkio blkio.bfq.weight_device none || skip "the host has it"
	local d
	need_disk
	limits_fail "{ blockIO: { weightDevice: [{ major: ${d%:*}, minor: ${d#*:}, weight: 300 }] } }" \
		'linux.resources.blockIO.weightDevice[0]'
}

@test "linux.resources.blockIO.throttleReadBpsDevice" {
	need root
	need_io
	local d
	need_disk
	limits "{ blockIO: { throttleReadBpsDevice: [{ major: ${d%:*}, minor: ${d#*:}, rate: 1048576 }] } }"
	knob blkio blkio.throttle.read_bps_device io.max
	is_v "$d 1048576" "$d rbps=1048576 wbps=max riops=max wiops=max"
}

@test "linux.resources.blockIO.throttleWriteBpsDevice" {
	need root
	need_io
	local d
	need_disk
	limits "{ blockIO: { throttleWriteBpsDevice: [{ major: ${d%:*}, minor: ${d#*:}, rate: 2097152 }] } }"
	knob blkio blkio.throttle.write_bps_device io.max
	is_v "$d 2097152" "$d rbps=max wbps=2097152 riops=max wiops=max"
}

@test "linux.resources.blockIO.throttleReadIOPSDevice" {
	need root
	need_io
	local d
	need_disk
	limits "{ blockIO: { throttleReadIOPSDevice: [{ major: ${d%:*}, minor: ${d#*:}, rate: 300 }] } }"
	knob blkio blkio.throttle.read_iops_device io.max
	is_v "$d 300" "$d rbps=max wbps=max riops=300 wiops=max"
}

@test "linux.resources.blockIO.throttleWriteIOPSDevice" {
	need root
	need_io
	local d
	need_disk
	limits "{ blockIO: { throttleWriteIOPSDevice: [{ major: ${d%:*}, minor: ${d#*:}, rate: 400 }] } }"
	knob blkio blkio.throttle.write_iops_device io.max
	is_v "$d 400" "$d rbps=max wbps=max riops=max wiops=400"
}

@test "linux.resources.blockIO.throttle: a rate of 0 takes the limit away" {
	need root
	need_io
	local d
	need_disk
	limits "{ blockIO: { throttleReadBpsDevice: [{ major: ${d%:*}, minor: ${d#*:}, rate: 1048576 }] } }"
	update_r "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":${d%:*},\"minor\":${d#*:},\"rate\":0}]}}"
	ok
	knob blkio blkio.throttle.read_bps_device io.max
	is ''
}

@test "linux.resources.blockIO.throttle: no such device" {
	need root
	need_io
	limits_fail '{ blockIO: { throttleReadBpsDevice: [{ major: 499, minor: 77, rate: 1048576 }] } }' \
		'linux.resources.blockIO.throttleReadBpsDevice[0]'
}

@test "linux.resources.blockIO: wrong values" {
	need root
	limits_fail '{ blockIO: { weight: 1001 } }' linux.resources.blockIO.weight
	limits_fail '{ blockIO: { weight: "300" } }' linux.resources.blockIO.weight
	limits_fail '{ blockIO: { throttleReadBpsDevice: {} } }' linux.resources.blockIO.throttleReadBpsDevice
}

@test "linux.resources.hugepageLimits" {
	need root
	need controller hugetlb
	need file /sys/kernel/mm/hugepages/hugepages-2048kB
	limits '{ hugepageLimits: [{ pageSize: "2MB", limit: 8388608 }] }'
	knob hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max
	is 8388608
}

@test "linux.resources.hugepageLimits: reserved ones too" {
	need root
	need controller hugetlb
	need file /sys/kernel/mm/hugepages/hugepages-2048kB
	limits '{ hugepageLimits: [{ pageSize: "2MB", limit: 8388608 }] }'
	knob hugetlb hugetlb.2MB.rsvd.limit_in_bytes hugetlb.2MB.rsvd.max
	is 8388608
}

@test "linux.resources.hugepageLimits: in the v2 hierarchy of a hybrid host" {
	need root
	[ "$(host_cgroup)" = hybrid ] || skip "needs a hybrid host"
	grep -qw hugetlb /sys/fs/cgroup/unified/cgroup.controllers || skip "hugetlb is not in v2 here"
	limits '{ hugepageLimits: [{ pageSize: "2MB", limit: 8388608 }] }'
	knob hugetlb none hugetlb.2MB.max
	is 8388608
	knob hugetlb none hugetlb.2MB.rsvd.max
	is 8388608
}

@test "linux.resources.hugepageLimits: no such page size" {
	need root
	limits_fail '{ hugepageLimits: [{ pageSize: "3MB", limit: 8388608 }] }' 'linux.resources.hugepageLimits[0]'
	limits_fail '{ hugepageLimits: [{ pageSize: "../x", limit: 8388608 }] }' 'linux.resources.hugepageLimits[0]'
	limits_fail '{ hugepageLimits: [{ limit: 8388608 }] }' 'linux.resources.hugepageLimits[0]'
}

@test "linux.resources.hugepageLimits: wrong values" {
	need root
	limits_fail '{ hugepageLimits: [{ pageSize: "2MB", limit: "8" }] }' 'linux.resources.hugepageLimits[0]'
	limits_fail '{ hugepageLimits: {} }' linux.resources.hugepageLimits
}

@test "linux.resources.network.classID" {
	need root
	need v1
	need controller net_cls
	limits '{ network: { classID: 1048577 } }'
	knob net_cls net_cls.classid -
	is 1048577
}

@test "linux.resources.network.priorities" {
	need root
	need v1
	need controller net_prio
	limits '{ network: { priorities: [{ name: "lo", priority: 7 }] } }'
	knob net_prio net_prio.ifpriomap -
	has 'lo 7'
}

@test "linux.resources.network: the host cannot" {
	need root
	[ -z "$(cgroup_v1 net_cls)" ] || skip "the host has net_cls"
	limits_fail '{ network: { classID: 1048577 } }' linux.resources.network
	[ -z "$(cgroup_v1 net_prio)" ] || skip "the host has net_prio"
	limits_fail '{ network: { priorities: [{ name: "lo", priority: 7 }] } }' linux.resources.network
}

@test "linux.resources.rdma" {
	need root
	need controller rdma
	need file /sys/class/infiniband
	local dev
	dev=$(ls /sys/class/infiniband | head -n 1)
	[ -n "$dev" ] || skip "needs an RDMA device"
	limits "{ rdma: { \"$dev\": { hcaHandles: 3, hcaObjects: 10000 } } }"
	knob rdma rdma.max rdma.max
	has "$dev hca_handle=3 hca_object=10000"
}

@test "linux.resources.rdma: the host has no such device" {
	need root
	limits_fail '{ rdma: { nothing0: { hcaHandles: 3 } } }' linux.resources.rdma
}

@test "linux.resources.rdma: wrong values" {
	need root
	limits_fail '{ rdma: { mlx5_1: { hcaHandles: "3" } } }' linux.resources.rdma
}

@test "linux.resources.unified" {
	need root
	need v2
	limits '{ unified: { "memory.high": "67108864", "cpu.weight": "77", "pids.max": "31" } }'
	knob memory - memory.high
	is 67108864
	knob cpu - cpu.weight
	is 77
	knob pids - pids.max
	is 31
}

@test "linux.resources.unified: beside the other members" {
	need root
	need v2
	limits '{ memory: { limit: 134217728 }, unified: { "memory.high": "67108864" } }'
	knob memory - memory.max
	is 134217728
	knob memory - memory.high
	is 67108864
}

@test "linux.resources.unified: a file of the v2 hierarchy of a hybrid host" {
	need root
	[ "$(host_cgroup)" = hybrid ] || skip "needs a hybrid host"
	[ "$RUNTIME_KIND" = orun ] || skip "only of orun: others want v2 alone"
	limits '{ unified: { "cgroup.max.depth": "7" } }'
	output=$(cat "/sys/fs/cgroup/unified/$ID/cgroup.max.depth")
	is 7
}

@test "linux.resources.unified: no such controller or file" {
	need root
	limits_fail '{ unified: { "nothing.max": "1" } }' linux.resources.unified.nothing.max
	limits_fail '{ unified: { "memory.nothing": "1" } }' linux.resources.unified.memory.nothing
}

@test "linux.resources.unified: names of files only" {
	need root
	limits_fail '{ unified: { "../memory.max": "1" } }' linux.resources.unified
	limits_fail '{ unified: { "a/memory.max": "1" } }' linux.resources.unified
}

@test "linux.resources.unified: values are texts" {
	need root
	limits_fail '{ unified: { "pids.max": 5 } }' linux.resources.unified.pids.max
}
