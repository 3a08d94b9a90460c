#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where users of runc's command line count on something that other runtimes do otherwise: each point
# passes on runc and on orun.

load lib

@test "compat: --debug writes debug lines as text" {
	need root
	RT_FLAGS=(--debug)
	run_c true
	ok
	grep -Eq 'level=debug msg=' <<<"$stderr"
}

@test "compat: --debug writes debug lines to the log file" {
	need root
	RT_FLAGS=(--debug --log "$T/log")
	run_c true
	ok
	grep -Eq '^time="[0-9T:.Z+-]+" level=debug msg=' "$T/log"
}

@test "compat: --debug writes debug lines as JSON" {
	need root
	RT_FLAGS=(--debug --log "$T/log" --log-format json)
	run_c true
	ok
	jq -es 'length > 0 and all(.level and .msg and (.time | fromdateiso8601? // (sub("\\.[0-9]+";"") | sub("[+-]..:..$";"Z") | fromdateiso8601)))
		and any(.level == "debug")' "$T/log"
}

@test "compat: --debug of exec" {
	need root
	running_c
	RT_FLAGS=(--debug)
	exec_c true
	ok
	grep -q 'level=debug' <<<"$stderr"
}

@test "compat: the header of list" {
	run_rt list
	ok
	matches '^ID +PID +STATUS +BUNDLE +CREATED +OWNER *$'
}

@test "compat: list shows a container in the columns of its header" {
	need root
	running_c
	run_rt list
	ok
	matches "^ID +PID +STATUS +BUNDLE +CREATED +OWNER *
$ID +$PID +running +$B +20[0-9-]+T[0-9:.]+Z +root\$"
}

@test "compat: help names the program and its use, status 0" {
	local f
	for f in -h --help help; do
		run_rt $f
		ok
		has NAME: USAGE: COMMANDS: create start
	done
	run_rt
	ok
	has USAGE:
}

@test "compat: help of each command, status 0" {
	local c
	for c in checkpoint create delete events exec kill list pause ps restore resume run spec start state \
		update features; do
		run_rt $c -h
		ok
		has NAME: " $c"
		run_rt $c --help
		ok
		has " $c"
		run_rt help $c
		ok
		has " $c"
	done
}

@test "compat: an unknown command" {
	run_rt frobnicate
	expect_fail
	[ "$status" -eq 3 ]
	has_err "No help topic for 'frobnicate'"
	run_rt help frobnicate
	expect_fail
}

has_err() { # on standard error or standard output
	[[ "$output $stderr" == *"$1"* ]] || { echo "no \"$1\" in: $output $stderr"; return 1; }
}

@test "compat: the lines of --version" {
	local f
	for f in --version -v; do
		run_rt $f
		ok
		matches "^$RUNTIME_KIND version [0-9][^
]*
commit: [^
]+
spec: 1\.[0-9.]+"
	done
}

@test "compat: exec --env" {
	need root
	conf '.process.env += ["ONE=config", "TWO=config"]'
	running_c
	run_rt exec --env TWO=two --env THREE=3=3 "$ID" env
	ok
	has ONE=config TWO=two THREE=3=3
	hasnt TWO=config
}

@test "compat: exec --additional-gids" {
	need root
	running_c
	run_rt exec --user 1000:1000 --additional-gids 100 --additional-gids 65534 "$ID" id -G
	ok
	is '1000 100 65534'
}

@test "compat: exec ends with 255 when it fails itself" {
	need root
	running_c
	run_rt exec "$ID" /no/such/program
	[ "$status" -eq 255 ]
	run_rt exec no-such-container true
	[ "$status" -eq 255 ]
	run_rt exec "$ID"
	[ "$status" -eq 255 ]
	run_rt exec --frobnicate "$ID" true
	[ "$status" -ne 0 ]
}

@test "compat: exec gives the status of the process" {
	need root
	running_c
	exec_c 'exit 42'
	[ "$status" -eq 42 ]
	exec_c 'kill -KILL $$'
	[ "$status" -eq 137 ]
}

@test "compat: exec into a paused container is refused" {
	need root
	running_c
	run_rt pause "$ID"
	ok
	RT_FLAGS=()
	run --separate-stderr timeout 120 "$RUNTIME" --root "$T/state" exec "$ID" true
	local r=$status said="$output $stderr"
	run_rt resume "$ID"
	ok
	[ "$r" -eq 255 ]
	[[ $said == *"cannot exec in a paused container (use --ignore-paused to override)"* ]]
}

@test "compat: exec --ignore-paused waits for the resume" {
	need root
	running_c
	run_rt pause "$ID"
	ok
	timeout 120 "$RUNTIME" --root "$T/state" exec --ignore-paused "$ID" echo late >"$T/late" 2>&1 3>&- &
	local pid=$!
	# it is in the container, or on its way there
	there() { [ "$(rt ps -f json "$ID" | jq length)" -ge 2 ] || ! kill -0 $pid; }
	wait_until there
	[ ! -s "$T/late" ]
	run_rt resume "$ID"
	ok
	wait $pid
	[ "$(cat "$T/late")" = late ]
}

@test "compat: flags after the id of update" {
	need root
	need controller cpuset
	running_c
	run_rt update "$ID" --cpuset-cpus 0
	ok
	exec_c 'grep Cpus_allowed_list /proc/self/status'
	ok
	[[ $output == *$'\t0' ]]
}

@test "compat: flags after the id of delete and kill" {
	need root
	running_c
	run_rt kill "$ID" KILL
	ok
	wait_stopped
	run_rt delete "$ID" --force
	ok
	nothing_left
}

@test "compat: run --keep" {
	need root
	run_c true --keep
	ok
	state_c .status
	ok
	is stopped
	delete_c
	ok
	nothing_left
}

@test "compat: run --keep keeps the id" {
	need root
	run_c true --keep
	ok
	run_c true
	expect_fail 'exist|given id'
	delete_c
	ok
}

@test "compat: a relative --pid-file beside --bundle is relative to where the caller stands" {
	need root
	mkdir "$T/here"
	conf_write 'exec sleep 1000'
	cd "$T/here"
	rt run -d --pid-file file -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
	cd - >/dev/null
	[ "$(cat "$T/here/file")" = "$(rt state "$ID" | jq .pid)" ]
	[ ! -e "$B/file" ]
}

@test "compat: process.consoleSize" {
	need root
	conf '.process.terminal = true | .process.consoleSize = { height: 41, width: 97 }'
	conf_write 'stty size'
	receive "$T/sock" "$T/out"
	rt run -d --console-socket "$T/sock" -b "$B" "$ID" </dev/null >/dev/null 2>&1 3>&-
	wait_until grep -q '41 97' "$T/out"
}

@test "compat: a terminal although standard input is none" {
	need root
	need cmd script
	running_c
	# the caller has a terminal, its standard input is not it
	run timeout 120 script -qec "$RUNTIME --root $T/state exec -t $ID sh -c 'tty; echo status \$?' </dev/null" /dev/null </dev/null
	ok
	has /dev/pts/ 'status 0'
}

@test "compat: a user namespace, and a source that only root may reach" {
	need root
	need userns
	mkdir -p "$T/closed/deep"
	echo seen >"$T/closed/deep/file"
	chmod 755 "$T" "$B" "$T/closed/deep"
	chmod 700 "$T/closed"
	conf '.linux.namespaces += [{ type: "user" }]
		| .linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
		| .linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]'
	mount_add /mnt bind "$T/closed/deep" bind
	run_c 'cat /mnt/file'
	ok
	is seen
}

@test "compat: an update of device rules never denies what stays allowed" {
	need root
	[ "$RUNTIME_KIND" != crun ] || skip "crun denies for a moment, which is seen or not"
	conf '.linux.resources.devices = [{ allow: false, access: "rwm" }]'
	running_c '( while [ ! -e /tmp/stop ]; do echo >/dev/null || echo denied; done ) & true'
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		update_r "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":$i,\"access\":\"rw\"}]}"
		ok
	done
	exec_c 'touch /tmp/stop'
	collect
	hasnt denied
}

@test "compat: events --stats" {
	need root
	running_c
	run_rt events --stats "$ID"
	ok
	jq -e --arg id "$ID" '.type == "stats" and .id == $id and (.data | .cpu and .memory and .pids)' <<<"$output"
	[ "$(wc -l <<<"$output")" = 1 ]
}

@test "compat: events goes on until the container ends" {
	need root
	running_c
	timeout 120 "$RUNTIME" --root "$T/state" events --interval 100ms "$ID" >"$T/events" 2>/dev/null 3>&- &
	local pid=$!
	several() { [ "$(wc -l <"$T/events")" -ge 3 ] || ! kill -0 $pid; }
	wait_until several
	kill -0 $pid
	kill_c KILL
	wait_stopped
	delete_c # runc goes on until the cgroup is gone
	ok
	wait $pid
	jq -es 'all(.type == "stats")' "$T/events"
}

@test "compat: events tells of processes killed for lack of memory" {
	need root
	need controller memory
	conf '.linux.resources.memory = { limit: 16777216 }'
	running_c
	timeout 120 "$RUNTIME" --root "$T/state" events --interval 100ms "$ID" >"$T/events" 2>/dev/null 3>&- &
	local pid=$!
	first() { [ -s "$T/events" ] || ! kill -0 $pid; }
	wait_until first
	kill -0 $pid
	exec_c 'tail -c 100000000 /dev/zero'
	wait_until grep -q '"type":"oom"' "$T/events"
	kill_c KILL
	wait_stopped
	delete_c
	ok
	wait $pid
	jq -es --arg id "$ID" 'any(.type == "oom" and .id == $id)' "$T/events"
}

@test "compat: ps as a table" {
	need root
	need cmd ps
	running_c
	run_rt ps "$ID"
	ok
	matches '^UID +PID +PPID +C +STIME +TTY +TIME +CMD
root +[0-9]+ .* sleep 1000$'
}

@test "compat: ps as JSON" {
	need root
	running_c
	run_rt ps --format json "$ID"
	ok
	is "[$PID]"
	run_rt ps -f json "$ID"
	is "[$PID]"
}

@test "compat: ps with options of ps" {
	need root
	need cmd ps
	running_c
	run_rt ps "$ID" -e -x
	ok
	matches ' *PID.*'
	has "$PID"
	run_rt ps "$ID" -o user
	expect_fail 'PID'
}

@test "compat: ps after the end" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	run_rt ps "$ID"
	[ "$status" -ne 0 ] || [ "$(wc -l <<<"$output")" -le 1 ]
}
