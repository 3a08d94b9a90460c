# SPDX-License-Identifier: Apache-2.0
#
# The fault matrix on the other storage drivers, bounded: the steps in which a driver acts always, of the rest
# some that a seed draws (ONGGI_SEED repeats a run; ONGGI_STEPS=N takes more of them, default 3). All of it on overlay:
# matrix.bats, commit.bats, many.bats.

load lib
load ../lib/zfs.bash

setup() {
	fault_setup
	faults
	RANDOM=${ONGGI_SEED:=$((SECONDS + $$ % 30000))}
	echo "seed $ONGGI_SEED"
}

teardown() {
	local failed=
	disk_teardown fault_teardown || failed=1
	zfs_clear || failed=1
	[ -z "$failed" ]
}

teardown_file() { zfs_end; }

store_on() { # driver, file system if it needs one
	export ONGGI_STORAGE_DRIVER=$1
	[ -n "${2:-}" ] || return 0
	truncate -s 300M "$T/disk"
	"mkfs.$2" -q "$T/disk" >/dev/null 2>&1
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_ROOT=$MNT/store
}

# drawn WAYS...: "WAY STEP" a line
drawn() {
	local w s all=() n
	for w; do
		for s in $(steps_of "$w"); do all+=("$w $s"); done
	done
	for n in $(seq "${ONGGI_STEPS:-3}"); do echo "${all[RANDOM % ${#all[@]}]}"; done
}

removal() { # step: fails, then is killed; removed in the end
	sleeper >/dev/null
	ONGGI_FAULT=remove:$1 run onggi rm -f kk
	failed_well "remove:$1" 1
	onggi rm -f kk >/dev/null 2>&1 || true
	heal "remove:$1 fails"
	sleeper -v /anonymous >/dev/null
	ONGGI_FAULT=remove:$1:kill run onggi rm -f -v kk
	[ "$status" = 137 ] || { echo "remove:$1: status $status: $output"; return 1; }
	onggi rm -f -v kk >/dev/null 2>&1 || true
	heal "remove:$1 killed" && again "remove:$1 killed"
}

commits() { # step
	sleeper >/dev/null
	onggi exec kk sh -c 'date >/some; rm /etc/group'
	ONGGI_FAULT=commit:$1 run onggi commit kk made:1
	failed_well "commit:$1" 1
	onggi rmi made:1 >/dev/null 2>&1 || true
	[ -z "$(find "$ONGGI_ROOT/tmp" -mindepth 1 2>/dev/null)" ] || { find "$ONGGI_ROOT/tmp"; return 1; }
	ONGGI_FAULT=commit:$1:kill run onggi commit kk made:1
	[ "$status" = 137 ] || { echo "commit:$1: status $status: $output"; return 1; }
	onggi rmi made:1 >/dev/null 2>&1 || true
	onggi system sweep
	onggi commit kk made:1 >/dev/null
	onggi run --rm --network none made:1 sh -c '[ -s /some ] && [ ! -e /etc/group ]'
	onggi rm -f kk >/dev/null
	onggi rmi made:1 >/dev/null
	heal "commit:$1"
}

one() { # number
	"$ONGGI_BIN/onggi" run --rm --network none --cgroup-parent "$GROUP" base sh -c "echo $1 >/file; cat /file"
}

at_once() { # ten of them
	local i pids=()
	for i in $(seq 10); do
		one "$i" >"$T/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in $(seq 10); do
		wait "${pids[i - 1]}" && [ "$(cat "$T/out.$i")" = "$i" ] || { echo "$i: $(cat "$T/out.$i")"; return 1; }
	done
}

cells() {
	local w s
	onggi run --rm --network none base true
	while read -r w s; do
		fails "$w" "$s"
		killed "$w" "$s"
	done < <(echo create layer; echo start layer; drawn create start runtime monitor)
	removal layer
	commits layer
	at_once
	heal "ten at once"
}

@test "vfs: faults, commits, ten at once" { store_on vfs; cells; }

@test "fuse-overlayfs: faults, commits, ten at once" {
	command -v fuse-overlayfs >/dev/null || skip "fuse-overlayfs is not installed"
	store_on fuse-overlayfs
	cells
}

@test "btrfs: faults, commits, ten at once" {
	store_on btrfs btrfs
	cells
}

@test "composefs: faults, commits, ten at once" {
	grep -qw erofs /proc/filesystems && [ "$(printf '%s\n' 6.16 "$(uname -r)" | sort -V | head -1)" = 6.16 ] ||
		skip "this kernel mounts no EROFS with content elsewhere"
	store_on composefs
	cells
}

@test "erofs: faults, commits, ten at once" {
	grep -qw erofs /proc/filesystems && [ "$(printf '%s\n' 6.12 "$(uname -r)" | sort -V | head -1)" = 6.12 ] ||
		skip "this kernel mounts no EROFS from plain files"
	store_on erofs
	cells
}

# the dataset of an image whose maker was killed at some moment is made anew
zfs_killed() { # seconds
	onggi rmi -f base >/dev/null 2>&1 || true
	timeout -s KILL "$1" "$ONGGI_BIN/onggi" create base true >/dev/null 2>&1 || true
	[ "$(onggi run --rm --network none base cat /etc/group | head -c 4)" = root ] || return 1
	onggi ps -aq | xargs -r "$ONGGI_BIN/onggi" rm -f >/dev/null
	heal "killed after $1"
}

zfs_gone() {
	onggi system sweep
	zfs_is_empty && [ -z "$(ls "$ONGGI_RUN/zfs")" ]
}

@test "zfs: faults, commits, ten at once, killed makers, nothing left" {
	[ -z "$(zfs_missing)" ] || skip "$(zfs_missing)"
	zfs_for_store
	store_on zfs
	cells
	local at
	for at in 0.05 0.1 0.15 0.2 0.3; do zfs_killed "$at"; done
	onggi rmi -f base >/dev/null
	eventually 60 zfs_gone
	[ ! -e "$ONGGI_ROOT/zfs/dataset" ]
}
