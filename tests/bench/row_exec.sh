#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `exec CONTAINER true` with each engine.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
engines_start "exec" "$0"
runs=${BENCH_RUNS:-10} rounds=${BENCH_ROUNDS:-3}
for e in "$onggi" "$docker" "$podman"; do
	[ -z "$e" ] || $e run -d --network none --name xx bench sleep 1000 >/dev/null
done
set -- onggi "$onggi exec xx true" docker "$docker exec xx true"
[ -z "$podman" ] || set -- "$@" podman "$podman exec xx true"
medians "$E/figures" "$@"
row "exec true" "$E/figures" onggi ms "docker 0.1" "podman 0.1"
