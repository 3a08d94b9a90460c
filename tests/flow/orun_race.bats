#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a neighbour that shares a volume can do while a container is being created: swap directories
# and links under the mount places. Nothing outside of the root may ever be touched.

load orun_lib

setup() {
	orun_setup
	mkdir -p "$T/vol/a" "$T/vol/keep" "$T/canary/a"
	echo alive >"$T/canary/file"
}

teardown() {
	touch "$T/swap"
	orun_teardown
}

canary_is_whole() {
	[ "$(find "$T/canary" | sort | tr '\n' ' ')" = "$T/canary $T/canary/a $T/canary/file " ]
	[ "$(cat "$T/canary/file")" = alive ]
	! grep -q " $T/canary" /proc/self/mountinfo
}

@test "mount places below a shared volume" {
	ln -s "../../../../../../..$T/canary" "$T/vol/link"
	cfg '.process.args = ["true"] | .mounts += [
		{"destination": "/vol", "source": $v, "options": ["rbind"]},
		{"destination": "/vol/a/new/dir", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/vol/a/file", "source": "rootfs/etc/passwd", "options": ["bind"]}]' --arg v "$T/vol"
	swapping "$T/vol/a" "$T/vol/link" run_again 60
	canary_is_whole
}

@test "devices and masked paths below a shared volume" {
	ln -s "$T/canary" "$T/vol/link"
	cfg '.process.args = ["true"] | .mounts += [{"destination": "/vol", "source": $v, "options": ["rbind"]}]
		| .linux.devices = [{"path": "/vol/a/null2", "type": "c", "major": 1, "minor": 3}]
		| .linux.maskedPaths += ["/vol/a/file", "/vol/a"]' --arg v "$T/vol"
	swapping "$T/vol/a" "$T/vol/link" run_again 60
	canary_is_whole
}
