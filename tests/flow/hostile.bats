#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Hostile images: archives, layouts and manifests that try to reach the host, to fill it, or to hang a
# command. Each is refused with an error that names the entry, or harmless; teardown looks at the
# host. Nothing of a refused layer stays. What a registry can do besides: registry_lies.bats.

load lib

setup() {
	engine_setup
	cd "$T"
	# what no archive may touch
	echo untouched >sentinel
	mkdir victim && echo untouched >victim/file
}
teardown() {
	local bad=
	cd /
	[ "$(cat "$T/sentinel" "$T/victim/file" | sort -u)" = untouched ] && [ "$(ls "$T/victim")" = file ] ||
		bad="the host was changed"
	engine_teardown && [ -z "$bad" ] || { echo "$bad"; return 1; }
}

# image NAME LAYER...: an archive of busybox and one layer per text, loaded (see tests/lib/archive.py);
# a text that names a file *.tar is that layer
image() {
	local name=$1 i=0 files=()
	shift
	for text; do
		case $text in
		*.tar) files+=("$text") ;;
		*)
			printf '%s\n' "$text" >"layer$i.txt"
			files+=("layer$i.txt")
			;;
		esac
		i=$((i + 1))
	done
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar "$name" "${files[@]}" && timeout 120 "$ONGGI_BIN/onggi" load -q -i a.tar
}

in_image() { # name command...
	onggi run --rm --network none "$@"
}

# no image, no layer, no temporary file
nothing_stays() {
	[ -z "$(onggi images -aq)" ]
	[ -z "$(find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/leases" -mindepth 1 2>/dev/null)" ]
}

@test "names that climb out of the layer, whiteouts that do" {
	for name in ../victim/x a/../../victim/x ..; do
		run ! image evil:1 "f 644 $name x"
		[[ $output == *"leaves the root of the layer"* ]]
	done
	for target in ../victim/file ../../victim/file; do
		run ! image evil:1 "h l $target"
	done
	run ! image evil:1 'f 644 .wh... x'
	run ! image evil:1 'f 644 .wh.. x'
	run ! image evil:1 'f 644 a/.wh. x'
	run ! image evil:1 'f 644 ../.wh.victim x'
	[ -z "$(onggi images -q)" ]
	[ -z "$(ls "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/snapshots" | grep -v :)" ]
}

@test "links that point out lead back into the layer" {
	image evil:1 "$(printf 'l a /\nf 644 a%s/victim/x 1\nl b ../../../..\nf 644 b%s/victim/y 1\nf 644 /abs 1' "$T" "$T")"
	image evil:2 "$(printf 'l l %s/victim\nf 644 l/file evil\nf 644 l/x evil' "$T")"
	image evil:3 "$(printf 'd 755 s\nf 644 s/1 x\nl s %s/victim\nf 644 s/file evil' "$T")"
	image evil:4 "$(printf 'l s %s/victim/file\nf 644 s evil' "$T")" # replaced, not written through
	image evil:5 "$(printf 'l s %s/victim\nf 644 s/.wh.file \nf 644 s/.wh..wh..opq ' "$T")"
	run ! image evil:6 $'l l m\nl m l\nf 644 l/f x'
	run ! image evil:7 "$(printf 'l l %s/victim/file\nh hard l/x' "$T")"
	# a hard link to a symbolic link is one, it does not open its target
	image evil:8 "$(printf 'l l %s/victim/file\nh hard l' "$T")"
	run -0 in_image evil:8 sh -c '[ -L hard ]'
	run -0 in_image evil:1 cat /abs
}

@test "links of a lower layer do not carry a later layer out" {
	image evil:1 "$(printf 'l out %s/victim' "$T")" $'f 644 out/file evil\nf 644 out/x evil' $'h h out/file'
	run -0 in_image evil:1 cat /out/x
	[ "$output" = evil ]
}

@test "overlay's own attributes are not taken from an image" {
	image evil:1 $'d 755 d\nf 644 d/f x' \
		$'x SCHILY.xattr.trusted.overlay.opaque=y\nd 755 d\nx SCHILY.xattr.trusted.overlay.redirect=/bin\nd 755 r\nx SCHILY.xattr.trusted.overlay.metacopy=\nf 644 m x'
	run -0 in_image evil:1 sh -c 'cat d/f; ls r'
	[ "$output" = x ]
	dir=$(onggi inspect -f '{{.GraphDriver.Data.UpperDir}}' evil:1)
	[ "${ONGGI_STORAGE_DRIVER:-}" != erofs ] || dir=$(onggi image mount evil:1)
	run -0 getfattr -R -m trusted.overlay "$dir"
	[ -z "$output" ]
	[ "${ONGGI_STORAGE_DRIVER:-}" != erofs ] || onggi image unmount evil:1
}

@test "devices, pipes, and files where the runtime mounts" {
	image evil:1 $'c disk 8 0\np fifo\nc d/hole 0 0\nf 644 dev/null x'
	run -0 in_image evil:1 sh -c 'ls -l /fifo; echo x >/dev/null; [ -c /dev/null ] && ls d'
	[[ $output != *hole* ]]
	# links in the place of mount points: refused, or resolved inside
	image evil:2 "$(printf 'l proc %s/victim' "$T")"
	run in_image evil:2 true
	[ "$status" = 0 ] || [ "$status" = 125 ]
	image evil:3 "$(printf 'l etc %s/victim\nl dev %s/victim' "$T" "$T")"
	run in_image evil:3 true
	[ "$status" = 0 ] || [ "$status" = 125 ]
}

@test "control characters in names do not reach the terminal" {
	run ! image evil:1 'f 644 \x1b[31mred\x07/../../x x'
	[[ $output == *'\x1b[31mred\x07'* ]]
	[[ $output != *$'\x1b'* ]]
}

@test "bombs and broken headers end in an error, quickly" {
	python3 - <<-'PY'
		import gzip, io, tarfile
		def save(name, data):
		    open(name, "wb").write(data)
		def one(**kw):
		    i = tarfile.TarInfo("f")
		    for k, v in kw.items(): setattr(i, k, v)
		    return i
		h = one(size=1 << 60).tobuf(tarfile.GNU_FORMAT)
		save("huge.tar", h)
		save("pax.tar", one(size=1 << 30, type=b"x").tobuf(tarfile.USTAR_FORMAT) + b"0" * 4096)
		save("long.tar", one(size=1 << 30, type=b"L").tobuf(tarfile.GNU_FORMAT) + b"a" * 4096)
		save("type.tar", one(type=b"?").tobuf())
		save("cut.tar", one(size=5000).tobuf() + b"x" * 100)
		b = bytearray(one().tobuf()); b[150] ^= 1
		save("sum.tar", bytes(b) + bytes(1024))
		m = one(pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 18}, size=512)
		save("sparse.tar", m.tobuf(tarfile.PAX_FORMAT) + b"9999999999\n".ljust(512, b"\0") + bytes(1024))
		o = io.BytesIO()
		with tarfile.open(fileobj=o, mode="w") as t:
		    t.addfile(tarfile.TarInfo("/".join("d" * 3000)))
		save("deep.tar", o.getvalue())
		save("name.tar", one(name="n" * 300).tobuf(tarfile.PAX_FORMAT) + bytes(1024))
	PY
	for bad in huge pax long type cut sum sparse deep name; do
		start=$SECONDS
		run -1 onggi import $bad.tar
		[ $((SECONDS - start)) -lt 30 ] || { echo "$bad took long"; return 1; }
		run -1 onggi import - < <(zstd -q -c $bad.tar)
	done
	printf 'not a %s' gzip | gzip -c >g.gz && head -c 20 g.gz >cut.gz
	run -1 onggi import cut.gz
	# a zstd frame that asks for a window of 2 GiB
	printf '\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00' >window.zst
	run -1 onggi import window.zst
	[ -z "$(onggi images -q)" ]
	[ -z "$(find "$ONGGI_ROOT" -type f ! -path '*/locks/*')" ]
}

@test "hard links: to absolute names, through links, out of the layer" {
	image good:1 $'f 644 f inside\nh l /f'
	run -0 in_image good:1 cat l
	[ "$output" = inside ]
	for target in "$T/victim/file" /proc/self/exe ../../../etc/shadow a/../../../etc/shadow; do
		run ! image evil:1 "h l $target"
		[[ $output == *'"l"'* || $output == *" l"* ]] || { echo "which entry? $output"; return 1; }
	done
	run ! image evil:2 "$(printf 'l d %s/victim\nh l d/file' "$T")"
	onggi rmi -f good:1 >/dev/null
	nothing_stays
}

@test "a folder that becomes a link in the middle, and a link that becomes a folder" {
	image evil:1 "$(printf 'd 755 d\nf 644 d/a 1\nl d %s/victim\nf 644 d/b evil\nd 755 d\nf 644 d/c 3' "$T")"
	run -0 in_image evil:1 ls d
	[ "$output" = c ]
}

@test "cp while the container swaps a folder for a link to the host's" {
	image evil:1 $'d 755 d\nf 644 d/file inside'
	onggi run -d --name swap --network none evil:1 sh -c "
		mkdir /other && echo inside >/other/file && ln -s $T/victim /link
		echo ready
		while :; do
			mv d away; mv link d; mv d link; mv away d
		done" >/dev/null
	eventually 60 sh -c "'$ONGGI_BIN/onggi' logs swap | grep -q ready"
	echo evil >evil
	for i in $(seq 40); do
		timeout 60 "$ONGGI_BIN/onggi" cp evil swap:/d/file >/dev/null 2>&1 || true
		timeout 60 "$ONGGI_BIN/onggi" cp swap:/d/file out >/dev/null 2>&1 || true
		[ ! -f out ] || ! grep -q untouched out
		rm -rf out
	done
	[ "$(cat victim/file)" = untouched ]
}

@test "what lies in layers is out of reach of ordinary users" {
	image evil:1 $'f 4755 suid x\nc disk 8 0\nd 777 open\nf 666 open/f x'
	onggi create --name cc evil:1 >/dev/null
	of_image=$(onggi inspect -f '{{.GraphDriver.Data.UpperDir}}' evil:1)
	if [ "${ONGGI_STORAGE_DRIVER:-}" = erofs ]; then
		onggi diff cc # mounts it
		of_image=$(onggi inspect -f '{{.GraphDriver.Data.LowerDir}}' cc)
		[ -u "$of_image/suid" ]
		run ! setpriv --reuid 65534 --regid 65534 --clear-groups cat "$(onggi inspect -f '{{.GraphDriver.Data.Index}}' evil:1)"
	fi
	for dir in "$of_image" "$(onggi inspect -f '{{.GraphDriver.Data.UpperDir}}' cc)"; do
		[ -d "$dir" ]
		run ! setpriv --reuid 65534 --regid 65534 --clear-groups ls "$dir"
		run ! setpriv --reuid 65534 --regid 65534 --clear-groups cat "$dir/suid"
	done
}

@test "pipes and devices where files are read" {
	image evil:1 $'p etc/passwd\np etc/group\np etc/hosts\np etc/resolv.conf\np pipe'
	run timeout 60 "$ONGGI_BIN/onggi" run --rm --network none evil:1 true
	[ "$status" != 124 ]
	run timeout 60 "$ONGGI_BIN/onggi" run --rm --network none -u nobody evil:1 true
	[ "$status" != 124 ]
	[ "$status" != 0 ]
	run -0 timeout 60 "$ONGGI_BIN/onggi" create --name cc evil:1
	run timeout 60 "$ONGGI_BIN/onggi" cp cc:/pipe out
	[ "$status" != 124 ]
	run -0 timeout 60 sh -c "'$ONGGI_BIN/onggi' export cc | tar -t"
	[[ $output == *pipe* ]]
	run -0 timeout 60 "$ONGGI_BIN/onggi" commit cc again:1
	run -0 timeout 60 sh -c "'$ONGGI_BIN/onggi' save again:1 | wc -c"
	image evil:2 $'c etc/passwd 5 0\nc etc/group 1 5'
	run timeout 60 "$ONGGI_BIN/onggi" run --rm --network none -u nobody evil:2 true
	[ "$status" != 124 ]
	[ "$status" != 0 ]
}

@test "names with NUL, newlines and control characters" {
	python3 - <<-'PY'
		import io, tarfile
		def pax(name, **kw):
		    i = tarfile.TarInfo("f"); i.pax_headers = kw
		    return i.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
		def save(name, path):
		    rec = b"path=" + path + b"\n"
		    n = len(rec) + 3
		    n = len(rec) + 1 + len(str(n))
		    rec = str(n).encode() + b" " + rec
		    h = tarfile.TarInfo("x"); h.type = b"x"; h.size = len(rec)
		    f = tarfile.TarInfo("f")
		    open(name, "wb").write(h.tobuf(tarfile.USTAR_FORMAT) + rec.ljust(512, b"\0") + f.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
		save("nul.tar", b"a\0/../../victim/x")
		save("lines.tar", b"first\nsecond\x1b[31m")
	PY
	run ! image evil:1 nul.tar
	nothing_stays
	image evil:2 lines.tar
	run -0 in_image evil:2 sh -c 'ls | grep -c -e first -e second'
	onggi create --name cc evil:2 >/dev/null
	run -0 script -qec "'$ONGGI_BIN/onggi' diff cc" /dev/null
	[[ $output != *$'\x1b[31m'* ]]
}

@test "numbers that are none: sizes, times, owners, modes" {
	python3 - <<-'PY'
		import tarfile
		def one(**kw):
		    i = tarfile.TarInfo("f")
		    for k, v in kw.items(): setattr(i, k, v)
		    return i
		def field(at, n, text):
		    b = bytearray(one().tobuf(tarfile.USTAR_FORMAT))
		    b[at:at + n] = text.ljust(n, b"\0")
		    b[148:156] = b" " * 8
		    b[148:156] = b"%06o\0 " % sum(b)
		    return bytes(b[:512]) + bytes(1024)
		bad = {"negative": field(124, 12, b"\xff" * 12), "overflow": field(124, 12, b"\x80" + b"\xff" * 11),
		       "octal": field(124, 12, b"99999999999"), "minus": field(124, 12, b"-0000000001"),
		       "mode": field(100, 8, b"garbage"), "uid": field(108, 8, b"\xff" * 8)}
		for name, data in bad.items(): open(name + ".tar", "wb").write(data)
		for n, t in enumerate((0, -1, -2 ** 40, 2 ** 33, 2 ** 40, 2 ** 62)):
		    open("time%d.tar" % n, "wb").write(one(name="t%d" % n, mtime=t).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
		open("paxtime.tar", "wb").write(one(name="p", pax_headers={"mtime": "9" * 30 + ".5"}).tobuf(tarfile.PAX_FORMAT) + bytes(1024))
		open("ids.tar", "wb").write(one(name="i", uid=2 ** 32 - 2, gid=2 ** 31).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
		open("noid.tar", "wb").write(one(name="i", uid=2 ** 32 - 1).tobuf(tarfile.GNU_FORMAT) + bytes(1024))
	PY
	for bad in negative overflow octal minus mode uid noid; do
		run ! image "evil:$bad" $bad.tar
		nothing_stays
	done
	for t in time0 time1 time2 time3 time4 time5 paxtime; do
		run image "good:$t" $t.tar
		[ "$status" = 0 ] || [[ $output == *time* ]] || { echo "$t: $output"; return 1; }
	done
	image good:ids ids.tar
	run -0 in_image good:ids stat -c %u:%g i
	[ "$output" = 4294967294:2147483648 ]
}

@test "sparse maps that overlap, run backwards or beyond the end" {
	python3 - <<-'PY'
		import tarfile
		def one(name, hunks, real, size):
		    text = "%d\n" % len(hunks) + "".join("%d\n%d\n" % h for h in hunks)
		    body = text.encode().ljust(512, b"\0") + b"x" * (size + -size % 512)
		    i = tarfile.TarInfo("f"); i.size = 512 + size
		    i.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "f", "GNU.sparse.realsize": str(real)}
		    open(name + ".tar", "wb").write(i.tobuf(tarfile.PAX_FORMAT) + body + bytes(1024))
		one("good", [(0, 10), (4096, 10)], 8192, 20)
		one("overlap", [(0, 10), (5, 10)], 8192, 20)
		one("backwards", [(4096, 10), (0, 10)], 8192, 20)
		one("beyond", [(0, 10), (8190, 10)], 8192, 20)
		one("more", [(0, 10), (4096, 4000)], 8192, 20)
		one("wraps", [(0, 10), (2 ** 63 - 5, 10)], 2 ** 63 - 1, 20)
	PY
	image good:1 good.tar
	run -0 in_image good:1 sh -c 'stat -c %s f; tr -d "\0" <f'
	[ "$output" = $'8192\nxxxxxxxxxxxxxxxxxxxx' ]
	onggi rmi -f good:1 >/dev/null
	for bad in overlap backwards beyond more wraps; do
		run ! image evil:1 $bad.tar
		nothing_stays || { echo $bad; return 1; }
	done
}

@test "what follows the end of an archive is no entry" {
	python3 - <<-'PY'
		import tarfile
		def f(name): return tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)
		open("after.tar", "wb").write(f("before") + bytes(1024) + f("after") + bytes(1024))
	PY
	image evil:1 after.tar
	run -0 in_image evil:1 sh -c 'ls before; ls after; true'
	[[ $output == *before* && $output == *"No such file"* ]]
}

@test "a hundred thousand files, as many links to one, a path a hundred thousand deep" {
	python3 - <<-'PY'
		import tarfile
		def many(name, make):
		    with open(name, "wb") as out:
		        for i in range(100000): out.write(make(i).tobuf(tarfile.GNU_FORMAT))
		        out.write(bytes(1024))
		def link(i):
		    if not i: return tarfile.TarInfo("one")
		    t = tarfile.TarInfo("l%d" % i); t.type = tarfile.LNKTYPE; t.linkname = "one"
		    return t
		many("files.tar", lambda i: tarfile.TarInfo("d%d/f%d" % (i % 100, i)))
		many("links.tar", link)
		deep = tarfile.TarInfo("/".join("d" * 100000))
		open("deep.tar", "wb").write(deep.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
	PY
	image good:1 files.tar
	run -0 in_image good:1 sh -c 'find d* -type f | wc -l'
	[ "$output" = 100000 ]
	# as many as the file system can: ext4 has 65000
	run image evil:1 links.tar
	[ "$status" = 0 ] || [[ $output == *"links"* ]] || { echo "$output"; return 1; }
	run ! image evil:2 deep.tar
	onggi rmi -f good:1 >/dev/null
	! onggi image inspect evil:1 >/dev/null 2>&1 || onggi rmi -f evil:1 >/dev/null
	nothing_stays
}

@test "digests that are paths, manifests that are also indexes" {
	image good:1 'f 644 f x'
	onggi save -o good.tar good:1
	mkdir lay && tar -C lay -xf good.tar
	onggi rmi -f good:1 >/dev/null
	change() { # FILTER of the manifest: a layout whose index names the changed one
		rm -rf bad && cp -a lay bad
		python3 - "$1" <<-'PY'
			import hashlib, json, subprocess, sys
			index = json.load(open("bad/index.json"))
			blob = "bad/blobs/sha256/" + index["manifests"][0]["digest"][7:]
			new = subprocess.run(["jq", "-c", sys.argv[1], blob], stdout=subprocess.PIPE, check=True).stdout
			h = hashlib.sha256(new).hexdigest()
			open("bad/blobs/sha256/" + h, "wb").write(new)
			index["manifests"][0].update(digest="sha256:" + h, size=len(new))
			json.dump(index, open("bad/index.json", "w"))
		PY
		rm -f bad/manifest.json && tar -C bad -cf bad.tar .
	}
	change .
	run -0 onggi load -q -i bad.tar
	onggi rmi -f "$(onggi images -q)" >/dev/null
	for digest in sha256:../../../victim/file sha256: ../../victim/file "sha256:$(printf '%063d' 1)" "md5:$(printf '%032d' 1)" \
		"sha256:$(printf 'A%.0s' $(seq 64))" "sha256/$(printf '%064d' 1)"; do
		change ".config.digest = \"$digest\""
		run ! onggi load -q -i bad.tar
		change ".layers[1].digest = \"$digest\""
		run ! onggi load -q -i bad.tar
		nothing_stays
	done
	# CVE-2021-41190: two readings of one document
	change '.manifests = [.layers[0]]'
	run ! onggi load -q -i bad.tar
	change '.mediaType = "application/vnd.oci.image.index.v1+json"'
	run ! onggi load -q -i bad.tar
	nothing_stays
}

@test "layouts and archives whose files are links to the host's" {
	image good:1 'f 644 f x'
	onggi save -o good.tar good:1
	onggi rmi -f good:1 >/dev/null
	mkdir lay && tar -C lay -xf good.tar
	blob=$(jq -r '.manifests[0].digest[7:]' lay/index.json)
	cp "lay/blobs/sha256/$blob" victim2
	# the same bytes, but the host's
	(cd lay && rm manifest.json "blobs/sha256/$blob" && ln -s "$T/victim2" "blobs/sha256/$blob" && tar -cf ../link.tar .)
	run ! onggi load -q -i link.tar
	(cd lay && ln -sf ../../../../victim2 "blobs/sha256/$blob" && tar -cf ../link.tar .)
	run ! onggi load -q -i link.tar
	rm -rf lay && mkdir lay && python3 "$BATS_TEST_DIRNAME/../lib/archive.py" old.tar good:1 && tar -C lay -xf old.tar
	cp lay/0/layer.tar victim3
	(cd lay && ln -sf "$T/victim3" 0/layer.tar && tar -cf ../link.tar ./*)
	run ! onggi load -q -i link.tar
	(cd lay && jq '.[0].Layers = ["../victim3"]' manifest.json >m && mv m manifest.json && tar -cf ../link.tar ./*)
	run ! onggi load -q -i link.tar
	# names of references that are paths
	(cd lay && rm -f 0/layer.tar && cp ../victim3 0/layer.tar && jq '.[0].Layers = ["0/layer.tar"] | .[0].RepoTags = ["../../victim/x:1"]' manifest.json >m &&
		mv m manifest.json && tar -cf ../name.tar ./*)
	run ! onggi load -q -i name.tar
	nothing_stays
}

@test "working directory, volumes and mounts through links of the image" {
	image evil:1 "$(printf 'l w %s/victim\nl v %s/victim\nl b ../../../..%s/victim' "$T" "$T" "$T")"
	run -0 in_image -w /w/new evil:1 pwd
	run -0 in_image -v vol:/v/d evil:1 sh -c 'echo x >/v/d/x'
	run -0 in_image --mount "type=tmpfs,dst=/b/t" evil:1 sh -c 'echo x >/b/t/x'
	mkdir shared
	run -0 in_image -v "$T/shared:/b/s" evil:1 sh -c 'echo x >/b/s/x'
	[ -f shared/x ]
	run -0 onggi volume rm vol
}

@test "names that differ in case or composition are different files" {
	image good:1 $'f 644 A 1\nf 644 a 2\nf 644 \xc3\xa9 3\nf 644 e\xcc\x81 4'
	run -0 in_image good:1 sh -c "cat A a $(printf '\303\251 e\314\201')"
	[ "$output" = 1234 ]
}

@test "mount points of the runtime that are files, links and pipes" {
	for kind in 'f 644 %s x' "l %s $T/victim" 'p %s' 'c %s 1 3'; do
		for at in proc sys dev etc dev/pts dev/shm; do
			# shellcheck disable=SC2059
			image evil:1 "$(printf "$kind" $at)" || continue
			run timeout 60 "$ONGGI_BIN/onggi" run --rm --network none evil:1 true
			[ "$status" = 0 ] || [ "$status" = 125 ] || [ "$status" = 127 ] || { echo "$kind $at: $status $output"; return 1; }
			onggi rmi -f evil:1 >/dev/null
		done
	done
}

@test "attributes too large, unknown, or of other name spaces" {
	python3 - <<-'PY'
		import tarfile
		def one(name, **kw):
		    i = tarfile.TarInfo("f"); i.pax_headers = {k.replace("__", "."): v for k, v in kw.items()}
		    open(name + ".tar", "wb").write(i.tobuf(tarfile.PAX_FORMAT) + bytes(1024))
		one("large", SCHILY__xattr__user__big="x" * 200000)
		one("empty", SCHILY__xattr__="x")
		one("system", SCHILY__xattr__system__nonsense="x")
		one("none", SCHILY__xattr__nonsense="x")
		i = tarfile.TarInfo("f"); i.pax_headers = {"SCHILY.xattr.user.a%d" % n: "x" for n in range(1000)}
		open("many.tar", "wb").write(i.tobuf(tarfile.PAX_FORMAT) + bytes(1024))
	PY
	for bad in large many; do
		run ! image evil:1 $bad.tar
		[[ $output == *' f: '* || $output == *'tar at byte'* ]] || { echo "which entry? $output"; return 1; }
		nothing_stays
	done
	# what this host cannot keep is left out, or refused; never half of it
	for odd in empty system none; do
		run image "odd:$odd" $odd.tar
		[ "$status" = 0 ] || nothing_stays
	done
}

@test "the table of hostile images in docs/testing.md names tests and fuzzers that there are" {
	local doc=$BATS_TEST_DIRNAME/../../docs/testing.md name file n=0
	while IFS=$'\t' read -r file name; do
		grep -qF "@test \"$name\"" "$BATS_TEST_DIRNAME/$file.bats" || { echo "no test \"$name\" in $file"; return 1; }
		n=$((n + 1))
	done < <(python3 - "$doc" <<-'PY'
		import re, sys
		text = open(sys.argv[1]).read().split("## Hostile images")[1].split("\n## ")[0]
		for row in re.findall(r"^\| .*\|$", text, re.M):
		    file = None
		    for word, name in re.findall(r'\b([a-z_]+): (?=")|"([^"]+)"', row.split("|", 2)[2]):
		        file = word or file
		        if name: print(file, name, sep="\t")
	PY
	)
	[ "$n" -gt 40 ]
	for name in $(sed -n '/^Fuzzers of what/,/^$/p' "$doc" | grep -o '`[a-z0-9_]*`' | tr -d '`'); do
		[ -f "$BATS_TEST_DIRNAME/../fuzz/fuzz_$name.c" ] || { echo "no fuzzer $name"; return 1; }
	done
}
