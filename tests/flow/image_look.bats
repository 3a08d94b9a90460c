#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Looking at images: diff of layers and of images as podman shows it, --platform of inspect, history and rmi, and what
# inspect tells of the index that an image came from.

load pull_lib

setup_file() {
	store_setup
	store_registry
	store_podman
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 30 --seed a
	python3 "$LIB/mkimage.py" "$T/oci" --tag b --kb 30 --seed b
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 30 --seed m
	for tag in a b multi; do
		copy_in "$tag" "src:$tag" --all
	done
}

teardown_file() {
	registry_stop
	store_podman_done
	store_teardown
}

setup() { store_fresh; }

@test "diff of the last layer is that of podman" {
	podman_setup "$PODMAN_DIR"
	for tag in a b; do
		onggi pull -q "$REGISTRY/src:$tag"
		podman_run pull -q --tls-verify=false "docker://$REGISTRY/src:$tag" 3>&-
	done
	podman_run image diff "$REGISTRY/src:a" 3>&- | sort >"$T/podman.txt"
	[ -s "$T/podman.txt" ]
	diff "$T/podman.txt" <(onggi image diff "$REGISTRY/src:a" | sort)
	diff "$T/podman.txt" <(onggi diff "$REGISTRY/src:a" | sort)
	podman_run image diff --format json "$REGISTRY/src:a" 3>&- | jq -S 'map_values(sort)' >"$T/podman.json"
	diff "$T/podman.json" <(onggi image diff --format json "$REGISTRY/src:a" | jq -S 'map_values(sort)')
	[ -z "$(onggi image diff "$REGISTRY/src:a" "$REGISTRY/src:a")" ]
	# same size and time, other bytes: podman does not look at those
	[ "$(onggi image diff "$REGISTRY/src:a" "$REGISTRY/src:b")" = "C /noise" ]
}

@test "diff of two images: added, deleted, changed by content alone, capabilities, types" {
	mk() { # NAME: image of $T/tree
		tar -C "$T/tree" --sort=name --xattrs --xattrs-include='*' -cf "$T/$1.tar" .
		onggi import -q "$T/$1.tar" "$1" 2>/dev/null || onggi import "$T/$1.tar" "$1" >/dev/null
	}
	mkdir -p "$T/tree/d/e" "$T/tree/gone/x" "$T/tree/kept"
	for f in same content mode cap d/e/deep gone/x/y type; do echo one >"$T/tree/$f"; done
	ln -s a "$T/tree/link"
	touch -h -d @1000000000 "$T"/tree/* "$T/tree/d/e/deep"
	mk old
	[ "$(onggi image diff old | head -1)" = "A /cap" ] # all of the only layer is new
	echo two >"$T/tree/content"
	chmod 600 "$T/tree/mode"
	setcap cap_net_raw+ep "$T/tree/cap"
	rm -r "$T/tree/gone" "$T/tree/type"
	mkdir "$T/tree/type"
	ln -sf b "$T/tree/link"
	echo new >"$T/tree/d/e/new"
	touch -h -d @1000000000 "$T"/tree/* "$T/tree/d/e" "$T/tree/d"
	mk new
	run -0 onggi image diff new old
	[ "$output" = "C /cap
C /content
C /d
C /d/e
A /d/e/new
D /gone
C /link
C /mode
C /type" ]
	podman_setup "$PODMAN_DIR"
	for i in old new; do podman_run import -q "$T/$i.tar" "localhost/$i" 3>&-; done
	podman_run image diff localhost/new localhost/old 3>&- | sort >"$T/podman.txt"
	diff "$T/podman.txt" <(onggi image diff new old | grep -v -e 'C /content' -e 'C /link' | sort) # which it does not read
	run -0 onggi image diff --json new old
	jq -e '.added == ["/d/e/new"] and .deleted == ["/gone"] and (.changed | length) == 7' <<<"$output"
	run ! onggi image diff --format table new
	has "is no format of diff"
	run ! onggi diff nothing
	has "No such container: nothing"
	run ! onggi image diff nothing
	has "No such image: nothing"
}

@test "--platform of inspect, history and rmi: what was pulled of one index" {
	for p in amd64 arm64; do onggi pull -q --platform "linux/$p" "$REGISTRY/src:multi"; done
	[ "$(onggi image inspect -f '{{.Architecture}}' "$REGISTRY/src:multi")" = arm64 ]
	for p in amd64 arm64; do
		[ "$(onggi image inspect --platform "linux/$p" -f '{{.Architecture}}' "$REGISTRY/src:multi")" = $p ]
		onggi history -q --no-trunc --platform "linux/$p" "$REGISTRY/src:multi" | head -1 >"$T/id"
		[ "$(cat "$T/id")" = "$(onggi image inspect --platform "linux/$p" -f '{{.Id}}' "$REGISTRY/src:multi")" ]
	done
	run ! onggi image inspect --platform linux/s390x "$REGISTRY/src:multi"
	has "was found but does not provide the specified platform (linux/s390x)"
	run ! onggi rmi --platform linux/s390x "$REGISTRY/src:multi"
	run ! onggi history --platform nonsense/x/y/z "$REGISTRY/src:multi"
	has "cannot parse platform specifier"
	onggi save --platform linux/amd64 "$REGISTRY/src:multi" | tar xOf - manifest.json |
		jq -e --arg id "$(onggi image inspect --platform linux/amd64 -f '{{.Id}}' "$REGISTRY/src:multi")" \
			'.[0].Config | endswith($id[7:])'
	run ! onggi save --platform linux/s390x -o "$T/none.tar" "$REGISTRY/src:multi"
	has "is for linux/arm64, not for linux/s390x"
	onggi rmi --platform linux/amd64 "$REGISTRY/src:multi"
	[ "$(onggi image inspect -f '{{.Architecture}}' "$REGISTRY/src:multi")" = arm64 ]
	run ! onggi image inspect --platform linux/amd64 "$REGISTRY/src:multi"
	run ! onggi rmi --platform linux/arm64,linux/amd64 "$REGISTRY/src:multi"
	has "No such image" # the first of the two is gone
	[ -z "$(onggi images -qa)" ]
}

# what is lost or changed of one platform, whichever was pulled last
@test "rmi --platform of an image that is damaged leaves the others" {
	for last in amd64 arm64; do
		for what in config-lost config-changed manifest-lost manifest-changed record-changed; do
			for bad in amd64 arm64; do
				for gone in amd64 arm64; do
					# what another record needs is not known while it is damaged: nothing is taken away then
					[ $what != record-changed ] || [ $bad = $gone ] || continue
					store_fresh
					for p in amd64 arm64; do [ $p = $last ] || onggi pull -q --platform "linux/$p" "$REGISTRY/src:multi"; done
					onggi pull -q --platform "linux/$last" "$REGISTRY/src:multi"
					left=amd64
					[ $gone = arm64 ] || left=arm64
					keep=$(onggi image inspect --platform "linux/$left" -f '{{.Id}}' "$REGISTRY/src:multi")
					id=$(onggi image inspect --platform "linux/$bad" -f '{{.Id}}' "$REGISTRY/src:multi")
					case $what in
					config-*) file=$ONGGI_ROOT/blobs/sha256/${id#sha256:} ;;
					manifest-*) file=$ONGGI_ROOT/blobs/$(jq -r .manifest.digest "$ONGGI_ROOT/images/${id#sha256:}" | tr : /) ;;
					record-*) file=$ONGGI_ROOT/images/${id#sha256:} ;;
					esac
					[ -f "$file" ]
					case $what in
					*-lost) rm "$file" ;;
					*) echo broken >"$file" ;;
					esac
					onggi rmi --platform "linux/$gone" "$REGISTRY/src:multi" || { echo "$last $what $bad $gone"; return 1; }
					[ "$(ls "$ONGGI_ROOT/images")" = "${keep#sha256:}" ] || { echo "$last $what $bad $gone left"; return 1; }
				done
			done
		done
	done
	run ! onggi rmi --platform linux/s390x "$keep"
}

@test "inspect tells of every platform of the index: which is here, its size, who uses it" {
	onggi pull -q --platform linux/amd64 "$REGISTRY/src:multi"
	id=$(onggi create --network none "$REGISTRY/src:multi" true)
	onggi image inspect "$REGISTRY/src:multi" >"$T/inspect"
	jq -e '[.[0].Manifests[].Kind] | sort == ["attestation", "image", "image"]' "$T/inspect"
	jq -e --arg id "$id" '.[0] as $i | $i.Manifests[] | select(.ImageData.Platform.architecture == "amd64") |
		.Available and .ImageData.Containers == [$id] and .ImageData.Size.Unpacked == $i.Size and
		.Size.Total == .Size.Content + .ImageData.Size.Unpacked and .ID == .Descriptor.digest' "$T/inspect"
	jq -e '.[0].Manifests[] | select(.ImageData.Platform.architecture == "arm64") |
		(.Available | not) and .ImageData.Containers == []' "$T/inspect"
	jq -e '.[0] | .Metadata.LastTagTime > "2" and .Descriptor.mediaType == "application/vnd.oci.image.index.v1+json"
		and .GraphDriver.Name == "overlay2"' "$T/inspect"
	onggi rm "$id"
	# of a single manifest there is none
	onggi pull -q "$REGISTRY/src:a"
	onggi image inspect "$REGISTRY/src:a" | jq -e '.[0] | has("Manifests") | not'
}

@test "inspect has podman's members beside docker's" {
	podman_setup "$PODMAN_DIR"
	onggi pull -q "$REGISTRY/src:a"
	podman_run pull -q --tls-verify=false "docker://$REGISTRY/src:a" 3>&-
	members='.[0] | {Digest, ManifestType, User, Version, Labels, Annotations, History, Architecture, Os, Author, Parent, Created,
		RepoTags, RepoDigests, RootFS}'
	podman_run image inspect "$REGISTRY/src:a" 3>&- | jq -S "$members" >"$T/podman.json"
	diff "$T/podman.json" <(onggi image inspect "$REGISTRY/src:a" | jq -S "$members")
}

@test "create --platform takes what is here, and fetches only what is not" {
	onggi pull -q --platform linux/arm64 "$REGISTRY/src:multi"
	onggi pull -q --platform linux/amd64 "$REGISTRY/src:multi"
	kill -STOP "$REGISTRY_PID" # nobody is asked
	run onggi create --platform linux/amd64 "$REGISTRY/src:multi" true
	first=$status
	run onggi create --pull never --platform linux/arm64 "$REGISTRY/src:multi" true
	kill -CONT "$REGISTRY_PID"
	[ "$first" = 0 ]
	[ "$status" = 1 ]
	has "for platform linux/arm64 is not here"
	onggi create --platform linux/arm64 "$REGISTRY/src:multi" true
	[ "$(onggi image inspect -f '{{.Architecture}}' "$REGISTRY/src:multi")" = arm64 ]
}
