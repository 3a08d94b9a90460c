#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Containers that start before their image is here: each step of such a pull, of the process that shows the layers, of its
# successor, of its end, and of a container's creation and start meanwhile fails or is killed. Then the store is sound, the
# next start has the right content, the image becomes whole, and when all is removed nothing is left.

load lib
load ../flow/lazy_lib

setup() {
	fault_setup
	faults
	lazy_env
	one zstd
	SUM="$(sum_of data/f7)  /data/f7"
}
teardown() {
	local rc=0
	unset ONGGI_FAULT
	lazy_done || rc=1
	fault_teardown && [ "$rc" = 0 ]
}

late() {
	onggi "$1" --name kk --network none --cgroup-parent "$GROUP" --pull lazy "${@:2}" "$REG/x:1" sha256sum /data/f7
}

all_end() {
	local pid
	for pid in $(server_pids); do await_end "$pid"; done
}

no_dead_mount() {
	! grep "onggi-lazy" /proc/self/mountinfo
}

# sound WHAT: the same again works, the image becomes whole, then all of it is removed
sound() {
	onggi system check >"$T/out" 2>&1 || { echo "$1: $(cat "$T/out")"; return 1; }
	onggi rm -f kk >/dev/null 2>&1 || true
	[ "$(late run --rm 2>"$T/err")" = "$SUM" ] || { echo "$1: the next run: $(cat "$T/err")"; return 1; }
	all_end
	whole "$REG/x:1" || { echo "$1: not whole: $(cat "$ONGGI_RUN"/lazy/*/log)"; return 1; }
	onggi system check >"$T/out" 2>&1 || { echo "$1: $(cat "$T/out")"; return 1; }
	onggi rmi "$REG/x:1" >/dev/null
	gone "$1"
}

# gone WHAT: nothing of the image is left, once it is not wanted
gone() {
	# of a file that was half written when its writer was killed, somebody else could be the writer for an hour
	find "$ONGGI_ROOT" -name '.tmp-*' -exec touch -d '2 hours ago' {} +
	onggi image prune -af >/dev/null
	onggi system sweep
	[ -z "$(find "$ONGGI_ROOT/images" "$ONGGI_ROOT/blobs" "$ONGGI_ROOT/leases" "$ONGGI_ROOT/references" -type f)" ] &&
		[ -z "$(find "$ONGGI_ROOT/snapshots" -mindepth 1)" ] || { echo "$1: left: $(find "$ONGGI_ROOT" -type f)"; return 1; }
	eventually 60 no_dead_mount >/dev/null || { echo "$1: a mount is left"; return 1; }
	heal "$1"
}

# a pull, and what it starts
each_begin() { # suffix of the fault
	local w s n=0
	for w in pull lazy-begin lazy-serve; do
		for s in $(steps_of "$w"); do
			ONGGI_FAULT=$w:$s$1 run late run --rm
			# the pull behind a container that runs is the same way: all may have gone well with it
			[ "$status" != 0 ] || [ "$w:$s" = pull:layers ] || [ "$w:$s" = pull:register ] ||
				{ echo "$w:$s$1: status 0: $output"; return 1; }
			[[ $output != *"ERROR: "*Sanitizer* ]] || { echo "$w:$s$1: $output"; return 1; }
			[ "$w" = pull ] || [ -z "$(server_pids)" ] || all_end
			servers_stop
			onggi ps -a >/dev/null
			[ -z "$(onggi ps -aq)" ] || { echo "$w:$s$1: a container is left"; return 1; }
			sound "$w:$s$1"
			n=$((n + 1))
		done
	done
	[ "$n" -gt 8 ]
}

# a server that has the fault in its environment is of no use
servers_stop() {
	local pid
	# one may end by itself before that
	for pid in $(server_pids); do
		kill -9 "$pid" 2>/dev/null || true
		await_end "$pid"
	done
}

@test "the begin of it: each step fails" {
	gate_open
	each_begin ""
}

@test "the begin of it: each step is killed" {
	gate_open
	each_begin :kill
}

@test "the end of it: each step fails, for a container that is there, until it is removed" {
	gate_open
	for w in lazy-end lazy-quit; do
		for s in $(steps_of $w); do
			ONGGI_FAULT=$w:$s run -0 --separate-stderr late create
			eventually 60 grep -q "injected fault" "$ONGGI_RUN"/lazy/*/log
			run -0 --separate-stderr onggi start -a kk
			[ "$output" = "$SUM" ] || { echo "$w:$s: $output $stderr"; return 1; }
			onggi system check
			# where the image is not wanted for a container the process ends, if it can
			onggi rm kk >/dev/null
			[ "$w" = lazy-end ] || servers_stop
			all_end
			rm "$ONGGI_RUN"/lazy/*/log
			sound "$w:$s fails"
		done
	done
}

@test "the end of it: each step is killed" {
	gate_open
	for w in lazy-end lazy-quit; do
		for s in $(steps_of $w); do
			ONGGI_FAULT=$w:$s:kill run -0 --separate-stderr late create
			# again and again, until the keeper has enough
			all_end
			onggi system check
			run -0 --separate-stderr onggi start -a kk
			[ "$output" = "$SUM" ] || { echo "$w:$s: $output $stderr"; return 1; }
			onggi rm kk >/dev/null
			sound "$w:$s killed"
		done
	done
}

@test "the successor of a process that was killed: each step fails or is killed" {
	for s in $(steps_of lazy-again); do
		for how in "" :kill; do
			ONGGI_FAULT=lazy-again:$s$how run -0 --separate-stderr late create
			for pid in $(workers); do kill -9 "$pid"; done
			all_end
			onggi system check
			no_dead_mount
			run -0 --separate-stderr onggi start -a kk
			[ "$output" = "$SUM" ] || { echo "lazy-again:$s$how: $output $stderr"; return 1; }
			onggi rm kk >/dev/null
			servers_stop
			gone "lazy-again:$s$how"
		done
	done
}

@test "create and start while layers are on their way: each step fails or is killed" {
	for how in "" :kill; do
		for w in create start; do
			for s in $(steps_of $w); do
				ONGGI_FAULT=$w:$s$how run late run --rm
				[ "$status" != 0 ] || { echo "$w:$s$how: status 0: $output"; return 1; }
				onggi ps -a >/dev/null
				onggi rm -f kk >/dev/null 2>&1 || true
				[ "$(late run --rm 2>"$T/err")" = "$SUM" ] || { echo "$w:$s$how: $(cat "$T/err")"; return 1; }
				onggi system check >"$T/out" 2>&1 || { echo "$w:$s$how: $(cat "$T/out")"; return 1; }
			done
		done
	done
	[ -z "$(onggi images -q)" ]
	gate_open
	sound "create and start"
}

@test "the process ends while containers are made and started: kills at any moment" {
	RANDOM=${ONGGI_SEED:=$((SECONDS + $$ % 30000))}
	echo "seed $ONGGI_SEED"
	gate_open
	for n in 1 2 3 4 5 6; do
		late create >/dev/null 2>&1
		onggi start -a kk >"$T/out" 2>"$T/err" &
		local start=$!
		sleep "0.$(printf %03d $((RANDOM % 300)))"
		for pid in $(server_pids); do
			[ $((RANDOM % 2)) = 0 ] || kill -9 "$pid" 2>/dev/null || true
		done
		# it has the right content, or it says that it has none
		if wait "$start"; then
			[ "$(cat "$T/out")" = "$SUM" ] || { echo "round $n: $(cat "$T/out")"; return 1; }
		fi
		onggi system check >"$T/out" 2>&1 || { echo "round $n: $(cat "$T/out")"; return 1; }
		sound "round $n"
	done
}
