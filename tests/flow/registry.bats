#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pulls from a real registry: formats, compressions, platforms, names, output, parallel pulls,
# kill -9.

load pull_lib

setup_file() {
	store_setup
	store_registry
	python3 "$LIB/mkimage.py" "$T/oci" --tag gzip --kb 300
	python3 "$LIB/mkimage.py" "$T/oci" --tag zstd --compress zstd --kb 300
	python3 "$LIB/mkimage.py" "$T/oci" --tag mixed --compress none,gzip,zstd --kb 300
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch arm64,amd64 --kb 100 --seed multi
	python3 "$LIB/mkimage.py" "$T/oci" --tag big --kb 20000 --seed big
	for tag in gzip zstd mixed big; do copy_in "$tag" "x:$tag"; done
	copy_in multi x:multi --all
	copy_in gzip x:docker --format v2s2
	copy_in gzip library/deep/er/name:1.0
}

teardown_file() {
	registry_stop
	store_teardown
}

setup() {
	store_fresh
}

record() { # FILTER: of the only image
	jq -r "$1" "$ONGGI_ROOT"/images/*
}

raw() { # NAME: the manifest as the registry has it
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"
}

# the snapshots, lowest first, as paths of their diff
chain() {
	record '.layers[].chain_id' | sed "s,^sha256:,$ONGGI_ROOT/snapshots/,; s,\$,/diff,"
}

unpacked_is_right() { # [ARCH [KB]]
	mapfile -t d < <(chain)
	[ "${#d[@]}" = 3 ]
	cmp "${d[0]}/bin/busybox" /bin/busybox
	[ "$(readlink "${d[0]}/bin/sh")" = busybox ]
	[ "$(cat "${d[1]}/etc/arch")" = "${1:-amd64}" ]
	[ "$(stat -c %h "${d[1]}/etc/arch")" = 2 ]
	[ "$(stat -c '%F %t:%T' "${d[1]}/gone")" = 'character special file 0:0' ]
	[ "$(stat -c '%a %s' "${d[2]}/noise")" = "600 $((${2:-300} * 1024))" ]
	[ "$(stat -c %Y "${d[0]}/bin/busybox")" = 1700000000 ]
}

@test "a pull prints what docker prints" {
	image pull "$REGISTRY/x:gzip"
	is_status 0
	[ "${lines[0]}" = "gzip: Pulling from x" ]
	[ "$(grep -c ': Pulling fs layer$' <<<"$output")" = 3 ]
	[ "$(grep -c ': Pull complete$' <<<"$output")" = 3 ]
	n=${#lines[@]}
	[[ ${lines[n - 3]} =~ ^Digest:\ sha256:[0-9a-f]{64}$ ]]
	[ "${lines[n - 2]}" = "Status: Downloaded newer image for $REGISTRY/x:gzip" ]
	[ "${lines[n - 1]}" = "$REGISTRY/x:gzip" ]
	unpacked_is_right
	store_is_clean
	image pull "$REGISTRY/x:gzip"
	is_status 0
	has "Status: Image is up to date for $REGISTRY/x:gzip"
	hasnt "Pulling fs layer"
}

@test "digest, image ID and blobs are those of the registry, to the bit" {
	image pull -q "$REGISTRY/x:gzip"
	is_status 0
	[ "$output" = "$REGISTRY/x:gzip" ]
	[ "$(record .manifest.digest)" = "sha256:$(raw x:gzip | sha256sum | cut -d' ' -f1)" ]
	id=$(raw x:gzip | jq -r .config.digest)
	[ -f "$ONGGI_ROOT/images/${id#sha256:}" ]
	for b in "$ONGGI_ROOT"/blobs/sha256/*; do
		[ "$(sha256sum <"$b" | cut -d' ' -f1)" = "${b##*/}" ]
	done
	[ "$(ls "$ONGGI_ROOT/blobs/sha256" | wc -l)" = 5 ]
}

@test "zstd, plain and mixed layers" {
	image pull -q "$REGISTRY/x:zstd"
	is_status 0
	unpacked_is_right
	store_fresh
	image pull -q "$REGISTRY/x:mixed"
	is_status 0
	unpacked_is_right
}

@test "docker's media types" {
	image pull -q "$REGISTRY/x:docker"
	is_status 0
	[ "$(record .manifest.mediaType)" = application/vnd.docker.distribution.manifest.v2+json ]
	unpacked_is_right
}

@test "an index gives the wanted platform" {
	image pull --platform linux/amd64 "$REGISTRY/x:multi"
	is_status 0
	unpacked_is_right amd64 100
	has "Digest: sha256:$(raw x:multi | sha256sum | cut -d' ' -f1)"
	store_fresh
	image pull -q --platform=linux/arm64/v8 "$REGISTRY/x:multi"
	is_status 0
	unpacked_is_right arm64 100
	store_fresh
	image pull -q --platform linux/s390x "$REGISTRY/x:multi"
	is_status 1
	has "no matching manifest for linux/s390x in the manifest list entries"
	image pull --platform linux/x/y/z "$REGISTRY/x:multi"
	is_status 1
	has "cannot parse platform specifier"
}

@test "an image of another platform comes with a warning" {
	image pull --platform linux/arm64 "$REGISTRY/x:gzip"
	is_status 0
	has "does not match the specified platform: wanted linux/arm64, actual: linux/amd64"
}

@test "by digest, and digest beats tag" {
	digest=sha256:$(raw x:zstd | sha256sum | cut -d' ' -f1)
	image pull "$REGISTRY/x@$digest"
	is_status 0
	[ "${lines[-1]}" = "$REGISTRY/x@$digest" ]
	image pull "$REGISTRY/x:nosuchtag@$digest"
	is_status 0
	image pull "$REGISTRY/x@sha256:$(printf '%064d' 0)"
	is_status 1
	has "not found: manifest unknown: manifest unknown"
}

@test "deep names, default tag, all tags" {
	image pull "$REGISTRY/library/deep/er/name:1.0"
	is_status 0
	image pull "$REGISTRY/x"
	is_status 1
	has "Using default tag: latest"
	has "manifest for $REGISTRY/x:latest not found: manifest unknown: manifest unknown"
	image pull -a "$REGISTRY/x"
	is_status 0
	[ "$(ls "$ONGGI_ROOT/references" | grep -c "x:")" -ge 6 ]
	has "Status: Downloaded newer image for $REGISTRY/x"
	image pull -a "$REGISTRY/x:gzip"
	is_status 1
	has "tag can't be used with --all-tags/-a"
}

@test "no layer at all, and the same layer many times" {
	python3 "$LIB/mkimage.py" "$T/oci" --tag none --layers 0
	python3 "$LIB/mkimage.py" "$T/oci" --tag many --layers 120 --kb 1 --compress gzip,none
	copy_in none x:none
	copy_in many x:many
	image pull -q "$REGISTRY/x:none"
	is_status 0
	store_fresh
	image pull -q "$REGISTRY/x:many"
	is_status 0
	[ "$(record '.layers | length')" = 120 ]
	[ "$(ls "$ONGGI_ROOT/snapshots" | wc -l)" = 120 ]
	# two kinds of packing: three blobs and the other form of the repeated one
	[ "$(record '.layers[].digest' | sort -u | wc -l)" = 4 ]
}

@test "closed standard streams do no harm" {
	"$ONGGI_LIBEXEC/onggi-image" pull "$REGISTRY/x:gzip" >&- 2>&- <&- || true
	image pull -q "$REGISTRY/x:gzip"
	is_status 0
	unpacked_is_right
}

@test "shared layers are fetched once" {
	image pull -q "$REGISTRY/x:gzip"
	is_status 0
	image pull "$REGISTRY/x:big"
	is_status 0
	[ "$(grep -c ': Already exists$' <<<"$output")" = 2 ]
	[ "$(grep -c ': Pull complete$' <<<"$output")" = 1 ]
}

@test "missing registry, bad names, bad flags" {
	image pull localhost:1/x
	is_status 1
	has "connect to localhost: connection refused"
	has "hint: nothing listens at"
	for bad in Up/Case 'a b' x: x@sha256:12 http://x/y ''; do
		image pull "$bad"
		is_status 1
		has "invalid reference format"
	done
	image pull "$(printf '%064d' 0)"
	has "cannot specify 64-byte hexadecimal strings"
	image pull
	is_status 1
	has "requires exactly 1 argument"
	image pull --nonsense x
	is_status 125
	has "unknown flag: --nonsense"
	image pull --platform
	is_status 125
}

@test "the same image by eight processes at once: one download" {
	for i in 1 2 3 4 5 6 7 8; do
		timeout 60 "$ONGGI_LIBEXEC/onggi-image" pull "$REGISTRY/x:big" >"$T/out.$i" 2>&1 3>&- &
		pids[i]=$!
	done
	for i in 1 2 3 4 5 6 7 8; do wait "${pids[i]}" || { cat "$T/out.$i"; return 1; }; done
	[ "$(cat "$T"/out.* | grep -c ': Pull complete$')" = 3 ]
	unpacked_is_right amd64 20000
	store_is_clean
}

@test "kill -9 at any moment: nothing is visible, the next pull works" {
	for delay in 0.01 0.03 0.06 0.1 0.15 0.2 0.3; do
		store_fresh
		timeout -s KILL "$delay" "$ONGGI_LIBEXEC/onggi-image" pull -q "$REGISTRY/x:big" >/dev/null 2>&1 || true
		image pull -q "$REGISTRY/x:big"
		is_status 0
		unpacked_is_right amd64 20000
	done
}

@test "an unwritable store and a full disk are said so" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir -p "$T/small"
	mount -t tmpfs -o size=4m tmpfs "$T/small" 2>/dev/null || skip "cannot mount"
	ONGGI_ROOT=$T/small/root image pull "$REGISTRY/x:big"
	umount "$T/small"
	is_status 1
	has "no space left on device"
	echo x >"$T/file"
	ONGGI_ROOT=$T/file/root image pull "$REGISTRY/x:gzip"
	is_status 1
	has "not a directory"
}

@test "on a terminal: lines in place, bars, no colour with NO_COLOR" {
	pull="stty cols 120 rows 30; '$ONGGI_LIBEXEC/onggi-image' pull '$REGISTRY/x:big'"
	NO_COLOR=1 TERM=xterm run timeout 60 script -qec "$pull" /dev/null
	is_status 0
	has $'\033['
	hasnt $'\033[32m'
	has "Pull complete"
	store_fresh
	TERM=xterm run timeout 60 script -qec "$pull" /dev/null
	has $'\033[32m'
}
