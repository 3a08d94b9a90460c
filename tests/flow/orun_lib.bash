# SPDX-License-Identifier: Apache-2.0
#
# orun_lib.bash - a bundle of busybox and an orun of its own state directory for tests of the
# runtime alone. Every test leaves nothing behind: orun_teardown checks processes and mounts.

bats_require_minimum_version 1.5.0
: "${ONGGI_BIN:=$BATS_TEST_DIRNAME/../../build/src/bin}"
. "$BATS_TEST_DIRNAME/../lib/peers.sh"

orun() {
	"$ONGGI_BIN/orun" --root "$T/state" "$@"
}

# a bundle in $T/b whose process is "sh -c" of what run_sh is given
orun_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/onggi-orun.XXXXXX")
	chmod 755 "$T"
	B=$T/b
	ID=t-${T##*.}
	mkdir -p "$B/rootfs"/{bin,etc,tmp,proc,sys,dev,home/u}
	cp "$(command -v busybox)" "$B/rootfs/bin/busybox"
	local a
	for a in sh ls cat id true false mount ps stty sleep tty hostname grep touch echo readlink stat \
		uname head mkdir pwd kill date chmod wc sort tr env umount test find cut; do
		ln -s busybox "$B/rootfs/bin/$a"
	done
	printf 'root:x:0:0::/root:/bin/sh\nu:x:1000:1000::/home/u:/bin/sh\n' >"$B/rootfs/etc/passwd"
	(cd "$B" && "$ONGGI_BIN/orun" spec)
	cfg '.process.terminal = false | .root.readonly = false | .hostname = "box"
		| .process.capabilities.ambient = []'
}

orun_teardown() {
	local id left=
	for id in $(orun list -q 2>/dev/null); do
		orun delete --force "$id"
	done
	if grep -q " $T" /proc/self/mountinfo; then
		left="mounts: $(grep -o " $T[^ ]*" /proc/self/mountinfo)"
		grep -o " $T[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	fi
	[ -z "$(ls -A "$T/state" 2>/dev/null)" ] || left="$left state: $(ls -A "$T/state")"
	[ -z "$(find /sys/fs/cgroup -depth -type d -name "*$ID*" 2>/dev/null)" ] || left="$left cgroup"
	rm -rf "$T"
	[ -z "$left" ] || { echo "left over: $left"; return 1; }
}

# the process is gone, if not yet waited for by whoever is its parent now
gone() {
	[ ! -e "/proc/$1/stat" ] || [ "$(cut -d ' ' -f 3 "/proc/$1/stat")" = Z ]
}

state_is() { # status
	[ "$(orun state "$ID" | jq -r .status)" = "$1" ]
}

# own_netns PID: it has left the network namespace of the test
own_netns() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# swapping A B COMMAND...: run the command while A and B change places
swapping() {
	local p r=0
	rm -f "$T/swap" "$T/swap.ready"
	mkfifo "$T/swap.ready"
	python3 "$BATS_TEST_DIRNAME/../lib/swap.py" "$1" "$2" "$T/swap" 3>&- &
	p=$!
	timeout 60 cat "$T/swap.ready" || return 1
	"${@:3}" || r=$?
	touch "$T/swap"
	wait "$p"
	return $r
}

# run_again TIMES: the container, as often; each time it is made or refused, and nothing else
run_again() {
	local i r
	for i in $(seq "$1"); do
		r=0
		timeout 60 "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID" >"$T/again" 2>&1 || r=$?
		[ "$r" -le 1 ] || { echo "run $i: status $r: $(cat "$T/again")"; return 1; }
	done
}

# change the config by a jq program; further arguments go to jq
cfg() {
	jq "${@:2}" "$1" "$B/config.json" >"$B/config.new" && mv "$B/config.new" "$B/config.json"
}

# run a shell script as the process of the container
run_sh() {
	cfg '.process.args = ["sh", "-c", $s]' --arg s "$1"
	run --separate-stderr orun run -b "$B" "$ID"
}

ok() {
	[ "$status" -eq 0 ] || { echo "status $status: $output $stderr"; return 1; }
}

has() { # every argument is part of $output
	local s
	for s in "$@"; do
		[[ $output${stderr:-} == *"$s"* ]] || { echo "no \"$s\" in: $output ${stderr:-}"; return 1; }
	done
}

hasnt() {
	local s
	for s in "$@"; do
		[[ $output != *"$s"* ]] || { echo "\"$s\" in: $output"; return 1; }
	done
}

fails() { # fails TEXT...: not 0, and the error says so
	[ "$status" -ne 0 ] || { echo "succeeded: $output ${stderr:-}"; return 1; }
	has "$@"
}
