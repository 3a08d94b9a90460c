#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The default bundle with docker's seccomp profile for three architectures: what compiling and
# installing the filter adds. The profile is the one that docker writes for its default
# capabilities; PROFILE names another.
set -eu
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "oci run, seccomp" "needs root"
[ -x "$ONGGI_BIN/orun" ] || skip "oci run, seccomp" "orun is not built"
for peer in crun runc; do have $peer || skip "oci run, seccomp" "$peer is not installed"; done
private_mounts "$0"

bundle=$BENCH_DIR/oci-seccomp
state=$BENCH_DIR/run/seccomp
profile=${PROFILE:-$(dirname "$BENCH_FLOOR")/bench-profile.json}
[ -r "$profile" ] || skip "oci run, seccomp" "no profile $profile"
bundle_true "$bundle"
jq --slurpfile p "$profile" '.linux.seccomp = $p[0]' "$bundle/config.json" >"$bundle/config.new"
mv "$bundle/config.new" "$bundle/config.json"
mkdir -p "$state/orun" "$state/crun" "$state/runc"
id=onggi-bench-s-$$

command_of() { # program state
	echo "$1 --root $state/$2 run --bundle $bundle $id-$2"
}
medians "$bundle/figures" \
	orun "$(command_of "$ONGGI_BIN/orun" orun)" \
	crun "$(command_of crun crun)" \
	runc "$(command_of runc runc)"
row "oci run, docker's seccomp" "$bundle/figures" orun ms "crun 0.6" "runc 0.22"
