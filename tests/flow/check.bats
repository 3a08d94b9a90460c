#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# system check: a sound store is called sound; every kind of damage is found and named, repaired as far as
# nothing is lost by it, and the next pull or load makes whole what was removed.

load pull_lib

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 200 --seed a
	python3 "$LIB/mkimage.py" "$T/oci" --tag b --kb 100 --seed b
	python3 "$LIB/mkimage.py" "$T/oci" --tag c --kb 200 --seed a --layers 4 --compress zstd # the layers of a in other blobs, one more
	lying_start "$T/oci"
}

teardown_file() {
	lying_stop
	store_teardown
}

setup() {
	store_fresh
	image pull -q "$LYING/plain/x:a"
	is_status 0
	image pull -q "$LYING/plain/x:b"
	is_status 0
	id=$(onggi images -q --no-trunc "$LYING/plain/x:a")
	record=$ONGGI_ROOT/images/${id#sha256:}
	layer=$(jq -r '.layers[2].digest' "$record")
	blob=$ONGGI_ROOT/blobs/sha256/${layer#sha256:}
}

damage() { # FILE: one byte, the size stays
	chmod u+w "$1"
	printf X | dd of="$1" bs=1 seek=100 conv=notrunc status=none
}

sound() {
	run -0 onggi system check
	has "no damage"
}

@test "a sound store, an empty one, and one beside pulls and removals" {
	sound
	[[ $output == *" 2 images, "* ]]
	run -0 onggi system check --quick
	has "(0B read)"
	run -0 onggi system check --json
	[ "$(jq -c '[.Faults, .Found, .Images]' <<<"$output")" = '[[],0,2]' ]
	(for i in 1 2 3 4 5 6; do
		onggi rmi -f "$LYING/plain/x:b" >/dev/null
		"$ONGGI_LIBEXEC/onggi-image" pull -q "$LYING/plain/x:b" >/dev/null
	done) &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		timeout 60 "$ONGGI_BIN/onggi" system check >"$T/beside" || { cat "$T/beside"; kill $pid; return 1; }
	done
	wait $pid
	store_fresh
	run -0 onggi system check
	has "0 blobs"
}

@test "a damaged layer: found by its bytes, removed by repair, brought back by a pull" {
	damage "$blob"
	run -0 onggi system check --quick
	run -1 onggi system check
	has "blob $layer is damaged: its content is sha256:"
	has "the store is damaged: 1 left"
	[ -e "$blob" ]
	run -1 onggi system check --repair
	has "removed: the next pull or load brings it anew"
	has "image $id its layer $layer is missing: it runs, but cannot be pushed or saved"
	[ ! -e "$blob" ]
	run -1 onggi system check --quick
	has "image $id"
	run -0 onggi system check --repair-lossy
	has "2 images"
	has "1 found, 1 mended"
	[ "$(onggi images -q | wc -l)" = 1 ]
	image pull -q "$LYING/plain/x:a"
	is_status 0
	sound
}

@test "an image whose config is lost or damaged is removed by its name and by its ID" {
	config=$ONGGI_ROOT/blobs/sha256/${id#sha256:}
	rm -f "$config"
	run -0 onggi rmi "$LYING/plain/x:a"
	has "Untagged: $LYING/plain/x:a"
	has "Deleted: $id"
	sound
	id=$(onggi images -q --no-trunc "$LYING/plain/x:b")
	damage "$ONGGI_ROOT/blobs/sha256/${id#sha256:}"
	run -0 onggi rmi "${id#sha256:}"
	has "Deleted: $id"
	sound
	store_is_empty
	run -1 onggi rmi "$LYING/plain/x:a"
	has "No such image: $LYING/plain/x:a"
}

@test "blobs that are cut, links, folders or no digests; a config or manifest that is damaged" {
	cp "$blob" "$T/good"
	chmod u+w "$blob" && truncate -s 50 "$blob"
	run -1 onggi system check --quick
	has "its layer $layer is missing"
	run -1 onggi system check
	has "is damaged"
	rm -f "$blob" && ln -s "$T/good" "$blob"
	run -1 onggi system check
	has "blob $layer cannot be opened"
	rm -f "$blob" && mkdir "$blob"
	run -1 onggi system check
	has "blob $layer is no file"
	rmdir "$blob" && cp "$T/good" "$blob"
	sound
	echo hello >"$ONGGI_ROOT/blobs/sha256/README"
	run -1 onggi system check
	has "blob README is no digest: not ours"
	rm "$ONGGI_ROOT/blobs/sha256/README"
	config=$ONGGI_ROOT/blobs/sha256/$(jq -r '.config.digest[7:]' "$record")
	damage "$config"
	run -1 onggi system check
	has "blob $id is damaged"
	run -0 onggi system check --repair-lossy
	[ "$(onggi images -q | wc -l)" = 1 ]
	sound
}

@test "a power loss took the bytes of blobs that no image has yet: no damage, and seen when they are needed" {
	local manifest digest
	manifest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "c").digest[7:]' "$T/oci/index.json")
	for digest in "$manifest" $(jq -r '(.config, .layers[]).digest[7:]' "$T/oci/blobs/sha256/$manifest"); do
		[ ! -e "$ONGGI_ROOT/blobs/sha256/$digest" ] || continue
		truncate -s "$(stat -c %s "$T/oci/blobs/sha256/$digest")" "$ONGGI_ROOT/blobs/sha256/$digest"
		chmod 400 "$ONGGI_ROOT/blobs/sha256/$digest"
	done
	sound
	image pull -q "$LYING/plain/x:c"
	is_status 0
	sound
	skopeo copy -q --src-tls-verify=false "docker://$LYING/plain/x:c" "oci:$T/want:c"
	onggi rmi "$LYING/plain/x:a" "$LYING/plain/x:b" >/dev/null
	onggi system check
	cmp "$ONGGI_ROOT/blobs/sha256/$manifest" "$T/want/blobs/sha256/$manifest"
	# the same bytes by load, from a file: what is not known to be on the disk is read
	skopeo copy -q "oci:$T/want:c" "oci-archive:$T/c.tar:x:c"
	for digest in $(jq -r '.layers[].digest[7:]' "$T/oci/blobs/sha256/$manifest"); do
		chmod 600 "$ONGGI_ROOT/blobs/sha256/$digest"
		truncate -s 0 "$ONGGI_ROOT/blobs/sha256/$digest"
		truncate -s "$(stat -c %s "$T/oci/blobs/sha256/$digest")" "$ONGGI_ROOT/blobs/sha256/$digest"
	done
	run -1 onggi system check
	onggi load -q -i "$T/c.tar"
	sound
}

@test "a removal that was cut off after the record: not damage, finished by prune" {
	mv "$record" "$ONGGI_ROOT/images/kept-${id#sha256:}"
	sound
	[ "$(onggi images -q | wc -l)" = 1 ]
	onggi image prune -f >/dev/null
	[ "$(find "$ONGGI_ROOT/references" -name '*x:a' | wc -l)" = 0 ]
	[ ! -e "$blob" ]
	sound
}

@test "layers that are not unpacked, references that name nothing, records that are none" {
	chain=$(jq -r '.layers[2].chain_id[7:]' "$record")
	blob=$(jq -r '.layers[2].digest[7:]' "$record")
	mv "$ONGGI_ROOT/snapshots/$chain" "$T/chain"
	sound # it is made again from its blob
	mv "$ONGGI_ROOT/blobs/sha256/$blob" "$T/blob"
	run -1 onggi system check --quick
	has "is not unpacked"
	mv "$T/chain" "$ONGGI_ROOT/snapshots/$chain"
	mv "$T/blob" "$ONGGI_ROOT/blobs/sha256/$blob"
	sound
	cp "$record" "$T/record"
	echo '{' >"$record"
	run -1 onggi system check --quick
	has "image $id its record cannot be read"
	rm "$record"
	run -1 onggi system check --quick
	has "names image $id, which is not here"
	run -0 onggi system check --repair
	has "reference $LYING/plain/x:a names image"
	run -0 onggi system check --quick
	has "1 images"
}

@test "a host that is short of descriptors: nothing is taken for damaged, missing or unused because of it" {
	local n short=0
	onggi create --name short "$LYING/plain/x:b" true >/dev/null
	for ((n = 4; n < 24; n++)); do
		for what in "system check --repair-lossy" "image prune -f" "rmi $LYING/plain/x:none" "volume prune -af"; do
			(ulimit -n $n && onggi $what) >"$T/short" 2>&1 || true
			[[ $(<"$T/short") != *"oo many open files"* ]] || short=$((short + 1))
		done
	done
	[ "$short" -gt 2 ]
	sound
	has " 2 images, 4 references, 1 containers"
	onggi rm short >/dev/null
}

@test "a container whose image is gone; repair takes nothing from containers" {
	onggi create --name cc "$LYING/plain/x:a" true >/dev/null
	damage "$blob"
	run -1 onggi system check --repair-lossy
	has "image $id its layer $layer is missing"
	[ "$(onggi images -q | wc -l)" = 2 ]
	rm "$record"
	run -1 onggi system check
	has "its image $id is not here: it cannot be started"
	onggi rm cc >/dev/null
}
