#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pushes to registries that break off, forget, refuse large bodies, are busy, name other hosts and lie
# about what they have.

load pull_lib

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --tag big --kb 20000 --seed big
	skopeo copy -q "oci:$T/oci:big" "oci-archive:$T/big.tar:big" 3>&-
	echo '{"download-retry-delay-ms":1}' >"$ONGGI_CONFIG"
	timeout 60 "$ONGGI_BIN/onggi" load -q -i "$T/big.tar"
	BLOB=$(jq -r '[.layers[] | {size, digest}] | max_by(.size).digest' "$ONGGI_ROOT"/images/*)
	export BLOB
}

teardown_file() {
	store_teardown
}

teardown() {
	[ -z "${PID:-}" ] || { kill "$PID"; wait "$PID" || true; }
}

serve() { # MODE: sets HOST and OTHER (port of the second server); D is its folder
	D=$T/$1
	mkdir "$D"
	python3 "$LIB/upload_registry.py" "$1" "$D" 3>&- &
	PID=$!
	eventually 60 test -s "$D/port"
	read -r HOST OTHER <"$D/port"
	HOST=127.0.0.1:$HOST
	timeout 60 "$ONGGI_BIN/onggi" tag "$(ls "$ONGGI_ROOT/images")" "$HOST/x/y:1"
}

works() {
	image push "$HOST/x/y:1"
	is_status 0
	local b
	for b in "$D"/blobs/*; do [ "$(sha256sum <"$b" | cut -d' ' -f1)" = "${b##*:}" ]; done
	[ "$(find "$D/blobs" -type f | wc -l)" = 4 ]
	[ -s "$D/manifests/1" ]
}

sent() { # METHOD: bytes of bodies, of the largest blob's session and all others
	awk -v m="$1" '$2 == m { sub("length=", "", $4); n += $4 } END { print n + 0 }' "$D/log"
}

@test "a plain one: each blob once" {
	serve plain
	works
	size=$(stat -c %s "$D/blobs/$BLOB")
	[ "$(sent PATCH)" -ge "$size" ]
	[ "$(sent PATCH)" -lt $((size + 3000000)) ]
}

@test "a broken stream goes on at the byte that the registry has" {
	serve cut
	works
	# the rest of it was sent once more, not the whole
	grep -q 'PATCH .*range=[1-9]' "$D/log"
	grep -q 'GET /upload' "$D/log"
}

@test "a session that is forgotten is begun again" {
	serve forget
	works
	[ "$(grep -c 'POST /v2' "$D/log")" = 5 ]
}

@test "large bodies are refused: parts" {
	serve limit
	works
	[ "$(awk '$2 == "PATCH" && $5 != "range=none" { n++ } END { print n + 0 }' "$D/log")" -ge 3 ]
	[ "$(awk '$2 == "PATCH" && $5 != "range=none" { sub("length=", "", $4); if ($4 + 0 > 8388608) n++ } END { print n + 0 }' "$D/log")" = 0 ]
}

@test "a busy registry is asked again" {
	serve busy
	works
	has 'Retrying in'
}

@test "another host that is named gets no authorization" {
	serve foreign
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$HOST" "$(printf user:secret | base64)" >"$DOCKER_CONFIG/config.json"
	works
	[ "$(grep -c "^$OTHER P" "$D/log")" -ge 4 ]
	[ "$(grep "^$OTHER" "$D/log" | grep -vc 'auth=none')" = 0 ]
	rm "$DOCKER_CONFIG/config.json"
}

@test "a registry that has lost bytes: an error, and nothing of the image is named there" {
	serve lost
	image push "$HOST/x/y:1"
	is_status 1
	has 'digest invalid: other bytes'
	[ ! -e "$D/manifests/1" ]
	[ ! -e "$D/blobs/$BLOB" ]
}
