#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# registry copy to and from archives (oci-archive:, docker-archive:): compared with what skopeo
# writes and reads, compressed or not, through pipes; archives that lie.

load transports_lib

# tar_of FILE [-l NAME TARGET | NAME FILE]...: a tar of these members by names as they are
tar_of() {
	python3 - "$@" <<-'PY'
	import sys, tarfile
	args = sys.argv[2:]
	t = tarfile.open(sys.argv[1], "w")
	while args:
	    link = args[0] == "-l"
	    args = args[1:] if link else args
	    ti = tarfile.TarInfo(args[0])
	    if link:
	        ti.type, ti.linkname = tarfile.SYMTYPE, args[1]
	        t.addfile(ti)
	    else:
	        data = open(args[1], "rb").read()
	        ti.size = len(data)
	        import io
	        t.addfile(ti, io.BytesIO(data))
	    args = args[2:]
	t.close()
	PY
}

# members of a tar that is unpacked in DIR, as arguments of tar_of
members() { # DIR
	(cd "$1" && find . -type f -printf '%P\n') | while read -r f; do printf '%s %s/%s ' "$f" "$1" "$f"; done
}

nothing_new() {
	[ -z "$(find . -maxdepth 1 -name 'out*' -o -name '*tmp*')" ] || { find .; return 1; }
}

@test "oci-archive: there and back, every manifest is the same to the bit, skopeo reads and writes it" {
	for name in gzip zstd none docker multi; do
		want=$(digest_of "docker://$REGISTRY/src:$name")
		copy --preserve-digests --all "$REGISTRY/src:$name" "oci-archive:$name.tar:v1"
		is_status 0
		[ "$output" = "$want" ]
		copy --preserve-digests "oci-archive:$name.tar:v1" "docker://$REGISTRY/back:$name"
		is_status 0
		same "docker://$REGISTRY/back:$name" "docker://$REGISTRY/src:$name"
		[ $name != docker ] || continue # skopeo reads no docker manifests in a layout
		skopeo copy -q --all "oci-archive:$name.tar:v1" "oci:theirs:$name" 3>&-
		same "oci:theirs:$name" "docker://$REGISTRY/src:$name"
		skopeo copy -q --all "oci:theirs:$name" "oci-archive:s-$name.tar:v2" 3>&-
		for where in :v2 "" :@0; do
			copy "oci-archive:s-$name.tar$where" "dir:d-$name"
			is_status 0
			[ "$output" = "$want" ]
		done
	done
	# the same image gives the same bytes, however its layers arrive
	copy "$REGISTRY/src:multi" oci-archive:again.tar:v1
	cmp multi.tar again.tar
	# a name that is not there, and a file that is replaced as a whole
	copy oci-archive:gzip.tar:nothing dir:out
	is_status 1
	has "no image is named nothing"
	copy "$REGISTRY/src:zstd" oci-archive:gzip.tar:v9
	is_status 0
	[ "$(skopeo inspect --raw oci-archive:gzip.tar:v9 | sha256sum | cut -d' ' -f1)" = "$(digest_of "docker://$REGISTRY/src:zstd" | cut -d: -f2)" ]
	nothing_new
}

@test "docker-archive: layers and config are skopeo's to the bit, in both directions, from every form" {
	for name in gzip zstd none docker multi; do
		copy "$REGISTRY/src:$name" "docker-archive:$name.tar:team/app:$name"
		is_status 0
		digest=$output
		# what skopeo makes of it and what skopeo wrote, as plain folders
		[ "$(digest_of "docker-archive:$name.tar")" = "$digest" ]
		skopeo copy -q "docker-archive:$name.tar" "dir:theirs-$name" 3>&-
		copy "docker-archive:$name.tar:team/app:$name" "dir:ours-$name"
		is_status 0
		[ "$output" = "$digest" ]
		diff -r "ours-$name" "theirs-$name"
		case $name in
		docker) # skopeo changes configs on other ways
			skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src:$name" "docker-archive:s-$name.tar:team/app:1" 3>&-
			copy "docker-archive:s-$name.tar" "dir:s-$name"
			is_status 0
			diff -r "s-$name" "ours-$name"
			copy --preserve-digests "docker-archive:s-$name.tar" "docker-archive:p.tar"
			is_status 0
			;;
		esac
	done
	# names as skopeo has them, and none
	[ "$(tar -xOf gzip.tar manifest.json | jq -c '[.[].RepoTags]')" = '[["docker.io/team/app:gzip"]]' ]
	copy "$REGISTRY/src:gzip" docker-archive:noname.tar
	[ "$(tar -xOf noname.tar manifest.json | jq -c '[.[].RepoTags]')" = '[[]]' ]
	copy docker-archive:gzip.tar:team/app dir:out
	is_status 1
	has "no image is named team/app"
	copy docker-archive:gzip.tar:@1 dir:out
	is_status 1
	has "there is no image @1"
	nothing_new
}

@test "docker-archive: digests: --preserve-digests refuses, an index is one image or refused, nothing is added to a file" {
	copy --preserve-digests "$REGISTRY/src:gzip" docker-archive:out.tar
	is_status 1
	has "docker-archive: has no manifests, so sha256:"
	copy --all "$REGISTRY/src:multi" docker-archive:out.tar
	is_status 1
	has "--all: docker-archive: has room for one image, not for an index"
	nothing_new
	copy --platform linux/arm64 "$REGISTRY/src:multi" docker-archive:arm.tar
	is_status 0
	[ "$(skopeo inspect --config --raw docker-archive:arm.tar | jq -r .architecture)" = arm64 ]
	cp arm.tar before
	copy "$REGISTRY/src:gzip" docker-archive:arm.tar
	is_status 1
	has "nothing is added to an archive"
	cmp arm.tar before
	# an image of OCI's on its way back is OCI's where readers know nothing else
	copy docker-archive:arm.tar oci:lay:x
	is_status 0
	[ "$(raw oci:lay:x | jq -r .mediaType)" = application/vnd.oci.image.manifest.v1+json ]
	skopeo copy -q oci:lay:x dir:theirs 3>&-
}

@test "archives are read compressed or not, from a file and from a pipe, and written to one" {
	copy "$REGISTRY/src:gzip" docker-archive:d.tar:x:1
	want_docker=$output
	copy "$REGISTRY/src:gzip" oci-archive:o.tar:v
	want_oci=$output
	for tool in gzip xz bzip2 zstd cat; do
		for kind in docker oci; do
			$tool <${kind:0:1}.tar >packed
			rm -rf dir
			copy $kind-archive:packed dir:dir
			is_status 0
			want=want_$kind
			[ "$output" = "${!want}" ] || { echo "$tool $kind"; return 1; }
			copy $kind-archive:/dev/stdin dir:dir <packed
			is_status 0
			[ "$output" = "${!want}" ]
			output=$(cat packed | onggi registry copy -q $kind-archive:/dev/stdin dir:dir)
			[ "$output" = "${!want}" ]
		done
	done
	# to standard output: a pipe, a file that goes on
	onggi registry copy "$REGISTRY/src:gzip" oci-archive:/dev/stdout:v 2>words | cmp - o.tar
	grep -q "Copied: $want_oci" words
	echo head >both
	onggi registry copy -q "$REGISTRY/src:gzip" docker-archive:/dev/stdout:x:1 2>/dev/null >>both
	tail -c +6 both | cmp - d.tar
	onggi registry copy -q "$REGISTRY/src:gzip" docker-archive:/dev/stdout:x:1 2>/dev/null | cmp - d.tar
}

@test "what onggi save writes is both kinds; old folders with linked layers" {
	image pull -q "$REGISTRY/src:gzip"
	id=$(onggi images -q --no-trunc "$REGISTRY/src:gzip")
	onggi save -o s.tar "$REGISTRY/src:gzip"
	copy oci-archive:s.tar dir:d
	is_status 0
	[ "$output" = "$(digest_of "docker://$REGISTRY/src:gzip")" ]
	# layers are compressed in it
	copy "docker-archive:s.tar:$REGISTRY/src:gzip" docker-archive:plain.tar:a:1
	is_status 0
	[ "sha256:$(skopeo inspect --config --raw docker-archive:plain.tar | sha256sum | cut -d' ' -f1)" = "$id" ]
	# as docker before 25 wrote it: layers in folders, equal ones linked
	mkdir u old && tar -C u -xf plain.tar
	config=$(jq -r '.[0].Config' u/manifest.json)
	mapfile -t layers < <(jq -r '.[0].Layers[]' u/manifest.json)
	jq -c '.[0].Layers = ["a/layer.tar", "b/layer.tar", "c/layer.tar"]' u/manifest.json >m.json
	tar_of old.tar "$config" "u/$config" a/layer.tar "u/${layers[0]}" -l b/layer.tar ../x/layer.tar x/layer.tar "u/${layers[1]}" c/layer.tar "u/${layers[2]}" manifest.json m.json
	copy docker-archive:old.tar docker-archive:again.tar:a:1
	is_status 0
	cmp again.tar plain.tar
}

@test "lies in archives: names and links that lead out, blobs as links, missing and changed ones: refused by name" {
	copy "$REGISTRY/src:gzip" oci-archive:o.tar:v
	copy "$REGISTRY/src:gzip" docker-archive:d.tar:x:1
	mkdir o d && tar -C o -xf o.tar && tar -C d -xf d.tar
	blob=$(raw oci:o:v | jq -r '.layers[-1].digest' | cut -d: -f2)
	layer=$(jq -r '.[0].Layers[-1]' d/manifest.json)
	config=$(jq -r '.[0].Config' d/manifest.json)
	echo x >x
	for trick in outside linkout link missing changed noindex short; do
		rm -rf t && cp -r o t
		set --
		case $trick in
		outside) set -- ../../victim x && word="entry ../../victim leads out of the archive" ;;
		linkout) set -- -l a/b ../../../etc/passwd && word="entry a/b is a link out of the archive" ;;
		link) mv "t/blobs/sha256/$blob" t/real && set -- -l "blobs/sha256/$blob" ../../real && word="$blob is a link, not a file" ;;
		missing) rm "t/blobs/sha256/$blob" && word="$blob is not in it" ;;
		changed) corrupt "t/blobs/sha256/$blob" && word="$blob" ;;
		noindex) rm t/index.json && word="it has no index.json" ;;
		short) : && word="read image archive" ;;
		esac
		tar_of lies.tar $(members t) "$@"
		[ $trick != short ] || truncate -s 100000 lies.tar
		for to in oci:out:x dir:outd oci-archive:out.tar:x docker-archive:out.tar:x; do
			copy oci-archive:lies.tar $to
			is_status 1 || { echo "$trick $to"; return 1; }
			has "$word"
			nothing_new
		done
	done
	for trick in outside linkout linked missing changed diffid noconfig names layers; do
		rm -rf t && cp -r d t
		set --
		case $trick in
		outside) set -- /../victim x && word="entry /../victim leads out of the archive" ;;
		linkout) rm "t/$layer" && set -- -l "$layer" ../../etc/passwd && word="entry $layer is a link out of the archive" ;;
		linked) rm "t/$layer" && set -- -l "$layer" nowhere && word="$layer is not in the archive" ;;
		missing) rm "t/$layer" && word="$layer is not in the archive" ;;
		changed) corrupt "t/$layer" && word="${layer%%.*}" ;;
		diffid) jq -c --arg d "sha256:$(printf '%064d' 0)" '.rootfs.diff_ids[0] = $d' "d/$config" >"t/$config" && word="blob sha256:00000" ;;
		noconfig) rm "t/$config" && word="$config is not in the archive" ;;
		names) jq -c '.[0].Layers[0] = "../../etc/passwd"' d/manifest.json >t/manifest.json && word="../../etc/passwd is not in the archive" ;;
		layers) jq -c '.[0].Layers = .[0].Layers[1:]' d/manifest.json >t/manifest.json && word="manifest.json has 2 layers, the config 3" ;;
		esac
		tar_of lies.tar $(members t) "$@"
		for to in oci:out:x dir:outd docker-archive:out.tar:x; do
			copy docker-archive:lies.tar $to
			is_status 1 || { echo "$trick $to"; return 1; }
			has "$word"
			nothing_new
		done
	done
	for where in oci-archive:d.tar docker-archive:x; do
		copy $where dir:out
		is_status 1
	done
	copy oci-archive:d.tar dir:out
	has "it has a manifest.json: read it as docker-archive:"
}
