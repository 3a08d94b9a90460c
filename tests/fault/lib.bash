# SPDX-License-Identifier: Apache-2.0
#
# lib.bash - what the fault tests share: faults, and the check that nothing is left.
#
# Containers of these tests live in a group of their own ($GROUP, --cgroup-parent) and sleep for a
# number of seconds of their own ($NAP), so that what is left of them is found whoever else tests
# at the same time.

source "$BATS_TEST_DIRNAME/../flow/lib.bash"

fault_setup() {
	engine_setup
	NAP=$((100000000 + $$ * 1000 + RANDOM % 1000))
	GROUP=/onggi-fault-$NAP
	PORT=$(free_port)
	export NAP GROUP PORT
}

# all that runs is ended, whatever the test has done to the engine
fault_teardown() {
	local pid rc=0 g
	[ -n "${T:-}" ] || return 0
	unset ONGGI_FAULT
	engine_teardown || rc=1
	for pid in $(pids_of_engine); do kill -9 "$pid" 2>/dev/null || true; done
	for g in /sys/fs/cgroup/*"$GROUP" /sys/fs/cgroup"$GROUP"; do
		[ ! -d "$g" ] || eventually 60 group_remove "$g" || true
	done
	return $rc
}

group_remove() {
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
	[ ! -d "$1" ]
}

faults() { # skip without fault points
	"$ONGGI_BIN/onggi" internal-ways >/dev/null 2>&1 || skip "this build has no fault points"
}

# steps_of WAY...: one step a line, from the program's own tables
steps_of() {
	local w
	for w; do
		{ onggi internal-ways; "$ONGGI_LIBEXEC/onggi-image" ways; } | sort -u |
			awk -v w="$w" '$1 == w { print $2 }'
	done
}

# processes of this engine: commands, monitors, containers
pids_of_engine() {
	local p comm
	# neither pattern matches itself
	for p in $(grep -lsxz "ONGGI_ROO[T]=$ONGGI_ROOT" /proc/[0-9]*/environ;
		grep -lsxz "${NAP%?}[${NAP: -1}]" /proc/[0-9]*/cmdline); do
		p=${p#/proc/}
		p=${p%/*}
		read -r comm 2>/dev/null <"/proc/$p/comm" || continue
		case $comm in
		onggi* | orun* | sleep | sh | docker-init) echo "$p" ;;
		esac
	done 2>/dev/null
}

# left_over: prints what of a container is left in this engine and on this host;
# nothing printed, status 1: nothing is left. Files .tmp-* of a writer that was killed go by age.
left_over() {
	{
		ls -A "$ONGGI_ROOT/containers" 2>/dev/null | sed 's/^/record /'
		ls -A "$ONGGI_ROOT/names" 2>/dev/null | sed 's/^/name /'
		ls -A "$ONGGI_RUN/containers" 2>/dev/null | sed 's/^/run-time folder /'
		ls -A "$ONGGI_RUN/runtime" 2>/dev/null | sed 's/^/state of the runtime /'
		(cd "$ONGGI_RUN/network" 2>/dev/null && find plans ports nets orphans ! -type d 2>/dev/null) |
			grep -v -e '/lock$' -e '/next$' -e '/hint' -e '/bridge' -e '/\.tmp-' | sed 's/^/network file /'
		find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/leases" -mindepth 1 -maxdepth 1 2>/dev/null |
			grep -v '/partial-' | sed 's/^/temporary /'
		find "$ONGGI_ROOT/volumes" -mindepth 1 -maxdepth 1 2>/dev/null | sed 's/^/volume /'
		find /sys/fs/cgroup/*"$GROUP" "/sys/fs/cgroup$GROUP" -mindepth 1 -maxdepth 1 -type d 2>/dev/null |
			sed 's/^/cgroup /'
		grep -o " $T/[^ ]*" /proc/self/mountinfo | grep -v -e "^ $T/\(root\|run\)$" | sed 's/^/mount/'
		ip -o link show type veth 2>/dev/null | sed 's/^/link /'
		nft -a list ruleset 2>/dev/null | grep -w "$PORT" | sed 's/^/firewall /'
		local p
		for p in $(pids_of_engine); do
			echo "process $p $(tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null)"
		done
	} >"$T/left"
	cat "$T/left"
	[ -s "$T/left" ]
}

nothing_left() {
	! left_over >/dev/null
}

# heal: the next ordinary commands; then nothing may be left. What goes by itself (a monitor on its
# way out) has some seconds for it.
heal() {
	onggi ps -a >"$T/heal" 2>&1 || { echo "$1: ps failed: $(cat "$T/heal")"; return 1; }
	onggi system sweep >"$T/heal" 2>&1 || { echo "$1: sweep failed: $(cat "$T/heal")"; return 1; }
	eventually 60 swept_clean 2>/dev/null || { echo "$1: left over:"; left_over; return 1; }
}

swept_clean() {
	nothing_left || { onggi system sweep && nothing_left; }
}

# sleeper FLAGS...: run -d a container that sleeps, published at $PORT
sleeper() {
	onggi run -d --name kk -p "$PORT:80" --cgroup-parent "$GROUP" "$@" base sleep "$NAP"
}

# failed_well WHAT: $status and $output of a command that had to fail: docker's code, one error
failed_well() {
	[ "$status" = "${2:-125}" ] || { echo "$1: status $status: $output"; return 1; }
	[[ $output == *"injected fault"* ]] || { echo "$1: no reason given: $output"; return 1; }
	[[ $output != *"ERROR: "*Sanitizer* ]] || { echo "$1: $output"; return 1; }
}

# again WHAT: the same run with the same name and port succeeds, and its container goes again
again() {
	sleeper >"$T/out" 2>&1 || { echo "run after $1: $(cat "$T/out")"; return 1; }
	onggi rm -f kk >/dev/null || { echo "rm after $1"; return 1; }
}

# fails WAY STEP, killed WAY STEP: one cell of the matrix for `run -d`
fails() {
	ONGGI_FAULT=$1:$2 run sleeper --rm -v /anonymous
	failed_well "$1:$2"
	# all by itself: a failed command needs no sweep after it
	eventually 60 undone 2>/dev/null || { echo "$1:$2 fails: not undone:"; left_over; return 1; }
	heal "$1:$2 fails" && again "$1:$2 fails"
}

# a link that goes with its namespace is noted until the next start
undone() { ! left_over | grep -v 'file orphans/' >/dev/null; }

killed() {
	ONGGI_FAULT=$1:$2:kill run sleeper -v /anonymous
	case $1 in
	create | start) [ "$status" = 137 ] || { echo "$1:$2:kill: status $status: $output"; return 1; } ;;
	esac
	onggi ps -a >/dev/null
	# what has got as far as a container that can be used is one
	onggi rm -f -v kk >/dev/null 2>&1 || true
	heal "$1:$2 killed" && again "$1:$2 killed"
}
