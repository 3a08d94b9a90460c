#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# image prune: docker's filters; beyond docker, the newest of each repository are kept and what was not used for a
# time goes.

load lib

setup() {
	engine_setup
	cd "$T"
	mkdir tree
}

teardown() {
	cd /
	engine_teardown
}

# make NAME [CHANGE]: a small image, newer than those before
make() {
	echo "$1" >tree/file
	tar -C tree -c file | onggi import ${2:+-c "$2"} - "$1" >/dev/null
}

names() {
	onggi images --format '{{.Repository}}:{{.Tag}}' | sort | xargs
}

# used NAME AGO: as if it was used last so long ago
used() {
	local id
	id=$(onggi images -q --no-trunc "$1")
	touch -d "$2" "$ONGGI_ROOT/images/${id#sha256:}"
}

@test "until, label, label!, dangling, and wrong filters" {
	make old:1 'LABEL keep=yes'
	make new:1 'LABEL stage=test'
	run -0 onggi image prune -a -f --filter until=1h
	[ "$(names)" = "new:1 old:1" ]
	run -0 onggi image prune -f --filter label=stage
	[ "$(names)" = "new:1 old:1" ]
	run -0 onggi image prune -a -f --filter label=keep=no
	run -0 onggi image prune -a -f --filter 'label!=keep' --filter label=stage=test
	[ "$(names)" = old:1 ]
	make new:1
	run -0 onggi image prune -a -f --filter 'label!=keep=yes'
	[[ $output == *"untagged: new:1"*"Total reclaimed space: "* ]]
	[ "$(names)" = old:1 ]
	run -0 onggi image prune -f --filter dangling=false --filter until=0s
	[ -z "$(names)" ]
	for f in colour=red until=never unused-for=never unused-for=-1h unused-for=d keep-last=x dangling=perhaps; do
		run ! onggi image prune -a -f --filter "$f"
		echo "$f: $output"
		[[ $output == *"${f%%=*}"* || ($f == until=* && $output == *never*) ]]
	done
	run -1 onggi image prune -a -f --filter until=1h --filter until=2h
	[[ $output == *"more than one until filter specified"* ]]
	run -125 onggi image prune -f --keep-last 2
	[[ $output == *"--keep-last needs --all"* ]]
	run -1 onggi image prune -a -f --keep-last=-1
	[[ $output == *"keep-last=-1"* ]]
}

@test "--keep-last: the newest of each repository stay, used ones too" {
	for i in 1 2 3 4 5; do make app:$i; done
	for i in 1 2; do make example.com/team/tool:$i; done
	onggi tag app:1 single:1
	onggi tag app:5 app:newest
	onggi create --name one app:2 /file >/dev/null
	run -0 onggi image prune -a -f --keep-last 2
	# app: 5 (twice named, one image) and 4; app:1 is the newest of "single"; app:2 has a container
	[ "$(names)" = "app:1 app:2 app:4 app:5 app:newest example.com/team/tool:1 example.com/team/tool:2 single:1" ]
	[[ $output == *"untagged: app:3"* && $output != *app:4* ]]
	onggi rm one >/dev/null
	run -0 onggi image prune -a -f --keep-last 1 --filter until=0s
	[ "$(names)" = "app:1 app:5 app:newest example.com/team/tool:2 single:1" ]
	# what has no name is in no repository
	make app:5
	run -0 onggi image prune -a -f --keep-last 10
	[ "$(onggi images -q | sort -u | wc -l)" = 4 ]
	run -0 onggi image prune -a -f --filter keep-last=0
	[ -z "$(names)" ]
}

@test "unused-for: by the last container that was made of it or removed, not by its age" {
	for i in a b c d; do make $i:1; done
	used a:1 '3 days ago'
	used b:1 '3 days ago'
	used c:1 '10 days ago'
	run -0 onggi images --filter unused-for=2d --format '{{.Repository}}'
	[ "$(sort <<<"$output" | xargs)" = "a b c" ]
	run -0 onggi images --filter unused-for=1w --format '{{.Repository}}'
	[ "$output" = c ]
	# made into a container: used now
	onggi create --name one b:1 /file >/dev/null
	onggi rm one >/dev/null
	run -0 onggi image prune -a -f --filter unused-for=48h
	[ "$(names)" = "b:1 d:1" ]
	# removed now: used until now, whenever it was made
	onggi create --name two b:1 /file >/dev/null
	used b:1 '3 days ago'
	run -0 onggi image prune -a -f --filter unused-for=1h
	[ "$(names)" = "b:1 d:1" ]
	onggi rm two >/dev/null
	run -0 onggi image prune -a -f --filter unused-for=1h
	[ "$(names)" = "b:1 d:1" ]
	used b:1 '3 days ago'
	run -0 onggi image prune -a -f --filter unused-for=1h --keep-last 1
	[ "$(names)" = "b:1 d:1" ]
	run -0 onggi image prune -a -f --filter unused-for=1h
	[ "$(names)" = d:1 ]
}
