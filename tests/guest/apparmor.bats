#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# apparmor.bats - process.apparmorProfile with a kernel that has AppArmor: profiles are loaded here, and
# the process really runs under them.

load lib

PROFILE=onggi-test-profile

setup_file() {
	[ -n "${GUEST_CGROUP:-}" ] && [ -e /sys/kernel/security/apparmor/profiles ] || return 0
	apparmor_parser -r <<-END
		profile $PROFILE flags=(attach_disconnected) {
		  file,
		  capability,
		  mount,
		  signal,
		  deny /etc/group r,
		}
	END
}

setup() {
	guest_setup
	need apparmor
}

@test "apparmor: the process runs under the profile" {
	conf ".process.apparmorProfile = \"$PROFILE\""
	run_c 'cat /proc/self/attr/current; cat /etc/passwd >/dev/null && echo passwd; cat /etc/group'
	[ "$status" -ne 0 ]
	has "$PROFILE (enforce)" passwd
	[[ $stderr == *'denied'* ]]
}

@test "apparmor: without a profile nothing changes" {
	run_c 'cat /proc/self/attr/current'
	ok
	is unconfined
	conf '.process.apparmorProfile = "unconfined"'
	run_c 'cat /proc/self/attr/current'
	ok
	is unconfined
}

@test "apparmor: with no_new_privs, a user namespace, and an ordinary user" {
	conf ".process.apparmorProfile = \"$PROFILE\" | .process.noNewPrivileges = true | .process.user.uid = 1000"
	run_c 'cat /proc/self/attr/current; cat /etc/group'
	[ "$status" -ne 0 ]
	has "$PROFILE (enforce)"
	conf '.linux.namespaces += [{type: "user"}] | .process.user.uid = 0
		| .linux.uidMappings = [{containerID: 0, hostID: 70000, size: 2000}]
		| .linux.gidMappings = [{containerID: 0, hostID: 70000, size: 2000}]'
	run_c 'cat /proc/self/attr/current'
	ok
	has "$PROFILE (enforce)"
}

@test "apparmor: a profile that is not loaded is an error that names it" {
	conf '.process.apparmorProfile = "no-such-profile"'
	run_c true
	expect_error 'no-such-profile' apparmor
}

@test "apparmor: exec takes the profile of its process, of --apparmor, or the container's" {
	conf ".process.apparmorProfile = \"$PROFILE\""
	running_c
	exec_c 'cat /proc/self/attr/current'
	ok
	is "$PROFILE (enforce)"
	exec_c 'cat /proc/self/attr/current' --apparmor no-such-profile
	expect_fail no-such-profile
	jq -n '{cwd: "/", args: ["cat", "/proc/self/attr/current"], env: ["PATH=/bin"], user: {uid: 0, gid: 0},
		apparmorProfile: "'"$PROFILE"'"}' >"$T/process.json"
	run_rt exec -p "$T/process.json" "$ID"
	ok
	is "$PROFILE (enforce)"
	delete_c --force
	conf 'del(.process.apparmorProfile)'
	running_c
	exec_c 'cat /proc/self/attr/current' --apparmor "$PROFILE"
	ok
	is "$PROFILE (enforce)"
	exec_c 'cat /proc/self/attr/current'
	ok
	is unconfined
}

@test "apparmor: features tells" {
	run_rt features
	ok
	[ "$(jq .linux.apparmor.enabled <<<"$output")" = true ]
}
