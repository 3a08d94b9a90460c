#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `exec ID /bin/true` in a running container of the default bundle, without and with docker's seccomp
# profile.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "oci exec" "$0"
trap 'for r in $runtimes; do $(of $r) delete --force $id-$r >/dev/null 2>&1; done' EXIT

bundle_change "$bundle" '.process.args = ["/bin/pause"]'
for round in plain seccomp; do
	name="oci exec true"
	[ $round = plain ] || {
		name="oci exec true, docker's seccomp"
		bundle_change "$bundle" '.linux.seccomp = $p[0]' \
			--slurpfile p "$(dirname "$BENCH_FLOOR")/bench-profile.json"
	}
	for r in $runtimes; do
		$(of $r) run --detach --bundle "$bundle" $id-$r </dev/null >/dev/null 2>&1
	done
	medians "$bundle/figures" \
		orun "$(of orun) exec $id-orun /bin/true" \
		crun "$(of crun) exec $id-crun /bin/true" \
		runc "$(of runc) exec $id-runc /bin/true"
	row "$name" "$bundle/figures" orun ms "crun 0.45"
	for r in $runtimes; do $(of $r) delete --force $id-$r; done
done
