# SPDX-License-Identifier: Apache-2.0
#
# A hundred at once: starts, foreground runs, stops and removals. None fails, nothing is left.

load lib

setup() {
	fault_setup
	onggi run --rm --network none base true
}
teardown() { fault_teardown; }

N=100

# at_once FUNCTION: N of it in parallel, with the number; what each said in $T/out.N, failures counted
at_once() {
	local i bad=0 pids=()
	for i in $(seq $N); do
		"$@" "$i" >"$T/out.$i" 2>&1 &
		pids+=($!)
	done
	for i in $(seq $N); do
		wait "${pids[i - 1]}" || { bad=$((bad + 1)); echo "$* $i: $(cat "$T/out.$i")"; }
	done
	[ $bad = 0 ] || { echo "$bad of $N failed"; return 1; }
}

detached() {
	"$ONGGI_BIN/onggi" run -d --name "n$1" --cgroup-parent "$GROUP" -p "127.0.0.1::80" base sleep "$NAP"
}
foreground() {
	[ "$("$ONGGI_BIN/onggi" run --rm --cgroup-parent "$GROUP" base echo "word $1")" = "word $1" ]
}
stop() { "$ONGGI_BIN/onggi" stop -t 0 "n$1"; }
remove() { "$ONGGI_BIN/onggi" rm "n$1"; }
force() { "$ONGGI_BIN/onggi" rm -f "n$1"; }

@test "run -d, stop, rm, each a hundred at once" {
	at_once detached
	[ "$(onggi ps -q | wc -l)" = $N ]
	# a port each
	[ "$(onggi ps --format '{{.Ports}}' | sort -u | wc -l)" = $N ]
	at_once stop
	[ "$(onggi ps -aq -f status=exited | wc -l)" = $N ]
	at_once remove
	heal "a hundred removed"
}

@test "run --rm, a hundred at once" {
	at_once foreground
	heal "a hundred foreground runs"
}

# whoever is second finds it gone, or going
both() {
	"$ONGGI_BIN/onggi" run -d --rm --name "n$1" --cgroup-parent "$GROUP" base sleep "$NAP" >/dev/null || return 1
	force "$1" &
	"$ONGGI_BIN/onggi" stop -t 0 "n$1" >/dev/null 2>"$T/stop.$1" || grep -q "No such container" "$T/stop.$1" || return 1
	wait $! || grep -q "No such container" "$T/out.$1"
}

@test "stop and rm -f of the same container at once, thirty times over" {
	N=30
	at_once both
	heal "stop and rm at once"
}
