#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# mounts[] of /proc, /sys and the control groups: what may not be covered, and what the container sees of its groups.

load lib

# ---- /proc and /sys are not to be played with ----

@test "mounts: anything but a procfs on /proc is refused" {
	conf '.mounts[0] = { destination: "/proc", type: "tmpfs", source: "tmpfs" }'
	run_c true
	expect_error 'proc' /proc
}

@test "mounts: a bind of a directory on /proc is refused" {
	mkdir "$T/fake"
	conf '.mounts[0] = { destination: "/proc", type: "bind", source: $d, options: ["bind"] }' --arg d "$T/fake"
	run_c true
	expect_error 'proc' /proc
}

@test "mounts: inside /proc is refused" {
	mount_add /proc/sys tmpfs tmpfs
	run_c true
	expect_error 'inside /proc' /proc/sys
}

@test "mounts: files of /proc that engines may cover" {
	mount_add /proc/uptime bind "$ROOTFS/file" bind
	mount_add /proc/meminfo bind "$ROOTFS/file" bind
	run_c 'cat /proc/uptime /proc/meminfo'
	ok
	is $'file\nfile'
}

@test "mounts: a link in place of /proc is refused" {
	private_rootfs
	rmdir "$ROOTFS/proc"
	ln -s tmp "$ROOTFS/proc"
	run_c true
	expect_error 'symbolic link|directory' /proc
}

@test "mounts: a link in place of /sys is refused" {
	private_rootfs
	rmdir "$ROOTFS/sys/fs" "$ROOTFS/sys"
	ln -s tmp "$ROOTFS/sys"
	conf '.linux.namespaces += [{ type: "network" }]'
	mount_add /sys sysfs sysfs ro
	run_c true
	expect_error 'symbolic link|directory' /sys
}

# ---- cgroup ----

@test "mounts: cgroup on cgroup v1: one directory per hierarchy, and links" {
	need v1
	mount_add /mnt cgroup cgroup ro,nosuid,noexec,nodev
	run_c 'cat /mnt/memory/cgroup.procs | head -n 1; test -d /mnt/cpu && echo cpu'
	ok
	is $'1\ncpu'
}

@test "mounts: cgroup on cgroup v1: merged controllers are links" {
	need v1
	[[ $(cgroup_v1 cpu) == *,* ]] || skip "needs cpu and cpuacct in one hierarchy"
	mount_add /mnt cgroup cgroup
	run_c 'readlink /mnt/cpu; readlink /mnt/cpuacct'
	ok
	is "$(basename "$(cgroup_v1 cpu)")"$'\n'"$(basename "$(cgroup_v1 cpu)")"
}

@test "mounts: cgroup on cgroup v1 is read-only by option" {
	need v1
	mount_add /mnt cgroup cgroup ro
	run_c 'mkdir /mnt/memory/x 2>&1'
	[ "$status" -ne 0 ]
	has 'Read-only file system'
}

@test "mounts: cgroup on cgroup v1 can be written without ro" {
	need v1
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	mount_add /mnt cgroup cgroup rw
	run_c 'mkdir /mnt/memory/x && ls -d /mnt/memory/x && rmdir /mnt/memory/x'
	ok
	is /mnt/memory/x
}

@test "mounts: cgroup with a cgroup namespace shows the own group as root" {
	need v1
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	mount_add /mnt cgroup cgroup ro
	run_c 'grep :memory: /proc/self/cgroup; awk "\$5 == \"/mnt/memory\" { print \$4 }" /proc/self/mountinfo'
	ok
	matches ':memory:/'$'\n''/$'
}

@test "mounts: cgroup without a cgroup namespace shows nothing of other groups" {
	need v1
	mount_add /mnt cgroup cgroup ro
	run_c 'cat /mnt/memory/cgroup.procs'
	ok
	# only of this container
	matches '^1('$'\n''[0-9]+)*$'
}

@test "mounts: cgroup on cgroup v2 is the own subtree" {
	need v2
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	mount_add /mnt cgroup cgroup ro
	run_c 'cat /proc/self/cgroup; head -n 1 /mnt/cgroup.procs; touch /mnt/x 2>&1'
	has '0::/' 'Read-only file system'
	matches $'\n1\n'
}

@test "mounts: cgroup on cgroup v2 without a cgroup namespace is the own subtree" {
	need v2
	mount_add /mnt cgroup cgroup ro
	run_c 'head -n 1 /mnt/cgroup.procs; ls /mnt'
	ok
	matches '^1'$'\n'
	has cgroup.events
}

@test "mounts: cgroup on cgroup v2 can be written without ro" {
	need v2
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	mount_add /mnt cgroup cgroup rw
	run_c 'mkdir /mnt/x && ls -d /mnt/x && rmdir /mnt/x'
	ok
	is /mnt/x
}

@test "mounts: type cgroup2 on cgroup v2" {
	need v2
	mount_add /mnt cgroup2 cgroup2 ro
	run_c 'ls /mnt'
	ok
	has cgroup.procs
}

@test "mounts: cgroup does not change the options of the host's hierarchy" {
	local before
	before=$(grep cgroup /proc/mounts)
	conf '.linux.namespaces += [{ type: "cgroup" }]'
	mount_add /mnt cgroup cgroup ro,nosuid,noexec,nodev,relatime
	run_c true
	ok
	[ "$(grep cgroup /proc/mounts)" = "$before" ]
}
