#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `onggi registry serve --proxy`: a pull-through cache of docker-registry, with the upstream gone, changed and lying.

load pull_lib

setup() {
	store_setup
	echo '{"max-download-attempts": 2, "download-retry-delay-ms": 10}' >"$ONGGI_CONFIG"
}

teardown() {
	local left=0
	if [ -n "${CACHE_PID:-}" ]; then
		kill "$CACHE_PID" 2>/dev/null || true
		wait "$CACHE_PID" || left=$?
	fi
	registry_stop || true
	[ -z "${GATE_PID:-}" ] || kill "$GATE_PID" 2>/dev/null || true
	store_teardown
	[ "$left" = 0 ] || { echo "the cache ended with $left"; return 1; }
}

cache_start() { # UPSTREAM
	local pid=${REGISTRY_PID:-}
	onggi_registry_start "$T/cache" --proxy "$1" 3>&-
	CACHE=$REGISTRY CACHE_PID=$REGISTRY_PID REGISTRY_PID=$pid
	URL=http://$CACHE/v2
}

put() { # TAG-OF-LAYOUT NAME
	skopeo copy -q --all --dest-tls-verify=false "oci:$T/oci:$1" "docker://$2" 3>&-
}

get() { # NAME DIR
	skopeo copy -q --all --src-tls-verify=false "docker://$1" "dir:$T/$2" 3>&-
}

# gate_start [PORT]: sets GATE, GATE_PID; go WORD: what it waits for
gate_start() {
	rm -f "$T/gate/port"
	python3 "$LIB/gate_registry.py" "$T/big" "$T/gate" "$@" 3>&- &
	GATE_PID=$!
	eventually 60 test -s "$T/gate/port"
	GATE=127.0.0.1:$(cat "$T/gate/port")
}

gate_setup() {
	head -c 2000000 /dev/urandom >"$T/big"
	BIG=sha256:$(sha256sum <"$T/big" | cut -d' ' -f1)
	mkdir "$T/gate"
	echo "$BIG" >"$T/gate/digest"
	mkfifo "$T/gate/go"
	gate_start
	cache_start "$GATE"
}

go() { # WORD
	timeout 60 sh -c "echo $1 >'$T/gate/go'"
}

half_is_here() { # FILE...
	for f in "$@"; do eventually 60 sh -c "[ \$(stat -c %s '$f') -ge 900000 ]" || return 1; done
}

@test "images come through and stay: upstream gone, a tag that moved, an index, tags, nothing can be pushed" {
	registry_start "$T/registry" 3>&-
	up=$REGISTRY
	for tag in one two; do python3 "$LIB/mkimage.py" "$T/oci" --tag $tag --kb 300 --seed $tag; done
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 50 --seed multi
	put one "$up/team/app:1"
	put two "$up/team/app:2"
	put multi "$up/team/app:m"
	cache_start "$up"
	get "$CACHE/team/app:1" one
	cmp "$T/one/manifest.json" <(skopeo inspect --raw --tls-verify=false "docker://$up/team/app:1")
	get "$CACHE/team/app:m" multi
	image pull -q "$CACHE/team/app:1"
	is_status 0
	[ "$(curl -fs "$URL/team/app/tags/list" | jq -c .tags)" = '["1","2","m"]' ]
	# moved
	put two "$up/team/app:1"
	get "$CACHE/team/app:1" moved
	cmp "$T/moved/manifest.json" <(skopeo inspect --raw --tls-verify=false "docker://$up/team/app:1")
	for d in $(jq -r '.config.digest, .layers[].digest' "$T/one/manifest.json"); do curl -fs -o /dev/null "$URL/team/app/blobs/$d"; done
	run curl -s -o /dev/null -w '%{http_code}' "$URL/team/app/manifests/never"
	[ "$output" = 404 ]
	run curl -s -o /dev/null -w '%{http_code}' "$URL/team/app/blobs/sha256:$(printf '%064d' 1)"
	[ "$output" = 404 ]
	run curl -s -o /dev/null -w '%{http_code}' -X POST "$URL/team/app/blobs/uploads/"
	[ "$output" = 405 ]
	registry_stop || true
	get "$CACHE/team/app:1" away
	diff -r "$T/moved" "$T/away"
	get "$CACHE/team/app:m" multi-away
	diff -r "$T/multi" "$T/multi-away"
	run curl -s -o /dev/null -w '%{http_code}' "$URL/team/app/manifests/2"
	[ "$output" = 502 ]
	run curl -s -o /dev/null -w '%{http_code}' "$URL/team/app/blobs/sha256:$(printf '%064d' 1)"
	[ "$output" = 502 ]
	# as it is after a restart
	kill -9 "$CACHE_PID"
	wait "$CACHE_PID" || true
	cache_start "$up"
	get "$CACHE/team/app:1" again
	diff -r "$T/moved" "$T/again"
}

@test "one download for all who ask, read while it arrives, also in ranges" {
	gate_setup
	for i in 1 2 3 4 5; do
		curl -fsN -o "$T/got$i" "$URL/a/blobs/$BIG" 3>&- &
		pids="${pids:-} $!"
	done
	half_is_here "$T/got1" "$T/got2" "$T/got3" "$T/got4" "$T/got5"
	[ "$(curl -fs -r 10-19 "$URL/a/blobs/$BIG" | sha256sum)" = "$(tail -c +11 "$T/big" | head -c 10 | sha256sum)" ]
	go go
	for p in $pids; do wait "$p"; done
	for i in 1 2 3 4 5; do cmp "$T/big" "$T/got$i"; done
	[ "$(grep -c '^GET /v2/a/blobs' "$T/gate/log")" = 1 ]
	# another repository: asked whether it has it, not fetched again
	curl -fs "$URL/b/blobs/$BIG" -o /dev/null -I
	curl -fs "$URL/b/blobs/$BIG" | cmp - "$T/big"
	[ "$(grep -c '^GET /v2/./blobs' "$T/gate/log")" = 1 ]
}

@test "other bytes than the digest says reach nobody whole and are not kept" {
	gate_setup
	curl -sN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	half_is_here "$T/got"
	go wrong
	code=0
	wait $pid || code=$?
	[ "$code" = 18 ]
	[ "$(stat -c %s "$T/got")" -lt 2000000 ]
	[ -z "$(find "$T/cache/data/blobs" "$T/cache/data/tmp" -type f)" ]
	curl -fsN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	go go
	wait $pid
	cmp "$T/got" "$T/big"
}

@test "upstream is killed in between: the next one who asks goes on where it was" {
	gate_setup
	curl -sN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	half_is_here "$T/got"
	kill -9 "$GATE_PID"
	wait "$GATE_PID" || true
	code=0
	wait $pid || code=$?
	[ "$code" = 18 ]
	gate_start "${GATE#*:}"
	curl -fsN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	go go
	wait $pid
	cmp "$T/got" "$T/big"
	grep -q '^GET .* bytes=1000000-' "$T/gate/log"
}

@test "the cache is killed in between: the next one who asks goes on where it was" {
	gate_setup
	curl -sN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	half_is_here "$T/got"
	kill $pid
	wait $pid || true
	kill -9 "$CACHE_PID"
	wait "$CACHE_PID" || true
	[ -z "$(find "$T/cache/data/blobs" -type f)" ]
	cache_start "$GATE"
	curl -fsN -o "$T/got" "$URL/a/blobs/$BIG" 3>&- &
	pid=$!
	eventually 60 grep -q '^GET .* bytes=1000000-' "$T/gate/log"
	# one of the two that wait at the gate has lost its client
	go go
	go go || true
	wait $pid
	cmp "$T/got" "$T/big"
}

@test "wrong upstreams are refused" {
	for args in '--proxy http://x' '--proxy a/b' '--proxy docker.io --read-only'; do
		# shellcheck disable=SC2086
		run timeout 30 "$ONGGI_BIN/onggi" registry serve --root "$T/r" --listen 127.0.0.1:0 $args
		[ "$status" != 0 ]
		[ "$status" != 124 ]
	done
}
