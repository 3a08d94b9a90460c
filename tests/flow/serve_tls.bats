#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `onggi registry serve` with users (--htpasswd) and TLS (--tls-cert, --tls-key), as its clients see it: curl, skopeo,
# podman, docker, onggi. An address that is not a loopback one, since clients let those do without certificates.

load pull_lib

ADDRESS=192.0.2.11 # of documentation (RFC 5737), on lo in the network namespace of the tests

setup_file() {
	store_setup
	ip address add "$ADDRESS/32" dev lo
	mkdir "$T/ca"
	for name in host other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj "/CN=$name" \
			-addext "subjectAltName=IP:$ADDRESS,IP:127.0.0.1" -keyout "$T/ca/$name.key" -out "$T/ca/$name.crt" 2>/dev/null
	done
	# "open sesame" and "a:b"; htpasswd writes $2y$, others $2b$
	cat >"$T/users" <<-'TEXT'
		# who may push
		ali:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW
	TEXT
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --kb 300 --seed one
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 50 --seed multi
}

teardown_file() {
	ip address del "$ADDRESS/32" dev lo || true
	store_teardown
}

setup() {
	store_fresh
	rm -rf "$T/registry" "$ONGGI_CERTS"
	echo '{}' >"$DOCKER_CONFIG/config.json"
	echo '{}' >"$T/auth.json"
}

teardown() {
	local left=0
	docker_stop || true
	if [ -n "${REGISTRY_PID:-}" ]; then
		kill "$REGISTRY_PID" 2>/dev/null || true
		wait "$REGISTRY_PID" || left=$?
	fi
	umount -R "$T/podman/root/overlay" 2>/dev/null || true # podman leaves it
	[ "$left" = 0 ] || { echo "the server ended with $left"; tail -40 "$T/registry/log"; return 1; }
}

secure() { # [OPTIONS]: the registry with both
	onggi_registry_start "$T/registry" --listen "$ADDRESS:0" --tls-cert "$T/ca/host.crt" --tls-key "$T/ca/host.key" \
		--htpasswd "$T/users" --allow-delete "$@" 3>&-
}

trust() { # DIR: certs.d there trusts the registry
	mkdir -p "$1/$REGISTRY"
	cp "$T/ca/host.crt" "$1/$REGISTRY/ca.crt"
}

onggi() {
	timeout 60 "$ONGGI_BIN/onggi" "$@"
}

status_of() { # [CURL OPTIONS] URL
	curl -s -o "$T/b" -D "$T/h" -w '%{http_code}' "$@"
}

@test "users: nothing without a password, the challenge, wrong ones, other schemes" {
	onggi_registry_start "$T/registry" --htpasswd "$T/users" 3>&-
	for at in '' _catalog a/tags/list a/manifests/x nothing; do
		[ "$(status_of "http://$REGISTRY/v2/$at")" = 401 ]
		grep -qi '^WWW-Authenticate: Basic realm="' "$T/h"
		[ "$(jq -r '.errors[0].code' "$T/b")" = UNAUTHORIZED ]
	done
	[ "$(status_of -X POST "http://$REGISTRY/v2/a/blobs/uploads/")" = 401 ]
	[ "$(status_of -X PUT -d '{}' "http://$REGISTRY/v2/a/manifests/x")" = 401 ]
	[ -z "$(find "$T/registry/data/repositories" -mindepth 1)" ]
	for who in ali:wrong ali: 'Ali:open sesame' 'nobody:open sesame' ':open sesame' 'ali:open sesame ' \
		"ali:$(head -c 8000 /dev/zero | tr '\0' x)"; do
		[ "$(status_of -u "$who" "http://$REGISTRY/v2/")" = 401 ]
	done
	for line in 'Bearer x' Basic 'Basic ' 'Basic !!!' 'Basic YWxp' 'Digest username="ali"'; do
		[ "$(status_of -H "Authorization: $line" "http://$REGISTRY/v2/")" = 401 ]
	done
	[ "$(status_of -u 'ali:open sesame' "http://$REGISTRY/v2/")" = 200 ]
	[ "$(status_of -u 'ali:open sesame' "http://$REGISTRY/v2/a/tags/list")" = 404 ]
	# known by now: a wrong one is still wrong
	[ "$(status_of -u 'ali:open sesam' "http://$REGISTRY/v2/")" = 401 ]
	# no password in the log
	! grep -q sesam "$T/registry/log" || false
}

@test "users: a changed file counts at once, a broken one does not" {
	cp "$T/users" "$T/users2"
	onggi_registry_start "$T/registry" --htpasswd "$T/users2" 3>&-
	[ "$(status_of -u 'ali:open sesame' "http://$REGISTRY/v2/")" = 200 ]
	[ "$(status_of -u 'baba:pw2:x' "http://$REGISTRY/v2/")" = 401 ]
	printf 'baba:%s\r\n' '$2b$04$abcdefghijklmnopqrstuuoWNeYavR.MnP1mEAhZMYgB3..fEvkNm' >"$T/new"
	mv "$T/new" "$T/users2"
	[ "$(status_of -u 'baba:pw2:x' "http://$REGISTRY/v2/")" = 200 ]
	[ "$(status_of -u 'ali:open sesame' "http://$REGISTRY/v2/")" = 401 ]
	echo nonsense >"$T/new"
	mv "$T/new" "$T/users2"
	[ "$(status_of -u 'baba:pw2:x' "http://$REGISTRY/v2/")" = 200 ]
	grep -q 'line 1: USER:HASH is wanted' "$T/registry/log"
	rm "$T/users2"
	[ "$(status_of -u 'baba:pw2:x' "http://$REGISTRY/v2/")" = 200 ]
	: >"$T/users2"
	[ "$(status_of -u 'baba:pw2:x' "http://$REGISTRY/v2/")" = 401 ]
}

@test "files that are none are refused before it listens" {
	printf 'ali:$apr1$xxxxxxxx$xxxxxxxxxxxxxxxxxxxxxx\n' >"$T/md5"
	printf 'a:%s\n' '$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW' '$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW' >"$T/twice"
	printf 'a:%s\n' '$2y$31$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW' >"$T/slow"
	mkfifo "$T/pipe"
	openssl rsa -in <(openssl genrsa 2048 2>/dev/null) -aes128 -passout pass:x -out "$T/locked.key" 2>/dev/null
	while IFS='|' read -r args words; do
		# shellcheck disable=SC2086
		run timeout 30 "$ONGGI_BIN/onggi" registry serve --root "$T/r2" -l 127.0.0.1:0 $args
		[ "$status" = 1 ] || [ "$status" = 125 ] || { echo "$args: $status"; false; }
		has "$words"
	done <<-ROWS
		--htpasswd $T/md5|the hash of user ali is not bcrypt's
		--htpasswd $T/twice|user a is there twice
		--htpasswd $T/slow|the hash of user a is not bcrypt's
		--htpasswd $T/nowhere|no such file
		--htpasswd $T/pipe|no plain file
		--tls-cert $T/ca/host.crt|belong together
		--tls-key $T/ca/host.key|belong together
		--tls-cert $T/ca/host.crt --tls-key $T/ca/other.key|
		--tls-cert $T/users --tls-key $T/ca/host.key|certificate $T/users
		--tls-cert $T/ca/host.crt --tls-key $T/locked.key|key $T/locked.key
		--tls-cert $T/nowhere --tls-key $T/ca/host.key|certificate $T/nowhere
	ROWS
}

@test "TLS: versions, plain http, clients that say nothing, ranges and large blobs, the end" {
	secure
	at=https://$REGISTRY/v2
	[ "$(status_of --cacert "$T/ca/host.crt" -u 'ali:open sesame' "$at/")" = 200 ]
	run -60 curl -s --cacert "$T/ca/other.crt" "$at/"
	run -35 curl -s -k --tls-max 1.1 "$at/"
	[ "$(curl -s "http://$REGISTRY/v2/")" = "Client sent an HTTP request to an HTTPS server." ] ||
		[ "$(curl -s --http0.9 "http://$REGISTRY/v2/")" = "Client sent an HTTP request to an HTTPS server." ]
	printf 'nonsense' | timeout 30 socat -t 30 - "TCP:$REGISTRY" >/dev/null || true
	[ "$(status_of -k --http2 -u 'ali:open sesame' "$at/")" = 200 ]
	head -c 5000000 /dev/urandom >"$T/big"
	big=sha256:$(sha256sum <"$T/big" | cut -d' ' -f1)
	[ "$(status_of -k -u 'ali:open sesame' -X POST --data-binary "@$T/big" "$at/a/blobs/uploads/?digest=$big")" = 201 ]
	[ "$(status_of -k -u 'ali:open sesame' "$at/a/blobs/$big")" = 200 ]
	cmp "$T/b" "$T/big"
	[ "$(status_of -k -u 'ali:open sesame' -H 'Range: bytes=4000000-' "$at/a/blobs/$big")" = 206 ]
	cmp "$T/b" <(tail -c 1000000 "$T/big")
	# as a body in chunks
	[ "$(status_of -k -u 'ali:open sesame' -H 'Transfer-Encoding: chunked' -X POST --data-binary "@$T/big" "$at/b/blobs/uploads/?digest=$big")" = 201 ]
	# a client that goes away in the middle takes nothing with it
	curl -s -k -u 'ali:open sesame' "$at/a/blobs/$big" | head -c 10 >/dev/null
	seq 30 | xargs -P 30 -I{} curl -fsk -u 'ali:open sesame' -o /dev/null "$at/a/blobs/$big"
	# one that says nothing does not delay the end
	exec 8<>"/dev/tcp/${REGISTRY%:*}/${REGISTRY#*:}"
	kill "$REGISTRY_PID"
	timeout 60 tail --pid="$REGISTRY_PID" -f /dev/null
	exec 8>&-
}

served() { # subject of the certificate that a new connection is shown
	openssl s_client -connect "$REGISTRY" </dev/null 2>/dev/null | openssl x509 -noout -subject | sed 's/.*CN *= *//'
}

@test "TLS: a renewed pair counts at once, a broken one does not, connections go on with theirs" {
	mkdir -p "$T/live"
	cp "$T/ca/host.crt" "$T/ca/host.key" "$T/live"
	onggi_registry_start "$T/registry" --listen "$ADDRESS:0" --tls-cert "$T/live/host.crt" --tls-key "$T/live/host.key" 3>&-
	[ "$(served)" = host ]
	# a connection that is there already goes on while the files change
	coproc HELD { exec openssl s_client -quiet -connect "$REGISTRY" 2>/dev/null 3>&-; }
	held=$HELD_PID
	# descriptors of our own: the shell closes those of the coprocess when it has ended
	exec {to}>&"${HELD[1]}" {from}<&"${HELD[0]}"
	printf 'GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n' >&"$to"
	read -r line <&"$from"
	[[ $line = *200* ]]
	# one of the two files only
	cp "$T/ca/other.crt" "$T/live/host.crt"
	[ "$(served)" = host ]
	[ "$(served)" = host ]
	[ "$(grep -c "key $T/live/host.key.*the certificate that was read before counts" "$T/registry/log")" = 1 ]
	cp "$T/ca/other.key" "$T/live/host.key"
	[ "$(served)" = other ]
	# by rename, as most programs do it; what is no certificate
	echo nothing >"$T/live/new"
	mv "$T/live/new" "$T/live/host.crt"
	[ "$(served)" = other ]
	grep -q "certificate $T/live/host.crt: .*counts" "$T/registry/log"
	rm "$T/live/host.crt"
	[ "$(served)" = other ]
	cp "$T/ca/host.crt" "$T/live/new"
	mv "$T/live/new" "$T/live/host.crt"
	cp "$T/ca/host.key" "$T/live/new"
	mv "$T/live/new" "$T/live/host.key"
	[ "$(served)" = host ]
	printf 'GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&"$to"
	[ "$(grep -c 'HTTP/1.1 200' <&"$from")" = 1 ]
	wait "$held" || true
	exec {to}>&- {from}<&-
}

@test "onggi: certificate, login, push, pull, lists, logout" {
	secure
	run onggi pull "$REGISTRY/a:1"
	[ "$status" != 0 ]
	has "certificate"
	trust "$ONGGI_CERTS"
	run onggi pull "$REGISTRY/a:1"
	[ "$status" != 0 ]
	has "denied"
	run onggi login -u ali --password-stdin "$REGISTRY" <<<"wrong"
	[ "$status" != 0 ]
	run -0 onggi login -u ali --password-stdin "$REGISTRY" <<<"open sesame"
	onggi pull -q "oci:$T/oci:one"
	onggi push "$(onggi images -q | head -1)" "docker://$REGISTRY/a:1"
	run -0 onggi registry tags "$REGISTRY/a"
	[ "$output" = 1 ]
	onggi pull -q "$REGISTRY/a:1"
	onggi registry rm "$REGISTRY/a:1"
	onggi registry copy -q "oci:$T/oci:multi" "$REGISTRY/m:1"
	onggi logout "$REGISTRY"
	run onggi registry tags "$REGISTRY/a"
	[ "$status" != 0 ]
}

@test "skopeo and podman push and pull with certificate and password" {
	secure
	mkdir -p "$T/certs-skopeo"
	cp "$T/ca/host.crt" "$T/certs-skopeo/ca.crt"
	run skopeo copy -q --dest-creds 'ali:open sesame' "oci:$T/oci:one" "docker://$REGISTRY/s:1" 3>&-
	[ "$status" != 0 ]
	run skopeo copy -q --dest-cert-dir "$T/certs-skopeo" --dest-creds ali:wrong "oci:$T/oci:one" "docker://$REGISTRY/s:1" 3>&-
	[ "$status" != 0 ]
	skopeo copy -q --all --dest-cert-dir "$T/certs-skopeo" --dest-creds 'ali:open sesame' "oci:$T/oci:multi" "docker://$REGISTRY/s:1" 3>&-
	skopeo copy -q --all --src-cert-dir "$T/certs-skopeo" --src-creds 'ali:open sesame' "docker://$REGISTRY/s:1" "dir:$T/out" 3>&-
	skopeo delete --cert-dir "$T/certs-skopeo" --creds 'ali:open sesame' "docker://$REGISTRY/s:1" 3>&-
	command -v podman >/dev/null || skip "podman is not installed"
	podman_setup "$T/podman"
	: >"$CONTAINERS_REGISTRIES_CONF"
	skopeo copy -q "oci:$T/oci:one" "docker-archive:$T/one.tar:localhost/one:1" 3>&-
	podman_run load -q -i "$T/one.tar" 3>&-
	id=$(podman_run images -q --no-trunc | head -1)
	podman_run login -u ali -p 'open sesame' --authfile "$T/auth.json" --cert-dir "$T/certs-skopeo" "$REGISTRY" 3>&-
	podman_run push -q --authfile "$T/auth.json" --cert-dir "$T/certs-skopeo" "$id" "$REGISTRY/p:1" 3>&-
	podman_run rmi -f "$id" 3>&-
	run -0 podman_run pull -q --authfile "$T/auth.json" --cert-dir "$T/certs-skopeo" "$REGISTRY/p:1"
	[ "sha256:$output" = "$id" ]
	podman_run rmi -f -a 3>&-
}

@test "docker logs in, pushes and pulls with a certificate in certs.d" {
	command -v dockerd >/dev/null || skip "docker is not installed"
	secure
	# its certificates are below /etc/docker, which is its own here
	cat >"$T/dockerd" <<-SH
		#!/bin/sh
		exec unshare -m --propagation private sh -c 'mount -t tmpfs none /etc/docker && cp -r "$T/docker-certs" /etc/docker/certs.d && exec dockerd "\$@"' sh "\$@"
	SH
	chmod +x "$T/dockerd"
	[ -d /etc/docker ] || skip "there is no /etc/docker"
	trust "$T/docker-certs"
	DOCKERD=$T/dockerd docker_start "$T/docker-engine" --storage-driver vfs --bridge none --iptables=false 3>&- || skip "no dockerd here"
	skopeo copy -q "oci:$T/oci:one" "docker-archive:$T/docker.tar:$REGISTRY/d:1" 3>&-
	docker load -q -i "$T/docker.tar"
	id=$(docker images -q --no-trunc "$REGISTRY/d")
	run docker push -q "$REGISTRY/d:1"
	[ "$status" != 0 ]
	run docker login -u ali --password-stdin "$REGISTRY" <<<"wrong"
	[ "$status" != 0 ]
	docker login -u ali --password-stdin "$REGISTRY" <<<"open sesame"
	docker push -q "$REGISTRY/d:1"
	docker rmi -f "$id"
	docker pull -q "$REGISTRY/d:1"
	[ "$(docker images -q --no-trunc "$REGISTRY/d")" = "$id" ]
	docker logout "$REGISTRY"
	docker_stop
}
