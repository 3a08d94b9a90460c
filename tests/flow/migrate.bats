#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# storage migrate: images in the form of another driver, what is in use stays, whatever is killed.

load lib

setup() {
	grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS"
	engine_setup
	cd "$T"
	if ! onggi -s erofs run --rm --network none base true 2>"$T/why"; then
		grep -q 'erofs: this kernel' "$T/why"
		skip "$(head -1 "$T/why")"
	fi
	onggi rmi base >/dev/null
	printf 'f 644 a one\nd 755 d\nf 4711 d/x two\nh d/y d/x\n' >l1
	printf 'f 644 a three\nf 644 d/.wh.y \nf 644 b four\n' >l2
	for i in 1 2 3; do
		printf 'f 644 own %s\n' "$i" >l3
		python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar "m:$i" l1 l2 l3 && onggi load -q -i a.tar >/dev/null
	done
}

teardown() {
	cd /
	engine_teardown
}

forms() { # which forms there are
	find "$ONGGI_ROOT/snapshots" -mindepth 2 -maxdepth 2 \( -name diff -o -name tar \) -printf '%f\n' | sort -u | xargs
}

seen() { # DRIVER
	onggi -s "$1" run --rm --network none m:2 sh -c 'cat a b own; ls d; stat -c %a d/x' | xargs
}

@test "to erofs and back: one form each, the same containers, images that can be pushed and saved" {
	before=$(seen overlay)
	onggi save -o before.tar m:1 m:2 m:3
	[ "$(forms)" = diff ]
	run -0 onggi storage migrate --to erofs
	[[ ${lines[0]} == "1/3 "*": made" ]]
	[[ ${lines[3]} == "3 images, 3 made, 0 failed; layers in another form: "*" removed, 0 in use" ]]
	[ "$(forms)" = tar ]
	[ "$(seen erofs)" = "$before" ]
	[ "$(forms)" = tar ]
	run -0 onggi storage migrate --to overlay2
	[ "$(forms)" = diff ]
	[ "$(seen overlay)" = "$before" ]
	onggi save -o after.tar m:1 m:2 m:3
	cmp before.tar after.tar
	onggi system check
	run -0 onggi storage migrate --to vfs --json
	[ "$(jq -r '[.Driver, (.Images | length), .Images[0].Result, .LayersRemoved] | join(" ")' <<<"$output")" = "vfs 3 ready 0" ]
}

@test "what containers and mounted images use stays, until they are gone" {
	onggi create --name old --network none m:1 sh -c 'cat a own' >/dev/null
	run -0 onggi storage migrate --to erofs
	[[ $output == *" 4 in use"* ]]
	run -0 onggi start -a old
	[ "$output" = $'three1' ] || [ "$output" = $'three\n1' ]
	onggi rm old >/dev/null
	onggi image mount m:3 >/dev/null
	run -0 onggi storage migrate --to erofs
	[[ $output == *" 0 made"*" 4 in use"* ]]
	onggi image unmount m:3 >/dev/null
	run -0 onggi storage migrate --to erofs
	[[ $output == *" 0 in use"* ]]
	[ "$(forms)" = tar ]
}

@test "a blob that is lost: the image keeps the form that it has, the others go on" {
	blob=$(onggi image inspect m:3 | jq -r '.[0].Id' | cut -d: -f2)
	layer=$(jq -r '.layers[-1].digest' "$ONGGI_ROOT/images/$blob" | tr : /)
	mv "$ONGGI_ROOT/blobs/$layer" kept
	run -1 onggi storage migrate --to erofs
	[[ $output == *"is here for other storage drivers only"* ]]
	[[ $output == *"3 images, 2 made, 1 failed"* ]]
	onggi run --rm --network none m:3 cat own
	onggi -s erofs run --rm --network none m:2 cat own
	run -1 onggi storage migrate --to erofs --json
	[ "$(jq -r '[.Images[].Result] | sort | join(" ")' <<<"$output")" = "failed ready ready" ]
	mv kept "$ONGGI_ROOT/blobs/$layer"
	onggi storage migrate --to erofs
	[ "$(forms)" = tar ]
}

@test "wrong use" {
	run -1 onggi storage migrate
	[[ $output == *"--to says which storage driver"* ]]
	run -1 onggi storage migrate --to nosuch
	[[ $output == *"unknown storage driver nosuch"* ]]
	run -1 onggi storage migrate --to btrfs
	[[ $output == *"btrfs: $ONGGI_ROOT is on another file system"* ]]
	[ "$(forms)" = diff ]
}

@test "killed at any moment, and beside containers that are made: nothing is lost" {
	local to driver=overlay round pid
	for round in $(seq 12); do
		to=erofs
		[ $((round % 2)) = 1 ] || to=overlay
		"$ONGGI_BIN/onggi" storage migrate --to "$to" >out 2>&1 &
		pid=$!
		"$ONGGI_BIN/onggi" -s "$driver" create --name "c$round" --network none m:2 cat own >made 2>&1 || { cat made; return 1; }
		if [ $((round % 3)) = 0 ]; then
			kill -9 $pid 2>/dev/null || true
			wait $pid || true
		else
			wait $pid || { cat out; return 1; }
		fi
				run -0 onggi start -a "c$round"
		[ "$output" = 2 ]
		onggi rm "c$round" >/dev/null
		driver=$to
	done
	onggi storage migrate --to overlay >/dev/null
	[ "$(forms)" = diff ]
	onggi system check
	[ -z "$(find "$ONGGI_ROOT/tmp" -mindepth 1)" ] || { find "$ONGGI_ROOT/tmp" -mindepth 1 -ls; return 1; }
}

looks() { # how often a create asks for the mark of the topmost layer
	strace -f -o looks.log -e trace=faccessat,faccessat2 "$ONGGI_BIN/onggi" create --network none m:1 true >/dev/null
	grep -c "$top/synced" looks.log
}

@test "a create looks at its layers once, and again when a migration was there meanwhile" {
	command -v strace >/dev/null || skip "strace is not installed"
	[ -z "${ASAN_OPTIONS:-}" ] || skip "strace and the leak checker exclude each other"
	top=$(jq -r '.layers[-1].chain_id' "$ONGGI_ROOT/images/$(onggi images -q --no-trunc m:1 | cut -d : -f 2)" | cut -d : -f 2)
	[ "$(looks)" = 1 ]
	onggi storage migrate --to erofs >/dev/null
	onggi storage migrate --to overlay >/dev/null
	[ "$(stat -c %a "$ONGGI_ROOT/locks/forms")" = 600 ]
	[ "$(looks)" = 1 ]
	# as one leaves it that is killed
	chmod 700 "$ONGGI_ROOT/locks/forms"
	[ "$(looks)" = 2 ]
	onggi storage migrate --to overlay >/dev/null
	[ "$(looks)" = 1 ]
}
