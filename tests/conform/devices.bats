#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.devices: the nodes in the container, those of the config and those that are always there.

load lib

device() { # JSON of one device
	conf ".linux.devices += [$1]"
}

@test "linux.devices: the default nodes" {
	need root
	run_c 'cd /dev; for d in null zero full random urandom tty; do stat -c "%n %F %t:%T %a" $d; done'
	ok
	is 'null character special file 1:3 666
zero character special file 1:5 666
full character special file 1:7 666
random character special file 1:8 666
urandom character special file 1:9 666
tty character special file 5:0 666'
}

@test "linux.devices: the default links" {
	need root
	run_c 'cd /dev; for l in fd stdin stdout stderr ptmx; do echo "$l $(readlink $l)"; done'
	ok
	is 'fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx'
}

@test "linux.devices: default nodes work" {
	need root
	run_c 'echo x >/dev/null && head -c 4 /dev/zero | od -An -tx1 && head -c 1 /dev/urandom | wc -c &&
		{ echo x >/dev/full; } 2>&1 | grep -o "No space left.*"'
	ok
	has '00 00 00 00' 1 'No space left'
}

@test "linux.devices: nothing else is in /dev" {
	need root
	run_c 'ls /dev'
	ok
	output=$(grep -v '^core$' <<<"$output") # optional
	is $'fd\nfull\nnull\nptmx\npts\nrandom\nstderr\nstdin\nstdout\ntty\nurandom\nzero'
}

@test "linux.devices.type: c, u, b, p" {
	need root
	device '{ type: "c", path: "/dev/one", major: 1, minor: 5 }'
	device '{ type: "u", path: "/dev/two", major: 1, minor: 7 }'
	device '{ type: "b", path: "/dev/three", major: 7, minor: 200 }'
	device '{ type: "p", path: "/dev/four" }'
	run_c 'cd /dev; for d in one two three four; do stat -c "%n %F %t:%T" $d; done'
	ok
	is 'one character special file 1:5
two character special file 1:7
three block special file 7:c8
four fifo 0:0'
}

@test "linux.devices.type: others are refused" {
	need root
	local t
	for t in '"x"' '""' '"cc"' 5 null; do
		CONF=$CONF_BASE
		device "{ type: $t, path: \"/dev/one\", major: 1, minor: 5 }"
		run_c
		expect_error . 'linux.devices[0]'
	done
}

@test "linux.devices.type: missing" {
	need root
	device '{ path: "/dev/one", major: 1, minor: 5 }'
	run_c
	expect_error . 'linux.devices[0]'
}

@test "linux.devices.path: missing, relative" {
	need root
	device '{ type: "c", major: 1, minor: 5 }'
	run_c
	expect_error . 'linux.devices[0].path'
}

@test "linux.devices.fileMode, uid, gid" {
	need root
	device '{ type: "c", path: "/dev/one", major: 1, minor: 5, fileMode: 416, uid: 11, gid: 22 }'
	device '{ type: "c", path: "/dev/two", major: 1, minor: 5, fileMode: 0 }'
	device '{ type: "p", path: "/dev/three", fileMode: 384, uid: 5 }'
	run_c 'cd /dev; stat -c "%n %a %u:%g" one two three'
	ok
	is $'one 640 11:22\ntwo 0 0:0\nthree 600 5:0'
}

@test "linux.devices.fileMode: only permission bits, and no umask" {
	need root
	device '{ type: "c", path: "/dev/one", major: 1, minor: 5, fileMode: 8630 }'
	conf '.process.user.umask = 63'
	run_c 'stat -c "%F %a" /dev/one'
	ok
	is 'character special file 666'
}

@test "linux.devices.uid: out of range" {
	need root
	device '{ type: "c", path: "/dev/one", major: 1, minor: 5, uid: 4294967296 }'
	run_c
	expect_error . 'linux.devices[0].uid'
}

@test "linux.devices: major and minor are needed" {
	need root
	device '{ type: "c", path: "/dev/one", minor: 5 }'
	run_c
	expect_error . 'linux.devices[0].major'
	CONF=$CONF_BASE
	device '{ type: "b", path: "/dev/one", major: 5 }'
	run_c
	expect_error . 'linux.devices[0].minor'
}

@test "linux.devices.major: wrong values" {
	need root
	local v
	for v in '"1"' -5 4294967296 1.5; do
		CONF=$CONF_BASE
		device "{ type: \"c\", path: \"/dev/one\", major: $v, minor: 5 }"
		run_c
		expect_error . 'linux.devices[0].major'
	done
}

@test "linux.devices.path: deeper, directories are made" {
	need root
	device '{ type: "c", path: "/dev/a/b/one", major: 1, minor: 5 }'
	run_c 'stat -c "%F" /dev/a/b/one; stat -c %a /dev/a/b'
	ok
	is $'character special file\n755'
}

@test "linux.devices.path: outside /dev" {
	need root
	private_rootfs
	device '{ type: "c", path: "/mnt/x/one", major: 1, minor: 5 }'
	run_c 'stat -c "%F %t:%T" /mnt/x/one'
	ok
	is 'character special file 1:5'
	rm -f "$ROOTFS/mnt/x/one"
}

@test "linux.devices.path: links of the image stay inside" {
	need root
	private_rootfs
	mkdir "$T/outside"
	ln -s "$T/outside" "$ROOTFS/mnt/link"
	ln -s ../../../../../../../../tmp "$ROOTFS/mnt/up"
	device '{ type: "c", path: "/mnt/link/one", major: 1, minor: 5 }'
	run_c true
	# made inside or refused: never there
	[ -z "$(ls "$T/outside")" ]
	[ -z "$(find "$ROOTFS" -type c -exec rm {} + 2>&1)" ]
}

@test "linux.devices: a default one may be listed as another" {
	need root
	device '{ type: "c", path: "/dev/zero", major: 1, minor: 5, fileMode: 384 }'
	run_c 'stat -c "%t:%T %a" /dev/zero'
	ok
	is '1:5 600'
}

@test "linux.devices: an existing node that is that device is taken" {
	need root
	private_rootfs
	mknod -m 600 "$ROOTFS/mnt/one" c 1 5
	device '{ type: "c", path: "/mnt/one", major: 1, minor: 5, fileMode: 416, uid: 3, gid: 4 }'
	run_c 'stat -c "%t:%T %a %u:%g" /mnt/one'
	rm -f "$ROOTFS/mnt/one"
	ok
	is '1:5 640 3:4'
}

@test "linux.devices: an existing file that is not that device" {
	need root
	private_rootfs
	mknod "$ROOTFS/mnt/one" c 1 7
	echo >"$ROOTFS/mnt/two"
	device '{ type: "c", path: "/mnt/one", major: 1, minor: 5 }'
	run_c
	rm -f "$ROOTFS/mnt/one"
	expect_error 'not that device' /mnt/one
	CONF=$CONF_BASE
	device '{ type: "c", path: "/mnt/two", major: 1, minor: 5 }'
	run_c
	expect_error . /mnt/two
}

@test "linux.devices: in a user namespace the host's nodes are bound" {
	need root
	need userns
	chmod 755 "$T" "$B"
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	run_c 'stat -c "%n %t:%T" /dev/null /dev/zero; echo >/dev/null; head -c 2 /dev/zero | od -An -tx1
		grep -c " /dev/null " /proc/self/mountinfo'
	ok
	has '/dev/null 1:3' '/dev/zero 1:5' '00 00'
}

@test "linux.devices: in a user namespace a node that the host lacks" {
	need root
	need userns
	chmod 755 "$T" "$B"
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	device '{ type: "c", path: "/dev/not-on-the-host", major: 1, minor: 5 }'
	run_c
	expect_error 'no such file' /dev/not-on-the-host
}

@test "linux.devices: a FIFO can be made in a user namespace" {
	need root
	need userns
	chmod 755 "$T" "$B"
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	device '{ type: "p", path: "/dev/fifo", fileMode: 420 }'
	run_c 'stat -c "%F %a" /dev/fifo'
	ok
	is 'fifo 644'
}

@test "linux.devices: /dev bound from the host stays as it is" {
	need root
	mkdir "$T/dev"
	mknod -m 666 "$T/dev/null" c 1 3
	conf '.mounts |= map(select(.destination | startswith("/dev") | not))'
	mount_add /dev bind "$T/dev" bind,rw
	run_c 'ls /dev | tr "\n" " "'
	local left
	left=$(ls "$T/dev")
	rm "$T/dev/null"
	ok
	is 'null '
	[ "$left" = null ]
}

@test "linux.devices: none of the wrong type" {
	device 5
	run_c
	expect_error 'expected object' 'linux.devices[0]'
	CONF=$CONF_BASE
	conf '.linux.devices = {}'
	run_c
	expect_error 'expected array' linux.devices
}

@test "linux.devices: /dev/console with a terminal" {
	need root
	conf '.process.terminal = true'
	run_c 'stat -c "%F" /dev/console; test -c /dev/console; stat -L -c %t:%T /dev/console /proc/self/fd/0 | uniq | wc -l'
	ok
	has 'character special file'
	has 1
}
