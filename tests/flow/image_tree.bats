#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images as trees and in other orders: image tree (compared with podman), images --tree, --sort, -n, image exists.

load pull_lib

setup_file() {
	store_setup
	registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 30 --seed m
	python3 "$LIB/mkimage.py" "$T/oci" --tag one --layers 3 --kb 60 --seed o
	for tag in multi one; do
		skopeo copy -q --all --dest-tls-verify=false "oci:$T/oci:$tag" "docker://$REGISTRY/src:$tag" 3>&-
	done
	export MULTI=$REGISTRY/src:multi ONE=$REGISTRY/src:one
}

teardown_file() {
	registry_stop
	umount "$T/podman/root/overlay" 2>/dev/null || true
	store_teardown
}

setup() { store_fresh; }

onggi() { timeout 60 "$ONGGI_BIN/onggi" "$@"; }

layered() { # NEW FROM FILE: one more layer with FILE, as an image NEW
	local c
	c=$(onggi create "$2" "/$3")
	echo "$3" >"$T/$3"
	onggi cp "$T/$3" "$c:/$3" >/dev/null
	onggi commit "$c" "$1" >/dev/null
	onggi rm "$c" >/dev/null
}

@test "image tree: the lines of podman, and with --whatrequires a branch for each image above" {
	podman_setup "$T/podman"
	echo "{}" >"$DOCKER_CONFIG/config.json"
	: >"$CONTAINERS_REGISTRIES_CONF"
	onggi pull -q "$ONE"
	podman_run pull -q --tls-verify=false "docker://$ONE" 3>&-
	# sizes are counted and layers are numbered in another way there
	plain() { sed -E 's/Size: +[^ ]+ ?//; s/(── ID:) .{12}/\1/; s/ *$//; /^$/d'; }
	podman_run image tree "$ONE" 3>&- | plain >"$T/podman.txt"
	[ "$(grep -c 'ID:' "$T/podman.txt")" = 4 ]
	onggi image tree "$ONE" | plain >"$T/ours.txt"
	diff "$T/podman.txt" "$T/ours.txt"
	layered left:1 "$ONE" l
	layered right:1 "$ONE" r
	layered top:1 left:1 t
	onggi tag top:1 other:1
	# of two branches either may come first
	diff - <(onggi image tree --whatrequires "$ONE" | sed -n '5,$p' | sed -E 's/ID: .{12} Size: +[^ ]+/X/; s/(├|└)──/+/; s/│/ /g' | LC_ALL=C sort) <<-X
		        + X Top Layer of: [other:1 top:1]
		    + X Top Layer of: [left:1]
		    + X Top Layer of: [right:1]
		+ X Top Layer of: [$ONE]
	X
	onggi image tree --json top:1 | jq -e '(.Layers | length) == 5 and .Layers[2].Names == [env.ONE] and .Layers[4].Names == ["other:1", "top:1"]'
	[ "$(onggi image tree top:1 | grep -c 'Top Layer')" = 3 ]
	for line in "image tree $ONE" "image tree --json $ONE" "images --tree" "system df -v --format json"; do
		run -1 bash -c "$ONGGI_BIN/onggi $line >/dev/full"
		has "write output: no space left on device"
	done
	run -1 onggi image tree nope
	[[ $output == *"No such image: nope"* ]]
}

@test "images --tree: every platform of an index, what is here of it, what is in use" {
	onggi pull -q "$MULTI"
	diff - <(onggi images --tree | sed -E 's/ +$//; s/[0-9a-f]{12} +/ID /; s/[0-9.]+[kM]?B */N /g; s/ +/ /g; s/ $//') <<-X
		IMAGE ID DISK USAGE CONTENT SIZE EXTRA
		$MULTI ID N N
		├─ linux/amd64 ID N N
		└─ linux/arm64 ID N N
	X
	tree() { onggi images --tree --json | jq -c "$1"; }
	[ "$(tree '[.[0].Children[] | .Available]')" = '[true,false]' ]
	[ "$(tree '.[0].Children[1] | [.DiskUsage, .ContentSize]')" = '[0,0]' ]
	[ "$(tree '.[0].DiskUsage == .[0].Children[0].DiskUsage and .[0].DiskUsage > .[0].ContentSize')" = true ]
	onggi pull -q --platform linux/arm64 "$MULTI"
	# one line for both images of the index
	[ "$(tree '[length, .[0].Children[0].Available, .[0].Children[1].Available]')" = '[1,true,true]' ]
	[ "$(tree '.[0].DiskUsage == ([.[0].Children[].DiskUsage] | add)')" = true ]
	onggi create --name user "$(onggi image inspect --platform linux/amd64 --format '{{.Id}}' "$MULTI")" /x >/dev/null
	[ "$(tree '[.[0].InUse, .[0].Children[0].InUse, .[0].Children[1].InUse]')" = '[true,true,false]' ]
	onggi images --tree | grep -Eq '├─ linux/amd64 .* U *$'
	# one of a plain manifest has no branches
	onggi pull -q "$ONE"
	[ "$(onggi images --tree "$ONE" | wc -l)" = 2 ]
	[ "$(tree '[.[] | .Children | length] | sort')" = '[0,2]' ]
	for o in -q --no-trunc --digests --format=json; do
		run -125 onggi images --tree $o
		[[ $output == *"is not yet supported with --tree"* ]]
	done
}

@test "images --sort and --noheading, image exists" {
	onggi pull -q "$ONE"
	layered big:1 "$ONE" b
	onggi tag "$ONE" a-first:9
	repos() { onggi images --format '{{.Repository}}' "$@" | paste -sd' '; }
	[ "$(repos --sort repository)" = "$(repos | tr ' ' '\n' | LC_ALL=C sort | paste -sd' ')" ]
	[ "$(repos --sort size | tr ' ' '\n' | tail -1)" = big ]
	[ "$(onggi images --sort tag --format '{{.Tag}}' | paste -sd' ')" = "1 9 one" ]
	[ "$(repos --sort created)" = "$(repos)" ]
	[ "$(onggi images -q --sort id)" = "$(onggi images -q | LC_ALL=C sort)" ]
	run -125 onggi images --sort age
	[[ $output == *'invalid --sort "age"'* ]]
	[ "$(onggi images -n | wc -l)" = 3 ]
	[ "$(onggi images | awk 'NR > 1 { print $1, $2, $3 }')" = "$(onggi images --noheading | awk '{ print $1, $2, $3 }')" ]
	run -0 onggi image exists big:1
	[ -z "$output" ]
	run -1 onggi image exists big:2
	[ -z "$output" ]
}

@test "untag: names go, the image stays; rmi --all and --ignore" {
	onggi pull -q "$ONE"
	onggi tag "$ONE" x:1
	onggi tag "$ONE" x:2
	onggi tag "$ONE" y:1
	layered big:1 "$ONE" b
	local id
	id=$(onggi images -q --no-trunc x:1)
	run -1 onggi untag x:1 x:2 big:1
	has "big:1: tag not known"
	[ "$(onggi images -q x | wc -l)" = 2 ] # all or none
	onggi untag x:2 x:1 y:1
	[ "$(onggi images --format '{{.Repository}}' | sort | paste -sd' ')" = "$(printf '%s\n' big "${ONE%:*}" x | sort | paste -sd' ')" ]
	onggi untag "$id"
	onggi image exists "$id"
	run -1 onggi image exists x:1
	run -1 onggi untag nope
	has "No such image: nope"
	run -0 onggi rmi -i nope
	run -1 onggi rmi nope
	run -1 onggi rmi
	has "requires at least 1 argument"
	run -125 onggi rmi -a big:1
	has "exclude each other"
	onggi rmi -a >/dev/null
	[ -z "$(onggi images -aq)" ]
	run -0 onggi rmi -a
}

@test "push --digestfile" {
	onggi pull -q "$ONE"
	onggi tag "$ONE" "$REGISTRY/src:again"
	onggi push -q --digestfile "$T/digest" "$REGISTRY/src:again"
	[ "$(cat "$T/digest")" = "$(skopeo inspect --tls-verify=false "docker://$REGISTRY/src:again" | jq -r .Digest)" ]
	run -1 onggi push -a --digestfile "$T/digest" "$REGISTRY/src"
	has "is for one image"
}
