#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Image stores of others: images are used in place from a store that is read-only or not ours to write to; nothing is
# copied that need not be, nothing is ever written there, and the loss of it is told.

load lib
load ../lib/zfs.bash

teardown_file() { zfs_end; }

setup() {
	engine_setup
	cd "$T"
	export THEIRS=$T/theirs
	printf 'f 644 a one\nd 755 d\nf 4711 d/x two\nh d/y d/x\nl link a\n' >l1
	printf 'f 644 a three\nf 644 d/.wh.y \nf 644 b four\nd 750 new\n' >l2
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar theirs:1 l1 l2
	owner load -q -i a.tar >/dev/null
	before=$(state)
}

# whatever was done: not a file of the other store has changed
teardown() {
	cd /
	local changed=
	[ -z "${KEEP:-}" ] || [ "$(state)" = "$before" ] || changed=yes
	[ -z "${T:-}" ] || umount -l "$T/ro" 2>/dev/null
	engine_teardown
	[ -z "$changed" ] || { echo "something was written to the store of others"; return 1; }
}

owner() {
	env -u ONGGI_IMAGE_STORES ONGGI_ROOT="$THEIRS" ONGGI_RUN="$T/their-run" "$ONGGI_BIN/onggi" "$@"
}

# names, inodes, modes, sizes, times of change: of all that is there
state() {
	find "$THEIRS" -printf '%p %i %m %n %s %T@ %C@\n' | sort
}

# from now on it is asked, and watched
use() { # [DIR]
	export ONGGI_IMAGE_STORES=${1:-$THEIRS} KEEP=yes
}

read_only() {
	mkdir "$T/ro"
	mount --bind "$THEIRS" "$T/ro"
	mount -o remount,bind,ro "$T/ro"
	use "$T/ro"
}

seen() { # [global options]
	onggi "$@" run --rm --network none theirs:1 sh -c 'cat a b link; ls d; stat -c %a d/x new' | xargs
}

own_files() {
	find "$ONGGI_ROOT/blobs" "$ONGGI_ROOT/snapshots" -type f 2>/dev/null | wc -l
}

@test "read-only: all that looks, and nothing is copied" {
	read_only
	run -0 onggi images
	[[ ${lines[0]} == *" R/O" ]]
	[[ ${lines[1]} == theirs*" true" ]]
	[ "$(onggi images --format '{{.Repository}} {{.ReadOnly}}')" = "theirs true" ]
	[ "$(onggi images -q --filter readonly=true)" = "$(onggi images -q)" ]
	[ -z "$(onggi images -q --filter readonly=false)" ]
	run -1 onggi images --filter readonly=maybe
	[[ $output == *"invalid filter 'readonly=[maybe]'"* ]]
	[ "$(onggi image inspect -f '{{.ReadOnly}} {{.ImageStore}}' theirs:1)" = "true $T/ro" ]
	[[ $(onggi image inspect -f '{{.GraphDriver.Data.UpperDir}}' theirs:1) == "$T/ro/snapshots/"* ]]
	[ "$(onggi history -q theirs:1 | wc -l)" -ge 2 ]
	[ "$(onggi info -f '{{json .ImageStores}}')" = "[\"$T/ro\"]" ]
	onggi info | grep -A 1 'Image Stores:' | grep -q "$T/ro"
	owner save -o owner.tar theirs:1
	before=$(state) # the owner may
	onggi save -o ours.tar theirs:1
	cmp owner.tar ours.tar
	[ "$(onggi image diff theirs:1 | sort | xargs)" = "A /b A /new C /a C /d D /d/y" ]
	[ "$(seen)" = "threefourthreex 4711 750" ]
	[ "$(onggi system df --format '{{.Type}} {{.TotalCount}}' | head -1)" = "Images 0" ]
	onggi system check
	[ "$(own_files)" = 0 ]
	# without it, nothing of it is known
	unset ONGGI_IMAGE_STORES
	[ -z "$(onggi images -q)" ]
	run -0 onggi images
	[[ ${lines[0]} != *"R/O"* ]]
	[ "$(onggi --image-store "$T/ro" images -q | wc -l)" = 1 ]
	[ "$(cd "$T" && onggi --image-store ro images -q | wc -l)" = 1 ]
}

# DRIVER: what a container shows and changes, what is committed of it
life_on() {
	local d=$1
	echo "driver $d"
	[ "$(seen -s "$d")" = "threefourthreex 4711 750" ]
	onggi -s "$d" run --name "c-$d" --network none theirs:1 sh -c 'rm a; echo new >b; echo more >new/file'
	[ "$(onggi diff "c-$d" | sort | xargs)" = "A /new/file C /b C /new D /a" ]
	onggi -s "$d" commit "c-$d" "ours:$d" >/dev/null
	[ "$(onggi -s "$d" run --rm --network none "ours:$d" sh -c 'cat b new/file; ls' | grep -cx a)" = 0 ]
	onggi start -a "c-$d"
	onggi rm "c-$d" >/dev/null
}

nothing_is_left() {
	onggi image prune -a -f >/dev/null
	onggi system check
	[ "$(onggi images -q | sort -u | wc -l)" = 1 ]
	[ "$(own_files)" = 0 ]
}

@test "every driver that works here shows the same files" {
	read_only
	for d in $(onggi info -f '{{json .StorageDrivers}}' | jq -r '.[] | select(.Usable) | .Name'); do
		[ "$d" = devicemapper ] || life_on "$d"
	done
	nothing_is_left
}

zfs_gone() {
	onggi system sweep
	zfs_is_empty
}

# it has a copy of the image; of theirs only the layers are looked at, whatever their owner has beside them. The same of
# devicemapper: tests/guest/devicemapper.bats
@test "zfs: images of others, also of a store whose owner uses zfs" {
	[ -z "$(zfs_missing)" ] || skip "$(zfs_missing)"
	zfs_for_store
	owner -s zfs run --rm --network none theirs:1 true
	before=$(state)
	read_only
	life_on zfs
	nothing_is_left
	unset KEEP
	owner rmi theirs:1 >/dev/null
	eventually 60 zfs_gone
	zfs_clear
}

@test "layers that are archives stay there, and their index is theirs or ours" {
	grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS"
	unset KEEP
	rm -rf "$THEIRS"
	owner -s erofs run --rm --network none base true 2>why || { grep -q 'erofs: this kernel' why; skip "$(head -1 why)"; }
	owner rmi base >/dev/null
	owner -s erofs load -q -i a.tar >/dev/null
	before=$(state)
	read_only
	[ "$(seen -s erofs)" = "threefourthreex 4711 750" ]
	[ "$(own_files)" = 0 ]
	# a store without the index: it is made here, the archives stay where they are
	umount "$T/ro"
	find "$THEIRS/snapshots" -name erofs -delete
	before=$(state)
	use
	onggi -s erofs run --name one --network none theirs:1 cat a
	[ "$(find "$ONGGI_ROOT/snapshots" -type f -printf '%f\n')" = erofs ]
	onggi image prune -f >/dev/null
	onggi start -a one
	# lost by a collection that was killed, or by hand: made again
	find "$ONGGI_ROOT/snapshots" -name erofs -delete
	umount "$ONGGI_RUN/erofs/"*/root
	onggi start -a one
	onggi rm one >/dev/null
	onggi image prune -f >/dev/null
	[ "$(own_files)" = 0 ]
}

@test "rmi --all and untag: what is of others stays" {
	use
	onggi tag theirs:1 ours:1
	onggi tag theirs:1 ours:2
	run -1 onggi untag theirs:1 ours:2 theirs:1
	[[ $output == *"cannot untag"*"read-only image store"* ]]
	onggi untag theirs:1 ours:2
	onggi rm "$(onggi create base true)" >/dev/null # an image of our own
	onggi image exists base
	onggi rmi -a >/dev/null
	onggi image exists theirs:1
	run -1 onggi image exists ours:1
	run -1 onggi image exists base
}

@test "check without the store: nothing that stands on it is taken away" {
	use
	onggi tag theirs:1 ours:1
	onggi create --name cc theirs:1 >/dev/null
	onggi commit cc made:1 >/dev/null
	onggi rm cc >/dev/null
	run -1 env -u ONGGI_IMAGE_STORES "$ONGGI_BIN/onggi" system check --repair-lossy
	[[ $output == *"it stands on the image store $THEIRS, which is not given"* ]]
	onggi system check
	[ "$(onggi images --format '{{.Repository}}' | sort | xargs)" = "made ours theirs" ]
	onggi run --rm --network none made:1 true
	# a name of what is gone there is of no use any more
	KEEP=
	owner rmi theirs:1 >/dev/null
	run -1 onggi system check
	run onggi system check --repair
	[ "$(onggi images --format '{{.Repository}}' | xargs)" = made ]
}

@test "names: tag, rmi, prune; the own image comes first" {
	use
	onggi tag theirs:1 ours:1
	[ "$(onggi images --format '{{.Repository}} {{.ReadOnly}}' | sort | xargs)" = "ours true theirs true" ]
	run -1 onggi rmi theirs:1
	[[ $output == *"cannot remove theirs:1: it is in the read-only image store $THEIRS"*"hint: "* ]]
	run -1 onggi rmi -f "$(onggi images -q theirs)"
	[[ $output == *"cannot remove "*"read-only image store"* ]]
	onggi create --name user ours:1 >/dev/null
	[ "$(onggi rmi ours:1)" = "Untagged: ours:1" ]
	onggi tag theirs:1 ours:2
	onggi image prune -a -f >/dev/null
	# also while the store is not given
	ONGGI_IMAGE_STORES='' onggi image prune -a -f >/dev/null
	[ "$(onggi images -q | wc -l)" = 2 ]
	onggi rm user >/dev/null
	onggi rmi ours:2 >/dev/null
	[ "$(onggi images --format '{{.Repository}}')" = theirs ]
	# another image of the same name here
	printf 'f 644 own yes\n' >l3
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" b.tar theirs:1 l3
	onggi load -q -i b.tar >/dev/null
	[ "$(onggi run --rm --network none theirs:1 cat own)" = yes ]
	[ "$(onggi images --format '{{.Repository}} {{.Tag}} {{.ReadOnly}}' | sort | xargs)" = "<none> <none> true theirs 1 false" ]
	onggi rmi theirs:1 >/dev/null
	[ "$(onggi images --format '{{.Repository}} {{.Tag}} {{.ReadOnly}}')" = "theirs 1 true" ]
	# the same image here: ours, until it is removed
	onggi load -q -i a.tar >/dev/null
	[ "$(onggi images --format '{{.ReadOnly}}')" = false ]
	onggi rmi theirs:1 >/dev/null
	[ "$(onggi images --format '{{.ReadOnly}}')" = true ]
}

@test "several stores, in the order as given" {
	use
	printf 'f 644 own second\n' >l3
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" b.tar theirs:1 l3
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" c.tar only:1 l3
	for i in b c; do
		ONGGI_IMAGE_STORES='' ONGGI_ROOT=$T/second onggi load -q -i $i.tar >/dev/null
	done
	export ONGGI_IMAGE_STORES=$THEIRS:$T/second
	run ! onggi run --rm --network none theirs:1 cat own
	[ "$(onggi run --rm --network none only:1 cat own)" = second ]
	[ "$(onggi --image-store "$T/second" run --rm --network none theirs:1 cat own)" = second ]
	export ONGGI_IMAGE_STORES=$T/second:$THEIRS:$T/second
	[ "$(onggi run --rm --network none theirs:1 cat own)" = second ]
	[ "$(onggi info -f '{{json .ImageStores}}' | jq length)" = 2 ]
	[ "$(onggi images -q | sort -u | wc -l)" = 2 ]
}

@test "commit and what is made of it stand on the layers of others" {
	read_only
	onggi run --name base --network none theirs:1 sh -c 'echo five >five'
	onggi commit base ours:1 >/dev/null
	onggi rm base >/dev/null
	[ "$(onggi images --format '{{.ReadOnly}}' ours)" = false ]
	[ "$(onggi run --rm --network none ours:1 cat a five | xargs)" = "threefive" ]
	[ "$(find "$ONGGI_ROOT/snapshots" -mindepth 1 -maxdepth 1 | wc -l)" = 1 ]
	onggi save -o ours.tar ours:1
	ONGGI_IMAGE_STORES='' ONGGI_ROOT=$T/third onggi load -q -i ours.tar >/dev/null
	[ "$(ONGGI_IMAGE_STORES='' ONGGI_ROOT=$T/third onggi run --rm --network none ours:1 cat a five | xargs)" = "threefive" ]
	onggi system check
	# what it lacks without the other store is told
	ONGGI_IMAGE_STORES='' run -1 onggi system check
	[[ $output == *"is not unpacked"* ]]
	onggi rmi ours:1 >/dev/null
	[ "$(own_files)" = 0 ]
}

@test "image mount and unmount" {
	read_only
	path=$(onggi image mount theirs:1)
	[ "$(cat "$path/a")" = three ]
	run ! touch "$path/new/file"
	run -1 onggi rmi theirs:1
	onggi image prune -f >/dev/null
	[ "$(cat "$path/b")" = four ]
	onggi image unmount theirs:1 >/dev/null
	onggi image prune -f >/dev/null
	[ -z "$(ls "$ONGGI_ROOT/images")" ]
}

@test "removed by its owner: what runs goes on, what starts tells which store" {
	use
	unset KEEP
	onggi run -d --name runs --network none theirs:1 sleep 1000 >/dev/null
	onggi create --name waits --network none theirs:1 cat a >/dev/null
	onggi -s vfs create --name copied --network none theirs:1 cat a >/dev/null
	owner rmi -f theirs:1 >/dev/null
	[ "$(onggi inspect -f '{{.State.Status}}' runs)" = running ]
	run -1 onggi start -a waits
	[[ $output == *"of its image is not in the image store $THEIRS any more"*"hint: get the image into the own store"* ]]
	run -1 onggi diff waits
	[[ $output == *"image store $THEIRS"* ]]
	[ "$(onggi start -a copied)" = three ]
	run -125 onggi run --rm --network none --pull never theirs:1 true
	[[ $output == *"No such image: theirs:1"* ]]
	onggi load -q -i a.tar >/dev/null
	[ "$(onggi start -a waits)" = three ]
	onggi stop -t 0 runs >/dev/null
	onggi rm runs waits copied >/dev/null
}

@test "without the store: containers are listed, stopped and removed, images are not looked for" {
	use
	onggi run -d --name runs --network none --restart on-failure:1 theirs:1 sleep 1000 >/dev/null
	onggi create --name waits --network none theirs:1 true >/dev/null
	unset ONGGI_IMAGE_STORES
	run -1 onggi start waits
	[[ $output == *"is not in the image store $THEIRS, which is not given or cannot be used"*"hint: give it with: onggi --image-store $THEIRS"* ]]
	export ONGGI_IMAGE_STORES=$T/nowhere
	[ "$(onggi ps -q | wc -l)" = 1 ]
	run -1 onggi images
	[[ $output == *"image store $T/nowhere: no such file or directory"*"hint: is it mounted?"* ]]
	run -125 onggi run --rm theirs:1 true
	[[ $output == *"image store $T/nowhere"* ]]
	run -1 onggi start waits
	[[ $output == *"image store $THEIRS"* ]]
	onggi kill runs >/dev/null
	onggi wait runs >/dev/null
	onggi rm -f runs waits >/dev/null
}

@test "what is no store of ours is refused, as is one that others can write to" {
	export ONGGI_IMAGE_STORES=$T/x
	mkdir x
	run -1 onggi images
	[[ $output == *"image store $T/x: not a store of onggi"* ]]
	mkdir x/overlay-images
	run -1 onggi images
	[[ $output == *"not a store of onggi"*"hint: it is podman's"* ]]
	export ONGGI_IMAGE_STORES=theirs
	run -1 onggi images
	[[ $output == *"must be absolute"* ]]
	export ONGGI_IMAGE_STORES=$T/l1
	run -1 onggi images
	[[ $output == *"$T/l1: not a directory"* ]]
	export ONGGI_IMAGE_STORES=$THEIRS
	chmod 757 "$THEIRS"
	run -1 onggi images
	[[ $output == *"image store $THEIRS: its group or everybody may write to it"* ]]
	chmod 711 "$THEIRS"
	chmod 770 "$THEIRS/snapshots"
	run -1 onggi images
	[[ $output == *"image store $THEIRS/snapshots: its group or everybody may write to it"* ]]
	chmod 700 "$THEIRS/snapshots"
	chown 12 "$THEIRS/images"
	run -1 onggi images
	[[ $output == *"image store $THEIRS/images: it belongs to another user"* ]]
	chown 0 "$THEIRS/images"
	mv "$THEIRS/blobs" blobs
	ln -s "$T/blobs" "$THEIRS/blobs"
	run -1 onggi images
	[[ $output == *"image store $THEIRS: open blobs: "* ]]
	rm "$THEIRS/blobs"
	mv blobs "$THEIRS/blobs"
	# the own store once more counts for nothing
	[ -z "$(ONGGI_IMAGE_STORES=$T/root onggi images -q)" ]
	mkdir a:b
	run -125 onggi --image-store a:b images
	[[ $output == *"a path without \":\" is needed"* ]]
	run -1 onggi --image-store nowhere images
	[[ $output == *"--image-store"* ]]
}

@test "a damaged store: told, and mended by what is loaded here" {
	unset KEEP
	use
	unset KEEP
	config=$THEIRS/blobs/sha256/$(basename "$(find "$THEIRS/images" -type f)")
	chmod u+w "$config"
	printf X | dd of="$config" bs=1 seek=5 conv=notrunc status=none
	[ -z "$(onggi images -q)" ]
	run -125 onggi run --rm --network none --pull never theirs:1 true
	[[ $output == *"content has changed on disk"* ]]
	onggi load -q -i a.tar >/dev/null
	[ "$(seen)" = "threefourthreex 4711 750" ]
	onggi rmi theirs:1 >/dev/null
	# a record that is none hides no other image
	record=$(find "$THEIRS/images" -type f)
	echo '{' >"$record"
	printf 'f 644 own yes\n' >l3
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" b.tar second:1 l3
	owner load -q -i b.tar >/dev/null
	[ "$(onggi images --format '{{.Repository}}')" = second ]
}

@test "check --image-stores: reads them, tells what is damaged, changes nothing" {
	read_only
	run -0 onggi system check
	[[ $output == "0 blobs "*" 0 images"* ]]
	run -0 onggi system check --image-stores
	[[ $output == *" 1 images, "*": no damage" ]]
	run -0 onggi system check --image-stores --repair-lossy
	layer=$(find "$THEIRS/blobs" -type f -size +100k)
	chmod u+w "$layer"
	printf X | dd of="$layer" bs=1 seek=5 conv=notrunc status=none
	chmod 1400 "$layer"
	before=$(state)
	run -0 onggi system check
	run -0 onggi system check --image-stores --quick
	run -1 onggi system check --image-stores --repair-lossy
	[[ $output == *"image store $T/ro: blob sha256:$(basename "$layer") is damaged"* ]]
	run -1 onggi system check --image-stores --json
	[ "$(head -1 <<<"$output" | jq -r '.Faults[0].Store')" = "$T/ro" ]
	# archives and their index
	umount "$T/ro"
	chmod u+w "$layer"
	owner system check --repair >/dev/null || true
	owner -s erofs load -q -i a.tar >/dev/null 2>&1 || return 0
	owner storage migrate --to erofs >/dev/null
	before=$(state)
	mount --bind "$THEIRS" "$T/ro"
	mount -o remount,bind,ro "$T/ro"
	run -0 onggi system check --image-stores
	umount "$T/ro"
	index=$(find "$THEIRS/snapshots" -name erofs)
	chmod u+w "$index"
	printf X | dd of="$index" bs=1 seek=1200 conv=notrunc status=none
	before=$(state)
	mount --bind "$THEIRS" "$T/ro"
	run -1 onggi system check --image-stores --repair
	[[ $output == *"image store $T/ro: layer "*"the index of the image's archives is damaged"* ]]
}

@test "file systems that are read-only: ext4, squashfs" {
	unset KEEP
	mkdir ro
	for fs in ext4 squashfs; do
		case $fs in
		ext4)
			command -v mke2fs >/dev/null || continue
			mke2fs -q -t ext4 -d "$THEIRS" disk.ext4 64M
			;;
		squashfs)
			command -v mksquashfs >/dev/null && grep -qw squashfs /proc/filesystems || continue
			mksquashfs "$THEIRS" disk.squashfs -quiet -no-progress >/dev/null
			;;
		esac
		mount -o ro,loop disk.$fs ro
		export ONGGI_IMAGE_STORES=$T/ro
		[ "$(seen)" = "threefourthreex 4711 750" ]
		[ "$(seen -s vfs)" = "threefourthreex 4711 750" ]
		[ "$(own_files)" = 0 ]
		onggi run --name cc --network none theirs:1 sh -c 'echo x >x; rm -r d'
		onggi commit cc ours:1 >/dev/null
		[ "$(onggi run --rm --network none ours:1 sh -c 'cat x; ls -d d' 2>/dev/null)" = x ]
		onggi rm cc >/dev/null
		onggi rmi ours:1 >/dev/null
		onggi image prune -f >/dev/null
		umount ro
	done
}

@test "a file system without trusted attributes: archives in place, what is unpacked is made anew" {
	printf 'f 644 d/hidden x\n' >l1
	printf 'f 644 d/.wh..wh..opq \nf 644 d/own y\n' >l2
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" b.tar opaque:1 l1 l2
	owner load -q -i b.tar >/dev/null
	mkdir ro
	mount -t ramfs -o mode=711 ramfs ro
	cp -a "$THEIRS/." ro
	run -0 getfattr -m - -R --absolute-names "$T/ro"
	[[ $output != *overlay* ]]
	export ONGGI_IMAGE_STORES=$T/ro
	[ "$(onggi run --rm --network none opaque:1 ls d)" = own ]
	[ "$(find "$ONGGI_ROOT/snapshots" -mindepth 2 -maxdepth 2 -name diff | wc -l)" = 3 ]
	[ "$(onggi images --format '{{.ReadOnly}}' opaque)" = true ]
	onggi image prune -f >/dev/null
	[ "$(own_files)" = 0 ]
	grep -qw erofs /proc/filesystems || return 0
	owner -s erofs load -q -i b.tar >/dev/null 2>&1 || return 0
	cp -a "$THEIRS/." ro
	[ "$(onggi -s erofs run --rm --network none opaque:1 ls d)" = own ]
	[ "$(own_files)" = 0 ]
}

@test "many at once, while the owner fills it" {
	use
	unset KEEP
	for i in 1 2 3 4 5; do
		printf 'f 644 own %s\n' "$i" >"l-$i"
		python3 "$BATS_TEST_DIRNAME/../lib/archive.py" "m-$i.tar" "m:$i" "l-$i"
	done
	for i in 1 2 3 4 5; do owner load -q -i "m-$i.tar" >/dev/null || echo "load $i" >>failed; done &
	filler=$!
	pids=
	for i in 1 2 3 4 5 6; do
		(for k in 1 2 3; do
			[ "$(onggi run --rm --network none theirs:1 cat a)" = three ] || echo "run $i" >>failed
			onggi images -q >/dev/null || echo "images $i" >>failed
			onggi image prune -f >/dev/null || echo "prune $i" >>failed
		done) &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $filler $pids
	[ ! -e failed ] || { cat failed; return 1; }
	for i in 1 2 3 4 5; do
		[ "$(onggi run --rm --network none "m:$i" cat own)" = "$i" ]
	done
}

@test "killed at any moment: the own store is sound, the other untouched" {
	read_only
	for ms in 1 2 4 8 12 16 24 32; do
		timeout -s KILL "0.0$(printf %02d $ms)" "$ONGGI_BIN/onggi" create --network none theirs:1 true >/dev/null 2>&1 || true
		timeout -s KILL "0.0$(printf %02d $ms)" "$ONGGI_BIN/onggi" -s vfs create --network none theirs:1 true >/dev/null 2>&1 || true
		onggi system check
	done
	ids=$(onggi ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rm $ids >/dev/null
	onggi system sweep 2>/dev/null || true
	onggi image prune -f >/dev/null
	[ "$(own_files)" = 0 ]
	[ -z "$(ls "$ONGGI_ROOT/images" 2>/dev/null)" ]
	[ "$(seen)" = "threefourthreex 4711 750" ]
}
