#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hooks: all six points, in their order, with the state on standard input, in the right namespaces;
# arguments, environment, time limit; what a failing one does.

load lib

# hook POINT SCRIPT [JQ FILTER]: one more hook, sh -c SCRIPT; $T and $ID are known in there. It reads its
# input in any case: crun dies of SIGPIPE now and then when a hook does not.
hook() {
	[[ $2 = *'cat >'* || $2 = *sed* || $2 = exec* ]] || set -- "$1" "cat >/dev/null; $2" "${@:3}"
	local n=${#CONF_ARGS[@]}
	conf ".hooks.$1 += [{ path: \"/bin/sh\", args: [\"sh\", \"-c\", \$h$n],
		env: [\"PATH=/usr/sbin:/usr/bin:/sbin:/bin\", \"T=$T\", \"ID=$ID\", \"P=$1\"] } | ${3:-.}]" --arg "h$n" "$2"
}

# hooks that run in the container have its file system after pivot_root: its $T is the host's by a bind
inside() {
	private_rootfs
	mkdir -p "$ROOTFS$T"
	mount_add "$T" bind "$T" bind
}

POINTS='prestart createRuntime createContainer startContainer poststart poststop'

@test "hooks run in their order" {
	local p
	inside
	for p in $POINTS; do hook "$p" 'echo $P >>$T/order'; done
	run_c "echo process >>$T/order"
	ok
	output=$(cat "$T/order")
	is $'prestart\ncreateRuntime\ncreateContainer\nstartContainer\nprocess\npoststart\npoststop' ||
		# the process and poststart are not ordered by anything
		is $'prestart\ncreateRuntime\ncreateContainer\nstartContainer\npoststart\nprocess\npoststop'
}

@test "hooks of one point run in listed order" {
	hook createRuntime 'echo one >>$T/order'
	hook createRuntime 'echo two >>$T/order'
	hook createRuntime 'echo three >>$T/order'
	run_c
	ok
	[ "$(cat "$T/order")" = $'one\ntwo\nthree' ]
}

@test "hooks: create runs those of create, start those of start, delete those of delete" {
	local p
	inside
	for p in $POINTS; do hook "$p" 'echo $P >>$T/order'; done
	create_c
	ok
	[ "$(cat "$T/order")" = $'prestart\ncreateRuntime\ncreateContainer' ]
	: >"$T/order"
	start_c
	ok
	[ "$(cat "$T/order")" = $'startContainer\npoststart' ]
	: >"$T/order"
	wait_stopped
	delete_c
	ok
	[ "$(cat "$T/order")" = poststop ]
}

# state_of POINT: what a hook there reads, as JSON in $output
state_of() {
	inside
	conf '.annotations = { "org.example.key": "value" }'
	hook "$1" 'cat >$T/state.json'
	run_c
	ok
	output=$(cat "$T/state.json")
}

state_is() { # jq filter, value
	local got
	got=$(jq -r "$1" <<<"$output")
	[ "$got" = "$2" ] || { echo "$1 is \"$got\", not \"$2\": $output"; return 1; }
}

state_good() {
	state_is .id "$ID"
	state_is .bundle "$B"
	state_is '.annotations["org.example.key"]' value
	state_is '.ociVersion | type' string
}

@test "hooks.prestart: state on standard input" {
	state_of prestart
	state_good
	state_is '.pid > 1' true
}

@test "hooks.createRuntime: state on standard input" {
	state_of createRuntime
	state_good
	state_is '.pid > 1' true
	state_is .status created || state_is .status creating
}

@test "hooks.createContainer: state on standard input" {
	state_of createContainer
	state_good
	state_is .status created || state_is .status creating
}

@test "hooks.startContainer: state on standard input" {
	state_of startContainer
	state_good
	state_is .status created
}

@test "hooks.startContainer: the pid is that of the container's own view" {
	state_of startContainer
	state_is .pid 1
}

@test "hooks.poststart: state on standard input" {
	state_of poststart
	state_good
	state_is .status running
}

@test "hooks.poststop: state on standard input" {
	state_of poststop
	state_good
	state_is .status stopped
}

@test "hooks.poststop: no pid any more" {
	state_of poststop
	state_is '.pid // 0' 0
}

@test "hooks: one that does not read its input" {
	[ "$RUNTIME_KIND" != crun ] || skip "crun dies of SIGPIPE now and then"
	conf '.annotations = { big: ("x" * 200000) }'
	hook createRuntime 'exec true'
	hook poststop 'exec <&-; exec true'
	run_c 'echo in'
	ok
	is in
}

# ns_in POINT TYPE: which namespace the hook runs in, against the container's and the runtime's
ns_in() {
	inside
	hook "$1" "readlink /proc/self/ns/$2 >\$T/ns"
	run_c "readlink /proc/self/ns/$2"
	ok
}

in_runtime() {
	[ "$(cat "$T/ns")" = "$(readlink "/proc/self/ns/$1")" ] || { echo "$(cat "$T/ns") is not the runtime's"; return 1; }
}

in_container() {
	[ "$(cat "$T/ns")" = "$output" ] || { echo "$(cat "$T/ns") is not the container's"; return 1; }
}

@test "hooks.prestart: namespaces of the runtime" {
	ns_in prestart uts
	in_runtime uts
}

@test "hooks.createRuntime: namespaces of the runtime" {
	ns_in createRuntime mnt
	in_runtime mnt
}

@test "hooks.createContainer: namespaces of the container" {
	ns_in createContainer uts
	in_container uts
	[ "$(cat "$T/ns")" != "$(readlink /proc/self/ns/uts)" ]
}

@test "hooks.createContainer: mount namespace of the container, before pivot_root" {
	private_rootfs
	# the path is one of the host, and the root is still that of the host
	mkdir "$T/only-outside"
	hook createContainer 'readlink /proc/self/ns/mnt >$T/ns; ls -d $T/only-outside >$T/seen'
	run_c 'readlink /proc/self/ns/mnt'
	ok
	in_container
	[ "$(cat "$T/seen")" = "$T/only-outside" ]
}

@test "hooks.createContainer: mounts made in there are the container's" {
	private_rootfs
	hook createContainer "mount -t tmpfs hooked $ROOTFS/mnt"
	run_c 'grep -c " /mnt .* hooked " /proc/self/mountinfo'
	ok
	is 1
	! grep -q hooked /proc/self/mountinfo
}

@test "hooks.startContainer: namespaces and root of the container" {
	inside
	hook startContainer 'readlink /proc/self/ns/mnt >$T/ns; cat /file >$T/seen'
	run_c 'readlink /proc/self/ns/mnt'
	ok
	in_container
	[ "$(cat "$T/seen")" = file ]
}

@test "hooks.poststart: namespaces of the runtime" {
	ns_in poststart mnt
	in_runtime mnt
}

@test "hooks.poststop: namespaces of the runtime" {
	ns_in poststop pid
	in_runtime pid
}

@test "hooks.createRuntime: the namespaces of the container are there" {
	hook createRuntime 'pid=$(sed -n "s/.*\"pid\": *\([0-9]*\).*/\1/p"); readlink /proc/$pid/ns/ipc >$T/ns'
	run_c 'readlink /proc/self/ns/ipc'
	ok
	in_container
}

@test "hooks.poststop: the container is gone" {
	hook poststop 'ls -d /sys/fs/cgroup/*/$ID /sys/fs/cgroup/$ID >$T/left 2>/dev/null; true'
	[ "$RUNTIME_KIND" != crun ] || skip "a directory stands in for the v2 hierarchy"
	run_c
	ok
	[ ! -s "$T/left" ] || { cat "$T/left"; return 1; }
}

@test "hooks.path with args: args are the whole argv" {
	hook createRuntime 'echo "$0|$1" >$T/args' '.args += ["name of mine", "a b"]'
	run_c
	ok
	[ "$(cat "$T/args")" = 'name of mine|a b' ]
}

@test "hooks.args absent: the path alone" {
	printf '#!/bin/sh\necho "$#" >%s/args\ncat >/dev/null\n' "$T" >"$T/hook"
	chmod 755 "$T/hook"
	conf '.hooks.createRuntime = [{ path: $p }]' --arg p "$T/hook"
	run_c
	ok
	[ "$(cat "$T/args")" = 0 ]
}

@test "hooks.env: exactly that" {
	export SECRET_OF_THE_HOST=1
	hook createRuntime 'env >$T/env' '.env = ["A=one", "B=t w o"]'
	CONF_ARGS[-1]="/bin/cat >/dev/null; env >$T/env"
	run_c
	ok
	[ "$(grep -v '^_=\|^PWD=\|^SHLVL=\|^OLDPWD=' "$T/env" | sort)" = $'A=one\nB=t w o' ] || { cat "$T/env"; return 1; }
}

@test "hooks.env absent: none, not that of the runtime" {
	export SECRET_OF_THE_HOST=1
	hook createRuntime "tr '\\0' '\\n' </proc/self/environ >$T/env" 'del(.env)'
	run_c
	ok
	[ -e "$T/env" ]
	! grep -q SECRET "$T/env"
}

@test "hooks.env: not the container's either" {
	inside
	conf '.process.env += ["OF_THE_CONTAINER=1"]'
	hook createContainer "env >$T/env"
	hook startContainer "env >>$T/env"
	run_c
	ok
	[ "$(grep -c . "$T/env")" -ge 2 ]
	! grep -q OF_THE_CONTAINER "$T/env"
}

@test "hooks.createContainer: starts in the bundle" {
	hook createContainer 'pwd >$T/pwd'
	run_c
	ok
	[ "$(cat "$T/pwd")" = "$B" ]
}

@test "hooks.timeout: in time" {
	hook createRuntime 'echo in >$T/seen' '.timeout = 30'
	run_c
	ok
	[ "$(cat "$T/seen")" = in ]
}

@test "hooks.timeout: too slow is killed and an error" {
	hook createRuntime 'echo $$ >$T/hookpid; exec sleep 1000' '.timeout = 1'
	run_c
	expect_error 'not finished|time' createRuntime
	[ ! -e "/proc/$(cat "$T/hookpid")" ]
}

@test "hooks.timeout 0 is refused" {
	hook createRuntime true '.timeout = 0'
	run_c true
	expect_error 'timeout' 'hooks.createRuntime[0].timeout'
}

@test "hooks.timeout negative is refused" {
	hook createRuntime true '.timeout = -5'
	run_c true
	expect_error 'timeout' 'hooks.createRuntime[0].timeout'
}

# ---- failure ----

# fails_at POINT: the error says which hook, with its output, and nothing is left
fails_at() {
	inside
	hook "$1" 'echo reason of mine >&2; exit 3'
	hook poststop 'echo poststop >>$T/order'
	run_c "echo process >>$T/order"
}

@test "hooks.prestart failing: no container, poststop runs or not" {
	fails_at prestart
	expect_error 'prestart.*status 3.*reason of mine' prestart
	! grep -q process "$T/order" 2>/dev/null
}

@test "hooks.createRuntime failing: no container" {
	fails_at createRuntime
	expect_error 'createRuntime.*status 3.*reason of mine' createRuntime
	! grep -q process "$T/order" 2>/dev/null
}

@test "hooks.createContainer failing: no container" {
	fails_at createContainer
	expect_error 'createContainer.*status 3' createContainer
	! grep -q process "$T/order" 2>/dev/null
}

@test "hooks.startContainer failing: the process does not start" {
	fails_at startContainer
	expect_error 'startContainer.*status 3' startContainer
	! grep -q process "$T/order" 2>/dev/null
}

@test "hooks.poststart failing: the container is stopped and deleted, poststop runs" {
	hook poststart 'exit 3'
	hook poststop 'echo poststop >>$T/order'
	create_c 'sleep 1000'
	ok
	start_c
	expect_error 'poststart.*status 3' poststart
	[ "$(cat "$T/order")" = poststop ]
}

@test "hooks.poststop failing: a warning, the rest of them run" {
	hook poststop 'exit 3'
	hook poststop 'echo second >>$T/order'
	run_c 'exit 0'
	expect_warning 'poststop'
	[ "$(cat "$T/order")" = second ]
}

@test "hooks: a failing one keeps later ones from running" {
	hook createRuntime 'exit 1'
	hook createRuntime 'echo second >>$T/order'
	run_c
	expect_error createRuntime createRuntime
	[ ! -e "$T/order" ]
}

@test "hooks: one that a signal ends is an error" {
	hook createRuntime 'kill -KILL $$'
	run_c
	expect_error 'signal' createRuntime
}

@test "hooks.path that does not exist is an error" {
	conf '.hooks.createRuntime = [{ path: "/nothing/here" }]'
	run_c
	expect_error 'no such file' /nothing/here
}

@test "hooks.path relative is refused" {
	conf '.hooks.createRuntime = [{ path: "bin/true" }]'
	run_c
	expect_error 'absolute' 'hooks.createRuntime[0].path'
}

@test "hooks.path missing is refused" {
	conf '.hooks.poststop = [{ args: ["x"] }]'
	run_c
	expect_error 'must not be empty|must be given' 'hooks.poststop[0].path'
}

@test "hooks of a wrong type are refused" {
	conf '.hooks = []'
	run_c
	expect_error 'expected object' hooks
}

@test "hooks.prestart of a wrong type is refused" {
	conf '.hooks.prestart = {}'
	run_c
	expect_error 'expected array' hooks.prestart
}

@test "hooks.args of a wrong type is refused" {
	conf '.hooks.prestart = [{ path: "/bin/true", args: "x" }]'
	run_c
	expect_error 'expected array' 'hooks.prestart[0].args'
}

@test "hooks.env of a wrong type is refused" {
	conf '.hooks.prestart = [{ path: "/bin/true", env: { A: "b" } }]'
	run_c
	expect_error 'expected array' 'hooks.prestart[0].env'
}

@test "hooks.timeout of a wrong type is refused" {
	conf '.hooks.prestart = [{ path: "/bin/true", timeout: "5" }]'
	run_c
	expect_error 'expected integer' 'hooks.prestart[0].timeout'
}
