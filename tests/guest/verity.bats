#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# verity.bats - fs-verity of what the storage driver erofs mounts (docs/adr/0022), on file systems that have it and
# that have not. Needs a kernel with EROFS from files and fs-verity: tests/guest/run --kernel 6.12 tests/guest/verity.bats

load ../flow/lib

setup() {
	[ -n "${GUEST_CGROUP:-}" ] || skip "runs in the guest only: tests/guest/run"
	[ "$(printf '%s\n' 6.12 "$(uname -r)" | sort -V | head -1)" = 6.12 ] || skip "needs --kernel 6.12"
	images_or_skip
	engine_setup
	export ONGGI_STORAGE_DRIVER=erofs
	MNT=
}

teardown() {
	[ -z "${T:-}" ] || ! mountpoint -q "$T/xfs" || umount "$T/xfs"
	disk_teardown engine_teardown
}

# store_on SIZE [OPTIONS OF mke2fs]
store_on() {
	truncate -s "$1" "$T/disk"
	mke2fs -q -t ext4 "${@:2}" "$T/disk"
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_ROOT=$MNT/store
}

mounted_anew() { # [COMMAND...] in between
	umount "$MNT"
	"$@"
	mount -o loop "$T/disk" "$MNT"
}

marked() { # a text of more than a block
	printf "f 644 $1 "
	printf "$1-%05d " $(seq 1000)
	echo
}

# bare/w:1, two layers on each other: the files "low" and "high"
image() {
	marked low >"$T/l1"
	marked high >"$T/l2"
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" "$T/a.tar" bare/w:1 "$T/l1" "$T/l2"
}

load_image() { onggi load -q -i "$T/a.tar" >/dev/null; }

# what is of a layer or index, each by its name
files() { find "$ONGGI_ROOT/snapshots" -mindepth 2 \( -name tar -o -name erofs \) | sort; }

# all_sealed N: so many files, each as its note says
all_sealed() {
	local f n=0
	for f in $(files); do
		[ "$(cat "$f.verity")" = "$(python3 "$BATS_TEST_DIRNAME/../lib/verity.py" "$f")" ] || { echo "$f is not sealed"; return 1; }
		n=$((n + 1))
	done
	[ "$n" = "$1" ] || { echo "$n files, not $1"; return 1; }
}

# the layer's archive that has the text
tar_with() { grep -l "$1-00500" "$ONGGI_ROOT"/snapshots/*/tar; }

# sum of a file of the image, by a container of the image base that looks into it
seen() { # FILE
	onggi image mount bare/w:1 >"$T/at" && s=0 && { md5sum <"$(cat "$T/at")/$1" || s=$?; } && onggi image unmount bare/w:1 >/dev/null && return "$s"
}

has() { [[ $output == *"$1"* ]] || { echo "no \"$1\" in: $output"; return 1; }; }

# one byte of FILE changed on the disk, below the file system
tamper() { # FILE TEXT
	local size at block
	sync
	size=$(stat -f -c %S "$1") at=$(grep -abo -m 1 "$2" "$1" | head -1 | cut -d : -f 1)
	block=$(debugfs -R "bmap ${1#"$MNT"} $((at / size))" "$(findmnt -no SOURCE "$MNT")" 2>/dev/null)
	[ "$block" -gt 0 ]
	mounted_anew eval "printf X | dd of='$T/disk' bs=1 seek=$((block * size + at % size)) conv=notrunc status=none"
}

@test "loaded, built in, pulled, committed: sealed; containers run; removed and migrated as ever" {
	store_on 200M -O verity
	onggi run --rm --network none base true
	all_sealed 2
	onggi run --name cc --network none base sh -c 'echo mine >/mine'
	onggi commit cc made >/dev/null
	all_sealed 4
	# the committed layer is its blob: one file of two names
	find "$ONGGI_ROOT/blobs" -type f -links 2 | grep -q .
	[ "$(onggi run --rm --network none made cat /mine)" = mine ]
	onggi rm cc >/dev/null
	image
	load_image
	all_sealed 7
	seen high
	run -0 onggi system check
	has ", 7 files under fs-verity: no damage"
	run -0 onggi system check --quick
	has "(0B read)"
	has ", 7 files under fs-verity: no damage"
	onggi save -o "$T/made.tar" made
	onggi storage migrate --to overlay
	[ -z "$(find "$ONGGI_ROOT/snapshots" -name '*.verity')" ]
	onggi storage migrate --to erofs
	all_sealed 7
	onggi rmi made bare/w:1 base >/dev/null
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
	onggi pull -q "docker-archive:$T/made.tar" >/dev/null
	all_sealed 3
	onggi rmi -f $(onggi images -q) >/dev/null
	[ -z "$(find "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/blobs" -type f)" ]
}

@test "a byte changed on the disk: EIO for who reads it; found and mended" {
	store_on 200M -O verity
	onggi run --name cc --network none -v /host base sh -c 'i=0; while [ $i -lt 2000 ]; do echo text-$i; i=$((i+1)); done >/mine; tail -n 1 /mine'
	onggi commit cc made >/dev/null
	onggi rm cc >/dev/null
	onggi save -o "$T/made.tar" made
	image
	load_image
	sum=$(seen high)
	tamper "$(tar_with high)" high-00500
	run -0 onggi image mount bare/w:1
	run -1 cat "$output/high"
	has "Input/output error"
	cat "$(onggi image mount bare/w:1)/low" >/dev/null
	onggi image unmount -f bare/w:1 >/dev/null
	run -1 onggi system check
	has "its archive cannot be read: I/O error"
	run -0 onggi system check --repair
	has "removed: the next container makes it from its blob"
	[ "$(seen high)" = "$sum" ]
	all_sealed 7
	# in a container
	tamper "$(grep -l text-1500 "$ONGGI_ROOT"/snapshots/*/tar)" text-1500
	run -1 onggi run --rm --network none made cat /mine
	has "read error: Input/output error"
	# its blob is the same file: both are taken away
	run -1 onggi system check --repair
	has "its archive cannot be read: I/O error; removed"
	has "cannot be read: I/O error; removed: the next pull or load brings it anew"
	onggi load -q -i "$T/made.tar" >/dev/null
	[ "$(onggi run --rm --network none made tail -n 1 /mine)" = text-1999 ]
	all_sealed 7
}

@test "a file in place of another: refused, sealed again by the check when its content is right" {
	store_on 200M -O verity
	image
	load_image
	sum=$(seen high)
	f=$(tar_with high)
	cp "$f" "$T/tar" && rm -f "$f" && cp "$T/tar" "$f"
	run -1 onggi image mount bare/w:1
	has "tar: has lost its fs-verity: it was copied or replaced"
	has "hint: onggi system check --repair"
	run -1 onggi system check
	has "its archive has lost its fs-verity: it was copied or replaced"
	run -1 onggi system check --quick
	# what was sealed is not asked of a store that must not have it
	run -1 env ONGGI_EROFS_VERITY=off "$ONGGI_BIN/onggi" image mount bare/w:1
	run -0 onggi system check --quick --repair
	has "; sealed"
	has "1 found, 1 mended"
	[ "$(seen high)" = "$sum" ]
	all_sealed 3
	# another sealed one, of other content
	mv "$f" "$T/kept"
	ln "$(tar_with low)" "$f"
	run -1 onggi image mount bare/w:1
	has "tar: was replaced: fs-verity says sha256:"
	run -1 onggi system check --quick
	run -0 onggi system check --repair
	has "its archive is damaged"
	[ "$(seen high)" = "$sum" ]
	# the store was moved: nothing of it is sealed any more
	cp -a "$ONGGI_ROOT" "$MNT/moved"
	export ONGGI_ROOT=$MNT/moved
	run -1 onggi image mount bare/w:1
	run -0 onggi system check --repair
	has "the index of its image has lost its fs-verity"
	has "3 found, 3 mended"
	all_sealed 3
	[ "$(seen high)" = "$sum" ]
	# to where there is none
	mkdir "$T/xfs"
	truncate -s 320M "$T/xfs.disk"
	mkfs.xfs -q "$T/xfs.disk"
	mount -o loop "$T/xfs.disk" "$T/xfs"
	cp -a "$ONGGI_ROOT" "$T/xfs/store"
	export ONGGI_ROOT=$T/xfs/store
	run -1 onggi image mount bare/w:1
	has "erofs: this file system has no fs-verity"
	run -0 onggi system check --repair
	has "3 found, 3 mended"
	[ "$(seen high)" = "$sum" ]
	umount "$T/xfs"
	export ONGGI_ROOT=$MNT/store
}

@test "where it is not to be had: auto goes on, on is refused with the remedy" {
	store_on 200M
	image
	load_image
	[ -z "$(find "$ONGGI_ROOT/snapshots" -name '*.verity')" ]
	sum=$(seen high)
	run -0 onggi system check
	has "containers: no damage"
	export ONGGI_EROFS_VERITY=on
	run -1 onggi create base
	has "ONGGI_EROFS_VERITY=on: this ext4 was made without its feature verity"
	has "hint: turn it on with: tune2fs -O verity /dev/loop"
	run -1 onggi load -i "$T/a.tar"
	has "tune2fs -O verity"
	run -1 env ONGGI_ROOT="$T/other" ONGGI_EROFS_VERITY=maybe "$ONGGI_BIN/onggi" create base
	has 'ONGGI_EROFS_VERITY: "maybe" is none of auto, on, off'
	mounted_anew tune2fs -O verity "$T/disk"
	run -1 onggi image mount bare/w:1
	has "has no fs-verity, and ONGGI_EROFS_VERITY=on"
	has "hint: onggi system check --repair"
	# no room for the trees
	dd if=/dev/zero of="$MNT/fill" bs=64k 2>/dev/null || :
	dd if=/dev/zero of="$MNT/rest" bs=1k 2>/dev/null || :
	sync
	run -1 onggi system check --repair
	has "its archive has no fs-verity"
	[ -z "$(find "$ONGGI_ROOT/snapshots" -name '*.verity')" ]
	rm "$MNT/fill" "$MNT/rest"
	run -0 onggi system check --repair
	has "has no fs-verity; sealed"
	has "3 found, 3 mended"
	all_sealed 3
	[ "$(seen high)" = "$sum" ]
	run -0 onggi system check
	onggi rmi bare/w:1 >/dev/null
	ONGGI_EROFS_VERITY=off onggi load -q -i "$T/a.tar" >/dev/null
	[ -z "$(find "$ONGGI_ROOT/snapshots" -name '*.verity')" ]
	ONGGI_EROFS_VERITY=off seen high
}

# killed_at N: load is killed at the Nth request by ioctl that it makes of fs-verity; 0: it came through without so many
killed_at() {
	local s=0
	strace -f -o "$T/strace" -e trace=ioctl -e inject=ioctl:signal=KILL:when="$1" \
		"$ONGGI_BIN/onggi" load -q -i "$T/a.tar" >"$T/out" 2>&1 || s=$?
	[ "$s" = 0 ] || [ "$s" = 137 ] || { echo "ended with $s: $(cat "$T/out")"; exit 1; }
	return "$s"
}

@test "composefs says what this kernel lacks" {
	run -1 onggi -s composefs create base
	has "data-only layers without metacopy: it has done since Linux 6.16"
	has "drivers that work here: overlay erofs"
}

@test "kill -9 before and after each request: the next load seals all" {
	store_on 200M -O verity
	image
	n=1
	while ! killed_at "$n"; do
		run -0 onggi system check
		has "no damage"
		n=$((n + 1))
	done
	# two of each file: enable, measure
	[ "$n" -gt 6 ]
	all_sealed 3
	seen high
	run -0 onggi system check
	has ", 3 files under fs-verity: no damage"
}
