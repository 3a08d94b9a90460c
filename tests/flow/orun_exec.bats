#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# orun exec: one more process in a running container, with nothing of the container trusted.

load orun_lib

setup() {
	orun_setup
	cfg '.process.args = ["sleep", "1000"]'
}

teardown() {
	orun_teardown
}

up() {
	orun run -d -b "$B" --pid-file "$T/pid" "$ID"
}

x() {
	run --separate-stderr orun exec "$@"
}

@test "all namespaces, cgroups and the root are the container's" {
	cfg '.linux.namespaces |= (map(select(.type != "cgroup")) + [{"type": "cgroup"}, {"type": "time"}])'
	up
	for n in mnt net ipc uts pid cgroup time user; do
		x "$ID" readlink /proc/self/ns/$n
		ok
		[ "$output" = "$(readlink /proc/"$(cat "$T/pid")"/ns/$n)" ]
	done
	orun exec -d --pid-file "$T/pid2" "$ID" sleep 100
	diff /proc/"$(cat "$T/pid")"/cgroup /proc/"$(cat "$T/pid2")"/cgroup
	x "$ID" ps
	has "1 root     sleep 1000" "sleep 100"
}

@test "status, command errors, directory" {
	up
	x "$ID" sh -c 'exit 9'
	[ "$status" -eq 9 ]
	x "$ID" sh -c 'kill -9 $$'
	[ "$status" -eq 137 ]
	x "$ID" nope
	[ "$status" -eq 255 ]
	has 'exec: "nope": executable file not found in $PATH'
	x "$ID" /etc/passwd
	has 'permission denied'
	x --cwd /tmp "$ID" pwd
	[ "$output" = /tmp ]
	x --cwd /none "$ID" pwd
	[ "$status" -eq 255 ]
	has 'chdir to cwd ("/none") set in config.json failed: no such file or directory'
}

@test "user, groups, environment, capabilities" {
	up
	x -u 1000:1001 -g 5 -e A=b "$ID" sh -c 'id -u; id -g; id -G; echo $A $HOME; grep -E "Cap(Eff|Bnd)|NoNew" /proc/self/status'
	ok
	[ "$output" = "1000
1001
1001 5
b /home/u
CapEff:	0000000000000000
CapBnd:	0000000020000420
NoNewPrivs:	1" ]
	x -c CAP_CHOWN "$ID" grep -E "Cap(Inh|Eff)" /proc/self/status
	has "CapInh:	0000000000000000" "CapEff:	0000000020000421"
}

@test "the groups of the caller, where the annotation keeps them" {
	cfg '.annotations = {"run.oci.keep_original_groups": "1"} | .process.user = {uid: 1000, gid: 1001}'
	up
	run setpriv --groups 77,78 "$ONGGI_BIN/orun" --root "$T/state" exec "$ID" id -G
	ok
	[ "$output" = "1001 77 78" ]
	orun delete --force "$ID"
	cfg '.annotations["run.oci.keep_original_groups"] = "0"'
	up
	run setpriv --groups 77,78 "$ONGGI_BIN/orun" --root "$T/state" exec "$ID" id -G
	[ "$output" = 1001 ]
}

@test "terminal" {
	up
	run script -qec "$ONGGI_BIN/orun --root $T/state exec -t $ID sh -c 'tty; test -t 0 && echo is-tty'" /dev/null </dev/null
	ok
	has "/dev/pts/" is-tty
}

@test "process file with everything" {
	up
	jq -n '{"args": ["sh", "-c", "id -u; umask; grep -E \"open files\" /proc/self/limits; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status"],
		"cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 7, "gid": 8, "umask": 7},
		"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 55, "hard": 66}], "oomScoreAdj": 77,
		"execCPUAffinity": {"initial": "0", "final": "0"}}' >"$T/p.json"
	x -p "$T/p.json" "$ID"
	ok
	has "7
0007
" "Max open files            55                   66" 77 "Cpus_allowed_list:	0"
	hasnt ignored
	x -p "$T/p.json" --cwd /tmp -u 5 "$ID" true
	ok
	has "--cwd is ignored beside --process" "--user is ignored" "the command is ignored" "7
0007"
}

@test "descriptors" {
	up
	exec 7<"$B/config.json"
	x "$ID" sh -c 'ls /proc/self/fd | tr "\n" " "'
	exec 7<&-
	[ "$output" = "0 1 2 3 " ]
}

@test "states: stopped, paused, missing" {
	x "$ID" true
	has "container does not exist"
	up
	orun pause "$ID"
	x "$ID" true
	[ "$status" -eq 255 ]
	has "cannot exec in a paused container (use --ignore-paused to override)"
	orun resume "$ID"
	orun kill "$ID" KILL
	eventually 60 state_is stopped
	x "$ID" true
	has "cannot exec in a stopped container"
}

@test "created container" {
	orun create -b "$B" "$ID"
	x "$ID" echo in
	ok
	[ "$output" = in ]
}

@test "user namespace" {
	cfg '.linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]'
	up
	x -u 5:6 "$ID" sh -c 'id -u; readlink /proc/self/ns/user'
	ok
	[ "$output" = "5
$(readlink /proc/"$(cat "$T/pid")"/ns/user)" ]
	orun exec -d --pid-file "$T/pid2" "$ID" sleep 100
	[ "$(stat -c %u /proc/"$(cat "$T/pid2")")" = 200000 ]
}

@test "the runtime's own program is out of reach" {
	printf '#!/proc/self/exe\n' >"$B/rootfs/bin/evil" && chmod 755 "$B/rootfs/bin/evil"
	up
	sum=$(sha256sum "$ONGGI_BIN/orun")
	x "$ID" evil
	[ "$status" -eq 126 ]
	x "$ID" /proc/self/exe
	[ "$status" -ne 0 ]
	x --cwd /proc/self/fd/7 "$ID" true
	[ "$status" -ne 0 ]
	[ "$(sha256sum "$ONGGI_BIN/orun")" = "$sum" ]
}

@test "many at a time" {
	up
	for i in 1 2 3 4 5 6 7 8; do
		orun exec "$ID" sh -c "echo $i" >"$T/out.$i" 3>&- &
	done
	wait
	[ "$(cat "$T"/out.*)" = "$(seq 1 8)" ]
}
