#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `run --rm IMAGE true` with each engine, from the command to its end: without a network and on the
# default bridge.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
engines_start "run --rm" "$0"
runs=${BENCH_RUNS:-10} rounds=${BENCH_ROUNDS:-3}
mkdir -p "$E/disk/floor"
cp -r "$E/fs/." "$E/disk/floor"
mkdir -p "$E/disk/floor/proc" "$E/disk/floor/sys" "$E/disk/floor/dev"

set -- onggi "$onggi run --rm --network none bench true" docker "$docker run --rm --network none bench true" \
	floor "$BENCH_FLOOR -n $E/disk/floor /bin/true"
[ -z "$podman" ] || set -- "$@" podman "$podman run --rm --network none bench true"
medians "$E/figures" "$@"
row "run --rm --network none" "$E/figures" onggi ms "floor 4" "podman 0.0625" "docker 0.04"

set -- onggi "$onggi run --rm bench true" docker "$docker run --rm bench true" floor "$BENCH_FLOOR $E/disk/floor /bin/true"
[ -z "$podman" ] || set -- "$@" podman "$podman run --rm bench true"
medians "$E/figures" "$@"
row "run --rm on the bridge" "$E/figures" onggi ms "floor 5" "podman 0.04" "docker 0.04"
