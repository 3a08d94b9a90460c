# SPDX-License-Identifier: Apache-2.0
#
# The life of a container: start, stop, kill, restart, wait, restart policies, --rm, pause, update,
# exec, remove; and what an accident leaves to the next command.

load lib

setup() { engine_setup; }
teardown() { engine_teardown; }

d() { # name, flags... -- command: run -d --network none
	local name=$1 flags=()
	shift
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	onggi run -d --name "$name" --network none "${flags[@]}" base "$@"
}

state() { onggi inspect -f "{{.State.Status}} {{.State.ExitCode}}" "$1"; }
status_is() { [ "$(onggi inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }

# says NAME WORD: wait for the first line of its log
says() {
	[ "$(timeout 60 "$ONGGI_BIN/onggi" logs -f "$1" | head -n 1)" = "$2" ]
}

# runs NAME TIMES: its process has begun so often
runs() {
	[ "$(onggi exec "$1" cat /log | wc -l)" = "$2" ]
}

@test "stop: the container's signal, the time-out, then SIGKILL" {
	d c1 -- sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	says c1 up
	status_is c1 running
	run -0 onggi stop -t 60 c1
	[ "$(state c1)" = "exited 3" ]
	run -0 onggi stop c1
	d c2 --stop-signal USR1 -- sh -c 'trap "exit 4" USR1; echo up; while :; do sleep 0.1; done'
	says c2 up
	run -0 onggi stop -t 60 c2
	[ "$(state c2)" = "exited 4" ]
	d c3 -- sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
	says c3 up
	run -0 onggi stop -t 1 c3
	[ "$(state c3)" = "exited 137" ]
	run -1 onggi stop nosuch
	[[ $output == *"No such container: nosuch"* ]]
}

@test "kill, restart, start again; what was written stays" {
	d c1 -- sh -c 'trap "exit 9" USR1; echo run >>/log; while :; do sleep 0.1; done'
	eventually 60 runs c1 1
	run -0 onggi restart -t 0 c1
	eventually 60 runs c1 2
	run -0 onggi kill c1
	[ "$(state c1)" = "exited 137" ]
	run -1 onggi kill c1
	[[ $output == *"is not running"* ]]
	run -0 onggi start c1
	run -0 onggi start c1
	eventually 60 runs c1 3
	run -0 onggi kill -s USR1 c1
	eventually 60 status_is c1 exited
	[ "$(state c1)" = "exited 9" ]
}

@test "wait: returns the code, also for several, also of a finished one" {
	d c1 -- sh -c 'sleep 0.3; exit 7'
	run -0 onggi wait c1
	[ "$output" = 7 ]
	run -0 onggi wait c1
	[ "$output" = 7 ]
}

# waits NAME: a process waits for its next start
waits() {
	[ -e "$ONGGI_RUN/containers/$(onggi inspect -f '{{.Id}}' "$1")/restart.json" ]
}

@test "restart policies: on-failure counts, always goes on, a stop ends it" {
	d c1 --restart on-failure:2 -- sh -c 'echo run; exit 1'
	eventually 60 sh -c "[ \"\$('$ONGGI_BIN/onggi' inspect -f '{{.RestartCount}} {{.State.Status}}' c1)\" = '2 exited' ]"
	[ "$(onggi logs c1 | wc -l)" = 3 ]
	d c2 --restart on-failure -- true
	eventually 60 status_is c2 exited
	[ "$(onggi inspect -f '{{.RestartCount}}' c2)" = 0 ]
	d c3 --restart always -- sh -c 'echo run; exit 0'
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' logs c3 | wc -l) -ge 3 ]"
	run -0 onggi stop c3
	status_is c3 exited
	run ! waits c3
	n=$(onggi logs c3 | wc -l)
	run -0 onggi start c3
	[ "$(onggi inspect -f '{{.HostConfig.RestartPolicy.Name}}' c3)" = always ]
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' logs c3 | wc -l) -gt $n ]"
	# removal ends the wait at once; each wait is longer than the one before, so one is met before it is over
	eventually 60 waits c3
	run -0 onggi rm -f c3
	run -125 onggi run --rm --restart always --network none base true
}

@test "a restart that waits survives the death of who waits" {
	d c1 --restart always -- sh -c 'echo run; exit 1'
	id=$(onggi inspect -f '{{.Id}}' c1)
	# the waits get longer: one is killed before it is over
	kill_waiter() {
		waiter=$(jq .pid "$ONGGI_RUN/containers/$id/restart.json" 2>/dev/null) && status_is c1 restarting && kill -9 "$waiter"
	}
	eventually 60 kill_waiter
	n=$(onggi logs c1 | wc -l)
	onggi ps -a >/dev/null
	eventually 60 sh -c "'$ONGGI_BIN/onggi' ps -a >/dev/null; [ \$('$ONGGI_BIN/onggi' logs c1 | wc -l) -gt $n ]"
	onggi rm -f c1
}

@test "--rm: gone after the end, detached too, with its anonymous volumes" {
	d c1 --rm -v /anon -- sh -c 'until [ -e /go ]; do sleep 0.1; done'
	[ "$(onggi volume ls -q | wc -l)" = 1 ]
	onggi exec c1 touch /go
	eventually 60 sh -c "[ -z \"\$('$ONGGI_BIN/onggi' ps -aq)\" ]"
	eventually 60 sh -c "[ -z \"\$('$ONGGI_BIN/onggi' volume ls -q)\" ]"
	d c2 --rm -v keep:/x -- sleep 1000
	run -0 onggi stop -t 0 c2
	eventually 60 sh -c "[ -z \"\$('$ONGGI_BIN/onggi' ps -aq)\" ]"
	[ "$(onggi volume ls -q)" = keep ]
	# a restart by hand is no end
	d c3 --rm -- sleep 1000
	run -0 onggi restart -t 0 c3
	status_is c3 running
	onggi rm -f c3
}

# frozen NAME: the kernel says so, of whichever hierarchy it was asked
frozen() {
	local group
	group=$(sed -n 's/^0::\|^[0-9]*:freezer://p' "/proc/$(onggi inspect -f '{{.State.Pid}}' "$1")/cgroup" | head -n 1)
	grep -qsx -e FROZEN -e 'frozen 1' "/sys/fs/cgroup/freezer$group/freezer.state" \
		/sys/fs/cgroup/{unified/,}"$group/cgroup.events"
}

@test "pause, unpause, and what a paused container refuses" {
	d c1 -- sh -c 'while :; do echo tick; sleep 0.1; done'
	run -0 onggi pause c1
	status_is c1 paused
	frozen c1
	run -1 onggi pause c1
	[[ $output == *"already paused"* ]]
	run -1 onggi exec c1 true
	[[ $output == *"is paused"* ]]
	run -1 onggi rm c1
	frozen c1
	n=$(onggi logs c1 | wc -l)
	run -0 onggi unpause c1
	status_is c1 running
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' logs c1 | wc -l) -gt $n ]"
	run -0 onggi pause c1
	run -0 onggi stop -t 1 c1
	status_is c1 exited
}

@test "update: limits of a running container, refusals" {
	d c1 -m 64m -- sleep 1000
	run -0 onggi update -m 32m --memory-swap 64m c1
	run -0 onggi exec c1 sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
	[ "$output" = 33554432 ]
	[ "$(onggi inspect -f '{{.HostConfig.Memory}}' c1)" = 33554432 ]
	run -1 onggi update -m 1m c1
	[[ $output == *"Minimum memory limit"* ]]
	run -1 onggi update -m 1g c1
	[[ $output == *"memoryswap"* ]]
	run -0 onggi update --restart unless-stopped c1
	[ "$(onggi inspect -f '{{.HostConfig.RestartPolicy.Name}}' c1)" = unless-stopped ]
}

@test "exec: code, streams, user, directory, environment, terminal, detached" {
	d c1 -e A=1 -w /tmp -- sleep 1000
	run -7 onggi exec c1 sh -c 'exit 7'
	run -137 onggi exec c1 sh -c 'kill -9 $$'
	run -127 onggi exec c1 no-such
	run -126 onggi exec c1 /etc/passwd
	run -0 onggi exec -u nobody -w / -e B=2 c1 sh -c 'echo $(id -un) $PWD $A $B'
	[ "$output" = "nobody / 1 2" ]
	seq 1 100000 >"$T/in"
	run -0 bash -c "'$ONGGI_BIN/onggi' exec -i c1 cat <'$T/in' | cmp - '$T/in'"
	run -0 --separate-stderr onggi exec c1 sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -0 script -qec "'$ONGGI_BIN/onggi' exec -it c1 tty" /dev/null
	[[ $output == *"/dev/pts/"* ]]
	run -0 onggi exec -d c1 touch /detached
	eventually 60 onggi exec c1 test -e /detached
	# the same limits as the container
	run -0 onggi exec c1 grep -E 'CapEff|Seccomp:' /proc/self/status
	[[ $output == *a80425fb* ]]
	onggi stop -t 0 c1
	run -1 onggi exec c1 true
	[[ $output == *"is not running"* ]]
}

@test "attach: output, detach keys, end" {
	d c1 -- sh -c 'until [ -e /go ]; do echo tick; sleep 0.1; done; echo late; exit 6'
	"$ONGGI_BIN/onggi" attach --no-stdin c1 >"$T/attached" &
	cli=$!
	eventually 60 grep -q tick "$T/attached"
	onggi exec c1 touch /go
	rc=0
	wait $cli || rc=$?
	[ $rc = 6 ]
	[ "$(tail -1 "$T/attached")" = late ]
	run -1 onggi attach c1
	[[ $output == *"cannot attach to a stopped container"* ]]
	run -0 expect -c "
		set timeout 60
		spawn $ONGGI_BIN/onggi run -it --name c2 --network none base sh
		expect -re {[#$] }
		send \x10\x11
		expect eof
		lassign [wait] pid id os code
		exit \$code"
	status_is c2 running
}

@test "the monitor of a foreground run is killed: its successor serves the command" {
	"$ONGGI_BIN/onggi" run --name c1 --network none base \
		sh -c 'i=0; until [ -e /go ]; do i=$((i+1)); echo $i; sleep 0.1; done; echo over; exit 5' >"$T/out" &
	cli=$!
	eventually 60 grep -q 3 "$T/out"
	id=$(onggi inspect -f '{{.Id}}' c1)
	kill -9 "$(jq .monitor_pid "$ONGGI_RUN/containers/$id/run.json")"
	n=$(wc -l <"$T/out")
	eventually 60 sh -c "[ \$(wc -l <'$T/out') -gt $((n + 3)) ]"
	onggi exec c1 touch /go
	rc=0
	wait $cli || rc=$?
	[ $rc = 5 ] || { echo "rc $rc, last $(tail -1 "$T/out"), $(state c1)"; return 1; }
	[ "$(tail -1 "$T/out")" = over ]
	[ "$(state c1)" = "exited 5" ]
}

@test "remove: refusals, force, volumes" {
	d c1 -v /anon -- sleep 1000
	run -1 onggi rm c1
	[[ $output == *"container is running"* ]]
	run -0 onggi rm -f c1
	[ "$(onggi volume ls -q | wc -l)" = 1 ]
	run -0 onggi volume prune -f
	[ -z "$(onggi volume ls -q)" ]
	run -1 onggi rm nosuch
	d c2 -v /anon -- true
	eventually 60 status_is c2 exited
	run -0 onggi rm -v c2
	[ -z "$(onggi volume ls -q)" ]
	d c3 -- true
	eventually 60 status_is c3 exited
	run -0 onggi container prune -f
	[ -z "$(onggi ps -aq)" ]
}

@test "the run-time folder gone (a reboot): exited, startable, removable" {
	id=$(d c1 -- sleep 1000)
	pid=$(jq .pid "$ONGGI_RUN/containers/$id/run.json")
	monitor=$(jq .monitor_pid "$ONGGI_RUN/containers/$id/run.json")
	kill -9 "$monitor" "$pid"
	eventually 60 sh -c "[ ! -d /proc/$pid ]"
	for g in /sys/fs/cgroup/*/onggi/"$id" /sys/fs/cgroup/onggi/"$id"; do [ ! -d "$g" ] || rmdir "$g"; done
	rm -rf "$ONGGI_RUN"
	run -0 onggi ps -a --format '{{.State}}'
	[ "$output" = created ] || [ "$output" = exited ]
	run -0 onggi start c1
	status_is c1 running
}

@test "stats, top and diff of a running container" {
	d c1 -- sh -c 'echo x >/new; rm /etc/shells; sleep 1000'
	alone() { [ "$(onggi stats --no-stream --format '{{.Name}} {{.PIDs}}' c1)" = "c1 1" ] && onggi exec c1 test ! -e /etc/shells; }
	eventually 60 alone
	run -0 onggi top c1
	[[ ${lines[0]} == *PID*CMD* ]]
	[[ $output == *"sleep 1000"* ]]
	run -0 onggi top c1 -o pid,comm
	[[ ${lines[0]} == *PID*COMMAND* ]]
	run -0 onggi diff c1
	[ "$output" = $'C /etc\nD /etc/shells\nA /new' ] || [ "$(sort <<<"$output")" = $'A /new\nC /etc\nD /etc/shells' ]
}

@test "restart of a container of --rm: what it wrote is still there" {
	onggi run -d --rm --name vol base sh -c 'echo x >>/kept; exec sleep 1000'
	eventually 60 onggi exec vol test -s /kept
	run -0 onggi restart -t 0 vol
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' exec vol cat /kept | wc -l) = 2 ]"
	run -0 onggi rm -f vol
}
