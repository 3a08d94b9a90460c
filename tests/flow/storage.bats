#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The suite of storage drivers: the same containers, changes and images whatever driver made them, each
# on the file system that it wants (a loop device where the host's is another). Prints its table.

load lib
load ../lib/zfs.bash

since() { # LINUX DRIVER: the driver's name where the kernel has what it needs
	! grep -qw erofs /proc/filesystems || [ "$(printf '%s\n' "$1" "$(uname -r)" | sort -V | head -1)" != "$1" ] || echo "$2"
}

DRIVERS="${DRIVERS:-overlay $(since 6.12 erofs) vfs vfs@btrfs vfs@xfs btrfs fuse-overlayfs $(since 6.16 composefs) $([ -n "$(zfs_missing)" ] || echo zfs)}"

teardown_file() {
	local d case
	zfs_end
	{
		printf '# %-16s' case
		printf ' %-14s' $DRIVERS
		echo
		awk '{ print $1 }' "$BATS_FILE_TMPDIR/table" | sort -u | while read -r case; do
			printf '# %-16s' "$case"
			for d in $DRIVERS; do
				grep -qx "$case $d ok" "$BATS_FILE_TMPDIR/table" && printf ' %-14s' ok || printf ' %-14s' FAILED
			done
			echo
		done
	} >&3
}

setup() {
	images_or_skip
	engine_setup
	MNT=
}

teardown() {
	local failed=
	disk_teardown engine_teardown || failed=1
	zfs_clear || failed=1
	[ -z "$failed" ]
}

# store_on DRIVER[@FILESYSTEM]: the engine's store where that driver works
store_on() {
	local driver=${1%@*} fs=
	[[ $1 != *@* ]] || fs=${1#*@}
	[ "$driver" != btrfs ] || fs=btrfs
	export ONGGI_STORAGE_DRIVER=$driver
	[ "$driver" != zfs ] || zfs_for_store
	[ -n "$fs" ] || return 0
	truncate -s 700M "$T/disk-$1"
	case $fs in
	btrfs) mkfs.btrfs -q "$T/disk-$1" >/dev/null 2>&1 ;;
	xfs) mkfs.xfs -q "$T/disk-$1" ;;
	esac
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk-$1" "$MNT"
	export ONGGI_ROOT=$MNT/store
}

forget_all() {
	local ids
	ids=$(onggi ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rm -f -v $ids >/dev/null
	ids=$(onggi images -q)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rmi -f $ids >/dev/null
}

# a volume whose last mount was just ending is deleted by the next command that looks, the pool with it
pool_gone() {
	onggi system sweep
	[ -z "$(ls -d "$ONGGI_ROOT"/devicemapper/*/* "$ONGGI_ROOT"/devicemapper/{pool.json,data,metadata} 2>/dev/null)" ]
}

zfs_gone() {
	onggi system sweep
	zfs_is_empty && [ ! -e "$ONGGI_ROOT/zfs/dataset" ] && [ -z "$(ls "$ONGGI_RUN/zfs")" ]
}

# each CASE: on every driver; a driver's failure names it
each() {
	local d
	for d in $DRIVERS; do
		store_on "$d"
		echo "driver $d: $*" # the last one, when it failed
		"$@" # not in a condition: each of its commands counts
		echo "$1 $d ok" >>"$BATS_FILE_TMPDIR/table"
		forget_all
		[ "$d" != devicemapper ] || eventually 60 pool_gone
		[ "$d" != zfs ] || eventually 60 zfs_gone
		if [ -n "$MNT" ]; then
			umount "$MNT"
			rmdir "$MNT"
			rm "$T/disk-$d"
			MNT=
			export ONGGI_ROOT=$T/root
		fi
	done
}

# image NAME LAYER...: busybox and one layer per text (tests/lib/archive.py)
image() {
	local name=$1 i=0 files=()
	shift
	for text; do
		printf '%s\n' "$text" >"$T/layer$i.txt"
		files+=("$T/layer$i.txt")
		i=$((i + 1))
	done
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" "$T/a.tar" "$name" "${files[@]}" && onggi load -q -i "$T/a.tar" >/dev/null
}

equal() {
	[ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); return 1; }
}

layers_seen() {
	image w:1 $'d 2750 d 7 8\nf 644 d/a a\nf 644 d/b b\nd 755 e\nf 644 e/x x\nf 644 f f\nd 755 o\nf 644 o/old 1' \
		$'d 755 o\nf 644 o/new 2\nf 644 o/.wh..wh..opq \nf 644 d/.wh.a \nf 644 .wh.e \nf 644 .wh.f ' \
		$'d 755 e\nf 644 e/y y\nf 4711 orig text\nh d/link orig\nl soft orig' $'f 644 d/late z\nh copy orig'
	equal "$(onggi run --rm --network none w:1 sh -c 'ls d e o; cat orig; echo; stat -c "%n %h %a" orig copy; stat -c %a d/link; stat -c "%a %u %g" d; readlink soft; [ -e f ] || echo gone')" \
		$'d:\nb\nlate\nlink\n\ne:\ny\n\no:\nnew\ntext\norig 2 4711\ncopy 2 4711\n4711\n2750 7 8\norig\ngone'
}

@test "layers: whiteouts, opaque directories, links, attributes" {
	each layers_seen
}

whole_tree() { # what a container sees: everything but times of access, and what a start makes
	onggi run --rm --network none "$1" sh -c '
		own="( -path /dev -o -path /proc -o -path /sys -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf -o -path /.dockerenv )"
		find / -xdev $own -prune -o ! -type d -printf "%p %y %s %m %U %G %T@ %n %l\n" | sort
		find / -xdev $own -prune -o -type d ! -path / ! -path /etc -printf "%p %m %U %G %T@\n" | sort
		find / -xdev $own -prune -o -type f -print0 | sort -z | xargs -0 md5sum'
}

same_tree() {
	image_load debian >/dev/null
	whole_tree debian:latest >"$T/tree-$ONGGI_STORAGE_DRIVER"
	[ "$(wc -l <"$T/tree-$ONGGI_STORAGE_DRIVER")" -gt 1000 ] || return 1
	[ -e "$T/tree" ] || cp "$T/tree-$ONGGI_STORAGE_DRIVER" "$T/tree"
	cmp "$T/tree" "$T/tree-$ONGGI_STORAGE_DRIVER"
}

@test "a whole Debian is the same tree with all drivers" {
	command -v skopeo >/dev/null || skip "no skopeo here, which loads the image"
	each same_tree
}

CHANGE='echo new >/new; mkdir -p /deep/er; echo x >/deep/er/f; ln /deep/er/f /hard; ln -s new /soft
	chmod 4711 /new; chown 12:34 /deep; mkfifo /fifo; touch -d "2001-02-03 04:05:06" /deep/er/f /deep /deep/er
	rm /etc/group; rm -r /var; mkdir /var; echo y >/var/only; chmod 700 /srv; mv /home /moved
	cp -p /etc/passwd /tmp/p; echo changed | dd of=/etc/passwd conv=notrunc 2>/dev/null; touch -r /tmp/p /etc/passwd; rm /tmp/p
	touch -h -d "2002-02-02 02:02:02" /soft /new /var/only /var /fifo /moved /etc /tmp /'

changes_kept() {
	onggi run --network none --name c1 base sh -c "$CHANGE"
	# overlay notes that /var is another directory now, others what is gone from it
	onggi diff c1 | sort | grep -v '^D /var/' >"$T/diff"
	[ -e "$T/diff-first" ] || cp "$T/diff" "$T/diff-first"
	diff "$T/diff-first" "$T/diff" || return 1
	grep -qx 'C /etc/passwd' "$T/diff" && grep -qx 'D /etc/group' "$T/diff" && grep -qx 'A /var/only' "$T/diff" || return 1
	onggi commit -a me c1 image:1 >/dev/null
	equal "$(onggi run --rm --network none image:1 sh -c '
		cat /new; stat -c "%a" /new; stat -c "%u:%g" /deep; [ /hard -ef /deep/er/f ] && echo 2; readlink /soft; head -c 7 /etc/passwd; echo
		[ -p /fifo ] && echo pipe; stat -c %Y /deep/er/f; [ -e /etc/group ] || echo gone; ls -A /var; stat -c %a /srv; [ -d /moved ] && [ ! -e /home ] && echo moved')" \
		$'new\n4711\n12:34\n2\nnew\nchanged\npipe\n981173106\ngone\nonly\n700\nmoved'
}

@test "what a container changes: diff and commit" {
	each changes_kept
}

nothing_changed() {
	onggi run --network none --name c1 base true
	equal "$(onggi diff c1)" ""
	onggi commit c1 empty:1 >/dev/null
	onggi save -o "$T/e.tar" empty:1
	rm -rf "$T/e"
	mkdir "$T/e"
	tar -C "$T/e" -xf "$T/e.tar"
	equal "$(tar tf "$T/e/$(jq -r '.[0].Layers[-1]' "$T/e/manifest.json")")" ""
}

@test "a container that changes nothing has no difference" {
	each nothing_changed
}

lives() {
	onggi run -d --network none --name c1 base sh -c 'while [ ! -e /end ]; do sleep 0.1; done'
	onggi exec c1 sh -c 'echo inside >/file'
	onggi cp c1:/file "$T/out"
	equal "$(cat "$T/out")" inside
	onggi cp "$T/out" c1:/file2
	onggi exec c1 touch /end
	equal "$(onggi wait c1)" 0
	onggi cp c1:/file2 "$T/out2" # stopped
	equal "$(cat "$T/out2")" inside
	onggi export c1 | tar t | grep -qx file2
	onggi exec c1 true 2>/dev/null && return 1
	equal "$(onggi start -a c1)" "" # what was written is there: /end
	equal "$(onggi ps -a --format '{{.Names}}')" c1
	equal "$(onggi inspect -f '{{.Driver}} {{.GraphDriver.Name}}' c1)" "$ONGGI_STORAGE_DRIVER $ONGGI_STORAGE_DRIVER"
	onggi inspect -s -f '{{.SizeRw}}' c1 | grep -qx 14
}

@test "life: exec, cp both ways, export, stop and start again, size" {
	each lives
}

read_only() {
	local out
	out=$(onggi run --rm --network none --read-only base touch /x 2>&1) && return 1
	[[ $out == *"Read-only file system"* ]] || { echo "$out"; return 1; }
	equal "$(onggi run --rm --network none --read-only --tmpfs /t base sh -c 'touch /t/x && echo ok')" ok
	equal "$(onggi run --rm --network none -v vol:/etc base sh -c 'head -c 4 /etc/passwd; touch /etc/x')" root
}

@test "read-only roots; a new volume gets what the image has there" {
	each read_only
}

apart() {
	onggi create --name c1 base sh -c 'echo 1 >/f; cat /f' >/dev/null
	onggi create --name c2 base sh -c 'cat /f' >/dev/null
	equal "$(onggi start -a c1)" 1
	onggi start -a c2 2>/dev/null && return 1
	onggi rm c1 >/dev/null
	equal "$(ls "$ONGGI_ROOT/containers" | wc -l)" 1
}

@test "containers do not see each other's changes; removal takes all" {
	each apart
}

at_once() {
	local pids=() i s
	onggi load -q -i "$T/many.tar" >/dev/null
	for i in 1 2 3 4 5 6 7 8; do
		"$ONGGI_BIN/onggi" run --rm --network none w:1 sh -c "cat n1 n30; echo $i >/mine; cat /mine" >"$T/out$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3 4 5 6 7 8; do
		s=0
		wait "${pids[i - 1]}" || s=$?
		[ "$s" = 0 ] && [ "$(cat "$T/out$i")" = "130$i" ] || { cat "$T/out$i"; return 1; }
	done
	equal "$(ls "$ONGGI_ROOT/containers" | wc -l)" 0
	equal "$(ls "$ONGGI_ROOT/tmp" | grep -c '^layer-')" 0
}

@test "30 layers, 8 first containers at once" {
	local texts=() i files=()
	for i in $(seq 30); do
		printf 'f 644 n%s %s\n' "$i" "$i" >"$T/l$i.txt"
		files+=("$T/l$i.txt")
	done
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" "$T/many.tar" w:1 "${files[@]}"
	each at_once
}

@test "containers of several drivers over the same layers" {
	[[ " $DRIVERS " == *" btrfs "* ]] || skip "no btrfs among the drivers"
	store_on btrfs
	local d all
	all="overlay $(since 6.12 erofs) vfs btrfs fuse-overlayfs"
	for d in $all; do
		onggi -s "$d" run --network none --name "c-$d" base sh -c "echo $d >/f"
	done
	for d in $all; do
		[ "$(onggi cp "c-$d:/f" - | tar xO)" = "$d" ]
		[ "$(onggi inspect -f '{{.Driver}}' "c-$d")" = "$d" ]
	done
	[ "$(ls "$ONGGI_ROOT/snapshots" | wc -l)" = 1 ]
	for d in $all; do onggi rm "c-$d"; done
	onggi rmi base
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
	[ -z "$(btrfs subvolume list "$MNT")" ]
}

mounts_of_erofs() { findmnt -rn -t erofs -o TARGET | grep -c "^$ONGGI_RUN/" || true; }

@test "erofs: one mount for all containers of an image, gone with the last" {
	[[ " $DRIVERS " == *" erofs "* ]] || skip "no erofs among the drivers"
	export ONGGI_STORAGE_DRIVER=erofs
	onggi run -d --network none --name c1 base sleep 1000
	onggi run -d --network none --name c2 base sleep 1000
	onggi create --network none --name c3 base true
	[ "$(mounts_of_erofs)" = 1 ]
	onggi rm -f c1
	onggi rm c3
	[ "$(mounts_of_erofs)" = 1 ]
	onggi exec c2 cat /etc/passwd | grep -q root
	# whoever takes the mount away takes nothing from running containers, nor from those to come
	umount "$(findmnt -rn -t erofs -o TARGET | grep "^$ONGGI_RUN/")"
	onggi exec c2 cat /etc/group | grep -q root
	onggi run --rm --network none base true
	[ "$(mounts_of_erofs)" = 1 ]
	onggi rm -f c2
	[ "$(mounts_of_erofs)" = 0 ]
	[ -z "$(ls "$ONGGI_RUN/erofs")" ] # but for the hidden note that it works here
	[ "$(ls "$ONGGI_ROOT"/snapshots/*/ | sort | tr '\n' ' ')" = "erofs tar tar.json " ]
}

@test "layers of the other form are made from the blobs, verified, in both directions" {
	[[ " $DRIVERS " == *" erofs "* ]] || skip "no erofs among the drivers"
	local from to file
	for from in overlay erofs; do
		to=erofs file=tar
		[ "$from" = overlay ] || to=overlay file=diff
		image_of "$from"
		[ "$(onggi -s "$to" run --rm --network none w:1 sh -c 'cat a d/b; ls d; stat -c %h a')" = $'12bb\nlink\n2' ]
		[ "$(ls -d "$ONGGI_ROOT"/snapshots/*/"$file" | wc -l)" = 3 ]
		[ "$(onggi -s "$from" run --rm --network none w:1 cat a)" = 1 ]
		onggi system check
		onggi rmi -f w:1
		[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
		# a blob that is damaged, then one that is not there
		image_of "$from"
		blob=$ONGGI_ROOT/blobs/sha256/$(jq -r '.layers[1].digest[7:]' "$ONGGI_ROOT"/images/*)
		printf X | dd of="$blob" bs=1 seek=$(($(stat -c %s "$blob") - 1)) conv=notrunc 2>/dev/null
		run -125 --separate-stderr onggi -s "$to" run --rm --network none w:1 true
		[[ $stderr == *"layers for storage driver $to: "*"wrong digest"* ]] || { echo "$stderr"; false; }
		rm "$blob"
		run -1 --separate-stderr onggi -s "$to" create --network none w:1 true
		[[ $stderr == *"is here for other storage drivers only"*"hint: pull or load the image once more"* ]]
		[ -z "$(onggi ps -aq)" ]
		[ "$(onggi -s "$from" run --rm --network none w:1 cat a)" = 1 ]
		# loaded once more it is there for both
		ONGGI_STORAGE_DRIVER=$to onggi load -q -i "$T/a.tar"
		[ "$(onggi -s "$to" run --rm --network none w:1 cat a)" = 1 ]
		forget_all
		onggi image prune -af
	done
}

image_of() { # DRIVER
	ONGGI_STORAGE_DRIVER=$1 image w:1 $'f 644 a 1\nd 755 d\nf 644 d/x x' $'f 644 d/b 2b\nf 644 d/.wh.x \nh d/link a'
}

@test "erofs: check finds a damaged archive or index, and has it made again" {
	[[ " $DRIVERS " == *" erofs "* ]] || skip "no erofs among the drivers"
	local top
	export ONGGI_STORAGE_DRIVER=erofs
	image_of erofs
	onggi system check
	tar=$(ls -S "$ONGGI_ROOT"/snapshots/*/tar | tail -1)
	cp "$tar" "$T/tar"
	printf X | dd of="$tar" bs=1 seek=3 conv=notrunc 2>/dev/null
	onggi system check --quick
	run -1 onggi system check
	[[ $output == *"its archive is damaged"* ]]
	run -0 onggi system check --repair
	[[ $output == *"removed: the next container makes it from its blob"* ]]
	[ ! -e "$tar" ]
	[ "$(onggi run --rm --network none w:1 cat a d/b)" = 12b ]
	cmp "$tar" "$T/tar"
	onggi system check
	top=$(ls "$ONGGI_ROOT"/snapshots/*/erofs)
	printf X | dd of="$top" bs=1 seek=1200 conv=notrunc 2>/dev/null
	run -1 onggi system check
	[[ $output == *"the index of the image's archives is damaged"* ]]
	onggi system check --repair
	[ ! -e "$top" ]
	[ "$(onggi run --rm --network none w:1 cat a d/b)" = 12b ]
	onggi system check
	# a power cut before the disk had it all: not trusted any more
	for f in "$ONGGI_ROOT"/snapshots/*/; do
		rm "$f/tar.synced"
		sed -i 's/"boot":"[^"]*"/"boot":"0"/' "$f/tar.json"
		: >"$f/tar.new"
		cat "$f/tar.new" >"$f/tar"
	done
	[ "$(onggi run --rm --network none w:1 cat a d/b)" = 12b ]
	onggi system check
}

@test "zfs: the daemon ends and comes back" {
	[[ " $DRIVERS " == *" zfs "* ]] || skip "no zfs among the drivers"
	zfs_for_store
	export ONGGI_STORAGE_DRIVER=zfs
	onggi run --network none --name c1 base sh -c 'echo x >>/f; cat /f'
	zfs_killed_daemon
	run -1 --separate-stderr onggi start -a c1
	[[ $stderr == *"the daemon zfs-fuse does not run"* ]]
	zfs_daemon
	[ "$(onggi start -a c1 | tail -1)" = x ] # mounted once more
	zfs_killed_daemon
	zfs_daemon
	onggi rm c1 # where a dead mount is in the way
	onggi rmi base
	zfs_gone
}

@test "zfs: a store on zfs keeps its datasets there" {
	[[ " $DRIVERS " == *" zfs "* ]] || skip "no zfs among the drivers"
	zfs_pool
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	zfs create -o mountpoint="$MNT" onggi-test/mine
	export ONGGI_ROOT=$MNT/store ONGGI_STORAGE_DRIVER=zfs
	[ "$(onggi run --network none --name c1 base sh -c 'echo x >/f; cat /f')" = x ]
	onggi diff c1 | grep -qx 'A /f'
	zfs list -H -r -o name onggi-test/mine | grep -q "^onggi-test/mine/onggi-[0-9a-f]*/c-$(onggi inspect -f '{{.Id}}' c1)$"
	[ "$(zfs get -H -o value onggi:store "$(cat "$ONGGI_ROOT/zfs/dataset")")" = "$ONGGI_ROOT" ]
	onggi rm c1
	onggi rmi base
	[ "$(zfs list -H -r -o name onggi-test/mine)" = onggi-test/mine ]
}

# what the driver zfs needs, one after the other
zfs_lacks() {
	local why
	run -125 --separate-stderr onggi -s zfs run --rm --network none base true
	[[ $stderr == *"hint:"*"drivers that work here:"*" vfs"* ]]
	if ! command -v zfs >/dev/null; then
		[[ $stderr == *"zfs: zfs is not installed"*"hint: install the package zfsutils-linux"* ]]
	elif [ -n "$(zfs_missing)" ]; then
		[[ $stderr == *"zfs: "* ]]
	else
		zfs_pool
		run -125 --separate-stderr onggi -s zfs run --rm --network none base true
		[[ $stderr == *"zfs: $ONGGI_ROOT is not on zfs, and ONGGI_ZFS_FSNAME names no dataset"*"hint: name one with ONGGI_ZFS_FSNAME"* ]]
		run -125 --separate-stderr env ONGGI_ZFS_FSNAME=onggi-test/none "$ONGGI_BIN/onggi" -s zfs run --rm --network none base true
		[[ $stderr == *"zfs: ONGGI_ZFS_FSNAME: "*"cannot open 'onggi-test/none': dataset does not exist"*"hint: make it with: zfs create onggi-test/none"* ]]
		for why in /onggi-test -r onggi-test@x; do
			run -125 --separate-stderr env ONGGI_ZFS_FSNAME="$why" "$ONGGI_BIN/onggi" -s zfs run --rm --network none base true
			[[ $stderr == *"ONGGI_ZFS_FSNAME: \"$why\" is not POOL/NAME of a dataset"* ]]
		done
		[ ! -e "$ONGGI_ROOT/zfs" ]
		zfs_end
		rm -r "$BATS_FILE_TMPDIR/zfs"
		run -125 --separate-stderr env ONGGI_ZFS_FSNAME=onggi-test "$ONGGI_BIN/onggi" -s zfs run --rm --network none base true
		[[ $stderr == *"zfs: the kernel module zfs of OpenZFS is not loaded"*"the daemon zfs-fuse does not run"*"hint: load it with: modprobe zfs"* ]]
	fi
}

@test "a driver that cannot work says what it needs; an unknown one lists the known" {
	run -125 --separate-stderr onggi -s btrfs run --rm --network none base true
	[[ $stderr == *"btrfs: $ONGGI_ROOT is on another file system"* ]]
	[[ $stderr == *"hint:"* ]]
	[ -z "$(onggi ps -aq)" ]
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
	run ! --separate-stderr onggi -s nosuch ps
	[[ $stderr == *"unknown storage driver nosuch"*"known drivers: overlay, erofs, btrfs, devicemapper, fuse-overlayfs, composefs, vfs, zfs"* ]]
	# others' drivers say what there is none of, and what to take
	run ! --separate-stderr onggi -s aufs ps
	[[ $stderr == *"aufs: the kernel "* ]]
	[[ $stderr == *"hint: take the driver overlay"*"drivers that work here:"*" vfs"* ]]
	onggi info | grep -q '^  aufs: the kernel module aufs is not loaded'
	if [ ! -e /dev/mapper/control ]; then
		run -125 --separate-stderr onggi -s devicemapper run --rm --network none base true
		[[ $stderr == *"devicemapper: the device mapper of the kernel is missing: open /dev/mapper/control"* ]]
		[[ $stderr == *"hint: load it with: modprobe dm_mod"*"drivers that work here:"*" vfs"* ]]
	fi
	zfs_lacks
	[ "$(onggi info -f '{{range .StorageDrivers}}{{if .Usable}}{{.Name}} {{end}}{{end}}' | grep -o vfs)" = vfs ]
	[ "$(onggi info -f '{{range .StorageDrivers}}{{if eq .Name "btrfs"}}{{.Usable}} {{.Reason}}{{end}}{{end}}')" = \
		"false btrfs: $ONGGI_ROOT is on another file system" ]
	onggi info | grep -qx "  btrfs: $ONGGI_ROOT is on another file system"
	onggi -s overlay2 run --rm --network none base true # docker's name
}
