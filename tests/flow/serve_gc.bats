#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a registry of one's own gives back: `onggi registry gc`, and the limits of a pull-through cache. Times are
# set on the files, nobody waits.

load pull_lib

setup() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --kb 300 --seed one
	python3 "$LIB/mkimage.py" "$T/oci" --tag two --kb 300 --seed two
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 50 --seed multi
}

teardown() {
	local left=0
	if [ -n "${CACHE_PID:-}" ]; then
		kill "$CACHE_PID" 2>/dev/null || true
		wait "$CACHE_PID" || left=$?
	fi
	if [ -n "${REGISTRY_PID:-}" ]; then
		kill "$REGISTRY_PID" 2>/dev/null || true
		wait "$REGISTRY_PID" || left=$?
	fi
	store_teardown
	[ "$left" = 0 ] || { echo "a server ended with $left"; return 1; }
}

put() { # TAG-OF-LAYOUT NAME
	skopeo copy -q --all --dest-tls-verify=false "oci:$T/oci:$1" "docker://$2" 3>&-
}

get() { # NAME DIR
	skopeo copy -q --all --src-tls-verify=false "docker://$1" "dir:$T/$2" 3>&-
}

gc() {
	run -0 "$ONGGI_BIN/onggi" registry gc --root "$DATA" "$@"
}

registry() { # [OPTIONS]
	onggi_registry_start "$T/registry" --allow-delete "$@" 3>&-
	DATA=$T/registry/data
}

blobs() { # DATA: how many
	find "$1/blobs" -type f | wc -l
}

upload() { # NAME TEXT: a blob without a manifest
	curl -fs -o /dev/null -X POST --data-binary "$2" "http://$REGISTRY/v2/$1/blobs/uploads/?digest=sha256:$(printf %s "$2" | sha256sum | cut -d' ' -f1)"
}

@test "deleted images go with what only they had; the server works meanwhile" {
	registry
	put one "$REGISTRY/a:1"
	put one "$REGISTRY/b:1"
	put two "$REGISTRY/a:2"
	put multi "$REGISTRY/a:m"
	all=$(blobs "$DATA")
	gc --keep 0s
	has "0 manifests, 0 blobs"
	"$ONGGI_BIN/onggi" registry rm "$REGISTRY/a@$(skopeo inspect --tls-verify=false "docker://$REGISTRY/a:2" | jq -r .Digest)"
	# what is fresh may be part of a push
	gc
	has "0 manifests, 0 blobs"
	gc --keep 0s --dry-run
	has "Would remove: 0 manifests, "
	[ "$(blobs "$DATA")" = "$all" ]
	would=$(grep -c '^blob ' <<<"$output")
	[ "$would" -gt 0 ]
	gc --keep 0s
	[ "$(grep -c '^blob ' <<<"$output")" = "$would" ]
	[ "$(blobs "$DATA")" = $((all - would)) ]
	get "$REGISTRY/a:1" a1
	get "$REGISTRY/b:1" b1
	get "$REGISTRY/a:m" am
	run get "$REGISTRY/a:2" a2
	[ "$status" != 0 ]
	# a repository without it lets it go, the other has it still
	"$ONGGI_BIN/onggi" registry rm "$REGISTRY/b@$(skopeo inspect --tls-verify=false "docker://$REGISTRY/b:1" | jq -r .Digest)"
	gc --keep 0s
	has "0 manifests, 0 blobs"
	get "$REGISTRY/a:1" a1again
	# the same can be pushed again
	put two "$REGISTRY/a:2"
	get "$REGISTRY/a:2" a2again
}

@test "untagged manifests: kept unless said, indexes and subjects count" {
	registry
	put multi "$REGISTRY/a:m"
	put one "$REGISTRY/a:moving"
	old=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/a:moving" | jq -r .Digest)
	put two "$REGISTRY/a:moving"
	new=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/a:moving" | jq -r .Digest)
	upload a '{}'
	for subject in "$old" "$new"; do
		printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"x/sig","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1}}' "$subject" >"$T/m"
		curl -fs -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$T/m" \
			"http://$REGISTRY/v2/a/manifests/sha256:$(sha256sum <"$T/m" | cut -d' ' -f1)"
	done
	gc --keep 0s
	has "0 manifests, 0 blobs"
	gc --keep 1h --untagged
	has "0 manifests, 0 blobs"
	gc --keep 0s -m
	has "manifest a@$old"
	has "Removed: 2 manifests, "
	get "$REGISTRY/a:m" multi
	get "$REGISTRY/a:moving" moving
	run get "$REGISTRY/a@$old" old
	[ "$status" != 0 ]
	[ "$(curl -fs "http://$REGISTRY/v2/a/referrers/$new" | jq '.manifests | length')" = 1 ]
	[ "$(curl -fs "http://$REGISTRY/v2/a/referrers/$old" | jq '.manifests | length')" = 0 ]
	# the layers of the old one went, too
	gc --keep 0s -m -q
	[ "$output" = "Removed: 0 manifests, 0 blobs, 0B" ]
}

@test "blobs that no manifest names, left-overs, a manifest that is damaged, folders that are none" {
	registry
	put one "$REGISTRY/a:1"
	all=$(blobs "$DATA")
	upload a lost
	upload b lost
	: >"$DATA/tmp/blob-left"
	touch -d '2 days ago' "$DATA/tmp/blob-left"
	gc
	[ ! -e "$DATA/tmp/blob-left" ]
	[ "$(blobs "$DATA")" = $((all + 1)) ]
	find "$DATA/repositories/b/blobs" -type f -exec touch -d '2 days ago' {} +
	gc
	[ "$(blobs "$DATA")" = $((all + 1)) ] # fresh in the other repository
	find "$DATA/repositories/a/blobs" -type f -exec touch -d '2 days ago' {} +
	gc
	has "Removed: 0 manifests, 1 blobs, 4B"
	[ "$(blobs "$DATA")" = "$all" ]
	get "$REGISTRY/a:1" one
	# nothing is guessed
	digest=$(skopeo inspect --tls-verify=false "docker://$REGISTRY/a:1" | jq -r .Digest)
	chmod u+w "$DATA/blobs/sha256/${digest#sha256:}"
	echo x >>"$DATA/blobs/sha256/${digest#sha256:}"
	run "$ONGGI_BIN/onggi" registry gc --root "$DATA" --keep 0s
	is_status 1
	has "repository a: manifest $digest"
	[ "$(blobs "$DATA")" = "$all" ]
	run "$ONGGI_BIN/onggi" registry gc --root "$T/nowhere"
	is_status 1
	[ ! -e "$T/nowhere" ]
	run "$ONGGI_BIN/onggi" registry gc --root "$DATA" --keep soon
	[ "$status" != 0 ]
}

@test "a repository that is only being made is no fault" {
	registry
	put one "$REGISTRY/whole:1"
	mkdir "$DATA/repositories/new"
	run -0 "$ONGGI_BIN/onggi" registry gc --root "$DATA"
	mkdir "$DATA/repositories/new/blobs"
	run -0 "$ONGGI_BIN/onggi" registry gc --root "$DATA"
	get "$REGISTRY/whole:1" again
}

@test "pushes while garbage is collected: all that was pushed is there" {
	registry
	(while [ ! -e "$T/stop" ]; do "$ONGGI_BIN/onggi" registry gc -q --root "$DATA" >/dev/null || touch "$T/failed"; done) 3>&- &
	loop=$!
	for i in 1 2 3 4 5; do
		put one "$REGISTRY/r$i:1"
		put multi "$REGISTRY/r$i:m"
		"$ONGGI_BIN/onggi" registry rm "$REGISTRY/r$i:m"
	done
	touch "$T/stop"
	wait "$loop"
	[ ! -e "$T/failed" ]
	for i in 1 2 3 4 5; do get "$REGISTRY/r$i:1" "r$i"; done
}

cache() { # [OPTIONS]
	local pid=$REGISTRY_PID up=$REGISTRY
	onggi_registry_start "$T/cache" --proxy "$REGISTRY" "$@" 3>&-
	CACHE=$REGISTRY CACHE_PID=$REGISTRY_PID REGISTRY=$up REGISTRY_PID=$pid
}

cache_end() {
	kill "$CACHE_PID"
	wait "$CACHE_PID"
	CACHE_PID=
}

@test "a cache forgets what nobody has asked for in --proxy-ttl, and fetches it again" {
	registry
	put one "$REGISTRY/a:1"
	put two "$REGISTRY/a:2"
	cache
	get "$CACHE/a:1" one
	get "$CACHE/a:2" two
	cache_end
	all=$(blobs "$T/cache/data")
	find "$T/cache/data/repositories" -path '*/blobs/*' -type f -exec touch -d '3 hours ago' {} +
	cache --proxy-ttl 4h
	get "$CACHE/a:1" one2
	cache_end
	[ "$(blobs "$T/cache/data")" = "$all" ]
	# what was asked for a moment ago stays
	cache --proxy-ttl 2h
	eventually 60 sh -c "[ \$(find '$T/cache/data/blobs' -type f | wc -l) -lt $all ]"
	[ ! -e "$T/cache/data/repositories/a/tags/2" ]
	[ -e "$T/cache/data/repositories/a/tags/1" ]
	get "$CACHE/a:1" one3
	get "$CACHE/a:2" two3
	cmp "$T/two/manifest.json" "$T/two3/manifest.json"
	[ "$(blobs "$T/cache/data")" = "$all" ]
}

sum_below() { # BYTES
	[ "$(find "$T/cache/data/blobs" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" -le "$1" ]
}

@test "a cache keeps at most --proxy-size: what was not asked for for longest goes" {
	registry
	for i in 1 2 3 4 5 6; do
		python3 "$LIB/mkimage.py" "$T/oci" --tag "s$i" --kb 1000 --seed "s$i"
		put "s$i" "$REGISTRY/a:$i"
	done
	cache
	for i in 1 2 3; do get "$CACHE/a:$i" "s$i"; done
	cache_end
	limit=5000000 # they have 7.3 MB: each 1 MB of its own, 1.1 MB together
	find "$T/cache/data/repositories" -path '*/blobs/*' -type f -exec touch -d '3 hours ago' {} +
	cache --proxy-size $limit
	get "$CACHE/a:1" s1again
	for i in 4 5 6; do get "$CACHE/a:$i" "s$i"; done
	eventually 60 sum_below "$limit"
	# the last one is whole, of the first two that were old something is gone
	for blob in $(jq -r '.config.digest, .layers[].digest' "$T/s6/manifest.json"); do
		[ -e "$T/cache/data/blobs/sha256/${blob#sha256:}" ]
	done
	gone=0
	for blob in $(jq -r '.layers[].digest' "$T/s2/manifest.json" "$T/s3/manifest.json"); do
		[ -e "$T/cache/data/blobs/sha256/${blob#sha256:}" ] || gone=$((gone + 1))
	done
	[ "$gone" -gt 0 ]
	for i in 1 2 3 4 5 6; do
		get "$CACHE/a:$i" "end$i"
		cmp "$T/oci/blobs/sha256/$(sha256sum <"$T/end$i/manifest.json" | cut -d' ' -f1)" "$T/end$i/manifest.json"
	done
}

@test "a cache logs in upstream with --authfile; flags that need --proxy" {
	echo 'ali:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW' >"$T/users"
	registry --htpasswd "$T/users"
	skopeo copy -q --dest-tls-verify=false --dest-creds 'ali:open sesame' "oci:$T/oci:one" "docker://$REGISTRY/a:1" 3>&-
	cache
	run get "$CACHE/a:1" none
	[ "$status" != 0 ]
	cache_end
	echo "{\"auths\":{\"$REGISTRY\":{\"auth\":\"$(printf 'ali:open sesame' | base64)\"}}}" >"$T/auth.json"
	cache --authfile "$T/auth.json"
	get "$CACHE/a:1" one
	for args in '--proxy-ttl 1h' '--proxy-size 1g' "--authfile $T/auth.json" '--proxy x.example.com --proxy-size 0' \
		'--proxy x.example.com --proxy-ttl soon'; do
		# shellcheck disable=SC2086
		run timeout 30 "$ONGGI_BIN/onggi" registry serve --root "$T/r2" -l 127.0.0.1:0 $args
		[ "$status" != 0 ]
		[ "$status" != 124 ]
	done
}
