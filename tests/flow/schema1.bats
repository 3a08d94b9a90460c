#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images with a manifest of schema 1: from a registry that serves them still, converted as skopeo does it; and manifests
# that are wrong in one thing.

load pull_lib

setup_file() {
	store_setup
	# docker-registry takes them when it is told to
	REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED=true registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
	python3 "$LIB/mkimage.py" "$T/oci" --kb 100
	skopeo copy -q --dest-tls-verify=false --format v2s1 "oci:$T/oci:latest" "docker://$REGISTRY/old:1" 3>&-
	lying_start "$T/oci" 3>&-
}

teardown_file() {
	lying_stop
	registry_stop
	store_teardown
}

setup() { store_fresh; }

payload_digest() { # as the registry says it
	curl -sI -H 'Accept: application/vnd.docker.distribution.manifest.v1+prettyjws' \
		"http://$REGISTRY/v2/old/manifests/1" | tr -d '\r' | sed -n 's/^Docker-Content-Digest: //p'
}

@test "pull, run, pull again, by digest; image and config are those of skopeo's conversion" {
	d=$(payload_digest)
	image pull "$REGISTRY/old:1"
	is_status 0
	has "Digest: $d"
	has "it is converted"
	[ "$(onggi run --rm --network none "$REGISTRY/old:1" echo fine)" = fine ]
	skopeo copy -q --src-tls-verify=false --format v2s2 "docker://$REGISTRY/old:1" "dir:$T/skopeo" 3>&-
	id=$(jq -r .config.digest "$T/skopeo/manifest.json")
	[ "$(onggi image inspect -f '{{.Id}}' "$REGISTRY/old:1")" = "$id" ]
	cmp "$ONGGI_ROOT/blobs/sha256/${id#sha256:}" "$T/skopeo/${id#sha256:}"
	[ "$(onggi image inspect -f '{{json .RepoDigests}}' "$REGISTRY/old:1")" = "[\"$REGISTRY/old@$d\"]" ]
	image pull "$REGISTRY/old:1"
	has "Image is up to date"
	hasnt "it is converted"
	onggi rmi "$REGISTRY/old:1"
	onggi image prune -a -f
	[ -z "$(find "$ONGGI_ROOT/blobs" -type f)" ]
	image pull -q "$REGISTRY/old@$d"
	is_status 0
	image pull -q "$REGISTRY/old@sha256:$(printf '%064d' 7)"
	is_status 1
	onggi system check
}

@test "what was pulled is pushed with a manifest of schema 2, saved and loaded" {
	image pull -q "$REGISTRY/old:1"
	onggi tag "$REGISTRY/old:1" "$REGISTRY/new:1"
	image push "$REGISTRY/new:1"
	is_status 0
	hasnt "Not all of the index"
	skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/new:1" |
		jq -e '.schemaVersion == 2 and .mediaType == "application/vnd.docker.distribution.manifest.v2+json"'
	id=$(onggi images -q --no-trunc "$REGISTRY/new:1")
	onggi save -o "$T/old.tar" "$REGISTRY/old:1"
	store_fresh
	onggi load -q -i "$T/old.tar"
	[ "$(onggi images -q --no-trunc)" = "$id" ]
}

@test "a layer that changed nothing is history only" {
	image pull -q "$LYING/schema1/x"
	is_status 0
	onggi run --rm --network none "$LYING/schema1/x" true
	run -0 onggi history --no-trunc --format '{{.CreatedBy}}|{{.Size}}' "$LYING/schema1/x"
	[ "${lines[0]}" = "step <3>|0B" ]
	[ "${#lines[@]}" = 4 ]
	[ "$(onggi image inspect -f '{{len .RootFS.Layers}} {{.Author}}' "$LYING/schema1/x")" = "3 me & you" ]
}

@test "manifest inspect shows it as it is" {
	onggi manifest inspect "$REGISTRY/old:1" | jq -e '.schemaVersion == 1 and (.signatures | length) == 1'
	run ! onggi manifest inspect -v "$REGISTRY/old:1"
	has "schema version 1 is not supported"
}

raw() { # REGISTRY/NAME: the manifest as it is there
	curl -sf -H 'Accept: application/vnd.docker.distribution.manifest.v1+prettyjws' \
		-H 'Accept: application/vnd.oci.image.index.v1+json' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		-H 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
		-H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "http://${1%%/*}/v2/${2:-${1#*/}}"
}

payload() { # the same without signatures: docker-registry signs anew whenever it is asked
	raw "$@" | jq -S 'del(.signatures)'
}

image_id() { # of what a pull makes of it
	image pull -q "$REGISTRY/old:1"
	onggi images -q --no-trunc "$REGISTRY/old:1"
	store_fresh
}

# one that takes no schema 1: $MODERN
modern_start() {
	local REGISTRY REGISTRY_PID
	onggi_registry_start "$T/modern.$BATS_TEST_NUMBER" 3>&-
	MODERN=$REGISTRY MODERN_PID=$REGISTRY_PID
}

modern_stop() {
	[ -n "${MODERN_PID:-}" ] || return 0
	kill "$MODERN_PID"
	wait "$MODERN_PID"
	MODERN_PID=
}

teardown() { modern_stop; }

@test "a copy is the same bytes where the target takes them: registries, dir:" {
	d=$(payload_digest)
	run -0 onggi registry copy -q "$REGISTRY/old:1" "$REGISTRY/same:1"
	has "$d"
	cmp <(payload "$REGISTRY" old/manifests/1) <(payload "$REGISTRY" same/manifests/1)
	run -0 onggi registry copy -q "docker://$REGISTRY/old@$d" "dir:$T/dir"
	cmp <(payload "$REGISTRY" old/manifests/1) <(jq -S "del(.signatures)" "$T/dir/manifest.json")
	jq -e '.signatures | length == 1' "$T/dir/manifest.json"
	run -0 onggi registry copy -q --preserve-digests "dir:$T/dir" "$REGISTRY/back:1"
	has "$d"
	cmp <(payload "$REGISTRY" old/manifests/1) <(payload "$REGISTRY" back/manifests/1)
	skopeo copy -q --dest-tls-verify=false "dir:$T/dir" "docker://$REGISTRY/skopeo:1" 3>&-
	image pull -q "$REGISTRY/back:1"
	[ "$(onggi run --rm --network none "$REGISTRY/back:1" echo fine)" = fine ]
	id=$(onggi images -q --no-trunc)
	store_fresh
	onggi pull -q "dir:$T/dir"
	[ "$(onggi images -q --no-trunc)" = "$id" ]
}

@test "a copy is converted where the target takes none: the same image ID as that of a pull" {
	modern_start
	id=$(image_id)
	run -0 onggi registry copy "$REGISTRY/old:1" "$MODERN/new:1"
	has "it is converted"
	raw "$MODERN" new/manifests/1 >"$T/converted"
	jq -e --arg id "$id" '.schemaVersion == 2 and .config.digest == $id' "$T/converted"
	has "sha256:$(sha256sum <"$T/converted" | cut -c 1-64)"
	skopeo copy -q --src-tls-verify=false --format v2s2 "docker://$REGISTRY/old:1" "dir:$T/v2s2" 3>&-
	cmp "$T/converted" "$T/v2s2/manifest.json"
	run -0 onggi registry copy -q "$REGISTRY/old:1" "oci:$T/layout:x"
	jq -e '.manifests[0].mediaType == "application/vnd.oci.image.manifest.v1+json"' "$T/layout/index.json"
	skopeo inspect --raw "oci:$T/layout:x" | jq -e --arg id "$id" '.config.digest == $id'
	skopeo copy -q "oci:$T/layout:x" "dir:$T/read" 3>&-
	for to in "oci-archive:$T/o.tar:x" "docker-archive:$T/d.tar:x:1"; do
		onggi registry copy -q "$REGISTRY/old:1" "$to"
		onggi pull -q "$to"
		[ "$(onggi images -q --no-trunc)" = "$id" ]
		store_fresh
	done
}

@test "--preserve-digests: a conversion is refused, and nothing is left" {
	modern_start
	for to in "$MODERN/new:1" "oci:$T/none:x" "docker-archive:$T/none.tar:x:1"; do
		run ! onggi registry copy -q --preserve-digests "$REGISTRY/old:1" "$to"
	done
	has "another digest"
	[ ! -e "$T/none" ]
	[ ! -e "$T/none.tar" ]
	run ! raw "$MODERN" new/manifests/1
}

@test "a member of a list: pushed as it is or converted, pulled, copied as a whole" {
	d=$(payload_digest)
	modern_start
	id=$(image_id)
	copy_in latest new:1
	onggi manifest create l "$REGISTRY/old:1"
	onggi manifest add --arch arm64 l "$REGISTRY/new:1"
	onggi manifest push l "$REGISTRY/list:1"
	raw "$REGISTRY" list/manifests/1 | jq -e --arg d "$d" '.manifests[0].digest == $d and
		.manifests[0].mediaType == "application/vnd.docker.distribution.manifest.v1+prettyjws" and
		.manifests[0].platform.os == "linux" and .manifests[1].platform.architecture == "arm64"'
	cmp <(payload "$REGISTRY" old/manifests/1) <(payload "$REGISTRY" "list/manifests/$d")
	onggi pull -q "$REGISTRY/list:1"
	[ "$(onggi images -q --no-trunc)" = "$id" ]
	onggi run --rm --network none "$REGISTRY/list:1" true
	onggi system check
	onggi registry copy -q "$REGISTRY/list:1" "$REGISTRY/second:1"
	cmp <(raw "$REGISTRY" list/manifests/1) <(raw "$REGISTRY" second/manifests/1)
	run ! onggi registry copy -q "$REGISTRY/list:1" "$MODERN/list:1"
	has "an index names it"
	run -0 onggi manifest push l "$MODERN/list:1"
	m=$(raw "$MODERN" list/manifests/1 | jq -r '.manifests[0].digest')
	raw "$MODERN" "list/manifests/$m" | jq -e --arg id "$id" '.schemaVersion == 2 and .config.digest == $id'
	onggi pull -q "$MODERN/list:1"
	[ "$(onggi images -q --no-trunc | sort -u)" = "$id" ]
}

@test "what is wrong in one thing is refused, and nothing is left" {
	while read -r name words; do
		image pull -q "$LYING/$name/x"
		is_status 1
		has "$words"
		store_is_empty
		store_is_clean
	done <<-'LIES'
		v1count 4 fsLayers and 3 entries of history
		v1empty 0 fsLayers and 0 entries of history
		v1many 1025 layers: more than 1024
		v1parent has a parent
		v1path fsLayers[1].blobSum
		v1text history[1]
		v1far formatLength is beyond its end
		v1negative no formatLength
		v1tail no formatLength and formatTail
		v1forged manifest verification failed
	LIES
}
