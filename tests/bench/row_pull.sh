#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Pull of an image of more than 400 MB in four layers from a registry on loopback, into empty stores.
# The image is made of this host's own files (/usr), so that it holds what images hold.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
for p in umoci skopeo docker-registry; do have $p || skip "pull" "$p is not installed"; done
engines_start "pull" "$0"
rounds=${BENCH_ROUNDS:-3}

# the layers: parts of /usr, about 110 MB each
layout=${BENCH_IMAGE:-$ONGGI_BUILD/test-images/bench400}
if [ ! -f "$layout/index.json" ]; then
	rm -rf "$layout" "$E/parts"
	mkdir -p "$(dirname "$layout")" "$E/parts"
	umoci init --layout "$layout"
	umoci new --image "$layout:latest"
	find /usr/bin /usr/lib /usr/share -xdev -type f -size -8M 2>/dev/null | sort >"$E/parts/all"
	# split by size: 4 x 110 MB
	xargs -d '\n' stat -c '%s %n' <"$E/parts/all" | awk -v dir="$E/parts" '
		{ s += $1; part = int(s / (115 * 1024 * 1024)); if (part > 3) exit; sub(/^[0-9]+ /, ""); print > (dir "/list" part) }'
	for i in 0 1 2 3; do
		mkdir -p "$E/parts/fs$i"
		tar -cf - -T "$E/parts/list$i" 2>/dev/null | tar -C "$E/parts/fs$i" -xf -
		umoci insert --image "$layout:latest" "$E/parts/fs$i" / >/dev/null
		rm -rf "$E/parts/fs$i"
	done
fi
registry_start "$E/registry" >&2
ref=$REGISTRY/bench400:latest
skopeo copy -q --dest-tls-verify=false "oci:$layout:latest" "docker://$ref"

: >"$E/times"
clock() { # name command...
	_name=$1
	shift
	_from=$(date +%s%N)
	"$@" >/dev/null 2>"$E/pull.err" || { cat "$E/pull.err" >&2; exit 1; }
	echo "$_name $((($(date +%s%N) - _from) / 1000))" >>"$E/times"
}
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	clock onggi $onggi pull -q "$ref"
	$onggi rmi -f "$ref" >/dev/null
	clock docker $docker pull -q "$ref"
	$docker rmi -f "$ref" >/dev/null
	if [ -n "$podman" ]; then
		clock podman $podman pull -q --tls-verify=false "$ref"
		$podman rmi -f "$ref" >/dev/null
	fi
done
sort -k1,1 -k2,2n "$E/times" | awk '
	$1 != last { if (last) show(); last = $1; n = 0 }
	{ v[++n] = $2 }
	function show() { printf "%s %.3f\n", last, v[int((n + 1) / 2)] / 1e6 }
	END { show() }' >"$E/figures"
size=$(skopeo inspect --raw "oci:$layout:latest" | jq '[.layers[].size] | add / 1000000 | floor')
row "pull, 4 layers, 440 MB (${size:-?} MB gzip)" "$E/figures" onggi s "docker 0.5" "podman 0.5"
