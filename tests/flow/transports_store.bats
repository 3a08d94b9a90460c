#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# pull, push, save and load with transports: names and IDs are podman's, what is written podman and skopeo read.

load transports_lib

P() { podman_run "$@" 3>&-; }

# names and IDs of all images, sorted; names as podman writes them
ours() {
	onggi images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sed -e 's/sha256://' -e '/^[^ ]*\.[^ ]*\//!{/^localhost\//!{/^<none>/!s|^|docker.io/|}}' | sort
}

theirs() {
	P images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sed 's/sha256://' | sort
}

ours_empty() {
	onggi images -q --no-trunc | sort -u | xargs -r timeout 60 "$ONGGI_BIN/onggi" rmi -f >/dev/null
}

clean() {
	[ -z "$(find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/leases" -mindepth 1)" ] && onggi system check >/dev/null
}

places() { # PLACES of one image, in every form, by skopeo
	skopeo copy -q "oci:$T/oci:gzip" oci:lay:gzip 3>&-
	skopeo copy -q "oci:$T/oci:gzip" oci:named:team/app:7 3>&-
	skopeo copy -q "oci:$T/oci:gzip" oci:bare 3>&-
	skopeo copy -q "oci:$T/oci:gzip" dir:folder 3>&-
	skopeo copy -q "oci:$T/oci:gzip" oci-archive:o.tar:v1 3>&-
	skopeo copy -q "oci:$T/oci:gzip" oci-archive:on.tar 3>&-
	skopeo copy -q "oci:$T/oci:gzip" oci-archive:ot.tar:quay.io/team/app:7 3>&-
	skopeo copy -q "oci:$T/oci:gzip" docker-archive:da.tar:x/y:2 3>&-
	skopeo copy -q "oci:$T/oci:gzip" docker-archive:dn.tar 3>&-
	gzip -k o.tar
}

@test "pull TRANSPORT: the image has the ID and the names that podman gives it" {
	podman_setup "$T/podman"
	places
	for place in oci:lay:gzip oci:named:team/app:7 oci:named oci:bare dir:folder oci-archive:o.tar oci-archive:o.tar.gz \
		oci-archive:o.tar:v1 oci-archive:on.tar oci-archive:ot.tar oci-archive:ot.tar:quay.io/team/app:7 \
		docker-archive:da.tar docker-archive:da.tar:x/y:2 docker-archive:da.tar:@0 docker-archive:dn.tar; do
		want=$(P pull -q "$place")
		run -0 onggi pull -q "$place"
		[ "$output" = "$want" ] || { echo "$place: $output, not $want"; return 1; }
		diff <(ours) <(theirs) || { echo "$place"; return 1; }
		run -0 onggi run --rm --network none "$want" echo works
		[ "$output" = works ]
		clean
		ours_empty
		P rmi -af >/dev/null
	done
	# a path that is no name gives none; of an index the image of this machine
	skopeo copy -q --all "oci:$T/oci:multi" "oci:Capital Letters:x" 3>&-
	onggi pull -q "oci:Capital Letters"
	[ "$(onggi images --format '{{.Repository}}:{{.Tag}}')" = "<none>:<none>" ]
	onggi rmi -f $(onggi images -q) >/dev/null
	run -0 onggi pull -q "docker://$REGISTRY/src:gzip"
	[ "$output" = "$REGISTRY/src:gzip" ]
	run -1 onggi pull -a oci:lay
	has "--all-tags is for registries"
	run -1 onggi pull oci:nowhere
	has "open nowhere"
	rm "folder/$(jq -r '.layers[-1].digest' folder/manifest.json | cut -d: -f2)"
	ours_empty
	run -1 onggi pull dir:folder
	[ -z "$(onggi images -aq)" ]
	clean
}

@test "push IMAGE TRANSPORT: by podman's names, the same digests, podman and skopeo read it" {
	podman_setup "$T/podman"
	for name in gzip zstd none docker; do
		image pull -q "$REGISTRY/src:$name"
		id=$(onggi images -q --no-trunc "$REGISTRY/src:$name")
		want=$(digest_of "docker://$REGISTRY/src:$name")
		for place in oci:lay-$name:x oci-archive:o-$name.tar:x dir:d-$name; do
			run -0 onggi push "$REGISTRY/src:$name" $place
			case $name:$place in
			docker:oci*) # as OCI's manifest, with the same config and layers
				[ "sha256:$(skopeo inspect --config --raw $place | sha256sum | cut -d' ' -f1)" = "$id" ]
				;;
			*)
				has "$place: digest: $want"
				[ "$(digest_of $place)" = "$want" ]
				;;
			esac
			skopeo copy -q $place dir:theirs 3>&-
			run -0 P pull -q $place
			[ "sha256:$output" = "$id" ]
			rm -rf theirs
		done
		P rmi -af >/dev/null
		ours_empty
	done
	image pull -q "$REGISTRY/src:gzip"
	# names in docker's archives: its own beside the one that was asked for, none for an ID
	onggi tag "$REGISTRY/src:gzip" x/y:2
	id=$(onggi images -q --no-trunc x/y:2)
	for to in 1.tar '2.tar:a/b:9 "docker.io/a/b:9",' '3.tar:a/b "docker.io/a/b:latest",'; do
		set -- $to
		run -0 onggi push -q x/y:2 "docker-archive:$1"
		[ "$output" = "docker-archive:$1" ]
		[ "$(tar -xOf ${1%%:*} manifest.json | jq -c '[.[].RepoTags]')" = "[[${2:-}\"docker.io/x/y:2\"]]" ]
	done
	onggi push -q "$id" docker-archive:4.tar
	[ "$(tar -xOf 4.tar manifest.json | jq -c '[.[].RepoTags]')" = '[[]]' ]
	onggi push x/y:2 docker-archive:/dev/stdout 2>/dev/null | cmp - 1.tar
	onggi push -q x/y:2 oci:names
	[ "$(jq -c '[.manifests[].annotations]' names/index.json)" = '[null]' ]
	# to a registry by another name, also by ID
	for image in x/y:2 "$id"; do
		onggi push -q "$image" "docker://$REGISTRY/other:1"
		same "docker://$REGISTRY/other:1" "docker://$REGISTRY/src:gzip"
		run -0 onggi registry rm "$REGISTRY/other@$(digest_of "docker://$REGISTRY/other:1")"
	done
	[ -z "$(onggi images -q "$REGISTRY/other")" ]
	run -1 onggi push --compression-format zstd x/y:2 oci:names
	has "--compression-format is for registries"
	run -1 onggi push nothing:1 oci:names:y
	has "No such image: nothing:1"
	run -1 onggi push x/y:2 containers-storage:z
	has "transport containers-storage is not supported"
	clean
}

@test "save --format: podman and onggi load it, the same images are the same bytes; load takes folders" {
	podman_setup "$T/podman"
	image pull -q "$REGISTRY/src:gzip"
	skopeo copy -q --format v2s2 --dest-tls-verify=false "oci:$T/oci:none" "docker://$REGISTRY/src:docker2" 3>&-
	image pull -q "$REGISTRY/src:docker2"
	onggi tag "$REGISTRY/src:gzip" quay.io/a/oci:1
	onggi tag "$REGISTRY/src:docker2" quay.io/a/docker:1
	for format in docker-archive oci-archive docker-dir oci-dir; do
		for name in oci docker; do
			id=$(onggi images -q --no-trunc quay.io/a/$name:1)
			onggi save --format $format -o $format-$name quay.io/a/$name:1
			run -0 P load -q -i $format-$name
			[ "sha256:$(P images -q --no-trunc | sed 's/sha256://' | sort -u)" = "$id" ]
			P rmi -af >/dev/null
			case $format in *-archive) onggi save --format $format quay.io/a/$name:1 | cmp - $format-$name ;; esac
		done
		[ $format != docker-dir ] || [ "$(jq -r .mediaType docker-dir-oci/manifest.json)" = application/vnd.docker.distribution.manifest.v2+json ]
	done
	[ "$(raw oci:oci-dir-docker:quay.io/a/docker:1 | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	# over what is there
	onggi save --format docker-archive -o docker-archive-oci quay.io/a/docker:1
	cmp docker-archive-oci docker-archive-docker
	onggi save --format docker-archive -o docker-archive-oci quay.io/a/oci:1
	# several
	for format in docker-archive oci-archive oci-dir; do
		onggi save --format $format -o $format-both quay.io/a/oci:1 quay.io/a/docker:1
	done
	onggi save -m --format docker-archive -o m quay.io/a/oci:1 quay.io/a/docker:1
	cmp m docker-archive-both
	want=$(onggi images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep ^quay.io | sort)
	for format in docker-archive oci-archive oci-dir; do
		ours_empty
		run -0 onggi load -i $format-both
		[ "$output" = "$(printf 'Loaded image: quay.io/a/%s:1\n' oci docker)" ] || { echo "$format: $output"; return 1; }
		[ "$(onggi images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort)" = "$want" ]
		clean
	done
	ours_empty
	run -0 onggi load -i docker-dir-docker
	[ "$output" = "Loaded image ID: $(echo "$want" | grep docker | cut -d' ' -f2)" ]
	mkdir empty
	run -1 onggi load -i empty
	has "a folder without image"
	# one that is not whole gives nothing
	ours_empty
	rm "oci-dir-oci/blobs/sha256/$(raw oci:oci-dir-oci:quay.io/a/oci:1 | jq -r '.layers[0].digest' | cut -d: -f2)"
	run -1 onggi load -i oci-dir-oci
	[ -z "$(onggi images -aq)" ]
	clean
}

@test "save --format docker-dir --compress, push --compress dir: plain layers go as gzip, others as they are" {
	onggi pull -q "oci:$T/oci:none" # skopeo compresses what it pushes
	none=$(onggi images -q)
	image pull -q "$REGISTRY/src:gzip"
	id=$(onggi image inspect --format "{{.Id}}" "$none")
	onggi save --format docker-dir -o plain "$none"
	onggi save --format docker-dir --compress -o packed "$none"
	onggi push -q --compress "$none" dir:pushed
	onggi save --format docker-dir --compress -o same "$REGISTRY/src:gzip"
	onggi save --format docker-dir -o asis "$REGISTRY/src:gzip"
	diff -r same asis
	for dir in packed pushed; do
		[ "sha256:$(jq -r '.config.digest' $dir/manifest.json | cut -d: -f2)" = "$id" ]
		[ "$(jq -r '.layers | length' $dir/manifest.json)" = "$(jq -r '.layers | length' plain/manifest.json)" ]
		paste <(jq -r '.layers[] | "\(.digest) \(.size) \(.mediaType)"' $dir/manifest.json) <(jq -r '.layers[].digest' plain/manifest.json) |
			while read -r digest size type was; do
				[ "sha256:$(sha256sum <"$dir/${digest#*:}" | cut -d' ' -f1)" = "$digest" ]
				[ "$(stat -c %s "$dir/${digest#*:}")" = "$size" ]
				# the first one came as gzip
				[ "$digest" = "$was" ] || [ "sha256:$(gzip -dc <"$dir/${digest#*:}" | sha256sum | cut -d" " -f1)" = "$was" ]
				case $type in *gzip) ;; *) echo "$type"; exit 1 ;; esac
			done
		[ "$(jq -r '.layers[1].digest' $dir/manifest.json)" != "$(jq -r '.layers[1].digest' plain/manifest.json)" ]
	done
	[ "$(jq -r .mediaType packed/manifest.json)" = application/vnd.docker.distribution.manifest.v2+json ]
	skopeo copy -q dir:packed docker-archive:packed.tar:x:1 3>&-
	skopeo copy -q dir:pushed oci:pushed-oci:1 3>&-
	for args in "--compress" "--compress --format oci-dir" "--compress --format docker-archive"; do
		run -1 onggi save $args -o out "$none"
		has "--compress can only be set when --format is 'docker-dir'"
	done
	run -1 onggi push --compress "$none" oci:out
	has "--compress is for dir: and for registries"
	[ ! -e out ]
	# a blob that rotted is told, not packed
	blob=$ONGGI_ROOT/blobs/sha256/$(jq -r '.layers[1].digest' plain/manifest.json | cut -d: -f2)
	chmod u+w "$blob"
	printf x | dd of="$blob" bs=1 seek=700 conv=notrunc status=none
	run -1 onggi save --format docker-dir --compress -o out "$none"
	has "$(jq -r '.layers[1].digest' plain/manifest.json)"
	[ ! -e out ]
}

@test "save --format: flags that do not fit are refused, and nothing is written" {
	image pull -q "$REGISTRY/src:gzip"
	image pull -q "$REGISTRY/src:zstd"
	for bad in "--format x|docker-archive, docker-dir, oci-archive or oci-dir is wanted" "-m --format oci-dir|--multi-image-archive is for" \
		"--uncompressed|--uncompressed is for" "--format docker-dir $REGISTRY/src:zstd|room for one image"; do
		run -1 onggi save ${bad%|*} -o out "$REGISTRY/src:gzip"
		has "${bad#*|}"
	done
	run -1 onggi save --format oci-dir "$REGISTRY/src:gzip"
	has "give the folder with -o"
	run -1 onggi save --format docker-dir -o out "$REGISTRY/src:zstd"
	has "has no place in docker's manifest"
	run -1 onggi save --format oci-archive -o out "$REGISTRY/src:gzip" nothing:1
	has "No such image: nothing:1"
	run -1 onggi save --format oci-archive --platform linux/arm64 -o out "$REGISTRY/src:gzip"
	has "not for linux/arm64"
	onggi save --format oci-dir --uncompressed -o ok "$REGISTRY/src:gzip"
	[ "$(ls)" = ok ]
}
