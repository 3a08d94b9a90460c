#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Size of orun, stripped, and what the peers need: their programs with the libraries that they map.
set -eu
. "$(dirname "$0")/lib.sh"
[ -x "$ONGGI_BIN/orun" ] || skip "size of orun" "orun is not built"
mkdir -p "$BENCH_DIR/size"

whole() { # program: bytes of it and its libraries
	_f=$(command -v "$1") || { echo 0; return; }
	{ echo "$_f"; ldd "$_f" 2>/dev/null | grep -o '/[^ ]*' || :; } | sort -u | xargs stat -Lc %s | awk '{ s += $1 } END { print s }'
}
strip -o "$BENCH_DIR/size/orun" "$ONGGI_BIN/orun"
size=$(stat -c %s "$BENCH_DIR/size/orun")
linked="static" goal=1.3
! ldd "$BENCH_DIR/size/orun" 2>/dev/null | grep -q '=>' || { linked="dynamic" goal=0.5; }
awk -v s="$size" -v linked="$linked" -v goal="$goal" -v crun="$(whole crun)" -v runc="$(whole runc)" 'BEGIN {
	m = 1024 * 1024
	printf "size of orun, stripped, %s\t%.2f MB\tcrun %.1f, runc %.1f (with libraries)\t%.3g x crun, %.3g x runc\t<= %s MB\t%s\n",
		linked, s / m, crun / m, runc / m, s / crun, s / runc, goal, (s <= goal * m ? "yes" : "no") }'
