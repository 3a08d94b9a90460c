#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Layers that are pushed as zstd:chunked: what is in them, by another implementation; what it is good for at the next pull
# and start; what no table can tell.

load pull_lib

setup_file() {
	store_setup
	store_registry
	store_podman
	tree
}

teardown_file() {
	registry_stop
	store_podman_done
	store_teardown
}

setup() {
	store_fresh
}

# $T/tree.tar: all kinds of members, files of no, one and many chunks; $T/next.tar: a part of one of them is another
tree() {
	local d=$T/tree
	mkdir -p "$d/bin" "$d/data/deep"
	cp /bin/busybox "$d/bin/"
	ln -s busybox "$d/bin/sh"
	ln -s busybox "$d/bin/cat"
	ln -s busybox "$d/bin/sha256sum"
	printf x >"$d/data/one"
	: >"$d/data/empty"
	head -c 3000000 /dev/urandom >"$d/data/large"
	head -c 700000 /dev/zero >"$d/data/zeros"
	ln "$d/data/one" "$d/data/deep/hard"
	chmod 4711 "$d/data/one"
	chown 1000:2000 "$d/data/deep"
	mknod "$d/data/null" c 1 3
	mkfifo "$d/data/pipe"
	printf 'äöü' >"$d/data/name with \"quotes\" and ä"
	touch -d 1969-12-31T23:59:58.5Z "$d/data/empty"
	setfattr -n user.a -v b "$d/data/large"
	archive "$T/tree.tar"
	printf CHANGED | dd of="$d/data/large" bs=1 seek=1500000 conv=notrunc status=none
	archive "$T/next.tar"
}

archive() {
	tar --xattrs --xattrs-include='user.*' --format=pax --pax-option=delete=atime,delete=ctime --sort=name -C "$T/tree" \
		-cf "$1" .
}

raw() { # NAME: the manifest as the registry has it
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"
}

blob() { # NAME FILE: its layer
	curl -sf "http://$REGISTRY/v2/${1%:*}/blobs/$(raw "$1" | jq -r '.layers[0].digest')" >"$2"
}

chunked() { # TAR NAME [OPTIONS]: import and push so
	onggi import "$1" "$REGISTRY/$2" >/dev/null
	image push --compression-format zstd:chunked "${@:3}" "$REGISTRY/$2"
	is_status 0
}

@test "the blob is the layer, the table tells where each file is" {
	chunked "$T/tree.tar" table:1
	has Pushed
	raw table:1 >"$T/manifest"
	[ "$(jq -r '.layers[].mediaType' "$T/manifest")" = application/vnd.oci.image.layer.v1.tar+zstd ]
	blob table:1 "$T/blob"
	run -0 python3 "$LIB/toc_check.py" "$T/blob" "$T/tree.tar" "$T/manifest" 0
	[[ $output =~ ^5\ files,\ [0-9]+\ chunks$ ]]
	[ "$(cut -d' ' -f3 <<<"$output")" -gt 20 ]
	# to others it is zstd
	id=$(onggi images -q --no-trunc)
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/table:1" "oci:$T/back:1" 3>&-
	store_fresh
	image pull -q "oci:$T/back:1"
	is_status 0
	[ "$(onggi images -q --no-trunc)" = "$id" ]
	podman_setup "$PODMAN_DIR"
	podman_run pull -q --tls-verify=false "docker://$REGISTRY/table:1" 3>&-
	[ "sha256:$(podman_run image inspect -f "{{.Id}}" "$REGISTRY/table:1" 3>&-)" = "$id" ]
}

@test "the same layer gives the same bytes again, with the same annotations, and is not compressed twice" {
	chunked "$T/tree.tar" again:1
	onggi tag "$REGISTRY/again:1" "$REGISTRY/again:2"
	image push --compression-format zstd:chunked "$REGISTRY/again:2"
	is_status 0
	has 'Layer already exists'
	cmp <(raw again:1) <(raw again:2)
	# what is remembered is of this format: zstd is another
	image push --compression-format zstd "$REGISTRY/again:2"
	is_status 0
	[ "$(raw again:2 | jq '.layers[0] | has("annotations")')" = false ]
	store_fresh
	chunked "$T/tree.tar" again:3 --compression-level 3
	[ "$(raw again:3 | jq -c .layers)" = "$(raw again:1 | jq -c .layers)" ]
}

@test "of the next version of a large file a pull fetches what is new" {
	chunked "$T/tree.tar" next:1
	onggi rmi "$REGISTRY/next:1" >/dev/null
	chunked "$T/next.tar" next:2
	store_fresh
	image pull "$REGISTRY/next:1"
	hasnt Reused
	image pull "$REGISTRY/next:2"
	is_status 0
	has "Reused: "
	hasnt "Downloading whole"
	store_is_clean
}

@test "a container starts before its layers are here" {
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	[ -x "${ONGGI_BIN:-/nowhere}/onggi" ] || skip "the engine is not built"
	chunked "$T/tree.tar" lazy:1
	store_fresh
	export ONGGI_RUN=$T/run
	run -0 "$ONGGI_BIN/onggi" run --rm --pull lazy --network none "$REGISTRY/lazy:1" sha256sum /data/large
	[[ $output == *"$(tar -xOf "$T/tree.tar" ./data/large | sha256sum | cut -d' ' -f1)  /data/large"* ]]
	[[ $output == *"comes while it is used"* ]]
	run -0 "$ONGGI_BIN/onggi" system sweep
}

@test "--force-compression: of zstd it makes zstd:chunked, once; of zstd:chunked gzip without annotations" {
	onggi import "$T/tree.tar" "$REGISTRY/force:1" >/dev/null
	image push --compression-format zstd "$REGISTRY/force:1"
	is_status 0
	store_fresh
	image pull -q "$REGISTRY/force:1"
	image push --compression-format zstd:chunked "$REGISTRY/force:1"
	[ "$(raw force:1 | jq '.layers[0] | has("annotations")')" = false ]
	image push --compression-format zstd:chunked --force-compression "$REGISTRY/force:1"
	is_status 0
	raw force:1 >"$T/first"
	[ "$(jq '.layers[0].annotations | length' "$T/first")" = 2 ]
	store_fresh
	image pull -q "$REGISTRY/force:1"
	image push --compression-format zstd:chunked --force-compression "$REGISTRY/force:1"
	is_status 0
	cmp <(raw force:1) "$T/first"
	image push --compression-format gzip --force-compression "$REGISTRY/force:1"
	is_status 0
	[ "$(raw force:1 | jq -r '.layers[0] | .mediaType, has("annotations")' | xargs)" = \
		"application/vnd.oci.image.layer.v1.tar+gzip false" ]
}

@test "what no table can tell goes as plain zstd, and a line says why" {
	mkdir "$T/odd"
	truncate -s 1M "$T/odd/holes"
	printf x | dd of="$T/odd/holes" bs=1 seek=500000 conv=notrunc status=none
	tar -S -C "$T/odd" -cf "$T/holes.tar" .
	chunked "$T/holes.tar" odd:holes
	has "plain zstd: compress: no table of contents can tell of ./holes: it has holes"
	[ "$(raw odd:holes | jq -r '.layers[0] | .mediaType, has("annotations")' | xargs)" = \
		"application/vnd.oci.image.layer.v1.tar+zstd false" ]
	mkdir "$T/latin"
	: >"$T/latin/"$'\xe4'
	tar -C "$T/latin" -cf "$T/latin.tar" .
	chunked "$T/latin.tar" odd:latin
	has "its name is not UTF-8"
	store_fresh
	image pull -q "$REGISTRY/odd:latin"
	is_status 0
}

@test "manifest push, levels, refusals" {
	onggi import "$T/tree.tar" "$REGISTRY/list-member:1" >/dev/null
	onggi manifest create "$REGISTRY/list:1" >/dev/null
	onggi manifest add "$REGISTRY/list:1" "containers-storage:$REGISTRY/list-member:1" >/dev/null
	onggi manifest push --all --compression-format zstd:chunked --compression-level 19 "$REGISTRY/list:1" "docker://$REGISTRY/list:1" >/dev/null
	member=$(raw list:1 | jq -r '.manifests[0].digest')
	[ "$(skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/list@$member" | jq '.layers[0].annotations | length')" = 2 ]
	image push --compression-format zstd:chunked --compression-level 20 "$REGISTRY/list-member:1"
	is_status 1
	has "zstd has 1 to 19"
	image push --compression-format estargz "$REGISTRY/list-member:1"
	is_status 1
	has "gzip, zstd or zstd:chunked"
}
