#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The command line: global flags, forms of flags, log files, ids, and what callers match in messages.

load lib

@test "cli: flags with one dash" {
	need root
	running_c
	run --separate-stderr timeout 120 "$RUNTIME" -root "$T/state" list -format json
	ok
	jq -e 'length == 1' <<<"$output"
}

@test "cli: --flag value and --flag=value" {
	need root
	running_c
	run --separate-stderr timeout 120 "$RUNTIME" "--root=$T/state" list --format=json
	ok
	jq -e 'length == 1' <<<"$output"
	run --separate-stderr timeout 120 "$RUNTIME" --root "$T/state" list --format json
	ok
	jq -e 'length == 1' <<<"$output"
}

@test "cli: switches with a value" {
	need root
	run_c true --keep=false
	ok
	nothing_left
	run_c true --keep=true
	ok
	state_c .status
	is stopped
}

@test "cli: a switch with no sense in its value" {
	conf_write true
	run_rt run --keep=maybe -b "$B" "$ID"
	expect_fail
	nothing_left
}

@test "cli: an unknown flag" {
	run_rt list --frobnicate
	expect_fail frobnicate
	run --separate-stderr timeout 120 "$RUNTIME" --frobnicate list
	expect_fail frobnicate
	[ "$RUNTIME_KIND" = crun ] || [ "$status" -eq 1 ]
}

@test "cli: a flag that lacks its value" {
	run_rt list --format
	expect_fail
}

@test "cli: too few and too many arguments" {
	local c
	for c in create run start state kill delete pause resume update ps events; do
		run_rt $c
		expect_fail
	done
	for c in start state delete pause resume; do
		run_rt $c one two
		expect_fail
	done
}

@test "cli: state directories other than the default are their own world" {
	need root
	running_c
	run --separate-stderr timeout 120 "$RUNTIME" --root "$T/other" state "$ID"
	expect_fail
	said 'does not exist'
}

@test "cli: --log gets the error, and standard error too" {
	RT_FLAGS=(--log "$T/log")
	run_rt state no-such-container
	expect_fail
	grep -q 'level=error msg=".*' "$T/log"
	[ -n "$stderr" ]
}

@test "cli: --log appends" {
	RT_FLAGS=(--log "$T/log" --log-format json)
	run_rt state no-such-container
	expect_fail
	run_rt state no-such-container
	expect_fail
	[ "$(wc -l <"$T/log")" = 2 ]
}

@test "cli: --log-format json is one object a line" {
	RT_FLAGS=(--log "$T/log" --log-format json)
	run_rt state no-such-container
	expect_fail
	[ "$(wc -l <"$T/log")" = 1 ]
	jq -e '.level == "error" and (.msg | test("exist|No such file")) and
		(.time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$"))' "$T/log"
}

@test "cli: --log-format json escapes" {
	RT_FLAGS=(--log "$T/log" --log-format json)
	conf '.process.args = ["/a\"b\\c\u0001\n"]'
	run_c
	expect_fail
	jq -e .msg "$T/log"
}

@test "cli: an unknown --log-format" {
	RT_FLAGS=(--log-format xml)
	run_rt list
	expect_fail
}

@test "cli: a --log that cannot be opened" {
	RT_FLAGS=(--log "$T/no/such/log")
	run_rt list
	expect_fail
}

@test "cli: --log syslog: and journald:" {
	[ "$RUNTIME_KIND" != runc ] || skip "runc has only files"
	need root
	need cmd python3
	export T
	cat >"$T/log.sh" <<-'SH'
		mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p /run/systemd/journal || exit 1
		: >"$T/log" && { [ -e /dev/log ] || touch /dev/log && made=1; } && mount --bind "$T/log" /dev/log 2>/dev/null
		[ -z "$made" ] || trap 'umount /dev/log; rm -f /dev/log' EXIT
		"$@"
	SH
	cat >"$T/log.py" <<-'PY'
		import os, socket, subprocess, sys
		def listen(path):
		    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.settimeout(20); s.bind(path); return s
		journal = listen("/run/systemd/journal/socket")
		for f in sys.argv[1:]:
		    subprocess.run([os.environ["RUNTIME"], "--log", f, "state", "no-such-container"], stderr=subprocess.DEVNULL)
		    print(journal.recv(8192).decode())
	PY
	run --separate-stderr timeout 120 unshare -m sh "$T/log.sh" env RUNTIME="$RUNTIME" python3 "$T/log.py" journald:name journald:
	ok
	has PRIORITY=3 MESSAGE= SYSLOG_IDENTIFIER=
	[ "$RUNTIME_KIND" != orun ] || has SYSLOG_IDENTIFIER=name SYSLOG_IDENTIFIER=orun 'MESSAGE=container does not exist'
}

@test "cli: --log of a daemon that is not there" {
	need orun 'others say nothing'
	[ ! -S /run/systemd/journal/socket ] || skip "the journal runs here"
	RT_FLAGS=(--log journald:)
	run_rt list
	expect_fail journal
}

@test "cli: ids that are refused" {
	need root
	local id
	conf_write true
	for id in . .. a/b 'a b' 'a$b' '' 'a:b' ../x; do
		run_rt run -b "$B" -- "$id"
		expect_fail
		[ -z "$id" ] || said_canon 'invalid'
	done
	nothing_left
}

@test "cli: ids that are taken" {
	need root
	local id
	conf_write true
	for id in a A0 a_b a-b a+b a.b 0 a..b; do
		run_rt run -b "$B" "$id"
		ok
	done
}

@test "cli: an id given twice" {
	need root
	running_c
	run_rt run -b "$B" "$ID"
	expect_fail
	said_canon 'container with'
	said 'exist'
	state_c .status
	is running
}

@test "cli: an id is free again after delete" {
	need root
	run_c 'echo one'
	is one
	run_c 'echo two'
	is two
}

@test "cli: commands on a container that does not exist" {
	local c
	for c in state start kill delete pause resume ps 'update --pids-limit 5' 'events --stats'; do
		# shellcheck disable=SC2086
		run_rt $c no-such-container
		expect_fail
		said_canon 'does not exist'
	done
	[ ! -e "$T/state/no-such-container" ]
}

@test "cli: no config.json" {
	mkdir "$T/empty"
	run_rt run -b "$T/empty" "$ID"
	expect_fail
	said config.json
	nothing_left
}

@test "cli: no bundle" {
	run_rt run -b "$T/missing" "$ID"
	expect_fail
	said 'no such file or directory'
}

@test "cli: the bundle is the current directory unless said" {
	need root
	conf_write 'echo here'
	cd "$B"
	run_rt run "$ID"
	cd - >/dev/null
	ok
	is here
}

@test "cli: a broken config.json" {
	echo '{ "ociVersion": "1.0.2", ' >"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_fail
	nothing_left
}

@test "cli: a program that is not there" {
	need root
	conf '.process.args = ["no-such-program"]'
	run_c
	expect_fail
	said 'no-such-program'
	said 'executable file not found in $PATH'
	nothing_left
}

@test "cli: a program by path that is not there" {
	need root
	conf '.process.args = ["/no/such/program"]'
	run_c
	expect_fail
	said '/no/such/program'
	said 'no such file or directory'
	nothing_left
}

@test "cli: a program that may not be executed" {
	need root
	conf '.process.args = ["/etc/passwd"]'
	run_c
	expect_fail
	said '/etc/passwd'
	said 'permission denied'
	nothing_left
}

@test "cli: a path through a file" {
	need root
	conf '.process.args = ["/etc/passwd/x"]'
	run_c
	expect_fail
	said 'not a directory'
	nothing_left
}

@test "cli: spec" {
	cd "$T"
	run_rt spec
	ok
	jq -e '.ociVersion and .process.args == ["sh"] and .process.terminal and .root.path == "rootfs"
		and .root.readonly and ([.linux.namespaces[].type] | contains(["ipc", "mount", "network", "pid", "uts"]))
		and (.mounts | length) >= 6 and (.process.capabilities.inheritable // []) == []' config.json
	run_rt spec
	cd - >/dev/null
	expect_fail
	said 'exist'
}

@test "cli: spec --bundle, --rootless" {
	mkdir "$T/s"
	run_rt spec --bundle "$T/s" --rootless
	ok
	jq -e '([.linux.namespaces[].type] | index("user") != null and index("network") == null)
		and .linux.uidMappings[0].size == 1 and .linux.gidMappings[0].containerID == 0 and .linux.resources == null' "$T/s/config.json"
}

@test "cli: what spec writes runs" {
	need root
	mkdir "$T/s"
	run_rt spec --bundle "$T/s"
	ok
	jq --arg r "$ROOTFS" --arg i "$ID" '.root.path = $r | .process.terminal = false | .process.args = ["echo", "works"]
		| .linux.cgroupsPath = "/\($i)" | .mounts |= map(select(.destination | startswith("/sys") | not))
		| .linux.maskedPaths |= map(select(startswith("/proc")))' "$T/s/config.json" >"$T/s/new"
	mv "$T/s/new" "$T/s/config.json"
	mkdir -p "$ROOTFS/dev"
	run_rt run -b "$T/s" "$ID"
	ok
	is works
}

@test "cli: features" {
	run_rt features
	ok
	jq -e '(.ociVersionMin | test("^1\\.0")) and (.ociVersionMax | test("^1\\."))
		and (.hooks | sort) == ["createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"]
		and ([.mountOptions[]] | contains(["bind", "rbind", "ro", "rprivate", "nosuid"]))
		and (.linux.namespaces | contains(["cgroup", "ipc", "mount", "network", "pid", "user", "uts"]))
		and (.linux.capabilities | index("CAP_SYS_ADMIN"))
		and .linux.seccomp.enabled and (.linux.seccomp.actions | index("SCMP_ACT_ALLOW"))
		and (.linux.cgroup | type) == "object"' <<<"$output"
}

@test "cli: features of runtime-spec 1.3" {
	run_rt features
	ok
	jq -e '.ociVersionMax == "1.3.0" and (.linux.namespaces | index("time")) and .linux.intelRdt and .linux.memoryPolicy
		and .linux.mountExtensions.idmap.enabled and .linux.netDevices.enabled
		and (.linux.seccomp | .knownFlags and .supportedFlags and .operators and .archs)
		and (.potentiallyUnsafeConfigAnnotations | type) == "array"' <<<"$output"
}

@test "cli: features as an ordinary user" {
	need root
	need cmd setpriv
	cp "$RUNTIME" "$T/rt"
	run --separate-stderr timeout 120 setpriv --reuid 65534 --regid 65534 --clear-groups "$T/rt" features
	ok
	jq -e .ociVersionMax <<<"$output"
}
