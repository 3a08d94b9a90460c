#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Layers as a container sees them: whiteouts, opaque directories, links over layers, attributes of
# what a layer does not describe. Archives that try to reach the host: hostile.bats.

load lib

setup() {
	engine_setup
	cd "$T"
	# what no archive may touch
	echo untouched >sentinel
	mkdir victim && echo untouched >victim/file
}
teardown() {
	cd /
	[ "$(cat "$T/sentinel" "$T/victim/file" | sort -u)" = untouched ] || echo "the host was changed"
	[ "$(ls "$T/victim")" = file ]
	engine_teardown
}

# image NAME LAYER...: an archive of busybox and one layer per text, loaded (see tests/lib/archive.py)
image() {
	local name=$1 i=0 files=()
	shift
	for text; do
		printf '%s\n' "$text" >"layer$i.txt"
		files+=("layer$i.txt")
		i=$((i + 1))
	done
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar "$name" "${files[@]}" && onggi load -q -i a.tar
}

in_image() { # name command...
	onggi run --rm --network none "$@"
}

@test "whiteouts hide what parents have and nothing else" {
	image w:1 $'d 755 d\nf 644 d/a a\nf 644 d/b b\nd 755 e\nf 644 e/x x\nf 644 f f' \
		$'d 755 d\nf 644 d/.wh.a \nf 644 .wh.e \nf 644 .wh.nothing \nf 644 f new\nf 644 .wh.f ' \
		$'d 755 e\nf 644 e/y y'
	run -0 in_image w:1 sh -c 'ls d e; cat f; ls -a /'
	[ "$(head -5 <<<"$output")" = $'d:\nb\n\ne:\ny' ]
	[[ $output == *new* ]] && [[ $output != *.wh.* ]] && [[ $output != *nothing* ]]
}

@test "opaque directories, at any place in the archive, and of the root" {
	image o:1 $'d 755 d\nf 644 d/old 1\nd 755 d/sub\nf 644 d/sub/old 1' \
		$'d 755 d\nf 644 d/new 2\nf 644 d/.wh..wh..opq \nf 644 d/late 3'
	run -0 in_image o:1 ls d
	[ "$output" = $'late\nnew' ]
	# an opaque root hides every layer below, busybox too: bring it along
	python3 - <<-'PY'
		import io, subprocess, tarfile
		with tarfile.open("root.tar", "w") as t:
		    t.addfile(tarfile.TarInfo(".wh..wh..opq"))
		    i = tarfile.TarInfo("ls"); i.mode = 0o755; b = open("/bin/busybox", "rb").read(); i.size = len(b)
		    t.addfile(i, io.BytesIO(b))
	PY
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar root:1 layer0.txt root.tar
	onggi load -q -i a.tar
	run -0 in_image root:1 /ls /
	[[ $output == *ls* ]] && [[ $output != *bin* ]] && [[ $output != *$'\n'd$'\n'* ]]
}

@test "kinds that replace each other over layers" {
	image k:1 $'d 755 a\nf 644 a/in 1\nf 644 b 1\nl c b\nd 755 t\nf 644 t/f 1' \
		$'f 644 a now a file\nd 755 b\nf 644 b/in 2\nf 644 c now a file\nl t b'
	run -0 in_image k:1 sh -c 'cat a c; echo; ls b t; [ ! -L c ] && [ -L t ]'
	[[ $output == *"now a filenow a file"* ]]
	[ "$(grep -c '^in$' <<<"$output")" = 2 ]
	# one layer: a file, then a directory of that name is empty whatever parents had
	image k:2 $'d 755 a\nf 644 a/old 1' $'f 644 a x\nd 755 a\nf 644 a/new 1'
	run -0 in_image k:2 ls a
	[ "$output" = new ]
}

@test "directories without an entry keep the attributes that parents gave them" {
	image i:1 $'d 2750 d 7 8\nd 700 d/e 9 9\nd 1777 ./' $'f 644 d/e/f x' $'f 644 other x' $'f 644 d/g y'
	run -0 in_image i:1 sh -c 'stat -c "%n %a %u %g" / d d/e d/g'
	[ "$output" = $'/ 1777 0 0\nd 2750 7 8\nd/e 700 9 9\nd/g 644 0 0' ]
	# one that a whiteout removed is new
	image i:2 $'d 700 d 7 8' $'f 644 .wh.d ' $'f 644 d/f x'
	run -0 in_image i:2 stat -c '%a %u' d
	[ "$output" = "755 0" ]
}

@test "hard links: in a layer, forward, to a symbolic link, to a file of a parent layer" {
	image h:1 $'f 4711 orig text\nl sym orig' \
		$'h early late\nf 644 late 1\nh hardsym sym\nl sym orig\nh copy orig\nh deep/er/copy orig'
	run -0 in_image h:1 sh -c 'stat -c "%n %h %a" early late copy deep/er/copy orig; cat copy; [ -L hardsym ]'
	[ "$output" = $'early 2 644\nlate 2 644\ncopy 3 4711\ndeep/er/copy 3 4711\norig 3 4711\ntext' ]
	run ! image h:2 $'f 644 x 1' $'f 644 .wh.x \nh y x'
	run ! image h:3 $'d 755 d' $'h y d'
	run ! image h:4 $'f 644 x 1' $'h y nowhere'
	[ "$(onggi images -q | wc -l)" = 1 ]
}

@test "attributes: capabilities, times, owners, set-user-ID, extended attributes" {
	python3 - <<-'PY'
		import io, tarfile
		with tarfile.open("attr.tar", "w", format=tarfile.PAX_FORMAT) as t:
		    i = tarfile.TarInfo("capable"); i.mode = 0o755
		    i.pax_headers = {"SCHILY.xattr.security.capability": b"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0".decode("latin-1"),
		                     "SCHILY.xattr.user.note": "hello"}
		    t.addfile(i)
		    i = tarfile.TarInfo("old"); i.mtime = -1.5; i.uid, i.gid, i.mode = 4294967294, 70000, 0o6755
		    t.addfile(i)
		    i = tarfile.TarInfo("late"); i.mtime = 4102444800; t.addfile(i)
	PY
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar x:1 attr.tar
	onggi load -q -i a.tar
	dir=$(onggi inspect -f '{{.GraphDriver.Data.UpperDir}}' x:1)
	[ "$(getcap "$dir/capable")" = "$dir/capable cap_net_bind_service=ep" ]
	[ "$(getfattr --only-values -n user.note "$dir/capable")" = hello ]
	[ "$(stat -c '%u %g %a' "$dir/old")" = "4294967294 70000 6755" ]
	[ "$(date -u -d "@$(stat -c %Y "$dir/late")" +%Y)" = 2100 ]
	[ "$(python3 -c 'import os,sys; print(os.stat(sys.argv[1]).st_mtime_ns)' "$dir/old")" = -1500000000 ]
	# out of reach of users of the host (CVE-2021-41091)
	run ! setpriv --reuid 65534 --regid 65534 --clear-groups cat "$dir/late"
}

@test "150 layers" {
	local texts=() i
	for i in $(seq 150); do texts+=("f 644 n$i $i"); done
	image many:1 "${texts[@]}"
	run -0 in_image many:1 sh -c 'cat /n1 /n75 /n150; ls / | grep -c ^n'
	[ "$output" = $'175150150' ]
}
