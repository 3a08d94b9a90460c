#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# System calls of one run of the default bundle, of all its processes, with the few of the program in
# it; then of an exec of true and of a state.
set -eu
. "$(dirname "$0")/lib.sh"
have strace || skip "system calls of one run" "strace is not installed"
oci_start "system calls of one run" "$0"
trap 'for r in $runtimes; do $(of $r) delete --force $id-$r >/dev/null 2>&1; done' EXIT

calls() { # NAME COMMAND...: one line "NAME CALLS" into the figures
	_name=$1
	shift
	strace -f -qq -c -o "$bundle/strace" "$@" </dev/null >/dev/null 2>"$bundle/err" || {
		cat "$bundle/err" >&2
		return 1
	}
	awk -v name="$_name" '$NF == "total" { print name, $4 }' "$bundle/strace" >>"$bundle/figures"
}
show() { # ROW [GOAL]
	awk -v row="$1" -v goal="${2:-}" '{ v[$1] = $2 } END {
		ours = v["orun"]
		printf "%s\t%d\tcrun %d, runc %d", row, ours, v["crun"], v["runc"]
		if ("floor" in v) printf ", floor %d", v["floor"]
		printf "\t%.3g x crun, %.3g x runc", ours / v["crun"], ours / v["runc"]
		if ("floor" in v) printf ", %.3g x floor", ours / v["floor"]
		if (goal) printf "\t<= %d\t%s\n", goal, (ours <= goal ? "yes" : "no")
		else print "\t-\t-"
	}' "$bundle/figures"
	: >"$bundle/figures"
}

for r in $runtimes; do
	# once before: what is made on first use is not part of a run
	$(of $r) run --bundle "$bundle" $id-$r </dev/null
	calls $r $(of $r) run --bundle "$bundle" $id-$r
done
calls floor "$BENCH_FLOOR" "$bundle/rootfs" /bin/true
show "system calls of one run" 350

bundle_change "$bundle" '.process.args = ["/bin/pause"]'
for r in $runtimes; do
	$(of $r) run --detach --bundle "$bundle" $id-$r </dev/null >/dev/null 2>&1
	calls $r $(of $r) exec $id-$r /bin/true
done
show "system calls of one exec"
for r in $runtimes; do calls $r $(of $r) state $id-$r; done
show "system calls of one state"
