#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# mounts[].options: each word that the specification names, on a new file system and on a bind, seen
# in the container's mountinfo. The source of the binds is a tmpfs of the host with all the opposite flags.
# Propagation and what is recursive: mount_tree.bats.

load lib
load mount_lib

@test "mount option defaults" {
	tmpfs_with defaults
	word rw
	word relatime
}

@test "mount options: none" {
	tmpfs_with ''
	word rw
	word relatime
}

@test "mount option ro: tmpfs" {
	mount_add /mnt tmpfs tmpfs ro
	run_c 'touch /mnt/x 2>&1'
	[ "$status" -ne 0 ]
	has 'Read-only file system'
}

@test "mount option ro: bind" {
	bind_with ro
	word ro
	touch "$H/src/still-writable-outside"
}

@test "mount option rw: tmpfs" {
	mount_add /mnt tmpfs tmpfs ro,rw
	run_c 'touch /mnt/x'
	ok
}

@test "mount option rw: bind of a read-only mount" {
	host_tmpfs src
	mount -o remount,bind,ro "$H/src"
	mount_add /mnt bind "$H/src" bind,rw
	mount_shows /mnt
	ok
	word rw
	no_word ro
}

@test "mount option nosuid: tmpfs" {
	tmpfs_with nosuid
	word nosuid
}

@test "mount option nosuid: bind" {
	bind_with nosuid
	word nosuid
}

@test "mount option suid: tmpfs" {
	tmpfs_with nosuid,suid
	no_word nosuid
}

@test "mount option suid: bind of a nosuid mount" {
	bind_with suid nosuid
	no_word nosuid
}

@test "mount option nodev: tmpfs" {
	tmpfs_with nodev
	word nodev
}

@test "mount option nodev: bind" {
	bind_with nodev
	word nodev
}

@test "mount option dev: tmpfs" {
	tmpfs_with nodev,dev
	no_word nodev
}

@test "mount option dev: bind of a nodev mount" {
	bind_with dev nodev
	no_word nodev
}

@test "mount option noexec: tmpfs" {
	mount_add /mnt tmpfs tmpfs noexec
	run_c 'cp /bin/busybox /mnt/true && /mnt/true 2>&1'
	[ "$status" -eq 126 ]
	has 'Permission denied'
}

@test "mount option noexec: bind" {
	bind_with noexec
	word noexec
}

@test "mount option exec: tmpfs" {
	mount_add /mnt tmpfs tmpfs noexec,exec
	run_c 'cp /bin/busybox /mnt/true && /mnt/true'
	ok
}

@test "mount option exec: bind of a noexec mount" {
	bind_with exec noexec
	no_word noexec
}

@test "mount option sync" {
	tmpfs_with sync
	word sync
}

@test "mount option async" {
	tmpfs_with sync,async
	no_word sync
}

@test "mount option dirsync" {
	tmpfs_with dirsync
	word dirsync
}

@test "mount option noatime: tmpfs" {
	tmpfs_with noatime
	word noatime
	no_word relatime
}

@test "mount option noatime: bind" {
	bind_with noatime
	word noatime
}

@test "mount option atime: tmpfs" {
	tmpfs_with noatime,atime
	no_word noatime
}

@test "mount option atime: bind of a noatime mount" {
	bind_with atime noatime
	no_word noatime
}

@test "mount option nodiratime: tmpfs" {
	tmpfs_with nodiratime
	word nodiratime
}

@test "mount option nodiratime: bind" {
	bind_with nodiratime
	word nodiratime
}

@test "mount option diratime: tmpfs" {
	tmpfs_with nodiratime,diratime
	no_word nodiratime
}

@test "mount option diratime: bind of a nodiratime mount" {
	bind_with diratime nodiratime
	no_word nodiratime
}

@test "mount option relatime: tmpfs" {
	tmpfs_with relatime
	word relatime
}

@test "mount option relatime: bind of a strictatime mount" {
	bind_with relatime strictatime
	word relatime
}

@test "mount option norelatime" {
	tmpfs_with norelatime
	word rw
}

@test "mount option strictatime: tmpfs" {
	tmpfs_with strictatime
	no_word relatime
	no_word noatime
}

@test "mount option strictatime: bind" {
	bind_with strictatime
	no_word relatime
	no_word noatime
}

@test "mount option nostrictatime" {
	tmpfs_with strictatime,nostrictatime
	word relatime
}

@test "mount option lazytime" {
	tmpfs_with lazytime
	word lazytime
}

@test "mount option nolazytime" {
	tmpfs_with lazytime,nolazytime
	no_word lazytime
}

@test "mount option iversion" {
	tmpfs_with iversion
	word rw
}

@test "mount option noiversion" {
	tmpfs_with iversion,noiversion
	word rw
}

@test "mount option silent" {
	tmpfs_with silent
	word rw
}

@test "mount option loud" {
	tmpfs_with silent,loud
	word rw
}

@test "mount option mand" {
	# the kernel took mandatory locks out in 5.15 and ignores the flag
	tmpfs_with mand
	word rw
}

@test "mount option nomand" {
	tmpfs_with mand,nomand
	word rw
	no_word mand
}

@test "mount option acl" {
	tmpfs_with acl
	word rw
}

@test "mount option noacl" {
	tmpfs_with noacl
	word rw
}

@test "mount option nosymfollow: tmpfs" {
	need kernel 5.10
	mount_add /mnt tmpfs tmpfs nosymfollow
	run_c 'ln -s /file /mnt/link; cat /mnt/link 2>&1'
	[ "$status" -ne 0 ]
	has 'symbolic link'
}

@test "mount option nosymfollow: bind" {
	need kernel 5.10
	bind_with nosymfollow
	word nosymfollow
}

@test "mount option symfollow" {
	need kernel 5.10
	bind_with symfollow nosymfollow
	no_word nosymfollow
}

@test "mount options: data goes to the file system" {
	tmpfs_with size=64k,mode=1700,nr_inodes=100
	word size=64k
	word mode=1700
	word nr_inodes=100
}

@test "mount options: the last of contrary words counts" {
	tmpfs_with noexec,exec,nosuid,suid,nosuid
	no_word noexec
	word nosuid
}

@test "mount options: flags of the source stay on a plain bind" {
	bind_with ro nosuid,nodev
	word ro
	word nosuid
	word nodev
}

@test "mount option remount" {
	mount_add /tmp tmpfs tmpfs remount,nosuid,size=32k
	mount_shows /tmp
	ok
	word nosuid
	word size=32k
}

@test "mount option remount,bind,ro" {
	mount_add /tmp '' '' remount,bind,ro
	mount_shows /tmp
	ok
	word ro
}

@test "every word of the features document is taken" {
	need orun 'the document names words'
	local w
	for w in $("$RUNTIME" features | jq -r '.mountOptions[]'); do
		# those that are about links, mappings and changes have tests of their own
		case $w in idmap | ridmap | remount | tmpcopyup | copy-symlink | *nofollow) continue ;; esac
		case $w in bind | rbind) mount_add /mnt bind "$ROOTFS" "$w" ;; *) mount_add /mnt tmpfs t "$w" ;; esac
	done
	run_c 'echo in'
	ok
	is in
}
