#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pull and push with image stores of others: what is there is not fetched, what is damaged there is, and what was
# pulled here is the own store's.

load pull_lib

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 200 --seed a --layers 3
	python3 "$LIB/mkimage.py" "$T/oci" --tag more --kb 200 --seed a --layers 4
	lying_start "$T/oci"
	ONGGI_ROOT=$T/theirs "$ONGGI_LIBEXEC/onggi-image" pull -q "$LYING/plain/x:a" >/dev/null
}

teardown_file() {
	lying_stop
	store_teardown
}

setup() {
	store_fresh
	export ONGGI_IMAGE_STORES=$T/theirs
	: >"$LYING_LOG"
	before=$(state)
}

teardown() {
	[ -n "${OWNER_CHANGES:-}" ] || [ "$(state)" = "$before" ] || { echo "something was written to the store of others"; return 1; }
}

onggi() {
	timeout 60 "$ONGGI_BIN/onggi" "$@"
}

state() {
	find "$T/theirs" -printf '%p %i %m %n %s %T@ %C@\n' | sort
}

fetched() { # how many blobs
	grep -c 'GET /v2/plain/x/blobs/' "$LYING_LOG" || true
}

snapshots() {
	find "$ONGGI_ROOT/snapshots" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

@test "an image that is there: no blob is fetched, and the image is ours then" {
	image pull "$LYING/plain/x:a"
	is_status 0
	[ "$(fetched)" = 0 ]
	[ "$(snapshots)" = 0 ]
	[ "$(onggi images --format '{{.ReadOnly}}' "$LYING/plain/x:a")" = false ]
	[ "$(onggi run --rm --network none "$LYING/plain/x:a" echo hi)" = hi ]
	image pull "$LYING/plain/x:a"
	is_status 0
	has "up to date"
	run -0 onggi system check
	# config, manifest: without the other store it is still listed, and says what it lacks
	unset ONGGI_IMAGE_STORES
	[ "$(onggi images -q | wc -l)" = 1 ]
	run -0 onggi image inspect "$LYING/plain/x:a"
	run -1 onggi system check
	has "is not unpacked"
	run -0 onggi rmi "$LYING/plain/x:a"
	export ONGGI_IMAGE_STORES=$T/theirs
	[ "$(onggi images --format '{{.ReadOnly}}')" = true ]
	store_is_clean
}

@test "layers that are there: the others only" {
	image pull -q "$LYING/plain/x:more"
	is_status 0
	[ "$(fetched)" = 1 ] # the config: the layer more is the one below it once again
	[ "$(snapshots)" = 1 ]
	[ "$(onggi run --rm --network none "$LYING/plain/x:more" echo hi)" = hi ]
	run -0 onggi system check
	run -0 onggi rmi "$LYING/plain/x:more"
	[ "$(snapshots)" = 0 ]
	store_is_clean
}

@test "a create fetches nothing, a push sends what is there" {
	[ "$(onggi run --rm --network none "$LYING/plain/x:a" echo hi)" = hi ]
	[ ! -s "$LYING_LOG" ]
	digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "a") | .digest' "$T/oci/index.json")
	image push "$LYING/plain/x:a" "oci:$T/pushed:a"
	is_status 0
	[ "$(jq -r '.manifests[0].digest' "$T/pushed/index.json")" = "$digest" ]
}

@test "other form, other driver: made here of the blobs there" {
	grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS"
	ONGGI_STORAGE_DRIVER=erofs image pull "$LYING/plain/x:a"
	[ "$status" = 0 ] || { grep -q 'erofs: this kernel' <<<"$output"; skip "$output"; }
	[ "$(fetched)" = 0 ]
	[ "$(find "$ONGGI_ROOT/snapshots" -name tar | wc -l)" = 3 ]
	[ "$(onggi -s erofs run --rm --network none "$LYING/plain/x:a" echo hi)" = hi ]
	run -0 onggi storage migrate --to overlay
	[ "$(onggi run --rm --network none "$LYING/plain/x:a" echo hi)" = hi ]
	run -0 onggi system check
}

@test "a blob that is damaged there is fetched, whatever its mark says" {
	OWNER_CHANGES=yes
	cp -a "$T/theirs" "$T/bad"
	export ONGGI_IMAGE_STORES=$T/bad
	rm -r "$T/bad/snapshots" "$T/bad/images" "$T/bad/references"
	for f in "$T"/bad/blobs/sha256/*; do
		mode=$(stat -c %a "$f")
		chmod u+w "$f"
		printf X | dd of="$f" bs=1 seek=20 conv=notrunc status=none
		chmod "$mode" "$f"
	done
	image pull "$LYING/plain/x:more"
	is_status 0
	[ "$(fetched)" -ge 4 ]
	[ "$(onggi run --rm --network none "$LYING/plain/x:more" echo hi)" = hi ]
	run -0 onggi system check
	rm -rf "$T/bad"
}
