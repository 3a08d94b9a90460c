#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# image mount and unmount: counted, read-only, in the way of a removal; what a kill or a reboot leaves is
# cleaned up.

load lib

setup() {
	engine_setup
	cd "$T"
	image_load busybox
}

teardown() {
	cd /
	onggi image unmount -a -f >/dev/null 2>&1
	engine_teardown
}

# no file of an image mount is left, and no mount
nothing_left() {
	local left
	left=$(find "$ONGGI_RUN/images" -mindepth 1 ! -name lock; find "$ONGGI_ROOT/containers" -mindepth 1 2>/dev/null)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
	run ! grep -q " $T" /proc/self/mountinfo
}

@test "mount prints the path; read-only; counted" {
	run -0 onggi image mount busybox
	path=$output
	[ -x "$path/bin/busybox" ]
	mountpoint -q "$path"
	run ! touch "$path/new"
	[[ $output == *"Read-only"* ]]
	run -0 onggi image mount busybox:latest
	[ "$output" = "$path" ]
	run -0 onggi image mount
	[ "$output" = "busybox:latest $path" ]
	id=$(onggi images -q --no-trunc)
	run -0 onggi image unmount busybox
	[ "$output" = "${id#sha256:}" ]
	mountpoint -q "$path"
	run -0 onggi image unmount "${id:7:12}"
	[ ! -e "$path" ]
	nothing_left
	run -1 onggi image unmount busybox
	[[ $output == *"image busybox is not mounted"* ]]
	run -0 onggi image unmount --force busybox
	run -0 onggi image mount
	[ -z "$output" ]
}

@test "several, all, json, formats, wrong use" {
	onggi tag busybox other:1
	onggi import - second:1 < <(mkdir t && echo hi >t/hi && tar -C t -c hi) >/dev/null
	run -0 onggi image mount --all
	[ "${#lines[@]}" = 2 ]
	run -0 onggi image mount --format json
	run -0 jq -r '.[] | select(.Names | index("second:1")) | .mountpoint' <<<"$output"
	[ "$(cat "$output/hi")" = hi ]
	run -0 onggi image mount --json
	[ "$(jq -r '.[].Repositories | length' <<<"$output" | sort | xargs)" = "1 2" ]
	run -0 onggi image mount --format '{{.ID}}'
	[ "$(sort <<<"$output")" = $'busybox:latest\nsecond:1' ]
	run -0 onggi image mount --json busybox
	[ "$(jq length <<<"$output")" = 1 ]
	run -1 onggi image mount second:1 nothere
	[[ $output == *"No such image: nothere"*"second:1 /"* ]]
	run -0 onggi image unmount second:1
	run -125 onggi image mount -a busybox
	[[ $output == *"you may not pass any image names"* ]]
	run -125 onggi image unmount
	[[ $output == *"must be specified"* ]]
	run -125 onggi image unmount -a busybox
	[[ $output == *"you may not pass"* ]]
	# busybox twice, second once
	run -0 onggi image unmount --all
	[ "${#lines[@]}" = 2 ]
	run -0 onggi image mount
	[[ $output == busybox:latest* ]]
	run -0 onggi image unmount -a
	nothing_left
}

@test "a mounted image is not removed without force, nor by prune; one in use is not unmounted without force" {
	path=$(onggi image mount busybox)
	run -1 onggi rmi busybox
	[[ $output == *"must be forced"*"mounted at $path"* ]]
	run -1 onggi rmi "$(onggi images -q)"
	[[ $output == *"must be forced"*"mounted at $path"* ]]
	run -0 onggi image prune -a -f
	[ "$output" = "Total reclaimed space: 0B" ]
	[ "$(onggi images -q | wc -l)" = 1 ]
	exec 7<"$path/bin/busybox"
	run -1 onggi image unmount busybox
	[[ $output == *"still in use at $path"* ]]
	mountpoint -q "$path"
	run -0 onggi image unmount -f busybox
	exec 7<&-
	nothing_left
	path=$(onggi image mount busybox)
	run -0 onggi rmi -f busybox
	[ -z "$(onggi images -q)" ]
	nothing_left
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
}

@test "another container goes on; many mounts at once count right" {
	onggi run -d --name one --network none busybox sleep 1000 >/dev/null
	for i in $(seq 8); do
		"$ONGGI_BIN/onggi" image mount busybox >"out$i" &
	done
	wait
	[ "$(cat out* | sort -u | wc -l)" = 1 ]
	path=$(cat out1)
	for i in $(seq 7); do
		onggi image unmount busybox >/dev/null
		mountpoint -q "$path"
	done
	onggi image unmount busybox
	[ ! -e "$path" ]
	onggi exec one true
	onggi rm -f one >/dev/null
	nothing_left
}

@test "killed between record and mount, and rebooted: cleaned up by the next mount and by sweep" {
	path=$(onggi image mount busybox)
	onggi image mount busybox >/dev/null
	# a reboot takes the mounts; the run-time folder may or may not outlive it
	umount "$path"
	run -0 onggi image mount
	[ -z "$output" ]
	run -0 onggi image mount busybox
	[ "$output" = "$path" ]
	onggi image unmount busybox
	nothing_left
	onggi image mount busybox >/dev/null
	umount "$path"
	onggi system sweep
	nothing_left
	onggi image mount busybox >/dev/null
	umount "$path"
	rm -r "$ONGGI_RUN"
	ls "$ONGGI_ROOT/containers" | grep -q image-
	onggi system sweep
	nothing_left
	onggi image mount busybox >/dev/null
	umount "$path"
	run -0 onggi rmi busybox
	onggi system sweep
	nothing_left
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
}

@test "kill -9 at random moments of mount and unmount: the next ones work" {
	for i in $(seq 30); do
		"$ONGGI_BIN/onggi" image mount busybox >/dev/null 2>&1 &
		pid=$!
		perl -e "select undef, undef, undef, rand(0.02)"
		kill -9 $pid 2>/dev/null || true
		wait $pid || true
		"$ONGGI_BIN/onggi" image unmount busybox >/dev/null 2>&1 &
		pid=$!
		perl -e "select undef, undef, undef, rand(0.02)"
		kill -9 $pid 2>/dev/null || true
		wait $pid || true
	done
	path=$(onggi image mount busybox)
	[ -x "$path/bin/busybox" ]
	onggi image unmount -f busybox
	nothing_left
}
