# SPDX-License-Identifier: Apache-2.0
#
# The flows create and start with a fault at every step: a step that fails leaves nothing, a command
# that is killed there leaves nothing that the next commands do not take away.

load ../flow/lib

create_steps="check image folder record name layer mounts volumes write"
start_steps="prepare folder network files layer config stdio process"

setup() {
	engine_setup
	"$ONGGI_BIN/onggi" --help >/dev/null
	onggi run --rm --network none base true
	ONGGI_FAULT=create:check onggi run --rm --network none base true 2>"$T/err" && skip "build without fault points"
	return 0
}
teardown() { engine_teardown; }

# everything that a container consists of, but for volumes
left() {
	ls "$ONGGI_ROOT/containers" "$ONGGI_ROOT/names" "$ONGGI_RUN/containers" "$ONGGI_RUN/runtime" \
		"$ONGGI_RUN/network/plans" 2>/dev/null | grep -v -e ':$' -e '^$' || true
	grep -o " $T[^ ]*" /proc/self/mountinfo || true
}

nothing_left() { # context
	[ -z "$(left)" ] || { echo "$1: left over: $(left)"; return 1; }
}

@test "create: a step that fails leaves nothing, volumes neither" {
	for s in $create_steps again; do
		run -125 env ONGGI_FAULT="create:$s" "$ONGGI_BIN/onggi" run --rm --name c1 -v /anon base true
		[[ $output == *"injected fault"* ]]
		nothing_left "create:$s"
		[ -z "$(onggi volume ls -q)" ] || { echo "create:$s: volume left"; return 1; }
	done
}

@test "start: a step that fails leaves nothing of a --rm container" {
	for s in $start_steps; do
		run -125 env ONGGI_FAULT="start:$s" "$ONGGI_BIN/onggi" run --rm --name c1 -v /anon -p 0:80 --ipc shareable base sleep 100
		nothing_left "start:$s"
		[ -z "$(onggi volume ls -q)" ]
	done
}

@test "start: without --rm the container stays created, with the reason, and starts later" {
	onggi create --name c1 base true >/dev/null
	# not after the last step: then the process has run
	for s in ${start_steps% process}; do
		run -1 env ONGGI_FAULT="start:$s" "$ONGGI_BIN/onggi" start c1
		[ "$(onggi inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1)" = "created 128" ] || { echo "$s: $(onggi inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1)"; return 1; }
		[[ $(onggi inspect -f '{{.State.Error}}' c1) == *"injected fault"* ]]
		[ -z "$(ls "$ONGGI_RUN/containers" "$ONGGI_RUN/runtime" "$ONGGI_RUN/network/plans" 2>/dev/null | grep -v -e ':$' -e '^$')" ]
	done
	run -0 onggi start -a c1
}

@test "killed between two steps: the name is free, nothing stays" {
	for s in $(printf 'create:%s ' $create_steps) $(printf 'start:%s ' $start_steps); do
		run -137 env ONGGI_FAULT="$s:kill" "$ONGGI_BIN/onggi" run --rm --name c1 base true
		# its process ran already: the monitor removes it in a moment
		[ "$s" != start:process ] || eventually 60 sh -c "[ -z \"\$(ls '$ONGGI_ROOT/names')\" ]"
		run onggi run --rm --name c1 base echo again
		[ "$output" = again ] || { echo "$s: $output"; return 1; }
	done
	onggi ps -a >/dev/null
	onggi system sweep >/dev/null
	nothing_left killed
}

@test "killed while it starts a kept container: it can be started and removed" {
	for s in $start_steps; do
		onggi create --name c1 base sleep 1000 >/dev/null
		run -137 env ONGGI_FAULT="start:$s:kill" "$ONGGI_BIN/onggi" start c1
		run -0 onggi start c1
		[ "$(onggi inspect -f '{{.State.Running}}' c1)" = true ]
		run -0 onggi rm -f c1
		nothing_left "start:$s"
	done
}
