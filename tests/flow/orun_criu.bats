#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# orun's side of checkpoint and restore, against a program that plays CRIU: what it is asked, in
# which place it finds itself, what becomes of its notifications, and that nothing is left whatever
# it does. orun_checkpoint.bats has the real one.

load orun_lib

setup() {
	orun_setup
	export FAKE_CRIU_OUT=$T/asked FAKE_CRIU=
	C=$BATS_TEST_DIRNAME/fake_criu.py
	I=$T/images
}

teardown() {
	[ -z "${JOB:-}" ] || kill -9 "$JOB" 2>/dev/null || true
	[ -z "${DEV:-}" ] || ip link del "${DEV}p" 2>/dev/null || true
	if [ -n "${GROUP:-}" ]; then
		wait
		rmdir "${GROUP[@]}"
	fi
	orun_teardown
}

sleeper() {
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
}

criu() { # command, options...: with the fake one
	local command=$1
	shift
	status=0
	# to a file: what is restored keeps the streams
	timeout 60 "$ONGGI_BIN/orun" --root "$T/state" --criu "$C" "$command" --image-path "$I" "$@" "$ID" \
		</dev/null >"$T/out" 2>&1 || status=$?
	output=$(cat "$T/out")
}

asked() { # JQ FILTER VALUE: on the options of the request
	local got
	got=$(jq -c ".\"2\"[0] | $1" "$T/asked")
	[ "$got" = "$2" ] || { echo "$1: $got, not $2"; return 1; }
}

images() { # as a checkpoint leaves them
	mkdir -p "$I"
	echo '["pipe:[1]","pipe:[2]","/dev/null"]' >"$I/descriptors.json"
	echo '["/dev/null"]' >"$I/mounts.json"
}

nothing() {
	[ -z "$(ls -A "$T/state")" ] && [ -z "$(find /sys/fs/cgroup -type d -name "$ID")" ] &&
		! grep -q "$T/state" /proc/self/mountinfo
}

@test "checkpoint: what CRIU is asked by default" {
	sleeper
	FAKE_CRIU=kill criu checkpoint --work-path "$T/work"
	ok
	pid=$(jq '."2"[0]."2"[0]' "$T/asked")
	[ "$(jq -c '."1"' "$T/asked")" = "[1]" ]
	gone "$pid"
	asked '."10"' '["dump.log"]'
	asked '."34"' '[3]' # soft
	asked '."50"' '[1]' # orphans of terminals
	asked '[."3", ."5", ."7", ."8", ."15", ."18", ."38", ."48"] | map(select(.)) | length' 0
	asked '."13"' "[\"$B/rootfs\"]"
	# the log is in the work path, found by the descriptor
	[ -s "$T/work/dump.log" ]
	[ ! -e "$I/dump.log" ]
	# masks are known by one name, cgroup mounts by their place
	asked '[."23"[] | select(."1"[0] == "/proc/timer_list") | ."2"[0]]' '["/dev/null"]'
	asked '[."23"[]."1"[0] | select(startswith("/sys/fs/cgroup"))] | length > 0' true
	asked '[."23"[]."1"[0] | select(. == "/proc" or . == "/dev" or . == "/dev/pts" or . == "/proc/sys" or . == "/")] | length' 0
	[ "$(jq -c . "$I/descriptors.json")" = '["/dev/null","/dev/null","/dev/null"]' ]
	run orun state "$ID"
	fails "container does not exist"
	nothing
}

@test "checkpoint: each option is said, and said by its number" {
	sleeper
	local row
	for row in leave-running:3 ext-unix-sk:4 tcp-established:5 shell-job:7 file-locks:8 auto-dedup:16 link-remap:18 \
		tcp-skip-in-flight:46 lazy-pages:48; do
		criu checkpoint --leave-running "--${row%:*}"
		ok
		asked ".\"${row#*:}\"" '[1]'
	done
	for row in ignore:0 soft:3 full:4 strict:5; do
		criu checkpoint --leave-running --manage-cgroups-mode "${row%:*}"
		ok
		asked '."34"' "[${row#*:}]"
	done
	for row in iptables:1 nftables:2 skip:3; do
		criu checkpoint --leave-running --network-lock="${row%:*}"
		ok
		asked '."64"' "[${row#*:}]"
	done
	criu checkpoint --leave-running --empty-ns network
	asked '."38"' '[1073741824]'
	criu checkpoint --leave-running --page-server '[::1]:2000'
	asked '."11"[0]' '{"1":["::1"],"2":[2000]}'
	mkdir -p "$T/parent"
	criu checkpoint --pre-dump --parent-path ../parent
	ok
	[ "$(jq -c '."1"' "$T/asked")" = "[4]" ]
	asked '[."14", ."15"]' '[["../parent"],[1]]'
	[ "$(orun state "$ID" | jq -r .status)" = running ]
}

@test "checkpoint: the container of the caller, after all that goes wrong" {
	sleeper
	FAKE_CRIU=fail criu checkpoint
	fails "criu failed: type DUMP errno 22" "fake/one.c:1" "the second thing" "$I/dump.log"
	FAKE_CRIU=die criu checkpoint
	fails "not even begun" "criu check"
	FAKE_CRIU=version=3.14 criu checkpoint
	fails "needs CRIU 3.15, this is 3.14"
	FAKE_CRIU=nomem criu checkpoint --pre-dump
	fails "cannot track memory changes"
	FAKE_CRIU=nolazy criu checkpoint --lazy-pages
	fails "cannot serve memory pages lazily"
	C=/nonexistent criu checkpoint
	fails "/nonexistent: executable file not found" "install the package criu"
	run env PATH=/nonexistent "$ONGGI_BIN/orun" --root "$T/state" checkpoint --image-path "$I" "$ID"
	fails 'criu: executable file not found in $PATH'
	criu checkpoint --page-server nowhere
	fails "ADDRESS:PORT"
	criu checkpoint --page-server 1.2.3.4:70000
	fails "Invalid port number"
	criu checkpoint --manage-cgroups-mode nonsense
	fails 'Invalid manage-cgroups-mode value "nonsense"'
	criu checkpoint --empty-ns mount
	fails 'namespace "mount" is not supported'
	criu checkpoint --parent-path /abs
	fails "--parent-path must be relative"
	: >"$T/file"
	criu checkpoint --parent-path ../file
	fails "invalid --parent-path: $I/../file: not a directory"
	criu checkpoint --status-fd 99
	fails "invalid --status-fd argument 99"
	# a freezer that CRIU left closed is opened
	[ "$(orun state "$ID" | jq -r .status)" = running ]
	orun pause "$ID"
	FAKE_CRIU=fail criu checkpoint
	[ "$(orun state "$ID" | jq -r .status)" = paused ]
	orun resume "$ID"
}

@test "checkpoint: the status descriptor gets its byte" {
	sleeper
	exec 8>"$T/status"
	FAKE_CRIU=notify=status-ready criu checkpoint --leave-running --lazy-pages --status-fd 8
	ok
	exec 8>&-
	[ "$(od -An -tx1 "$T/status" | tr -d ' ')" = 00 ]
}

@test "checkpoint: nobody reads the status descriptor any more" {
	sleeper
	exec 8> >(:)
	wait $!
	FAKE_CRIU=notify=status-ready criu checkpoint --leave-running --lazy-pages --status-fd 8
	exec 8>&-
	[ "$status" -eq 1 ]
	has "--status-fd 8: broken pipe"
	hasnt "criu was killed" "without an answer"
	[ "$(orun state "$ID" | jq -r .status)" = running ]
}

@test "restore: the root in a mount namespace of its own, the group, the streams" {
	images
	mkdir -p "$T/vol/inner" "$B/rootfs/real"
	ln -s real "$B/rootfs/behind"
	cfg '.mounts += [{destination: "/data/new", type: "bind", source: ($t + "/vol"), options: ["rbind"]},
		{destination: "/data/new/inner/x", type: "bind", source: "/etc/hostname", options: ["bind"]},
		{destination: "/behind/y", type: "bind", source: ($t + "/vol"), options: ["bind"]}]' --arg t "$T"
	criu restore -d -b "$B" --pid-file "$T/pid" --tcp-established --tcp-close --lsm-profile apparmor:x \
		--lsm-mount-context c
	ok
	asked '[."5", ."52", ."53", ."63", ."26"]' '[[1],[1],["apparmor:x"],["c"],[1]]'
	root=$(jq -r '."2"[0]."13"[0]' "$T/asked")
	[ "$root" = "$T/state/$ID/criu-root" ]
	# there for CRIU, with the places of all mounts, and never for us
	jq -e --arg r "$root" '.mounted | index($r)' "$T/asked"
	jq -e '.root | index("data")' "$T/asked"
	[ -d "$B/rootfs/real/y" ]
	[ -f "$T/vol/inner/x" ]
	# the binds that were needed for that are not in its way
	[ "$(jq --arg r "$root/" '[.mounted[] | select(startswith($r))] | length' "$T/asked")" = 0 ]
	run -1 grep criu-root /proc/self/mountinfo
	[ ! -e "$root" ]
	jq -r .cgroup "$T/asked" | grep -q "$ID"
	asked "[.\"25\"[].\"2\"[0] | select(endswith(\"$ID\"))] | length > 0" true
	asked '[."27"[] | [."1"[0], ."2"[0]]]' '[["pipe:[1]",0],["pipe:[2]",1]]'
	asked '[."23"[] | select(."1"[0] == "/real/y") | ."2"[0]]' "[\"$T/vol\"]"
	asked '[."23"[] | select(."1"[0] == "/dev/null") | ."2"[0]]' '["/dev/null"]'
	# no device of its network is in the images: it is made empty, with loopback
	asked '."38"' '[1073741824]'
	[ "$(orun state "$ID" | jq .pid)" = "$(cat "$T/pid")" ]
}

@test "restore: namespaces by path" {
	images
	unshare -n -i -u sleep 1000 &
	JOB=$!
	eventually 60 own_netns "$JOB"
	cfg '(.linux.namespaces[] | select(.type == "network")).path = "/proc/" + $p + "/ns/net" |
		(.linux.namespaces[] | select(.type == "ipc")).path = "/proc/" + $p + "/ns/ipc" | del(.hostname)' --arg p "$JOB"
	criu restore -d -b "$B"
	ok
	asked '[."27"[] | select(."1"[0] == "extRootNetNS") | ."2"[0] >= 4]' '[true]'
	asked '[."39"[] | [."1"[0], ."2"[0]]]' "[[\"ipc\",\"/proc/$JOB/ns/ipc\"]]"
	asked '."38"' null
	orun delete --force "$ID"
	cfg '(.linux.namespaces[] | select(.type == "mount")).path = "/proc/" + $p + "/ns/mnt"' --arg p "$JOB"
	criu restore -d -b "$B"
	fails "CRIU cannot restore into a given mount namespace"
	nothing
}

@test "restore: devices of the host move into a namespace by path" {
	images
	DEV=v${T##*.}
	ip link add "$DEV" type veth peer name "${DEV}p" 2>/dev/null || skip "needs veth devices"
	unshare -n sleep 1000 &
	JOB=$!
	eventually 60 own_netns "$JOB"
	cfg '(.linux.namespaces[] | select(.type == "network")).path = "/proc/" + $p + "/ns/net"
		| .linux.netDevices[$d] = {}' --arg p "$JOB" --arg d "$DEV"
	criu restore -d -b "$B"
	ok
	nsenter -t "$JOB" -n ip link show "$DEV"
	! ip link show "$DEV" 2>/dev/null
}

@test "restore: in the foreground it is ours, with its streams and status" {
	images
	run bash -c 'echo word | FAKE_CRIU=exit=5 "$1" --root "$2" --criu "$3" restore -b "$4" --image-path "$5" "$6"' - \
		"$ONGGI_BIN/orun" "$T/state" "$C" "$B" "$I" "$ID"
	[ "$status" -eq 5 ]
	[ "$output" = "got word" ]
	nothing
}

@test "restore: the terminal goes to the console socket" {
	images
	cfg '.process.terminal = true'
	criu restore -d -b "$B"
	fails "console socket"
	nothing
	python3 - "$T/s" >"$T/seen" <<-'P' &
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		c, _ = s.accept()
		text, fds, _, _ = socket.recv_fds(c, 100, 1)
		os.write(fds[0], b"hello\n")
		seen = b""
		while b"got" not in seen:
		    seen += os.read(fds[0], 100)
		print(text, seen)
	P
	JOB=$!
	eventually 60 test -S "$T/s"
	FAKE_CRIU=tty criu restore -d -b "$B" --console-socket "$T/s"
	ok
	wait "$JOB"
	grep -q "got hello" "$T/seen"
}

@test "restore: hooks of the runtime run when the namespaces are there" {
	images
	cfg '.hooks = {prestart: [{path: "/bin/sh", args: ["sh", "-c", "cat >" + $t + "/h1"]}],
		createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "cat >" + $t + "/h2"]}],
		startContainer: [{path: "/bin/false"}]}' --arg t "$T"
	criu restore -d -b "$B"
	ok
	pid=$(orun state "$ID" | jq .pid)
	[ "$(jq -c '[.status, .pid, .id]' "$T/h1")" = "[\"creating\",$pid,\"$ID\"]" ]
	[ "$(jq -c '[.status, .pid]' "$T/h2")" = "[\"created\",$pid]" ]
	orun delete --force "$ID"
	cfg '.hooks.createRuntime = [{path: "/bin/false"}]'
	criu restore -d -b "$B"
	fails "createRuntime hook"
	nothing
}

@test "restore: nothing is left of a failure" {
	images
	FAKE_CRIU=fail criu restore -d -b "$B"
	fails "criu failed: type RESTORE errno 22" "the second thing"
	nothing
	FAKE_CRIU=die criu restore -d -b "$B"
	[ "$status" -ne 0 ]
	nothing
	criu restore -d -b "$B" --pid-file "$T/no/such"
	fails "pid file"
	nothing
	echo '["/lost"]' >"$I/mounts.json"
	criu restore -d -b "$B"
	fails "the images have a mount on /lost, and the config has none"
	nothing
	rm "$I/descriptors.json"
	criu restore -d -b "$B"
	fails "descriptors.json" "pre-dump"
	nothing
	I=$T/none criu restore -d -b "$B"
	fails "image path"
	nothing
	images
	FAKE_CRIU=version=3.15 criu restore -d -b "$B" --lsm-profile apparmor:x
	fails "needs CRIU 3.16, this is 3.15"
	nothing
	mkdir -p "$T/b2"
	criu restore -d -b "$T/b2"
	fails "config.json"
	sleeper
	criu restore -d -b "$B"
	fails "container with id exists"
	[ "$(orun state "$ID" | jq -r .status)" = running ]
}

@test "restore: a group that was there stays, with who is in it" {
	images
	sleep 1000 &
	JOB=$!
	local d
	GROUP=()
	for d in /sys/fs/cgroup /sys/fs/cgroup/{pids,unified}; do
		[ -e "$d/cgroup.procs" ] || continue
		mkdir "$d/$ID"
		GROUP+=("$d/$ID")
		echo "$JOB" >"$d/$ID/cgroup.procs"
	done
	cfg '.linux.cgroupsPath = "/" + $i' --arg i "$ID"
	criu restore -d -b "$B"
	fails "is not empty"
	kill -0 "$JOB"
	grep -qx "$JOB" "${GROUP[-1]}/cgroup.procs"
	# an empty one is taken, and left behind
	kill -9 "$JOB"
	wait "$JOB" || true
	JOB=
	FAKE_CRIU=fail criu restore -d -b "$B"
	fails "criu failed: type RESTORE"
	for d in "${GROUP[@]}"; do
		[ -d "$d" ]
		[ -z "$(cat "$d/cgroup.procs")" ]
	done
	[ "$(find /sys/fs/cgroup -type d -name "$ID" | wc -l)" = "${#GROUP[@]}" ]
}

@test "restore: killed in the middle, it can be done again" {
	images
	FAKE_CRIU=hang "$ONGGI_BIN/orun" --root "$T/state" --criu "$C" restore -d -b "$B" --image-path "$I" "$ID" \
		</dev/null >/dev/null 2>&1 &
	JOB=$!
	eventually 60 test -e "$T/asked.hang"
	kill -9 "$JOB"
	wait "$JOB" || true
	orun delete --force "$ID"
	nothing
	criu restore -d -b "$B"
	ok
}

@test "restore: each step fails, or is killed" {
	[ -n "${ONGGI_FAULTS:-}" ] || "$ONGGI_BIN/onggi" internal-ways 2>/dev/null | grep -q . || skip "no fault points"
	images
	for s in config state cgroup request criu record finish; do
		ONGGI_FAULT=restore:$s criu restore -d -b "$B"
		[ "$status" -ne 0 ] || skip "no fault points in this build"
		has "injected fault"
		nothing
		ONGGI_FAULT=restore:$s:kill criu restore -d -b "$B"
		[ "$status" -eq 137 ]
		orun delete --force "$ID"
		nothing
	done
}
