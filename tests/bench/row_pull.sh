#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Pulls from a registry on loopback, into empty stores: of an image of more than 400 MB in eight layers, of one of 60
# small layers, of one with 100000 small files (images.sh); by the usual driver, and by erofs where the kernel has it.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
for p in umoci skopeo docker-registry; do have $p || skip "pull" "$p is not installed"; done
engines_start "pull" "$0"
erofs=
! $onggi -s erofs create base true >/dev/null 2>&1 || erofs=yes

big_image
registry_start "$E/registry" >&2
skopeo copy -q --dest-tls-verify=false "oci:$layout:latest" "docker://$REGISTRY/bench400:latest"
sixty_image "$REGISTRY/sixty:latest"
files_image "$REGISTRY/files:latest"

pulls() { # image, words
	pull_rounds "$REGISTRY/$1:latest" $erofs
	row "pull, $2" "$E/figures" onggi s "docker 0.33" "podman 0.33"
	[ -z "$erofs" ] || row "pull, $2, driver erofs" "$E/figures" erofs s "docker 0.2" "podman 0.2"
}

pulls bench400 "$(image_size)"
pulls sixty "60 small layers"
pulls files "100000 small files in one layer"
