#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The top level of config.json: version, host and domain name, annotations, what is not for Linux,
# what is not known.

load lib

# ---- ociVersion ----

version_taken() {
	conf '.ociVersion = $v' --arg v "$1"
	run_c 'echo in'
	ok
	is in
}

version_refused() {
	conf "$1"
	run_c 'echo in'
	expect_error "$2" ociVersion
}

@test "ociVersion 1.0.0" {
	version_taken 1.0.0
}

@test "ociVersion 1.0.2-dev" {
	version_taken 1.0.2-dev
}

@test "ociVersion 1.1.0-rc.2" {
	version_taken 1.1.0-rc.2
}

@test "ociVersion 1.2.1" {
	version_taken 1.2.1
}

@test "ociVersion 1.3.0" {
	version_taken 1.3.0
}

@test "ociVersion 1.3.0+build.5" {
	version_taken 1.3.0+build.5
}

@test "ociVersion of a later minor version" {
	version_taken 1.17.3
}

@test "ociVersion 2.0.0 is refused" {
	version_refused '.ociVersion = "2.0.0"' 'not supported'
}

@test "ociVersion 0.5.0 is refused" {
	version_refused '.ociVersion = "0.5.0"' 'not supported'
}

@test "ociVersion that is no semantic version is refused" {
	version_refused '.ociVersion = "new"' 'version'
}

@test "ociVersion of two numbers is refused" {
	version_refused '.ociVersion = "1.0"' 'version'
}

@test "ociVersion missing is refused" {
	version_refused 'del(.ociVersion)' 'must be given'
}

@test "ociVersion empty is refused" {
	version_refused '.ociVersion = ""' 'must be given|version'
}

@test "ociVersion of a wrong type is refused" {
	version_refused '.ociVersion = 1' 'expected string'
}

# ---- hostname, domainname ----

@test "hostname" {
	conf '.hostname = "some-box"'
	run_c 'uname -n; hostname'
	ok
	is $'some-box\nsome-box'
}

@test "hostname: none leaves that of the host" {
	run_c 'uname -n'
	ok
	is "$(uname -n)"
}

@test "hostname of 64 characters" {
	conf '.hostname = ("x" * 64)'
	run_c 'uname -n'
	ok
	is "$(printf 'x%.0s' {1..64})"
}

@test "hostname of 65 characters is refused" {
	conf '.hostname = ("x" * 65)'
	run_c true
	expect_error 'hostname' hostname
}

@test "hostname without a uts namespace is refused" {
	conf '.hostname = "some-box" | .linux.namespaces |= map(select(.type != "uts"))'
	run_c true
	expect_error 'uts' hostname
	[ "$(uname -n)" != some-box ]
}

@test "hostname of a wrong type is refused" {
	conf '.hostname = []'
	run_c true
	expect_error 'expected string' hostname
}

@test "domainname" {
	conf '.domainname = "example.org"'
	run_c 'cat /proc/sys/kernel/domainname'
	ok
	is example.org
}

@test "domainname without a uts namespace is refused" {
	conf '.domainname = "example.org" | .linux.namespaces |= map(select(.type != "uts"))'
	run_c true
	expect_error 'uts' domainname
	[ "$(cat /proc/sys/kernel/domainname)" != example.org ]
}

@test "domainname of 65 characters is refused" {
	conf '.domainname = ("x" * 65)'
	run_c true
	expect_error 'domainname' domainname
}

@test "domainname of a wrong type is refused" {
	conf '.domainname = { a: 1 }'
	run_c true
	expect_error 'expected string' domainname
}

# ---- annotations ----

@test "annotations are in the state" {
	conf '.annotations = { "org.example.key": "some value", "org.example.empty": "" }'
	create_c
	ok
	state_c '.annotations["org.example.key"]'
	ok
	is 'some value'
	state_c '.annotations | has("org.example.empty")'
	is true
}

@test "annotations: any text is kept as it is" {
	conf '.annotations = { "a": "q\"\\ \u00e4\u0001\n\u20ac" }'
	create_c
	ok
	state_c '.annotations.a == "q\"\\ \u00e4\u0001\n\u20ac"'
	is true
}

@test "annotations: an empty key is refused" {
	conf '.annotations = { "": "x" }'
	run_c true
	expect_error 'empty' annotations
}

@test "annotations: a value that is no string is refused" {
	conf '.annotations = { a: 1 }'
	run_c true
	expect_error 'expected string' annotations.a
}

@test "annotations of a wrong type are refused" {
	conf '.annotations = ["a"]'
	run_c true
	expect_error 'expected object' annotations
}

# ---- what is not for us ----

@test "unknown fields are ignored, at each level" {
	conf '.new = 1 | .root.new = {} | .process.new = [] | .process.user.new = "x" |
		.process.capabilities.new = "x" | .mounts[0].new = 5 | .linux.new = null |
		.linux.namespaces[0].new = true | .linux.resources = { new: 1, memory: { new: 2 } } |
		.hooks = { new: [] }'
	run_c 'echo in'
	ok
	is in
}

@test "sections of other platforms are ignored" {
	conf '.solaris = { milestone: 5 } | .windows = { layerFolders: 7 } | .zos = [] |
		.vm = { kernel: 1 } | .freebsd = "x"'
	run_c 'echo in'
	ok
	is in
}

@test "null counts as absent" {
	conf '.hostname = null | .hooks = null | .annotations = null | .process.rlimits = null |
		.process.apparmorProfile = null | .linux.seccomp = null | .linux.devices = null |
		.linux.resources = null | .linux.maskedPaths = null'
	run_c 'echo in'
	ok
	is in
}

# ---- the document ----

@test "config.json missing is refused" {
	run_rt run -b "$B" "$ID"
	expect_error 'config.json.*not found' config.json
}

@test "config.json that is no JSON is refused" {
	echo '{ "ociVersion": "1.0.2", ' >"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_error 'config.json' config.json
}

@test "config.json empty is refused" {
	: >"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_error 'config.json' config.json
}

@test "config.json that is no object is refused" {
	echo '[]' >"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_error 'no JSON object'
}

@test "config.json that is null is refused" {
	echo 'null' >"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_error 'no JSON object'
}

@test "config.json with text after the object is refused" {
	conf_write
	echo '{}' >>"$B/config.json"
	run_rt run -b "$B" "$ID"
	expect_error 'config.json'
}

@test "config.json with a byte order mark or without a new line at the end" {
	conf_write 'echo in'
	printf '%s' "$(cat "$B/config.json")" >"$B/config.new" && mv "$B/config.new" "$B/config.json"
	run_rt run -b "$B" "$ID"
	ok
	is in
}

@test "config.json nested a thousand deep is refused or ignored, not a crash" {
	conf_write
	jq -c '.new = "DEEP"' "$B/config.json" >"$B/config.new"
	sed "s/\"DEEP\"/$(printf '[%.0s' {1..1000})$(printf ']%.0s' {1..1000})/" "$B/config.new" >"$B/config.json"
	run_rt run -b "$B" "$ID"
	[ "$status" -lt 124 ]
}

@test "changes of config.json after create have no effect" {
	create_c 'echo old'
	ok
	conf '.process.env += ["A=new"]'
	conf_write 'echo new'
	start_c
	ok
	wait_stopped
	collect
	is old
	conf '.annotations = { late: "x" }'
	conf_write 'echo new'
	state_c '.annotations | has("late")'
	[ "$output" != true ]
}

@test "the bundle may be named from its parent folder" {
	conf_write 'echo in'
	cd "$T"
	run_rt run -b b "$ID"
	ok
	is in
}

@test "the bundle is the working directory when none is named" {
	conf_write 'echo in'
	cd "$B"
	run_rt run "$ID"
	ok
	is in
}

@test "a bundle that does not exist is refused" {
	run_rt run -b "$T/nothing" "$ID"
	expect_error 'no such file' "$T/nothing"
}

# ---- process is optional until start ----

@test "process missing: create works, start is refused" {
	conf 'del(.process)'
	create_c
	ok
	state_c .status
	is created
	start_c
	expect_fail
	[ "$RUNTIME_KIND" != orun ] || expect_fail process
	run_rt delete --force "$ID"
	ok
	nothing_left
}

# ---- root ----

@test "root.path absolute" {
	run_c 'cat /file'
	ok
	is file
}

@test "root.path relative is below the bundle" {
	private_rootfs
	conf '.root.path = "rootfs"'
	cd /
	run_c 'cat /file'
	ok
	is file
}

@test "root.path missing is refused" {
	conf 'del(.root.path)'
	run_c true
	expect_error 'must not be empty|must be given' root.path
}

@test "root missing is refused" {
	conf 'del(.root)'
	run_c true
	expect_error 'must be given' root
}

@test "root.path that does not exist is refused" {
	conf '.root.path = "/nothing/here"'
	run_c true
	expect_error 'no such file' /nothing/here
}

@test "root.path that is a file is refused" {
	conf '.root.path = $f' --arg f "$ROOTFS/file"
	run_c true
	expect_error 'not a directory' "$ROOTFS/file"
}

@test "root.path that is a symbolic link is followed" {
	ln -s "$ROOTFS" "$T/link"
	conf '.root.path = $f' --arg f "$T/link"
	run_c 'cat /file'
	if [ "$RUNTIME_KIND" = runc ]; then
		[ "$status" -ne 0 ] || is file
	else
		ok
		is file
	fi
}

@test "root.path of a wrong type is refused" {
	conf '.root.path = 7'
	run_c true
	expect_error 'expected string' root.path
}

@test "root.readonly true" {
	private_rootfs
	conf '.root.readonly = true'
	run_c 'echo x >/new; echo x >/tmp/new && cat /tmp/new; awk "\$5 == \"/\" { print \$6 }" /proc/self/mountinfo'
	ok
	matches '^x'$'\n''ro(,|$)'
	[[ $stderr == *"Read-only file system"* ]]
	[ ! -e "$ROOTFS/new" ]
}

@test "root.readonly false" {
	private_rootfs
	run_c 'echo x >/new && cat /new'
	ok
	is x
	[ -e "$ROOTFS/new" ]
}

@test "root.readonly is false when absent" {
	private_rootfs
	conf 'del(.root.readonly)'
	run_c 'echo x >/new && cat /new'
	ok
	is x
}

@test "root.readonly leaves other mounts writable" {
	mkdir "$T/vol"
	mount_add /mnt bind "$T/vol" bind
	run_c 'echo x >/mnt/new'
	ok
	[ "$(cat "$T/vol/new")" = x ]
}

@test "root.readonly of a wrong type is refused" {
	conf '.root.readonly = "yes"'
	run_c true
	expect_error 'expected boolean' root.readonly
}
