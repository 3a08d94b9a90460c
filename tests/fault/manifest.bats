#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Lists with a fault at each step of a change and of a push: a list is as it was or as it is to be, the tag of a push is
# there with all of its members or not at all, and the same command works afterwards.

load ../flow/pull_lib

setup_file() {
	store_setup
	registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
	python3 "$LIB/mkimage.py" "$T/oci" --tag a --kb 30 --seed a
	python3 "$LIB/mkimage.py" "$T/oci" --tag plain --compress none --kb 30 --seed plain
	skopeo copy -q --dest-tls-verify=false "oci:$T/oci:a" "docker://$REGISTRY/src:a" 3>&-
	skopeo copy -q "oci:$T/oci:plain" "docker-archive:$T/plain.tar:plain:1" 3>&-
}

teardown_file() {
	registry_stop
	store_teardown
}

setup() {
	store_fresh
	onggi load -q -i "$T/plain.tar"
	ONGGI_FAULT=manifest-change:lock run onggi manifest create probe plain:1
	[ "$status" != 0 ] || skip "this build has no fault points"
}

onggi() { timeout 60 "$ONGGI_BIN/onggi" "$@"; }

count() { onggi manifest inspect l 2>/dev/null | jq '.manifests | length'; }

@test "a change: each step fails, each step is killed" {
	for how in "" :kill; do
		for step in lock change write; do
			onggi manifest create l "$REGISTRY/src:a"
			ONGGI_FAULT=manifest-change:$step$how run onggi manifest add l plain:1
			[ "$status" = "$([ "$how" ] && echo 137 || echo 1)" ]
			n=$(count)
			[ "$n" = 1 ] || { [ "$n" = 2 ] && [ $step = write ]; } || { echo "$step$how: $n members"; return 1; }
			# what the list names is whole, whatever is collected
			onggi rmi plain:1 >/dev/null
			onggi image prune -a -f >/dev/null
			onggi system check
			onggi load -q -i "$T/plain.tar"
			onggi manifest add l plain:1
			[ "$(count)" = 2 ]
			onggi manifest rm l
			[ -z "$(find "$ONGGI_ROOT/leases" -type f)" ]
		done
	done
}

@test "a push: each step fails, each step is killed" {
	onggi manifest create l "$REGISTRY/src:a" plain:1
	for how in "" :kill; do
		for step in open members index purge; do
			ONGGI_FAULT=manifest-push:$step$how run onggi manifest push --purge l "$REGISTRY/out-$step:1"
			[ "$status" = "$([ "$how" ] && echo 137 || echo 1)" ]
			if [ $step = purge ]; then
				[ -z "$(count)" ]
				onggi manifest create l "$REGISTRY/src:a" plain:1
			fi
			[ "$(count)" = 2 ] # not purged
			run skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/out-$step:1"
			case $step$how in # the second round finds what the first one has pushed in the end
			open | members) [ "$status" != 0 ] ;;
			esac
			onggi manifest push l "$REGISTRY/out-$step:1" >/dev/null
			skopeo copy -q --all --src-tls-verify=false "docker://$REGISTRY/out-$step:1" "dir:$T/whole"
		done
	done
}

@test "a push to files: each step fails, each step is killed" {
	onggi manifest create l "$REGISTRY/src:a" plain:1
	for how in "" :kill; do
		for step in copy purge; do
			ONGGI_FAULT=manifest-push-files:$step$how run onggi manifest push --purge l "dir:$T/out"
			[ "$status" = "$([ "$how" ] && echo 137 || echo 1)" ]
			if [ $step = purge ]; then
				[ -z "$(count)" ]
				onggi manifest create l "$REGISTRY/src:a" plain:1
			fi
			[ "$(count)" = 2 ] # not purged
			onggi manifest push l "dir:$T/out" >/dev/null
			skopeo inspect --raw "dir:$T/out" >/dev/null
			[ -z "$(find "$T" -maxdepth 1 -name 'out.tmp-*')" ]
		done
	done
}
