#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# run --pull lazy with layers that are EROFS images and have a chunk index: what lazy.bats tests of tables of contents.

load lib

setup() {
	images_or_skip
	engine_setup
	export ONGGI_CONFIG=$T/none.json DOCKER_CONFIG=$T/docker HOME=$T CONTAINERS_REGISTRIES_CONF=$T/none.conf
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	cd "$T"
	LIB=$BATS_TEST_DIRNAME/../lib
	mkdir -p root/{bin,etc,proc,sys,dev,data,gone,hidden/below} above/{etc,hidden}
	cp /bin/busybox root/bin/busybox
	for i in sh cat ls sha256sum; do ln -s busybox root/bin/$i; done
	for i in $(seq 0 39); do head -c $((100000 + i)) /dev/urandom >"root/data/f$i"; done
	echo one >root/etc/file
	ln root/etc/file root/etc/again
	echo x >root/gone/x
	echo x >root/hidden/below/x
	setfattr -n user.colour -v blue root/etc/file
	mknod root/etc/pipe p
	mknod above/gone c 0 0
	echo two >above/etc/more
	echo y >above/hidden/y
	setfattr -n trusted.overlay.opaque -v y above/hidden
	mkfs.erofs --quiet one.erofs root
	mkfs.erofs --quiet --chunksize=4096 two.erofs above
}

teardown() {
	local left=0
	[ -z "${REG_PID:-}" ] || kill -USR1 "$REG_PID"
	for pid in $(servers); do
		onggi rm -f $(onggi ps -aq) >/dev/null 2>&1 || true
		timeout 60 tail --pid="$pid" -f /dev/null || { echo "server $pid is left: $(cat "$T"/run/lazy/*/log)"; kill -9 "$pid"; left=1; }
	done
	! grep -h Sanitizer "$T"/run/lazy/*/log 2>/dev/null || left=1
	[ -z "${REG_PID:-}" ] || { kill "$REG_PID" 2>/dev/null; wait "$REG_PID" 2>/dev/null || true; }
	cd /
	engine_teardown && [ "$left" = 0 ]
}

servers() { # keepers of the processes that show layers of this store
	local pid
	for pid in $(pgrep -f "^onggi-image lazy-serve $ONGGI_ROOT "); do
		[ "$(ps -o sid= -p "$pid" | xargs)" != "$pid" ] || echo "$pid"
	done
}

registry() { # LAYER...: an image of them, in a registry that holds whole blobs back in their middle
	python3 "$LIB/erofs_layers.py" layout 1 "$@"
	mkdir reg
	python3 "$LIB/range_registry.py" layout reg >reg/out 2>&1 3>&- &
	REG_PID=$!
	eventually 60 test -s reg/port || { cat reg/out; return 1; }
	REG=127.0.0.1:$(cat reg/port)
}

sum_of() {
	sha256sum "root/data/$1" | cut -d' ' -f1
}

@test "a container prints a file while most of its layer has not been sent" {
	registry "application/vnd.erofs.layer.v1#65536=one.erofs"
	run -0 --separate-stderr onggi run --rm --network none --pull lazy "$REG/x:1" sha256sum /data/f7
	[ "$output" = "$(sum_of f7)  /data/f7" ]
	run -0 onggi images -q
	[ -z "$output" ]
	pid=$(servers)
	eventually 60 test -s reg/held
	run -0 onggi create --name box --network none --pull lazy "$REG/x:1" sha256sum /data/f39
	run -0 onggi start -a box
	[ "$output" = "$(sum_of f39)  /data/f39" ]
	onggi rm box
	kill -USR1 "$REG_PID"
	timeout 60 tail --pid="$pid" -f /dev/null
	[ -n "$(onggi images -q "$REG/x:1")" ]
	run -0 onggi run --rm --network none --pull never "$REG/x:1" sha256sum /data/f7
	[ "$output" = "$(sum_of f7)  /data/f7" ]
	[ ! -e "$ONGGI_ROOT"/images/kept-* ]
	run -0 onggi system check
	onggi rmi "$REG/x:1" >/dev/null
	run -0 onggi image prune -f
	[ -z "$(find "$ONGGI_ROOT/blobs" -type f)" ]
}

@test "the same files as by a pull: whiteouts, opaque directories, links, attributes" {
	registry "application/vnd.erofs.layer.v1#65536=one.erofs" "application/vnd.erofs#4096=two.erofs"
	onggi create --name late --network none --pull lazy "$REG/x:1" >/dev/null
	[ "$(servers | wc -l)" = 1 ]
	timeout 120 "$ONGGI_BIN/onggi" export late | python3 "$LIB/tar_list.py" >late.txt
	pid=$(servers)
	[ -z "$(onggi images -q)" ]
	kill -USR1 "$REG_PID"
	timeout 60 tail --pid="$pid" -f /dev/null
	onggi create --name now --network none --pull never "$REG/x:1" >/dev/null
	timeout 120 "$ONGGI_BIN/onggi" export now | python3 "$LIB/tar_list.py" >now.txt
	diff late.txt now.txt
	grep -q "^hidden/y" now.txt
	[ "$(grep -cE '^(gone|hidden/below|.*wh\.)' now.txt)" = 0 ]
}

@test "a chunk that is a lie: the container gets an error, never other bytes" {
	# in the middle of the last file
	at=$(python3 -c 'import sys; print(open("one.erofs", "rb").read().index(open("root/data/f39", "rb").read()[40000:40100]))')
	registry "application/vnd.erofs.layer.v1#16384#$at=one.erofs"
	run -0 --separate-stderr onggi run --rm --network none --pull lazy "$REG/x:1" sha256sum /data/f7
	[ "$output" = "$(sum_of f7)  /data/f7" ]
	run onggi run --rm --network none --pull lazy "$REG/x:1" cat /data/f39
	[ "$status" != 0 ]
	[[ $output == *"I/O error"* || $output == *"Input/output error"* || $output == *"input/output error"* ]]
	grep -q "is not what the table of contents says" "$ONGGI_RUN"/lazy/*/log
}

@test "images that cannot come late are here before the start, and it is said why" {
	registry "application/vnd.erofs.layer.v1#65536#none=one.erofs"
	kill -USR1 "$REG_PID"
	run -0 onggi run --rm --network none --pull lazy "$REG/x:1" cat /etc/again
	[[ $output == *"has to be here before the start: its manifest has no digest of its chunk index"*one ]]
	for layer in application/vnd.erofs.layer.v1 application/vnd.erofs.layer.v1+zstd; do
		kill "$REG_PID"
		wait "$REG_PID" || true
		rm -rf reg layout
		registry "$layer=one.erofs"
		kill -USR1 "$REG_PID"
		run -0 onggi run --rm --network none --pull lazy "$REG/x:1" cat /etc/again
		[[ $output == *"has to be here before the start: its manifest names no chunk index"*one ]]
		onggi rmi -f "$REG/x:1"
	done
	# names that are not what the index says: nothing of it is believed
	kill "$REG_PID"
	wait "$REG_PID" || true
	rm -rf reg layout
	registry "application/vnd.erofs.layer.v1#16384#1024=one.erofs"
	kill -USR1 "$REG_PID"
	run -0 onggi run --rm --network none --pull lazy "$REG/x:1" cat /etc/again
	[[ $output == *"has to be here before the start: "*"chunk at byte 0 is not what the chunk index says"*one ]]
}
