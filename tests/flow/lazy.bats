#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# run and create --pull lazy: containers start before their image is whole. The registry of the tests sends parts of blobs
# at once, of whole blobs half until a test opens the gate: what a container prints before that, it has not got from them.

load lib
load lazy_lib

setup() { lazy_setup; }
teardown() { lazy_teardown; }

@test "a container prints a file while most of its layer has not been sent" {
	for form in estargz zstd; do
		rm -rf layout
		one "$form"
		run -0 --separate-stderr onggi run --rm --network none --pull lazy "$REG/x:1" sha256sum /data/f7
		[ "$output" = "$(sum_of data/f7)  /data/f7" ]
		run -0 onggi images -q
		[ -z "$output" ]
		[ "$(servers | wc -l)" = 1 ]
		# the pull behind it is held back in the middle of the one layer, and nobody was sent all of it
		eventually 60 test -s reg/held
		[ "$(grep -c 'GET /v2/x/blobs/.* bytes=' reg/log)" -lt 12 ]
		pid=$(servers)
		gate_open
		await_end "$pid"
		whole "$REG/x:1"
		run -0 onggi run --rm --network none --pull never "$REG/x:1" sha256sum /data/f7
		[ "$output" = "$(sum_of data/f7)  /data/f7" ]
		[ ! -e "$ONGGI_ROOT"/images/kept-* ]
		run -0 onggi system check
		kill "$REG_PID"
		wait "$REG_PID" || true
		onggi rmi "$REG/x:1" >/dev/null
		run -0 onggi image prune -f
		[ -z "$(find "$ONGGI_ROOT/blobs" -type f)" ]
		rm -rf reg
	done
}

@test "the same files as by a pull: whiteouts, opaque directories, links, devices, attributes" {
	for form in estargz zstd; do
		rm -rf layout
		python3 "$BATS_TEST_DIRNAME/../lib/late_layers.py" layout "$form"
		registry layout
		run -0 onggi create --name late --network none --pull lazy "$REG/x:many"
		[ "$(servers | wc -l)" = 1 ]
		timeout 120 "$ONGGI_BIN/onggi" export late | python3 "$BATS_TEST_DIRNAME/../lib/tar_list.py" >late.txt
		pid=$(servers)
		[ -z "$(onggi images -q)" ]
		gate_open
		await_end "$pid"
		whole "$REG/x:many"
		onggi create --name now --network none --pull never "$REG/x:many" >/dev/null
		timeout 120 "$ONGGI_BIN/onggi" export now | python3 "$BATS_TEST_DIRNAME/../lib/tar_list.py" >now.txt
		# of estargz the table itself is a file of the archive that it does not describe
		sed -i '/^stargz.index.json /d' now.txt
		diff late.txt now.txt
		grep -q "^links/three .*links/one links/three links/two" now.txt
		grep -q "^file/now" now.txt
		! grep -q "wh\." now.txt || false
		# the container made before has the layers themselves from now on
		timeout 120 "$ONGGI_BIN/onggi" export late | python3 "$BATS_TEST_DIRNAME/../lib/tar_list.py" >after.txt
		diff late.txt <(grep -v "^stargz.index.json " after.txt)
		onggi rm late now >/dev/null
		onggi rmi "$REG/x:many" >/dev/null
		kill "$REG_PID"
		wait "$REG_PID" || true
		rm -rf reg
	done
}

@test "a container whose image is on its way: diff and exec work, commit when it is here" {
	one zstd
	onggi run -d --name box --network none --pull lazy "$REG/x:1" sh -c 'echo new >/new; rm /data/f3; exec sleep 1000' >/dev/null
	eventually 60 onggi exec box sh -c '[ -s /new ] && [ ! -e /data/f3 ]'
	[ "$(onggi diff box | grep -c -x -e 'A /new' -e 'D /data/f3')" = 2 ]
	run -1 onggi commit box made:1
	[[ $output == *"layers of the image are still on their way"*"hint: "*"onggi pull $REG/x:1"* ]]
	gate_open
	onggi pull -q "$REG/x:1"
	whole "$REG/x:1"
	onggi commit box made:1 >/dev/null
	[ "$(onggi run --rm --network none made:1 cat /new)" = new ]
	onggi rm -f box >/dev/null
}

@test "a chunk that is a lie: the container gets an error, never other bytes" {
	one zstd
	onggi create --name box --network none --pull lazy "$REG/x:1" sh -c 'cat /data/f39 | sha256sum; cat /data/f39 >/dev/null' >/dev/null
	eventually 60 test -s reg/held
	cp reg/held reg/lies
	run onggi start -a box
	[ "$status" != 0 ]
	[[ $output == *"I/O error"* || $output == *"Input/output error"* || $output == *"input/output error"* ]]
	grep -q "is not what the table of contents says" "$ONGGI_RUN"/lazy/*/log
	# what is right again is read again
	rm reg/lies
	run -0 onggi start -a box
	[[ $output == "$(sum_of data/f39)"* ]]
}

@test "the server is killed: errors, then the next start has another one" {
	one estargz
	mkfifo fifo
	onggi run -d --name box --network none --pull lazy -v "$T/fifo:/fifo" "$REG/x:1" sh -c 'read x </fifo; cat /data/f3 /data/f4 /data/f5 | sha256sum; cat /data/f6 >/dev/null' >/dev/null
	pid=$(servers)
	servers_kill
	exec 5<>fifo # waits for nobody: the shell may be dead already
	echo go >&5
	run -0 onggi wait box
	[ "$output" != 0 ]
	# a word of the shell, or its death by SIGBUS when its own program cannot be read
	run onggi logs box
	[[ $output != *"  -"* ]]
	run -0 onggi system check
	# a start after it, with the same writable layer
	exec 5>&- 5<>fifo
	echo go >&5
	run -0 onggi start -a box
	exec 5>&-
	[ "$(servers | wc -l)" = 1 ]
	[ "$(servers)" != "$pid" ]
}

@test "two containers share one server; removed while the rest is on its way, the image still comes" {
	one zstd
	onggi create --name one --network none --pull lazy "$REG/x:1" sha256sum /data/f1 >/dev/null
	onggi create --name two --network none --pull lazy "$REG/x:1" sha256sum /data/f1 >/dev/null
	[ "$(servers | wc -l)" = 1 ]
	run -0 onggi start -a one
	first=$output
	run -0 onggi start -a two
	[ "$output" = "$first" ]
	# an image of layers that are not here is none
	run onggi commit one copy:1
	echo "$output"
	[ "$status" != 0 ]
	[ -z "$(onggi images -q)" ]
	run -0 onggi system check
	onggi rm one two >/dev/null
	run -0 onggi image prune -f
	pid=$(servers)
	gate_open
	await_end "$pid"
	whole "$REG/x:1"
	run -0 onggi run --rm --network none --pull never "$REG/x:1" sha256sum /data/f1
	[ "$output" = "$first" ]
}

@test "killed and not wanted any more: a prune leaves nothing" {
	one zstd
	onggi create --name one --network none --pull lazy "$REG/x:1" sha256sum /data/f1 >/dev/null
	pid=$(servers)
	servers_kill
	run -0 onggi image prune -f
	ls "$ONGGI_ROOT"/images/kept-*
	onggi rm one >/dev/null
	run -0 onggi image prune -f
	[ -z "$(ls "$ONGGI_ROOT/images" "$ONGGI_ROOT/blobs/sha256" 2>/dev/null | grep -v :)" ]
	! grep "onggi-lazy" /proc/self/mountinfo || false
}

@test "the registry is away: an error and a word in the log, until it is back" {
	echo '{"max-download-attempts":2,"download-retry-delay-ms":10}' >none.json
	one zstd
	onggi create --name one --network none --pull lazy "$REG/x:1" sh -c 'cat /data/f39 >/dev/null && echo yes' >/dev/null
	eventually 60 test -s reg/held
	touch reg/down
	run onggi start -a one
	[ "$status" != 0 ]
	grep -q "blob sha256:.*503" "$ONGGI_RUN"/lazy/*/log
	rm reg/down
	run -0 onggi start -a one
	[ "$output" = yes ]
}

@test "layers that cannot come late are here before the start, and it is said why" {
	python3 "$BATS_TEST_DIRNAME/../lib/late_layers.py" layout zstd
	registry layout
	gate_open
	run -0 onggi create --name one --network none --pull lazy "$REG/x:outside"
	[[ $output == *"has to be here before the start: entry again: hard link to a file that is not in this layer"* ]]
	whole "$REG/x:outside"
	[ -z "$(servers)" ]
	run -0 onggi create --name two --network none --pull lazy "$REG/x:plain" cat /etc/stays
	[[ $output == *"has to be here before the start: its manifest names no table of contents"* ]]
	run -0 onggi start -a two
	[ "$output" = stays ]
}

@test "other storage drivers need the whole image" {
	one zstd
	gate_open
	export ONGGI_STORAGE_DRIVER=vfs
	run -0 --separate-stderr onggi run --rm --network none --pull lazy "$REG/x:1" sha256sum /data/f7
	[ "$output" = "$(sum_of data/f7)  /data/f7" ]
	[[ $stderr == *"All layers have to be here before the start: the storage driver needs them"* ]]
	whole "$REG/x:1"
	run -125 onggi run --pull sometimes "$REG/x:1"
	[[ $output == *'must be one of "always", "missing", "never" or "lazy"'* ]]
}
