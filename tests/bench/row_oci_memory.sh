#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Peak resident memory of each command, the largest of its processes (see peak.c); of create also of
# the process that it leaves waiting.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "peak memory" "$0"
trap 'for r in $runtimes; do $(of $r) delete --force $id-$r >/dev/null 2>&1; done' EXIT
peak=$(dirname "$BENCH_FLOOR")/bench-peak

measure() { # NAME RUNTIME ARG...: "NAME RUNTIME KB"
	_name=$1 _of=$2
	shift 2
	"$peak" "$bundle/kb" $(of $_of) "$@" </dev/null >/dev/null
	echo "$_name $_of $(tail -n 1 "$bundle/kb")" >>"$bundle/figures"
}

: >"$bundle/figures"
paused=$bundle-paused
cp -a "$bundle" "$paused"
bundle_change "$paused" '.process.args = ["/bin/pause"]'
for r in $runtimes; do
	c=$id-$r
	measure run $r run --bundle "$bundle" $c
	measure create $r create --bundle "$paused" --pid-file "$bundle/pid" $c
	echo "create $r $(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(cat "$bundle/pid")/status")" >>"$bundle/figures"
	measure start $r start $c
	measure state $r state $c
	measure exec $r exec $c /bin/true
	measure list $r list
	measure kill $r kill $c KILL
	until $(of $r) state $c | grep -q '"status": *"stopped"'; do :; done
	measure delete $r delete $c
done
awk '{
	if (!(($1, $2) in v)) { if ($2 == "orun") name[++n] = $1 }
	if ($3 > v[$1, $2]) v[$1, $2] = $3
	if ($3 > max[$2]) { max[$2] = $3; worst[$2] = $1 }
} END {
	printf "peak memory of any command\t%.2f MB (%s)\tcrun %.1f (%s), runc %.1f (%s)\t%.3g x crun, %.3g x runc\t<= 1.2 MB\t%s\n",
		max["orun"] / 1024, worst["orun"], max["crun"] / 1024, worst["crun"], max["runc"] / 1024, worst["runc"],
		max["orun"] / max["crun"], max["orun"] / max["runc"], (max["orun"] <= 1.2 * 1024 ? "yes" : "no")
	for (i = 1; i <= n; i++) {
		ours = ours (i > 1 ? ", " : "") sprintf("%s %.2f", name[i], v[name[i], "orun"] / 1024)
		crun = crun (i > 1 ? ", " : "") sprintf("%.1f", v[name[i], "crun"] / 1024)
		runc = runc (i > 1 ? ", " : "") sprintf("%.1f", v[name[i], "runc"] / 1024)
	}
	printf "peak memory, MB each\t%s\tcrun %s; runc %s\t-\t-\t-\n", ours, crun, runc
}' "$bundle/figures"
