#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Size of all programs, stripped.
set -eu
. "$(dirname "$0")/lib.sh"
mkdir -p "$BENCH_DIR/size"
total=0 parts=
# orun is the same file as onggi
for p in onggi onggi-monitor onggi-image onggi-init; do
	[ -f "$ONGGI_BIN/$p" ] || continue
	strip -o "$BENCH_DIR/size/$p" "$ONGGI_BIN/$p"
	s=$(stat -c %s "$BENCH_DIR/size/$p")
	total=$((total + s))
	parts="$parts${parts:+, }$p $((s / 1024))k"
done
peers=
for p in dockerd containerd containerd-shim-runc-v2 runc docker podman conmon crun; do
	f=$(command -v $p) && s=$(stat -Lc %s "$f") && peers="$peers${peers:+, }$p $((s / 1024 / 1024))M"
done
awk -v t="$total" -v parts="$parts" -v peers="$peers" 'BEGIN {
	printf "all programs, stripped\t%.2f MB\t%s\t%s\t<= 3 MB\t%s\n", t / 1048576, peers, parts, (t <= 3 * 1048576 ? "yes" : "no") }'
