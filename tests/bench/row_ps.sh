#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `ps -a` with 500 containers. They are created, not started: the list reads the same records.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
engines_start "ps -a, 500 containers" "$0"
runs=${BENCH_RUNS:-5} rounds=${BENCH_ROUNDS:-2}
n=${CONTAINERS:-500}
for e in "$onggi" "$docker" "$podman"; do
	[ -z "$e" ] || seq "$n" | xargs -P 8 -I{} sh -c "$e create --name c{} bench sleep 1000 >/dev/null"
done
set -- onggi "$onggi ps -a" docker "$docker ps -a"
[ -z "$podman" ] || set -- "$@" podman "$podman ps -a"
medians "$E/figures" "$@"
row "ps -a, $n containers" "$E/figures" onggi ms "docker 0.25" "podman 0.25"
