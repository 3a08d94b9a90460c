# SPDX-License-Identifier: Apache-2.0
#
# Every step of every way fails, and is killed right after it has acted. The error says so, the next
# commands leave nothing half-made, and then the same command succeeds. The steps come from the
# tables of the programs themselves.

load lib

setup() { fault_setup; faults; }
teardown() { fault_teardown; }

each() { # function, ways...
	local fn=$1 w s n=0
	shift
	for w; do
		for s in $(steps_of "$w"); do
			"$fn" "$w" "$s"
			n=$((n + 1))
		done
	done
	[ "$n" -gt 0 ]
}

@test "create and start: each step fails" { each fails create start; }
@test "create and start: each step is killed" { each killed create start; }
@test "runtime and monitor: each step fails" { each fails runtime monitor; }
@test "runtime and monitor: each step is killed" { each killed runtime monitor; }

@test "exited and remove: each step fails" {
	for s in $(steps_of remove); do
		sleeper >/dev/null
		ONGGI_FAULT=remove:$s run onggi rm -f kk
		failed_well "remove:$s" 1
		# gone already, or there to be removed again
		onggi rm kk >/dev/null 2>&1 || true
		heal "remove:$s fails"
	done
	for s in $(steps_of exited); do
		sleeper >/dev/null
		ONGGI_FAULT=exited:$s run onggi rm -f kk
		failed_well "exited:$s" 1
		onggi rm -f kk >/dev/null 2>&1 || true
		heal "exited:$s fails" && again "exited:$s fails"
	done
}

@test "exited and remove: each step is killed, in rm and in what follows the exit of --rm" {
	for w in exited remove; do
		for s in $(steps_of $w); do
			sleeper -v /anonymous >/dev/null
			ONGGI_FAULT=$w:$s:kill run onggi rm -f -v kk
			[ "$status" = 137 ] || { echo "$w:$s: status $status: $output"; return 1; }
			onggi rm -f -v kk >/dev/null 2>&1 || true
			heal "$w:$s killed"
			# the monitor hands it on to the helper that it starts
			ONGGI_FAULT=$w:$s:kill onggi run -d --rm --name kk -v /anonymous -p "$PORT:80" \
				--cgroup-parent "$GROUP" base true >/dev/null
			eventually 60 no_process
			heal "$w:$s of the helper killed" && again "$w:$s of the helper killed"
		done
	done
}

no_process() { [ -z "$(pids_of_engine)" ]; }

@test "what dead makers left is swept, what living ones make is not" {
	onggi run --rm --network none base true
	read -r -a stat <"/proc/$$/stat"
	mkdir -p "$ONGGI_ROOT"/volumes/.new-4194304-1-dead "$ONGGI_ROOT"/volumes/.old-dead \
		"$ONGGI_ROOT/volumes/.new-$$-${stat[21]}-live" "$ONGGI_ROOT"/tmp/layer-dead/diff "$ONGGI_ROOT"/tmp/layer-live/diff
	# killed before the folder that is locked was there; killed while it was removed
	mkdir "$ONGGI_ROOT"/tmp/layer-early "$ONGGI_ROOT"/tmp/layer-late
	: >"$ONGGI_ROOT/tmp/layer-late/meta.json"
	: >"$ONGGI_ROOT/tmp/blob-dead"
	: >"$ONGGI_ROOT/leases/dead"
	ln -s "$(printf '%064d' 1)" "$ONGGI_ROOT/names/dead"
	mkdir -p "$ONGGI_ROOT/containers/$(printf '%064d' 2)"
	: >"$ONGGI_ROOT/images/.tmp-live"
	touch -d '-2 minutes' "$ONGGI_ROOT/images/.tmp-dead"
	exec 8<"$ONGGI_ROOT/tmp/layer-live/diff"
	flock 8
	onggi system sweep
	[ "$(cd "$ONGGI_ROOT" && echo $(find volumes tmp leases names containers -mindepth 1 -maxdepth 1 | sort))" = \
		"tmp/layer-live volumes/.new-$$-${stat[21]}-live" ] || { ls -A "$ONGGI_ROOT"/*; return 1; }
	[ "$(cd "$ONGGI_ROOT/images" && echo .tmp-*)" = .tmp-live ]
	exec 8<&-
	rm -r "$ONGGI_ROOT/volumes/.new-$$-${stat[21]}-live"
	heal "live ones"
}
