#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# engine.bats - the life of a container with each storage driver on Debian's kernel, which is older than that of a test
# host may be: mounts, network and copies that newer kernels make in another way. All that a driver does is in
# tests/flow/storage.bats, all that the engine does in the other files there; here each thing is done once.

load ../flow/lib

setup() {
	[ -n "${GUEST_CGROUP:-}" ] || skip "runs in the guest only: tests/guest/run"
	engine_setup
	MNT=
}

teardown() { disk_teardown engine_teardown; }

says() { # WANTED COMMAND...
	local got
	got=$("${@:2}")
	[ "$got" = "$1" ] || { echo "\"$got\", not \"$1\": ${*:2}"; return 1; }
}

# created, started, looked into, changed, taken as an image, removed
life() {
	onggi run -d --name c1 -v vol:/vol -p 127.0.0.1:8080:80 base \
		sh -c 'echo hello >/vol/f; mkdir /www; echo served >/www/x; exec httpd -f -h /www' >/dev/null
	eventually 60 onggi exec c1 test -e /www/x
	says hello onggi exec c1 cat /vol/f
	echo in >"$T/in"
	onggi cp "$T/in" c1:/www/in
	says in onggi exec c1 cat /www/in
	# the bridge, the published port, another container
	says in eventually_get http://127.0.0.1:8080/in
	says served onggi run --rm base wget -qO - "http://$(onggi inspect -f '{{.NetworkSettings.IPAddress}}' c1)/x"
	says $'A /vol\nA /www\nA /www/in\nA /www/x' changes c1
	onggi stop -t 0 c1 >/dev/null
	onggi cp c1:/www/in "$T/out"
	cmp "$T/in" "$T/out"
	onggi commit c1 made >/dev/null
	onggi start c1 >/dev/null
	says hello onggi exec c1 cat /vol/f
	onggi rm -f c1 >/dev/null
	# another on what the first has left
	says served onggi run --rm --network none made cat /www/x
	onggi rmi made >/dev/null
}

eventually_get() {
	eventually 60 python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$1"
	python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode(), end="")' "$1"
}

changes() {
	onggi diff "$1" | grep '^A' | sort
}

# roots that take nothing, with places that do
read_only() {
	onggi run --rm --network none --read-only --tmpfs /t -v vol:/vol base \
		sh -c 'echo x >/t/x && echo more >>/vol/f && ! touch /x 2>/dev/null'
	says $'hello\nmore' onggi run --rm --network none --read-only -v vol:/vol:ro base cat /vol/f
	onggi volume rm vol >/dev/null
	onggi volume create -o size=24m sized >/dev/null
	onggi create --name c2 --network none -v sized:/s base cat /s/in >/dev/null
	onggi cp "$T/in" c2:/s/in
	says in onggi start -a c2
	onggi rm c2 >/dev/null
	onggi volume rm sized >/dev/null
}

nothing_left() {
	says '' onggi ps -aq
	onggi rmi base >/dev/null
	onggi system check >/dev/null
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
}

all_of() { # DRIVER
	export ONGGI_STORAGE_DRIVER=$1
	says "$1" onggi info -f '{{.Driver}}'
	life
	read_only
	nothing_left
}

@test "overlay" { all_of overlay; }

@test "vfs" { all_of vfs; }

@test "fuse-overlayfs" { all_of fuse-overlayfs; }

@test "btrfs" {
	truncate -s 300M "$T/disk"
	mkfs.btrfs -q "$T/disk"
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_ROOT=$MNT/store
	all_of btrfs
}

@test "devicemapper" {
	export ONGGI_DM_BASE_SIZE=64m
	all_of devicemapper
}

@test "erofs and composefs say what this kernel lacks" {
	[ "$(printf '%s\n' 6.12 "$(uname -r)" | sort -V | head -1)" != 6.12 ] || skip "this kernel has it"
	local d
	for d in erofs composefs; do
		run -1 onggi -s $d create base
		[[ $output == *"mounts EROFS from block devices only: Linux 6.12"* ]]
		[[ $output == *"drivers that work here: overlay"* ]]
	done
}
