#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A pull of one layer of 96 MB from a registry that sends 12 MB a second on each connection, as stores of objects in
# clouds do: here by ranges beside each other, and by the peers.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
for p in skopeo docker-registry; do have $p || skip "slow connections" "$p is not installed"; done
engines_start "slow connections" "$0"
lib=$(dirname "$0")/../lib

python3 "$lib/toc_layers.py" "$E/toc" 1 --form estargz --files 200 --kb 96000 >/dev/null
registry_start "$E/registry" >&2
skopeo copy -q --dest-tls-verify=false "oci:$E/toc:1" "docker://$REGISTRY/slow:1"
mkdir "$E/proxy"
echo pace=12000000 >"$E/proxy/mode"
python3 "$lib/count_proxy.py" "$REGISTRY" "$E/proxy" &
proxy=$!
trap 'kill $proxy; engines_stop' EXIT
until [ -s "$E/proxy/port" ]; do sleep 0.1; done
ref=127.0.0.1:$(cat "$E/proxy/port")/slow:1

pull_rounds "$ref"
row "pull 96 MB at 12 MB/s a connection" "$E/figures" onggi s
