#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# exec: each of its flags, and what it refuses.

load lib

failed() { # exec's own failure
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || { echo "status $status: $output $stderr"; return 1; }
}

x() { # FLAGS... -- COMMAND...: exec in the running container
	local flags=()
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	shift
	run_rt exec "${flags[@]}" "$ID" "$@"
}

@test "exec: all namespaces and the cgroup are the container's" {
	need root
	conf '.linux.namespaces += [{ type: "network" }, { type: "cgroup" }]'
	running_c
	local n
	for n in pid mnt ipc uts net cgroup user; do
		x -- readlink /proc/self/ns/$n
		ok
		is "$(readlink "/proc/$PID/ns/$n")"
	done
	x -- sh -c 'cut -d : -f 3 /proc/self/cgroup | sort -u'
	ok
	is /
}

@test "exec: standard input, output and error" {
	need root
	running_c
	run --separate-stderr rt exec "$ID" sh -c 'cat; echo err >&2' <<<'in'
	ok
	is in
	[ "$stderr" = err ]
}

@test "exec: words after the id are the command's" {
	need root
	running_c
	x -- ls -d /
	ok
	is /
	x -- echo --cwd -e -t
	is '--cwd -e -t'
}

@test "exec: two dashes before the command" {
	need root
	running_c
	run_rt exec "$ID" -- echo a
	ok
	is a
}

@test "exec --cwd" {
	need root
	running_c
	x --cwd /etc -- pwd
	ok
	is /etc
}

@test "exec --cwd: not absolute" {
	need root
	running_c
	x --cwd etc -- pwd
	failed
}

@test "exec --user: UID and UID:GID" {
	need root
	running_c
	x --user 1000:50 -- id -u
	is 1000
	x -u 1000:50 -- id -g
	is 50
	x -u 7 -- id -u
	is 7
}

@test "exec --user: numbers only, and in range" {
	need root
	running_c
	local u
	for u in root 0x1 -1 '1:' ':1' '1:x' 4294967296 '1 '; do
		x --user "$u" -- id -u
		failed || { echo "user \"$u\""; return 1; }
	done
}

@test "exec --user: 4294967295 is no user" {
	need root
	running_c
	x --user 4294967295 -- id -u
	failed
}

@test "exec --additional-gids: no number" {
	need root
	running_c
	x --additional-gids x -- id
	failed
}

@test "exec --env: HOME and PATH" {
	need root
	running_c
	x --user 1000 -- sh -c 'echo $HOME'
	ok
	is /home/u
	x -e HOME=/x -- sh -c 'echo $HOME'
	is /x
	x -e PATH=/nothing -- /bin/echo found
	ok
}

@test "exec --cap: adds to three sets, never to the inheritable one" {
	need root
	running_c
	local bit=$((1 << 12)) set want
	x -- grep Cap /proc/self/status
	[ $((16#$(awk '$1 == "CapBnd:" { print $2 }' <<<"$output") & bit)) = 0 ]
	x --cap CAP_NET_ADMIN -- grep Cap /proc/self/status
	ok
	for set in CapBnd CapEff CapPrm; do
		[ $((16#$(awk -v s=$set: '$1 == s { print $2 }' <<<"$output") & bit)) = $bit ]
	done
	[ "$(awk '$1 == "CapInh:" { print $2 }' <<<"$output")" = 0000000000000000 ]
}

@test "exec --cap: unknown" {
	need root
	running_c
	# as in the config: a warning
	x --cap CAP_NOTHING -- echo on
	ok
	is on
}

@test "exec --no-new-privs" {
	need root
	running_c
	x -- grep NoNewPrivs /proc/self/status
	is $'NoNewPrivs:\t0'
	x --no-new-privs -- grep NoNewPrivs /proc/self/status
	is $'NoNewPrivs:\t1'
}

@test "exec --process" {
	need root
	running_c
	jq -n '{ args: ["sh", "-c", "id -u; id -g; pwd; echo $A"], cwd: "/tmp", user: { uid: 5, gid: 6 },
		env: ["PATH=/bin", "A=b"] }' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	ok
	is $'5\n6\n/tmp\nb'
	run_rt exec -p "$T/p.json" "$ID"
	ok
}

@test "exec --process: missing, broken, wrong" {
	need root
	running_c
	run_rt exec --process "$T/missing" "$ID"
	failed
	echo '{' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	failed
	echo '{ "args": [], "cwd": "/" }' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	failed
	echo '{ "args": ["true"], "cwd": "here" }' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	failed
	said cwd
}

@test "exec --process: no cwd" {
	need root
	running_c
	echo '{ "args": ["true"], "env": ["PATH=/bin"] }' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	failed
	said cwd
}

@test "exec --process: limits, umask, oom score" {
	need root
	running_c
	jq -n '{ args: ["sh", "-c", "ulimit -n; umask; cat /proc/self/oom_score_adj"], cwd: "/", env: ["PATH=/bin"],
		user: { uid: 0, gid: 0, umask: 23 }, rlimits: [{ type: "RLIMIT_NOFILE", soft: 99, hard: 100 }],
		oomScoreAdj: 500 }' >"$T/p.json"
	run_rt exec --process "$T/p.json" "$ID"
	ok
	is $'99\n0027\n500'
}

@test "exec --detach, --pid-file" {
	need root
	running_c
	rt exec --detach --pid-file "$T/pid2" "$ID" sleep 1000 >/dev/null 2>&1 </dev/null 3>&-
	[ -n "$(cat "$T/pid2")" ]
	[ "$(wc -l <"$T/pid2")" = 0 ]
	[ "$(tr '\0' ' ' <"/proc/$(cat "$T/pid2")/cmdline")" = 'sleep 1000 ' ]
	rt exec -d "$ID" true >/dev/null 2>&1 </dev/null 3>&-
}

@test "exec --pid-file: in a directory that is missing" {
	need root
	running_c
	x --pid-file "$T/no/such" -- true
	failed
}

@test "exec --tty" {
	need root
	need cmd script
	running_c
	run timeout 120 script -qec "$RUNTIME --root $T/state exec -t $ID sh -c 'tty; test -t 2 && echo two'" /dev/null </dev/null
	ok
	has /dev/pts/ two
}

@test "exec --tty --detach needs a console socket" {
	need root
	running_c
	x -t -d -- true
	failed
	x --console-socket "$T/missing" -t -d -- true
	failed
}

@test "exec --console-socket" {
	need root
	need cmd python3
	running_c
	receive "$T/sock" "$T/tty"
	rt exec -t -d --console-socket "$T/sock" "$ID" sh -c 'tty; echo end' >/dev/null 2>&1 </dev/null 3>&-
	wait_until grep -q end "$T/tty"
	grep -q /dev/pts/ "$T/tty"
}

@test "exec --preserve-fds" {
	need root
	running_c
	echo three >"$T/three"
	run --separate-stderr rt exec --preserve-fds 1 "$ID" sh -c 'cat <&3; ls /proc/self/fd | wc -l' 3<"$T/three" 4</dev/null
	ok
	# 0 to 3, and the directory that ls reads
	is $'three\n5'
}

@test "exec: descriptors are not passed on" {
	need root
	running_c
	run --separate-stderr rt exec "$ID" sh -c 'ls /proc/self/fd | wc -l' 3</dev/null 4</dev/null 9</dev/null
	ok
	is 4
}

@test "exec --preserve-fds: one that is not open" {
	need root
	running_c
	run --separate-stderr rt exec --preserve-fds 50 "$ID" true </dev/null
	failed
}

@test "exec --cgroup: a path for all" {
	need root
	[ "$RUNTIME_KIND" != crun ] || skip "crun 1.8 knows v2 alone"
	running_c
	x --cgroup / -- sh -c 'cut -d : -f 3 /proc/self/cgroup | sort -u'
	ok
	has "/$ID"
	local d
	for d in /sys/fs/cgroup/*/"$ID" /sys/fs/cgroup/"$ID"; do
		[ ! -d "$d" ] || mkdir "$d/sub"
		# an empty cpuset of v1 takes no process
		[ ! -f "$d/cpuset.mems" ] || [[ $d == /sys/fs/cgroup/$ID ]] ||
			{ cat "$d/cpuset.cpus" >"$d/sub/cpuset.cpus" && cat "$d/cpuset.mems" >"$d/sub/cpuset.mems"; }
	done
	x --cgroup sub -- sh -c 'cut -d : -f 3 /proc/self/cgroup | sort -u'
	ok
	has "/$ID/sub"
	hasnt "/$ID"$'\n'
}

@test "exec --cgroup: per controller, more than once" {
	need root
	need v1
	need controller cpu
	need controller memory
	[ "$RUNTIME_KIND" != crun ] || skip "crun 1.8 knows v2 alone"
	running_c
	local cpu memory
	cpu=$(cgroup_v1 cpu) memory=$(cgroup_v1 memory)
	mkdir "$cpu/$ID/one" "$memory/$ID/two"
	x --cgroup cpu:one --cgroup memory:/two -- cat /proc/self/cgroup
	ok
	grep -E "[:,]cpu[,:].*/$ID/one\$" <<<"$output"
	grep -E ":memory:/$ID/two\$" <<<"$output"
	grep -E "[:,]pids[,:].*/$ID\$" <<<"$output"
	x --cgroup pids,cpu:/ -- true
	ok
}

@test "exec --cgroup: errors" {
	need root
	[ "$RUNTIME_KIND" != crun ] || skip "crun 1.8 knows v2 alone"
	running_c
	x --cgroup missing -- true
	failed
	x --cgroup ../above -- true
	failed
	said 'not a sub cgroup path'
	x --cgroup nosuch:/ -- true
	failed
	x --cgroup a --cgroup b -- true
	failed
	said 'missing <controller>: prefix'
	x --cgroup cpu:a:b -- true
	failed
}

@test "exec --process-label, --apparmor: errors where the host has none" {
	need root
	running_c
	[ -e /sys/kernel/security/apparmor/profiles ] || { x --apparmor some -- true; failed; }
	[ -e /sys/fs/selinux/enforce ] || { x --process-label a:b:c:d -- true; failed; }
}

@test "exec: into a container that has stopped" {
	need root
	running_c
	kill_c KILL
	wait_stopped
	x -- true
	failed
	[ "$RUNTIME_KIND" = crun ] || said 'cannot exec in a stopped container'
}

@test "exec: into a created container" {
	need root
	create_c 'exec sleep 1000'
	ok
	x -- echo early
	ok
	is early
}

@test "exec: the environment is the container's" {
	need root
	conf '.process.env += ["FROM=config"]'
	running_c
	A=outside x -- sh -c 'echo $FROM$A'
	is config
}

@test "exec: many at a time" {
	need root
	running_c
	seq 20 | xargs -P 6 -I{} timeout 120 "$RUNTIME" --root "$T/state" exec "$ID" sh -c 'echo {}' >"$T/many"
	[ "$(sort -n "$T/many" | tr '\n' ' ')" = "$(seq -s ' ' 20) " ]
}

@test "exec --pidfd-socket" {
	need orun 'runc has it since 1.2'
	need root
	need cmd python3
	running_c
	timeout 120 python3 "$BATS_TEST_DIRNAME/pidfd.py" "$T/sock" "$T/got" >/dev/null 2>&1 3>&- &
	wait_until test -S "$T/sock"
	rt exec -d --pid-file "$T/pid2" --pidfd-socket "$T/sock" "$ID" sleep 1000 >/dev/null 2>&1 </dev/null 3>&-
	wait_until test -s "$T/got"
	[ "$(cat "$T/got")" = "$(cat "$T/pid2")" ]
}
