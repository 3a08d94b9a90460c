#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# registry sync: the same names and digests as skopeo sync, between registry and folders, in every direction.

load transports_lib

sync() { # ARGS: both streams in $output
	run timeout 60 "$ONGGI_BIN/onggi" registry sync "$@"
}

# all images below DIR: path and digest of the manifest
tree() {
	(cd "$1" && find . -name manifest.json | sort | while read -r f; do echo "$f $(sha256sum <"$f")"; done)
}

# all tags of repository NAME with their digests
tags() {
	local tag
	for tag in $(onggi registry tags "$REGISTRY/$1"); do echo "$tag $(digest_of "docker://$REGISTRY/$1:$tag")"; done
}

@test "docker to dir: as skopeo has it, with and without --scoped, one tag, one digest, all platforms or this one" {
	digest=$(digest_of "docker://$REGISTRY/src:gzip")
	i=0
	for args in "$REGISTRY/src" "--all $REGISTRY/src" "--scoped --all $REGISTRY/src" "$REGISTRY/src:zstd" \
		"--scoped $REGISTRY/src:gzip" "$REGISTRY/src@$digest"; do
		i=$((i + 1))
		skopeo sync --src docker --dest dir --src-tls-verify=false $args theirs$i 3>&- 2>/dev/null
		sync --src docker --dest dir $args ours$i
		is_status 0
		diff <(tree ours$i) <(tree theirs$i) || { echo "$args"; return 1; }
		[ -n "$(tree ours$i)" ]
	done
	has "Synced 1 images"
	sync -s docker -d dir --platform linux/arm64 "$REGISTRY/src:multi" arm
	is_status 0
	[ "$(digest_of dir:arm/src:multi)" = "$(raw "docker://$REGISTRY/src:multi" | jq -r '.manifests[] | select(.platform.architecture == "arm64").digest')" ]
}

@test "dir to docker, docker to docker: names and digests" {
	sync --src docker --dest dir --all "$REGISTRY/src" tree/quay.io/team
	is_status 0
	mkdir tree/empty && ln -s quay.io tree/link
	i=0
	for args in tree tree/ "--scoped tree" "tree/quay.io/team/src:gzip" "--scoped tree/quay.io/team/src:gzip" "--scoped tree/quay.io"; do
		i=$((i + 1))
		skopeo sync --all --src dir --dest docker --dest-tls-verify=false $args "$REGISTRY/theirs$i" 3>&- 2>/dev/null
		sync --all --src dir --dest docker $args "$REGISTRY/ours$i"
		is_status 0
		repository=$(onggi registry ls "$REGISTRY" | grep "^theirs$i/")
		diff <(tags "ours${repository#theirs}") <(tags "$repository") || { echo "$args"; return 1; }
	done
	sync --src dir --dest docker --all tree "$REGISTRY/plain"
	is_status 0
	diff <(tags plain/src) <(tags src)
	sync --src docker --dest docker --all "$REGISTRY/src" "$REGISTRY/mirror/"
	is_status 0
	has "Synced 5 images"
	diff <(tags mirror/src) <(tags src)
	sync --src docker --dest docker --all --append-suffix -old "$REGISTRY/src:gzip" "$REGISTRY/mirror"
	is_status 0
	same "docker://$REGISTRY/mirror/src:gzip-old" "docker://$REGISTRY/src:gzip"
}

@test "--format and --preserve-digests: as skopeo converts, one by one; a conversion is refused" {
	for tag in gzip docker; do
		for form in oci v2s2; do
			skopeo copy -q --src-tls-verify=false --format $form "docker://$REGISTRY/src:$tag" "dir:$PWD/theirs" 3>&-
			onggi registry copy -q --format $form "$REGISTRY/src:$tag" "dir:$PWD/ours"
			[ "$(jq -S . ours/manifest.json)" = "$(jq -S . theirs/manifest.json)" ] || [ "$form" = oci ]
			jq -e --arg t "$([ $form = oci ] && echo oci || echo docker)" \
				'(.mediaType // "application/vnd.oci.image.manifest.v1+json") | contains($t)' ours/manifest.json
			skopeo copy -q "dir:$PWD/ours" "oci:$PWD/layout-$tag-$form:x" 3>&-
			[ "$(jq -r .config.digest ours/manifest.json)" = "$(raw "docker://$REGISTRY/src:$tag" | jq -r .config.digest)" ]
		done
	done
	# what has the form already stays to the bit
	onggi registry copy -q --format oci --preserve-digests "$REGISTRY/src:gzip" "dir:$PWD/same"
	cmp same/manifest.json <(raw "docker://$REGISTRY/src:gzip")
	run ! onggi registry copy -q --format v2s2 --preserve-digests "$REGISTRY/src:gzip" "dir:$PWD/none"
	[[ $output == *"--preserve-digests"*"has another digest in the form of docker"* ]]
	[ ! -e none ]
	run ! onggi registry copy -q --format v2s1 "$REGISTRY/src:gzip" "dir:$PWD/none"
	[[ $output == *"is read, not written"* ]]
	run ! onggi registry copy -q --format oci "$REGISTRY/src:gzip" "docker-archive:$PWD/d.tar:x:1"
	[[ $output == *"has a form of its own"* ]]
	# an index with all that it names
	onggi registry copy -q --format v2s2 "$REGISTRY/src:multi" "$REGISTRY/form:multi"
	raw "docker://$REGISTRY/form:multi" | jq -e '.mediaType == "application/vnd.docker.distribution.manifest.list.v2+json" and
		([.manifests[].mediaType] | unique == ["application/vnd.docker.distribution.manifest.v2+json"])'
	skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/form:multi" "dir:$PWD/multi" 3>&-
	onggi registry copy -q --format oci "$REGISTRY/form:multi" "$REGISTRY/form:back"
	[ "$(raw "docker://$REGISTRY/form:back" | jq -cS "[.manifests[].platform]")" = "$(raw "docker://$REGISTRY/src:multi" | jq -cS "[.manifests[].platform]")" ]
	# sync
	sync --src docker --dest dir --format v2s2 --keep-going "$REGISTRY/src" tree-v2s2
	is_status 1
	has "Synced 4 images" # docker's form knows no zstd
	for f in $(find tree-v2s2 -name manifest.json); do
		jq -e '.mediaType == "application/vnd.docker.distribution.manifest.v2+json"' "$f"
	done
	sync --src docker --dest dir --format v2s2 --preserve-digests --keep-going "$REGISTRY/src" tree-kept
	is_status 1
	has "has another digest"
	has "Synced 1 images"
}

@test "errors: the first one ends it, --keep-going tells them all; nothing is written over; dry runs; wrong kinds" {
	sync --src docker --dest dir "$REGISTRY/src:gzip" out
	before=$(tree out)
	sync --src docker --dest dir "$REGISTRY/src:gzip" out
	is_status 1
	has "out/src:gzip is there already, and not written over"
	[ "$(tree out)" = "$before" ]
	sync --src docker --dest dir --keep-going "$REGISTRY/src" out
	is_status 1
	has "out/src:gzip is there already"
	has "Synced 4 images"
	has "1 images failed"
	[ "$(tree out | wc -l)" = 5 ]
	sync --src docker --dest dir --dry-run "$REGISTRY/src" dry
	is_status 0
	has "Would copy: docker://$REGISTRY/src:zstd to dry/src:zstd"
	[ ! -e dry ]
	mkdir empty
	sync --src dir --dest docker empty "$REGISTRY/x"
	is_status 1
	has "there are no images"
	sync --src dir --dest dir out x
	is_status 1
	has "from dir to dir"
	sync --src tar --dest dir out x
	is_status 1
	has "--src: docker, dir or yaml is wanted"
	sync --src docker --dest yaml out x
	is_status 1
	has "--dest: docker or dir is wanted"
	sync --dest dir out x
	is_status 1
	sync --src docker --dest dir "$REGISTRY/nothing" x
	is_status 1
	[ "$(ls)" = "$(printf 'empty\nout')" ]
}
