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

onggi() { timeout 60 "$ONGGI_BIN/onggi" "$@"; }

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

@test "manifest inspect shows it as it is; copies and lists of it are refused by name" {
	onggi manifest inspect "$REGISTRY/old:1" | jq -e '.schemaVersion == 1 and (.signatures | length) == 1'
	for cmd in "manifest inspect -v $REGISTRY/old:1" "manifest create l $REGISTRY/old:1" "registry copy $REGISTRY/old:1 $REGISTRY/x:1"; do
		run ! onggi $cmd
		has "schema version 1 is not supported"
	done
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
