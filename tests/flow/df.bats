#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# system df: its rows together are the blocks that du counts of the store, to the byte, whatever driver made what is
# there: links of several names, holes, disks of limited containers, subvolumes.

load lib

setup() {
	engine_setup
	MNT=
}

teardown() { disk_teardown engine_teardown; }

raw() { # row
	onggi system df --json | jq --arg t "$1" '[.[] | select($t == "" or .Type == $t) | .RawSize] | add'
}

# what is still to be allocated or freed by the file system is so afterwards
same_as_du() {
	sync -f "$ONGGI_ROOT"
	onggi system df >/dev/null # whatever a first look makes is made
	[ "$(raw "")" = "$(du -s -B1 "$ONGGI_ROOT" | cut -f1)" ]
	[ "$(raw "Local Volumes")" = "$(du -s -B1 "$ONGGI_ROOT/volumes" | cut -f1)" ]
}

filled() { # driver
	export ONGGI_STORAGE_DRIVER=$1
	onggi run --name "of-$1" --net none -v shared:/v base sh -c 'dd if=/dev/zero of=/hole bs=1 count=1 seek=100M 2>/dev/null
		dd if=/dev/zero of=/full bs=64k count=20 2>/dev/null; ln /full /again; ln /full /v/not 2>/dev/null
		dd if=/dev/zero of=/v/one bs=64k count=20 2>/dev/null; ln -f /v/one /v/two; ln -s one /v/three; mkfifo -m 600 /pipe'
	same_as_du
}

@test "df: the same as du, with what every driver makes" {
	local d
	for d in overlay vfs fuse-overlayfs composefs; do
		filled "$d" || { echo "driver $d"; return 1; }
	done
	onggi create --name limited --storage-opt size=100m base >/dev/null
	same_as_du
	onggi run --name limited2 --net none --storage-opt size=100m base sh -c 'dd if=/dev/zero of=/x bs=64k count=50 2>/dev/null; sync' >/dev/null
	same_as_du
	# a file of two names is one
	[ "$(onggi system df --json | jq -r '.[] | select(.Type == "Local Volumes") | .TotalCount')" = 1 ]
	[ "$(raw "Local Volumes")" -lt $((2 * 20 * 65536)) ]
}

@test "info: what the driver stands on, in lines of their own" {
	# not on tmpfs
	if onggi info -f '{{json .StorageDrivers}}' | jq -e '.[] | select(.Name == "erofs") | .Usable'; then
		[ "$(ONGGI_EROFS_VERITY=off onggi -s erofs info -f '{{json (index .DriverStatus 1)}}')" = '["fs-verity","off"]' ]
	fi
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -t tmpfs tmpfs "$MNT"
	export ONGGI_ROOT=$MNT/store
	[ "$(onggi -s vfs info -f '{{json .DriverStatus}}')" = '[["Backing Filesystem","tmpfs"]]' ]
	onggi info -f '{{json .DriverStatus}}' | jq -e '.[1:] == [["Supports d_type", "true"], ["Using metacopy", "false"],
		["Native Overlay Diff", "true"], ["userxattr", "false"]]'
	onggi info | grep -x -A 1 ' Storage Driver: overlay' | grep -x '  Backing Filesystem: tmpfs'
}

@test "df: the same as du on btrfs, with subvolumes" {
	local d
	truncate -s 700M "$T/disk"
	mkfs.btrfs -q "$T/disk" >/dev/null 2>&1
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_ROOT=$MNT/store
	for d in btrfs overlay; do
		filled "$d" || { echo "driver $d"; return 1; }
	done
	onggi create --name limited --storage-opt size=100m base >/dev/null
	same_as_du
}

@test "df: what is in use cannot be freed, the rest can" {
	onggi run -d --name one --net none base sleep 1000 >/dev/null
	onggi volume create free >/dev/null
	row() {
		onggi system df --json | jq -r --arg t "$1" ".[] | select(.Type == \$t) | $2"
	}
	[ "$(row Images .RawReclaimable)" = 0 ]
	[ "$(row Images .Active)" = 1 ]
	onggi rm -f one >/dev/null
	[ "$(row Images .RawReclaimable)" = "$(row Images .RawSize)" ]
	[ "$(row Images '.RawSize > 1000000')" = true ]
	[ "$(row Containers .TotalCount)" = 0 ]
	# hard links are one file to ps -s as well
	onggi run --name two --net none base sh -c 'dd if=/dev/zero of=/full bs=1000 count=1 2>/dev/null; ln /full /again'
	[ "$(onggi ps -as --format '{{.Size}}')" = "1kB (virtual 1.99MB)" ]
}

@test "df -v: every object, with docker's headings, and what images share" {
	onggi run --name one --net none -v kept:/v base sh -c 'dd if=/dev/zero of=/full bs=1000 count=3 2>/dev/null' >/dev/null
	onggi commit one more:1 >/dev/null
	onggi tag base again
	run onggi system df -v
	[ "$status" = 0 ]
	diff - <(grep -E 'usage:|^[A-Z]{2}' <<<"$output" | tr -s ' ') <<-'X'
		Images space usage:
		REPOSITORY TAG IMAGE ID CREATED SIZE SHARED SIZE UNIQUE SIZE CONTAINERS
		Containers space usage:
		CONTAINER ID IMAGE COMMAND LOCAL VOLUMES SIZE CREATED STATUS NAMES
		Local Volumes space usage:
		VOLUME NAME LINKS SIZE
		Build cache usage: 0B
		CACHE ID CACHE TYPE SIZE CREATED LAST USED USAGE SHARED
	X
	local base
	base=$(onggi images --format '{{.VirtualSize}}' base:latest)
	look() { onggi system df -v --format "$1"; }
	# an image of two names is one object; what only the second image has is its own layer
	[ "$(look '{{range .Images}}{{.Repository}}:{{.Tag}} {{.SharedSize}} {{.UniqueSize}} {{.Containers}},{{end}}')" = "more:1 $base 3kB 0,again:latest $base 0B 1," ]
	[ "$(look '{{range .Containers}}{{.Names}} {{.Size}} {{.LocalVolumes}}{{end}}')" = "one 3kB 1" ]
	[ "$(look '{{range .Volumes}}{{.Name}} {{.Links}} {{.Size}}{{end}}')" = "kept 1 0B" ]
	onggi system df -v --json | jq -e '[keys[]] == ["BuildCache", "Containers", "Images", "Volumes"] and (.Images[0].ID | length) == 71'
	onggi rm one >/dev/null
	onggi rmi base again >/dev/null
	# the only one left shares with nobody
	[ "$(look '{{range .Images}}{{.Repository}} {{.SharedSize}},{{end}}')" = "more 0B," ]
}
