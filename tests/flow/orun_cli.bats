#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# orun's command line: runc's commands, options, exit statuses and the messages that callers match.

load lib
load orun

setup() { orun_setup; }
teardown() { orun_teardown; }

@test "version, help and unknown words" {
	run -0 orun --version
	[[ ${lines[0]} =~ ^orun\ version\ [0-9] ]]
	[[ ${lines[1]} =~ ^commit:\  ]]
	[[ ${lines[2]} =~ ^spec:\ 1\. ]]
	run -0 orun -v
	run -0 orun
	[[ $output == *"GLOBAL OPTIONS"* ]]
	for c in create run start state kill delete exec list ps pause resume update events features spec; do
		run -0 orun "$c" --help
		[[ $output == *"orun $c"* ]]
		run -0 orun help "$c"
	done
	run -3 orun frobnicate
	[[ $output == *"No help topic for 'frobnicate'"* ]]
	run -1 orun run --frobnicate c
	[[ $output == *"flag provided but not defined: -frobnicate"* ]]
	run -1 orun --frobnicate list
	run -1 orun state
	[[ $output == *'"state" requires exactly 1 argument(s)'* ]]
	run -1 orun state a b
	run -255 orun exec
}

@test "features needs neither root nor cgroups" {
	run -0 --separate-stderr orun features
	jq -e '.ociVersionMin == "1.0.0" and (.ociVersionMax | startswith("1.3"))
		and (.hooks | length) == 6 and (.mountOptions | index("rro")) and (.mountOptions | index("idmap"))
		and (.linux.namespaces | length) == 8 and (.linux.capabilities | index("CAP_SYS_ADMIN"))
		and .linux.seccomp.enabled and (.linux.cgroup | type) == "object"' <<<"$output"
	chmod 755 "$T"
	cp "$ONGGI_BIN/orun" "$T/orun"
	run -0 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups "$T/orun" features
	jq -e .ociVersionMax <<<"$output"
}

@test "spec writes a config once, and one for ordinary users" {
	cd "$T"
	run -0 o spec
	jq -e '.process.args == ["sh"] and .process.terminal and .root.readonly and (.ociVersion | startswith("1."))' config.json
	run -1 o spec
	[[ $output == *"File config.json exists. Remove it first"* ]]
	mkdir b
	run -0 o spec --bundle b --rootless
	jq -e '[.linux.namespaces[].type] | index("user") and (index("network") | not)' b/config.json
	jq -e '.linux.uidMappings[0].size == 1 and .linux.resources == null' b/config.json
	run -1 o spec -b "$T/missing"
}

@test "an unknown container is an error everywhere but in delete --force" {
	for c in state kill start delete pause resume ps "update --memory 1g" "events --stats"; do
		# shellcheck disable=SC2086
		run -1 o $c nope
		[[ $output == *"container does not exist"* ]]
	done
	run -255 o exec nope true
	[[ $output == *"container does not exist"* ]]
	run -0 o delete --force nope
	run -0 o delete -f nope
	[ ! -d "$T/root/nope" ]
}

@test "ids are checked and nothing is made for a wrong one" {
	bundle_make b
	for id in "" . .. .a a/b "a b" 'a$b' /etc "$(printf 'a%.0s' {1..256})"; do
		run -1 o create -b "$T/b" -- "$id"
		[[ $output == *"invalid container ID format"* ]]
	done
	[ -z "$(ls -A "$T/root" 2>/dev/null)" ]
}

@test "a wrong config names the member and leaves nothing" {
	bundle_make b '.linux.namespaces += [{"type": "pid"}]'
	run -1 o create -b "$T/b" c
	[[ $output == *"linux.namespaces[6].type: pid is given twice"* ]]
	bundle_make b2 '.process.user.uid = "0"'
	run -1 o run -b "$T/b2" c
	[[ $output == *"process.user.uid: expected integer, got string"* ]]
	bundle_make b3 '.ociVersion = "2.0.0"'
	run -1 o run -b "$T/b3" c
	[[ $output == *"ociVersion"* ]]
	echo '{' >"$T/b3/config.json"
	run -1 o run -b "$T/b3" c
	[[ $output == *"config.json: line"* ]]
	mkdir "$T/empty"
	run -1 o run -b "$T/empty" c
	[[ $output == *"config.json not found"* ]]
	run -1 o run -b "$T/missing" c
	[ -z "$(ls -A "$T/root" 2>/dev/null)" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*$CG/*" -type d)" ]
}

@test "life of a container" {
	bundle_make b '.process.args = ["sleep", "1000"] | .annotations = {"a.b": "c"}'
	o create -b "$T/b" --pid-file "$T/pid" c1 </dev/null >/dev/null 2>&1
	pid=$(cat "$T/pid")
	[ "$(wc -l <"$T/pid")" = 0 ]
	run -0 --separate-stderr o state c1
	jq -e --argjson pid "$pid" --arg b "$T/b" --arg r "$T/rootfs" '.status == "created" and .id == "c1"
		and .pid == $pid and .bundle == $b and .rootfs == $r and .annotations == {"a.b": "c"}
		and .owner == "root" and (.created | fromdateiso8601? // (sub("\\.[0-9]+"; "") | fromdateiso8601)) > 0' <<<"$output"
	[ "$(stat -c %a "$T/root/c1/state.json")" = 600 ]
	jq -e --argjson pid "$pid" '.init_process_pid == $pid and .init_process_start > 0
		and .namespace_paths.NEWPID == "/proc/\($pid)/ns/pid" and (.cgroup_paths | type) == "object"' "$T/root/c1/state.json"
	run -1 o create -b "$T/b" c1
	[[ $output == *"container with id exists: c1"* ]]
	run -0 o start c1
	status_is c1 running
	run -1 o start c1
	[[ $output == *"cannot start an already running container"* ]]
	run -1 o delete c1
	[[ $output == *"cannot delete container c1 that is not stopped: running"* ]]
	run -0 o kill c1 KILL
	eventually 60 status_is c1 stopped
	o state c1 | jq -e '.pid == 0'
	run -1 o kill c1
	[[ $output == *"container not running"* ]]
	run -0 o kill --all c1 KILL
	run -1 o start c1
	[[ $output == *"cannot start a container that has stopped"* ]]
	run -0 o delete c1
	[ ! -e "$T/root/c1" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*$CG/b" -type d)" ]
	o create -b "$T/b" c1 </dev/null >/dev/null 2>&1
	run -0 o delete c1 # created: engines count on it
	[ ! -e "/proc/$(cat "$T/pid")/exe" ]
}

@test "run in the foreground: exit status, signals, clean-up, --keep" {
	bundle_make b '.process.args = ["sh", "-c", "echo out; echo err >&2; exit 42"]'
	run -42 --separate-stderr o run -b "$T/b" c
	[ "$output" = out ]
	[ "$stderr" = err ]
	[ ! -e "$T/root/c" ]
	bundle_make b2 '.process.args = ["sh", "-c", "kill -9 $$; sleep 9"] | del(.linux.namespaces[] | select(.type == "pid"))'
	run -137 o run -b "$T/b2" c
	bundle_make b3 '.process.args = ["cat"]'
	run -0 --separate-stderr bash -c "echo hello | '$ONGGI_BIN/orun' --root '$T/root' run -b '$T/b3' c"
	[ "$output" = hello ]
	run -0 o run --keep -b "$T/b3" c </dev/null
	status_is c stopped
	run -0 o delete c
	run -0 o run --keep=false -b "$T/b3" c </dev/null
	[ ! -e "$T/root/c" ]
	cd "$T/b3"
	run -0 o run c </dev/null
}

@test "run passes signals on" {
	bundle_make b '.process.args = ["sh", "-c", "trap \"echo got; exit 7\" TERM; echo ready; while :; do sleep 0.1; done"]'
	"$ONGGI_BIN/orun" --root "$T/root" run -b "$T/b" c >"$T/out" 3>&- &
	pid=$!
	eventually 60 grep -q ready "$T/out"
	kill -TERM $pid
	rc=0
	wait $pid || rc=$?
	[ $rc = 7 ]
	grep -q got "$T/out"
}

@test "a missing command is told as callers expect it" {
	bundle_make b '.process.args = ["nothere"]'
	run -1 o create -b "$T/b" c
	[[ $output == *'exec: "nothere": executable file not found in $PATH'* ]]
	bundle_make b2 '.process.args = ["/nothere"]'
	run -1 o run -b "$T/b2" c
	[[ $output == *"no such file or directory"* ]]
	bundle_make b3 '.process.args = ["/etc/passwd"]'
	run -1 o run -b "$T/b3" c
	[[ $output == *"permission denied"* ]]
	[ -z "$(ls -A "$T/root" | grep -v '^\.')" ]
}

@test "list and ps in every form" {
	run -0 --separate-stderr o list
	[[ ${lines[0]} =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED\ +OWNER$ ]]
	[ "$(o list -f json)" = null ]
	[ -z "$(o list -q)" ]
	run -1 o list -f yaml
	bundle_make b '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b" one </dev/null >/dev/null 2>&1
	sed -i "s,/$CG/b,/$CG/b-two," "$T/b/config.json"
	o create -b "$T/b" two </dev/null >/dev/null 2>&1
	run -0 o list
	[[ ${lines[1]} =~ ^one\ +[0-9]+\ +running\ +$T/b\ +20 ]]
	[[ ${lines[2]} =~ ^two\ +[0-9]+\ +created ]]
	[ "$(o list -q)" = "$(printf 'one\ntwo')" ]
	o list --format json | jq -e 'length == 2 and .[0].id == "one" and .[0].pid > 0 and .[1].status == "created"'
	pid=$(o state one | jq .pid)
	[ "$(o ps -f json one)" = "[$pid]" ]
	run -0 o ps one
	[[ ${lines[0]} == *PID* ]]
	[[ ${lines[1]} == *"$pid"*"sleep 1000"* ]]
	[ ${#lines[@]} = 2 ]
	run -0 o ps one -e -x
	[[ $output == *"sleep 1000"* ]]
	run -1 o ps one -o user
	[[ $output == *"couldn't find PID field"* ]]
}

@test "kill by every form of a signal" {
	bundle_make b '.process.args = ["sh", "-c", "for s in TERM USR1 HUP; do trap \"echo $s\" $s; done; echo ready; while :; do sleep 0.1; done"]'
	o run -d -b "$T/b" c >"$T/out" 2>&1 </dev/null
	eventually 60 grep -q ready "$T/out"
	run -1 o kill c FOO
	[[ $output == *'unknown signal "FOO"'* ]]
	run -1 o kill c 0
	for s in "" USR1 SIGUSR1 sighup 1; do
		: >"$T/out"
		# shellcheck disable=SC2086
		run -0 o kill c $s
		eventually 60 test -s "$T/out"
	done
	run -0 o kill -a c KILL
	eventually 60 status_is c stopped
}

@test "without a pid namespace kill -9 and delete end every process" {
	bundle_make b '.process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"] | del(.linux.namespaces[] | select(.type == "pid"))'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	three() { [ "$(o ps -f json c | jq length)" = 3 ]; }
	eventually 60 three
	o kill c TERM
	eventually 60 status_is c stopped
	pids=$(o ps -f json c | jq '.[]')
	[ -n "$pids" ]
	run -0 o delete c
	for p in $pids; do [ ! -e "/proc/$p/exe" ]; done
}

@test "kill and delete by pattern" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	for i in 1 2 3; do
		jq ".linux.cgroupsPath = \"/$CG/p$i\"" "$T/b/config.json" >"$T/b/p$i.json"
		o create -b "$T/b" -f "$T/b/p$i.json" "x-$i" </dev/null >/dev/null 2>&1
	done
	run -0 o delete -r '^x-[12]$'
	[ "$(o list -q)" = x-3 ]
	run -1 o kill -r '['
}

@test "exec" {
	bundle_make b '.process.args = ["sleep", "1000"] | .process.env += ["FROM=config"]'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	run -0 --separate-stderr o exec c echo hi
	[ "$output" = hi ]
	run -7 o exec c sh -c 'exit 7'
	run -143 o exec c sh -c 'kill -TERM $$; sleep 1'
	run -255 o exec c nothere
	[[ $output == *'exec: "nothere": executable file not found in $PATH'* ]]
	# options after the id are the command's
	run -0 --separate-stderr o exec c ls -d /
	[ "$output" = / ]
	run -0 --separate-stderr o exec c -- ls -d /
	[ "$output" = / ]
	run -0 --separate-stderr o exec -e A=1 --env B=2 c sh -c 'echo $FROM $A $B'
	[ "$output" = "config 1 2" ]
	[ "$(o exec --cwd /etc c pwd)" = /etc ]
	[ "$(o exec -u 1000:100 -g 7 -g 8 c sh -c 'id -u; id -g; id -G')" = "$(printf '1000\n100\n100 7 8')" ]
	[ "$(o exec -u 1 c id -u)" = 1 ]
	for u in "" root 0x1 +1 -1 " 1" 1: :1 4294967295 4294967296; do
		[ -z "$u" ] || run -255 o exec "--user=$u" c id
	done
	bnd() { o exec "$@" c grep CapBnd /proc/self/status | tr -dc 0-9a-f; }
	[ $((0x$(bnd) & (1 << 12))) = 0 ]
	[ $((0x$(bnd --cap CAP_NET_ADMIN) & (1 << 12))) != 0 ]
	[ "$(o exec -c NET_ADMIN c grep CapInh /proc/self/status)" = "$(printf 'CapInh:\t0000000000000000')" ]
	run -0 o exec --cap CAP_FOO c true
	[[ $output == *warning*CAP_FOO* ]]
	run -255 o exec c
	[[ $output == *"process args cannot be empty"* ]]
}

@test "exec with a process object, detached, with a pid file" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	echo '{"args": ["sh", "-c", "id -u; pwd"], "cwd": "/tmp", "user": {"uid": 5, "gid": 5}, "env": ["PATH=/bin"]}' >"$T/p.json"
	[ "$(o exec -p "$T/p.json" c)" = "$(printf '5\n/tmp')" ]
	run -0 o exec --process "$T/p.json" -d c
	echo '{"args": ["sleep", "1000"], "cwd": "/", "env": ["PATH=/bin"]}' >"$T/p.json"
	o exec -d --pid-file "$T/pid" --process "$T/p.json" c >/dev/null 2>&1 </dev/null
	[ "$(wc -l <"$T/pid")" = 0 ]
	o ps -f json c | jq -e --argjson p "$(cat "$T/pid")" 'index($p)'
	echo '{"args": ["x"], "cwd": "relative"}' >"$T/p.json"
	run -255 o exec -p "$T/p.json" c
	[[ $output == *"cwd"* ]]
	o kill c KILL
	eventually 60 status_is c stopped
	run -255 o exec c true
	[[ $output == *"cannot exec in a stopped container"* ]]
}

@test "pause and resume" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	run -1 o resume c
	[[ $output == *"container not paused"* ]]
	run -0 o pause c
	status_is c paused
	run -1 o pause c
	run -255 o exec c true
	[[ $output == *"cannot exec in a paused container (use --ignore-paused to override)"* ]]
	run -1 o delete c
	[[ $output == *"that is not stopped: paused"* ]]
	run -0 o resume c
	status_is c running
	run -0 o exec c true
	run -0 o pause c
	run -0 o kill c KILL
	eventually 60 status_is c stopped
	run -0 o delete c
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	o pause c
	run -0 o delete --force c
}

limit_of() { # container, legacy file, unified file
	local dir
	dir=$(jq -r --arg c "${2%%.*}" '.cgroup_paths[$c] // .cgroup_paths[""]' "$T/root/$1/state.json")
	cat "$dir/$2" 2>/dev/null || cat "$dir/$3"
}

@test "update by options, from a file and from standard input" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	run -0 o update --memory 64m --pids-limit 20 c
	[ "$(limit_of c memory.limit_in_bytes memory.max)" = 67108864 ]
	[ "$(limit_of c pids.max pids.max)" = 20 ]
	run -0 o update c --pids-limit=30
	[ "$(limit_of c pids.max pids.max)" = 30 ]
	[ "$(limit_of c memory.limit_in_bytes memory.max)" = 67108864 ]
	echo '{"pids": {"limit": 40}}' >"$T/r.json"
	run -0 o update -r "$T/r.json" c
	[ "$(limit_of c pids.max pids.max)" = 40 ]
	o update --resources - c <<<'{"pids": {"limit": -1}}'
	[ "$(limit_of c pids.max pids.max)" = max ]
	run -1 o update --memory 5q c
	run -1 o update --resources "$T/missing" c
	run -1 o update --resources - c <<<'[]'
	run -1 o update --resources - c <<<'{"pids": {"limit": "x"}}'
	[[ $output == *"pids.limit"* ]]
}

@test "events" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b" c >/dev/null 2>&1 </dev/null
	run -0 --separate-stderr o events --stats c
	jq -e '.type == "stats" and .id == "c" and .data.memory.usage.usage > 0 and .data.pids.current == 1
		and (.data.cpu.usage.total > 0)' <<<"$output"
	o events --interval 50ms c >"$T/ev" 3>&- &
	pid=$!
	lines() { [ "$(wc -l <"$T/ev")" -ge 3 ]; }
	eventually 60 lines
	o kill c KILL
	wait $pid
	run -1 o events --interval 0s c
	eventually 60 status_is c stopped
	run -1 o events --stats c
}

@test "log lines" {
	run -1 --separate-stderr o --log "$T/log" --log-format json state nope
	run -1 --separate-stderr o --log "$T/log" --log-format json kill nope
	[[ $stderr == *"container does not exist"* ]]
	[ "$(wc -l <"$T/log")" = 2 ]
	jq -e '.level == "error" and .msg == "container does not exist" and (.time | test("^20.*T.*Z$"))' "$T/log"
	run -1 --separate-stderr o --log="$T/text" state nope
	grep -q 'level=error msg="container does not exist"' "$T/text"
	run -1 --separate-stderr o --log-format json state nope
	jq -e '.level == "error"' <<<"$stderr"
	run -1 o --log-format xml list
	run -1 o --log "$T/no/such/dir" list
}

@test "terminal in the foreground" {
	bundle_make b '.process.terminal = true | .process.consoleSize = {"height": 33, "width": 77}
		| .process.args = ["sh", "-c", "test -t 0 && test -t 1 && tty && stty size && readlink /dev/console; exit 9"]'
	run -9 o run -b "$T/b" c </dev/null
	[[ $output == *"/dev/pts/0"* || $output == *"/dev/console"* ]]
	[[ $output == *"33 77"* ]]
	# through a terminal of ours: its size counts, keys arrive
	jq '.process.args = ["sh", "-c", "stty size; read x; echo got-$x"]' "$T/b/config.json" >"$T/b/two.json"
	cat >"$T/term.exp" <<-EXP
		set timeout 60
		set stty_init "rows 21 columns 61"
		spawn -noecho $ONGGI_BIN/orun --root $T/root run -b $T/b -f $T/b/two.json c
		expect "21 61"
		send "abc\r"
		expect "got-abc"
		expect eof
		lassign [wait] a b c d
		exit \$d
	EXP
	run -0 expect -f "$T/term.exp"
	# and at once in an exec
	bundle_make b2 '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b2" e </dev/null >/dev/null 2>&1
	cat >"$T/term.exp" <<-EXP
		set timeout 60
		set stty_init "rows 22 columns 62"
		spawn -noecho $ONGGI_BIN/orun --root $T/root exec -t e sh -c "stty size; exit 6"
		expect "22 62"
		expect eof
		lassign [wait] a b c d
		exit \$d
	EXP
	run -6 expect -f "$T/term.exp"
	run -0 o delete --force e
	o run -d -b "$T/b" c </dev/null >"$T/out" 2>&1 && false
	grep -q "cannot allocate tty" "$T/out"
	run -1 o create -b "$T/b" c
	[[ $output == *"cannot allocate tty"* ]]
	[ -z "$(o list -q)" ]
}

console_receive() { # socket output
	timeout 60 python3 "$BATS_TEST_DIRNAME/../conform/console.py" "$1" "$2" 3>&- &
	eventually 60 test -e "$2.ready"
}

@test "console socket" {
	bundle_make b '.process.terminal = true | .process.args = ["sh", "-c", "tty; echo done"]'
	console_receive "$T/sock" "$T/out"
	o create -b "$T/b" --console-socket "$T/sock" c </dev/null >/dev/null 2>&1
	run -0 o start c
	eventually 60 test -e "$T/out.closed"
	grep -q done "$T/out"
	run -0 o delete -f c
	deep=$T/$(printf 'd%.0s' {1..100})
	mkdir "$deep"
	bundle_make b2 '.process.args = ["sleep", "1000"]'
	o run -d -b "$T/b2" c </dev/null >/dev/null 2>&1
	(cd "$deep" && console_receive s "$T/out2")
	run -0 o exec -t -d --console-socket "$deep/s" c sh -c 'tty && echo done'
	eventually 60 test -e "$T/out2.closed"
	grep -q done "$T/out2"
	run -255 o exec --console-socket "$T/none" -t -d c true
	run -255 o exec --console-socket "$T/none" c true
	[[ $output == *"cannot use console socket"* ]]
	run -255 o exec -t -d c true
	[[ $output == *"cannot allocate tty"* ]]
}

@test "pidfd socket" {
	bundle_make b '.process.args = ["sleep", "1000"]'
	timeout 60 python3 "$BATS_TEST_DIRNAME/../conform/pidfd.py" "$T/sock" "$T/out" 3>&- &
	eventually 60 test -S "$T/sock"
	o create -b "$T/b" --pidfd-socket "$T/sock" --pid-file "$T/pid" c </dev/null >/dev/null 2>&1
	eventually 60 test -s "$T/out"
	[ "$(cat "$T/out")" = "$(cat "$T/pid")" ]
}

@test "descriptors are passed on when asked for, and no others" {
	bundle_make b '.process.args = ["sh", "-c", "ls /proc/self/fd | wc -l; cat <&3; echo $LISTEN_FDS $LISTEN_PID"]'
	echo three >"$T/three"
	# 0, 1, 2, the directory that ls reads, and what was asked for
	run -0 --separate-stderr bash -c "'$ONGGI_BIN/orun' --root '$T/root' run --preserve-fds 1 -b '$T/b' c 3<'$T/three' 4</etc/passwd 9</"
	[ "${lines[0]}" = 5 ]
	[ "${lines[1]}" = three ]
	run -0 --separate-stderr bash -c "LISTEN_FDS=1 LISTEN_PID=\$\$ exec '$ONGGI_BIN/orun' --root '$T/root' run -b '$T/b' c 3<'$T/three' 4</etc/passwd"
	[ "${lines[1]}" = three ]
	[ "${lines[2]}" = "1 1" ]
	run -1 o run --preserve-fds 90 -b "$T/b" c
	run -1 o run --preserve-fds x -b "$T/b" c
}

@test "what an interrupted create left is swept" {
	bundle_make b '.process.args = ["true"]'
	mkdir -p "$T/root/c"
	: >"$T/root/c/lock"
	[ -z "$(o list -q)" ]
	run -1 o state c
	[[ $output == *"container does not exist"* ]]
	run -0 o run -b "$T/b" c
	mkdir "$T/root/d"
	: >"$T/root/d/exec.fifo"
	run -1 o delete d
	run -0 o delete --force d
	[ ! -e "$T/root/d" ]
	mkdir "$T/root/e"
	echo '{"id": "x"}' >"$T/root/e/state.json"
	run -1 o state e
	[[ $output == *"is no record of this container"* ]]
	rm -r "$T/root/e"
}

@test "poststop hooks get the state and cannot fail a delete" {
	bundle_make b ".process.args = [\"true\"] | .hooks.poststop = [
		{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"exit 3\"]},
		{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"cat >$T/stopped\"]}]"
	run -0 o run -b "$T/b" c
	[[ $output == *warning*poststop* ]]
	jq -e '.status == "stopped" and .id == "c" and (.pid == null)' "$T/stopped"
}

as_user() {
	setpriv --reuid 12345 --regid 12345 --clear-groups env XDG_RUNTIME_DIR="$T/xdg" "$T/orun" "$@"
}

@test "an ordinary user" {
	setpriv --reuid 12345 --regid 12345 --clear-groups unshare -Ur true 2>/dev/null ||
		skip "no user namespaces for ordinary users here"
	cp "$ONGGI_BIN/orun" "$T/orun"
	mkdir "$T/xdg" "$T/u"
	chown -R 12345:12345 "$T"
	as_user spec --rootless -b "$T/u"
	jq ".root.path = \"$T/rootfs\" | .process.terminal = false | .process.args = [\"sh\", \"-c\", \"id -u; cat /proc/self/uid_map; ls -A /sys/fs/cgroup | wc -l; exit 4\"]" \
		"$T/u/config.json" >"$T/u/run.json"
	run -4 --separate-stderr as_user run -b "$T/u" -f "$T/u/run.json" c
	[ "${lines[0]}" = 0 ]
	[ -z "$stderr" ] || { echo "$stderr"; false; }
	[[ ${lines[1]} =~ ^\ +0\ +12345\ +1$ ]]
	[ "$(stat -c %a "$T/xdg/orun")" = 1700 ]
	jq '.linux.resources.memory.limit = 100000000' "$T/u/run.json" >"$T/u/config.json"
	run -4 --separate-stderr as_user run -b "$T/u" c
	[[ $stderr == *"limits are not in force"* ]]
	jq '.process.args = ["sleep", "1000"]' "$T/u/run.json" >"$T/u/config.json"
	as_user run -d -b "$T/u" c </dev/null >/dev/null 2>&1
	as_user list -f json | jq -e '.[0].status == "running" and .[0].id == "c"'
	[ "$(as_user exec c id -u 2>/dev/null)" = 0 ]
	as_user ps -f json c
	run -1 as_user pause c
	[[ $output == *cgroup* ]]
	run -0 as_user kill c KILL
	stopped() { as_user state c | jq -e '.status == "stopped"'; }
	eventually 60 stopped
	run -0 --separate-stderr as_user delete c
	[ -z "$stderr" ]
}

@test "checkpoint and restore answer clearly" {
	run -1 o checkpoint --image-path "$T/i" --leave-running c
	[[ $output == *"container does not exist"* ]]
	[ ! -e "$T/i" ]
	run -1 o restore -b "$T" --image-path "$T/i" -d c
	[[ $output == *"config.json"* ]]
	run -1 o --cgroup-manager nope list
	run -1 o --rootless maybe list
}

@test "without control groups" {
	bundle_make b '.process.args = ["cat", "/proc/self/cgroup"] | del(.linux.namespaces[] | select(.type == "cgroup"))'
	run -0 --separate-stderr o --cgroup-manager disabled run -b "$T/b" c </dev/null
	[ "$output" = "$(cat /proc/self/cgroup)" ]
	bundle_make b2 '.process.args = ["sleep", "1000"]'
	o --cgroup-manager=disabled run -d -b "$T/b2" c </dev/null >/dev/null 2>&1
	[ -z "$(find /sys/fs/cgroup -maxdepth 3 -path "*$CG/*" -type d)" ]
	run -0 o exec c true
	[ "$(o ps -f json c)" = "[$(o state c | jq .pid)]" ]
	run -1 o pause c
	[[ $output == *"has no cgroup"* ]]
	run -0 o delete -f c
}

@test "fifty containers at once" {
	bundle_make b '.process.args = ["true"]'
	for i in $(seq 50); do
		jq ".linux.cgroupsPath = \"/$CG/m$i\"" "$T/b/config.json" >"$T/b/m$i.json"
	done
	seq 50 | xargs -P 8 -I{} "$ONGGI_BIN/orun" --root "$T/root" run -b "$T/b" -f "$T/b/m{}.json" m{} </dev/null
	[ -z "$(o list -q)" ]
	# one of many creators of the same id wins
	n=$(seq 8 | xargs -P 8 -I{} sh -c "'$ONGGI_BIN/orun' --root '$T/root' create -b '$T/b' same >/dev/null 2>&1 </dev/null && echo {} || true" | wc -l)
	[ "$n" = 1 ]
}
