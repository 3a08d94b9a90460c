# SPDX-License-Identifier: Apache-2.0
#
# lib.bash - what the tests of the guest share beside the library of the conformance tests, whose
# words they use. They run only there (tests/guest/run): what they do to cgroups, units and security
# modules is not for a machine that others use.

load ../conform/lib

guest_setup() {
	[ -n "${GUEST_CGROUP:-}" ] || skip "runs in the guest only: tests/guest/run"
	conform_setup
	G=/sys/fs/cgroup/$ID
	mkdir -p "$ROOTFS/sys/fs/cgroup" # the root of a user namespace could not
}

# resources JQ-OBJECT: linux.resources of the config
resources() {
	conf ".linux.resources = $1"
}

# knob FILE VALUE: a control file of the container's group holds exactly that
knob() {
	local now
	now=$(<"$G/$1") || return
	[ "$now" = "$2" ] || { echo "$1 is \"$now\", not \"$2\""; return 1; }
}

# line FILE LINE: one of its lines
line() {
	grep -qxF -- "$2" "$G/$1" || { echo "no \"$2\" in $1: $(<"$G/$1")"; return 1; }
}

# update_r JSON: the resources by standard input
# a created container (no process of its own yet beside init) with these resources
created_with() { # jq-object
	resources "$1"
	create_c
	ok
}
