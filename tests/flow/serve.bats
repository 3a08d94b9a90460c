#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `onggi registry serve` by the letter of the distribution-spec (curl and bytes of our own), under hostile clients, with
# many clients at once, killed and ended. What other programs see of it: distribution_serve.bats, push_serve.bats,
# registry_serve.bats; docker and podman: at the end here.

load pull_lib

setup() {
	store_setup
	onggi_registry_start "$T/registry" --allow-delete 3>&-
	URL=http://$REGISTRY/v2
	printf hello >"$T/hello"
	HELLO=sha256:$(sha256sum <"$T/hello" | cut -d' ' -f1)
}

teardown() {
	local left=0
	if [ -n "${REGISTRY_PID:-}" ]; then
		kill "$REGISTRY_PID" 2>/dev/null || true
		wait "$REGISTRY_PID" || left=$?
	fi
	umount -R "$T/podman/root/overlay" 2>/dev/null || true # podman leaves it
	store_teardown
	# also what the sanitizers found is a status
	[ "$left" = 0 ] || { echo "the server ended with $left"; return 1; }
}

# http METHOD PATH [CURL OPTIONS]: $code, headers in $T/h, body in $T/b
http() {
	code=$(curl -s -o "$T/b" -D "$T/h" -w '%{http_code}' -X "$1" "${@:3}" "$URL$2") || true
	[ "$1" = HEAD ] || return 0
}

is() { # CODE [CODE-OF-ERROR]
	[ "$code" = "$1" ] || { echo "status $code instead of $1: $(cat "$T/h" "$T/b")"; return 1; }
	[ -z "${2:-}" ] || [ "$(jq -r '.errors[0].code' "$T/b")" = "$2" ] || { cat "$T/b"; return 1; }
}

header() { # NAME: its value
	tr -d '\r' <"$T/h" | sed -n "s/^$1: //Ip"
}

blob() { # REPO FILE: pushed whole; prints its digest
	local d
	d=sha256:$(sha256sum <"$2" | cut -d' ' -f1)
	curl -fs -o /dev/null -X POST --data-binary "@$2" "$URL/$1/blobs/uploads/?digest=$d"
	echo "$d"
}

# manifest REPO [MEMBERS]: an artifact of one layer "hello" as JSON text
manifest() {
	local c
	printf '{}' >"$T/empty"
	c=$(blob "$1" "$T/empty")
	blob "$1" "$T/hello" >/dev/null
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",%s"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},"layers":[{"mediaType":"text/plain","digest":"%s","size":5}]}' \
		"${2:-}" "$c" "$HELLO"
}

put() { # REPO REFERENCE FILE
	http PUT "/$1/manifests/$2" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$3"
}

sum() {
	echo "sha256:$(sha256sum <"$1" | cut -d' ' -f1)"
}

# raw TEXT: sent as it is; what comes back until the server ends the connection
raw() {
	printf "$1" | timeout 30 socat -t 30 - "TCP:$REGISTRY,shut-none" | tr -d '\r'
}

@test "version, unknown paths and methods, names" {
	http GET /
	is 200
	[ "$(header Docker-Distribution-Api-Version)" = registry/2.0 ]
	http POST /
	is 405 UNSUPPORTED
	http PUT /a/tags/list
	is 405 UNSUPPORTED
	[ "$(header Allow)" = GET ]
	http GET /a/nothing
	is 404 NAME_UNKNOWN
	for name in A a//b a/../b .a a_ 'a/%2e%2e/b' '%2e%2e/x' "$(printf 'a%.0s' {1..256})"; do
		http GET "/$name/tags/list" --path-as-is
		is 400 NAME_INVALID
		http POST "/$name/blobs/uploads/" --path-as-is
		is 400 NAME_INVALID
	done
	http GET /a/tags/list
	is 404 NAME_UNKNOWN
	http GET /a/manifests/.x
	is 400
	http GET /a/manifests/x:y
	is 400 DIGEST_INVALID
	http GET /a/manifests/x
	is 404 MANIFEST_UNKNOWN
	http GET /a/blobs/sha256:12
	is 400 DIGEST_INVALID
	http GET "/a/blobs/$HELLO"
	is 404 BLOB_UNKNOWN
	# words of the paths may be parts of names, and 255 bytes are a name
	for name in manifests/tags/list/blobs uploads "$(printf 'a/%.0s' {1..127})b"; do
		blob "$name" "$T/hello"
		http GET "/$name/blobs/$HELLO"
		is 200
	done
}

@test "blobs: whole and in ranges, nothing outside of their repository" {
	[ "$(blob a/b "$T/hello")" = "$HELLO" ]
	http GET "/a/b/blobs/$HELLO"
	is 200
	cmp "$T/b" "$T/hello"
	[ "$(header Docker-Content-Digest)" = "$HELLO" ]
	[ "$(header Content-Type)" = application/octet-stream ]
	http HEAD "/a/b/blobs/$HELLO" -I
	is 200
	[ "$(header Content-Length)" = 5 ]
	while read -r range want bytes; do
		http GET "/a/b/blobs/$HELLO" -H "Range: bytes=$range"
		is "$want"
		[ "$want" = 416 ] || [ "$(cat "$T/b")" = "$bytes" ]
	done <<-ROWS
		1-2 206 el
		3- 206 lo
		-1 206 o
		0-99 206 hello
		5- 416
		2-1 200 hello
		0-0,2-2 200 hello
	ROWS
	http GET "/a/b/blobs/$HELLO" -H 'Range: bytes=1-2'
	[ "$(header Content-Range)" = "bytes 1-2/5" ]
	http GET "/a/b/blobs/$HELLO" -H "If-None-Match: \"$HELLO\""
	is 304
	http GET "/other/blobs/$HELLO"
	is 404 BLOB_UNKNOWN
	: >"$T/none"
	none=$(blob a/b "$T/none")
	http GET "/a/b/blobs/$none"
	is 200
	http DELETE "/a/b/blobs/$HELLO"
	is 202
	http DELETE "/a/b/blobs/$HELLO"
	is 404 BLOB_UNKNOWN
	http GET "/a/b/blobs/$HELLO"
	is 404
}

@test "uploads: whole, in two requests, in chunks that go on, cancelled, wrong digests, sha512" {
	http POST /a/blobs/uploads/
	is 202
	at=$(header Location | sed 's,^/v2,,')
	http PUT "$at?digest=$HELLO" --data-binary @"$T/hello"
	is 201
	[ "$(header Location)" = "/v2/a/blobs/$HELLO" ]
	http GET "$at"
	is 404 BLOB_UPLOAD_UNKNOWN
	# chunks
	http POST /c/blobs/uploads/
	at=$(header Location | sed 's,^/v2,,')
	http PATCH "$at" -H 'Content-Range: 0-1' --data-binary he
	is 202
	[ "$(header Range)" = 0-1 ]
	http PATCH "$at" -H 'Content-Range: 3-4' --data-binary lo
	is 416 BLOB_UPLOAD_INVALID
	[ "$(header Range)" = 0-1 ]
	http GET "$at"
	is 204
	[ "$(header Range)" = 0-1 ]
	http PATCH "$at" -H 'Content-Range: 2-9' --data-binary l
	is 400 SIZE_INVALID
	http PATCH "$at" -H 'Content-Range: 2-2' -H 'Transfer-Encoding: chunked' --data-binary l
	is 202
	# another repository has no part in it
	http GET "/other/${at#/c/}"
	is 404 BLOB_UPLOAD_UNKNOWN
	# a new server knows how far it is
	kill -9 "$REGISTRY_PID"
	wait "$REGISTRY_PID" || true
	onggi_registry_start "$T/registry" --allow-delete 3>&-
	URL=http://$REGISTRY/v2
	http GET "$at"
	[ "$(header Range)" = 0-2 ]
	http PATCH "$at" -H 'Content-Range: 3-3' --data-binary l
	is 202
	http PUT "$at?digest=$HELLO" -H 'Content-Range: 4-4' --data-binary o
	is 201
	http GET "/c/blobs/$HELLO"
	cmp "$T/b" "$T/hello"
	# wrong ones
	for d in "sha256:$(printf '%064d' 1)" sha256:1 md5:d41d8cd98f00b204e9800998ecf8427e ''; do
		http POST /a/blobs/uploads/
		at=$(header Location | sed 's,^/v2,,')
		http PUT "$at?digest=$d" --data-binary @"$T/hello"
		is 400 DIGEST_INVALID
	done
	http PUT "$at" --data-binary @"$T/hello"
	is 400 DIGEST_INVALID
	http POST "/a/blobs/uploads/?digest=sha256:$(printf '%064d' 1)" --data-binary @"$T/hello"
	is 400 DIGEST_INVALID
	http DELETE "$at"
	is 204
	http DELETE "$at"
	is 404 BLOB_UPLOAD_UNKNOWN
	for at in /a/blobs/uploads/x '/a/blobs/uploads/..' '/a/blobs/uploads/%2e%2e%2flock'; do
		http PATCH "$at" --data-binary x --path-as-is
		[ "${code%??}" = 4 ]
	done
	long=sha512:$(sha512sum <"$T/hello" | cut -d' ' -f1)
	http POST "/a/blobs/uploads/?digest=$long" --data-binary @"$T/hello"
	is 201
	http POST /a/blobs/uploads/
	at=$(header Location | sed 's,^/v2,,')
	http PATCH "$at" --data-binary hel
	http PUT "$at?digest=$long" --data-binary lo
	is 201
	http GET "/a/blobs/$long"
	cmp "$T/b" "$T/hello"
	[ "$(find "$T/registry/data/tmp" -type f | wc -l)" = 0 ]
}

@test "mounts: from a named repository, from any; what is not there is to be sent" {
	blob a "$T/hello"
	http POST "/b/blobs/uploads/?mount=$HELLO&from=a"
	is 201
	[ "$(header Docker-Content-Digest)" = "$HELLO" ]
	http GET "/b/blobs/$HELLO"
	is 200
	http POST "/c/blobs/uploads/?mount=$HELLO"
	is 201
	for from in d ../a A; do
		http POST "/e/blobs/uploads/?mount=$HELLO&from=$from"
		is 202
	done
	http POST "/e/blobs/uploads/?mount=sha256:$(printf '%064d' 1)&from=a"
	is 202
	http GET "/e/blobs/$HELLO"
	is 404
}

@test "manifests: bit by bit, by tag and digest, checked, limited" {
	manifest a >"$T/m"
	printf '\n \n' >>"$T/m"
	d=$(sum "$T/m")
	put a v1 "$T/m"
	is 201
	[ "$(header Docker-Content-Digest)" = "$d" ]
	[ "$(header Location)" = "/v2/a/manifests/$d" ]
	for ref in v1 "$d"; do
		http GET "/a/manifests/$ref"
		is 200
		cmp "$T/b" "$T/m"
		[ "$(header Content-Type)" = application/vnd.oci.image.manifest.v1+json ]
		http HEAD "/a/manifests/$ref" -I
		is 200
		[ "$(header Docker-Content-Digest)" = "$d" ]
		[ "$(header Content-Length)" = "$(stat -c %s "$T/m")" ]
	done
	http GET "/b/manifests/$d"
	is 404 MANIFEST_UNKNOWN
	# what the repository does not have
	put b v1 "$T/m"
	is 404 MANIFEST_BLOB_UNKNOWN
	http GET /b/manifests/v1
	is 404
	sed 's/"size":5/"size":6/' "$T/m" >"$T/bad"
	put a bad "$T/bad"
	is 400 SIZE_INVALID
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1}]}' "$HELLO" >"$T/bad"
	http PUT /a/manifests/i -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/bad"
	is 404 MANIFEST_BLOB_UNKNOWN
	put a "sha256:$(printf '%064d' 1)" "$T/m"
	is 400 DIGEST_INVALID
	http PUT /a/manifests/x -H 'Content-Type: text/plain' --data-binary "@$T/m"
	is 400 MANIFEST_INVALID
	for text in '' '{' '[]' '{"schemaVersion":1}' '{"layers":[],"manifests":[],"schemaVersion":2}'; do
		printf '%s' "$text" >"$T/bad"
		put a bad "$T/bad"
		is 400 MANIFEST_INVALID
	done
	head -c $((4 * 1024 * 1024 + 1)) /dev/zero >"$T/bad"
	put a bad "$T/bad"
	is 413 SIZE_INVALID
	http PUT /a/manifests/bad -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
		--data-binary "@$T/bad"
	is 413 SIZE_INVALID
	http GET /a/tags/list
	[ "$(jq -c .tags "$T/b")" = '["v1"]' ]
	# tag, then manifest
	put a v2 "$T/m"
	http DELETE /a/manifests/v1
	is 202
	http DELETE /a/manifests/v1
	is 404 MANIFEST_UNKNOWN
	http GET /a/manifests/v2
	is 200
	http DELETE "/a/manifests/$d"
	is 202
	http GET /a/manifests/v2
	is 404 MANIFEST_UNKNOWN
	http GET /a/tags/list
	[ "$(jq -c .tags "$T/b")" = '[]' ]
	long=sha512:$(sha512sum <"$T/m" | cut -d' ' -f1)
	put a "$long" "$T/m"
	is 201
	[ "$(header Docker-Content-Digest)" = "$long" ]
}

@test "lists: tags and repositories in pages, sorted" {
	for r in z a/b a-b a; do manifest $r >"$T/m"; put $r x "$T/m"; is 201; done
	for t in 3 1 2 5 4; do put a $t "$T/m"; done
	http GET /_catalog
	[ "$(jq -c .repositories "$T/b")" = '["a","a-b","a/b","z"]' ]
	[ -z "$(header Link)" ]
	http GET '/_catalog?n=2&last=a-b'
	[ "$(jq -c .repositories "$T/b")" = '["a/b","z"]' ]
	[ -z "$(header Link)" ]
	at='/a/tags/list?n=2' all=
	while [ -n "$at" ]; do
		http GET "$at"
		is 200
		all="$all $(jq -r '.tags | join(",")' "$T/b")"
		at=$(header Link | sed 's,^</v2\(.*\)>; rel="next"$,\1,')
	done
	[ "$all" = " 1,2 3,4 5,x" ]
	http GET '/a/tags/list?n=0'
	[ "$(jq -c .tags "$T/b")" = '[]' ]
	http GET '/a/tags/list?n=x'
	is 400
	run -0 "$ONGGI_BIN/onggi" registry ls "$REGISTRY"
	[ "$output" = $'a\na-b\na/b\nz' ]
}

@test "referrers: listed at once, filtered, gone with their manifest" {
	manifest a >"$T/m"
	subject=$(sum "$T/m")
	http GET "/a/referrers/$subject"
	is 200
	[ "$(jq '.manifests | length' "$T/b")" = 0 ]
	for kind in x/sig y/sbom; do
		manifest a "\"artifactType\":\"$kind\",\"annotations\":{\"k\":\"$kind\"},\"subject\":{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$subject\",\"size\":1}," >"$T/r"
		put a "$(sum "$T/r")" "$T/r"
		is 201
		[ "$(header OCI-Subject)" = "$subject" ]
	done
	http GET "/a/referrers/$subject"
	[ "$(header Content-Type)" = application/vnd.oci.image.index.v1+json ]
	[ "$(jq -r '.manifests | map(.artifactType) | sort | join(" ")' "$T/b")" = "x/sig y/sbom" ]
	http GET "/a/referrers/$subject?artifactType=y%2Fsbom"
	[ "$(header OCI-Filters-Applied)" = artifactType ]
	[ "$(jq -r '.manifests[] | .annotations.k, .digest, .size' "$T/b")" = "y/sbom
$(sum "$T/r")
$(stat -c %s "$T/r")" ]
	http GET "/b/referrers/$subject"
	[ "$(jq -c .manifests "$T/b")" = '[]' ]
	http GET /a/referrers/x
	is 400 DIGEST_INVALID
	http DELETE "/a/manifests/$(sum "$T/r")"
	http GET "/a/referrers/$subject"
	[ "$(jq -r '.manifests[].artifactType' "$T/b")" = x/sig ]
}

@test "read-only, and without --allow-delete" {
	manifest a >"$T/m"
	put a 1 "$T/m"
	registry_stop || true
	onggi_registry_start "$T/registry" --read-only 3>&-
	URL=http://$REGISTRY/v2
	http GET /a/manifests/1
	is 200
	http POST /a/blobs/uploads/
	is 405 UNSUPPORTED
	put a 2 "$T/m"
	is 405 UNSUPPORTED
	registry_stop || true
	onggi_registry_start "$T/registry" 3>&-
	URL=http://$REGISTRY/v2
	http DELETE /a/manifests/1
	is 405 UNSUPPORTED
	http DELETE "/a/blobs/$HELLO"
	is 405 UNSUPPORTED
	put a 2 "$T/m"
	is 201
}

@test "requests that are none, too long, cut off; several at once on one connection" {
	[ "$(raw 'GET / HTTP/3.0\r\n\r\n' | head -1)" = "HTTP/1.1 501 Not Implemented" ]
	for text in 'nonsense\r\n\r\n' '\026\003\001\002' 'GET /v2/ HTTP/1.1\r\nA : b\r\n\r\n' \
		'POST /v2/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'; do
		[ "$(raw "$text" | head -1)" = "HTTP/1.1 400 Bad Request" ]
	done
	long=$(head -c 20000 /dev/zero | tr '\0' a)
	[ "$(raw "GET /v2/ HTTP/1.1\r\nA: $long\r\n\r\n" | head -1)" = "HTTP/1.1 431 Request Header Fields Too Large" ]
	[ "$(raw "GET /v2/$long HTTP/1.1\r\n\r\n" | head -1)" = "HTTP/1.1 431 Request Header Fields Too Large" ]
	many=$(printf 'A: b\\r\\n%.0s' {1..200})
	[ "$(raw "GET /v2/ HTTP/1.1\r\n$many\r\n" | head -1)" = "HTTP/1.1 400 Bad Request" ]
	# a request in the body of another one stays a body
	run raw "PUT /v2/a/manifests/x HTTP/1.1\r\nContent-Length: 24\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\nabcGET /v2/_catalog HTTP/1.1\r\nConnection: close\r\n\r\n"
	[ "$(grep -o 'HTTP/1.1 [0-9]*' <<<"$output" | wc -l)" = 2 ]
	has "MANIFEST_INVALID"
	has '"repositories":[]'
	# answers come in the order of the questions
	run raw 'GET /v2/ HTTP/1.1\r\n\r\nHEAD /v2/ HTTP/1.1\r\n\r\nGET /v2/x/tags/list HTTP/1.1\r\n\r\nGET /v2/ HTTP/1.0\r\n\r\n'
	[ "$(grep -o 'HTTP/1.1 [0-9]*' <<<"$output" | cut -d' ' -f2 | tr '\n' ' ')" = "200 200 404 200 " ]
	# a body that is refused before it was sent
	run raw 'PUT /v2/A/manifests/x HTTP/1.1\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n'
	has "400 Bad Request"
	has "Connection: close"
	hasnt "100 Continue"
	run raw 'PUT /v2/a/manifests/x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}'
	has "MANIFEST_INVALID"
	# what broke off can go on
	http POST /a/blobs/uploads/
	at=$(header Location)
	printf "PATCH $at HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel" | timeout 30 socat - "TCP:$REGISTRY" >/dev/null || true
	eventually 60 sh -c "curl -si http://$REGISTRY$at | grep -q 'Range: 0-2'"
	http PATCH "${at#/v2}" -H 'Content-Range: 3-4' --data-binary lo
	is 202
	http PUT "${at#/v2}?digest=$HELLO"
	is 201
}

@test "fifty clients send the same blob, a hundred fetch it" {
	head -c 3000000 /dev/urandom >"$T/big"
	big=$(sum "$T/big")
	seq 50 | xargs -P 50 -I{} curl -fs -o /dev/null -X POST --data-binary "@$T/big" "$URL/r{}/blobs/uploads/?digest=$big"
	[ "$(find "$T/registry/data/blobs" -type f | wc -l)" = 1 ]
	[ "$(find "$T/registry/data/uploads" -type f | wc -l)" = 0 ]
	seq 100 | xargs -P 100 -I{} sh -c "curl -fs '$URL/r1/blobs/$big' | sha256sum" >"$T/sums"
	[ "$(sort -u "$T/sums")" = "${big#sha256:}  -" ]
	[ "$(wc -l <"$T/sums")" = 100 ]
}

@test "more clients than connections wait; SIGTERM lets requests end, a second one does not" {
	registry_stop || true
	onggi_registry_start "$T/registry" --connections 3 3>&-
	URL=http://$REGISTRY/v2
	seq 20 | xargs -P 20 -I{} curl -fs -o /dev/null "$URL/"
	# an upload is under way, another connection is idle
	http POST /a/blobs/uploads/
	at=$(header Location)
	mkfifo "$T/body"
	curl -s -o /dev/null -w '%{http_code}' -X PUT -T "$T/body" "http://$REGISTRY$at?digest=$HELLO" >"$T/code" 3>&- &
	curl_pid=$!
	exec 9>"$T/body"
	printf hel >&9
	eventually 60 sh -c "curl -si http://$REGISTRY$at | grep -q 'Range: 0-2'"
	exec 8<>"/dev/tcp/${REGISTRY%:*}/${REGISTRY#*:}"
	printf 'GET /v2/ HTTP/1.1\r\n\r\n' >&8
	read -r line <&8
	kill "$REGISTRY_PID"
	cat <&8 >/dev/null # the idle one is ended
	exec 8>&-
	run curl -s "$URL/"
	is_status 7
	printf lo >&9
	exec 9>&-
	wait "$curl_pid"
	[ "$(cat "$T/code")" = 201 ]
	wait "$REGISTRY_PID"
	# at once
	onggi_registry_start "$T/registry" 3>&-
	exec 8<>"/dev/tcp/${REGISTRY%:*}/${REGISTRY#*:}"
	printf 'PUT /v2/a/manifests/x HTTP/1.1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n' >&8
	read -r line <&8
	kill -INT "$REGISTRY_PID"
	eventually 60 sh -c "! curl -s -o /dev/null http://$REGISTRY/v2/"
	kill -INT "$REGISTRY_PID"
	code=0
	wait "$REGISTRY_PID" || code=$?
	[ "$code" = 130 ]
	exec 8>&-
	REGISTRY_PID=
}

@test "killed while it is pushed to and started again: whatever is visible is whole" {
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --kb 3000 --seed one
	for round in 1 2 3 4 5 6; do
		skopeo copy -q --dest-tls-verify=false "oci:$T/oci:one" "docker://$REGISTRY/k:$round" >/dev/null 2>&1 3>&- &
		copy=$!
		eventually 60 sh -c "[ \$(find $T/registry/data -type f | wc -l) -ge $((round * 3)) ] || ! kill -0 $copy"
		kill -9 "$REGISTRY_PID"
		wait "$REGISTRY_PID" || true
		kill "$copy" 2>/dev/null || true
		wait "$copy" || true
		find "$T/registry/data/blobs/sha256" -type f -printf '%f  %p\n' | sha256sum -c --quiet
		onggi_registry_start "$T/registry" 3>&-
		URL=http://$REGISTRY/v2
		http GET /k/tags/list
		for tag in $(jq -r '.tags // [] | .[]' "$T/b"); do
			skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/k:$tag" "dir:$T/out-$round-$tag" 3>&-
		done
	done
}

@test "options: addresses, ports, what is wrong" {
	for args in '--listen nowhere' '--listen ::1:5' '--listen 127.0.0.1:70000' '--connections 0' '--read-only --allow-delete' x; do
		# shellcheck disable=SC2086
		run timeout 30 "$ONGGI_BIN/onggi" registry serve --root "$T/r2" $args
		[ "$status" != 0 ]
		[ "$status" != 124 ]
	done
	run timeout 30 "$ONGGI_BIN/onggi" registry serve --root "$T/r2" --listen "$REGISTRY"
	is_status 1
	has "ddress already in use"
	for at in '[::1]:0' ':0' 'localhost:0'; do
		registry_stop || true
		"$ONGGI_LIBEXEC/onggi-image" "registry serve" --root "$T/r3" --listen "$at" >"$T/out" 2>"$T/err" 3>&- &
		REGISTRY_PID=$!
		eventually 60 grep -q Listening "$T/out"
		port=$(sed 's/.*://' "$T/out")
		host=127.0.0.1
		[ "$at" != '[::1]:0' ] || host='[::1]'
		grep -q '::1' "$T/out" && host='[::1]'
		curl -fs "http://$host:$port/v2/"
		# one line for each request
		eventually 60 grep -q "\"GET /v2/\" 200 2 " "$T/err"
	done
}

@test "podman pushes to it and pulls from it" {
	command -v podman >/dev/null || skip "podman is not installed"
	podman_setup "$T/podman"
	echo '{}' >"$DOCKER_CONFIG/config.json"
	: >"$CONTAINERS_REGISTRIES_CONF"
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --kb 300 --seed one
	skopeo copy -q "oci:$T/oci:one" "docker-archive:$T/one.tar:localhost/one:1" 3>&-
	podman_run load -q -i "$T/one.tar" 3>&-
	id=$(podman_run images -q --no-trunc | head -1)
	podman_run push -q --tls-verify=false "$id" "$REGISTRY/p/one:1" 3>&-
	podman_run rmi -f "$id" 3>&-
	run -0 podman_run pull -q --tls-verify=false "$REGISTRY/p/one:1"
	[ "sha256:$output" = "$id" ]
	podman_run rmi -f -a 3>&-
}

@test "docker pushes to it and pulls from it" {
	command -v dockerd >/dev/null || skip "docker is not installed"
	docker_start "$T/docker-engine" --storage-driver vfs --bridge none --iptables=false 3>&- || skip "no dockerd here"
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --kb 300 --seed one
	skopeo copy -q "oci:$T/oci:one" "docker-archive:$T/one.tar:$REGISTRY/d/one:1" 3>&-
	docker load -q -i "$T/one.tar"
	id=$(docker images -q --no-trunc "$REGISTRY/d/one:1")
	docker push -q "$REGISTRY/d/one:1"
	docker rmi -f "$id"
	docker pull -q "$REGISTRY/d/one:1"
	[ "$(docker images -q --no-trunc "$REGISTRY/d/one:1")" = "$id" ]
	docker_stop
}
