#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From the command to the first word of a container whose image of 300 MB (estargz) is in a registry on loopback:
# with --pull lazy, beside a pull of the whole, here and by the peers.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
for p in skopeo docker-registry; do have $p || skip "lazy start" "$p is not installed"; done
[ -c /dev/fuse ] || skip "lazy start" "no /dev/fuse"
engines_start "lazy start" "$0"
rounds=${BENCH_ROUNDS:-3}
lib=$(dirname "$0")/../lib

python3 "$lib/toc_layers.py" "$E/toc" 1 --form estargz --files 2000 --kb 300000 >/dev/null
registry_start "$E/registry" >&2
ref=$REGISTRY/toc:1
skopeo copy -q --dest-tls-verify=false "oci:$E/toc:1" "docker://$ref"

r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	clock onggi $onggi run --rm --network none --pull lazy "$ref" sh -c 'echo hello'
	$onggi pull -q "$ref" >/dev/null # waits for the rest
	$onggi rmi -f "$ref" >/dev/null
	clock whole $onggi run --rm --network none "$ref" sh -c 'echo hello'
	$onggi rmi -f "$ref" >/dev/null
	clock docker $docker run --rm --network none "$ref" sh -c 'echo hello'
	$docker rmi -f "$ref" >/dev/null
	if [ -n "$podman" ]; then
		clock podman $podman run --rm --network none --tls-verify=false "$ref" sh -c 'echo hello'
		$podman rmi -f "$ref" >/dev/null
	fi
done
figures "$E/figures"
row "first output, 300 MB, --pull lazy" "$E/figures" onggi s
