#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Pull of an image of more than 400 MB in four layers from a registry on loopback, into empty stores (images.sh).
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
for p in umoci skopeo docker-registry; do have $p || skip "pull" "$p is not installed"; done
engines_start "pull" "$0"
rounds=${BENCH_ROUNDS:-3}

big_image
registry_start "$E/registry" >&2
ref=$REGISTRY/bench400:latest
skopeo copy -q --dest-tls-verify=false "oci:$layout:latest" "docker://$ref"

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
figures "$E/figures"
size=$(skopeo inspect --raw "oci:$layout:latest" | jq '[.layers[].size] | add / 1000000 | floor')
row "pull, 4 layers, 440 MB (${size:-?} MB gzip)" "$E/figures" onggi s "docker 0.33" "podman 0.33"
