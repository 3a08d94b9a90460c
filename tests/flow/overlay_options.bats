#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --storage-opt metacopy, redirect_dir, volatile: how overlay is mounted for one container, and that diff, commit,
# export, cp and ps -s say of such a layer, which is no difference by itself, what they say of any other.

load lib

setup() {
	engine_setup
	[ "$(id -u)" = 0 ] || skip "the kernel redirects for root of the host only"
	onggi run --name made --net none base sh -c 'mkdir -p /d/e /gone; dd if=/dev/urandom of=/d/e/big bs=64k count=64 2>/dev/null
		echo one >/d/a; ln /d/a /d/b; ln -s a /d/link; echo x >/gone/x; echo y >/stays; echo z >/opened; chmod 640 /d/a'
	onggi commit made img:1 >/dev/null
	onggi rm made >/dev/null
}

teardown() { engine_teardown; }

erofs_here() { onggi info -f '{{json .StorageDrivers}}' | jq -e '.[] | select(.Name == "erofs") | .Usable' >/dev/null; }

options_of() { # NAME: those of its overlay, which runs
	onggi exec "$1" sed -n 's|^.* / / .* - overlay overlay ||p' /proc/self/mountinfo
}

has() { # NAME WORDS...
	local is word
	is=$(options_of "$1")
	for word in "${@:2}"; do
		[[ $is == *"$word"* ]] || { echo "no $word: $is"; return 1; }
	done
}

# the tree as tar tells it: names, modes, owners, targets. Hard links are files: overlay parts them
tree_of() { tar -tv --numeric-owner --full-time | sed 's/^h/-/' | awk '{ print $1, $2, $6, $1 ~ /^-/ ? "" : $7 $8 }' | sort -k 3; }

# all that is looked at, of what a container did to the image
looks() { # driver, options...
	local driver=$1 work
	shift
	work='[ ! -e /moved ] || exit 0
		chown -R 7:8 /d; mv /d /moved; mkdir /d; echo new >/d/a; rm -r /gone; mkdir /gone; echo new >/gone/y
		chmod 600 /stays; chmod 600 /opened; echo more >>/opened; mv /moved/e /moved/f'
	onggi -s "$driver" create --name "c-$driver" --net none "$@" img:1 sh -c "$work" >/dev/null
	run -0 onggi start -a "c-$driver"
	onggi diff "c-$driver" | sort >"$T/diff-$driver"
	onggi export "c-$driver" | tree_of >"$T/export-$driver"
	onggi ps -a -s --filter "name=c-$driver" --format '{{.Size}}' >"$T/size-$driver"
	[ "$(onggi cp "c-$driver:/moved/a" - | tar -xO)" = one ]
	echo put >"$T/put"
	onggi cp "$T/put" "c-$driver:/moved/put"
	[ "$(onggi cp "c-$driver:/moved/put" - | tar -xO)" = put ]
	onggi commit "c-$driver" "out-$driver:1" >/dev/null
	onggi run --name "again-$driver" --net none "out-$driver:1" sh -c 'cat /d/a /gone/y /opened /moved/put; ls /gone /moved' >"$T/ran-$driver"
	onggi export "again-$driver" | tree_of >"$T/tree-$driver"
	onggi run --rm --net none "out-$driver:1" md5sum /moved/f/big | cut -d ' ' -f 1 >"$T/sum-$driver"
	onggi run --rm --net none img:1 md5sum /d/e/big | cut -d ' ' -f 1 | diff - "$T/sum-$driver"
	# and it goes on after all of that
	run -0 onggi start -a "c-$driver"
}

same_looks() { # a b
	local f
	for f in diff export size ran tree sum; do
		diff "$T/$f-$1" "$T/$f-$2" || { echo "$f"; return 1; }
	done
}

@test "metacopy: all that is looked at is as without it" {
	looks vfs
	looks overlay --storage-opt metacopy=on
	same_looks vfs overlay
	if erofs_here; then
		looks erofs --storage-opt metacopy=on
		same_looks vfs erofs
	fi
}

@test "redirect_dir: the same, on a disk of its own too" {
	looks vfs
	looks overlay --storage-opt redirect_dir=on --storage-opt size=64m
	same_looks vfs overlay
}

@test "metacopy: a new owner takes no room, and files without content are read through it" {
	local id
	onggi run --name c1 --net none --storage-opt metacopy=on img:1 chown 5:5 /d/e/big
	id=$(onggi inspect -f '{{.Id}}' c1)
	[ "$(du -s -B1 "$ONGGI_ROOT/containers/$id/rw/diff/d/e/big" | cut -f 1)" -lt 65536 ]
	onggi run --name c2 --net none img:1 chown 5:5 /d/e/big
	id=$(onggi inspect -f '{{.Id}}' c2)
	[ "$(du -s -B1 "$ONGGI_ROOT/containers/$id/rw/diff/d/e/big" | cut -f 1)" -ge 4194304 ]
	# the user is looked up before anything is mounted
	onggi run --name c3 --net none -u root:root --storage-opt metacopy=on base chown 0:5 /etc/passwd /etc/group
	run -0 onggi start -a c3
	onggi commit c3 group:1 >/dev/null
	[ "$(onggi run --rm --net none -u root:root group:1 id -u)" = 0 ]
}

@test "options: of one container, by default, of those that say otherwise; while it runs" {
	onggi run -d --name c1 --net none --storage-opt metacopy=on img:1 sleep 1000 >/dev/null
	has c1 metacopy=on redirect_dir=on
	onggi exec c1 sh -c 'chown 9:9 /d/a; mv /d /other'
	onggi diff c1 | sort >"$T/diff"
	printf 'A /other\nA /other/a\nA /other/b\nA /other/e\nA /other/e/big\nA /other/link\nD /d\n' | diff - "$T/diff"
	onggi exec c1 chown 0:9 /etc/passwd
	[ "$(onggi exec -u root c1 id -u)" = 0 ]
	onggi rm -f c1 >/dev/null
	export ONGGI_STORAGE_OPT=overlay.metacopy=on,volatile=on
	[ "$(onggi info -f '{{json (index .DriverStatus 2)}}')" = '["Using metacopy","true"]' ]
	onggi run -d --name c2 --net none img:1 sleep 1000 >/dev/null
	has c2 metacopy=on redirect_dir=on volatile
	onggi run -d --name c3 --net none --storage-opt metacopy=off --storage-opt volatile=off img:1 sleep 1000 >/dev/null
	[[ $(options_of c3) != *metacopy=on* ]]
	[[ $(options_of c3) != *volatile* ]]
	has c3 lowerdir
	unset ONGGI_STORAGE_OPT
	[ "$(onggi info -f '{{json (index .DriverStatus 2)}}')" = '["Using metacopy","false"]' ]
	# again, after a kill that left the mark of such a mount
	onggi kill c2 >/dev/null
	onggi wait c2 >/dev/null
	run -0 onggi start c2
	has c2 metacopy=on redirect_dir=on volatile
}

@test "options that cannot be had are refused" {
	run -1 onggi -s vfs create --storage-opt metacopy=on img:1 true
	[[ $output == *"driver vfs has no metacopy"* ]]
	run -1 onggi -s vfs create --storage-opt volatile=on img:1 true
	[[ $output == *"driver vfs has no volatile"* ]]
	run -1 onggi create --storage-opt metacopy=on --storage-opt redirect_dir=off img:1 true
	[[ $output == *"metacopy=on needs redirect_dir=on"* ]]
	run -1 onggi create --storage-opt index=on img:1 true
	[[ $output == *"index=on: such a layer is mounted once only"* ]]
	run onggi volume create -o size=10m -o metacopy=on vol
	[ "$status" != 0 ]
	[[ $output == *"Unknown option metacopy"* ]]
	[ -z "$(onggi ps -aq)$(onggi volume ls -q)" ]
}
