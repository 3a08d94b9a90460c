#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# mounts[]: where, what and in which order; see mount_options.bats for the options, mount_kernel.bats
# for /proc, /sys and cgroup.

load lib

# ---- destination ----

@test "mounts: in listed order" {
	mkdir -p "$T/one" "$T/two/x"
	mkdir "$T/one/x"
	echo one >"$T/one/x/f"
	echo two >"$T/two/f"
	mount_add /mnt bind "$T/one" bind
	mount_add /mnt/x bind "$T/two" bind
	run_c 'cat /mnt/x/f'
	ok
	is two
}

@test "mounts: a later one covers an earlier one" {
	mkdir -p "$T/one/x" "$T/two"
	mount_add /mnt/x tmpfs tmpfs
	mount_add /mnt bind "$T/one" bind
	private_rootfs
	run_c 'grep -c " /mnt/x " /proc/self/mountinfo; ls -A /mnt/x'
	ok
	is 1
}

@test "mounts: the same place twice" {
	mkdir "$T/one" "$T/two"
	touch "$T/one/one" "$T/two/two"
	mount_add /mnt bind "$T/one" bind
	mount_add /mnt bind "$T/two" bind
	run_c 'ls /mnt'
	ok
	is two
}

@test "mounts: a missing directory is made" {
	private_rootfs
	mount_add /new/deep/place tmpfs tmpfs
	run_c 'is_mount /new/deep/place; stat -c "%a %u %g" /new'
	ok
	is '755 0 0'
	[ -d "$ROOTFS/new/deep/place" ]
}

@test "mounts: a missing file is made for the bind of a file" {
	private_rootfs
	echo here >"$T/f"
	mount_add /new/f bind "$T/f" bind
	run_c 'cat /new/f'
	ok
	is here
	[ -f "$ROOTFS/new/f" ] && [ ! -s "$ROOTFS/new/f" ]
}

@test "mounts: a missing place in a read-only root is made before that" {
	private_rootfs
	conf '.root.readonly = true'
	mount_add /new tmpfs tmpfs
	run_c 'is_mount /new && echo in'
	ok
	is in
}

@test "mounts: a relative destination is taken from /" {
	mount_add mnt tmpfs tmpfs
	run_c 'is_mount /mnt'
	ok
	expect_warning 'relative'
}

@test "mounts: destination with dots and double slashes" {
	mount_add /a/..//./mnt/ tmpfs tmpfs
	run_c 'is_mount /mnt && echo in'
	ok
	is in
}

@test "mounts: dots do not lead out of the root" {
	private_rootfs
	mount_add /../../../new tmpfs tmpfs
	run_c 'is_mount /new && echo in'
	ok
	is in
	[ ! -e /new ]
}

@test "mounts: a symbolic link in the root is followed inside of it" {
	private_rootfs
	ln -s /mnt "$ROOTFS/link"
	mount_add /link tmpfs tmpfs
	run_c 'is_mount /mnt && echo in'
	ok
	is in
}

@test "mounts: a link that leads out ends inside the root" {
	private_rootfs
	ln -s ../../../../mnt "$ROOTFS/link"
	mount_add /link/sub tmpfs tmpfs
	run_c 'is_mount /mnt/sub && echo in'
	ok
	is in
	[ ! -e /mnt/sub ]
}

@test "mounts: destination missing is refused" {
	conf '.mounts += [{ type: "tmpfs", source: "t" }]'
	run_c true
	expect_error 'must not be empty|must be given' 'mounts[4].destination'
}

@test "mounts: destination of a wrong type is refused" {
	conf '.mounts += [{ destination: 5, type: "tmpfs", source: "t" }]'
	run_c true
	expect_error 'expected string' 'mounts[4].destination'
}

@test "mounts: a place below a file is refused" {
	mount_add /file/x tmpfs tmpfs
	run_c true
	expect_error 'not a directory' /file/x
}

@test "mounts: a file bound on a directory is refused" {
	mount_add /mnt bind "$ROOTFS/file" bind
	run_c true
	expect_error 'mount.*/mnt' /mnt
}

@test "mounts: a directory bound on a file is refused" {
	mount_add /file bind "$ROOTFS/a" bind
	run_c true
	expect_error 'not a directory' /file
}

@test "mounts of a wrong type are refused" {
	conf '.mounts = {}'
	run_c true
	expect_error 'expected array' mounts
}

@test "mounts: a member that is no object is refused" {
	conf '.mounts += ["x"]'
	run_c true
	expect_error 'expected object' 'mounts[4]'
}

@test "mounts missing: the process runs without any" {
	conf 'del(.mounts)'
	private_rootfs
	run_c 'echo in'
	ok
	is in
}

@test "mounts: without /dev as a mount the device nodes are in the root" {
	conf '.mounts |= map(select(.destination | startswith("/dev") | not))'
	private_rootfs
	run_c 'echo x >/dev/null && dd if=/dev/zero bs=4 count=1 2>/dev/null | od -An -tx1'
	ok
	is ' 00 00 00 00'
}

# ---- source and type ----

@test "mounts: bind of a directory" {
	mkdir "$T/dir"
	echo here >"$T/dir/f"
	mount_add /mnt bind "$T/dir" bind
	run_c 'cat /mnt/f; echo back >/mnt/g'
	ok
	is here
	[ "$(cat "$T/dir/g")" = back ]
}

@test "mounts: bind of a file" {
	echo here >"$T/f"
	mount_add /file bind "$T/f" bind
	run_c 'cat /file'
	ok
	is here
}

@test "mounts: bind of a device" {
	mount_add /file bind /dev/zero bind
	run_c 'dd if=/file bs=2 count=1 2>/dev/null | od -An -tx1'
	ok
	is ' 00 00'
}

@test "mounts: bind of a FIFO and of a socket" {
	mkfifo "$T/fifo"
	mount_add /file bind "$T/fifo" bind
	run_c 'stat -c %F /file'
	ok
	is fifo
}

@test "mounts: bind of a symbolic link binds what it leads to" {
	echo here >"$T/f"
	ln -s f "$T/link"
	mount_add /file bind "$T/link" bind
	run_c 'cat /file; test -L /file || echo file'
	ok
	is $'here\nfile'
}

@test "mounts: bind with a relative source is taken from the bundle" {
	mkdir "$B/vol"
	echo here >"$B/vol/f"
	mount_add /mnt bind vol bind
	cd /
	run_c 'cat /mnt/f'
	ok
	is here
}

@test "mounts: bind does not bring along what is mounted below" {
	host_tmpfs src
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	touch "$H/src/sub/f"
	mount_add /mnt bind "$H/src" bind
	run_c 'ls /mnt/sub'
	ok
	is ''
}

@test "mounts: rbind brings along what is mounted below" {
	host_tmpfs src
	mkdir "$H/src/sub"
	mount -t tmpfs conform "$H/src/sub"
	touch "$H/src/sub/f"
	mount_add /mnt bind "$H/src" rbind
	run_c 'ls /mnt/sub'
	ok
	is f
}

@test "mounts: the type of a bind does not matter" {
	mkdir "$T/dir"
	echo here >"$T/dir/f"
	mount_add /mnt none "$T/dir" bind
	mount_add /a ext4 "$T/dir" rbind
	mount_add /b '' "$T/dir" bind
	run_c 'cat /mnt/f /a/f /b/f'
	ok
	is $'here\nhere\nhere'
}

@test "mounts: type bind without the option" {
	mkdir "$T/dir"
	echo here >"$T/dir/f"
	mount_add /mnt bind "$T/dir"
	run_c 'cat /mnt/f'
	ok
	is here
}

@test "mounts: bind with a source that does not exist is refused" {
	mount_add /mnt bind "$T/nothing" bind
	run_c true
	expect_error 'no such file' "$T/nothing"
}

@test "mounts: bind without a source is refused" {
	mount_add /mnt bind '' bind
	run_c true
	expect_error 'must be given|missing' 'mounts[4].source'
}

@test "mounts: bind with data for a file system is refused" {
	mount_add /mnt bind "$ROOTFS/a" bind,size=64k
	run_c true
	expect_error 'size=64k' 'mounts[4].options'
}

@test "mounts: type missing is refused" {
	mount_add /mnt '' tmpfs
	run_c true
	expect_error 'must be given|missing' 'mounts[4].type'
}

@test "mounts: an unknown file system is refused" {
	mount_add /mnt nosuchfs none
	run_c true
	expect_error 'nosuchfs|no such device' /mnt
}

@test "mounts: an option that the file system does not know is refused" {
	mount_add /mnt tmpfs tmpfs nosuchoption
	run_c true
	expect_error 'nosuchoption' /mnt
}

@test "mounts: a bad value of an option is refused" {
	mount_add /mnt tmpfs tmpfs size=many
	run_c true
	expect_error 'size' /mnt
}

@test "mounts: options of a wrong type are refused" {
	conf '.mounts += [{ destination: "/mnt", type: "tmpfs", source: "t", options: "ro" }]'
	run_c true
	expect_error 'expected array' 'mounts[4].options'
}

@test "mounts: an option of a wrong type is refused" {
	conf '.mounts += [{ destination: "/mnt", type: "tmpfs", source: "t", options: ["ro", 5] }]'
	run_c true
	expect_error 'expected string' 'mounts[4].options[1]'
}

@test "mounts: the source of a file system is its name in the mount table" {
	mount_add /mnt tmpfs some-name
	run_c 'awk "\$2 == \"/mnt\" { print \$1 }" /proc/mounts'
	ok
	is some-name
}

@test "mounts: proc" {
	run_c 'cut -d " " -f 1 /proc/self/stat; cat /proc/1/comm; awk "\$2 == \"/proc\" { print \$3 }" /proc/mounts'
	ok
	matches '^[0-9]+'$'\n''sh'$'\n''proc$'
}

@test "mounts: sysfs, read-only" {
	conf '.linux.namespaces += [{ type: "network" }]'
	mount_add /sys sysfs sysfs nosuid,noexec,nodev,ro
	mount_shows /sys
	ok
	word ro
	word nosuid
	word sysfs
}

@test "mounts: devpts" {
	run_c 'stat -c %a /dev/pts/ptmx; awk "\$2 == \"/dev/pts\" { print \$3 }" /proc/mounts'
	ok
	is $'666\ndevpts'
}

@test "mounts: mqueue" {
	need fs mqueue
	mount_add /mnt mqueue mqueue nosuid,noexec,nodev
	run_c 'touch /mnt/q && cat /mnt/q'
	ok
	has 'QSIZE:0'
	word 'QSIZE:0'
}

@test "mounts: tmpfs takes the mode of the place" {
	private_rootfs
	chmod 1751 "$ROOTFS/a"
	mount_add /a tmpfs tmpfs
	run_c 'stat -c %a /a'
	ok
	is 1751
}

@test "mounts: mode= of a tmpfs goes before the mode of the place" {
	private_rootfs
	chmod 1751 "$ROOTFS/a"
	mount_add /a tmpfs tmpfs mode=0700
	run_c 'stat -c %a /a'
	ok
	is 700
}

@test "mounts: uid= and gid= of a tmpfs" {
	mount_add /mnt tmpfs tmpfs uid=5,gid=6
	run_c 'stat -c "%u %g" /mnt'
	ok
	is '5 6'
}

@test "mounts: overlay" {
	need fs overlay
	host_tmpfs up
	mkdir "$T/low" "$H/up/upper" "$H/up/work"
	echo low >"$T/low/f"
	mount_add /mnt overlay overlay "lowerdir=$T/low,upperdir=$H/up/upper,workdir=$H/up/work"
	run_c 'cat /mnt/f; echo new >/mnt/f'
	ok
	is low
	[ "$(cat "$H/up/upper/f")" = new ]
	[ "$(cat "$T/low/f")" = low ]
}

# ---- tmpcopyup ----

@test "mount option tmpcopyup" {
	private_rootfs
	mkdir "$ROOTFS/a/sub"
	echo text >"$ROOTFS/a/sub/f"
	ln -s sub/f "$ROOTFS/a/link"
	chown 7:8 "$ROOTFS/a/sub/f"
	chmod 640 "$ROOTFS/a/sub/f"
	mount_add /a tmpfs tmpfs tmpcopyup
	run_c 'cat /a/link; stat -c "%a %u %g" /a/sub/f; echo new >/a/sub/f; is_mount /a'
	ok
	is $'text\n640 7 8'
	[ "$(cat "$ROOTFS/a/sub/f")" = text ]
}

@test "mount option tmpcopyup: read-only after the copy" {
	private_rootfs
	echo text >"$ROOTFS/a/f"
	mount_add /a tmpfs tmpfs tmpcopyup,ro
	run_c 'cat /a/f; touch /a/g 2>&1'
	[ "$status" -ne 0 ]
	has text 'Read-only file system'
}

@test "mount option tmpcopyup: mode of the place stays" {
	private_rootfs
	chmod 1770 "$ROOTFS/a"
	mount_add /a tmpfs tmpfs tmpcopyup
	run_c 'stat -c %a /a'
	ok
	is 1770
}

# ---- words of crun that its users rely on ----

@test "mount option copy-symlink" {
	need orun 'a word of newer crun'
	private_rootfs
	ln -s /some/where "$T/link"
	mount_add /copied bind "$T/link" bind,copy-symlink
	run_c 'readlink /copied'
	ok
	is /some/where
}

@test "mount option copy-symlink: a source that is no link is bound" {
	need orun 'a word of newer crun'
	mount_add /mnt bind "$ROOTFS/a" bind,copy-symlink
	run_c 'is_mount /mnt && echo in'
	ok
	is in
}

@test "mount option src-nofollow" {
	need orun 'a word of newer crun'
	private_rootfs
	ln -s /some/where "$T/link"
	: >"$ROOTFS/place"
	mount_add /place bind "$T/link" bind,src-nofollow
	run_c 'readlink /place'
	[ "$status" -ne 0 ] || is /some/where
}

@test "mount option dest-nofollow" {
	need orun 'a word of newer crun'
	private_rootfs
	ln -s /mnt "$ROOTFS/link"
	echo text >"$T/f"
	mount_add /link bind "$T/f" bind,dest-nofollow
	run_c 'cat /link; is_mount /mnt || echo not there'
	ok
	is $'text\nnot there'
}
