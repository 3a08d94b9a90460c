# SPDX-License-Identifier: Apache-2.0
#
# resources.bash - what the tests of linux.resources share.

# limits RESOURCES: a fresh container with them that stays
limits() {
	need root
	[ ! -d "$T/state/$ID" ] || rt delete --force "$ID"
	CONF=$CONF_BASE CONF_ARGS=()
	conf ".linux.resources = $1"
	running_c
}

# limits_fail RESOURCES FIELD: they are refused, and orun names the field
limits_fail() {
	need root
	CONF=$CONF_BASE CONF_ARGS=()
	conf ".linux.resources = $1"
	run_c
	expect_error . "$2"
}

need_v1() {
	[ "$(host_cgroup)" != v2 ]
}

# the directory of the running container's group that holds a controller
group_dir() { # controller
	local v1 path
	v1=$(cgroup_v1 "$1")
	if [ -n "$v1" ]; then
		path=$(awk -F : -v c="$1" '("," $2 ",") ~ ("," c ",") { print $3 }' "/proc/$PID/cgroup")
		echo "$v1$path"
	else
		v1=/sys/fs/cgroup
		[ -f $v1/cgroup.controllers ] || v1=$v1/unified
		path=$(sed -n 's/^0:://p' "/proc/$PID/cgroup")
		echo "$v1$path"
	fi
}

# knob CONTROLLER V1FILE V2FILE -> $output; $KNOB is v1 or v2
knob() {
	local d
	d=$(group_dir "$1")
	if [ -n "$(cgroup_v1 "$1")" ]; then
		KNOB=v1
		output=$(cat "$d/$2")
	else
		KNOB=v2
		output=$(cat "$d/$3")
	fi
}

# is_v V1 V2...: the value of v1, or one of those of v2
is_v() {
	local v
	if [ "$KNOB" = v1 ]; then
		is "$1"
		return
	fi
	for v in "${@:2}"; do
		[ "$output" != "$v" ] || return 0
	done
	is "$2"
}

# swap is counted: always on v2 with swap, by a switch of the kernel's command line on v1
need_swap() {
	local m
	m=$(cgroup_v1 memory)
	if [ -n "$m" ]; then
		[ -f "$m/memory.memsw.limit_in_bytes" ] || skip "swap is not counted here"
	else
		grep -q '^SwapTotal: *[1-9]' /proc/meminfo || skip "needs swap"
	fi
}
