#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the container's mount namespace begins as (src/runtime/mount_base.c): the same mounts come out
# of it either way, and nothing travels to the host.

load orun_lib

setup() {
	orun_setup
	mkdir "$T/x" "$B/rootfs/x"
	mount -t tmpfs tmpfs "$T/x"
	mount --make-shared "$T/x"
	mkdir "$T/x/a" "$T/x/b"
	mount -t tmpfs tmpfs "$T/x/a"
}

teardown() {
	umount -R "$T/x" 2>/dev/null || true
	orun_teardown
}

# a hook needs the paths of the host: the namespace is a copy of the host's
with_hook() {
	cfg '.hooks.createRuntime = [{ "path": "/bin/true" }]'
}

bind_x() { # OPTION...
	cfg '.mounts += [{ destination: "/x", type: "bind", source: $s, options: ($o | split(" ")) }]' \
		--arg s "$T/x" --arg o "$*"
}

with_user() {
	cfg '.linux.namespaces += [{ type: "user" }] | .linux.uidMappings =
		[{ containerID: 0, hostID: 100000, size: 65536 }] | .linux.gidMappings = .linux.uidMappings'
}

@test "the same mounts, devices and groups, with and without the host's mounts to begin with" {
	show='sed -E "s/^[0-9]+ [0-9]+ [0-9]+:[0-9]+//" /proc/self/mountinfo | sort
		ls -l /dev /sys/fs/cgroup | tr -s " " | cut -d " " -f 1,3-6,10-; cat /proc/self/cgroup'
	ln -s busybox "$B/rootfs/bin/sed"
	bind_x rbind ro
	run_sh "$show"
	ok
	plain=$output
	has " /x/a rw" master: " /proc/sys ro" " /sys/fs/cgroup"
	with_hook
	run_sh "$show"
	ok
	diff <(echo "$plain") <(echo "$output")
}

@test "a bind of a shared mount follows the host's, and the host never follows it" {
	cfg '.process.capabilities[] += ["CAP_SYS_ADMIN"]'
	bind_x rbind
	mkfifo -m 666 "$T/x/up" "$T/x/go"
	for kind in plain hook user; do
		case $kind in
		hook) with_hook ;;
		user) cfg 'del(.hooks)' && with_user ;;
		esac
		cfg '.process.args = ["sh", "-c", "mount -t tmpfs inside /x/b && echo in >/x/up; read x </x/go; [ -e /x/a/m/f ] && echo out"]'
		"$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID" >"$T/out" 2>&1 3>&- &
		pid=$!
		[ "$(timeout 60 cat "$T/x/up")" = in ] || { cat "$T/out"; return 1; }
		run -1 grep " $T/x/b " /proc/self/mountinfo
		mkdir "$T/x/a/m" && mount -t tmpfs tmpfs "$T/x/a/m" && touch "$T/x/a/m/f"
		timeout 60 sh -c 'echo go >"$1"' sh "$T/x/go"
		wait $pid
		grep -q out "$T/out"
		umount "$T/x/a/m" && rmdir "$T/x/a/m"
	done
}

@test "a runtime that may not make devices binds the host's" {
	cfg '.process.args = ["sh", "-c", "grep -c \" /dev/[a-z]* .* devtmpfs\" /proc/self/mountinfo; echo x >/dev/null && head -c 1 /dev/zero | wc -c"]'
	run setpriv --bounding-set -mknod "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	ok
	[ "$output" = "6
1" ]
	cfg '.linux.devices = [{ path: "/dev/nowhere", type: "c", major: 1, minor: 3 }]'
	run setpriv --bounding-set -mknod "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	fails "linux.devices" "/dev/nowhere"
}
