#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# One container from an OCI bundle, from the command to its end: the default bundle of `runc spec`
# with all its namespaces, mounts, masks and control groups; once more with docker's seccomp profile.
set -eu
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "oci run" "needs root"
[ -x "$ONGGI_BIN/orun" ] || skip "oci run" "orun is not built"
for peer in crun runc; do have $peer || skip "oci run" "$peer is not installed"; done
private_mounts "$0"

bundle=$BENCH_DIR/oci
state=$BENCH_DIR/run
bundle_true "$bundle"
mkdir -p "$state/orun" "$state/crun" "$state/runc"
id=onggi-bench-$$

command_of() { # program state
	echo "$1 --root $state/$2 run --bundle $bundle $id-$2"
}
medians "$bundle/figures" \
	orun "$(command_of "$ONGGI_BIN/orun" orun)" \
	crun "$(command_of crun crun)" \
	runc "$(command_of runc runc)" \
	floor "$BENCH_FLOOR $bundle/rootfs /bin/true"
row "oci run, default bundle" "$bundle/figures" orun ms "crun 0.6" "runc 0.22" "floor 1.6"

# no network namespace: what the kernel needs for one is not ours to save
jq '.linux.namespaces |= map(select(.type != "network"))' "$bundle/config.json" >"$bundle/config.new"
mv "$bundle/config.new" "$bundle/config.json"
medians "$bundle/figures" \
	orun "$(command_of "$ONGGI_BIN/orun" orun)" \
	crun "$(command_of crun crun)" \
	runc "$(command_of runc runc)" \
	floor "$BENCH_FLOOR -n $bundle/rootfs /bin/true"
row "oci run, no network namespace" "$bundle/figures" orun ms "crun 0.6" "runc 0.22" "floor 1.6"
