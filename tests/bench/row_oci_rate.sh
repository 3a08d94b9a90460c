#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# 1000 containers of the default bundle, 8 at a time: create, start, delete --force. What may not be
# left: failures, containers in the list, groups. RATE changes the number; the peers make a tenth of it.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "create+start+delete, 8 at a time" "$0"
n=${RATE:-1000}

: >"$bundle/figures"
rate() { # RUNTIME COUNT
	sleep "${BENCH_SETTLE:-1}"
	set -- "$1" "$2" $("$(dirname "$BENCH_FLOOR")/bench-many" "$2" 8 "$bundle" "$id-$1" $(of $1) 2>"$bundle/err")
	[ "$3" = 0 ] || sort "$bundle/err" | uniq -c | sort -rn | head -n 5 >&2
	left=$(($($(of $1) list -q | wc -l) + $(find /sys/fs/cgroup -name "$id-$1-*" 2>/dev/null | wc -l)))
	awk -v r="$1" -v n="$2" -v failed="$3" -v ms="$4" -v left="$left" \
		'BEGIN { print r, n * 1000 / ms, failed, left }' >>"$bundle/figures"
}
rate orun "$n"
for r in crun runc; do rate $r $((n / 10)); done
awk -v n="$n" '{ v[$1] = $2; failed[$1] = $3; left[$1] = $4 } END {
	q = v["orun"] / v["crun"]
	printf "%d x create+start+delete, 8 at a time\t%.0f /s, %d failed, %d left\tcrun %.0f (%d failed), runc %.0f (%d failed)\t",
		n, v["orun"], failed["orun"], left["orun"], v["crun"], failed["crun"], v["runc"], failed["runc"]
	printf "%.3g x crun, %.3g x runc\t>= 2 x crun, 0 failed\t%s\n", q, v["orun"] / v["runc"],
		(q >= 2 && !failed["orun"] && !left["orun"] ? "yes" : "no")
}' "$bundle/figures"
