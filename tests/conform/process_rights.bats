#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What the process may: limits, capabilities, no-new-privileges, security labels, OOM score.

load lib

# ---- rlimits ----

# limit_c TYPE SOFT HARD NAME-IN-/proc
limit_c() {
	conf '.process.rlimits = [{ type: $t, soft: $s, hard: $h }]' --arg t "$1" \
		--argjson s "$2" --argjson h "$3"
	run_c "grep '^$4' /proc/self/limits"
	ok
	matches "^$4 +$2 +$3( |\$)"
}

@test "process.rlimits RLIMIT_AS" {
	limit_c RLIMIT_AS 1000000000 2000000000 'Max address space'
}

@test "process.rlimits RLIMIT_CORE" {
	limit_c RLIMIT_CORE 4096 8192 'Max core file size'
}

@test "process.rlimits RLIMIT_CPU" {
	limit_c RLIMIT_CPU 100 200 'Max cpu time'
}

@test "process.rlimits RLIMIT_DATA" {
	limit_c RLIMIT_DATA 1000000000 2000000000 'Max data size'
}

@test "process.rlimits RLIMIT_FSIZE" {
	limit_c RLIMIT_FSIZE 1048576 2097152 'Max file size'
}

@test "process.rlimits RLIMIT_LOCKS" {
	limit_c RLIMIT_LOCKS 10 20 'Max file locks'
}

@test "process.rlimits RLIMIT_MEMLOCK" {
	limit_c RLIMIT_MEMLOCK 4096 65536 'Max locked memory'
}

@test "process.rlimits RLIMIT_MSGQUEUE" {
	limit_c RLIMIT_MSGQUEUE 4096 8192 'Max msgqueue size'
}

@test "process.rlimits RLIMIT_NICE" {
	limit_c RLIMIT_NICE 0 0 'Max nice priority'
}

@test "process.rlimits RLIMIT_NOFILE" {
	limit_c RLIMIT_NOFILE 100 200 'Max open files'
}

@test "process.rlimits RLIMIT_NPROC" {
	limit_c RLIMIT_NPROC 1000 2000 'Max processes'
}

@test "process.rlimits RLIMIT_RSS" {
	limit_c RLIMIT_RSS 1048576 2097152 'Max resident set'
}

@test "process.rlimits RLIMIT_RTPRIO" {
	limit_c RLIMIT_RTPRIO 0 0 'Max realtime priority'
}

@test "process.rlimits RLIMIT_RTTIME" {
	limit_c RLIMIT_RTTIME 1000 2000 'Max realtime timeout'
}

@test "process.rlimits RLIMIT_SIGPENDING" {
	limit_c RLIMIT_SIGPENDING 100 200 'Max pending signals'
}

@test "process.rlimits RLIMIT_STACK" {
	limit_c RLIMIT_STACK 1048576 2097152 'Max stack size'
}

@test "process.rlimits: a limit above the runtime's own" {
	need cap 24 CAP_SYS_RESOURCE
	limit_c RLIMIT_NPROC 10000000 20000000 'Max processes'
}

@test "process.rlimits: no limit" {
	# jq itself would round the number
	conf '.process.rlimits = [{ type: "RLIMIT_CPU", soft: 123456789, hard: 123456789 }]'
	conf_write 'grep "^Max cpu" /proc/self/limits'
	sed -i 's/123456789/18446744073709551615/' "$B/config.json"
	run_rt run -b "$B" "$ID"
	ok
	matches '^Max cpu time +unlimited +unlimited'
}

@test "process.rlimits: several" {
	conf '.process.rlimits = [{ type: "RLIMIT_CPU", soft: 5, hard: 6 }, { type: "RLIMIT_NOFILE", soft: 70, hard: 80 }]'
	run_c 'awk "/^Max cpu time|^Max open files/ { print \$4, \$5 }" /proc/self/limits'
	ok
	is $'5 6\n70 80'
}

@test "process.rlimits: a type given twice is refused" {
	conf '.process.rlimits = [{ type: "RLIMIT_CPU", soft: 5, hard: 6 }, { type: "RLIMIT_CPU", soft: 7, hard: 8 }]'
	run_c true
	expect_error 'twice' 'process.rlimits[1].type'
}

@test "process.rlimits: an unknown type is refused" {
	conf '.process.rlimits = [{ type: "RLIMIT_NOSUCH", soft: 5, hard: 6 }]'
	run_c true
	expect_error 'RLIMIT_NOSUCH' 'process.rlimits[0].type'
}

@test "process.rlimits: a type missing is refused" {
	conf '.process.rlimits = [{ soft: 5, hard: 6 }]'
	run_c true
	expect_error 'type' 'process.rlimits[0].type'
}

@test "process.rlimits: soft above hard is refused" {
	conf '.process.rlimits = [{ type: "RLIMIT_CPU", soft: 7, hard: 6 }]'
	run_c true
	expect_error 'above' 'process.rlimits[0].soft'
}

@test "process.rlimits of a wrong type is refused" {
	conf '.process.rlimits = {}'
	run_c true
	expect_error 'expected array' process.rlimits
}

@test "process.rlimits: soft of a wrong type is refused" {
	conf '.process.rlimits = [{ type: "RLIMIT_CPU", soft: "many", hard: 6 }]'
	run_c true
	expect_error 'expected integer' 'process.rlimits[0].soft'
}

# ---- capabilities ----

# caps SET...: exactly CAP_CHOWN and CAP_KILL (bits 0 and 5: 0x21) in the sets named
caps() {
	local n=${#CONF_ARGS[@]}
	conf ".process.capabilities = ([\$n$n[] | { key: ., value: [\"CAP_CHOWN\", \"CAP_KILL\"] }] | from_entries)" \
		--argjson "n$n" "$(printf '%s\n' "$@" | json_lines)"
}

caps_are() { # inheritable permitted effective bounding ambient, as short hexadecimal numbers
	run_c 'awk "/^Cap/ { sub(/^0+/, \"\", \$2); print \$2 == \"\" ? 0 : \$2 }" /proc/self/status'
	ok
	is "$(printf '%s\n' "$@")"
}

@test "process.capabilities: bounding, effective, permitted" {
	caps bounding effective permitted
	caps_are 0 21 21 21 0
}

@test "process.capabilities.bounding alone" {
	# root's execve would raise what is in the bounding set
	caps bounding
	conf '.process.user = { uid: 1000, gid: 1000 }'
	caps_are 0 0 0 21 0
}

@test "process.capabilities.bounding: root gets what is in there at execve" {
	caps bounding permitted
	caps_are 0 21 21 21 0
}

@test "process.capabilities.inheritable" {
	caps bounding inheritable permitted
	conf '.process.user = { uid: 1000, gid: 1000 }'
	caps_are 21 0 0 21 0
}

@test "process.capabilities.ambient: another user has them after execve" {
	caps bounding effective inheritable permitted ambient
	conf '.process.user = { uid: 1000, gid: 1000 }'
	caps_are 21 21 21 21 21
}

@test "process.capabilities.ambient without inheritable is not raised" {
	caps bounding effective permitted ambient
	conf '.process.user = { uid: 1000, gid: 1000 }'
	caps_are 0 0 0 21 0
}

@test "process.capabilities.effective outside permitted is not given" {
	caps bounding effective
	conf '.process.user = { uid: 1000, gid: 1000 }'
	run_c 'grep ^CapEff /proc/self/status'
	# an error is right too
	[ "$status" -ne 0 ] || has 0000000000000000
}

@test "process.capabilities absent: none at all" {
	conf 'del(.process.capabilities)'
	caps_are 0 0 0 0 0
}

@test "process.capabilities empty: none at all" {
	conf '.process.capabilities = {}'
	caps_are 0 0 0 0 0
}

@test "process.capabilities: they work" {
	caps bounding effective permitted
	run_c 'cp /file /tmp/f && chown 5:5 /tmp/f && stat -c %u /tmp/f; hostname x 2>&1'
	has 5 'not permitted'
}

@test "process.capabilities: all that the runtime has" {
	need orun 'the list of names comes from its features document'
	conf '.process.capabilities = ($c | { bounding: ., permitted: ., effective: . })' \
		--argjson c "$("$RUNTIME" features | jq -c .linux.capabilities)"
	run_c 'grep ^CapEff /proc/self/status'
	ok
	[ "$((16#${output##*[!0-9a-f]}))" = "$((16#$(awk '/^CapPrm/ { print $2 }' /proc/self/status)))" ]
}

@test "process.capabilities: an unknown name is a warning" {
	conf '.process.capabilities.bounding += ["CAP_NO_SUCH_THING"]'
	run_c 'echo in'
	expect_warning CAP_NO_SUCH_THING
	is in
}

@test "process.capabilities of a wrong type is refused" {
	conf '.process.capabilities = ["CAP_KILL"]'
	run_c true
	expect_error 'expected object' process.capabilities
}

@test "process.capabilities.bounding of a wrong type is refused" {
	conf '.process.capabilities.bounding = "CAP_KILL"'
	run_c true
	expect_error 'expected array' process.capabilities.bounding
}

@test "process.capabilities.effective with a number is refused" {
	conf '.process.capabilities.effective = [5]'
	run_c true
	expect_error 'expected string' 'process.capabilities.effective[0]'
}

# ---- no new privileges ----

@test "process.noNewPrivileges true" {
	conf '.process.noNewPrivileges = true'
	run_c 'grep ^NoNewPrivs /proc/self/status'
	ok
	is $'NoNewPrivs:\t1'
}

@test "process.noNewPrivileges false" {
	conf '.process.noNewPrivileges = false'
	run_c 'grep ^NoNewPrivs /proc/self/status'
	ok
	is $'NoNewPrivs:\t0'
}

@test "process.noNewPrivileges absent" {
	run_c 'grep ^NoNewPrivs /proc/self/status'
	ok
	is $'NoNewPrivs:\t0'
}

@test "process.noNewPrivileges of a wrong type is refused" {
	conf '.process.noNewPrivileges = "true"'
	run_c true
	expect_error 'expected boolean' process.noNewPrivileges
}

# ---- labels ----

# a profile that allows everything, loaded for the test
profile_load() {
	need apparmor
	need cmd apparmor_parser
	printf 'profile %s flags=(attach_disconnected,mediate_deleted) {\n  capability,\n  file,\n  mount,\n  umount,\n  pivot_root,\n  signal,\n  ptrace,\n  unix,\n  deny /tmp/denied rw,\n}\n' \
		"conform-$ID" >"$T/profile"
	apparmor_parser -r "$T/profile"
}

profile_unload() {
	apparmor_parser -R "$T/profile"
}

@test "process.apparmorProfile" {
	profile_load
	conf '.process.apparmorProfile = $p' --arg p "conform-$ID"
	run_c 'cat /proc/self/attr/current; touch /tmp/denied 2>&1'
	profile_unload
	has "conform-$ID (enforce)" 'Permission denied'
}

@test "process.apparmorProfile unconfined" {
	need apparmor
	conf '.process.apparmorProfile = "unconfined"'
	run_c 'cat /proc/self/attr/current'
	ok
	is unconfined
}

@test "process.apparmorProfile that is not loaded is refused" {
	need apparmor
	conf '.process.apparmorProfile = "conform-no-such-profile"'
	run_c true
	expect_error 'apparmor' conform-no-such-profile
}

@test "process.apparmorProfile of a create that is started later" {
	profile_load
	conf '.process.apparmorProfile = $p' --arg p "conform-$ID"
	life_c 'cat /proc/self/attr/current'
	profile_unload
	is "conform-$ID (enforce)"
}

@test "process.apparmorProfile of an exec" {
	profile_load
	conf '.process.apparmorProfile = $p' --arg p "conform-$ID"
	running_c
	exec_c 'cat /proc/self/attr/current'
	profile_unload
	ok
	is "conform-$ID (enforce)"
}

@test "exec --apparmor" {
	profile_load
	running_c
	exec_c 'cat /proc/self/attr/current' --apparmor "conform-$ID"
	profile_unload
	ok
	is "conform-$ID (enforce)"
}

@test "process.apparmorProfile on a host without AppArmor is refused" {
	[ ! -e /sys/kernel/security/apparmor/profiles ] || skip "AppArmor is there"
	conf '.process.apparmorProfile = "some-profile"'
	run_c true
	expect_error 'AppArmor is not active' process.apparmorProfile
}

@test "process.apparmorProfile unconfined on a host without AppArmor asks for nothing" {
	[ ! -e /sys/kernel/security/apparmor/profiles ] || skip "AppArmor is there"
	conf '.process.apparmorProfile = "unconfined"'
	run_c 'echo in'
	ok
	is in
}

@test "process.apparmorProfile of a wrong type is refused" {
	conf '.process.apparmorProfile = 5'
	run_c true
	expect_error 'expected string' process.apparmorProfile
}

@test "process.selinuxLabel" {
	need selinux
	conf '.process.selinuxLabel = "system_u:system_r:container_t:s0:c1,c2"'
	run_c 'cat /proc/self/attr/current'
	ok
	has 'container_t:s0:c1,c2'
}

@test "process.selinuxLabel on a host without SELinux is refused" {
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is there"
	conf '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
	run_c true
	expect_error 'SELinux is not active' process.selinuxLabel
}

@test "process.selinuxLabel of a wrong type is refused" {
	conf '.process.selinuxLabel = true'
	run_c true
	expect_error 'expected string' process.selinuxLabel
}

# ---- oomScoreAdj ----

@test "process.oomScoreAdj" {
	conf '.process.oomScoreAdj = 321'
	run_c 'cat /proc/self/oom_score_adj'
	ok
	is 321
}

@test "process.oomScoreAdj 1000" {
	conf '.process.oomScoreAdj = 1000'
	run_c 'cat /proc/self/oom_score_adj'
	ok
	is 1000
}

@test "process.oomScoreAdj below the runtime's" {
	need cap 24 CAP_SYS_RESOURCE
	conf '.process.oomScoreAdj = -500'
	run_c 'cat /proc/self/oom_score_adj'
	ok
	is -500
}

@test "process.oomScoreAdj absent: as the runtime" {
	run_c 'cat /proc/self/oom_score_adj'
	ok
	is "$(cat /proc/self/oom_score_adj)"
}

@test "process.oomScoreAdj above 1000 is refused" {
	conf '.process.oomScoreAdj = 1001'
	run_c true
	expect_error 'oomScoreAdj' process.oomScoreAdj
}

@test "process.oomScoreAdj of a wrong type is refused" {
	conf '.process.oomScoreAdj = "5"'
	run_c true
	expect_error 'expected integer' process.oomScoreAdj
}
