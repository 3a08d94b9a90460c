#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# 100 containers started at once with `run -d` on the default bridge; how many failed, and how many
# started a second. PARALLEL changes the number.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
engines_start "100 x run -d" "$0"
n=${PARALLEL:-100}

rate() { # name command: appends "name starts-per-second"; prints failures
	_from=$(date +%s%N)
	_failed=$(seq "$n" | xargs -P "$n" -I{} sh -c "$2 run -d --name p{} bench sleep 1000 >/dev/null 2>&1 || echo failed" | wc -l)
	_to=$(date +%s%N)
	_up=$($2 ps -q | wc -l)
	awk -v n="$_up" -v ns=$((_to - _from)) -v name="$1" 'BEGIN { printf "%s %.2f\n", name, n * 1e9 / ns }' >>"$E/figures"
	echo "$1: $_up of $n run, $_failed failed" >&2
	[ "$1" != onggi ] || [ "$_up" = "$n" ] || bad=$((n - _up))
	$2 rm -f $($2 ps -aq) >/dev/null 2>&1 || :
}
bad=0
: >"$E/figures"
rate onggi "$onggi"
rate docker "$docker"
# podman needs minutes for this and is not in the goal: PARALLEL_PODMAN=1 measures it too
[ -z "$podman" ] || [ -z "${PARALLEL_PODMAN:-}" ] || rate podman "$podman"
# a rate: larger is better, so the goal is printed the other way round
awk -v bad=$bad -v n="$n" '{ v[$1] = $2 } END {
	q = v["onggi"] / v["docker"]
	printf "%d x run -d at once\t%.1f /s, %d failed\tdocker %.1f", n, v["onggi"], bad, v["docker"]
	if ("podman" in v) printf ", podman %.1f", v["podman"]
	printf "\t%.3g x docker", q
	if ("podman" in v && v["podman"] > 0) printf ", %.3g x podman", v["onggi"] / v["podman"]
	printf "\t>= 10 x docker, 0 failed\t%s\n", (q >= 10 && !bad ? "yes" : "no")
}' "$E/figures"
