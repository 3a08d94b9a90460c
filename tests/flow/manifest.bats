#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Lists of images for several platforms: made, changed and pushed by `onggi manifest`; what comes out as podman, skopeo
# and docker see it.

load pull_lib

setup_file() {
	store_setup
	store_registry
	store_podman
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 30 --seed a
	python3 "$LIB/mkimage.py" "$T/oci" --tag b --kb 30 --seed b
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 30 --seed m
	python3 "$LIB/mkimage.py" "$T/oci" --tag plain --compress none --kb 30 --seed plain
	for tag in a b multi; do copy_in "$tag" "src:$tag" --all; done
	copy_in a src:da --format v2s2
	copy_in b src:db --format v2s2
	skopeo copy -q "oci:$T/oci:plain" "docker-archive:$T/plain.tar:plain:1" 3>&-
}

teardown_file() {
	registry_stop
	store_podman_done
	store_teardown
}

setup() { store_fresh; }

raw() { skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/$1"; }

digest() { raw "$1" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'; }

podman_list() { # NAME IMAGES...: made and pushed by podman as out:NAME
	podman_setup "$PODMAN_DIR"
	podman_run manifest create "$1" >/dev/null 3>&-
	for i in "${@:2}"; do podman_run manifest add --tls-verify=false "$1" "docker://$REGISTRY/$i" >/dev/null 3>&-; done
}

@test "a list of two images: what podman makes of the same is the same to the bit, in both forms" {
	podman_list localhost/same src:a src:b
	for form in oci v2s2; do
		from=(src:a src:b)
		[ $form = oci ] || from=(src:da src:db)
		[ $form = oci ] || podman_list localhost/docker "${from[@]}"
		onggi manifest create "$REGISTRY/list:$form" "$REGISTRY/${from[0]}" "$REGISTRY/${from[1]}"
		run -0 onggi manifest push -q "$REGISTRY/list:$form"
		[ "$output" = "$(digest "list:$form")" ]
		podman_setup "$PODMAN_DIR"
		name=localhost/same
		[ $form = oci ] || name=localhost/docker
		podman_run manifest push --tls-verify=false --format $form $name "docker://$REGISTRY/podman:$form" 3>&-
		cmp <(raw "list:$form") <(raw "podman:$form")
		raw "list:$form" | jq -e --arg d "$(digest "${from[1]}")" '.manifests[1].digest == $d'
	done
	raw list:oci | jq -e '.mediaType == "application/vnd.oci.image.index.v1+json"'
	raw list:v2s2 | jq -e '.mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"'
}

@test "podman and skopeo read a list of onggi, and pull from it" {
	onggi manifest create "$REGISTRY/list:read" "$REGISTRY/src:a"
	onggi manifest add --arch arm64 --variant v8 --os linux --os-version 10 --os-features x,y --annotation k=v \
		"$REGISTRY/list:read" "docker://$REGISTRY/src:b"
	onggi manifest push "$REGISTRY/list:read"
	podman_setup "$PODMAN_DIR"
	# podman's of this version shows a list in the registry with no flag for plain http
	printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$T/podman.conf"
	CONTAINERS_REGISTRIES_CONF=$T/podman.conf podman_run manifest inspect "$REGISTRY/list:read" 3>&- |
		jq -e '.manifests[1].platform | .architecture == "arm64" and .variant == "v8" and .["os.version"] == "10"'
	raw list:read | jq -e '.manifests[1].annotations.k == "v" and .manifests[1].platform["os.features"] == ["x", "y"]'
	docker manifest inspect --insecure "$REGISTRY/list:read" | jq -e '.manifests[1].platform.variant == "v8"'
	skopeo inspect --tls-verify=false --override-arch arm64 --override-os linux --override-variant v8 "docker://$REGISTRY/list:read" >/dev/null
	onggi pull -q "$REGISTRY/list:read"
	[ "$(onggi image inspect -f '{{.Descriptor.digest}}' "$REGISTRY/list:read")" = "$(digest list:read)" ]
}

@test "members come from other repositories and registries, their blobs by mount; the index is last" {
	onggi manifest create list:1 "$REGISTRY/src:a" "$REGISTRY/src:b"
	run -0 onggi manifest push list:1 "$REGISTRY/other/repo:x"
	has "Mounted from src"
	[ "$(raw "other/repo@$(digest src:a)" | sha256sum)" = "$(raw src:a | sha256sum)" ]
	# again: nothing is to be sent
	run -0 onggi manifest push --purge list:1 "$REGISTRY/other/repo:x"
	hasnt Mounted
	run -1 onggi manifest exists list:1
	run ! onggi manifest push list:1 "$REGISTRY/other/repo:x"
	has "No such manifest: list:1"
	run ! onggi manifest create list:2 "$REGISTRY/src:nothere"
	has "manifest unknown"
	run -1 onggi manifest exists list:2
}

@test "a member of the local store outlives rmi and image prune until the list goes" {
	onggi load -q -i "$T/plain.tar"
	onggi manifest create "$REGISTRY/local:1" plain:1 "$REGISTRY/src:b"
	onggi rmi plain:1
	onggi image prune -f -a
	onggi system check
	run -0 onggi manifest inspect -v "$REGISTRY/local:1"
	[ "$(jq length <<<"$output")" = 2 ]
	onggi manifest push --digestfile "$T/digestfile" "$REGISTRY/local:1"
	[ "$(cat "$T/digestfile")" = "$(digest local:1)" ]
	# the plain layers were compressed on the way: another manifest, the same image
	onggi pull -q "$REGISTRY/local:1"
	onggi run --rm --network none "$REGISTRY/local:1" true
	onggi rmi "$REGISTRY/local:1"
	onggi manifest rm "$REGISTRY/local:1"
	onggi image prune -f -a
	[ -z "$(find "$ONGGI_ROOT/blobs" -type f)" ]
}

@test "of an index one platform is taken, or with --all every entry" {
	onggi manifest create one "$REGISTRY/src:multi"
	onggi manifest inspect one | jq -e '[.manifests[].platform.architecture] == ["amd64"]'
	onggi manifest add --arch arm64 one "$REGISTRY/src:multi"
	onggi manifest inspect one | jq -e '[.manifests[].platform.architecture] == ["amd64", "arm64"]'
	onggi manifest create --all every "$REGISTRY/src:multi"
	[ "$(onggi manifest inspect every | jq -c '[.manifests[].digest]')" = "$(raw src:multi | jq -c '[.manifests[].digest]')" ]
	run ! onggi manifest add --arch s390x one "$REGISTRY/src:multi"
	has "no matching manifest for linux/s390x"
}

@test "annotate, remove, ls, inspect of one member, names and digests" {
	a=$(digest src:a) b=$(digest src:b)
	onggi manifest create --annotation org.example.list=1 app:1 "$REGISTRY/src:a" "$REGISTRY/src:b"
	onggi manifest annotate --arch arm --variant v7 --os-features a,b --os-features c app:1 "$REGISTRY/src:b"
	onggi manifest annotate --annotation k=v=w app:1 "$a"
	onggi manifest annotate --index --annotation all=yes app:1
	onggi manifest inspect app:1 >"$T/index"
	jq -e '.manifests[1].platform == {"architecture":"arm","os":"linux","os.features":["a","b","c"],"variant":"v7"}' "$T/index"
	jq -e '.manifests[0].annotations.k == "v=w" and .annotations == {"org.example.list":"1","all":"yes"}' "$T/index"
	run -0 onggi manifest ls
	[ "${lines[1]}" = "app:1     2" ] || [[ ${lines[1]} =~ ^app:1\ +2$ ]]
	[ "$(onggi manifest ls -q)" = app:1 ]
	cmp <(onggi manifest inspect app:1 "$b" | jq -cS .) <(raw src:b | jq -cS .)
	run -0 onggi manifest inspect -v app:1 "$REGISTRY/src:b"
	jq -e --arg r "$REGISTRY/src@$b" '.Ref == $r and .OCIManifest.schemaVersion == 2' <<<"$output"
	run ! onggi manifest push --format v2s2 app:1 "$REGISTRY/no:1"
	has "has no annotations"
	run -0 onggi manifest remove app:1 "$REGISTRY/src@$a"
	[ "$output" = "$a" ]
	run ! onggi manifest remove app:1 "$a"
	has "does not exist in docker.io/library/app:1"
	run ! onggi manifest annotate --arch x app:1 "$a"
	has "does not exist"
	run ! onggi manifest annotate --arch x app:1
	has "a MANIFEST of the list is wanted"
	run ! onggi manifest rm app:2
	has "No such manifest: app:2"
	onggi manifest rm -i app:2
	onggi manifest rm app:1
	run -1 onggi manifest exists app:1
}

@test "what is refused: a list that is there, other transports, digests as names, half an image" {
	onggi manifest create l "$REGISTRY/src:a"
	run ! onggi manifest create l "$REGISTRY/src:b"
	has "refusing to amend an existing manifest list with no --amend flag"
	onggi manifest create --amend l "$REGISTRY/src:b"
	onggi manifest inspect l | jq -e '.manifests | length == 2'
	run ! onggi manifest add l "oci:$T/oci:a"
	has "a member of a list is in a registry or in the local store"
	run ! onggi manifest push l "docker-archive:$T/x"
	has "has room for one image, not for a list"
	run ! onggi manifest create "x@$(digest src:a)"
	has "the name of a list has no digest"
	run ! onggi manifest add l containers-storage:nothing
	has "No such image: nothing"
	run ! onggi manifest push --format x l
	has 'unknown format "x"'
	onggi load -q -i "$T/plain.tar"
	layer=$(jq -r '.layers[0].digest' "$ONGGI_ROOT"/images/*)
	rm -f "$ONGGI_ROOT/blobs/sha256/${layer#sha256:}"
	run ! onggi manifest add l plain:1
	has "not all of its layers are here"
	[ "$(onggi manifest inspect l | jq '.manifests | length')" = 2 ]
}

@test "what a registry has: inspect of an image and of an index, -v" {
	cmp <(onggi manifest inspect "$REGISTRY/src:multi" | jq -cS .) <(raw src:multi | jq -cS .)
	cmp <(onggi manifest inspect "docker://$REGISTRY/src@$(digest src:da)" | jq -cS .) <(raw src:da | jq -cS .)
	run -0 onggi manifest inspect -v "$REGISTRY/src:da"
	jq -e --arg r "$REGISTRY/src@$(digest src:da)" '.Ref == $r and .Descriptor.platform.architecture == "amd64"
		and .SchemaV2Manifest.schemaVersion == 2' <<<"$output"
	run ! onggi manifest inspect "$REGISTRY/src:nothere"
	has "manifest unknown"
}

@test "--authfile: credentials of this command" {
	(
		trap lying_stop EXIT
		lying_start "$T/oci"
		run ! onggi manifest create l "$LYING/basic/x:a"
		has "pull access denied"
		printf '{"auths": {"%s": {"auth": "%s"}}}' "$LYING" "$(printf user:secret | base64)" >"$T/auth.json"
		onggi manifest create --authfile "$T/auth.json" l "$LYING/basic/x:a"
		run ! onggi manifest inspect -v l
		onggi manifest inspect -v --authfile "$T/auth.json" l >/dev/null
		run ! onggi manifest push l "$REGISTRY/auth:1"
		has "pull access denied"
		onggi manifest push --authfile "$T/auth.json" l "$REGISTRY/auth:1"
		skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/auth:1" "dir:$T/auth"
	)
}

@test "--insecure and --tls-verify=false: a registry elsewhere whose certificate is nobody's" {
	unshare -n true 2>/dev/null || skip "cannot make a network namespace"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x -keyout "$T/key.pem" \
		-out "$T/cert.pem" 2>/dev/null
	export -f elsewhere_in_netns lying_start lying_stop eventually onggi
	export LIB
	unshare -n bash -c "set -e; ip link set lo up; ip addr add 10.77.0.1/32 dev lo; trap lying_stop EXIT; elsewhere_in_netns"
}

elsewhere_in_netns() {
	export LYING_ADDRESS=10.77.0.1
	lying_start "$T/oci" "$T/cert.pem" "$T/key.pem"
	host=10.77.0.1:${LYING##*:}
	for flag in --tls-verify=true --insecure=false; do
		if onggi manifest create $flag l "$host/plain/x:a" 2>"$T/err"; then return 1; fi
		grep "certificate not trusted" "$T/err"
	done
	onggi manifest create --insecure l "$host/plain/x:a"
	onggi manifest add --tls-verify=false l "$host/plain/x:b"
	[ "$(onggi manifest inspect l | jq '.manifests | length')" = 2 ]
	if onggi manifest inspect "$host/plain/x:a" 2>/dev/null; then return 1; fi
	onggi manifest inspect --insecure "$host/plain/x:a" | jq -e .config
}

@test "two dozen additions at once: all count" {
	onggi manifest create l
	for i in $(seq 24); do
		skopeo copy -q --dest-tls-verify=false "oci:$T/oci:a" "docker://$REGISTRY/n$i:1" 3>&-
	done
	# the same digest from another place would take the place of the first: other platforms of other images
	python3 "$LIB/mkimage.py" "$T/many" --tag many --arch "$(seq -s, -f 'a%g' 24)" --kb 1 --layers 1
	skopeo copy -q --all --dest-tls-verify=false "oci:$T/many:many" "docker://$REGISTRY/many:1" 3>&-
	pids=()
	for i in $(seq 24); do
		onggi manifest add --arch "a$i" l "$REGISTRY/many:1" >/dev/null 3>&- &
		pids+=($!)
	done
	for p in "${pids[@]}"; do wait "$p"; done
	onggi manifest inspect l | jq -e '[.manifests[].platform.architecture] | sort == ([range(1; 25) | "a\(.)"] | sort)'
}

asks_registry() { ss -Htn state established "dport = :${REGISTRY##*:}" | grep -q .; }

@test "a list that is changed while it is pushed is not purged" {
	onggi load -q -i "$T/plain.tar"
	onggi manifest create l "$REGISTRY/src:a"
	kill -STOP "$REGISTRY_PID"
	onggi manifest push --purge l "$REGISTRY/busy:1" >"$T/out" 2>&1 3>&- &
	pid=$!
	# the list has been read before the first connection
	eventually 60 asks_registry || true
	run onggi manifest add l containers-storage:plain:1
	kill -CONT "$REGISTRY_PID"
	[ "$status" = 0 ]
	wait $pid
	grep "the list was changed during the push: it stays" "$T/out"
	raw busy:1 | jq -e '.manifests | length == 1'
	onggi manifest inspect l | jq -e '.manifests | length == 2'
	onggi manifest push --rm l "$REGISTRY/busy:1"
	run -1 onggi manifest exists l
}

@test "a damaged list stops no command but those that would lose what it names, and can be removed" {
	onggi manifest create good "$REGISTRY/src:a"
	onggi manifest create bad "$REGISTRY/src:a"
	echo '{"name":' >"$ONGGI_ROOT/manifests/docker.io+library+bad:latest"
	run -0 onggi manifest ls
	has "(damaged)"
	has good
	run ! onggi image prune -f -a
	has damaged
	run ! onggi system check
	has "list docker.io+library+bad:latest"
	onggi manifest rm bad
	onggi image prune -f -a
	onggi system check
}

@test "a list to oci:, oci-archive: and dir: has what podman's has; purge" {
	case_dir
	# multi: by its digests, so that podman and onggi take the same two
	onggi manifest create l "$REGISTRY/src:a" "$REGISTRY/src:b"
	podman_list localhost/files src:a src:b
	onggi manifest push -q l "dir:$PWD/dir" >digest
	podman_setup "$PODMAN_DIR"
	podman_run manifest push --all --tls-verify=false localhost/files "dir:$PWD/podman-dir" >/dev/null 3>&-
	diff -r dir podman-dir
	[ "$(cat digest)" = "sha256:$(sha256sum <dir/manifest.json | cut -c 1-64)" ]
	for kind in oci oci-archive; do
		onggi manifest push -q l "$kind:$PWD/$kind:x"
		skopeo inspect --raw "$kind:$PWD/$kind:x" | cmp - dir/manifest.json
		skopeo copy -q --all "$kind:$PWD/$kind:x" "dir:$PWD/read-$kind" 3>&-
		diff -r -x version dir "read-$kind"
	done
	onggi manifest push -q --all=false l "dir:$PWD/alone"
	[ "$(ls alone)" = "$(printf '%s\n' manifest.json version)" ]
	run -0 onggi manifest push -q --purge l "dir:$PWD/dir"
	run ! onggi manifest inspect l
}

@test "a list with members of docker's form, of the store and of an index, to files" {
	case_dir
	onggi load -q -i "$T/plain.tar"
	onggi manifest create l "$REGISTRY/src:da"
	onggi manifest add --all l "$REGISTRY/src:multi"
	onggi manifest add --arch s390x l containers-storage:plain:1
	onggi rmi plain:1
	onggi manifest push -q l "oci:$PWD/oci"
	skopeo copy -q --all "oci:$PWD/oci" "dir:$PWD/oci-dir" 3>&-
	# one of them an attestation
	jq -e '(.manifests | length) == 5 and ([.manifests[].mediaType] | unique) ==
		["application/vnd.oci.image.manifest.v1+json"]' oci-dir/manifest.json
	onggi manifest push -q --format v2s2 l "dir:$PWD/docker"
	jq -e '.mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"' docker/manifest.json
	onggi registry copy -q "dir:$PWD/docker" "$REGISTRY/from-dir:1"
	onggi pull -q --platform linux/s390x "$REGISTRY/from-dir:1"
	onggi manifest create both "$REGISTRY/src:da"
	onggi manifest add --arch arm64 both "$REGISTRY/src:b"
	onggi manifest push -q --format v2s2 both "oci:$PWD/oci2"
	skopeo inspect --raw "oci:$PWD/oci2" | jq -e '[.manifests[].mediaType] | unique |
		. == ["application/vnd.docker.distribution.manifest.v2+json"]'
	run ! onggi manifest push l "docker-archive:$PWD/d.tar:x:1"
	has "not for a list"
	run ! onggi manifest push --compression-format zstd l "dir:$PWD/zstd"
	has "for registries only"
	run ! onggi manifest push --creds a:b l "dir:$PWD/creds"
	[ ! -e zstd ] && [ ! -e creds ] && [ ! -e d.tar ]
}
