#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The life of a container: what each command may do in which state, the state document, identifiers.

load lib

refused() { # PATTERN: the last command failed so; the container, if any, is not touched
	expect_fail
	[ "$RUNTIME_KIND" = crun ] || expect_fail "$1"
}

# ---- the state document ----

@test "state of a created container" {
	create_c
	ok
	state_c '[.id, .status, .bundle, (.pid | tostring)] | join("|")'
	ok
	is "$ID|created|$B|$(pid_c)"
}

@test "state of a running container" {
	running_c
	state_c '[.id, .status, (.pid | tostring)] | join("|")'
	ok
	is "$ID|running|$PID"
}

@test "state of a stopped container" {
	life_c
	state_c .status
	is stopped
}

@test "state of a stopped container: no pid" {
	life_c
	state_c '.pid // 0'
	is 0
}

@test "state of a paused container" {
	running_c
	run_rt pause "$ID"
	ok
	state_c .status
	is paused
	run_rt resume "$ID"
	ok
	state_c .status
	is running
}

@test "state: ociVersion is a version" {
	create_c
	state_c .ociVersion
	matches '^1\.[0-9]+\.[0-9]+'
}

@test "state: annotations absent is no error" {
	create_c
	state_c '.annotations // {} | length'
	is 0
}

@test "state: rootfs, created and owner as runc has them" {
	create_c
	state_c '[.rootfs, (.created | test("^20..-..-..T..:..:..")), (.owner | type)] | map(tostring) | join("|")'
	is "$ROOTFS|true|string"
}

@test "state: the bundle is absolute when it was given relative" {
	conf_write
	cd "$T"
	rt create -b b "$ID" >/dev/null 2>&1 </dev/null
	state_c .bundle
	is "$B"
}

@test "state of an unknown container is refused" {
	run_rt state nothing-of-that-name
	refused 'does not exist'
}

# ---- create ----

@test "create: the process is not started" {
	create_c 'echo started'
	ok
	is ''
	[ ! -s "$T/out" ]
}

@test "create: the pid file has the number and nothing else" {
	create_c
	ok
	[ "$(wc -l <"$T/pid")" -eq 0 ]
	matches ''
	[ -d "/proc/$(pid_c)" ]
}

@test "create: an ID that is there is refused, and the first one stays" {
	create_c 'echo first'
	ok
	local pid
	pid=$(pid_c)
	run_rt create -b "$B" "$ID"
	expect_fail 'exist'
	state_c '.pid'
	is "$pid"
	start_c
	wait_stopped
	collect
	has first
}

@test "create: the ID of a stopped container is refused too" {
	life_c
	run_rt create -b "$B" "$ID"
	expect_fail 'exist'
}

@test "create: an ID is free again after delete" {
	life_c 'echo one'
	delete_c
	ok
	life_c 'echo two'
	is two
}

bad_id() {
	# 1.8 takes these all, and what it makes may lie outside of its state directory
	[ "$RUNTIME_KIND" != crun ] || skip "crun takes it"
	conf_write
	status=0
	rt create -b "$B" "$1" >"$T/out" 2>"$T/err" </dev/null || status=$?
	collect
	refused 'invalid'
	nothing_left
}

@test "create: an empty ID is refused" {
	bad_id ''
}

@test "create: an ID with a slash is refused" {
	bad_id 'a/b'
}

@test "create: the ID .. is refused" {
	bad_id ..
}

@test "create: the ID . is refused" {
	bad_id .
}

@test "create: an ID with a blank is refused" {
	bad_id 'a b'
}

@test "create: an ID with another character is refused" {
	bad_id 'a:b'
}

@test "create: an ID that leads out of the state directory is refused" {
	bad_id '../out'
}

@test "create: an ID of 1025 characters is refused" {
	bad_id "$(printf 'x%.0s' {1..1025})"
}

@test "create: every character that an ID may have" {
	ID=_aZ9+-.$ID
	create_c
	ok
	state_c .id
	is "$ID"
}

@test "create: without an ID is refused" {
	conf_write
	run_rt create -b "$B"
	expect_fail
	nothing_left
}

@test "create: a failing one leaves nothing: no command" {
	conf '.process.args = ["/nothing"]'
	create_c
	expect_error 'no such file'
}

@test "create: a failing one leaves nothing: no source of a mount" {
	mount_add /mnt bind "$T/nothing" bind
	create_c
	expect_error 'no such file'
	[ ! -e "$T/pid" ] || [ ! -d "/proc/$(pid_c)" ]
}

@test "create: a failing one leaves nothing: a hook" {
	conf '.hooks.createContainer = [{ path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null; exit 1"] }]'
	create_c
	expect_error 'createContainer'
}

# ---- start ----

@test "start runs the process" {
	life_c 'echo started'
	is started
}

@test "start of a running container is refused, and it goes on" {
	running_c
	start_c
	refused 'cannot start an already running container'
	kill -0 "$PID"
	state_c .status
	is running
}

@test "start of a stopped container is refused" {
	life_c
	start_c
	refused 'cannot start a container that has stopped'
}

@test "start of an unknown container is refused" {
	run_rt start nothing-of-that-name
	refused 'does not exist'
}

@test "start of a container whose process is gone before is refused" {
	create_c
	kill -9 "$(pid_c)"
	wait_stopped
	start_c
	refused 'stopped'
}

# ---- kill ----

@test "kill of a running container" {
	running_c
	kill_c KILL
	ok
	wait_stopped
}

@test "kill sends TERM when no signal is named" {
	running_c 'trap "echo caught; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
	run_rt kill "$ID"
	ok
	wait_stopped
	collect
	has caught
}

# signal_c WORD: sends USR1 by WORD
signal_c() {
	running_c 'trap "echo caught; exit 0" USR1; echo ready; while :; do sleep 0.05; done'
	kill_c "$1"
	ok
	wait_stopped
	collect
	has caught
}

@test "kill by the name of a signal" {
	signal_c USR1
}

@test "kill by the name of a signal with SIG" {
	signal_c SIGUSR1
}

@test "kill by the number of a signal" {
	signal_c 10
}

@test "kill by the name in small letters" {
	# crun sends nothing, and the wait for it is a long one
	[ "$RUNTIME_KIND" = orun ] || WAIT_LIMIT=15
	signal_c usr1
}

@test "kill of a created container" {
	create_c
	kill_c KILL
	ok
	wait_stopped
}

@test "kill of a stopped container is refused" {
	life_c
	kill_c KILL
	refused 'not running|no such process|already finished'
}

@test "kill of an unknown container is refused" {
	run_rt kill nothing-of-that-name KILL
	refused 'does not exist'
}

@test "kill with an unknown signal is refused, and nothing is sent" {
	running_c
	kill_c NOSUCHSIGNAL
	expect_fail
	[ "$RUNTIME_KIND" = crun ] || expect_fail 'unknown signal'
	kill -0 "$PID"
}

@test "kill of a paused container is delivered when it goes on" {
	running_c
	run_rt pause "$ID"
	ok
	kill_c KILL
	ok
	run_rt resume "$ID" || :
	wait_stopped
}

# ---- delete ----

@test "delete of a stopped container leaves nothing" {
	life_c
	delete_c
	ok
	nothing_left
}

@test "delete of a running container is refused, and it goes on" {
	running_c
	delete_c
	expect_fail
	[ "$RUNTIME_KIND" = crun ] || expect_fail 'not stopped'
	kill -0 "$PID"
}

@test "delete of a created container kills it" {
	create_c
	delete_c
	ok
	nothing_left
	wait_until gone "$(pid_c)"
}

gone() {
	[ ! -e "/proc/$1/stat" ] || [ "$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat")" = Z ]
}

@test "delete --force of a running container" {
	running_c
	delete_c --force
	ok
	nothing_left
	wait_until gone "$PID"
}

@test "delete --force of a paused container" {
	running_c
	run_rt pause "$ID"
	ok
	delete_c --force
	ok
	nothing_left
	wait_until gone "$PID"
}

@test "delete --force kills every process of the container" {
	running_c '(sleep 1000 & sleep 1000 &)'
	delete_c --force
	ok
	nothing_left
}

@test "delete of an unknown container is refused" {
	run_rt delete nothing-of-that-name
	refused 'does not exist'
}

@test "delete --force of an unknown container is no error" {
	run_rt delete --force nothing-of-that-name
	ok
}

@test "delete does not touch what create did not make" {
	private_rootfs
	mkdir "$T/vol"
	echo text >"$T/vol/f"
	mount_add /mnt bind "$T/vol" bind
	life_c
	delete_c
	ok
	[ "$(cat "$T/vol/f")" = text ]
	[ -d "$ROOTFS/bin" ]
	[ -f "$B/config.json" ]
}

@test "delete: the state is gone" {
	life_c
	delete_c
	ok
	state_c
	expect_fail 'not exist|no such'
}

# ---- run ----

@test "run is create, start, wait and delete" {
	run_c 'echo in; exit 3'
	[ "$status" -eq 3 ]
	is in
	nothing_left
}

@test "run --detach leaves the container running" {
	conf_write 'exec sleep 1000'
	status=0
	rt run --detach -b "$B" --pid-file "$T/pid" "$ID" >"$T/out" 2>"$T/err" </dev/null || status=$?
	collect
	ok
	state_c .status
	is running
}

# ---- features ----

features() { # jq filter
	run_rt features
	ok
	output=$(jq -r "$1" <<<"$output")
}

@test "features: versions" {
	features '.ociVersionMin + " " + .ociVersionMax'
	matches '^1\.0\.0 1\.[0-9]+\.[0-9]+'
}

@test "features: the six hooks" {
	features '.hooks | sort | join(" ")'
	is 'createContainer createRuntime poststart poststop prestart startContainer'
}

@test "features: mount options of the specification are all there" {
	features '.mountOptions as $o | ["async", "atime", "bind", "defaults", "dev", "diratime", "dirsync",
		"exec", "iversion", "lazytime", "loud", "noatime", "nodev", "nodiratime", "noexec", "noiversion",
		"nolazytime", "norelatime", "nostrictatime", "nosuid", "private", "ratime", "rbind", "rdev",
		"rdiratime", "relatime", "remount", "rexec", "rnoatime", "rnodev", "rnodiratime", "rnoexec",
		"rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate", "rrelatime", "rro",
		"rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
		"silent", "slave", "strictatime", "suid", "sync", "tmpcopyup", "unbindable", "idmap", "ridmap",
		"nosymfollow", "symfollow"] - $o | join(" ")'
	is ''
}

@test "features: the eight namespaces" {
	features '.linux.namespaces | sort | join(" ")'
	is 'cgroup ipc mount network pid time user uts'
}

@test "features: capabilities have their names" {
	features '.linux.capabilities | (index("CAP_CHOWN") != null) and (index("CAP_CHECKPOINT_RESTORE") != null)
		and all(startswith("CAP_"))'
	is true
}

@test "features: cgroup" {
	features '.linux.cgroup | [.v1, .v2, (.systemd | type), (.systemdUser | type)] | map(tostring) | join(" ")'
	is 'true true boolean boolean'
}

@test "features: seccomp" {
	features '.linux.seccomp | [.enabled, (.actions | index("SCMP_ACT_ERRNO") != null),
		(.operators | index("SCMP_CMP_EQ") != null), (.archs | index("SCMP_ARCH_X86_64") != null),
		(.knownFlags | index("SECCOMP_FILTER_FLAG_LOG") != null), (.supportedFlags | type)] | map(tostring) | join(" ")'
	is 'true true true true true array'
}

@test "features: apparmor, selinux, intelRdt, memoryPolicy, idmap, netDevices" {
	features '.linux | [.apparmor.enabled, .selinux.enabled, .intelRdt.enabled, (.memoryPolicy.modes | length > 0),
		.mountExtensions.idmap.enabled, .netDevices.enabled] | map(tostring) | join(" ")'
	is 'true true true true true true'
}

@test "features: annotations are strings, unsafe ones a list" {
	features '[(.annotations | type), (.potentiallyUnsafeConfigAnnotations // [] | type)] | join(" ")'
	is 'object array'
}

@test "features: works as an ordinary user" {
	need cmd setpriv
	chmod 755 "$T"
	run timeout 60 setpriv --reuid 12345 --regid 12345 --clear-groups "$RUNTIME" features
	ok
	has ociVersionMin
}
