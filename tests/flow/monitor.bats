#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# onggi-monitor and its clients, black box, without a container: tests/lib/monitor_driver.c plays
# the process that makes a container; any command stands in for the container. Nothing here depends on time:
# the command and the test wait for each other at FIFOs, for files and for ends of processes.

bats_require_minimum_version 1.5.0
export BATS_TEST_TIMEOUT=300

setup() {
	drv=$ONGGI_BUILD/tests/lib/monitor_driver
	[ -x "$drv" ] || skip "monitor_driver is not built"
	export ONGGI_MONITOR=$ONGGI_BIN/onggi-monitor
	T=$(mktemp -d)
	D=$T/c
	mkdir -p "$D/rec" "$D/run"
}

teardown() {
	for p in $clients; do
		kill -9 "$p" 2>/dev/null || true
		wait "$p" 2>/dev/null || true
	done
	for d in "$T"/*/run; do [ ! -d "$d" ] || "$drv" end "${d%/run}"; done
	[ -z "$mounted" ] || umount "$mounted" || true
	[ -z "$T" ] || rm -rf "$T"
}

# start [OPTIONS] DIR CMD...: detached; sets pid and mon
start() {
	read -r pid mon <<<"$("$drv" run "$@")"
	[ -n "$pid" ]
}

await() { timeout 60 "$ONGGI_BUILD/tests/lib/await" "$@"; }

# the foreground client in the background has started its command: sets pid and mon
started() {
	await file "$D/run/run.json"
	read -r pid mon <<<"$(jq -r '"\(.pid) \(.monitor_pid)"' "$D/run/run.json")"
}

# the monitor has done all: the record is written, the command after has run
ended() {
	await gone "$mon"
	[ -s "$D/rec/exit.json" ]
}

fifos() { for f in "$@"; do mkfifo "$T/$f"; done; }

# event FIFO: wait for a line, and print it
event() { timeout 60 head -n 1 "$T/$1"; }

# go FIFO [WORD]: let the reader of it go on. Who reads more than once keeps it open (exec 5<>)
go() { timeout 60 sh -c 'echo "$2" >"$1"' sh "$T/$1" "${2:-go}"; }

# logged N: wait for N lines of the log
logged() { [ "$(timeout 60 "$drv" logs --follow "$D" 2>&1 | head -n "$1" | wc -l)" = "$1" ]; }

exit_field() { jq -r ".$1" "$D/rec/exit.json"; }

log_text() { jq -rj .log "$D"/rec/container-json.log; }

# ---- status ----

@test "exit codes, signals and times are recorded" {
	start "$D" sh -c 'exit 7'
	ended
	[ "$(exit_field exit_code)" = 7 ]
	[ "$(exit_field signal)" = 0 ]
	[ "$(exit_field pid)" = "$pid" ]
	[ "$(exit_field oom_killed)" = false ]
	[[ "$(exit_field started_at)" < "$(exit_field finished_at)" ]]

	rm -rf "$D"; mkdir "$D"
	start "$D" sleep 100
	kill -9 "$pid"
	ended
	[ "$(exit_field exit_code)" = 137 ]
	[ "$(exit_field signal)" = 9 ]
}

@test "a command that is gone before the monitor looks is recorded" {
	for i in 1 2 3 4 5 6 7 8; do
		mkdir "$T/q$i"
		start "$T/q$i" true
		mons="$mons $mon"
	done
	# shellcheck disable=SC2086
	await gone $mons
	for i in 1 2 3 4 5 6 7 8; do
		[ "$(jq .exit_code "$T/q$i/rec/exit.json")" = 0 ]
	done
}

@test "the monitor ignores the signals that end other programs" {
	start "$D" sleep 100
	"$drv" ready "$D"
	for s in TERM HUP INT QUIT PIPE USR1 USR2 ALRM TSTP; do kill -$s "$mon"; done
	timeout 60 "$drv" ready "$D"
	kill "$pid"
	ended
	[ "$(exit_field exit_code)" = 143 ]
}

@test "the monitor keeps nothing of the terminal and descriptors of its starter" {
	exec 9>"$T/leak"
	start "$D" sleep 100
	exec 9>&-
	"$drv" ready "$D"
	run ls -l "/proc/$mon/fd"
	[ "$status" = 0 ]
	[[ "$output" = *"/dev/null"* ]]
	[[ ! "$output" =~ leak|tty|pts ]]
	[ "$(readlink "/proc/$mon/fd/0")" = /dev/null ]
	[ "$(readlink "/proc/$mon/cwd")" = / ]
	[ "$(awk '{print $6}' "/proc/$mon/stat")" = "$mon" ]
}

@test "children that were re-parented to the monitor are reaped" {
	fifos up1 up2 go1 go2 up
	start --subreaper "$D" sh -c "
		for i in 1 2; do (sh -c 'echo \$\$ >$T/up'\$i'; read x <$T/go'\$i &); done
		echo up >$T/up; exec sleep 100"
	one=$(event up1)
	two=$(event up2)
	event up
	for p in $one $two; do [ "$(awk '{print $4}' "/proc/$p/stat")" = "$mon" ]; done
	go go1
	go go2
	await gone "$one" "$two"
	# the monitor answers after it has looked at what came before
	timeout 60 "$drv" ready "$D"
	for p in $one $two; do [ ! -e "/proc/$p" ]; done
	[ -e "/proc/$pid" ]
	[ ! -e "$D/rec/exit.json" ]
}

@test "out of memory is told by the counter of the cgroup" {
	printf 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n' >"$T/oom"
	fifos go
	start --oom "$T/oom" "$D" sh -c "read x <$T/go; kill -9 \$\$"
	sed -i 's/oom_kill 0/oom_kill 1/' "$T/oom"
	go go
	ended
	[ "$(exit_field oom_killed)" = true ]
}

@test "the command after the exit runs once, with signals and limits as before" {
	before=$(cat /proc/self/oom_score_adj)
	start --after "cat /proc/self/oom_score_adj >>$T/after; grep SigIgn /proc/self/status >>$T/after; ls -l /proc/self/fd | wc -l >>$T/after" "$D" true
	ended
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
	started
	ended
	[ ! -e "$T/after" ]
}

@test "a foreground client that dies while it cleans up is replaced" {
	"$drv" run --foreground --no-stdin --no-cleaned --after "touch $T/after" "$D" true
	started
	ended
	[ -e "$T/after" ]
}

@test "kill -9 of the foreground client: the container goes on, then the work after is done" {
	fifos up go
	"$drv" run --foreground --no-stdin --after "touch $T/after" "$D" sh -c "echo up >$T/up; read x <$T/go; echo still; exit 4" &
	cli=$!
	event up
	started
	kill -9 $cli
	wait $cli || true
	go go
	ended
	[ -e "$T/after" ]
	[ "$(exit_field exit_code)" = 4 ]
	[ "$(log_text)" = still ]
}

@test "a reader of the foreground client that goes away ends it quietly, as any filter" {
	run bash -c "'$drv' run --foreground --no-stdin '$D' sh -c 'echo a; while echo b; do sleep 0.05; done' 2>'$T/err' | head -1; echo \${PIPESTATUS[0]}"
	[ "$output" = $'a\n141' ]
	[ ! -s "$T/err" ]
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
	fifos in up
	exec 8<>"$T/in" # never at its end
	"$drv" run --foreground --stdin --stdin-once "$D" sh -c "read x; echo \"\$x\" >$T/up; cat; echo end" <"$T/in" &
	cli=$!
	echo typed >&8
	[ "$(event up)" = typed ]
	started
	kill -9 $cli
	ended
	exec 8>&-
	[ "$(log_text)" = end ]
}

@test "50 MB in and out at once arrive whole" {
	head -c 50000000 /dev/urandom >"$T/data"
	"$drv" run --foreground --stdin --stdin-once --no-log "$D" cat <"$T/data" | cmp - "$T/data"
}

@test "a reader that pauses loses nothing, and does not delay the record" {
	# as much as goes into pipe, client, socket and FIFO, whatever that is; the reader waits beyond the exit
	cat >"$T/fill.py" <<-'P'
		import os, select, sys
		os.set_blocking(1, False)
		n = 0
		while select.select([], [1], [], 60 if n <= 131072 else 0.5)[1]:
		    try:
		        n += os.write(1, bytes(32768))
		    except BlockingIOError:
		        pass
		with open(sys.argv[1], "w") as f: print(n, file=f)
	P
	"$drv" run --foreground --no-stdin --no-log "$D" python3 "$T/fill.py" "$T/written" |
		(await file "$D/rec/exit.json" && wc -c) >"$T/n"
	[ "$(cat "$T/written")" -gt 131072 ]
	cmp "$T/n" "$T/written"
}

@test "a container that ignores its stdin does not block client or output" {
	fifos go
	for how in 'exec <&-' :; do
		mkdir "$D.$how"
		# what was typed is on its way: all of it where stdin is closed, more than the FIFO holds else
		case $how in :) n=80000 ;; *) n=10000000 ;; esac
		run timeout 60 "$drv" run --foreground --stdin --stdin-once "$D.$how" \
			sh -c "$how; read x <$T/go; head -c 300000 /dev/zero | wc -c" \
			< <(head -c $n /dev/zero; echo >"$T/go"; [ $n -gt 80000 ] || head -c 10000000 /dev/zero)
		[ "$status" = 0 ]
		[ "$output" = 300000 ]
	done
}

@test "signals are handed to the container" {
	"$drv" run --foreground --no-stdin --proxy "$D" sh -c 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 0.05; done' >"$T/out" &
	cli=$!
	await file "$T/out"
	kill -TERM $cli
	rc=0
	wait $cli || rc=$?
	[ $rc = 9 ]
	grep -q got "$T/out"
}

# ---- many clients ----

@test "several clients see the same, and waiters the status" {
	fifos go r1 r2 r3 r4 r5 rw
	start "$D" sh -c "read x <$T/go; seq 1000; exit 5"
	for i in 1 2 3 4 5; do "$drv" attach --ready "$T/r$i" --no-stdin "$D" >"$T/out$i" & jobs="$jobs $!"; done
	"$drv" wait --ready "$T/rw" "$D" >"$T/wait" &
	waiter=$!
	clients="$jobs $waiter"
	for i in 1 2 3 4 5 w; do event r$i; done
	go go
	wait $waiter
	[ "$(cat "$T/wait")" = "5 0" ]
	for j in $jobs; do rc=0; wait "$j" || rc=$?; [ $rc = 5 ]; done
	for i in 1 2 3 4 5; do cmp "$T/out$i" <(seq 1000); done
}

@test "one client too many is told so" {
	start "$D" sleep 100
	for i in $(seq 32); do
		fifos r$i
		"$drv" attach --ready "$T/r$i" --slow --no-stdin "$D" >/dev/null &
		clients="$clients $!"
	done
	for i in $(seq 32); do event r$i; done
	run "$drv" attach --no-stdin "$D"
	[ "$status" = 125 ]
	[[ "$output" = *"too many clients"* ]]
}

@test "a client that never reads does not block the container" {
	fifos go ready
	start "$D" sh -c "read x <$T/go; yes 0123456789012345678901234567890123456789012345678 | head -n 400000; exit 6"
	"$drv" attach --ready "$T/ready" --slow --no-stdin "$D" >/dev/null &
	clients=$!
	event ready
	go go
	ended
	[ "$(exit_field exit_code)" = 6 ]
	[ "$(grep -c . "$D/rec/container-json.log")" = 400000 ]
}

@test "a stopped client skips output, learns how much, and is up to date again" {
	fifos go ready up
	start "$D" sh -c "exec 5<>$T/go; read x <&5; head -c 5000000 /dev/zero; echo >$T/up
		while read x <&5 && [ \$x != end ]; do echo last; done; exit 0"
	"$drv" attach --ready "$T/ready" --no-stdin "$D" >"$T/out" 2>"$T/err" &
	cli=$!
	clients=$cli
	event ready
	kill -STOP $cli
	go go
	event up # which is so only when the monitor does not wait for the client
	kill -CONT $cli
	# a word until it arrives again; those before belong to what was skipped
	n=0
	until [ "$(tail -c 5 "$T/out" | tr -d '\0')" = last ]; do
		go go more
		n=$((n + 1))
	done
	go go end
	rc=0; wait $cli || rc=$?
	[ $rc = 0 ]
	lost=$(sed -n 's/^lost //p' "$T/err")
	[ "$lost" -gt 0 ]
	[ $((lost + $(stat -c %s "$T/out"))) = $((5000000 + 5 * n)) ]
}

@test "kill -9 of an attached client changes nothing" {
	fifos go ready
	start "$D" sh -c "exec 5<>$T/go; for i in 1 2 3 4 5 6 7 8; do echo \$i; read x <&5; done"
	"$drv" attach --ready "$T/ready" --no-stdin "$D" >"$T/out" &
	cli=$!
	clients=$cli
	event ready
	go go
	await file "$T/out"
	kill -9 $cli
	for i in 2 3 4 5 6 7 8; do go go; done
	ended
	[ "$(log_text | wc -l)" = 8 ]
}

@test "attach without a monitor is an error that says so" {
	start "$D" true
	ended
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
		set timeout 60
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
	started
	kill -0 "$pid"
	cat >"$T/e2" <<-E
		set timeout 60
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
	ended
}

@test "a fatal signal puts the terminal back" {
	command -v expect >/dev/null || skip "expect is missing"
	for sig in TERM HUP SEGV; do
		D=$T/$sig
		mkdir "$D"
		cat >"$T/s" <<-S
			sh -c 'echo \$\$ >$T/cli; exec $drv run --foreground --tty $D sh -c "echo up; exec sleep 100"'
			stty -a
			echo done
		S
		cat >"$T/e" <<-E
			set timeout 60
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
	fifos go up
	run bash -c "'$drv' pty sh -c 'setsid sh -c \"echo >$T/up; read x <$T/go\" & read x <$T/up; head -c 1000000 /dev/zero' </dev/null | wc -c"
	go go
	[ "$output" = 1000000 ]
}

# ---- a monitor that dies ----

@test "kill -9 of the monitor: the container goes on, a new one adopts it" {
	fifos go up ready
	start "$D" sh -c "exec 5<>$T/go; seq 10; read x <&5; seq 11 20; echo >$T/up; read x <&5; seq 21 30; exit 11"
	logged 10
	kill -9 "$mon"
	await gone "$mon"
	go go
	event up # written while nobody read
	kill -0 "$pid"
	mon=$("$drv" adopt "$D")
	"$drv" attach --ready "$T/ready" --no-stdin "$D" >"$T/out" &
	cli=$!
	clients=$cli
	event ready
	go go
	ended
	wait $cli || true # with the status, where the monitor knows it
	# nothing was lost: the pipe held it
	log_text | cmp - <(seq 30)
	tail -n 10 "$T/out" | cmp - <(seq 21 30)
	case $(exit_field exit_code) in
	11) ;;                          # PIDFD_GET_INFO of Linux 6.15
	-1) [ "$(uname -r | cut -d. -f1)" -lt 7 ] ;; # unknown, and said so
	*) false ;;
	esac
}

@test "adopting a container that is gone records an unknown status" {
	start --after "touch $T/first" "$D" sleep 100
	"$drv" ready "$D"
	kill -9 "$mon"
	await gone "$mon"
	kill -9 "$pid"
	await gone "$pid"
	mon=$("$drv" adopt --after "touch $T/after" "$D")
	ended
	[ -e "$T/after" ]
	[ "$(exit_field exit_code)" = -1 ]
	[ ! -e "$T/first" ]
}

# ---- log ----

@test "the log is byte for byte what docker writes" {
	start "$D" sh -c 'printf "a<b>&\"\\\\\t\033[1mx\n"; printf "\377\n"; head -c 16385 /dev/zero | tr "\0" y; echo; printf end'
	ended
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
	ended
	[[ "$(cat "$D/rec/container-json.log")" = '{"log":"hi\n","stream":"stdout","attrs":{"b":"2","a":"1 x"},"time":"'* ]]
	[ "$("$drv" logs --details "$D")" = "a=1+x,b=2 hi" ]
}

@test "driver none writes no log" {
	start --no-log "$D" echo hi
	ended
	[ ! -e "$D/rec/container-json.log" ]
}

@test "a flood of 100 MB is logged whole, in bounded memory" {
	start "$D" sh -c 'yes 0123456789012345678901234567890123456789012345678901234567890123456789012345678 | head -c 100000000; exec sleep 100'
	await file "$D/rec/container-json.log" 186250000
	[ "$(awk '/^VmHWM/{print $2}' "/proc/$mon/status")" -lt 2048 ] || [ -n "$ASAN_OPTIONS" ]
	[ "$(jq -rj .log "$D/rec/container-json.log" | wc -c)" = 100000000 ]
}

@test "a full disk costs log records, not the container" {
	[ "$(id -u)" = 0 ] || skip "needs root for a small tmpfs"
	mount -t tmpfs -o size=256k tmpfs "$D/rec" || skip "cannot mount here"
	mounted=$D/rec
	fifos go ready
	start "$D" sh -c "exec 5<>$T/go; read x <&5; seq 20000; read x <&5; echo later; exit 3"
	"$drv" attach --ready "$T/ready" --lossless --no-stdin "$D" >"$T/out" &
	clients=$!
	event ready
	go go
	# what a client has is in the log or counted
	await file "$T/out" "$(seq 20000 | wc -c)"
	[ "$(df --output=avail "$D/rec" | tail -1)" -le 4 ]
	kill -0 "$pid"
	tail -c1 "$D/rec/container-json.log" | cmp - <(echo)
	kept=$(grep -c . "$D/rec/container-json.log")
	mount -o remount,size=10m "$D/rec"
	go go
	ended
	[ "$(exit_field exit_code)" = 3 ]
	[ "$(exit_field log_dropped)" = $((20000 - kept)) ]
	grep -q "onggi: $((20000 - kept)) log records lost here" "$D/rec/container-json.log"
	[ "$(tail -1 "$D/rec/container-json.log" | jq -r .log)" = later ]
}

@test "logs: streams, tail, since, until, timestamps" {
	fifos go
	start "$D" sh -c "exec 5<>$T/go; echo one; read x <&5; echo two >&2; read x <&5; echo three"
	logged 1
	go go
	logged 2
	go go
	ended
	[ "$("$drv" logs "$D" 2>/dev/null)" = $'one\nthree' ]
	[ "$("$drv" logs "$D" 2>&1 >/dev/null)" = two ]
	[ "$("$drv" logs --tail 1 "$D" 2>&1)" = three ]
	[ "$("$drv" logs --tail 0 "$D" 2>&1)" = "" ]
	[ "$("$drv" logs --tail all "$D" 2>&1)" = $'one\ntwo\nthree' ]
	[ "$("$drv" logs --tail x "$D" 2>&1)" = $'one\ntwo\nthree' ]
	two=$(sed -n 2p "$D/rec/container-json.log" | jq -r .time)
	three=$(tail -1 "$D/rec/container-json.log" | jq -r .time)
	[ "$("$drv" logs --since "$three" "$D" 2>&1)" = three ]
	[ "$("$drv" logs --since 1h --until "$two" "$D" 2>&1)" = $'one\ntwo' ]
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
	fifos go
	# a part is longer than a file and shorter than all that are kept; the next comes when it was read
	start --max-size 20000 --max-file 5 "$D" sh -c "exec 5<>$T/go; for i in 1 2 3 4 5; do seq \$((i*400-399)) \$((i*400)); read x <&5; done"
	timeout 60 "$drv" logs --follow "$D" | while read -r l; do
		echo "$l"
		[ $((l % 400)) != 0 ] || go go
	done >"$T/out"
	cmp "$T/out" <(seq 2000)
	[ -e "$D/rec/container-json.log.4" ]
	[ ! -e "$D/rec/container-json.log.5" ]
}

@test "follow ends when the monitor was killed and the container is gone" {
	start "$D" sh -c 'echo a; exec sleep 100'
	timeout 60 "$drv" logs --follow "$D" >"$T/out" &
	f=$!
	await file "$T/out"
	kill -9 "$mon" "$pid"
	wait $f
	[ "$(cat "$T/out")" = a ]
}

@test "follow ends when its reader goes away" {
	start "$D" sh -c 'echo a; exec sleep 100'
	run bash -c "timeout 60 '$drv' logs --follow '$D' | head -1; echo \${PIPESTATUS[0]}"
	[ "$output" = $'a\n0' ]
}

@test "follow of a stopped container ends at once" {
	start "$D" echo a
	ended
	[ "$(timeout 60 "$drv" logs --follow "$D")" = a ]
}

@test "tail of a big log reads only its end" {
	mkdir -p "$D/rec" "$D/run"
	yes '{"log":"0123456789012345678901234567890123456789\n","stream":"stdout","time":"2024-01-01T00:00:00Z"}' |
		head -n 1000000 >"$D/rec/container-json.log"
	strace -o /dev/null true 2>/dev/null || skip "strace cannot be used here"
	# a look for leaks would trace too
	ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace -f -e trace=pread64,read -o "$T/st" "$drv" logs --tail 10 "$D" >"$T/out"
	[ "$(wc -l <"$T/out")" = 10 ]
	awk '/262144/ { n++ } END { exit n < 1 || n > 3 }' "$T/st"
}

@test "twenty idle monitors use at most 0.2 MB each" {
	! grep -q __asan_init "$ONGGI_MONITOR" || skip "sanitized"
	for i in $(seq 20); do
		mkdir "$T/m$i"
		start "$T/m$i" sleep 100
		"$drv" ready "$T/m$i"
		mons="$mons $mon"
	done
	for m in $mons; do cat "/proc/$m/smaps_rollup"; done | awk '/^Pss:/{s+=$2} END{print s/20 " kB"; exit s/20 > 200}'
}
