#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# mounts[].options that are about more than one mount: propagation, and attributes with all that is mounted below.

load lib
load mount_lib

# ---- propagation ----

@test "mount option private" {
	bind_with private
	hasnt shared: master:
}

@test "mount option rprivate" {
	tree_with rprivate
	hasnt shared: master:
}

@test "mount option shared" {
	bind_with shared
	has shared:
}

@test "mount option shared: tmpfs" {
	tmpfs_with shared
	has shared:
}

@test "mount option rshared" {
	tree_with rshared
	output=${lines[0]} has shared:
	output=${lines[1]} has shared:
}

@test "mount option shared is not recursive" {
	tree_with shared
	output=${lines[0]} has shared:
	output=${lines[1]} hasnt shared:
}

@test "mount option slave" {
	host_tmpfs src
	mount --make-shared "$H/src"
	mount_add /mnt bind "$H/src" bind,slave
	mount_shows /mnt
	ok
	has master:
	hasnt shared:
}

@test "mount option rslave" {
	host_tmpfs src
	mount --make-shared "$H/src"
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	mount_add /mnt bind "$H/src" rbind,rslave
	mount_shows /mnt /mnt/sub
	ok
	output=${lines[0]} has master:
	output=${lines[1]} has master:
}

@test "mount option rslave: mounts of the host come through" {
	host_tmpfs src
	mkdir "$H/src/sub"
	mount --make-shared "$H/src"
	mount_add /mnt bind "$H/src" rbind,rslave
	conf '.linux.rootfsPropagation = "slave"'
	create_c 'ls /mnt/sub'
	ok
	mount -t tmpfs conform "$H/src/sub"
	touch "$H/src/sub/late"
	start_c
	wait_stopped
	collect
	is late
}

@test "mount option rprivate: mounts of the host do not come through" {
	host_tmpfs src
	mkdir "$H/src/sub"
	mount --make-shared "$H/src"
	mount_add /mnt bind "$H/src" rbind,rprivate
	create_c 'ls /mnt/sub'
	ok
	mount -t tmpfs conform "$H/src/sub"
	touch "$H/src/sub/late"
	start_c
	wait_stopped
	collect
	is ''
}

@test "mount option unbindable" {
	bind_with unbindable
	word unbindable
}

@test "mount option runbindable" {
	tree_with runbindable
	both unbindable
}

# ---- recursive attributes ----

@test "mount option rro" {
	need kernel 5.12
	tree_with rro
	both ro
}

@test "mount option rro: writes below are refused" {
	need kernel 5.12
	host_tmpfs src
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	mount_add /mnt bind "$H/src" rbind,rro
	run_c 'touch /mnt/sub/x 2>&1 || touch /mnt/x 2>&1'
	[ "$status" -ne 0 ]
	has 'Read-only file system'
	touch "$H/src/sub/outside"
}

@test "mount option ro is not recursive" {
	tree_with ro
	upper_only ro
}

@test "mount option rrw" {
	need kernel 5.12
	host_tmpfs src
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	mount -o remount,bind,ro "$H/src/sub"
	mount -o remount,bind,ro "$H/src"
	mount_add /mnt bind "$H/src" rbind,rrw
	mount_shows /mnt /mnt/sub
	ok
	both rw
	neither ro
}

@test "mount option rnosuid" {
	need kernel 5.12
	tree_with rnosuid
	both nosuid
}

@test "mount option rsuid" {
	need kernel 5.12
	tree_with rsuid nosuid
	neither nosuid
}

@test "mount option rnodev" {
	need kernel 5.12
	tree_with rnodev
	both nodev
}

@test "mount option rdev" {
	need kernel 5.12
	tree_with rdev nodev
	neither nodev
}

@test "mount option rnoexec" {
	need kernel 5.12
	tree_with rnoexec
	both noexec
}

@test "mount option rexec" {
	need kernel 5.12
	tree_with rexec noexec
	neither noexec
}

@test "mount option rnodiratime" {
	need kernel 5.12
	tree_with rnodiratime
	both nodiratime
}

@test "mount option rdiratime" {
	need kernel 5.12
	tree_with rdiratime nodiratime
	neither nodiratime
}

@test "mount option rnoatime" {
	need kernel 5.12
	tree_with rnoatime
	both noatime
}

@test "mount option ratime" {
	need kernel 5.12
	tree_with ratime noatime
	neither noatime
}

@test "mount option rrelatime" {
	need kernel 5.12
	tree_with rrelatime strictatime
	both relatime
}

@test "mount option rnorelatime" {
	need kernel 5.12
	tree_with rnorelatime
	both rw
}

@test "mount option rstrictatime" {
	need kernel 5.12
	tree_with rstrictatime
	neither relatime
	neither noatime
}

@test "mount option rnostrictatime" {
	need kernel 5.12
	tree_with rnostrictatime strictatime
	both relatime
}

@test "mount option rnosymfollow" {
	need kernel 5.14
	tree_with rnosymfollow
	both nosymfollow
}

@test "mount option rsymfollow" {
	need kernel 5.14
	tree_with rsymfollow nosymfollow
	neither nosymfollow
}

@test "mount options: flags that are not named stay as the source has them" {
	tree_with rro nosuid,nodev,noexec
	both nosuid
	both nodev
	both noexec
}
