# SPDX-License-Identifier: Apache-2.0
#
# kill -9 at any moment: the command, the process that makes the container, the monitor. The delays
# come from a seed that is printed (ONGGI_SEED repeats a run).
#
# both: the release build is quicker, other moments are hit

load lib

setup() {
	fault_setup
	RANDOM=${ONGGI_SEED:=$((SECONDS + $$ % 30000))}
	echo "seed $ONGGI_SEED"
	# LeakSanitizer looks through a process from a second one that has its name and environment; where that is killed,
	# the first one waits for ever
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	onggi run --rm --network none base true
}
teardown() { fault_teardown; }

# how long COMMAND takes here, in ms
takes() {
	local from=${EPOCHREALTIME/./}
	"$@" >/dev/null
	echo $(((${EPOCHREALTIME/./} - from) / 1000))
}

doze() { # ms
	[ "$1" = 0 ] || sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

# strike MAX-MS WHO COMMAND...: run it, kill after a random time; WHO 0: the command itself, 1: one of
# the engine's processes, 2: all of them
strike() {
	local max=$1 who=$2 pid all
	shift 2
	"$@" >/dev/null 2>&1 &
	pid=$!
	doze $((RANDOM % (max + 1)))
	case $who in
	0) kill -9 $pid 2>/dev/null || true ;;
	*)
		all=($(pids_of_engine))
		if [ "$who" = 2 ]; then
			kill -9 "${all[@]}" 2>/dev/null || true
		elif [ ${#all[@]} -gt 0 ]; then
			kill -9 "${all[RANDOM % ${#all[@]}]}" 2>/dev/null || true
		fi
		;;
	esac
	wait $pid 2>/dev/null || true
}

@test "run -d --rm -p: sixty kills, the name and the port are free each time" {
	ms=$(takes sleeper)
	onggi rm -f kk >/dev/null
	for i in $(seq 60); do
		strike "$ms" $((i % 3)) "$ONGGI_BIN/onggi" run -d --rm --name kk -v /anonymous -p "$PORT:80" \
			--cgroup-parent "$GROUP" base sleep "$NAP"
		onggi ps -a >"$T/ps" 2>&1 || { echo "kill $i: ps: $(cat "$T/ps")"; return 1; }
		onggi rm -f -v kk >"$T/rm" 2>&1 || grep -q "No such container" "$T/rm" ||
			{ echo "kill $i: rm: $(cat "$T/rm")"; return 1; }
		[ $((i % 5)) != 0 ] || heal "kill $i"
		sleeper >"$T/out" 2>&1 || { echo "kill $i: run: $(cat "$T/out")"; return 1; }
		onggi rm -f kk >/dev/null
	done
	heal end
}

@test "rm -f: twenty kills" {
	sleeper >/dev/null
	ms=$(takes onggi rm -f kk)
	for i in $(seq 20); do
		sleeper -v /anonymous >/dev/null
		strike "$ms" $((i % 3)) "$ONGGI_BIN/onggi" rm -f -v kk
		onggi rm -f -v kk >"$T/rm" 2>&1 || grep -q "No such container" "$T/rm" ||
			{ echo "kill $i: rm: $(cat "$T/rm")"; return 1; }
		heal "kill $i"
	done
}

@test "the monitor dies under a container: it goes on, its end is known or said to be unknown" {
	for i in $(seq 5); do
		onggi run -d --name kk --cgroup-parent "$GROUP" -p "$PORT:80" base sh -c "echo one; sleep $NAP" >/dev/null
		strike 20 1 true
		for p in $(pids_of_engine); do
			[ "$(cat "/proc/$p/comm" 2>/dev/null)" != onggi-monitor ] || kill -9 "$p" 2>/dev/null || true
		done
		run -0 onggi ps -aq -f name=kk
		[ -n "$output" ]
		run -0 onggi stop -t 0 kk
		[[ $(onggi inspect -f '{{.State.Status}}' kk) == exited ]]
		run -0 onggi start kk
		[ "$(onggi inspect -f '{{.State.Running}}' kk)" = true ]
		onggi rm -f kk >/dev/null
		heal "kill $i"
	done
}
