#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# How one command reaches its registries: --creds, --authfile, --cert-dir, --tls-verify, --insecure, --retry, and the
# same of one of two sides. One registry here wants TLS and a password (docker-registry), the other one a password.

load pull_lib

# secret_start DIR: docker-registry with TLS and the user "user", password "secret"; sets SECRET=127.0.0.1:PORT, SECRET_PID
secret_start() {
	local port try
	mkdir -p "$1/data" "$1/certs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=registry \
		-addext "subjectAltName = IP:127.0.0.1" -keyout "$1/key.pem" -out "$1/certs/ca.crt" 2>/dev/null
	python3 -W ignore -c 'import crypt; print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$1/htpasswd"
	port=$(awk -v s="$$" 'BEGIN { srand(s); print 30000 + int(rand() * 10000) }')
	for try in 1 2 3 4 5 6 7 8 9; do
		cat >"$1/config.yml" <<-YAML
			version: 0.1
			storage: { filesystem: { rootdirectory: $1/data }, delete: { enabled: true } }
			http: { addr: 127.0.0.1:$port, tls: { certificate: $1/certs/ca.crt, key: $1/key.pem } }
			auth: { htpasswd: { realm: here, path: $1/htpasswd } }
			log: { level: error, accesslog: { disabled: true } }
		YAML
		docker-registry serve "$1/config.yml" >"$1/log" 2>&1 3>&- &
		SECRET_PID=$! SECRET=127.0.0.1:$port
		# it ends at once when the port was taken
		eventually 60 sh -c "! kill -0 $SECRET_PID || curl -fs --cacert $1/certs/ca.crt -u user:secret https://$SECRET/v2/" || true
		kill -0 "$SECRET_PID" 2>/dev/null && return 0
		port=$((port + 1))
	done
	tail -5 "$1/log" >&2
	return 1
}

setup_file() {
	store_setup
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 30 --seed a
	secret_start "$T/secret"
	lying_start "$T/oci"
	CERTS_OF=$T/secret/certs
	echo '{"download-retry-delay-ms": 10}' >"$ONGGI_CONFIG"
	skopeo copy -q --dest-creds user:secret --dest-cert-dir "$CERTS_OF" "oci:$T/oci:a" "docker://$SECRET/team/app:1" 3>&-
	export SECRET SECRET_PID CERTS_OF
}

teardown_file() {
	kill "$SECRET_PID" 2>/dev/null || true
	wait "$SECRET_PID" 2>/dev/null || true
	lying_stop
	store_teardown
}

setup() {
	store_fresh
	rm -f "$DOCKER_CONFIG/config.json"
}

onggi() { timeout 60 "$ONGGI_BIN/onggi" "$@" </dev/null; }

auth_file() { # FILE HOST
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$2" "$(printf user:secret | base64)" >"$1"
}

@test "--creds and --authfile: of one command only" {
	local app=$SECRET/team/app:1
	run ! onggi pull "$app"
	has "pull access denied"
	run ! onggi pull --creds user:wrong "$app"
	has "unauthorized"
	onggi pull -q --creds user:secret "$app"
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	onggi rmi "$app" >/dev/null
	auth_file "$T/auth.json" "$SECRET"
	onggi pull -q --authfile "$T/auth.json" "$app"
	# a file that is named is the only one that is looked into
	auth_file "$DOCKER_CONFIG/config.json" "$SECRET"
	echo '{}' >"$T/none.json"
	onggi rmi "$app" >/dev/null
	run ! onggi pull --authfile "$T/none.json" "$app"
	run ! onggi pull --authfile "$T/missing.json" "$app"
	has "credentials file $T/missing.json"
	onggi pull -q "$app"
	rm "$DOCKER_CONFIG/config.json"
	onggi tag "$app" "$SECRET/team/new:1"
	run ! onggi push "$SECRET/team/new:1"
	has "is denied"
	onggi push -q --creds user:secret "$SECRET/team/new:1"
	[ "$(onggi registry tags --creds user:secret "$SECRET/team/new")" = 1 ]
	onggi registry ls --creds user:secret "$SECRET" | grep -qx team/new
	run ! onggi registry ls "$SECRET"
	onggi registry referrers --creds user:secret "$SECRET/team/new:1" | grep -q DIGEST
	onggi manifest inspect --creds user:secret "$SECRET/team/new:1" | jq -e .layers
	run ! onggi registry rm "$SECRET/team/new:1"
	onggi registry rm --creds user:secret "$SECRET/team/new@$(onggi image inspect --format '{{index .RepoDigests 0}}' "$SECRET/team/new:1" | sed 's/.*@//')"
}

@test "--tls-verify and --cert-dir: loopback is trusted unless verification is asked for" {
	local app=$SECRET/team/app:1 flag
	onggi pull -q --creds user:secret "$app"
	onggi rmi "$app" >/dev/null
	run ! onggi pull --creds user:secret --tls-verify "$app"
	has "certificate not trusted"
	run ! onggi pull --creds user:secret --tls-verify=true --cert-dir "$T" "$app"
	has "certificate not trusted"
	onggi pull -q --creds user:secret --tls-verify=true --cert-dir "$CERTS_OF" "$app"
	# plain http is no way then
	run ! onggi pull --tls-verify=true "$LYING/plain/x:a"
	onggi pull -q --tls-verify=false "$LYING/plain/x:a"
	run -1 onggi login -u user --password-stdin --tls-verify=true "$SECRET"
	run -0 onggi_in secret login -u user --password-stdin --tls-verify=true --cert-dir "$CERTS_OF" "$SECRET"
	[ "$(onggi login --get-login "$SECRET")" = user ]
	run -1 onggi login --get-login "$LYING"
	has "not logged into $LYING"
	run -125 onggi pull --insecure --tls-verify=true "$app"
	has "contradict each other"
	run -125 onggi pull --cert-dir "$T/nowhere" "$app"
	has "--cert-dir $T/nowhere"
}

onggi_in() { # INPUT ARGS
	timeout 60 "$ONGGI_BIN/onggi" "${@:2}" <<<"$1"
}

@test "two registries: each side has its own, and sees nothing of the other" {
	local app=$SECRET/team/app:1
	run ! onggi registry copy "$app" "oci:$T/out:1"
	onggi registry copy -q --src-creds user:secret --src-tls-verify --src-cert-dir "$CERTS_OF" "$app" "oci:$T/out:1"
	: >"$LYING_LOG"
	run ! onggi registry copy "$LYING/basic/x:a" "$SECRET/team/copy:1"
	run ! onggi registry copy --dest-creds user:secret "$LYING/basic/x:a" "$SECRET/team/copy:1"
	# what was given for the target was not shown to the source
	run ! grep -q 'auth=Basic' "$LYING_LOG"
	onggi registry copy -q --src-creds user:secret --dest-creds user:secret "$LYING/basic/x:a" "$SECRET/team/copy:1"
	auth_file "$T/src.json" "$LYING"
	auth_file "$T/dest.json" "$SECRET"
	onggi registry copy -q --src-authfile "$T/src.json" --dest-authfile "$T/dest.json" "$LYING/basic/x:a" "$SECRET/team/copy:2"
	auth_file "$DOCKER_CONFIG/config.json" "$SECRET"
	run ! onggi registry copy --src-no-creds "$app" "oci:$T/out:2"
	onggi registry copy -q "$app" "oci:$T/out:2"
	rm "$DOCKER_CONFIG/config.json"
	run ! onggi registry sync --src docker --dest dir "$SECRET/team/copy" "$T/synced"
	onggi registry sync --src docker --dest dir --src-creds user:secret "$SECRET/team/copy" "$T/synced"
	[ -e "$T/synced/copy:2/manifest.json" ]
	onggi registry sync --src dir --dest docker --dest-creds user:secret "$T/synced" "$SECRET/back"
	[ "$(onggi registry tags --creds user:secret "$SECRET/back/copy")" = $'1\n2' ]
	# a list pushed with the target's password fetches its members from elsewhere without it
	onggi manifest create l "$LYING/plain/x:a" >/dev/null
	: >"$LYING_LOG"
	onggi manifest push -q --creds user:secret l "$SECRET/list:1"
	grep -q 'GET /v2/plain/x/blobs' "$LYING_LOG"
	run ! grep -q 'auth=Basic' "$LYING_LOG"
	onggi manifest rm l >/dev/null
	run -1 onggi registry copy --dest-creds user:secret "$LYING/plain/x:a" "oci:$T/out:3"
	has "the target is no registry"
	run -1 onggi pull --creds user:secret "oci:$T/out:1"
	has "the source is no registry"
	run -1 onggi registry copy --src-creds user:secret --src-no-creds "$app" "oci:$T/out:3"
	has "contradict each other"
}

@test "--retry and --retry-delay" {
	asked() { grep -c 'GET /v2/dead' "$LYING_LOG"; }
	: >"$LYING_LOG"
	run ! onggi pull --retry 0 "$LYING/dead/x:a"
	[ "$(asked)" = 1 ]
	: >"$LYING_LOG"
	run ! onggi pull --retry 3 --retry-delay 1ms "$LYING/dead/x:a"
	[ "$(asked)" = 4 ]
	: >"$LYING_LOG"
	run ! onggi registry copy --retry-times 2 --retry-delay 1ms "$LYING/dead/x:a" "oci:$T/no:1"
	[ "$(asked)" = 3 ]
	for bad in "--retry -1" "--retry 5000" "--retry-delay 2" "--retry-delay 0s" "--retry-delay -1s"; do
		run -125 onggi pull $bad "$LYING/plain/x:a"
	done
}

@test "--creds without a password: asked on the terminal, refused without one" {
	run -125 onggi pull --creds user "$SECRET/team/app:1"
	has "there is no terminal to ask for the rest"
	cat >"$T/ask.exp" <<-'X'
		set timeout 60
		spawn -noecho {*}$argv
		expect "Password: "
		send "secret\r"
		expect eof
		exit [lindex [wait] 3]
	X
	run -0 expect "$T/ask.exp" "$ONGGI_BIN/onggi" pull -q --creds user "$SECRET/team/app:1"
	hasnt secret
}

@test "pull --os, --arch, --variant" {
	python3 "$LIB/mkimage.py" "$T/oci" --tag many --arch amd64,arm64 --kb 10 --seed m
	skopeo copy -q --all --dest-creds user:secret --dest-cert-dir "$CERTS_OF" "oci:$T/oci:many" "docker://$SECRET/many:1" 3>&-
	onggi pull -q --creds user:secret --arch arm64 "$SECRET/many:1"
	[ "$(onggi image inspect --format '{{.Architecture}}' "$SECRET/many:1")" = arm64 ]
	onggi pull -q --creds user:secret --os linux --arch amd64 "$SECRET/many:1"
	[ "$(onggi image inspect --format '{{.Architecture}}' "$SECRET/many:1")" = amd64 ]
	run -1 onggi pull --creds user:secret --arch riscv64 "$SECRET/many:1"
	has "no matching manifest for linux/riscv64"
	run -1 onggi pull --arch arm64 --platform linux/arm64 "$SECRET/many:1"
	has "one or the other"
}
