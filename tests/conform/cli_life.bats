#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The life of a container by command line: create, start, state, kill, pause, delete, list, update, and
# what they leave in files.

load lib

@test "create: the process waits, start lets it go" {
	need root
	create_c 'echo started; exec sleep 1000'
	ok
	state_c .status
	is created
	[ ! -s "$T/out" ]
	start_c
	ok
	wait_until grep -q started "$T/out"
	state_c .status
	is running
}

@test "create --pid-file: the number alone, of the process" {
	need root
	create_c
	ok
	[[ $(cat "$T/pid") =~ ^[0-9]+$ ]]
	[ "$(wc -l <"$T/pid")" = 0 ]
	state_c .pid
	is "$(cat "$T/pid")"
}

@test "create --pid-file: a directory that is missing" {
	need root
	conf_write true
	run_rt create -b "$B" --pid-file "$T/no/such" "$ID"
	expect_fail
	nothing_left
}

@test "create --no-pivot" {
	need root
	run_c 'cat /file' --no-pivot
	ok
	is file
}

@test "create --no-new-keyring" {
	need root
	run_c 'echo fine' --no-new-keyring
	ok
	is fine
}

@test "create --preserve-fds" {
	need root
	echo three >"$T/three"
	conf_write 'cat <&3; ls /proc/self/fd | wc -l'
	run --separate-stderr rt run --preserve-fds 2 -b "$B" "$ID" </dev/null 3<"$T/three" 4</dev/null 5</dev/null
	ok
	# 0 to 4, and the directory that ls reads
	is $'three\n6'
}

@test "create: descriptors are not passed on" {
	need root
	conf_write 'ls /proc/self/fd | wc -l'
	run --separate-stderr rt run -b "$B" "$ID" </dev/null 3</dev/null 4</dev/null 9</dev/null
	ok
	is 4
}

@test "create: socket activation" {
	need root
	echo three >"$T/three"
	conf_write 'cat <&3; echo $LISTEN_FDS $LISTEN_PID'
	run --separate-stderr bash -c 'exec 3<"$1"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$2" --root "$3" run -b "$4" "$5"' \
		- "$T/three" "$RUNTIME" "$T/state" "$B" "$ID" </dev/null
	ok
	has three '1'
}

@test "create: a terminal needs somebody who takes it" {
	need root
	conf '.process.terminal = true'
	conf_write true
	run_rt create -b "$B" "$ID"
	expect_fail
	nothing_left
}

@test "create: a console socket that nobody listens on" {
	need root
	conf '.process.terminal = true'
	conf_write true
	run_rt create -b "$B" --console-socket "$T/nobody" "$ID"
	expect_fail
	nothing_left
}

@test "create: a console socket without a terminal" {
	need root
	conf_write true
	run_rt create -b "$B" --console-socket "$T/nobody" "$ID"
	expect_fail
	nothing_left
}

@test "run: the status of the process" {
	need root
	run_c 'exit 37'
	[ "$status" -eq 37 ]
	nothing_left
}

@test "run --detach" {
	need root
	conf_write 'exec sleep 1000'
	rt run --detach --pid-file "$T/pid" -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
	state_c .status
	is running
	sleeps() { [ "$(tr '\0' ' ' <"/proc/$(pid_c)/cmdline")" = 'sleep 1000 ' ]; }
	wait_until sleeps
}

@test "run: signals are passed on" {
	need root
	conf_write 'trap "echo got; exit 9" TERM; echo ready; while :; do sleep 0.05; done'
	"$RUNTIME" --root "$T/state" run -b "$B" "$ID" >"$T/out" 2>/dev/null </dev/null 3>&- &
	local pid=$! r=0
	wait_until grep -q ready "$T/out"
	kill -TERM $pid
	wait $pid || r=$?
	[ $r = 9 ]
	grep -q got "$T/out"
	nothing_left
}

@test "start: twice" {
	need root
	running_c
	start_c
	expect_fail
	said_canon 'cannot start an already running container'
}

@test "start: after the end" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	start_c
	expect_fail
	said_canon 'cannot start a container that has stopped'
}

@test "state: its members" {
	need root
	conf '.annotations = { "a.b": "c" }'
	running_c
	run_rt state "$ID"
	ok
	jq -e --arg id "$ID" --arg b "$B" --argjson p "$PID" '.ociVersion and .id == $id and .status == "running"
		and .pid == $p and .bundle == $b and .annotations == { "a.b": "c" } and .rootfs
		and (.created | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"))' <<<"$output"
}

@test "state: a stopped container has no pid" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	state_c '.pid // 0'
	is 0
}

@test "state: the directory of its file" {
	need root
	running_c
	if [ "$RUNTIME_KIND" = crun ]; then
		[ -f "$T/state/$ID/status" ]
		return
	fi
	[ "$(stat -c %a "$T/state/$ID")" = 711 ] || [ "$(stat -c %a "$T/state/$ID")" = 700 ]
	[[ $(stat -c %a "$T/state/$ID/state.json") == 6[04][04] ]]
	jq -e --argjson p "$PID" '.init_process_pid == $p and (.cgroup_paths | length) > 0 and .namespace_paths.NEWPID and .id' \
		"$T/state/$ID/state.json"
}

@test "kill: each form of a signal" {
	need root
	running_c 'for s in TERM USR1 HUP; do trap "echo $s >>/tmp/got" $s; done; while [ ! -e /tmp/stop ]; do sleep 0.05; done & true' 2>/dev/null
	local s
	for s in USR1 SIGUSR1 10; do
		kill_c $s
		ok
	done
}

@test "kill: the default is TERM" {
	need root
	conf_write 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
	create_c 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
	start_c
	wait_until grep -q ready "$T/out"
	run_rt kill "$ID"
	ok
	wait_stopped
}

@test "kill: an unknown signal" {
	need root
	running_c
	kill_c NOTHING
	expect_fail
	said_canon 'unknown signal'
	kill_c 999
	expect_fail
}

@test "kill: after the end" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	kill_c TERM
	expect_fail
	said_canon 'container not running'
}

@test "kill: a created container" {
	need root
	create_c
	ok
	kill_c KILL
	ok
	wait_stopped
}

@test "kill --all" {
	need root
	conf '.linux.namespaces |= map(select(.type != "pid"))'
	running_c 'sleep 1000 & sleep 1000 & true'
	run_rt kill --all "$ID" KILL
	ok
	wait_stopped
	run_rt kill -a "$ID" KILL
	delete_c
	ok
}

no_process_of() { # ID
	! grep -l "$1" /proc/[0-9]*/cgroup 2>/dev/null
}

@test "kill KILL without a PID namespace ends all, or delete does" {
	need root
	conf '.linux.namespaces |= map(select(.type != "pid"))'
	running_c 'sleep 987654 & true'
	kill_c KILL
	ok
	wait_stopped
	delete_c --force
	ok
	nothing_left
	# a killed one is on its way out; one of another test may be alive: only this one's counts
	wait_until no_process_of "$ID"
}

@test "pause: twice, and resume of what runs" {
	need root
	running_c
	run_rt resume "$ID"
	expect_fail
	said_canon 'container not paused'
	run_rt pause "$ID"
	ok
	run_rt pause "$ID"
	expect_fail
	run_rt resume "$ID"
	ok
}

@test "pause: a stopped container" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	run_rt pause "$ID"
	expect_fail
}

@test "delete: a running container is refused" {
	need root
	running_c
	delete_c
	expect_fail
	said_canon "cannot delete container $ID that is not stopped: running"
	state_c .status
	is running
}

@test "delete: a paused container is refused, --force is not" {
	need root
	running_c
	run_rt pause "$ID"
	ok
	delete_c
	expect_fail
	delete_c --force
	ok
	nothing_left
}

@test "delete: a created container" {
	need root
	create_c
	ok
	delete_c
	ok
	nothing_left
}

@test "delete --force: a running one, and one that is not there" {
	need root
	running_c
	delete_c --force
	ok
	nothing_left
	delete_c --force
	ok
	delete_c -f
	ok
}

@test "delete: one that is not there" {
	delete_c
	expect_fail
	said_canon 'does not exist'
}

@test "list: --quiet, --format json, empty" {
	need root
	run_rt list -q
	ok
	is ''
	run_rt list --format json
	ok
	[ "$RUNTIME_KIND" = crun ] || is null
	running_c
	run_rt list --quiet
	is "$ID"
	run_rt list -f json
	jq -e --arg id "$ID" --argjson p "$PID" 'length == 1 and (.[0] | .id == $id and .pid == $p and .status == "running"
		and .bundle and .created and .owner)' <<<"$output"
}

@test "list: an unknown format" {
	run_rt list --format yaml
	expect_fail
}

@test "list: paused and stopped ones" {
	need root
	running_c
	run_rt pause "$ID"
	run_rt list -f json
	local paused
	paused=$(jq -r '.[0].status' <<<"$output")
	run_rt resume "$ID"
	kill_c KILL
	wait_stopped
	run_rt list -f json
	[ "$paused:$(jq -r '.[0].status' <<<"$output")" = paused:stopped ]
}

@test "update: from a file and from standard input" {
	need root
	need controller pids
	running_c
	echo '{ "pids": { "limit": 41 } }' >"$T/r.json"
	run_rt update --resources "$T/r.json" "$ID"
	ok
	[ "$(cat "$(cgroup_v1 pids 2>/dev/null || true)/$ID/pids.max" 2>/dev/null || cat "/sys/fs/cgroup/$ID/pids.max")" = 41 ]
	update_r '{ "pids": { "limit": 42 } }'
	ok
	[ "$(cat "$(cgroup_v1 pids 2>/dev/null || true)/$ID/pids.max" 2>/dev/null || cat "/sys/fs/cgroup/$ID/pids.max")" = 42 ]
}

@test "update: what it refuses" {
	need root
	running_c
	run_rt update --resources "$T/missing" "$ID"
	expect_fail
	update_r '{ "pids": '
	expect_fail
	run_rt update --memory 5q "$ID"
	expect_fail
}

@test "update: a stopped container" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	run_rt update --pids-limit 5 "$ID"
	expect_fail
}

@test "ordinary users: a container of their own" {
	need root
	need cmd setpriv
	setpriv --reuid 12345 --regid 12345 --clear-groups unshare -Ur true 2>/dev/null ||
		skip "no user namespaces for ordinary users here"
	cp "$RUNTIME" "$T/rt"
	mkdir "$T/u" "$T/x"
	chown -R 12345:12345 "$T/u" "$T/x"
	as_user() { setpriv --reuid 12345 --regid 12345 --clear-groups env XDG_RUNTIME_DIR="$T/x" timeout 120 "$T/rt" "$@"; }
	(cd "$T/u" && as_user spec --rootless)
	jq --arg r "$ROOTFS" '.root.path = $r | .process.terminal = false | .mounts |= map(select(.destination | startswith("/sys") | not))
		| .linux.maskedPaths |= map(select(startswith("/proc"))) | .process.args = ["sh", "-c", "id -u; tr -s \" \" </proc/self/uid_map; exit 4"]' \
		"$T/u/config.json" >"$T/new" && cat "$T/new" >"$T/u/config.json"
	run --separate-stderr as_user run -b "$T/u" "$ID"
	[ "$status" -eq 4 ]
	is $'0\n 0 12345 1'
}
