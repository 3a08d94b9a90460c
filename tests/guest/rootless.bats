#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# rootless.bats - orun of an ordinary user: ids by newuidmap, no cgroups or delegated ones, the systemd
# driver with the user's own manager; and orun inside a container of orun.

load lib

HOME_U=/home/user
UID_U=1000

setup() {
	guest_setup
	U=$HOME_U/$ID
	mkdir -p "$U"
	chown $UID_U:$UID_U "$U"
	cp -r --no-dereference "$ROOTFS" "$U/rootfs"
	chown -R --no-dereference $UID_U:$UID_U "$U/rootfs"
}

teardown() {
	[ -n "${U:-}" ] || return 0
	as_user sh -c 'for i in $(orun --root "$U/state" list -q); do orun --root "$U/state" delete -f "$i"; done' >/dev/null
	local left
	left=$(ls -A "$U/state" 2>/dev/null)
	rm -rf --one-file-system "$U"
	[ -z "$left" ] || { echo "left over: state $left"; return 1; }
	conform_teardown
}

# in a session-like environment of the user
as_user() {
	(
		cd "$U" || exit
		U=$U ID=$ID PATH=${RUNTIME%/*}:$PATH HOME=$HOME_U exec setpriv --reuid $UID_U --regid $UID_U --clear-groups \
			timeout -k 5 120 env ${XDG:+XDG_RUNTIME_DIR=$XDG} ${XDG:+DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG/bus} "$@" </dev/null
	)
}

# the rootless default config, its process a shell script
rootless_config() { # script [jq edit]
	(cd "$U" && rm -f config.json && as_user orun spec --rootless)
	jq --arg s "$1" '.process.args = ["sh", "-c", $s] | .process.terminal = false | .process.env = ["PATH=/bin"]
		| '"${2:-.}" "$U/config.json" >"$U/c" && mv "$U/c" "$U/config.json"
}

SUBIDS='.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 100000, size: 65536}]
	| .linux.gidMappings = [{containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 100000, size: 65536}]'

@test "rootless: the default config of orun spec --rootless" {
	rootless_config 'id -u; cat /proc/self/uid_map; echo x >/tmp/f || echo read-only; ps | head -3'
	run --separate-stderr as_user orun --root "$U/state" run "$ID"
	ok
	matches '^0'
	matches '0 +1000 +1'
}

@test "rootless: subordinate ids by newuidmap and newgidmap" {
	rootless_config 'cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/f && chown 5:6 /tmp/f && stat -c %u:%g /tmp/f' \
		"$SUBIDS | .root.readonly = false | .process.capabilities |= map_values(. + [\"CAP_CHOWN\"]) | .mounts += [{destination: \"/tmp\", type: \"tmpfs\", source: \"tmpfs\"}]"
	run --separate-stderr as_user orun --root "$U/state" run "$ID"
	ok
	matches '1 +100000 +65536'
	has 5:6
}

@test "rootless: an id that is not the user's is refused" {
	rootless_config true '.linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}, {containerID: 1, hostID: 500000, size: 10}]
		| .linux.gidMappings = [{containerID: 0, hostID: 1000, size: 1}]'
	run --separate-stderr as_user orun --root "$U/state" run "$ID"
	expect_fail 'newuidmap|map'
}

@test "rootless: create, start, exec, kill, delete" {
	rootless_config 'exec sleep 1000' "$SUBIDS"
	as_user orun --root "$U/state" create --pid-file "$U/pid" "$ID" >"$T/out" 2>"$T/err"
	as_user orun --root "$U/state" start "$ID"
	run --separate-stderr as_user orun --root "$U/state" exec "$ID" sh -c 'id -u; cat /proc/1/cmdline'
	ok
	matches '^0'
	has sleep
	run --separate-stderr as_user orun --root "$U/state" exec --user 1000:1000 "$ID" id -u
	ok
	is 1000
	as_user orun --root "$U/state" kill "$ID" KILL
	local end=$((SECONDS + 120))
	until as_user orun --root "$U/state" state "$ID" | grep -q stopped; do [ $SECONDS -lt $end ]; done
	as_user orun --root "$U/state" delete "$ID"
}

@test "rootless: limits without a group of one's own" {
	need v2
	rootless_config 'echo ran' '.linux.resources = {memory: {limit: 33554432}} | .linux.cgroupsPath = "/nowhere/x"'
	run --separate-stderr as_user orun --root "$U/state" run "$ID"
	# the limit is not in force: said, and not silently
	[[ $stderr == *permission* ]] || { echo "$status $output $stderr"; false; }
}

@test "rootless: limits in a delegated group" {
	need v2
	local d=/sys/fs/cgroup/$ID-d
	mkdir "$d" "$d/me"
	echo '+memory +pids' >"$d/cgroup.subtree_control"
	chown $UID_U "$d" "$d/cgroup.procs" "$d/cgroup.subtree_control" "$d/me" "$d/me/cgroup.procs"
	rootless_config 'cat /proc/self/cgroup; exec sleep 1000' \
		".linux.resources = {memory: {limit: 33554432}, pids: {limit: 20}} | .linux.cgroupsPath = \"/$ID-d/c\""
	(
		echo $BASHPID >"$d/me/cgroup.procs"
		as_user orun --root "$U/state" create --pid-file "$U/pid" "$ID" >"$T/out" 2>"$T/err"
	)
	[ "$(cat "$d/c/memory.max" "$d/c/pids.max" | tr '\n' ' ')" = '33554432 20 ' ]
	grep -qx "$(cat "$U/pid")" "$d/c/cgroup.procs"
	as_user orun --root "$U/state" delete --force "$ID"
	[ ! -d "$d/c" ]
	rmdir "$d/me" "$d"
}

@test "rootless: the systemd driver with the user's manager" {
	need systemd
	need v2
	loginctl enable-linger user
	wait_until systemctl -q is-active user@$UID_U.service
	XDG=/run/user/$UID_U
	wait_until test -S $XDG/systemd/private
	rootless_config 'exec sleep 1000' '.linux.resources = {memory: {limit: 33554432}, pids: {limit: 20}}
		| .linux.cgroupsPath = "user.slice:test:'"$ID"'"'
	as_user systemd-run --user --scope --quiet orun --root "$U/state" --systemd-cgroup create --pid-file "$U/pid" "$ID" >"$T/out" 2>"$T/err" ||
		{ cat "$T/err"; false; }
	local path
	path=$(sed -n 's/^0:://p' "/proc/$(cat "$U/pid")/cgroup")
	[[ $path == "/user.slice/user-1000.slice/user@1000.service/user.slice/test-$ID.scope" ]] || { echo "$path"; false; }
	[ "$(cat "/sys/fs/cgroup$path/memory.max" "/sys/fs/cgroup$path/pids.max" | tr '\n' ' ')" = '33554432 20 ' ]
	[ "$(as_user systemctl --user show -P MemoryMax "test-$ID.scope")" = 33554432 ]
	as_user orun --root "$U/state" --systemd-cgroup update --memory 67108864 "$ID"
	[ "$(as_user systemctl --user show -P MemoryMax "test-$ID.scope")" = 67108864 ]
	as_user orun --root "$U/state" --systemd-cgroup delete --force "$ID"
	[ ! -d "/sys/fs/cgroup$path" ]
}

@test "rootless: no user session: the systemd driver says so" {
	need systemd
	rootless_config true
	run --separate-stderr as_user orun --root "$U/state" --systemd-cgroup run "$ID"
	expect_fail 'session'
}

@test "nested: orun in a container of orun" {
	local c='.process.capabilities |= map_values(["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID",
		"CAP_SETPCAP", "CAP_MKNOD", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_FOWNER", "CAP_SYS_RESOURCE"])'
	private_rootfs
	conf "$c"
	conf '.linux.namespaces += [{type: "cgroup"}]'
	mount_add /sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev,rw
	mount_add /run tmpfs tmpfs
	cp "$RUNTIME" "$ROOTFS/bin/orun"
	mkdir -p "$ROOTFS/in" "$ROOTFS/run" "$ROOTFS/sys/fs/cgroup"
	cp -r --no-dereference "$BATS_RUN_TMPDIR/rootfs" "$ROOTFS/in/rootfs"
	conf_write true
	jq '.root.path = "rootfs" | .process.args = ["sh", "-c", "echo inner $(id -u); cat /proc/self/cgroup"]
		| .linux.cgroupsPath = "/in" | .mounts |= map(select(.destination != "/run" and .destination != "/sys/fs/cgroup"))
		| .process.capabilities |= map_values(["CAP_KILL"]) | .linux.resources = {pids: {limit: 11}}' \
		"$B/config.json" >"$ROOTFS/in/config.json"
	run_c 'mkdir /sys/fs/cgroup/me && echo 0 >/sys/fs/cgroup/me/cgroup.procs && cd /in && exec orun --root /run/orun run inner'
	ok
	has 'inner 0'
}

@test "resources: with CAP_SYS_RESOURCE limits rise and the score falls" {
	need cap 24 CAP_SYS_RESOURCE
	conf '.process.oomScoreAdj = -500 | .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 900000, hard: 1000000},
		{type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_MEMLOCK", soft: 1073741824, hard: 1073741824}]'
	run_c 'cat /proc/self/oom_score_adj; grep -E "open files|locked" /proc/self/limits'
	ok
	has -500
	matches 'Max open files +900000 +1000000'
	matches 'Max locked memory +1073741824 +1073741824'
	running_c
	jq -n '{cwd: "/", args: ["cat", "/proc/self/oom_score_adj"], env: ["PATH=/bin"], user: {uid: 0, gid: 0}, oomScoreAdj: -700}' >"$T/p.json"
	run_rt exec -p "$T/p.json" "$ID"
	ok
	is -700
}
