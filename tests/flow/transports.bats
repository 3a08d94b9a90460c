#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# registry copy between the transports that skopeo knows: what onggi writes skopeo reads, and the other way,
# by the same digests; layouts and archives of strangers that lie.

load transports_lib

# the blob of a layer of image NAME of the layout, as path
layer_path() { # LAYOUT NAME
	echo "$1/blobs/sha256/$(raw "oci:$1:$2" | jq -r '.layers[-1].digest' | cut -d: -f2)"
}

@test "docker:// to oci: and dir: and back: every manifest is the same to the bit, skopeo reads them" {
	for name in gzip zstd none docker multi; do
		want=$(digest_of "docker://$REGISTRY/src:$name")
		copy "$REGISTRY/src:$name" "oci:lay:$name"
		is_status 0
		[ "$output" = "$want" ]
		copy "docker://$REGISTRY/src:$name" "dir:d-$name"
		is_status 0
		[ "$output" = "$want" ]
		[ "$(sha256sum <"d-$name/manifest.json" | cut -d' ' -f1)" = "${want#*:}" ]
		case $name in
		docker) ;; # skopeo reads no docker manifests in a layout
		*) same "oci:lay:$name" "docker://$REGISTRY/src:$name" ;;
		esac
		same "dir:d-$name" "docker://$REGISTRY/src:$name"
		copy "oci:lay:$name" "docker://$REGISTRY/from-oci:$name"
		is_status 0
		same "docker://$REGISTRY/from-oci:$name" "docker://$REGISTRY/src:$name"
		copy "dir:d-$name" "$REGISTRY/from-dir:$name"
		is_status 0
		same "docker://$REGISTRY/from-dir:$name" "docker://$REGISTRY/src:$name"
		# and skopeo takes the whole of it, all blobs verified
		skopeo copy -q --all --dest-tls-verify=false "dir:d-$name" "docker://$REGISTRY/skopeo:$name" 3>&-
		same "docker://$REGISTRY/skopeo:$name" "docker://$REGISTRY/src:$name"
	done
	# one folder, five images, blobs shared
	[ "$(jq '.manifests | length' lay/index.json)" = 5 ]
	[ "$(cat lay/oci-layout)" = '{"imageLayoutVersion":"1.0.0"}' ]
	skopeo copy -q --all oci:lay:multi oci:theirs:multi 3>&-
	same oci:theirs:multi "docker://$REGISTRY/src:multi"
}

@test "what skopeo writes onggi reads: oci: by name, by number, the only one; dir:" {
	for name in gzip zstd multi; do
		skopeo copy -q --all "oci:$T/oci:$name" "oci:lay:$name" 3>&-
		skopeo copy -q --all "oci:$T/oci:$name" "dir:d-$name" 3>&-
	done
	copy oci:lay:multi "$REGISTRY/a:multi"
	is_status 0
	same "docker://$REGISTRY/a:multi" "oci:$T/oci:multi"
	copy dir:d-multi "$REGISTRY/a:dir"
	is_status 0
	same "docker://$REGISTRY/a:dir" "oci:$T/oci:multi"
	copy oci:lay:@1 "$REGISTRY/a:second"
	is_status 0
	same "docker://$REGISTRY/a:second" "oci:$T/oci:zstd"
	copy oci:lay oci:x:y
	is_status 1
	has "lay: 3 images, say which one"
	[ ! -e x ]
	copy oci:lay:nothing oci:x:y
	is_status 1
	has "lay: no image is named nothing"
	copy oci:lay:@3 oci:x:y
	is_status 1
	has "there is no image @3"
	skopeo copy -q --all "oci:$T/oci:zstd" oci:one:only 3>&-
	copy oci:one "$REGISTRY/a:only"
	is_status 0
	same "docker://$REGISTRY/a:only" "oci:$T/oci:zstd"
}

@test "oci: a name is moved, others and unknown members stay, an image without name is there once" {
	copy "$REGISTRY/src:gzip" oci:lay:a
	copy "$REGISTRY/src:gzip" oci:lay:b
	jq -c '.annotations = {"keep": "me"}' lay/index.json >i && cp i lay/index.json
	copy "$REGISTRY/src:zstd" oci:lay:a
	is_status 0
	copy "$REGISTRY/src:multi" oci:lay
	copy "$REGISTRY/src:multi" oci:lay
	is_status 0
	[ "$(jq -c '[.manifests[].annotations["org.opencontainers.image.ref.name"]]' lay/index.json)" = '["b","a",null]' ]
	[ "$(jq -r .annotations.keep lay/index.json)" = me ]
	same oci:lay:a "docker://$REGISTRY/src:zstd"
	same oci:lay:b "docker://$REGISTRY/src:gzip"
}

@test "oci: many copies into a new layout at once lose none" {
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		timeout 60 "$ONGGI_BIN/onggi" registry copy -q "$REGISTRY/src:gzip" "oci:lay:t$i" >/dev/null 3>&- &
		pids="$pids $!"
	done
	for p in $pids; do wait "$p"; done
	[ "$(jq '[.manifests[].annotations["org.opencontainers.image.ref.name"]] | sort | length' lay/index.json)" = 8 ]
	for i in 1 8; do same "oci:lay:t$i" "docker://$REGISTRY/src:gzip"; done
	[ -z "$(find lay -name '*tmp*')" ]
}

@test "--platform: one image of an index, by the same digest" {
	want=$(raw "docker://$REGISTRY/src:multi" | jq -r '.manifests[] | select(.platform.architecture == "arm64").digest')
	for to in oci:lay:arm dir:d; do
		copy --platform linux/arm64 "$REGISTRY/src:multi" $to
		is_status 0
		[ "$output" = "$want" ]
		[ "$(digest_of $to)" = "$want" ]
	done
}

@test "dir: replaces an image of its own and nothing else, atomically" {
	copy "$REGISTRY/src:gzip" dir:d
	copy "$REGISTRY/src:zstd" dir:d/
	is_status 0
	same dir:d "docker://$REGISTRY/src:zstd"
	mkdir other empty && echo x >other/file
	copy "$REGISTRY/src:zstd" dir:other
	is_status 1
	has "other is no image of dir:, and has other files in it"
	[ "$(ls other)" = file ]
	copy "$REGISTRY/src:zstd" dir:empty
	is_status 0
	same dir:empty "docker://$REGISTRY/src:zstd"
	copy "$REGISTRY/src:zstd" oci:other:x
	is_status 1
	has "other is no image layout, and has other files in it"
	[ "$(ls other)" = file ]
	# the source fails on the way: the old one stays
	cp -r empty broken
	rm "$(find broken -size +30k | head -n 1)"
	copy dir:broken dir:d
	is_status 1
	copy "$REGISTRY/src:gzip" dir:d
	is_status 0
	copy dir:broken dir:d
	is_status 1
	same dir:d "docker://$REGISTRY/src:gzip"
	[ "$(ls -d -- *tmp* 2>/dev/null)" = "" ]
}

@test "dir: what a killed copy left goes away with the next one to the same place, a running one stays" {
	local tmp
	copy "$REGISTRY/src:gzip" dir:src
	# killed in the middle: folders that nobody holds
	for tmp in d.tmp-0123456789abcdef d.tmp-fedcba9876543210; do cp -r src $tmp; done
	mkdir d.tmp-00000000000000ff d.tmp-notes d.tmp-0123456789abcdee && echo x >d.tmp-0123456789abcdee/mine
	exec 5<d.tmp-fedcba9876543210
	flock -x 5
	copy "$REGISTRY/src:gzip" dir:./d
	is_status 0
	[ "$(echo d*)" = "d d.tmp-0123456789abcdee d.tmp-fedcba9876543210 d.tmp-notes" ] || { ls; return 1; }
	exec 5<&-
	copy "$REGISTRY/src:zstd" dir:d
	is_status 0
	[ "$(echo d*)" = "d d.tmp-0123456789abcdee d.tmp-notes" ]
	same dir:d "docker://$REGISTRY/src:zstd"
}

@test "oci: a copy that fails takes its blobs out of a layout that was there, and no others" {
	copy "$REGISTRY/src:gzip" oci:lay:a
	find lay | sort >before
	copy "oci:$T/oci:zstd" dir:broken
	rm "broken/$(jq -r '.layers[-1].digest' broken/manifest.json | cut -d: -f2)"
	echo '{"max-concurrent-uploads": 1}' >"$ONGGI_CONFIG" # the others are there before the one that is missing
	copy dir:broken oci:lay:b
	is_status 1
	find lay | sort | diff before -
	same oci:lay:a "docker://$REGISTRY/src:gzip"
	# somebody else writes to it meanwhile: he may have found them
	exec 5<lay
	flock -s 5
	copy dir:broken oci:lay:b
	is_status 1
	exec 5<&-
	rm "$ONGGI_CONFIG"
	[ "$(find lay | sort | diff before - | grep -c '^>')" -gt 0 ]
	copy "oci:$T/oci:zstd" oci:lay:b
	is_status 0
	same oci:lay:b "oci:$T/oci:zstd"
}

@test "lies in a layout: missing and changed blobs, links, pipes, absolute paths: refused by name, nothing left" {
	for trick in missing changed short link outside fifo digest version nojson manifest blobsdir; do
		rm -rf lay && cp -r "$T/oci" lay
		skopeo copy -q "oci:$T/oci:gzip" oci:lay:only 3>&-
		blob=$(layer_path lay only)
		hex=${blob##*/}
		case $trick in
		missing) rm "$blob" && word=$hex ;;
		changed) corrupt "$blob" && word=$hex ;;
		short) truncate -s -1 "$blob" && word=$hex ;;
		link) cp "$blob" "$blob.real" && ln -sf "$blob.real" "$blob" && word=$hex ;;
		outside) cp "$blob" "$T/outside" && ln -sf "$T/outside" "$blob" && word=$hex ;;
		fifo) rm "$blob" && mkfifo "$blob" && word=$hex ;;
		blobsdir) cp -r lay/blobs/sha256 "$T/outside.d" && rm -rf lay/blobs/sha256 && ln -s "$T/outside.d" lay/blobs/sha256 && word=blobs/sha256 ;;
		digest) sed -i 's|"sha256:|"sha256:../../../|g' lay/index.json && word="invalid digest" ;;
		version) echo '{"imageLayoutVersion":"2.0.0"}' >lay/oci-layout && word='version "2.0.0"' ;;
		nojson) printf '{"manifests":' >lay/index.json && word=index.json ;;
		manifest) corrupt "lay/blobs/sha256/$(digest_of oci:lay:only | cut -d: -f2)" && word="has not the digest" ;;
		esac
		for to in oci:out:x dir:outd; do
			copy oci:lay:only $to
			is_status 1 || { echo "$trick $to"; return 1; }
			has "$word"
			[ -z "$(ls -d out* 2>/dev/null)" ] || { echo "$trick: $(ls -d out*)"; return 1; }
		done
		copy oci:lay:only "$REGISTRY/lies:$trick"
		is_status 1
		run skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/lies:$trick"
		[ "$status" != 0 ]
		rm -rf "$T/outside" "$T/outside.d"
	done
}

@test "a damaged blob of the target is written anew; links in the target do not lead out" {
	copy "$REGISTRY/src:gzip" oci:lay:a
	blob=$(layer_path lay a)
	corrupt "$blob"
	copy "$REGISTRY/src:gzip" oci:lay:a
	is_status 0
	[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${blob##*/}" ]
	# blobs/sha256 of the target is a link to a folder outside: it stays empty
	mkdir target victim && echo '{"imageLayoutVersion":"1.0.0"}' >target/oci-layout
	mkdir target/blobs && ln -s "$PWD/victim" target/blobs/sha256
	copy "$REGISTRY/src:gzip" oci:target:a
	[ -z "$(ls victim)" ]
	# a link in place of a blob is replaced, not written through
	mkdir t2 && echo '{"imageLayoutVersion":"1.0.0"}' >t2/oci-layout && mkdir -p t2/blobs/sha256
	echo secret >victim/file
	ln -s "$PWD/victim/file" "t2/blobs/sha256/${blob##*/}"
	copy "$REGISTRY/src:gzip" oci:t2:a
	is_status 0
	[ "$(cat victim/file)" = secret ]
	same oci:t2:a "docker://$REGISTRY/src:gzip"
}

@test "words: flags of registries, transports that are not here, hosts that look like one" {
	copy -a "$REGISTRY/src" oci:lay
	is_status 1
	has "--all-tags is from registry to registry: oci: has no repositories"
	copy -r "$REGISTRY/src:gzip" dir:d
	is_status 1
	has "--referrers is from registry to registry"
	copy docker-daemon:x oci:lay
	is_status 1
	has "transport docker-daemon is not supported"
	copy oci: dir:d
	is_status 1
	has "nothing follows the transport"
	copy "oci:lay:@x" dir:d
	is_status 1
	has "the number of an image is wanted"
	[ -z "$(ls)" ]
}
