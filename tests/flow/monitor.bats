#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# onggi-monitor and its clients, black box, without a container: tests/lib/monitor_driver.c plays
# the process that makes a container; any command stands in for the container.

bats_require_minimum_version 1.5.0
export BATS_TEST_TIMEOUT=120

setup() {
	drv=$ONGGI_BUILD/tests/lib/monitor_driver
	[ -x "$drv" ] || skip "monitor_driver is not built"
	export ONGGI_MONITOR=$ONGGI_BIN/onggi-monitor
	T=$(mktemp -d)
	D=$T/c
	mkdir "$D"
}

teardown() {
	for p in $started; do kill -9 "$p" 2>/dev/null || true; done
	[ -z "$mounted" ] || umount "$mounted" || true
	[ -z "$T" ] || rm -rf "$T"
}

# start [OPTIONS] DIR CMD...: detached; sets pid and mon
start() {
	read -r pid mon <<<"$("$drv" run "$@")"
	[ -n "$pid" ]
	started="$started $pid $mon"
}

exit_field() { jq -r ".$1" "$D/rec/exit.json"; }

wait_for() { # seconds command...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null || [ ! -e "/proc/$1" ]; }

log_text() { jq -rj .log "$D"/rec/container-json.log; }

# ---- status ----

@test "exit codes, signals and times are recorded" {
	start "$D" sh -c 'exit 7'
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(exit_field exit_code)" = 7 ]
	[ "$(exit_field signal)" = 0 ]
	[ "$(exit_field pid)" = "$pid" ]
	[ "$(exit_field oom_killed)" = false ]
	[[ "$(exit_field started_at)" < "$(exit_field finished_at)" ]]
	wait_for 5 gone "$mon"

	rm -rf "$D"; mkdir "$D"
	start "$D" sleep 100
	kill -9 "$pid"
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(exit_field exit_code)" = 137 ]
	[ "$(exit_field signal)" = 9 ]
}

@test "a command that is gone before the monitor looks is recorded" {
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$T/q$i"
		"$drv" run "$T/q$i" true >/dev/null
	done
	for i in 1 2 3 4 5 6 7 8; do
		wait_for 5 test -s "$T/q$i/rec/exit.json"
		[ "$(jq .exit_code "$T/q$i/rec/exit.json")" = 0 ]
	done
}

@test "the monitor ignores the signals that end other programs" {
	start "$D" sleep 100
	for s in TERM HUP INT QUIT PIPE USR1 USR2 ALRM TSTP; do kill -$s "$mon"; done
	sleep 0.2
	! gone "$mon"
	kill "$pid"
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(exit_field exit_code)" = 143 ]
}

@test "the monitor keeps nothing of the terminal and descriptors of its starter" {
	exec 9>"$T/leak"
	start "$D" sleep 100
	exec 9>&-
	! ls -l "/proc/$mon/fd" | grep -E "leak|tty|pts"
	[ "$(readlink "/proc/$mon/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$mon/cwd")" = / ]
	[ "$(awk '{print $6}' "/proc/$mon/stat")" = "$mon" ]
}

@test "children that were re-parented to the monitor are reaped" {
	start --subreaper "$D" sh -c '(sh -c "sleep 0.2" & sh -c "sleep 0.2" &); sleep 100'
	sleep 0.8
	! ps -o stat= --ppid "$mon" | grep -q Z
	! test -e "$D/rec/exit.json"
}

@test "out of memory is told by the counter of the cgroup" {
	printf 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n' >"$T/oom"
	start --oom "$T/oom" "$D" sh -c "sleep 0.2; kill -9 \$\$"
	sed -i 's/oom_kill 0/oom_kill 1/' "$T/oom"
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(exit_field oom_killed)" = true ]
}

@test "the command after the exit runs once, with signals and limits as before" {
	before=$(cat /proc/self/oom_score_adj)
	start --after "cat /proc/self/oom_score_adj >>$T/after; grep SigIgn /proc/self/status >>$T/after; ls -l /proc/self/fd | wc -l >>$T/after" "$D" true
	wait_for 5 test -s "$T/after"
	sleep 0.2
	[ "$(wc -l <"$T/after")" = 3 ]
	[ "$(head -1 "$T/after")" = "$before" ]
	[ "$(sed -n 's/SigIgn:\t*//p' "$T/after")" = 0000000000000000 ]
	[ "$(tail -1 "$T/after")" -le 6 ]
	[ -s "$D/rec/exit.json" ]
}

# ---- foreground ----

@test "a foreground client sees both streams and the exit code" {
	run --separate-stderr "$drv" run --foreground --no-stdin "$D" sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" = 3 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "a foreground client that cleans up leaves nothing to do after" {
	"$drv" run --foreground --no-stdin --after "touch $T/after" "$D" true
	sleep 0.5
	[ ! -e "$T/after" ]
}

@test "a foreground client that dies while it cleans up is replaced" {
	"$drv" run --foreground --no-stdin --no-cleaned --after "touch $T/after" "$D" true
	wait_for 5 test -e "$T/after"
}

@test "kill -9 of the foreground client: the container goes on, then the work after is done" {
	"$drv" run --foreground --no-stdin --after "touch $T/after" "$D" sh -c 'sleep 0.5; echo still; exit 4' &
	cli=$!
	wait_for 5 test -s "$D/run/run.json"
	sleep 0.1
	kill -9 $cli
	wait_for 5 test -e "$T/after"
	[ "$(exit_field exit_code)" = 4 ]
	[ "$(log_text)" = still ]
}

@test "a reader of the foreground client that goes away ends it quietly, as any filter" {
	run bash -c "'$drv' run --foreground --no-stdin '$D' sh -c 'echo a; while echo b; do sleep 0.05; done' 2>'$T/err' | head -1; echo \${PIPESTATUS[0]}"
	[ "$output" = $'a\n141' ]
	[ ! -s "$T/err" ]
	started="$started $(jq .pid "$D/run/run.json")"
	kill -0 "$(jq .pid "$D/run/run.json")"
}

@test "stdin reaches the container and ends there" {
	run "$drv" run --foreground --stdin --stdin-once "$D" sh -c 'cat; echo end' <<<"typed"
	[ "$status" = 0 ]
	[ "$output" = $'typed\nend' ]
}

@test "stdin of a container that is not open is at its end" {
	run "$drv" run --foreground --no-stdin "$D" sh -c 'cat; echo end'
	[ "$output" = end ]
}

@test "kill -9 of the client ends stdin of StdinOnce" {
	sleep 100 | "$drv" run --foreground --stdin --stdin-once "$D" sh -c 'cat; echo end' &
	wait_for 5 test -s "$D/run/run.json"
	sleep 0.2
	kill -9 $!
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(log_text)" = end ]
}

@test "50 MB in and out at once arrive whole" {
	head -c 50000000 /dev/urandom >"$T/data"
	"$drv" run --foreground --stdin --stdin-once --no-log "$D" cat <"$T/data" | cmp - "$T/data"
}

@test "a reader that pauses loses nothing, and does not delay the record" {
	# more than pipe and socket hold; the reader sleeps beyond the exit
	"$drv" run --foreground --no-stdin --no-log "$D" sh -c 'head -c 400000 /dev/zero' |
		(sleep 3; wc -c) >"$T/n"
	[ "$(cat "$T/n")" = 400000 ]
}

@test "a container that ignores its stdin does not block client or output" {
	run timeout 20 "$drv" run --foreground --stdin --stdin-once "$D" sh -c 'exec <&-; sleep 0.3; head -c 300000 /dev/zero | wc -c' < <(head -c 10000000 /dev/zero)
	[ "$status" = 0 ]
	[ "$output" = 300000 ]
}

@test "signals are handed to the container" {
	"$drv" run --foreground --no-stdin --proxy "$D" sh -c 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 0.05; done' >"$T/out" &
	cli=$!
	wait_for 5 grep -q up "$T/out"
	kill -TERM $cli
	rc=0
	wait $cli || rc=$?
	[ $rc = 9 ]
	grep -q got "$T/out"
}

# ---- many clients ----

@test "several clients see the same, and waiters the status" {
	start "$D" sh -c 'sleep 0.6; seq 1000; exit 5'
	for i in 1 2 3 4 5; do "$drv" attach --no-stdin "$D" >"$T/out$i" & jobs="$jobs $!"; done
	[ "$("$drv" wait "$D")" = "5 0" ]
	for j in $jobs; do rc=0; wait "$j" || rc=$?; [ $rc = 5 ]; done
	for i in 1 2 3 4 5; do cmp "$T/out$i" <(seq 1000); done
}

@test "one client too many is told so" {
	start "$D" sleep 100
	for i in $(seq 32); do "$drv" attach --slow --no-stdin "$D" >"$T/w$i" & started="$started $!"; done
	for i in $(seq 32); do wait_for 10 grep -q ready "$T/w$i"; done
	sleep 0.2
	run "$drv" attach --no-stdin "$D"
	[ "$status" = 125 ]
	[[ "$output" = *"too many clients"* ]]
}

@test "a client that never reads does not block the container" {
	start "$D" sh -c 'sleep 0.5; yes 0123456789012345678901234567890123456789012345678 | head -n 400000; exit 6'
	"$drv" attach --slow --no-stdin "$D" >"$T/slow" &
	started="$started $!"
	wait_for 5 grep -q ready "$T/slow"
	wait_for 60 test -s "$D/rec/exit.json"
	[ "$(exit_field exit_code)" = 6 ]
	[ "$(grep -c . "$D/rec/container-json.log")" = 400000 ]
}

@test "a stopped client skips output, learns how much, and is up to date again" {
	mkfifo "$T/go"
	start "$D" sh -c 'read x <'"$T/go"'; head -c 5000000 /dev/zero; read x <'"$T/go"'; echo last; sleep 0.2'
	"$drv" attach --no-stdin "$D" >"$T/out" 2>"$T/err" &
	cli=$!
	started="$started $cli"
	sleep 0.3
	kill -STOP $cli
	echo >"$T/go"
	wait_for 20 sh -c "[ \$(stat -c %s '$D/rec/container-json.log') -gt 29000000 ]"
	kill -CONT $cli
	sleep 0.5
	echo >"$T/go"
	rc=0; wait $cli || rc=$?
	[ $rc = 0 ]
	lost=$(sed -n 's/^lost //p' "$T/err")
	[ "$lost" -gt 0 ]
	[ $((lost + $(stat -c %s "$T/out"))) = 5000005 ]
	[ "$(tail -c 5 "$T/out")" = last ]
}

@test "kill -9 of an attached client changes nothing" {
	start "$D" sh -c 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done'
	"$drv" attach --no-stdin "$D" >/dev/null &
	sleep 0.2
	kill -9 $!
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(log_text | wc -l)" = 8 ]
}

@test "attach without a monitor is an error that says so" {
	start "$D" true
	wait_for 5 gone "$mon"
	run "$drv" attach "$D"
	[ "$status" = 125 ]
	[[ "$output" = *"no monitor is listening"* ]]
}

# ---- terminal ----

@test "a terminal has a size, echo and one stream" {
	run "$drv" run --foreground --tty --no-stdin "$D" sh -c 'test -t 0 && test -t 1 && echo tty; echo err >&2; exit 2'
	[ "$status" = 2 ]
	[ "${lines[0]}" = $'tty\r' ]
	[ "${lines[1]}" = $'err\r' ]
	[ "$(jq -r .stream "$D/rec/container-json.log" | sort -u)" = stdout ]
}

@test "detach keys leave the container running; resize arrives" {
	command -v expect >/dev/null || skip "expect is missing"
	cat >"$T/e" <<-E
		set timeout 10
		spawn sh -c "stty rows 33 cols 77; $drv run --foreground --tty $D sh; echo rc=\\\$?; stty -a"
		expect "# "
		send "stty size\r"
		expect "33 77"
		send "\x10x"
		expect "x"
		send "\x10\x11"
		expect "detached"
		expect "rc=0"
		expect -re {[^-]icanon}
		expect eof
	E
	expect "$T/e"
	pid=$(jq .pid "$D/run/run.json")
	started="$started $pid"
	kill -0 "$pid"
	cat >"$T/e2" <<-E
		set timeout 10
		spawn $drv attach --tty --keys ctrl-a,a $D
		send "\r"
		expect "# "
		send "echo he''re\r"
		expect "here"
		send "\x01a"
		expect "detached"
		expect eof
	E
	expect "$T/e2"
	kill -9 "$pid"
	wait_for 5 test -s "$D/rec/exit.json"
}

@test "a fatal signal puts the terminal back" {
	command -v expect >/dev/null || skip "expect is missing"
	for sig in TERM HUP SEGV; do
		D=$T/$sig
		mkdir "$D"
		cat >"$T/s" <<-S
			sh -c 'echo \$\$ >$T/cli; exec $drv run --foreground --tty $D sh -c "echo up; sleep 100"'
			stty -a
			echo done
		S
		cat >"$T/e" <<-E
			set timeout 10
			spawn sh $T/s
			expect "up"
			exec sh -c {kill -$sig \$(cat $T/cli)}
			expect -re {[^-]icanon}
			expect "done"
			expect eof
		E
		expect "$T/e" >"$T/log" || { cat "$T/log"; false; }
		grep -q '[^-]icanon' "$T/log"
		kill -9 "$(jq .pid "$D/run/run.json")"
	done
}

@test "the relay of an exec has a terminal, a status and detach keys" {
	run "$drv" pty sh -c 'echo hi; test -t 1 || exit 1; exit 5' </dev/null
	[ "$status" = 5 ]
	[ "$output" = $'hi\r' ]
	# output of a megabyte, and a child that keeps the terminal open
	run bash -c "'$drv' pty sh -c 'head -c 1000000 /dev/zero; setsid sleep 3 &' </dev/null | wc -c"
	[ "$output" = 1000000 ]
}

# ---- a monitor that dies ----

@test "kill -9 of the monitor: the container goes on, a new one adopts it" {
	start "$D" sh -c 'i=0; while [ ! -e '"$T/stop"' ]; do i=$((i+1)); echo $i; sleep 0.02; done; exit 11'
	sleep 0.3
	kill -9 "$mon"
	sleep 0.3
	kill -0 "$pid"
	mon=$("$drv" adopt "$D")
	started="$started $mon"
	"$drv" attach --no-stdin "$D" >"$T/out" &
	sleep 0.3
	touch "$T/stop"
	# it may be gone before a waiter connects: what counts is the record
	wait_for 20 test -s "$D/rec/exit.json"
	wait_for 20 test -s "$T/out"
	# nothing was lost: the pipe held it
	log_text >"$T/log"
	cmp "$T/log" <(seq "$(wc -l <"$T/log")")
	case $(exit_field exit_code) in
	11) ;;                          # PIDFD_GET_INFO of Linux 6.15
	-1) [ "$(uname -r | cut -d. -f1)" -lt 7 ] ;; # unknown, and said so
	*) false ;;
	esac
}

@test "adopting a container that is gone records an unknown status" {
	start --after "touch $T/first" "$D" sh -c 'echo $$; sleep 100'
	sleep 0.2
	kill -9 "$mon"
	kill -9 "$pid"
	wait_for 5 gone "$pid"
	"$drv" adopt --after "touch $T/after" "$D"
	wait_for 5 test -e "$T/after"
	[ "$(exit_field exit_code)" = -1 ]
	[ ! -e "$T/first" ]
}

# ---- log ----

@test "the log is byte for byte what docker writes" {
	start "$D" sh -c 'printf "a<b>&\"\\\\\t\033[1mx\n"; sleep 0.1; printf "\377\n"; head -c 16385 /dev/zero | tr "\0" y; echo; printf end'
	wait_for 5 test -s "$D/rec/exit.json"
	mapfile -t l <"$D/rec/container-json.log"
	[[ "${l[0]}" = '{"log":"a\u003cb\u003e\u0026\"\\\u0009\u001b[1mx\n","stream":"stdout","time":"20'*'Z"}' ]]
	[[ "${l[1]}" = '{"log":"\ufffd\n","stream":"stdout","time":"'* ]]
	[ "$(jq -r '.log|length' <<<"${l[2]}")" = 16384 ]
	[ "$(jq -r .log <<<"${l[3]}")" = $'y\n' ] || [ "$(jq -r .log <<<"${l[3]}")" = y ]
	[ "$(jq -r .time <<<"${l[2]}")" = "$(jq -r .time <<<"${l[3]}")" ]
	[[ "${l[4]}" = '{"log":"end","stream":"stdout"'* ]]
	[ "$(stat -c %a "$D/rec/container-json.log")" = 640 ]
}

@test "attributes of log options are in each record" {
	start --attrs '{"b":"2","a":"1 x"}' "$D" echo hi
	wait_for 5 test -s "$D/rec/exit.json"
	[[ "$(cat "$D/rec/container-json.log")" = '{"log":"hi\n","stream":"stdout","attrs":{"b":"2","a":"1 x"},"time":"'* ]]
	[ "$("$drv" logs --details "$D")" = "a=1+x,b=2 hi" ]
}

@test "driver none writes no log" {
	start --no-log "$D" echo hi
	wait_for 5 test -s "$D/rec/exit.json"
	[ ! -e "$D/rec/container-json.log" ]
}

@test "a flood of 100 MB is logged whole, in bounded memory" {
	start "$D" sh -c 'yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head -c 100000000; sleep 100'
	wait_for 60 sh -c "[ \$(stat -c %s '$D/rec/container-json.log') -ge 186250000 ]"
	[ "$(awk '/^VmHWM/{print $2}' "/proc/$mon/status")" -lt 2048 ] || [ -n "$ASAN_OPTIONS" ]
	[ "$(jq -rj .log "$D/rec/container-json.log" | wc -c)" = 100000000 ]
}

@test "a full disk costs log records, not the container" {
	[ "$(id -u)" = 0 ] || skip "needs root for a small tmpfs"
	mkdir "$D/rec"
	mount -t tmpfs -o size=256k tmpfs "$D/rec" || skip "cannot mount here"
	mounted=$D/rec
	mkfifo "$T/go"
	start "$D" sh -c 'seq 20000; read x <'"$T/go"'; echo later; exit 3'
	wait_for 10 sh -c "[ \$(df --output=avail '$D/rec' | tail -1) -le 4 ]"
	sleep 0.3
	kill -0 "$pid"
	tail -c1 "$D/rec/container-json.log" | cmp - <(echo)
	kept=$(grep -c . "$D/rec/container-json.log")
	mount -o remount,size=10m "$D/rec"
	echo >"$T/go"
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$(exit_field exit_code)" = 3 ]
	[ "$(exit_field log_dropped)" = $((20000 - kept)) ]
	grep -q "onggi: $((20000 - kept)) log records lost here" "$D/rec/container-json.log"
	[ "$(tail -1 "$D/rec/container-json.log" | jq -r .log)" = later ]
}

@test "logs: streams, tail, since, until, timestamps" {
	start "$D" sh -c 'echo one; echo two >&2; sleep 0.5; echo three'
	wait_for 5 test -s "$D/rec/exit.json"
	[ "$("$drv" logs "$D" 2>/dev/null)" = $'one\nthree' ]
	[ "$("$drv" logs "$D" 2>&1 >/dev/null)" = two ]
	[ "$("$drv" logs --tail 1 "$D" 2>&1)" = three ]
	[ "$("$drv" logs --tail 0 "$D" 2>&1)" = "" ]
	[ "$("$drv" logs --tail all "$D" 2>&1)" = $'one\ntwo\nthree' ]
	[ "$("$drv" logs --tail x "$D" 2>&1)" = $'one\ntwo\nthree' ]
	three=$(tail -1 "$D/rec/container-json.log" | jq -r .time)
	[ "$("$drv" logs --since "$three" "$D" 2>&1)" = three ]
	[ "$("$drv" logs --since 1h --until "$(date -u -d "$three - 0.2 seconds" +%FT%T.%NZ)" "$D" 2>&1)" = $'one\ntwo' ]
	[ "$("$drv" logs --until 1h "$D" 2>&1)" = "" ]
	[[ "$("$drv" logs --timestamps --tail 1 "$D")" =~ ^20[0-9-]+T[0-9:]+\.[0-9]{9}Z\ three$ ]]
	run "$drv" logs --since yesterday "$D"
	[ "$status" = 125 ]
	[[ "$output" = *'invalid time "yesterday"'* ]]
}

@test "logs of a container without a log are empty" {
	mkdir -p "$D/rec" "$D/run"
	run "$drv" logs "$D"
	[ "$status" = 0 ]
	[ "$output" = "" ]
}

@test "follow sees every line over many rotations and ends with the container" {
	start --max-size 20000 --max-file 5 "$D" sh -c 'sleep 0.3; for i in $(seq 40); do seq $((i*50-49)) $((i*50)); sleep 0.02; done'
	timeout 20 "$drv" logs --follow "$D" >"$T/out"
	cmp "$T/out" <(seq 2000)
	[ -e "$D/rec/container-json.log.4" ]
	[ ! -e "$D/rec/container-json.log.5" ]
}

@test "follow ends when the monitor was killed and the container is gone" {
	start "$D" sh -c 'echo a; sleep 100'
	timeout 20 "$drv" logs --follow "$D" >"$T/out" &
	f=$!
	sleep 0.3
	kill -9 "$mon" "$pid"
	wait $f
	[ "$(cat "$T/out")" = a ]
}

@test "follow ends when its reader goes away" {
	start "$D" sh -c 'echo a; sleep 100'
	timeout 20 "$drv" logs --follow "$D" | head -1
}

@test "follow of a stopped container ends at once" {
	start "$D" echo a
	wait_for 5 gone "$mon"
	[ "$(timeout 5 "$drv" logs --follow "$D")" = a ]
}

@test "tail of a big log reads only its end" {
	mkdir -p "$D/rec" "$D/run"
	yes '{"log":"0123456789012345678901234567890123456789\n","stream":"stdout","time":"2024-01-01T00:00:00Z"}' |
		head -n 1000000 >"$D/rec/container-json.log"
	strace -f -e trace=pread64,read -o "$T/st" "$drv" logs --tail 10 "$D" >"$T/out" 2>/dev/null || skip "strace cannot be used here"
	[ "$(wc -l <"$T/out")" = 10 ]
	[ "$(grep -c 262144 "$T/st")" -le 3 ]
}

@test "twenty idle monitors use at most 0.2 MB each" {
	! grep -q __asan_init "$ONGGI_MONITOR" || skip "sanitized"
	for i in $(seq 20); do mkdir "$T/m$i"; start "$T/m$i" sleep 100; mons="$mons $mon"; done
	sleep 0.3
	for m in $mons; do cat "/proc/$m/smaps_rollup"; done | awk '/^Pss:/{s+=$2} END{print s/20 " kB"; exit s/20 > 200}'
}
