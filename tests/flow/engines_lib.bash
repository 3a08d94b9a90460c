# SPDX-License-Identifier: Apache-2.0
#
# engines_lib.bash - what the tests of other engines with orun as their runtime share: one folder
# with a root file system, its image, a cgroup parent of its own; and the comparison with runc.
#
#   engines_setup NAME PROGRAM... || return 0   in setup_file: E, ECG, ORUN; $E/rootfs, $E/image.tar
#   engines_need             in setup: skips the test where one of the programs is missing
#   engines_teardown         in teardown_file, after the engine has ended
#   both STATUS COMMAND...   the command with RT=runc and RT=orun at the same time

load lib

engines_setup() {
	local p
	for p in "${@:2}"; do
		command -v "$p" >/dev/null && continue
		export MISSING=$p
		return 1
	done
	E=$(mktemp -d "${TMPDIR:-/tmp}/orun-$1.XXXXXX")
	export E ECG=orun-$1-${E##*.} ORUN=$ONGGI_BIN/orun RT=orun
	chmod 755 "$E"
	mkdir -p "$E/rootfs/bin" "$E/rootfs/etc" "$E/rootfs/root"
	mkdir -m 1777 "$E/rootfs/tmp"
	cp "$(command -v busybox)" "$E/rootfs/bin/busybox"
	for a in $(busybox --list | grep -vx busybox); do
		ln -s busybox "$E/rootfs/bin/$a"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$E/rootfs/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:77:user\n' >"$E/rootfs/etc/group"
	tar -C "$E/rootfs" -c . >"$E/image.tar"
}

# the program of the runtime that `both` asks for
binary() {
	[ "$RT" = orun ] && echo "$ORUN" || echo runc
}

engines_need() {
	[ -z "${MISSING:-}" ] || skip "$MISSING is not installed"
}

# what is left after an engine has ended is its or orun's fault, and said
engines_teardown() {
	local g left=
	[ -d "${E:-}" ] || return 0
	grep -o " $E[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	for g in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$ECG*"); do
		[ -z "$(find "$g" -mindepth 1 -name cgroup.procs -exec cat {} +)" ] || left="$left processes in $g"
		find "$g" -depth -type d -exec rmdir {} \;
	done
	rm -rf "$E"
	[ -z "$left" ] || { echo "left over: $left" >&3; return 1; }
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# end a process of ours and wait until it is gone
end_process() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null || return 0
	eventually 60 gone "$1" || kill -9 "$1"
}

# names, ids, the runtime's own prefix and what tells the moment (dates, "Up 2 seconds", pids) apart, the same text
_plain() {
	sed -E -e 's/runc create failed: //; s/(runc|orun)/RT/g' -e 's/\b([0-9a-f]{64}|[0-9a-f]{12})\b/ID/g' \
		-e 's/[0-9]{4}[-\/][01][0-9][-\/][0-3][0-9][T ][0-9:.,]+( ?[-+][0-9]{2}:?[0-9]{2}| ?Z)?( [A-Z]{3,4})?/WHEN/g' \
		-e 's/\b[0-9]+(\.[0-9]+)?(ns|us|µs|ms|s| milliseconds?| seconds?| minutes?)( ago)?\b/LONG/g' \
		-e 's/\b(Less than|About) a(n? [a-z]+)( ago)?\b/LONG/g; s/\b(pid|PID)([ =:]+)[0-9]+/\1\2PID/g' \
		-e '/^\r?$/d; s/\r//' "$1"
}

# _agree STATUS STATUS-OF-RUNC: does the peer do what is expected, and say what orun says? For both()
_agree() {
	[ "$1" = "$2" ] || return 1
	for f in out err; do
		diff <(_plain "$d/peer.$f") <(_plain "$d/$f") || return 1
	done
}

# both STATUS COMMAND...: runc at the same time (before, with BOTH_APART) shows what this host can do. Both must end with
# STATUS, print the same and complain of the same. Leaves $output, $stderr of the one with orun.
both() {
	local want=$1 peer=0 pid d flags=(--separate-stderr)
	shift
	[ "$want" != 127 ] || flags+=(-127) # or bats takes it for a slip of the test
	d=$(mktemp -d "$BATS_TEST_TMPDIR/both.XXXXXX")
	RT=runc "$@" >"$d/peer.out" 2>"$d/peer.err" </dev/null 3>&- &
	pid=$!
	[ -z "${BOTH_APART:-}" ] || wait "$pid" || peer=$?
	RT=orun run "${flags[@]}" "$@" </dev/null
	[ -n "${BOTH_APART:-}" ] || wait "$pid" || peer=$?
	printf '%s\n' "$output" >"$d/out"
	printf '%s\n' "${stderr:-}" >"$d/err"
	if [ "$status" != "$want" ]; then
		echo "with orun: status $status, not $want: $*"
		cat "$d/out" "$d/err"
		return 1
	fi
	# other engines lose the output of a short container now and then, or say what had nothing to do with it: the peer
	# is asked again where that changes nothing, never orun
	for _ in 1 2 3; do
		_agree "$want" "$peer" >"$d/diff" && return 0
		[[ $1 == *_run ]] || { [ ! -s "$d/peer.out" ] && [ -n "$output" ]; } || break
		peer=0
		RT=runc "$@" >"$d/peer.out" 2>"$d/peer.err" </dev/null 3>&- || peer=$?
	done
	_agree "$want" "$peer" && return 0
	if [ "$peer" != "$want" ]; then
		echo "with runc: status $peer: $*"
		cat "$d/peer.out" "$d/peer.err"
	else
		echo "differs from runc: $*"
	fi
	return 1
}

has() { # every argument is part of $output or $stderr
	local s
	for s in "$@"; do
		[[ $output${stderr:-} == *"$s"* ]] || { echo "no \"$s\" in: $output ${stderr:-}"; return 1; }
	done
}

# A terminal from end to end: terminal_check COMMAND... "sh -c SCRIPT" is added. The window has 33 x 99
# and changes to 20 x 50, unless TERMINAL_FIXED is set for an engine that does not pass that on; then a
# line is read, an interrupt arrives, and the exit status is 9.
terminal_check() {
	local size="20 50" script
	[ -z "${TERMINAL_FIXED:-}" ] || size="33 99"
	script='size() { until [ "$(stty size 2>/dev/null)" = "$1" ]; do sleep 0.1; done; }
		size "33 99"; echo sized; tty; size "'$size'"; echo resized; read x; echo "got <$x>"
		trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.1; done'
	cat >"$BATS_TEST_TMPDIR/tty.exp" <<-'EXP'
		set timeout 60
		set stty_init "rows 33 columns 99"
		proc want {what} {
			expect {
				-re $what {}
				timeout { puts "no $what"; exit 100 }
				eof { puts "end, no $what"; exit 101 }
			}
		}
		eval spawn -noecho [lrange $argv 1 end] {[lindex $argv 0]}
		want "sized"
		want {/dev/(pts/\d|console)}
		stty rows 20 columns 50 < $spawn_out(slave,name)
		want "resized"
		send "line\r"
		want "got <line>"
		want "ready"
		send "\003"
		want "interrupted"
		expect eof
		exit [lindex [wait] 3]
	EXP
	run timeout 300 expect "$BATS_TEST_TMPDIR/tty.exp" "$script" "$@" sh -c
	[ "$status" = 9 ] || { echo "$status: $output"; return 1; }
}
