# SPDX-License-Identifier: Apache-2.0
#
# An afternoon's work of someone who knows docker: nginx from a registry, detached with ports, volume
# and limits, exec, logs, stop, gone. Then what an accident does: kill -9 of the command and of the
# monitor.

load lib

setup_file() {
	export R=$(mktemp -d "${TMPDIR:-/tmp}/onggi-reg.XXXXXX")
	registry_start "$R"
	export REGISTRY REGISTRY_PID
	image_push nginx "$REGISTRY/nginx:1"
	image_push debian "$REGISTRY/debian:stable"
}

teardown_file() {
	kill "$REGISTRY_PID"
	rm -rf "$R"
}

setup() { engine_setup; }
teardown() { engine_teardown; }

@test "nginx: pull, run with port, volume and limits, exec, logs, stop, gone" {
	run -0 onggi pull "$REGISTRY/nginx:1"
	[[ $output == *"Status: Downloaded newer image for $REGISTRY/nginx:1"* ]]
	port=$(free_port)
	run -0 onggi run -d --name web -p "$port:80" -v site:/var/www/html -m 64m --cpus 0.5 \
		--pids-limit 50 "$REGISTRY/nginx:1"
	[[ $output =~ ^[0-9a-f]{64}$ ]]
	id=$output

	# copy-up filled the volume; the page is served through the published port
	eventually 60 curl -fs "http://127.0.0.1:$port/"
	[ "$(curl -fs "http://127.0.0.1:$port/")" = "hello from nginx" ]
	echo changed >"$ONGGI_ROOT/volumes/site/_data/index.html"
	[ "$(curl -fs "http://127.0.0.1:$port/")" = changed ]

	run -0 onggi ps --format '{{.Names}} {{.Image}} {{.State}} {{.Ports}}'
	[[ $output == "web $REGISTRY/nginx:1 running "*"0.0.0.0:$port->80/tcp"* ]]
	run -0 onggi port web 80
	[[ $output == *"0.0.0.0:$port"* ]]
	run -0 onggi inspect -f '{{.State.Status}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.Id}}' web
	[ "$output" = "running 67108864 500000000 $id" ]

	run -0 onggi exec -u www-data -w /tmp -e A=b web sh -c 'echo $(id -un) $PWD $A'
	[ "$output" = "www-data /tmp b" ]
	run -7 onggi exec web sh -c 'exit 7'
	run -127 onggi exec web no-such-command
	run -0 onggi top web
	[[ $output == *"nginx: master"* ]]

	# a request is logged after it was answered
	eventually 60 sh -c "'$ONGGI_BIN/onggi' logs web | grep -q 'GET / HTTP'"
	run -0 onggi logs --tail 1 web
	[ "${#lines[@]}" = 1 ]

	run -0 onggi stop -t 60 web
	[ "$output" = web ]
	run -0 onggi ps -q
	[ -z "$output" ]
	run -0 onggi ps -a --format '{{.Status}}'
	[[ $output == "Exited (0) "* ]]
	run curl -fs --max-time 2 "http://127.0.0.1:$port/"
	[ "$status" -ne 0 ]
	run -0 onggi start web
	eventually 60 curl -fs "http://127.0.0.1:$port/"
	run -1 onggi rm web
	[[ $output == *"container is running"* ]]
	run -0 onggi rm -f web
	run -0 onggi ps -aq
	[ -z "$output" ]
	run -0 onggi volume ls -q
	[ "$output" = site ]
	run -0 onggi rmi "$REGISTRY/nginx:1"
	run -0 onggi images -q
	[ -z "$output" ]
}

@test "a Debian base: foreground, exit codes, stdin, environment" {
	image=$REGISTRY/debian:stable
	run -0 onggi run --rm "$image" sh -c '. /etc/os-release; echo $ID'
	[[ ${lines[-1]} == debian ]]
	run -3 onggi run --rm "$image" sh -c 'exit 3'
	run -127 onggi run --rm "$image" /no/such
	run -126 onggi run --rm "$image" /etc/passwd
	run -125 onggi run --rm --no-such-flag "$image"
	run -137 onggi run --rm "$image" sh -c 'sh -c "kill -9 \$\$"; exit $?'
	run -0 bash -c "echo words | '$ONGGI_BIN/onggi' run --rm -i $image tr a-z A-Z"
	[ "$output" = WORDS ]
	run -0 onggi run --rm -e A=1 -e B "$image" sh -c 'echo $A$B'
	[ "$output" = 1 ]
	run -0 onggi ps -aq
	[ -z "$output" ]
}

@test "kill -9 of the command: the container runs on and is looked after" {
	image_load busybox
	"$ONGGI_BIN/onggi" run --name c1 busybox sh -c 'echo up; sleep 1000' >"$T/out" &
	cli=$!
	eventually 60 grep -q up "$T/out"
	kill -9 $cli
	wait $cli || true
	[ "$(onggi inspect -f '{{.State.Running}}' c1)" = true ]
	run -0 onggi logs c1
	[ "$output" = up ]
	run -0 onggi exec c1 echo in
	[ "$output" = in ]
	run -0 onggi stop -t 0 c1
	[ "$(onggi inspect -f '{{.State.ExitCode}}' c1)" = 137 ]
}

@test "kill -9 of the monitor: the container lives on, output and exit status are kept" {
	image_load busybox
	id=$(onggi run -d --name c1 busybox sh -c 'i=0; while [ ! -e /stop ]; do i=$((i+1)); echo $i; sleep 0.1; done; exit 9')
	eventually 60 sh -c "'$ONGGI_BIN/onggi' logs c1 | grep -q 3"
	monitor=$(jq .monitor_pid "$ONGGI_RUN/containers/$id/run.json")
	kill -9 "$monitor"
	[ "$(onggi inspect -f '{{.State.Running}}' c1)" = true ]
	now=$(onggi logs c1 | tail -1)
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' logs c1 | tail -1) -gt $((now + 3)) ]"
	onggi exec c1 touch /stop
	[ "$(onggi wait c1)" = 9 ]
	[ "$(onggi inspect -f '{{.State.ExitCode}}' c1)" = 9 ]
}

@test "monitor and command both killed: the next command completes the exit" {
	image_load busybox
	id=$(onggi run -d --rm --name c1 busybox sleep 1000)
	monitor=$(jq .monitor_pid "$ONGGI_RUN/containers/$id/run.json")
	pid=$(jq .pid "$ONGGI_RUN/containers/$id/run.json")
	kill -9 "$monitor"
	kill -9 "$pid"
	eventually 60 sh -c "[ ! -d /proc/$pid ]"
	run -0 onggi ps -a -q # which takes care of it
	eventually 60 sh -c "[ -z \"\$('$ONGGI_BIN/onggi' ps -aq)\" ]"
}
