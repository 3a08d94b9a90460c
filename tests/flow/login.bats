#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# login and logout: Basic, bearer, identity tokens; config.json and credential helpers; prompts.

load pull_lib

setup() {
	store_setup
}

teardown() {
	for pid in ${PIDS:-}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	store_teardown
}

serve() { # MODE: sets SERVER
	python3 "$LIB/login_registry.py" "$1" "$T/port.$1" "$T/log.$1" 3>&- &
	PIDS="${PIDS:-} $!"
	eventually 60 test -s "$T/port.$1"
	SERVER=127.0.0.1:$(cat "$T/port.$1")
}

login() { # PASSWORD ARGS
	run timeout 60 "$ONGGI_BIN/onggi" login --password-stdin "${@:2}" <<<"$1"
}

config() {
	jq -r "$1" "$DOCKER_CONFIG/config.json"
}

@test "basic and bearer: the secret is kept, other keys stay, the file is private" {
	echo '{"HttpHeaders":{"X-Mine":"1"},"auths":{"other:1":{"auth":"eDp5"}}}' >"$DOCKER_CONFIG/config.json"
	for mode in basic bearer; do
		serve "$mode"
		login secret -u user "$SERVER"
		is_status 0
		has 'Login Succeeded'
		has "stored unencrypted in $DOCKER_CONFIG/config.json"
		[ "$(config ".auths[\"$SERVER\"].auth" | base64 -d)" = user:secret ]
	done
	[ "$(config '.HttpHeaders["X-Mine"]')" = 1 ]
	[ "$(config '.auths["other:1"].auth')" = eDp5 ]
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
	# a scheme and a path are no part of the name
	login secret -u user "http://$SERVER/v2/"
	is_status 0
	[ "$(config '.auths | length')" = 3 ]
}

@test "wrong password: refused, nothing is kept" {
	for mode in basic bearer; do
		serve "$mode"
		login wrong -u user "$SERVER"
		is_status 1
		has 'unauthorized: incorrect username or password'
		[ ! -e "$DOCKER_CONFIG/config.json" ]
	done
}

@test "an identity token is kept instead of the password" {
	serve identity
	login secret -u user "$SERVER"
	is_status 0
	grep -q offline_token=true "$T/log.identity"
	[ "$(config ".auths[\"$SERVER\"].identitytoken")" = lasting ]
	[ "$(config ".auths[\"$SERVER\"].auth" | base64 -d)" = user: ]
}

@test "logout, twice, and of all" {
	serve basic
	login secret -u user "$SERVER"
	run "$ONGGI_BIN/onggi" logout "$SERVER"
	is_status 0
	[ "$output" = "Removing login credentials for $SERVER" ]
	[ "$(config '.auths | length')" = 0 ]
	run "$ONGGI_BIN/onggi" logout "$SERVER"
	is_status 0
	has "Not logged in to $SERVER"
	run "$ONGGI_BIN/onggi" logout
	is_status 0
	has 'https://index.docker.io/v1/'
	login secret -u user "$SERVER"
	run "$ONGGI_BIN/onggi" logout --all
	is_status 0
	[ "$(config '.auths | length')" = 0 ]
}

@test "a credential helper keeps the secret" {
	mkdir "$T/bin"
	cat >"$T/bin/docker-credential-toy" <<-SH
		#!/bin/sh
		case \$1 in
		store) cat >"$T/kept" ;;
		erase) cat >"$T/erased"; rm "$T/kept" ;;
		get) cat "$T/kept" ;;
		esac
	SH
	chmod +x "$T/bin/docker-credential-toy"
	echo '{"credsStore":"toy"}' >"$DOCKER_CONFIG/config.json"
	serve basic
	PATH=$T/bin:$PATH login secret -u user "$SERVER"
	is_status 0
	hasnt unencrypted
	[ "$(jq -r '.ServerURL+" "+.Username+" "+.Secret' "$T/kept")" = "$SERVER user secret" ]
	[ "$(config ".auths[\"$SERVER\"]" | jq -c .)" = '{}' ]
	PATH=$T/bin:$PATH run "$ONGGI_BIN/onggi" logout "$SERVER"
	is_status 0
	[ "$(cat "$T/erased")" = "$SERVER" ]
	echo '{"credsStore":"missing"}' >"$DOCKER_CONFIG/config.json"
	login secret -u user "$SERVER"
	is_status 1
	has docker-credential-missing
}

@test "prompts on a terminal; the password is not shown" {
	serve basic
	run timeout 60 expect -c "
		spawn \"$ONGGI_BIN/onggi\" login $SERVER
		expect {Username: } { send \"user\r\" }
		expect {Password: } { send \"secret\r\" }
		expect {Login Succeeded} { expect eof; exit 0 }
		exit 9"
	is_status 0
	hasnt secret
	# the second time it is known
	run timeout 60 "$ONGGI_BIN/onggi" login "$SERVER"
	is_status 0
	has 'Authenticating with existing credentials...'
}

@test "--authfile and REGISTRY_AUTH_FILE" {
	serve basic
	login secret -u user --authfile "$T/auth.json" "$SERVER"
	is_status 0
	[ "$(jq -r '.auths | length' "$T/auth.json")" = 1 ]
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	REGISTRY_AUTH_FILE=$T/other.json login secret -u user "$SERVER"
	is_status 0
	[ -e "$T/other.json" ]
}

@test "wrong use" {
	login secret 127.0.0.1:1
	is_status 1
	has 'Must provide --username with --password-stdin'
	login secret -u user -p x 127.0.0.1:1
	has 'mutually exclusive'
	run timeout 60 "$ONGGI_BIN/onggi" login 127.0.0.1:1 </dev/null
	is_status 1
	has 'non TTY device'
	login secret -u user 127.0.0.1:1
	is_status 1
	has 'is the registry running?'
	login secret -u user 'b@d'
	is_status 1
	has 'invalid registry name'
	echo '{"auths":' >"$DOCKER_CONFIG/config.json"
	serve basic
	login secret -u user "$SERVER"
	is_status 1
	has config.json
	[ "$(cat "$DOCKER_CONFIG/config.json")" = '{"auths":' ]
}
