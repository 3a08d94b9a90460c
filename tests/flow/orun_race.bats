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
	cat >"$T/swap.py" <<-'P'
		import ctypes, os, sys
		libc = ctypes.CDLL(None, use_errno=True)
		a, b = (p.encode() for p in sys.argv[1:3])
		open(sys.argv[3] + ".on", "w").close()
		while os.path.exists(sys.argv[3]):
		    for _ in range(200):
		        libc.syscall(316, -100, a, -100, b, 2)  # renameat2, RENAME_EXCHANGE
	P
}

teardown() {
	rm -f "$T/go"
	orun_teardown
}

swapping() { # a b command...: run the command while a and b change places
	: >"$T/go"
	python3 "$T/swap.py" "$1" "$2" "$T/go" 3>&- &
	local p=$!
	shift 2
	while [ ! -e "$T/go.on" ]; do sleep 0.02; done
	"$@"
	rm "$T/go"
	wait "$p"
}

canary_is_whole() {
	[ "$(find "$T/canary" | sort | tr '\n' ' ')" = "$T/canary $T/canary/a $T/canary/file " ]
	[ "$(cat "$T/canary/file")" = alive ]
	! grep -q " $T/canary" /proc/self/mountinfo
}

many_creates() {
	local i
	for i in $(seq 60); do
		orun run -b "$B" "$ID" >/dev/null 2>&1 || true
	done
}

@test "mount places below a shared volume" {
	[ "$(uname -m)" = x86_64 ] || skip "system call number"
	ln -s "../../../../../../..$T/canary" "$T/vol/link"
	cfg '.process.args = ["true"] | .mounts += [
		{"destination": "/vol", "source": $v, "options": ["rbind"]},
		{"destination": "/vol/a/new/dir", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/vol/a/file", "source": "rootfs/etc/passwd", "options": ["bind"]}]' --arg v "$T/vol"
	swapping "$T/vol/a" "$T/vol/link" many_creates
	canary_is_whole
}

@test "devices and masked paths below a shared volume" {
	[ "$(uname -m)" = x86_64 ] || skip "system call number"
	ln -s "$T/canary" "$T/vol/link"
	cfg '.process.args = ["true"] | .mounts += [{"destination": "/vol", "source": $v, "options": ["rbind"]}]
		| .linux.devices = [{"path": "/vol/a/null2", "type": "c", "major": 1, "minor": 3}]
		| .linux.maskedPaths += ["/vol/a/file", "/vol/a"]' --arg v "$T/vol"
	swapping "$T/vol/a" "$T/vol/link" many_creates
	canary_is_whole
}
