#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# quota.bats - --storage-opt by project quota, which the kernel of a test host need not have: xfs and ext4; and by a
# disk of the container's own on a kernel that does not bind parts of detached mounts. The rest: tests/flow/quota.bats.

load lib

setup() {
	[ -n "${GUEST_CGROUP:-}" ] || skip "runs in the guest only: tests/guest/run"
	T=$(mktemp -d /var/tmp/quota.XXXXXX)
	export ONGGI_ROOT=$T/root ONGGI_RUN=$T/run
}

teardown() {
	[ -n "${T:-}" ] || return 0
	# shellcheck disable=SC2046
	[ -z "$(onggi ps -aq)" ] || onggi rm -f $(onggi ps -aq) >/dev/null
	umount "$T/mnt" 2>/dev/null || umount -l "$T/mnt" 2>/dev/null || :
	rm -rf "$T"
}

onggi() {
	"$ONGGI_BIN/onggi" "$@"
}

store_on() { # xfs | ext4 | ext4-without
	truncate -s 340M "$T/disk"
	mkdir -p "$T/mnt"
	case $1 in
	xfs) mkfs.xfs -q "$T/disk" && mount -o loop,pquota "$T/disk" "$T/mnt" ;;
	ext4) mke2fs -q -t ext4 -O quota,project "$T/disk" && mount -o loop,prjquota "$T/disk" "$T/mnt" ;;
	ext4-without) mke2fs -q -t ext4 "$T/disk" && mount -o loop "$T/disk" "$T/mnt" ;;
	esac
	export ONGGI_ROOT=$T/mnt/root
}

quota_of() {
	onggi inspect --format "{{.GraphDriver.Data.$2}}" "$1"
}

whole_life() { # driver quota
	local got
	export ONGGI_STORAGE_DRIVER=$1
	got=$(onggi run --name one --net none --storage-opt size=16m base sh -c 'echo kept >/kept; sync
		err=$(dd if=/dev/zero of=/fill bs=64k 2>&1)
		case $err in *"No space left"* | *"quota exceeded"*) ;; *) echo "no end: $err" ;; esac
		wc -c </fill; rm /fill; sync')
	echo "$1: $got"
	[ "$got" -gt $((10 << 20)) ]
	[ "$got" -le $((16 << 20)) ]
	[ "$(quota_of one Quota)" = "$2" ]
	onggi diff one | grep -qx 'A /kept'
	[ "$(onggi cp one:/kept - | tar -xO)" = kept ]
	onggi start -a one
	onggi rm one >/dev/null
}

project_life() { # file system
	local a b
	store_on "$1"
	whole_life overlay project
	whole_life vfs project
	export ONGGI_STORAGE_DRIVER=overlay
	# inodes, with and without a size
	[ "$(onggi run --rm --net none --storage-opt inodes=200 base sh -c \
		'i=0; while [ $i -lt 400 ] && echo >/f$i; do i=$((i+1)); done 2>/dev/null; [ $i -gt 150 ] && [ $i -lt 200 ] && echo limited')" = limited ]
	# each its own number
	onggi create --name aa --storage-opt size=16m base >/dev/null
	onggi create --name bb --storage-opt size=16m base >/dev/null
	a=$(quota_of aa QuotaProject) b=$(quota_of bb QuotaProject)
	[ "$a" -ge $((1 << 30)) ]
	[ "$b" -ge $((1 << 30)) ]
	[ "$a" != "$b" ]
	if [ "$1" = xfs ]; then
		xfs_quota -x -c 'report -p -n -N' "$T/mnt" | grep -q "^#$a "
		onggi rm aa bb >/dev/null
		xfs_quota -x -c 'report -p -n -N' "$T/mnt" >"$T/report"
		cat "$T/report"
		# nobody's: no files, no limit
		[ "$(awk '$1 ~ /^#[0-9]{10}$/ && $2 + $3 + $4 > 0' "$T/report" | wc -l)" = 0 ]
	fi
	run onggi -s vfs create --storage-opt size=1m base
	[ "$status" -ne 0 ]
	[[ $output == *"too small"* ]]
}

@test "quota: projects of xfs" {
	project_life xfs
}

@test "quota: projects of ext4" {
	project_life ext4
}

@test "quota: a disk of its own on this kernel" {
	store_on ext4-without
	whole_life overlay disk
	whole_life vfs disk
}
