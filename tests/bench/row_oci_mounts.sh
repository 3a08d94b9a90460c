#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The default bundle on a host with 1000 other mounts, against the same without them. Every new mount
# namespace is a copy of the host's: the floor shows what the kernel itself takes for that, so a second
# row compares what is added with what is added to the floor. MOUNTS changes the number.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "oci run, other mounts" "$0"
n=${MOUNTS:-1000}
there=$BENCH_DIR/run/other
mkdir "$there"

many="$(dirname "$BENCH_FLOOR")/bench-mounts $there $n"
gone() { $many && umount -l "$there"; }
for name in orun crun runc floor; do
	eval "setup_$name=\$many cleanup_$name=\"umount -l $there\""
	# what has been mounted and is gone again costs the next command too: alike for both
	none=${name}_none
	[ "$name" != orun ] || none=none
	eval "setup_$none=gone"
done
medians "$bundle/figures" \
	orun "$(of orun) run --bundle $bundle $id" \
	none "$(of orun) run --bundle $bundle $id" \
	crun "$(of crun) run --bundle $bundle $id-crun" \
	crun_none "$(of crun) run --bundle $bundle $id-crun" \
	runc "$(of runc) run --bundle $bundle $id-runc" \
	runc_none "$(of runc) run --bundle $bundle $id-runc" \
	floor "$BENCH_FLOOR $bundle/rootfs /bin/true" \
	floor_none "$BENCH_FLOOR $bundle/rootfs /bin/true"
row "oci run, $n other mounts" "$bundle/figures" orun ms "none 1.05"
awk -v n="$n" '{ v[$1] = $2 } END {
	ours = v["orun"] - v["none"]; floor = v["floor"] - v["floor_none"]
	printf "what %d other mounts add\t%.2f ms\tcrun %.2f, runc %.2f, floor %.2f\t%.3g x floor\t-\t-\n", n, ours,
		v["crun"] - v["crun_none"], v["runc"] - v["runc_none"], floor, (floor > 0 ? ours / floor : 0)
}' "$bundle/figures"
