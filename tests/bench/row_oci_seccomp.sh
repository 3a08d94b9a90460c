#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The default bundle with docker's seccomp profile for three architectures: what compiling and
# installing the filter adds. The profile is the one that docker writes for its default
# capabilities; PROFILE names another.
set -eu
. "$(dirname "$0")/lib.sh"
profile=${PROFILE:-$(dirname "$BENCH_FLOOR")/bench-profile.json}
[ -r "$profile" ] || skip "oci run, seccomp" "no profile $profile"
oci_start "oci run, seccomp" "$0"

plain=$bundle-plain
cp -a "$bundle" "$plain"
bundle_change "$bundle" '.linux.seccomp = $p[0]' --slurpfile p "$profile"
medians "$bundle/figures" \
	orun "$(of orun) run --bundle $bundle $id" \
	crun "$(of crun) run --bundle $bundle $id-crun" \
	runc "$(of runc) run --bundle $bundle $id-runc"
row "oci run, docker's seccomp" "$bundle/figures" orun ms "crun 0.45" "runc 0.17"
# a difference much smaller than what short blocks of runs differ by: long ones (docs/bench.md tells of cold ones too)
rounds=3 runs=200
medians "$bundle/pair" \
	orun "$(of orun) run --bundle $bundle $id" \
	plain "$(of orun) run --bundle $plain $id"
awk '{ v[$1] = $2 } END {
	more = v["orun"] - v["plain"]
	printf "what docker'"'"'s seccomp adds\t%.2f ms\twithout it %.2f\t%.3g x without\t<= 0.3 ms\t%s\n", more,
		v["plain"], v["orun"] / v["plain"], (more <= 0.3 ? "yes" : "no") }' "$bundle/pair"
