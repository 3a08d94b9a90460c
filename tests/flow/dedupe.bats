#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# storage dedupe: equal files of layers come to lie on the same blocks; content, times, owners stay; btrfs and xfs.

load lib

setup() {
	engine_setup
	cd "$T"
	MNT=
	head -c 300000 /dev/urandom >same
	head -c 300001 /dev/urandom >other
	# alike by size and at both ends
	{ head -c 150000 same; printf x; tail -c +150002 same; } >near
	: >empty
	for i in 1 2 3; do
		mkdir -p "tree$i/d"
		cp same "tree$i/d/file$i"
		cp "$([ $i = 3 ] && echo near || echo other)" "tree$i/more"
		cp empty "tree$i/empty"
		ln "tree$i/d/file$i" "tree$i/second-name"
		ln -s d/file$i "tree$i/link"
		head -c 1000 same >"tree$i/small"
		touch -d "2020-01-0$i" "tree$i"/d/file$i "tree$i/more"
		tar -C "tree$i" -cf "t$i.tar" .
	done
}

teardown() {
	cd /
	disk_teardown engine_teardown
}

disk() { # MKFS...
	truncate -s 600M disk
	"$@" disk >/dev/null 2>&1
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop disk "$MNT"
	export ONGGI_ROOT=$MNT/store
}

used() { df --output=used -B1 "$MNT" | tail -1; }

state() {
	(cd "$ONGGI_ROOT/snapshots" && find . -type f -printf '%p %s %m %u %T@ %n ' -exec sha256sum {} \;) | sort
}

shares() {
	for i in 1 2 3; do onggi import "t$i.tar" "i:$i" >/dev/null; done
	local before after
	before=$(state)
	run -0 onggi storage dedupe --json
	jq -e '.Shared == 3 and .SharedBytes == 900001 and .SharedBefore == 0 and .Failed == 0' <<<"$output"
	[ "$(state)" = "$before" ]
	# what is shared is not shared again
	run -0 onggi storage dedupe
	[[ $output == *": 0 share the content of others now (0B), 3 did before" ]]
	# the files really are on the same blocks
	local a b
	a=$(filefrag -v "$ONGGI_ROOT"/snapshots/*/diff/d/file1 | awk '$1 == "0:" { print $4 }')
	b=$(filefrag -v "$ONGGI_ROOT"/snapshots/*/diff/d/file2 | awk '$1 == "0:" { print $4 }')
	[ -n "$a" ]
	[ "$a" = "$b" ]
	run -0 onggi storage dedupe --min-size 1
	[[ $output == *": "*" share the content of others now"* ]]
	onggi system check
}

@test "btrfs" {
	disk mkfs.btrfs -q
	shares
}

@test "xfs" {
	grep -qw xfs /proc/filesystems || skip "this kernel has no XFS"
	disk mkfs.xfs -q -m reflink=1
	shares
}

@test "a file system that cannot says so; an empty store has nothing to share" {
	disk mkfs.ext4 -q
	run -0 onggi storage dedupe
	[[ $output == "0 files: 0 share"* ]]
	for i in 1 2; do onggi import "t$i.tar" "i:$i" >/dev/null; done
	run -1 onggi storage dedupe
	[[ $output == *"cannot let files share extents"*"hint: btrfs can"* ]]
	run ! onggi storage dedupe --min-size 0
	run ! onggi storage dedupe extra
}

@test "layers that are made and removed meanwhile" {
	disk mkfs.btrfs -q
	for i in 1 2 3; do onggi import "t$i.tar" "i:$i" >/dev/null; done
	(
		for i in 1 2 3 4 5 6; do
			onggi import t1.tar "new:$i" >/dev/null
			onggi import t2.tar "new:$i" >/dev/null
			onggi rmi "new:$i" >/dev/null
		done
	) &
	for i in 1 2 3 4 5 6; do onggi storage dedupe >/dev/null; done
	wait $!
	onggi system check
	for i in 1 2 3; do cmp "$([ $i = 3 ] && echo near || echo other)" "$(onggi image inspect -f '{{.GraphDriver.Data.UpperDir}}' "i:$i")/more"; done
}
