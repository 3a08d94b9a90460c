#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --storage-opt size= and inodes=: whatever driver, whatever file system the store is on. Project quota, which not
# every kernel has, is in tests/guest/quota.bats.

load lib
load ../lib/zfs.bash

setup() {
	engine_setup
	MNT=
}

teardown() {
	local failed=
	disk_teardown engine_teardown || failed=1
	zfs_clear || failed=1
	[ -z "$failed" ]
}

teardown_file() { zfs_end; }

# the engine's store on a new btrfs
store_on_btrfs() {
	truncate -s 700M "$T/disk"
	mkfs.btrfs -q "$T/disk" >/dev/null 2>&1
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_ROOT=$MNT/store
}

# the loop devices of this engine's containers
devices() {
	grep -l "$ONGGI_ROOT/containers" /sys/block/loop*/loop/backing_file 2>/dev/null | wc -l
}

# the kernel takes them down after the last process or mount, at a time of its own
none_bound() {
	[ "$(devices)" = 0 ]
}

no_devices() {
	eventually 60 none_bound
}

# shows CONTAINER FILE: diff has it as new
shows() {
	onggi diff "$1" | grep -qx "A $2"
}

quota_of() {
	onggi inspect --format '{{.GraphDriver.Data.Quota}}' "$1"
}

# writes until it is full, prints how many bytes there was room for. A full subvolume of btrfs may not even have room
# for a removal.
FILL='echo kept >/kept; sync; err=$(dd if=/dev/zero of=/fill bs=64k 2>&1)
	case $err in *"No space left"* | *"quota exceeded"*) ;; *) echo "no end: $err" ;; esac
	wc -c </fill; rm -f /fill 2>/dev/null; sync'

whole_life() { # driver quota
	local got
	export ONGGI_STORAGE_DRIVER=$1
	got=$(onggi run --name full --net none --storage-opt size=24m base sh -c "$FILL")
	echo "$1: $got"
	[ "$got" -gt $((16 << 20)) ]
	[ "$got" -le $((24 << 20)) ]
	onggi run --name one --net none --storage-opt size=24m base sh -c '[ -e /given ] || echo kept >/kept; sync'
	[ "$(quota_of one)" = "$2" ]
	[ "$(onggi inspect --format '{{index .HostConfig.StorageOpt "size"}}' one)" = 24m ]
	# stopped: all that looks at it sees it
	shows one /kept
	[ "$(onggi ps -as --filter name=one --format '{{.Size}}' | cut -d' ' -f1)" = 5B ]
	[ "$(onggi cp one:/kept - | tar -xO)" = kept ]
	echo given >"$T/given"
	onggi cp "$T/given" one:/given
	onggi export one >"$T/export.tar"
	[ "$(tar -xOf "$T/export.tar" kept)" = kept ]
	[ "$(tar -xOf "$T/export.tar" given)" = given ]
	onggi commit one again >/dev/null
	[ "$(ONGGI_STORAGE_DRIVER=overlay onggi run --rm --net none again cat /kept /given)" = "kept
given" ]
	# and so does the next start
	onggi start -a one
	shows one /given
	# the same limit at the next start
	got=$(onggi start -a full)
	echo "$1, again: $got"
	[ "$2" != disk ] || [ "$got" -gt $((16 << 20)) ]
	[ "$got" -le $((24 << 20)) ]
	onggi rm one full >/dev/null
	onggi rmi -f again >/dev/null
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
	no_devices
}

@test "quota: a disk of its own, for every driver on a file system without quotas" {
	local d
	for d in overlay vfs fuse-overlayfs composefs; do
		whole_life "$d" disk
	done
}

@test "quota: groups of btrfs, for every driver" {
	local d
	store_on_btrfs
	for d in overlay vfs btrfs fuse-overlayfs composefs; do
		whole_life "$d" qgroup
	done
	# inodes are not counted there
	[ "$(ONGGI_STORAGE_DRIVER=overlay onggi run --name two --net none --storage-opt size=24m --storage-opt inodes=500 base \
		sh -c 'i=0; while [ $i -lt 2000 ] && echo >/f$i; do i=$((i+1)); done 2>/dev/null; [ $i -ge 500 ] && [ $i -lt 600 ] && echo limited')" = limited ]
	[ "$(quota_of two)" = disk ]
	run onggi -s btrfs create --storage-opt size=24m --storage-opt inodes=500 base
	[ "$status" -ne 0 ]
	[[ $output == *"btrfs does not limit inodes"* ]]
	onggi rm two
	no_devices
}

@test "quota: of a dataset of zfs" {
	[ -z "$(zfs_missing)" ] || skip "$(zfs_missing)"
	zfs_for_store
	whole_life zfs dataset
	run onggi -s zfs create --storage-opt size=24m --storage-opt inodes=500 base
	[ "$status" -ne 0 ]
	[[ $output == *"storage driver zfs: a dataset does not limit inodes"* ]]
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
}

@test "quota: a running container is looked at through the same device" {
	mkfifo "$T/go"
	onggi run -d --name one --net none --storage-opt size=24m -v "$T/go:/go" base sh -c 'echo up >/up; read x </go; sync' >/dev/null
	eventually 60 shows one /up
	[ "$(devices)" = 1 ]
	onggi ps -as >/dev/null
	onggi exec one sh -c 'echo more >/more'
	onggi diff one | grep -qx 'A /more'
	onggi commit one again >/dev/null
	[ "$(devices)" = 1 ]
	[ "$(onggi run --rm --net none again cat /more)" = more ]
	echo x >"$T/go"
	onggi wait one >/dev/null
	[ "$(onggi cp one:/more - | tar -xO)" = more ]
	no_devices
	e2fsck -fn "$ONGGI_ROOT"/containers/*/disk.img
}

@test "quota: many at once, and many that look at one" {
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		onggi run --name "c$i" --net none --storage-opt size=24m base sh -c "echo $i >/mine; sync" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	pids=()
	for i in 1 2 3 4 5 6 7 8; do
		(
			[ "$(onggi cp "c$i:/mine" - | tar -xO)" = "$i" ] || exit 1
			shows c1 /mine || exit 1
			[ "$(onggi cp c1:/mine - | tar -xO)" = 1 ]
		) &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	no_devices
	for i in "$ONGGI_ROOT"/containers/*/disk.img; do e2fsck -fn "$i"; done
}

@test "quota: nothing is left bound of engines, monitors and containers that are killed" {
	local i id pid
	id=$(onggi run -d --net none --storage-opt size=24m base sh -c 'echo x >/x; sync; exec sleep 1000')
	eventually 60 shows "$id" /x
	pid=$(onggi inspect --format '{{.State.Pid}}' "$id")
	kill -9 "$(sed -n 's/.*"monitor_pid": *\([0-9]*\).*/\1/p' "$ONGGI_RUN/containers/$id/run.json")" "$pid"
	no_devices
	[ "$(onggi cp "$id:/x" - | tar -xO)" = x ]
	onggi rm -f "$id"
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
	# at moments that differ with every try
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		onggi create --storage-opt size=24m base >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$((i * 2))" # any moment will do
		kill -9 $pid 2>/dev/null || :
		wait $pid || :
	done
	no_devices
	# shellcheck disable=SC2046
	[ -z "$(onggi ps -aq)" ] || onggi rm $(onggi ps -aq) >/dev/null
	onggi system sweep
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
}

@test "quota: sizes that are wrong or too small" {
	local w
	for w in size=x:"invalid size" size=-1:"invalid size" size=1k:"less than 1m" sizes=1g:"Unknown option sizes" \
		inodes=1k:"invalid number of inodes" inodes=5:"inodes without size"; do
		run onggi create --storage-opt "${w%%:*}" base
		echo "$w: $output"
		[ "$status" -ne 0 ]
		[[ $output == *"${w#*:}"* ]]
	done
	run onggi create --storage-opt size=24m --storage-opt inodes=1000000 base
	[ "$status" -ne 0 ]
	[[ $output == *"no room"* ]]
	# the copy of the image does not fit
	run onggi -s vfs create --storage-opt size=1m base
	[ "$status" -ne 0 ]
	[[ $output == *"too small"* ]]
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
	no_devices
}

@test "quota: defaults of the engine, by driver, by flag and by variable" {
	local w
	onggi --storage-opt size=24m create --name aa base >/dev/null
	onggi --storage-opt size=24m create --name bb --storage-opt size=32m base >/dev/null
	ONGGI_STORAGE_OPT=overlay2.size=24m,vfs.size=32m onggi create --name cc base >/dev/null
	ONGGI_STORAGE_OPT=overlay2.size=24m,vfs.size=32m onggi -s vfs create --name dd base >/dev/null
	ONGGI_STORAGE_OPT=size=24m onggi create --name ee --storage-opt size=0 base >/dev/null
	ONGGI_STORAGE_OPT=size=24m onggi --storage-opt vfs.size=32m create --name ff base >/dev/null
	for w in aa:24m bb:32m cc:24m dd:32m ee:0; do
		[ "$(onggi inspect --format '{{index .HostConfig.StorageOpt "size"}}' "${w%:*}")" = "${w#*:}" ]
	done
	[ "$(onggi inspect --format '{{json .GraphDriver.Data.Quota}}' ee)" = null ]
	[ "$(onggi inspect --format '{{json .GraphDriver.Data.Quota}}' ff)" = null ]
	ONGGI_STORAGE_OPT=size run onggi create base
	[ "$status" -ne 0 ]
	[[ $output == *"OPTION=VALUE"* ]]
}

@test "quota: disks of all sizes are as e2fsck wants them" {
	local o
	for o in size=1m size=5m size=127m,inodes=16 size=129m size=1g size=10g size=10g,inodes=1000 size=40g,inodes=5000000; do
		ONGGI_STORAGE_OPT=$o onggi create --name one base >/dev/null
		e2fsck -fn "$ONGGI_ROOT"/containers/*/disk.img
		# sparse
		[ "$(du -k "$ONGGI_ROOT"/containers/*/disk.img | cut -f1)" -lt 2000 ]
		onggi rm one >/dev/null
	done
}

@test "quota: volumes of limited size, used by several, copied up into, gone with their device" {
	local got
	volumes_none() { ! grep -q "$ONGGI_ROOT/volumes" /sys/block/loop*/loop/backing_file 2>/dev/null; }
	onggi volume create -o size=16m vol >/dev/null
	[ "$(onggi volume inspect --format '{{index .Options "size"}}' vol)" = 16m ]
	got=$(onggi run --rm --net none -v vol:/v base sh -c '[ -z "$(ls /v)" ] || echo not empty
		dd if=/dev/zero of=/v/fill bs=64k 2>/dev/null; wc -c </v/fill; echo 1 >/v/fill; echo kept >/v/kept')
	echo "$got"
	[ "$got" -gt $((14 << 20)) ]
	[ "$got" -le $((16 << 20)) ]
	[ "$(onggi run --rm --net none -v vol:/v base stat -c '%a %u' /v)" = "755 0" ]
	onggi run -d --name one --net none -v vol:/v base sleep 1000 >/dev/null
	[ "$(onggi run --rm --net none -v vol:/v base cat /v/kept)" = kept ]
	onggi exec one sh -c 'echo more >/v/more'
	[ "$(onggi run --rm --net none -v vol:/v base cat /v/more)" = more ]
	onggi rm -f one >/dev/null
	eventually 60 volumes_none
	e2fsck -fn "$ONGGI_ROOT/volumes/vol/disk.img" || [ $? = 4 ] # lost+found is not there, which is no damage
	# of an image's files
	onggi run --name two --net none --mount type=volume,src=up,dst=/etc,volume-opt=size=16m base true
	[ "$(onggi run --rm --net none -v up:/u base sh -c '[ -e /u/passwd ] && echo up')" = up ]
	onggi rm two >/dev/null
	onggi volume rm vol up >/dev/null
	eventually 60 volumes_none
	[ -z "$(ls "$ONGGI_ROOT/volumes")" ]
	for w in size=x:"invalid size" size=0:"size is 0" size=1k:"less than 1m" ; do
		run onggi volume create -o "${w%%:*}" bad
		[ "$status" -ne 0 ]
		[[ $output == *"${w#*:}"* ]]
	done
	run onggi volume create -o size=16m -o type=tmpfs -o device=tmpfs bad
	[ "$status" -ne 0 ]
	[[ $output == *"Unknown option"* ]]
}
