#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# devicemapper.bats - the storage driver devicemapper with a thin pool of the user: who gets it, what a kill at
# any of its requests leaves, a pool that is full. The suite of all drivers is tests/flow/storage.bats.

load ../flow/lib

setup() {
	[ -n "${GUEST_CGROUP:-}" ] || skip "runs in the guest only: tests/guest/run"
	images_or_skip
	engine_setup
	export ONGGI_STORAGE_DRIVER=devicemapper
	POOL=onggi-test-$$
	LOOPS=()
}

teardown() {
	local failed=
	engine_teardown || failed=1
	if dmsetup status "$POOL" >/dev/null 2>&1; then
		dmsetup remove "$POOL" || failed=1
	fi
	[ ${#LOOPS[@]} = 0 ] || losetup -d "${LOOPS[@]}"
	[ -z "$failed" ]
}

# a thin pool of SIZE MB, as a user would make it
pool() {
	truncate -s "$1M" "$T/data"
	truncate -s 4M "$T/meta"
	LOOPS=("$(losetup -f --show "$T/data")" "$(losetup -f --show "$T/meta")")
	dmsetup create "$POOL" --table "0 $(($1 * 2048)) thin-pool ${LOOPS[1]} ${LOOPS[0]} 128 0 2 skip_block_zeroing error_if_no_space"
	export ONGGI_DM_THINPOOL=/dev/mapper/$POOL ONGGI_DM_BASE_SIZE=256m
}

# volumes that are in the pool, whoever knows of them
volumes() {
	dmsetup message "$POOL" 0 reserve_metadata_snap
	thin_ls -m --no-headers -o DEV "${LOOPS[1]}"
	dmsetup message "$POOL" 0 release_metadata_snap
}

transaction() {
	dmsetup status "$POOL" | cut -d ' ' -f 4
}

equal() {
	[ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); return 1; }
}

# swept N: after a sweep so many volumes are left. udev looks into each new device for a moment, and what is open
# then is for the next sweep
swept() {
	onggi system sweep
	[ "$(volumes | wc -l)" = "$1" ]
}

# the last volume is gone, and the pool is free for others
given_up() { swept 0 && [ "$(transaction)" = 0 ]; }

# devices: the pool's only. One that udev has open goes when it has been closed
alone() { [ "$(dmsetup ls | grep -c "^onggi-")" = 1 ]; }

@test "a pool of the user: for one store, until its last volume is gone" {
	pool 300
	onggi create --name c1 base sh -c 'echo x >/f; cat /f' >/dev/null
	equal "$(volumes | wc -l)" 2
	equal "$(transaction)" 1
	run -1 --separate-stderr "$ONGGI_BIN/onggi" create --storage-opt size=1g base
	[[ $stderr == *"storage driver devicemapper: all its volumes have one size"*"ONGGI_DM_BASE_SIZE"* ]]
	run -1 --separate-stderr env ONGGI_ROOT="$T/other" "$ONGGI_BIN/onggi" create base
	[[ $stderr == *"thin pool $POOL is in use: transaction ID 1"*"hint: give the store an empty thin pool"* ]]
	[ ! -e "$T/other/devicemapper/pool.json" ]
	# the store knows its pool by itself
	equal "$(env -u ONGGI_DM_THINPOOL -u ONGGI_STORAGE_DRIVER "$ONGGI_BIN/onggi" start -a c1)" x
	onggi rm c1 >/dev/null
	eventually 60 swept 1
	onggi rmi base >/dev/null
	eventually 60 given_up
	onggi run --rm --network none base true
	rm -rf "$T/other"
}

owner() {
	env -u ONGGI_IMAGE_STORES ONGGI_ROOT="$T/theirs" ONGGI_RUN="$T/their-run" "$ONGGI_BIN/onggi" "$@"
}

state() {
	find "$T/theirs" -printf '%p %i %m %n %s %T@ %C@\n' | sort
}

own_pool_gone() {
	onggi system sweep
	[ -z "$(ls -d "$ONGGI_ROOT"/devicemapper/*/* "$ONGGI_ROOT"/devicemapper/{pool.json,data,metadata} 2>/dev/null)" ]
}

@test "images of others, whose owner uses devicemapper too: volumes here, nothing is written there" {
	export ONGGI_DM_BASE_SIZE=128m
	owner load -q -i "$ONGGI_DATA/base.oci.tar" >/dev/null
	owner run --rm --network none base true
	local before
	before=$(state)
	mkdir "$T/ro"
	mount --bind "$T/theirs" "$T/ro"
	mount -o remount,bind,ro "$T/ro"
	export ONGGI_IMAGE_STORES=$T/ro
	equal "$(onggi images --format '{{.ReadOnly}}')" true
	equal "$(onggi run --name c1 --network none base sh -c 'echo new >/f; rm /etc/passwd; head -c 4 /etc/group')" root
	equal "$(onggi diff c1 | sort | xargs)" "A /f C /etc D /etc/passwd"
	onggi commit c1 ours >/dev/null
	equal "$(onggi run --rm --network none ours cat /f)" new
	onggi start -a c1
	onggi rm c1 >/dev/null
	onggi rmi ours >/dev/null
	onggi image prune -a -f >/dev/null
	eventually 60 own_pool_gone
	onggi system check
	umount "$T/ro"
	equal "$(state)" "$before"
	unset ONGGI_IMAGE_STORES
	owner rmi base >/dev/null
	owner system sweep
}

@test "no such pool, no pool, a bad size" {
	run -1 --separate-stderr env ONGGI_DM_THINPOOL=/dev/mapper/nosuch "$ONGGI_BIN/onggi" create base
	[[ $stderr == *"devicemapper: thin pool: no device nosuch"* ]]
	dmsetup create "$POOL" --table '0 2048 error'
	run -1 --separate-stderr env ONGGI_DM_THINPOOL="$POOL" "$ONGGI_BIN/onggi" create base
	[[ $stderr == *"device $POOL is no thin pool (error)"* ]]
	run -1 --separate-stderr env ONGGI_DM_BASE_SIZE=1k "$ONGGI_BIN/onggi" create base
	[[ $stderr == *'ONGGI_DM_BASE_SIZE: "1k" is too small: at least 64m'* ]]
	[ -z "$(ls "$ONGGI_ROOT/containers")" ]
	[ ! -e "$ONGGI_ROOT/devicemapper/pool.json" ]
}

@test "a full pool: writing fails, no container is made, removal makes room" {
	pool 64
	run -1 onggi run --network none --name big base sh -c 'dd if=/dev/zero of=/big bs=1M count=80 conv=fsync'
	run -1 --separate-stderr "$ONGGI_BIN/onggi" create base
	[[ $stderr == *"devicemapper: thin pool $POOL is full: "*" are free, less than a tenth"* ]]
	[[ $stderr == *"hint: remove containers and images, or extend the pool"* ]]
	onggi rm big >/dev/null
	onggi run --rm --network none base true
}

# killed_at N COMMAND...: killed at its Nth request to the kernel by ioctl; 0: it came through without so many
killed_at() {
	local n=$1 s=0
	shift
	strace -o /dev/null -e trace=ioctl -e inject=ioctl:signal=KILL:when="$n" "$ONGGI_BIN/onggi" "$@" >"$T/out" 2>&1 || s=$?
	[ "$s" != 0 ] || return 0
	[ "$s" = 137 ] || echo "$* ended with $s at request $n: $(cat "$T/out")"
	return "$s"
}

# killed LEAST COMMAND...: at each one after the other, until it comes through
killed() {
	local least=$1 n=1 s
	shift
	while s=0 && { killed_at "$n" "$@" 2>/dev/null || s=$?; } && [ "$s" = 137 ]; do
		n=$((n + 1))
	done
	[ "$s" = 0 ] && [ "$n" -gt "$least" ] || { echo "$n requests of $*, $s"; return 1; }
}

@test "kill -9 at each request to the kernel: no volume is lost, none is left" {
	pool 300
	onggi load -q -i "$ONGGI_DATA/base.oci.tar" >/dev/null
	killed 10 create base cat /etc/passwd
	local c
	c=$(cat "$T/out")
	killed 5 start -a "$c"
	equal "$(head -c 4 "$T/out")" root
	# of all that were killed the store knows no container but this
	equal "$(onggi ps -aq --no-trunc)" "$c"
	eventually 60 swept 2
	# a removal is not begun twice where the record is gone, which is first
	local n s
	for ((n = 1, s = 137; s == 137; n++)); do
		s=0
		killed_at "$n" rm "$c" 2>/dev/null || s=$?
		[ "$s" != 0 ] || break
		! onggi ps -aq --no-trunc | grep -q . || onggi rm "$c" >/dev/null
		c=$(onggi create base true)
	done
	[ "$s" = 0 ]
	[ "$n" -gt 6 ]
	equal "$(onggi ps -aq)" ""
	eventually 60 swept 1
	# so does an image; its volume is for whoever looks next
	s=0
	killed_at 2 rmi base 2>/dev/null || s=$?
	[ "$s" = 137 ]
	equal "$(onggi images -q)" ""
	killed 3 system sweep
	eventually 60 given_up
	eventually 60 alone
}
