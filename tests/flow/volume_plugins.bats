#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Volumes of plugins (docker's plugin protocol) with a small plugin of ours: their whole life, Mount and Unmount
# balanced whatever is killed, and plugins that are dead, hang, lie or send garbage.

load lib

setup() {
	engine_setup
	cd "$T"
	mkdir sock spec
	export ONGGI_PLUGINS=$T/sock:$T/spec ONGGI_PLUGIN_TIMEOUT=60
	plugin_start
	image_load busybox
}

teardown() {
	cd /
	[ -n "${BATS_TEST_COMPLETED:-}" ] || cat "$T/errors" 2>/dev/null || true
	rm -f "$T/mode"
	engine_teardown
	status=$?
	plugin_stop
	return $status
}

plugin_start() {
	python3 "$BATS_TEST_DIRNAME/../lib/volume_plugin.py" "$T/sock/store.sock" "$T" 3>&- &
	PLUGIN_PID=$!
	eventually 60 test -S "$T/sock/store.sock"
}

plugin_stop() {
	[ -n "${PLUGIN_PID:-}" ] || return 0
	kill "$PLUGIN_PID" 2>/dev/null || true
	wait "$PLUGIN_PID" 2>/dev/null || true
	PLUGIN_PID=
}

# as many Unmount as Mount of each container's ID
balanced() {
	local up down
	up=$(grep '^VolumeDriver.Mount ' "$T/log" | cut -d' ' -f2- | sort)
	down=$(grep '^VolumeDriver.Unmount ' "$T/log" | cut -d' ' -f2- | sort)
	[ "$up" = "$down" ] || { echo "mounts: $up"; echo "unmounts: $down"; return 1; }
}

misbehave() { # METHOD WHAT; who hangs is not waited for long
	echo "VolumeDriver.$1 $2" >"$T/mode"
	export ONGGI_PLUGIN_TIMEOUT=60
	[ "$2" != hang ] || ONGGI_PLUGIN_TIMEOUT=2
}

behave() {
	rm "$T/mode"
	export ONGGI_PLUGIN_TIMEOUT=60
}

@test "create with options, inspect, ls, run, rm" {
	run -0 onggi volume create -d store -o size=10 -o kind=fast --label a=b vol
	[ "$output" = vol ]
	run -0 onggi volume inspect vol
	[ "$(jq -r '.[0] | [.Driver, .Scope, .Labels.a, .Options.size, .Mountpoint, .Status.opts] | join("|")' <<<"$output")" = \
		"store|global|b|10|$T/data/vol|{\"kind\": \"fast\", \"size\": \"10\"}" ]
	run -0 onggi volume ls --format '{{.Driver}} {{.Name}} {{.Mountpoint}}'
	[ "$output" = "store vol $T/data/vol" ]
	run -0 onggi run --rm --network none -v vol:/x busybox sh -c 'echo hello >/x/f'
	[ "$(cat data/vol/f)" = hello ]
	run -0 onggi run --rm --network none -v vol:/x:ro busybox sh -c 'cat /x/f; ! touch /x/g 2>/dev/null'
	[ "$output" = hello ]
	[ "$(onggi volume export vol | tar -xO f)" = hello ]
	balanced
	[ "$(grep -c '^VolumeDriver.Mount vol ' log)" = 3 ]
	onggi create --name one -v vol:/x busybox true >/dev/null
	run -0 onggi inspect -f '{{(index .Mounts 0).Driver}}' one
	[ "$output" = store ]
	run -1 onggi volume rm vol
	[[ $output == *"volume is in use"* ]]
	onggi rm one >/dev/null
	run -0 onggi volume rm vol
	[ ! -e data/vol ]
	run -0 onggi volume ls -q
	[ -z "$output" ]
}

@test "cp of a stopped container: the plugin mounts for it, a plugin that refuses is an error" {
	onggi create --name one --network none --volume-driver store -v made:/x --mount type=volume,src=made,dst=/y,volume-subpath=sub busybox true >/dev/null
	mkdir data/made/sub
	echo in >given
	run -0 onggi cp given one:/x/given
	[ "$(cat data/made/given)" = in ]
	run -0 onggi cp given one:/y/
	[ "$(cat data/made/sub/given)" = in ]
	[ "$(onggi cp one:/x/sub/given - | tar -xO)" = in ]
	balanced
	misbehave Mount 'err no disk'
	run -1 onggi cp given one:/x/other
	[[ $output == *"error while mounting volume 'made'"* ]]
	rm mode
	[ ! -e "$ONGGI_RUN/containers/$(onggi inspect -f '{{.Id}}' one)" ]
	onggi rm one >/dev/null
	onggi volume rm made
}

@test "run --volume-driver, --mount volume-driver, anonymous ones, the same volume twice, sub-paths" {
	run -0 onggi run --rm --network none --volume-driver store -v made:/x busybox touch /x/one
	[ -e data/made/one ]
	run -0 onggi run --rm --network none --mount type=volume,src=other,dst=/x,volume-driver=store,volume-opt=k=v busybox touch /x/two
	[ -e data/other/two ]
	[ "$(jq -r .other.k known)" = v ]
	run -0 onggi run --rm --network none -v made:/a -v made:/b busybox sh -c 'ls /a /b'
	balanced
	mkdir data/made/sub && echo deep >data/made/sub/f
	run -0 onggi run --rm --network none --mount type=volume,src=made,dst=/x,volume-subpath=sub busybox cat /x/f
	[ "$output" = deep ]
	run -0 onggi run --rm --network none --volume-driver store -v /x busybox touch /x/y
	run -0 onggi volume ls -q
	[ "$output" = $'made\nother' ]
	[ "$(jq -r 'keys | join(" ")' known)" = "made other" ]
	run -1 onggi volume create -d local made
	[[ $output == *"volume name must be unique"* ]]
	onggi volume create mine
	run -1 onggi volume create -d store mine
	[[ $output == *"volume name must be unique"* ]]
	run -0 onggi volume prune -a -f
	[[ $output == *mine* && $output != *made* ]]
	onggi volume rm made other
	balanced
}

@test "volumes that only the plugin knows: listed, inspected, used without a driver's name, removed" {
	mkdir -p data/theirs data/gone && echo '{"theirs": {"x": "y"}, "gone": null}' >known
	run -0 onggi volume ls --format '{{.Driver}} {{.Name}} {{.Scope}}'
	[ "$output" = $'store gone global\nstore theirs global' ]
	run -0 onggi volume inspect -f '{{.Driver}} {{.Mountpoint}} {{.CreatedAt}}' theirs
	[ "$output" = "store $T/data/theirs 2024-01-02T03:04:05Z" ]
	run -0 onggi volume rm gone
	[ ! -e data/gone ]
	run -0 onggi run --rm --network none -v theirs:/x busybox touch /x/f
	[ -e data/theirs/f ]
	balanced
	run -0 onggi volume ls -f driver=local -q
	[ -z "$output" ]
	onggi volume rm theirs
	run -1 onggi volume inspect theirs
	[[ $output == *"no such volume"* ]]
	run -1 onggi volume rm theirs
	[[ $output == *"no such volume"* ]]
	run -0 onggi volume rm -f theirs
}

@test "specifications: NAME.spec, NAME.json; addresses that are none of ours; unknown and wrong plugins" {
	echo "unix://$T/sock/store.sock" >spec/plain.spec
	echo "{\"Name\": \"doc\", \"Addr\": \"unix://$T/sock/store.sock\"}" >spec/doc.json
	mkdir spec/deep && echo "unix://$T/sock/store.sock" >spec/deep/deep.spec
	for d in plain doc deep; do
		onggi volume create -d $d vol-$d
		onggi volume rm vol-$d
	done
	echo tcp://127.0.0.1:1 >spec/far.spec
	run -1 onggi volume create -d far xx
	[[ $output == *"error looking up volume plugin far: plugin far: address tcp://127.0.0.1:1 is no Unix socket"* ]]
	echo '{' >spec/broken.json
	run -1 onggi volume create -d broken xx
	[[ $output == *broken.json* ]]
	rm spec/broken.json
	for d in nothere ../x a/b .hidden; do
		run -1 onggi volume create -d "$d" xx
		[[ $output == *"error looking up volume plugin $d: plugin \"$d\" not found"* ]]
	done
	echo "Plugin.Activate nodriver" >mode
	run -1 onggi volume create -d store xx
	[[ $output == *"does not implement the requested driver"* ]]
	run -0 onggi volume ls -q
	[ -z "$output" ]
}

@test "errors of the plugin, lies, garbage and hangs are told, and leave nothing" {
	misbehave Create 'err disk on fire'
	run -1 onggi volume create -d store xx
	[[ $output == *"create xx: VolumeDriver.Create: disk on fire"* ]]
	misbehave Create status
	run -1 onggi volume create -d store xx
	[[ $output == *"HTTP status 500: internal trouble"* ]]
	# it has been made all the same
	rm mode
	onggi volume rm -f xx
	for what in garbage nojson huge close endless; do
		misbehave Create $what
		run -1 onggi volume create -d store xx
		echo "$what: $output"
		[[ $output == *"plugin store"*"VolumeDriver.Create"* ]]
		rm mode
		onggi volume rm -f xx
	done
	misbehave Create hang
	run -1 onggi volume create -d store xx
	[[ $output == *"VolumeDriver.Create: no answer in 2 seconds"* ]]
	behave
	run -0 onggi volume rm -f xx
	onggi volume create -d store vol >/dev/null
	misbehave Get liename
	run -1 onggi volume inspect vol
	[[ $output == *"asked for volume vol, told of \"another\""* ]]
	misbehave Get chunked
	run -0 onggi volume inspect -f '{{.Mountpoint}}' vol
	[ "$output" = "$T/data/vol" ]
	for what in badpath nodir hang garbage nojson close 'err not today'; do
		misbehave Mount "$what"
		run -125 onggi run --rm --network none -v vol:/x busybox true
		echo "$what: $output"
		[[ $output == *"error while mounting volume 'vol': "*"VolumeDriver.Mount"* ]]
		[ -z "$(onggi ps -aq)" ]
	done
	for what in hang garbage huge 'err no list'; do
		misbehave List "$what"
		run -0 --separate-stderr onggi volume ls -q
		[ "$output" = vol ]
		[[ $stderr == *"VolumeDriver.List"* ]]
	done
	misbehave Remove 'err busy'
	run -1 onggi volume rm vol
	[[ $output == *"remove vol: VolumeDriver.Remove: busy"* ]]
	rm mode
	run -0 onggi volume rm vol
}

@test "a dead plugin: told; its record can be removed by force; it may come back meanwhile" {
	onggi volume create -d store vol >/dev/null
	onggi run -d --name one --network none -v vol:/x busybox sleep 1000 >/dev/null
	plugin_stop
	ONGGI_PLUGIN_TIMEOUT=2
	run -0 --separate-stderr onggi volume ls -q
	[ "$output" = vol ]
	[[ $stderr == *"plugin store does not listen"* ]]
	run -125 onggi run --rm --network none -v vol:/x busybox true
	[[ $output == *"plugin store does not listen"*hint:* ]]
	onggi exec one touch /x/f
	onggi rm -f one
	run -1 onggi volume rm vol
	[[ $output == *"plugin store does not listen"* ]]
	export ONGGI_PLUGIN_TIMEOUT=60
	"$ONGGI_BIN/onggi" volume inspect vol >inspected &
	pid=$!
	plugin_start
	wait $pid
	[ "$(jq -r '.[0].Name' inspected)" = vol ]
	export ONGGI_PLUGIN_TIMEOUT=2
	plugin_stop
	run -0 onggi volume rm -f vol
	rm sock/store.sock
	run -0 onggi volume ls -q
	[ -z "$output" ]
	run -1 onggi volume create -d store vol
	[[ $output == *"plugin \"store\" not found"* ]]
}

@test "many containers at once: more than the plugin accepts in one go" {
	onggi volume create -d store vol >/dev/null
	for i in $(seq 16); do
		onggi create --name "m$i" --network none -v vol:/x busybox sleep 1000 >/dev/null
	done
	onggi start $(seq -f m%.0f 16) >/dev/null
	onggi rm -f $(seq -f m%.0f 16) >/dev/null
	[ "$(grep -c '^VolumeDriver.Mount ' log)" = 16 ]
	balanced
}

@test "balanced after kill -9 of the monitor, of the container, and of starts at random moments" {
	onggi volume create -d store vol >/dev/null
	onggi run -d --name one --network none -v vol:/x busybox sleep 1000 >/dev/null
	kill -9 "$(jq .monitor_pid "$ONGGI_RUN/containers/$(onggi inspect -f '{{.Id}}' one)/run.json")"
	onggi rm -f one >/dev/null
	balanced
	onggi run -d --name two --network none -v vol:/x busybox sleep 1000 >/dev/null
	kill -9 "$(onggi inspect -f '{{.State.Pid}}' two)"
	onggi wait two >/dev/null
	eventually 60 balanced
	onggi start two >/dev/null
	onggi restart -t 0 two >/dev/null
	onggi rm -f two >/dev/null
	balanced
	for i in $(seq 12); do
		"$ONGGI_BIN/onggi" run -d --name "k$i" --network none -v vol:/x busybox sleep 1000 >/dev/null 2>&1 &
		pid=$!
		perl -e "select undef, undef, undef, rand(0.08)"
		kill -9 $pid 2>/dev/null || true
		wait $pid || true
	done
	onggi system sweep
	ids=$(onggi ps -aq)
	[ -z "$ids" ] || onggi rm -f $ids >/dev/null
	# a Mount that nobody takes back is the fault; an Unmount too much after a kill in between is none
	run -0 comm -23 <(grep '^VolumeDriver.Mount ' log | cut -d' ' -f2- | sort) <(grep '^VolumeDriver.Unmount ' log | cut -d' ' -f2- | sort)
	[ -z "$output" ]
	onggi volume rm vol
}

@test "copy-up into a plugin's volume: mounted for it, unmounted after it, balanced after a kill" {
	onggi create --name one --network none --volume-driver store -v new:/etc busybox true >/dev/null
	[ -e data/new/passwd ]
	[ ! -e data/lock ]
	balanced
	echo mine >data/new/passwd
	run -0 onggi run --rm --network none -v new:/etc busybox cat /etc/passwd
	[ "$output" = mine ]
	balanced
	misbehave Mount "err no space"
	run -1 onggi create --network none --volume-driver store -v other:/etc busybox true
	[ "$(onggi ps -aq | wc -l)" = 1 ]
}

# one that reads its archive from a FIFO, whose writer is descriptor 7 of the test
held_import() { # VOLUME
	rm -f gate
	mkfifo gate
	"$ONGGI_BIN/onggi" volume import "$1" - <gate 3>&- &
	IMPORT=$!
	exec 7>gate
}

import_end() {
	exec 7>&-
	wait "$IMPORT"
}

@test "an import is a user of its own: no sweep and no end of a container takes the volume from it" {
	printf 'f 644 a one\n' >l1
	tar cf one.tar l1
	onggi volume create -d store vol >/dev/null
	held_import vol
	eventually 60 grep -q '^VolumeDriver.Mount vol ' log
	id=$(sed -n 's/^VolumeDriver.Mount vol //p' log)
	onggi system sweep
	onggi run --rm --network none -v vol:/x busybox true
	[ "$(grep -c "^VolumeDriver.Unmount vol $id" log)" = 0 ]
	[ "$(grep -c '^VolumeDriver.Unmount vol' log)" = 1 ]
	cat one.tar >&7
	import_end
	[ -e data/vol/l1 ]
	balanced
	[ ! -e "$ONGGI_RUN/containers/$id" ]
	# one that was killed is swept
	held_import vol
	eventually 60 sh -c "[ \$(grep -c '^VolumeDriver.Mount vol ' log) = 3 ]"
	kill -9 "$IMPORT"
	wait "$IMPORT" || true
	exec 7>&-
	onggi system sweep
	balanced
	[ -z "$(ls "$ONGGI_RUN/containers")" ]
	# of the local driver, with a file system of its own
	onggi volume create -o type=tmpfs -o device=tmpfs mem >/dev/null
	held_import mem
	eventually 60 grep -q "volumes/mem/_data " /proc/self/mountinfo
	onggi system sweep
	onggi run --rm --network none -v mem:/x busybox true
	grep -q "volumes/mem/_data " /proc/self/mountinfo
	cat one.tar >&7
	import_end
	run ! grep -q "volumes/mem/_data " /proc/self/mountinfo
}
