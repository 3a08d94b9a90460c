#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Id-mapped mounts: the options idmap and ridmap, uidMappings and gidMappings of a mount, alone and
# with a user namespace. The source is a tmpfs of the host with files of users 0, 1000 and 5000, and
# another tmpfs with the same below it.

load lib

files() { # directory
	local u
	for u in 0 1000 5000; do
		touch "$1/$u"
		chown "$u:$u" "$1/$u"
	done
	chmod 777 "$1"
}

# map_mount OPTIONS [JQ FILTER ON THE MOUNT]
map_mount() {
	need kernel 6.3
	host_tmpfs src
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	files "$H/src"
	files "$H/src/sub"
	mount_add /mnt bind "$H/src" "$1"
	conf ".mounts[4] |= (${2:-.})"
}

user_ns() {
	need userns
	conf '.linux.namespaces += [{ type: "user" }] |
		.linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }] |
		.linux.gidMappings = .linux.uidMappings'
}

MAPS='.uidMappings = [{ containerID: 0, hostID: 1000, size: 1 }, { containerID: 1000, hostID: 0, size: 1 },
	{ containerID: 5000, hostID: 7000, size: 1 }] | .gidMappings = .uidMappings'
SHOW='stat -c "%n %u %g" /mnt/0 /mnt/1000 /mnt/5000'

@test "mounts.uidMappings, gidMappings: without a user namespace, option idmap" {
	map_mount bind,idmap "$MAPS"
	run_c "$SHOW"
	ok
	is $'/mnt/0 1000 1000\n/mnt/1000 0 0\n/mnt/5000 7000 7000'
}

@test "mounts.uidMappings, gidMappings: without the option" {
	map_mount bind "$MAPS"
	run_c "$SHOW"
	ok
	is $'/mnt/0 1000 1000\n/mnt/1000 0 0\n/mnt/5000 7000 7000'
}

@test "mounts.uidMappings, gidMappings may differ" {
	map_mount bind,idmap "$MAPS | .gidMappings = [{ containerID: 0, hostID: 4, size: 1 }]"
	run_c 'stat -c "%u %g" /mnt/0'
	ok
	is '1000 4'
}

@test "mounts.uidMappings: an id without a mapping is the overflow id" {
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }] | .gidMappings = .uidMappings'
	run_c 'stat -c %u /mnt/0 /mnt/1000'
	ok
	is $'0\n65534'
}

@test "mounts.uidMappings: a file that is made belongs to the mapped user" {
	map_mount bind,idmap "$MAPS"
	conf '.process.user = { uid: 1000, gid: 1000 }'
	run_c 'touch /mnt/new'
	ok
	[ "$(stat -c %u:%g "$H/src/new")" = 0:0 ]
}

@test "mounts.uidMappings: ranges" {
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 20000, size: 2000 }] | .gidMappings = .uidMappings'
	run_c 'stat -c %u /mnt/0 /mnt/1000'
	ok
	is $'20000\n21000'
}

@test "mount option idmap maps the one mount alone" {
	map_mount rbind,idmap "$MAPS"
	run_c 'stat -c %u /mnt/0 /mnt/sub/0'
	ok
	is $'1000\n0'
}

@test "mount option ridmap maps what is mounted below too" {
	map_mount rbind,ridmap "$MAPS"
	run_c 'stat -c %u /mnt/0 /mnt/sub/0'
	ok
	is $'1000\n1000'
}

@test "mount option idmap: the source stays as it is outside" {
	map_mount bind,idmap "$MAPS"
	run_c true
	ok
	[ "$(stat -c %u "$H/src/1000")" = 1000 ]
}

@test "mount option idmap: in a user namespace, its mapping by default" {
	map_mount bind,idmap
	user_ns
	run_c "$SHOW"
	ok
	is $'/mnt/0 0 0\n/mnt/1000 1000 1000\n/mnt/5000 5000 5000'
}

@test "mount option idmap: in a user namespace, files made belong to the host's root" {
	map_mount bind,idmap
	user_ns
	run_c 'touch /mnt/new'
	ok
	[ "$(stat -c %u:%g "$H/src/new")" = 0:0 ]
}

@test "mount option idmap: in a user namespace, with a mapping of its own" {
	# what is 0 in the file system is 1000 on the host's side, which is 0 in there
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 101000, size: 1 },
		{ containerID: 1000, hostID: 100000, size: 1 }] | .gidMappings = .uidMappings'
	user_ns
	run_c 'stat -c %u /mnt/0 /mnt/1000'
	ok
	is $'1000\n0'
}

@test "mount option ridmap: in a user namespace" {
	map_mount rbind,ridmap
	user_ns
	run_c 'stat -c %u /mnt/1000 /mnt/sub/1000'
	ok
	is $'1000\n1000'
}

@test "a bind in a user namespace without idmap is not mapped" {
	map_mount bind
	user_ns
	run_c 'stat -c %u /mnt/0'
	ok
	is 65534
}

@test "mount option idmap without mappings and without a user namespace is refused" {
	map_mount bind,idmap
	run_c true
	expect_error 'mapping' 'mounts[4].uidMappings'
}

@test "mounts.uidMappings alone is refused" {
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }]'
	run_c true
	expect_error 'together' 'mounts[4].gidMappings'
}

@test "mounts.gidMappings alone is refused" {
	map_mount bind,idmap '.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }]'
	run_c true
	expect_error 'together' 'mounts[4].uidMappings'
}

@test "mounts.uidMappings with a size of 0 is refused" {
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 0, size: 0 }] | .gidMappings = .uidMappings'
	run_c true
	expect_error 'at least 1' 'mounts[4].uidMappings[0].size'
}

@test "mounts.uidMappings that overlap are refused" {
	map_mount bind,idmap '.uidMappings = [{ containerID: 0, hostID: 0, size: 10 },
		{ containerID: 5, hostID: 100, size: 10 }] | .gidMappings = .uidMappings'
	run_c true
	expect_error '' /mnt
}

@test "mounts.uidMappings on a mount that is no bind are refused" {
	need kernel 6.3
	mount_add /mnt tmpfs tmpfs
	conf ".mounts[4] |= ($MAPS)"
	run_c true
	expect_error 'bind' mount
}

@test "mounts.uidMappings of a wrong type are refused" {
	map_mount bind,idmap '.uidMappings = 5 | .gidMappings = 5'
	run_c true
	expect_error 'expected array' 'mounts[4].uidMappings'
}

@test "mount option idmap on a file system that cannot is refused" {
	need file /sys/kernel
	mount_add /mnt bind /sys/kernel bind,idmap
	conf ".mounts[4] |= ($MAPS)"
	run_c true
	expect_error 'invalid argument|map ids' /mnt
}
