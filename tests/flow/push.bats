#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pushes to a real registry: bit-exact what was pulled, compression of what is plain, layers that are
# there, mounts from other repositories, all tags, output, refusals.

load pull_lib

setup_file() {
	store_setup
	store_registry
	python3 "$LIB/mkimage.py" "$T/oci" --tag gzip --kb 300
	python3 "$LIB/mkimage.py" "$T/oci" --tag zstd --compress zstd --kb 300 --seed zstd
	python3 "$LIB/mkimage.py" "$T/oci" --tag plain --compress none --kb 3000 --seed plain
	python3 "$LIB/mkimage.py" "$T/oci" --tag docker --kb 300 --seed docker
	for tag in gzip zstd; do copy_in "$tag" "src:$tag"; done
	copy_in docker src:docker --format v2s2
	skopeo copy -q "oci:$T/oci:plain" "docker-archive:$T/plain.tar:plain:1" 3>&-
}

teardown_file() {
	registry_stop
	store_teardown
}

setup() {
	store_fresh
}

raw() { # NAME: the manifest as the registry has it
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"
}

# pull, rename, push: the bytes of the manifest come back
@test "what was pulled is pushed bit by bit, in every format" {
	for tag in gzip zstd docker; do
		image pull -q "$REGISTRY/src:$tag"
		is_status 0
		onggi tag "$REGISTRY/src:$tag" "$REGISTRY/exact-$tag:1"
		image push "$REGISTRY/exact-$tag:1"
		is_status 0
		cmp <(raw "src:$tag") <(raw "exact-$tag:1")
	done
}

@test "plain layers are compressed, the image stays the same" {
	onggi load -q -i "$T/plain.tar"
	id=$(onggi images -q --no-trunc)
	onggi tag plain:1 "$REGISTRY/gz:1"
	image push "$REGISTRY/gz:1"
	is_status 0
	has Pushed
	[ "$(raw gz:1 | jq -r '[.layers[].mediaType] | unique[]')" = application/vnd.docker.image.rootfs.diff.tar.gzip ]
	store_fresh
	image pull -q "$REGISTRY/gz:1"
	is_status 0
	[ "$(onggi images -q --no-trunc)" = "$id" ]
}

@test "the same layers give the same bytes again, and are not compressed twice" {
	onggi load -q -i "$T/plain.tar"
	onggi tag plain:1 "$REGISTRY/twice:1"
	onggi tag plain:1 "$REGISTRY/twice:2"
	image push "$REGISTRY/twice:1"
	is_status 0
	image push "$REGISTRY/twice:2"
	is_status 0
	has 'Layer already exists'
	hasnt Pushed
	cmp <(raw twice:1) <(raw twice:2)
	# what is remembered of it goes with what nobody needs
	[ -n "$(ls "$ONGGI_ROOT/pushed")" ]
	onggi image prune -a -f >/dev/null
	[ ! -e "$ONGGI_ROOT/pushed" ]
}

@test "zstd and levels on demand" {
	onggi load -q -i "$T/plain.tar"
	onggi tag plain:1 "$REGISTRY/z:1"
	image push --compression-format zstd --compression-level 9 "$REGISTRY/z:1"
	is_status 0
	[ "$(raw z:1 | jq -r '[.layers[].mediaType] | unique[]')" = application/vnd.oci.image.layer.v1.tar+zstd ]
	image push --compression-format gzip --compression-level 9 "$REGISTRY/z:1"
	is_status 0
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/z:1" "oci:$T/z-back:1" 3>&-
}

@test "what is compressed is compressed anew only with --force-compression" {
	image pull -q "$REGISTRY/src:docker"
	onggi tag "$REGISTRY/src:docker" "$REGISTRY/force:1"
	image push --compression-format zstd "$REGISTRY/force:1"
	is_status 0
	cmp <(raw src:docker) <(raw force:1)
	image push --compression-format zstd --force-compression "$REGISTRY/force:1"
	is_status 0
	# docker's manifests have no zstd: it becomes one of OCI
	[ "$(raw force:1 | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	store_fresh
	image pull -q "$REGISTRY/force:1"
	is_status 0
}

@test "a layer that another repository has is mounted from there" {
	image pull -q "$REGISTRY/src:gzip"
	onggi tag "$REGISTRY/src:gzip" "$REGISTRY/mounted/here:1"
	image push "$REGISTRY/mounted/here:1"
	is_status 0
	has 'Mounted from src'
	hasnt ': Pushed'
}

@test "output is docker's; a pushed image has a digest" {
	image pull -q "$REGISTRY/src:gzip"
	onggi tag "$REGISTRY/src:gzip" "$REGISTRY/out"
	image push "$REGISTRY/out"
	is_status 0
	[ "${lines[0]}" = 'Using default tag: latest' ]
	[ "${lines[1]}" = "The push refers to repository [$REGISTRY/out]" ]
	digest=sha256:$(raw out:latest | sha256sum | cut -d' ' -f1)
	[ "${lines[-1]}" = "latest: digest: $digest size: $(raw out:latest | wc -c)" ]
	onggi inspect -f '{{json .RepoDigests}}' "$REGISTRY/out" | grep -qF "$REGISTRY/out@$digest"
	image push -q "$REGISTRY/out"
	is_status 0
	[ "$output" = "$REGISTRY/out:latest" ]
}

@test "all tags of a repository" {
	image pull -q "$REGISTRY/src:gzip"
	for tag in a b c; do onggi tag "$REGISTRY/src:gzip" "$REGISTRY/all:$tag"; done
	image push -a "$REGISTRY/all"
	is_status 0
	[ "$(skopeo list-tags --tls-verify=false "docker://$REGISTRY/all" | jq -c '.Tags|sort')" = '["a","b","c"]' ]
	image push -a "$REGISTRY/all:a"
	is_status 1
	has "tag can't be used with --all-tags"
}

@test "an archive of docker that is loaded can be pushed" {
	skopeo copy -q "oci:$T/oci:plain" "docker-archive:$T/named.tar:$REGISTRY/loaded:1" 3>&-
	onggi load -q -i "$T/named.tar"
	image push "$REGISTRY/loaded:1"
	is_status 0
	[ "$(raw loaded:1 | jq -r '.layers[0].mediaType')" = application/vnd.docker.image.rootfs.diff.tar.gzip ]

	skopeo inspect --tls-verify=false "docker://$REGISTRY/loaded:1" >/dev/null
}

@test "an index is pushed whole when what is not here is there" {
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch arm64,amd64 --kb 100 --seed multi
	copy_in multi src:multi --all
	image pull -q --platform linux/amd64 "$REGISTRY/src:multi"
	image push "$REGISTRY/src:multi"
	is_status 0
	[ "$(raw src:multi | jq '.manifests | length')" = 3 ]
	# elsewhere only this image can go
	onggi tag "$REGISTRY/src:multi" "$REGISTRY/multi:1"
	image push "$REGISTRY/multi:1"
	is_status 0
	has 'pushing this image alone'
	[ "$(raw multi:1 | jq '.layers | length')" = 3 ]
	image push --platform linux/amd64 "$REGISTRY/multi:2"
	is_status 1
	image push --platform linux/amd64 "$REGISTRY/src:multi"
	is_status 0
	[ "$(raw src:multi | jq '.layers | length')" = 3 ]
	image push --platform linux/s390x "$REGISTRY/multi:1"
	is_status 1
	has s390x
}

@test "refusals" {
	image push nope
	is_status 1
	has 'An image does not exist locally with the tag: nope'
	image push "nope@sha256:$(printf %064d 1)"
	is_status 1
	has 'cannot push a digest reference'
	image push UPPER/case:1
	is_status 1
	image pull -q "$REGISTRY/src:gzip"
	onggi tag "$REGISTRY/src:gzip" 127.0.0.1:1/x:1
	image push 127.0.0.1:1/x:1
	is_status 1
	has 'is the registry running?'
	image push --compression-format lz4 127.0.0.1:1/x:1
	is_status 1
	has 'gzip, zstd or zstd:chunked'
	image push --compression-level 77 127.0.0.1:1/x:1
	is_status 1
	has 'has 1 to 9'
	image push --disable-content-trust=false 127.0.0.1:1/x:1
	is_status 125
}
