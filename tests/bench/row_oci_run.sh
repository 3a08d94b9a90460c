#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# One container from an OCI bundle, from the command to its end: the default bundle of `runc spec`
# with all its namespaces, mounts, masks and control groups; once more without a network namespace.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "oci run" "$0"

medians "$bundle/figures" \
	orun "$(of orun) run --bundle $bundle $id" \
	crun "$(of crun) run --bundle $bundle $id-crun" \
	runc "$(of runc) run --bundle $bundle $id-runc" \
	floor "$BENCH_FLOOR $bundle/rootfs /bin/true"
row "oci run, default bundle" "$bundle/figures" orun ms "crun 0.45" "runc 0.17" "floor 1.25"

# no network namespace: what the kernel needs for one is not ours to save
bundle_change "$bundle" '.linux.namespaces |= map(select(.type != "network"))'
medians "$bundle/figures" \
	orun "$(of orun) run --bundle $bundle $id" \
	crun "$(of crun) run --bundle $bundle $id-crun" \
	runc "$(of runc) run --bundle $bundle $id-runc" \
	floor "$BENCH_FLOOR -n $bundle/rootfs /bin/true"
row "oci run, no network namespace" "$bundle/figures" orun ms "crun 0.45" "runc 0.17" "floor 1.25"
