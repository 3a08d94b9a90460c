#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pulls from a registry that lies, breaks off, is busy or wants to be asked properly: see
# tests/lib/lying_registry.py, where the repository's name says what it does.

load pull_lib

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --kb 400
	python3 "$LIB/mkimage.py" "$T/oci" --tag second --kb 10
	# a layer that is not in the registry and names other places
	python3 - "$T/oci" <<-'PY'
		import hashlib, json, os, sys
		d = sys.argv[1]
		index = json.load(open(d + "/index.json"))
		first = index["manifests"][0]
		m = json.load(open(f"{d}/blobs/sha256/{first['digest'][7:]}"))
		body = b"no layer of anybody's"
		m["layers"][1] = {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "size": len(body),
		                  "digest": "sha256:" + hashlib.sha256(body).hexdigest(),
		                  "urls": ["file:///etc/passwd", "http://169.254.169.254/latest", "http://127.0.0.1:1/elsewhere"]}
		text = json.dumps(m).encode()
		h = hashlib.sha256(text).hexdigest()
		open(f"{d}/blobs/sha256/{h}", "wb").write(text)
		index["manifests"].append({"mediaType": first["mediaType"], "digest": "sha256:" + h, "size": len(text),
		                           "annotations": {"org.opencontainers.image.ref.name": "foreign"}})
		json.dump(index, open(d + "/index.json", "w"))
	PY
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.77.0.1 2>/dev/null
	lying_start "$T/oci"
}

teardown_file() {
	lying_stop
	store_teardown
}

setup() {
	store_fresh
	rm -rf "$DOCKER_CONFIG" "$ONGGI_CERTS"
	mkdir -p "$DOCKER_CONFIG" "$ONGGI_CERTS"
	echo '{"download-retry-delay-ms": 20, "download-stall-seconds": 60}' >"$ONGGI_CONFIG"
	: >"$LYING_LOG"
}

requests() { # PATTERN: how many were logged
	grep -cE -- "$1" "$LYING_LOG" || true
}

login() { # HOST: docker's config.json with user:secret
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf user:secret | base64)" >"$DOCKER_CONFIG/config.json"
}

fails_empty() { # REPOSITORY TEXT: the pull fails with TEXT, nothing is visible
	image pull "$LYING/$1/x"
	is_status 1
	has "$2"
	store_is_empty
}

works() { # REPOSITORY
	image pull "$LYING/$1/x"
	is_status 0
	has "Status: Downloaded newer image for $LYING/$1/x:latest"
	store_is_clean
}

@test "an honest registry, for comparison" {
	works plain
}

@test "wrong digest of a layer" {
	fails_empty wrongdigest "wrong digest: expected sha256:"
	store_is_clean
}

@test "wrong digest of a manifest" {
	fails_empty wrongmanifest "manifest verification failed for digest sha256:0000"
	image pull "$LYING/wrongmanifest/x@$(jq -r '.manifests[0].digest' "$T/oci/index.json")"
	is_status 1
	has "manifest verification failed for digest"
}

@test "layers in another order than the config says" {
	fails_empty wrongdiff "layer"
	has "wrong digest"
}

@test "a broken download goes on at the byte" {
	works truncate
	[ "$(requests 'GET /v2/truncate/x/blobs/.* range=[1-9]')" = 4 ]
	store_fresh
	works drip
}

@test "a server that ignores ranges, and one that answers with another range" {
	works norange
	store_fresh
	fails_empty badrange "another range than asked for"
}

@test "a blob shorter or longer than the descriptor says" {
	fails_empty short "connection closed after"
	fails_empty toolong "more than the"
}

@test "a download is resumed by the next pull" {
	echo '{"max-download-attempts": 1}' >"$ONGGI_CONFIG"
	image pull "$LYING/half/x"
	is_status 1
	[ -n "$(find "$ONGGI_ROOT/tmp" -name 'partial-*' -size +90k)" ]
	: >"$LYING_LOG"
	echo '{"max-download-attempts": 9, "download-retry-delay-ms": 10}' >"$ONGGI_CONFIG"
	works half
	grep 'GET /v2/half/x/blobs/' "$LYING_LOG" | grep -q 'range=102400 '
}

@test "what an earlier run left damaged is fetched anew" {
	echo '{"max-download-attempts": 1}' >"$ONGGI_CONFIG"
	image pull "$LYING/half/x"
	is_status 1
	for f in "$ONGGI_ROOT"/tmp/partial-*; do
		printf 'damaged!' | dd of="$f" bs=1 seek=5000 conv=notrunc status=none
	done
	works plain
}

@test "a blob damaged on disk is fetched anew, a sound one survives a manifest that lies" {
	works plain
	layer=$(jq -r '.layers[0].digest' "$ONGGI_ROOT"/images/*)
	blob=$ONGGI_ROOT/blobs/sha256/${layer#sha256:}
	inode=$(stat -c %i "$blob")
	image pull "$LYING/wrongsize/x"
	is_status 0 # the image is there: no layer is looked at
	mv "$ONGGI_ROOT/images" "$T/images"
	rm -rf "$ONGGI_ROOT/references" "$ONGGI_ROOT/snapshots"
	fails_empty wrongsize "bytes, not"
	[ "$(stat -c %i "$blob")" = "$inode" ]
	fails_empty wrongdiff "wrong digest"
	[ "$(stat -c %i "$blob")" = "$inode" ]
	rm -rf "$T/images"
	chmod u+w "$blob"
	printf 'damaged!' | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
	works plain
	[ "$(sha256sum <"$blob" | cut -d' ' -f1)" = "${layer#sha256:}" ]
}

@test "a connection on which nothing moves is given up and taken up again" {
	echo '{"download-retry-delay-ms": 20, "download-stall-seconds": 2}' >"$ONGGI_CONFIG"
	works stall
	has "Retrying in 1 seconds"
	has "no data for 2 seconds"
}

@test "token, refreshed when it is refused in the middle of a pull" {
	works token
	[ "$(requests 'GET /token')" = 1 ]
	store_fresh
	works oncetoken
	[ "$(requests 'GET /oncetoken')" -ge 5 ]
}

@test "token and basic authorization with credentials" {
	fails_empty usertoken "pull access denied for $LYING/usertoken/x, repository does not exist or may require authorization"
	fails_empty basic "no basic auth credentials"
	login "$LYING"
	works usertoken
	store_fresh
	works basic
	printf '{"auths":{"%s":{"auth":"%s"}}}' "$LYING" "$(printf user:wrong | base64)" >"$DOCKER_CONFIG/config.json"
	store_fresh
	fails_empty basic "unauthorized: incorrect username or password"
	fails_empty usertoken "unauthorized: incorrect username or password"
}

@test "credentials from podman's auth.json and from a helper" {
	printf '{"auths":{"%s/basic":{"auth":"%s"}}}' "$LYING" "$(printf user:secret | base64)" >"$T/auth.json"
	REGISTRY_AUTH_FILE=$T/auth.json image pull -q "$LYING/basic/x"
	is_status 0
	store_fresh
	printf '#!/bin/sh\nread s; [ "$s" = "%s" ] && echo "{\\"Username\\":\\"user\\",\\"Secret\\":\\"secret\\"}"\n' "$LYING" \
		>"$T/docker-credential-test"
	chmod +x "$T/docker-credential-test"
	echo '{"credsStore":"test"}' >"$DOCKER_CONFIG/config.json"
	PATH=$T:$PATH image pull -q "$LYING/basic/x"
	is_status 0
}

@test "an identity token is traded for bearer tokens" {
	printf '{"auths":{"%s":{"auth":"%s","identitytoken":"re/fresh"}}}' "$LYING" "$(printf '<token>:' | base64)" \
		>"$DOCKER_CONFIG/config.json"
	works oauth
	grep -q 'FORM grant_type=refresh_token&.*scope=repository%3Aoauth%2Fx%3Apull' "$LYING_LOG"
}

@test "a mirror of docker.io is asked first; it sees no credentials of docker.io" {
	printf '{"auths":{"https://index.docker.io/v1/":{"auth":"%s"}}}' "$(printf user:secret | base64)" \
		>"$DOCKER_CONFIG/config.json"
	printf '{"registry-mirrors": ["http://%s/"]}' "$LYING" >"$ONGGI_CONFIG"
	image pull x
	is_status 0
	[ "${lines[-1]}" = docker.io/library/x:latest ]
	has "Status: Downloaded newer image for x:latest"
	[ "$(requests 'GET /v2/library/x/.* auth=none')" = 5 ]
	image pull -q basic/x
	is_status 1
	[ "$(requests 'GET /v2/basic/x/.* auth=Basic')" = 0 ]
}

@test "registries.conf: mirrors that fail are passed over, other places, blocked registries" {
	cat >"$CONTAINERS_REGISTRIES_CONF" <<-TOML
		[[registry]]
		prefix = "quay.example/team"
		location = "$LYING/plain"
		[[registry.mirror]]
		location = "127.0.0.1:1/nowhere"
		[[registry.mirror]]
		location = "$LYING/dead"
		[[registry]]
		location = "blocked.example"
		blocked = true
	TOML
	image pull quay.example/team/x
	is_status 0
	[ "${lines[-1]}" = quay.example/team/x:latest ]
	[ "$(requests 'GET /v2/plain/x/')" = 5 ]
	image pull blocked.example/x
	is_status 1
	has "registry blocked.example is blocked in registries.conf"
	rm "$CONTAINERS_REGISTRIES_CONF"
}

@test "proxies: from the environment, never for loopback" {
	http_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 image pull -q "$LYING/plain/x"
	is_status 0
	HTTPS_PROXY=http://127.0.0.1:1 image pull -q registry.example/x
	is_status 1
	has "127.0.0.1"
	echo '{"insecure-registries": ["registry.example"]}' >"$ONGGI_CONFIG"
	HTTPS_PROXY=http://127.0.0.1:1 HTTP_PROXY=http://$LYING image pull -q registry.example/x
	grep -q 'GET http://registry.example/v2/x/manifests/latest' "$LYING_LOG"
}

@test "access denied" {
	fails_empty denied "pull access denied for $LYING/denied/x, repository does not exist or may require authorization: denied: requested access to the resource is denied"
	[ "$(requests GET)" = 1 ]
}

@test "busy and sick registries are asked again" {
	works busy
	store_fresh
	works sick
	store_fresh
	fails_empty dead "unknown: always broken"
	[ "$(requests 'GET /v2/dead/x/manifests')" = 5 ]
}

@test "authorization never goes to another host" {
	login "$LYING"
	works redirect
	[ "$(requests '^other GET /file/.* auth=none')" = 4 ]
	[ "$(requests '^other .* auth=B')" = 0 ]
}

@test "redirects to files, link-local addresses and in circles are refused" {
	fails_empty file "redirect to file:///etc/passwd refused"
	fails_empty metadata "redirect to a link-local address refused"
	fails_empty loop "more than 10 redirects"
}

@test "places that a manifest names for a layer are not asked" {
	login "$LYING"
	# no look for leaks below strace, which that needs for itself
	run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" timeout 60 strace -f -qq -e trace=connect,openat -o "$T/trace" "$ONGGI_LIBEXEC/onggi-image" pull "$LYING/plain/x:foreign"
	is_status 1
	has "blob unknown to registry"
	store_is_empty
	grep -q "htons(${LYING#*:})" "$T/trace"
	[ "$(grep -c -e 169.254 -e 'htons(1)' -e /etc/passwd "$T/trace")" = 0 ] || { grep -e 169.254 -e 'htons(1)' -e /etc/passwd "$T/trace"; return 1; }
}

@test "endless headers and bodies" {
	fails_empty endlessheader "more than 65536 bytes of headers"
	fails_empty endlessbody "more than 4194304 bytes"
}

@test "manifests that are none" {
	fails_empty wrongtype "registry says application/vnd.docker.distribution.manifest.v2+json"
	fails_empty both "CVE-2021-41190"
	fails_empty html "manifest"
	fails_empty artifact "artifact of type application/vnd.cncf.helm.config.v1+json"
}

@test "missing blobs and tags; control characters do not reach the terminal" {
	fails_empty lost "blob unknown to registry"
	image pull "$LYING/plain/x:nope"
	is_status 1
	has "manifest for $LYING/plain/x:nope not found: manifest unknown: manifest unknown"
	fails_empty control "manifest unknown: ?[31mred?"
	hasnt $'\033'
}

@test "a registry's warning is shown, pages of tags are followed" {
	image pull "$LYING/warn/x"
	is_status 0
	has "WARNING: this registry closes soon"
	store_fresh
	image pull -a "$LYING/plain/x"
	is_status 0
	[ "$(requests 'tags/list')" = 3 ]
	[ "$(find "$ONGGI_ROOT/references" -name '*:latest' -o -name '*:second' | wc -l)" = 2 ]
	# a list of which a part is elsewhere is not taken for whole
	image pull -a "$LYING/far/x"
	[ "$status" -ne 0 ]
	has "the next page is not on the same host: http://192.0.2.9/v2/far/x/tags/list"
}

half_there() {
	[ -n "$(find "$ONGGI_ROOT/tmp" -name 'partial-*' -size +50k)" ]
}

@test "kill -9 in the middle of a download: it goes on from there" {
	"$ONGGI_LIBEXEC/onggi-image" pull -q "$LYING/slow/x" >/dev/null 2>&1 &
	eventually 60 half_there
	kill -9 $!
	wait $! || true
	store_is_empty
	half_there
	image pull -q "$LYING/slow/x"
	is_status 0
	[ -z "$(find "$ONGGI_ROOT/tmp" -name 'partial-*' -o -name 'blob-*')" ]
	[ "$(requests 'GET /v2/slow/x/blobs/.* range=[1-9]')" -ge 1 ]
}

@test "https on loopback: any certificate will do, a plain http realm is refused" {
	(
		trap lying_stop EXIT
		lying_start "$T/oci" "$T/cert.pem" "$T/key.pem"
		works plain
		store_fresh
		fails_empty httprealm "refused: plain http for a registry on https"
	)
}

@test "https elsewhere: only with the authority in certs.d, or listed as insecure" {
	unshare -n true 2>/dev/null || skip "cannot make a network namespace"
	export -f elsewhere_in_netns image has is_status lying_start lying_stop eventually store_fresh run_plain
	export LIB
	unshare -n bash -c "set -e; ip link set lo up; ip addr add 10.77.0.1/32 dev lo; trap lying_stop EXIT; elsewhere_in_netns"
}

# outside of bats' own process, so `run` is ours
run_plain() {
	status=0
	output=$(timeout 60 "$ONGGI_LIBEXEC/onggi-image" "$@" 2>&1) || status=$?
}

elsewhere_in_netns() {
	export LYING_ADDRESS=10.77.0.1
	lying_start "$T/oci" "$T/cert.pem" "$T/key.pem"
	host=10.77.0.1:${LYING##*:}
	run_plain pull -q "$host/plain/x"
	is_status 1 && has "certificate not trusted" && has "certs.d/HOST:PORT/ca.crt"
	mkdir -p "$ONGGI_CERTS/$host"
	cp "$T/cert.pem" "$ONGGI_CERTS/$host/ca.crt"
	run_plain pull -q "$host/plain/x"
	is_status 0
	store_fresh
	rm -r "$ONGGI_CERTS/$host"
	echo '{"insecure-registries": ["10.77.0.0/16"]}' >"$ONGGI_CONFIG"
	run_plain pull -q "$host/plain/x"
	is_status 0
	lying_stop
	store_fresh
	# plain http
	lying_start "$T/oci"
	host=10.77.0.1:${LYING##*:}
	run_plain pull -q "$host/plain/x"
	is_status 0
	store_fresh
	rm "$ONGGI_CONFIG"
	run_plain pull -q "$host/plain/x"
	is_status 1 && has "server gave HTTP response to HTTPS client" && has "insecure-registries"
	lying_stop
}
