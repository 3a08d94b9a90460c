#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A pull that fails, or is killed, right after each of its steps: nothing is visible before the
# last one, and the next pull works.

load ../flow/pull_lib

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --kb 200
	lying_start "$T/oci"
}

teardown_file() {
	lying_stop
	store_teardown
}

setup() {
	store_fresh
	ONGGI_FAULT=pull:manifest image pull -q "$LYING/plain/x"
	[ "$status" != 0 ] || skip "this build has no fault points"
	store_fresh
}

next_works() {
	image pull -q "$LYING/plain/x"
	is_status 0
	[ "$(ls "$ONGGI_ROOT/images" | wc -l)" = 1 ]
	[ "$(ls "$ONGGI_ROOT/snapshots" | wc -l)" = 3 ]
	[ -z "$(find "$ONGGI_ROOT/tmp" -name 'partial-*' -o -name 'blob-*')" ]
}

@test "a fault after each step" {
	for step in manifest choose config lease layers; do
		ONGGI_FAULT=pull:$step image pull -q "$LYING/plain/x"
		is_status 1
		has "injected fault"
		store_is_empty
		store_is_clean
		next_works
		store_fresh
	done
}

@test "kill -9 after each step" {
	for step in manifest choose config lease layers; do
		ONGGI_FAULT=pull:$step:kill image pull -q "$LYING/plain/x"
		is_status 137
		store_is_empty
		next_works
		store_fresh
	done
	# after the last step the image is there for good
	ONGGI_FAULT=pull:register:kill image pull -q "$LYING/plain/x"
	is_status 137
	[ "$(ls "$ONGGI_ROOT/images" | wc -l)" = 1 ]
	image pull "$LYING/plain/x"
	is_status 0
	has "Image is up to date"
}

@test "a manifest of schema 1: a fault and kill -9 after each step" {
	for how in "" :kill; do
		for step in manifest choose config lease layers; do
			ONGGI_FAULT=pull:$step$how image pull -q "$LYING/schema1/x"
			is_status "$([ "$how" ] && echo 137 || echo 1)"
			store_is_empty
			image pull -q "$LYING/schema1/x"
			is_status 0
			[ "$(ls "$ONGGI_ROOT/snapshots" | wc -l)" = 3 ]
			[ -z "$(find "$ONGGI_ROOT/tmp" -name 'partial-*' -o -name 'blob-*')" ]
			"$ONGGI_BIN/onggi" system check
			store_fresh
		done
	done
}
