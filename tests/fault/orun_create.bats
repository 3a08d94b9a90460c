#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Each step of create fails, or the creator is killed right after it: a failure leaves nothing, what
# a kill leaves is cleared by delete --force, and the id can be used again.

load ../flow/lib
load ../flow/orun

setup() {
	orun_setup
	bundle_make b '.process.args = ["sleep", "1000"]'
}
teardown() { orun_teardown; }

STEPS="config state sources cgroup process enter record hooks network go finish"

groups_left() {
	find /sys/fs/cgroup -maxdepth 3 -path "*$CG/*" -type d
}

# processes of this test's containers: their root is below $T, or they are orun waiting for start
processes_left() {
	local p
	for p in /proc/[0-9]*; do
		case "$(readlink "$p/exe" 2>/dev/null)" in
		"$T"/*) echo "${p##*/}" ;;
		esac
		tr '\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q -- "--root $T/root" && echo "${p##*/}"
	done
	true
}

nothing_left() {
	[ -z "$(ls -A "$T/root" 2>/dev/null | grep -v '^\.')" ] && [ -z "$(groups_left)" ] && [ -z "$(processes_left)" ]
}

@test "a failing step leaves nothing" {
	for how in create "run -d"; do
		for s in $STEPS; do
			# shellcheck disable=SC2086
			ONGGI_FAULT=runtime:$s run -1 o $how -b "$T/b" c </dev/null
			[[ $output == *"injected fault"* ]] || { echo "$how $s: $output"; false; }
			eventually 60 nothing_left || { echo "$how $s: $(ls -A "$T/root") $(groups_left) $(processes_left)"; false; }
		done
	done
}

@test "what a killed creator leaves is cleared" {
	for how in create "run -d"; do
		for s in $STEPS; do
			rc=0
			# shellcheck disable=SC2086
			ONGGI_FAULT=runtime:$s:kill o $how -b "$T/b" c </dev/null >/dev/null 2>&1 || rc=$?
			[ $rc = 137 ]
			run -0 o delete --force c
			eventually 60 nothing_left || { echo "$how $s: $(ls -A "$T/root") $(groups_left) $(processes_left)"; false; }
			o create -b "$T/b" c </dev/null >/dev/null 2>&1
			o delete -f c
		done
	done
}

@test "a killed creator does not stand in the way of the next" {
	for s in state cgroup; do
		ONGGI_FAULT=runtime:$s:kill o create -b "$T/b" c </dev/null >/dev/null 2>&1 || true
		run -0 o list -q
		[ -z "$output" ]
		o create -b "$T/b" c </dev/null >/dev/null 2>&1
		status_is c created
		run -0 o delete c
		eventually 60 nothing_left
	done
}
