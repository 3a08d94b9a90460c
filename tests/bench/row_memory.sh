#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Memory that one idle detached container costs beyond its own processes: proportional set size of
# everything that the engine keeps running for it. docker's daemon is not counted, its shim is.
# CONTAINERS changes the number (200; peers take a tenth of it, they are slow to start).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
engines_start "memory per idle container" "$0"
n=${CONTAINERS:-200}

pss() { # pids: sum in kB
	for _p in $*; do awk '/^Pss:/ { print $2 }' "/proc/$_p/smaps_rollup" 2>/dev/null; done | awk '{ s += $1 } END { print s + 0 }'
}
many() { # count command
	seq "$1" | xargs -P 8 -I{} sh -c "$2 run -d --network none --name m{} bench sleep 1000 >/dev/null"
}
children_named() { # word in the command line, only processes of this bench
	for _d in /proc/[0-9]*; do
		_line=$(tr '\0' ' ' <"$_d/cmdline" 2>/dev/null) || continue
		case $_line in *"$1"*"$E"* | *"$E"*"$1"*) echo "${_d#/proc/}" ;; esac
	done
}

many "$n" "$onggi"
monitors=$(jq -r .monitor_pid "$ONGGI_RUN"/containers/*/run.json)
ours=$(pss $monitors)
up=$(echo "$monitors" | wc -w)
few=$((n / 10))
many "$few" "$docker"
docker=$(pss $(children_named containerd-shim))
: >"$E/figures"
awk -v v="$ours" -v n="$up" 'BEGIN { printf "onggi %.4f\n", v / n / 1024 }' >>"$E/figures"
awk -v v="$docker" -v n="$few" 'BEGIN { printf "docker %.4f\n", v / n / 1024 }' >>"$E/figures"
if [ -n "$podman" ]; then
	many "$few" "$podman"
	awk -v v="$(pss $(children_named conmon))" -v n="$few" 'BEGIN { printf "podman %.4f\n", v / n / 1024 }' >>"$E/figures"
fi
awk -v n="$up" '{ v[$1] = $2 } END {
	printf "memory per idle container (%d)\t%.3f MB\tdocker %.2f", n, v["onggi"], v["docker"]
	if ("podman" in v) printf ", podman %.2f", v["podman"]
	printf "\t%.3g x docker", v["onggi"] / v["docker"]
	if ("podman" in v) printf ", %.3g x podman", v["onggi"] / v["podman"]
	printf "\t<= 0.2 MB\t%s\n", (v["onggi"] <= 0.2 ? "yes" : "no")
}' "$E/figures"
