# SPDX-License-Identifier: Apache-2.0
#
# lib.bash - what the conformance tests share. A test changes a small config by jq, runs it with the
# runtime under test and looks at what the process saw; every test has a bundle and a state
# directory of its own and leaves nothing.
#
#   load lib
#   @test "process.user.uid" {
#           conf '.process.user.uid = 5'
#           run_c 'id -u'
#           ok; is 5
#   }
#
# RUNTIME       runtime under test (default: orun of ONGGI_BIN)
# RUNTIME_KIND  orun, crun or runc (default: the file name of RUNTIME)
# Needs only bash, bats, jq and a static busybox; anything else is asked for with `need`.

bats_require_minimum_version 1.5.0
: "${ONGGI_BIN:=$BATS_TEST_DIRNAME/../../build/src/bin}"
: "${RUNTIME:=$ONGGI_BIN/orun}"
: "${RUNTIME_KIND:=${RUNTIME##*/}}"
: "${CONFORM_TIMEOUT:=120}"

# ---- the bundle --------------------------------------------------------------------------------

# One root file system for all tests of a run, used read-only by the base config. A test that needs
# to write or to have other files in it calls private_rootfs.
rootfs_make() { # directory
	local a list=()
	mkdir -p "$1"/{bin,etc,tmp,proc,sys,dev,root,home/u,mnt,a,b,file} "$1"/sys/fs
	chmod 1777 "$1/tmp"
	rmdir "$1/file" && echo file >"$1/file"
	ln "$BATS_RUN_TMPDIR/busybox" "$1/bin/busybox"
	for a in sh ls cat id true false mount umount ps stty sleep tty hostname dnsdomainname grep touch \
		echo readlink stat uname head tail mkdir rmdir pwd kill date chmod chown wc sort tr env \
		test find cut sed awk dd od mknod ln rm mv cp mkfifo nproc ionice chrt nice ip df \
		seq nc rev tac cmp sync truncate; do
		list+=("$1/bin/$a")
	done
	for a in "${list[@]}"; do printf '%s\n' "$a"; done | xargs -n 1 ln -s busybox
	printf '#!/bin/sh\nexec grep -q " $1 r[ow]" /proc/self/mountinfo\n' >"$1/bin/is_mount"
	chmod 755 "$1/bin/is_mount"
	printf 'root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nu:x:1000:\n' >"$1/etc/group"
}

rootfs_shared() {
	local r=$BATS_RUN_TMPDIR/rootfs
	if [ ! -d "$r" ]; then
		chmod 755 "$BATS_RUN_TMPDIR"
		cp -f "$(command -v busybox)" "$BATS_RUN_TMPDIR/busybox"
		rootfs_make "$r.new.$BASHPID" && mv -T "$r.new.$BASHPID" "$r"
	fi
	ROOTFS=$r
}

# a root file system of this test alone, writable; its path is $ROOTFS
private_rootfs() {
	cp -al "$ROOTFS" "$B/rootfs"
	ROOTFS=$B/rootfs
	conf '.root.readonly = false'
}

CONF_BASE='{
	ociVersion: "1.0.2",
	root: { path: $rootfs, readonly: true },
	process: {
		cwd: "/", args: ["sh", "-c", $script], env: ["PATH=/bin"], user: { uid: 0, gid: 0 },
		capabilities: (["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD",
			"CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
			"CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"] as $c |
			{ bounding: $c, effective: $c, permitted: $c })
	},
	mounts: [
		{ destination: "/proc", type: "proc", source: "proc" },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs",
			options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
		{ destination: "/dev/pts", type: "devpts", source: "devpts",
			options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] },
		{ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] }
	],
	linux: {
		namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
		cgroupsPath: ("/" + $id)
	}
}'

# conf EDIT [JQ OPTIONS]: change the config by a jq filter; kept until the config is next written
conf() {
	CONF="$CONF | ($1)"
	CONF_ARGS+=("${@:2}")
}

# mount_add DESTINATION TYPE SOURCE [OPTION,OPTION...]: one more mount; an empty word: no such member
mount_add() {
	local n=${#CONF_ARGS[@]}
	conf ".mounts += [{ destination: \$m$n[0], type: \$m$n[1], source: \$m$n[2],
		options: (\$m$n[3] / \",\") } | map_values(select(. != \"\" and . != []))]" \
		--argjson "m$n" "$(printf '%s\n' "$1" "$2" "$3" "${4:-}" | json_lines)"
}

# lines of standard input as a JSON array of strings: no jq needed for plain words
json_lines() {
	local l out=
	while IFS= read -r l; do
		l=${l//\\/\\\\}
		out+=",\"${l//\"/\\\"}\""
	done
	echo "[${out#,}]"
}

# write config.json; SCRIPT is what the container's shell runs
conf_write() { # [script]
	[ $# -eq 0 ] || SCRIPT=$1
	jq -n --arg rootfs "$ROOTFS" --arg id "$ID" --arg script "${SCRIPT:-true}" "${CONF_ARGS[@]}" \
		"$CONF" >"$B/config.json"
}

# ---- the runtime -------------------------------------------------------------------------------

rt() { # command...
	timeout -k 5 "$CONFORM_TIMEOUT" "$RUNTIME" --root "$T/state" "${RT_FLAGS[@]}" "$@"
}

# run_c [SCRIPT] [FLAGS OF run...]: the whole life, in the foreground -> $status $output $stderr
run_c() {
	conf_write "${1-}"
	run --separate-stderr rt run -b "$B" "${@:2}" "$ID" </dev/null
}

# Commands beside a container that goes on: its output must not hold up the test, so it goes to
# $T/out and $T/err. -> $status, $output (what the process wrote so far), $stderr
create_c() { # [script] [flags of create...]
	conf_write "${1-}"
	status=0
	rt create -b "$B" --pid-file "$T/pid" "${@:2}" "$ID" >"$T/out" 2>"$T/err" </dev/null || status=$?
	collect
}

start_c() {
	run_rt start "$ID"
}

# run_rt COMMAND...: any command of the runtime that leaves no process behind with our output
run_rt() {
	run --separate-stderr rt "$@" </dev/null
}

state_c() { # [jq filter] -> $output
	run_rt state "$ID"
	[ "$status" -ne 0 ] || [ $# -eq 0 ] || output=$(jq -r "$1" <<<"$output")
}

delete_c() {
	run_rt delete "$@" "$ID"
}

kill_c() {
	run_rt kill "$ID" "${1:-KILL}"
}

pid_c() {
	cat "$T/pid"
}

# what a created container has written so far -> $output $stderr
collect() {
	output=$(cat "$T/out" 2>/dev/null) || output=
	stderr=$(cat "$T/err" 2>/dev/null) || stderr=
}

# create and start; then what the process wrote once it has ended
life_c() { # [script] [flags of create...]
	create_c "$@"
	ok
	start_c
	ok
	wait_stopped
	collect
}

wait_stopped() {
	wait_until stopped_c
}

stopped_c() {
	[ "$(rt state "$ID" | jq -r .status)" = stopped ]
}

: "${WAIT_LIMIT:=120}"
wait_until() { # command...: within so many seconds
	local end=$((SECONDS + WAIT_LIMIT))
	while ((SECONDS < end)); do
		"$@" && return 0
		sleep 0.02
	done
	echo "never: $*"
	return 1
}

# a container that stays: prints "ready" and sleeps until it is killed
running_c() { # [script before that]
	create_c "${1:+$1; }echo ready; exec sleep 1000" "${@:2}"
	ok
	start_c
	ok
	wait_until grep -q ready "$T/out"
	PID=$(pid_c)
}

# exec_c SCRIPT [FLAGS...]: sh -c SCRIPT in the running container
exec_c() {
	run_rt exec "${@:2}" "$ID" sh -c "$1"
}

# update_r JSON: update with these resources
update_r() {
	run --separate-stderr rt update -r - "$ID" <<<"$1"
}

# receive SOCKET OUTPUT: what comes out of the terminal that is handed over by SOCKET; its process is $!
receive() {
	need cmd python3
	timeout 120 python3 "$BATS_TEST_DIRNAME/../conform/console.py" "$1" "$2" >/dev/null 2>&1 3>&- &
	wait_until test -e "$2.ready"
}

# host_tmpfs NAME [OPTIONS]: a tmpfs of the host, $H/NAME, for as long as the test runs
host_tmpfs() {
	mkdir -p "$H/$1"
	mount -t tmpfs ${2:+-o "$2"} conform "$H/$1"
}

# mount_shows DESTINATION...: "flags tags type super-options" of each mount, as the process sees it
mount_shows() {
	run_c 'for d in '"$*"'; do awk -v d=$d "
		\$5 == d { t = \"\"; for (i = 7; \$i != \"-\"; i++) t = t \$i \" \"
			l = \$6 \" \" t \$(i + 1) \" \" \$(i + 3) }
		END { print l }" /proc/self/mountinfo; done'
}

# ---- what must hold ----------------------------------------------------------------------------

ok() {
	[ "$status" -eq 0 ] || { echo "status $status: $output ${stderr:-}"; return 1; }
}

word() { # the comma or space separated list in the output has this word
	[[ " ${output//,/ } " == *" $1 "* ]] || { echo "no word $1 in: $output ${stderr:-}"; return 1; }
}

no_word() {
	[[ " ${output//,/ } " != *" $1 "* ]] || { echo "word $1 in: $output"; return 1; }
}

is() { # the output is exactly this
	[ "$output" = "$1" ] || { echo "not \"$1\": $output ${stderr:-}"; return 1; }
}

has() { # each argument is part of the output
	local s
	for s in "$@"; do
		[[ $output == *"$s"* ]] || { echo "no \"$s\" in: $output ${stderr:-}"; return 1; }
	done
}

hasnt() {
	local s
	for s in "$@"; do
		[[ $output != *"$s"* ]] || { echo "\"$s\" in: $output"; return 1; }
	done
}

said() { # on standard output or standard error, whatever the case
	grep -Fiq -- "$1" <<<"$output $stderr" || { echo "no \"$1\" in: $output $stderr"; return 1; }
}

said_canon() { # runc's words, which engines match: not asked of crun
	[ "$RUNTIME_KIND" = crun ] || said "$1"
}

matches() { # the output matches an extended regular expression
	[[ $output =~ $1 ]] || { echo "no match of \"$1\" in: $output ${stderr:-}"; return 1; }
}

# expect_fail [PATTERN]: the last command failed, whatever the runtime, with a message (a regular
# expression without regard to case)
expect_fail() {
	[ "$status" -ne 0 ] || { echo "succeeded: $output ${stderr:-}"; return 1; }
	[ "$status" -ne 124 ] || { echo "hung: $output ${stderr:-}"; return 1; }
	# 255: exec itself failed
	[ "$status" -lt 128 ] || [ "$status" = 255 ] || { echo "died with $status: $output ${stderr:-}"; return 1; }
	[ -z "${1:-}" ] || grep -Eiq -- "$1" <<<"$output ${stderr:-}" ||
		{ echo "no \"$1\" in: $output ${stderr:-}"; return 1; }
}

# expect_error PATTERN [FIELD]: refused, and nothing is left. The text, and the JSON path of the field
# that it must name, are orun's own promise: of other runtimes only the refusal is asked.
expect_error() {
	expect_fail || return 1
	if [ "$RUNTIME_KIND" = orun ]; then
		expect_fail "$1" || return 1
		[ -z "${2:-}" ] || [[ "$output ${stderr:-}" == *"$2"* ]] ||
			{ echo "the field $2 is not named: $output ${stderr:-}"; return 1; }
	fi
	nothing_left
}

# expect_warning PATTERN: said, and gone on (the text is asked of orun alone)
expect_warning() {
	ok || return 1
	[ "$RUNTIME_KIND" != orun ] || grep -Eiq -- "$1" <<<"${stderr:-}" ||
		{ echo "no warning \"$1\": ${stderr:-}"; return 1; }
}

# no state, mount or cgroup of this test's container
nothing_left() {
	local left=
	[ -z "$(ls -A "$T/state" 2>/dev/null)" ] || left="state: $(ls -A "$T/state")"
	! grep -q " $T[/ ]" /proc/self/mountinfo || left="$left mounts: $(grep -o " $T[/ ][^ ]*" /proc/self/mountinfo)"
	set -- /sys/fs/cgroup/*/"$ID" /sys/fs/cgroup/"$ID"
	local g
	for g; do
		# crun has an ordinary directory in place of the v2 hierarchy, see tests/conform/run
		[[ $RUNTIME_KIND != crun || $g != */unified/* ]] || continue
		[ ! -d "$g" ] || left="$left cgroup: $g"
	done
	[ -z "$left" ] || { echo "left over: $left"; return 1; }
}

# ---- what the host can -------------------------------------------------------------------------

host_cgroup() { # v1, hybrid or v2
	if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
		echo v2
	elif [ -d /sys/fs/cgroup/unified ] && [ -f /sys/fs/cgroup/unified/cgroup.procs ]; then
		echo hybrid
	else
		echo v1
	fi
}

# where a controller of cgroup v1 is mounted
cgroup_v1() { # controller
	awk -v c="$1" '{ for (i = 7; $i != "-"; i++) ; if ($(i + 1) == "cgroup" &&
		("," $(i + 3) ",") ~ ("," c ",")) { print $5; exit } }' /proc/self/mountinfo
}

# need WORD [ARGUMENT]: skip, saying why, when the host lacks it
need() {
	case $1 in
	root) [ "$(id -u)" = 0 ] || skip "needs root" ;;
	v1) [ "$(host_cgroup)" != v2 ] || skip "needs cgroup v1" ;;
	v2) [ "$(host_cgroup)" = v2 ] || skip "needs cgroup v2" ;;
	controller) # NAME
		if [ "$(host_cgroup)" = v2 ]; then
			grep -qw "$2" /sys/fs/cgroup/cgroup.controllers
		else
			[ -n "$(cgroup_v1 "$2")" ]
		fi || skip "needs the cgroup controller $2"
		;;
	systemd) [ -d /run/systemd/system ] || skip "needs systemd" ;;
	apparmor) [ -e /sys/kernel/security/apparmor/profiles ] || skip "needs AppArmor" ;;
	selinux) [ -e /sys/fs/selinux/enforce ] || skip "needs SELinux" ;;
	ns) [ -e "/proc/self/ns/$2" ] || skip "needs $2 namespaces" ;;
	userns) unshare -U true 2>/dev/null || skip "needs user namespaces" ;;
	kernel) # MAJOR.MINOR
		[ "$(printf '%s\n' "$2" "$(uname -r | cut -d - -f 1)" | sort -V | head -n 1)" = "$2" ] ||
			skip "needs Linux $2"
		;;
	cap) # NUMBER NAME: in the runtime's own permitted set
		(($((16#$(awk '$1 == "CapPrm:" { print $2 }' /proc/self/status))) >> $2 & 1)) ||
			skip "needs $3"
		;;
	cmd) command -v "$2" >/dev/null || skip "needs $2" ;;
	fs) grep -qw "$2" /proc/filesystems || skip "needs the file system $2" ;;
	file) [ -e "$2" ] || skip "needs $2" ;;
	orun) [ "$RUNTIME_KIND" = orun ] || skip "only of orun: $2" ;;
	*)
		echo "need: unknown word $1"
		return 1
		;;
	esac
}

# ---- before and after --------------------------------------------------------------------------

conform_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/onggi-conform.XXXXXX")
	chmod 755 "$T"
	B=$T/b
	H=${T}-host
	ID=c-${T##*.}
	CONF=$CONF_BASE
	CONF_ARGS=()
	RT_FLAGS=()
	SCRIPT=true
	mkdir "$B"
	rootfs_shared
}

conform_teardown() {
	local r=0 d
	[ -n "${T:-}" ] || return 0
	for d in "$T"/state/*/; do
		[ ! -d "$d" ] || rt delete --force "$(basename "$d")" >/dev/null 2>&1 || echo "delete $d failed"
	done
	[ ! -d "$T/state" ] || rmdir "$T"/state/* 2>/dev/null
	nothing_left || r=1
	for d in /sys/fs/cgroup/*/"$ID" /sys/fs/cgroup/"$ID"; do
		[ ! -d "$d" ] || rmdir "$d" 2>/dev/null
	done
	[ $r = 0 ] || grep -o " $T[/ ][^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	! grep -q " $H" /proc/self/mountinfo ||
		grep -o " $H[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	# left by others than orun, mostly: reported above
	for d in /sys/fs/cgroup/*/"$ID" /sys/fs/cgroup/"$ID"; do
		[ ! -d "$d" ] || find "$d" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	rm -rf --one-file-system "$T" "$H" || r=1
	return $r
}

setup() {
	conform_setup
}

teardown() {
	conform_teardown
}
