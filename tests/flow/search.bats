#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# search by the v1 API of a registry on loopback.

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

serve() { # [MODE]: sets SERVER, LOG
	LOG=$T/log.$1
	python3 "$LIB/search_registry.py" "$T/port.$1" "$LOG" "$1" 3>&- &
	PIDS="${PIDS:-} $!"
	eventually 60 test -s "$T/port.$1"
	SERVER=127.0.0.1:$(cat "$T/port.$1")
}

search() {
	run timeout 60 "$ONGGI_BIN/onggi" search "$@"
}

@test "table, templates, JSON; limit and filters" {
	serve ""
	search "$SERVER/nginx"
	is_status 0
	[[ ${lines[0]} =~ ^NAME\ +DESCRIPTION\ +STARS\ +OFFICIAL$ ]]
	[[ ${lines[1]} =~ ^nginx\ +"Official build of Nginx, a web server that s…"\ +1900\ +"[OK]" ]]
	[[ ${lines[2]} =~ ^team/nginx-proxy\ +"proxy of two lines"\ +20 ]]
	[ "${#lines[@]}" = 4 ]
	[ "$(tail -1 "$LOG")" = '/v1/search?q=nginx&n=25' ]
	search --no-trunc --format '{{.Name}}|{{.Description}}|{{.IsOfficial}}|{{.IsAutomated}}' "$SERVER/nginx"
	[ "${lines[0]}" = "nginx|Official build of Nginx, a web server that serves what it has.|[OK]|" ]
	[ "${lines[1]}" = "team/nginx-proxy|proxy of two lines||[OK]" ]
	search --json "$SERVER/nginx"
	[ "$(jq -r '.[0] | .Name + .StarCount + .IsOfficial' <<<"$output")" = nginx1900true ]
	search --format json "$SERVER/nginx"
	[ "$(jq -sr '.[2].Name' <<<"$output")" = other/nginx ]
	search --limit 1 --format '{{.Name}}' "$SERVER/nginx"
	[ "$output" = nginx ]
	[ "$(tail -1 "$LOG")" = '/v1/search?q=nginx&n=1' ]
	search -f is-official=true --format '{{.Name}}' "$SERVER/nginx"
	[ "$output" = nginx ]
	search -f is-official=false -f stars=5 --format '{{.Name}}' "$SERVER/nginx"
	[ "$output" = team/nginx-proxy ]
	search --filter is-automated=true --format '{{.Name}}' "$SERVER/nginx"
	[ "$output" = team/nginx-proxy ]
	search "$SERVER/no thing/&n=7"
	is_status 0
	[ "$(tail -1 "$LOG")" = '/v1/search?q=no%20thing%2F%26n%3D7&n=25' ]
	[ "${#lines[@]}" = 1 ]
}

@test "wrong use" {
	for n in 0 101 -1; do
		search --limit=$n x
		is_status 1
		has "limit $n is outside the range of [1, 100]"
	done
	for f in stars=many is-official=maybe other=1; do
		search -f $f x
		is_status 1
		has "invalid filter '${f%other=1}"
	done
	search -f stars x
	is_status 1
	has 'bad format of filter'
	search https://example.com/x
	is_status 1
	has 'should not have a scheme'
	search 127.0.0.1:1/
	is_status 1
	has 'nothing to search for'
	search 127.0.0.1:1/x
	is_status 1
	has 'search 127.0.0.1:1'
	search
	[ "$status" -ne 0 ]
	has 'requires'
}

@test "registries without search, with credentials, with nonsense" {
	serve none
	search "$SERVER/x"
	is_status 1
	has 'the registry has no search'
	has "hint: list what it has with: onggi registry ls $SERVER"
	serve error
	search "$SERVER/x"
	is_status 1
	has 'Unexpected status code 418'
	serve broken
	search "$SERVER/x"
	is_status 1
	has 'results[0]: no name'
	serve lie
	search --limit 3 "$SERVER/x"
	is_status 0
	[ "${#lines[@]}" = 4 ]
	hasnt $'\e'
	hasnt $'\u009b'
	serve auth
	search "$SERVER/nginx"
	is_status 1
	echo "{\"auths\": {\"$SERVER\": {\"auth\": \"$(printf user:secret | base64)\"}}}" >"$DOCKER_CONFIG/config.json"
	search --format '{{.Name}}' "$SERVER/nginx"
	is_status 0
	[ "${lines[0]}" = nginx ]
}
