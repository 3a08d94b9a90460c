#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Layers that are EROFS images: the same containers as of archives of the same content, whatever the storage
# driver is; blobs that stay what they are, to the byte; images that lie. docs/adr/0023.

load lib

setup_file() {
	export EL=$(mktemp -d "${TMPDIR:-/tmp}/onggi-erofs.XXXXXX")
	export LIB=$BATS_TEST_DIRNAME/../lib
	root_make "$EL/one"
	change_make "$EL/two"
	tar -C "$EL/one" --format=pax --xattrs --xattrs-include='*' -cf "$EL/one.tar" .
	change_tar "$EL/two" "$EL/two.tar"
	mkfs.erofs --quiet "$EL/one.erofs" "$EL/one"
	mkfs.erofs --quiet "$EL/two.erofs" "$EL/two"
	onggi_registry_start "$EL/registry" 3>&-
	export REGISTRY REGISTRY_PID
}

teardown_file() {
	registry_stop
	rm -rf --one-file-system "$EL"
}

setup() {
	images_or_skip
	engine_setup
	cd "$T"
}

teardown() {
	cd /
	engine_teardown
}

# a root file system with a little of everything
root_make() {
	mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,empty,many,gone,hidden/below}
	cp /bin/busybox "$1/bin/busybox"
	for i in sh ls cat; do ln -s busybox "$1/bin/$i"; done
	echo one >"$1/etc/file"
	ln "$1/etc/file" "$1/etc/again"
	ln "$1/etc/file" "$1/hidden/below/again"
	ln -s /etc/nowhere "$1/etc/$(printf 'long%.0s' {1..50})"
	: >"$1/etc/nothing"
	head -c 300001 /dev/zero | tr '\0' x >"$1/large"
	head -c 8192 /dev/zero | tr '\0' y >"$1/blocks"
	echo x >"$1/gone/x"
	echo x >"$1/hidden/x"
	for i in $(seq 300); do echo "$i" >"$1/many/a name of some length $i"; done
	mknod "$1/dev/thing" c 10 70000
	mknod "$1/dev/disk" b 259 3
	mkfifo "$1/pipe"
	chown 70000:80000 "$1/etc/nothing"
	chmod 4711 "$1/blocks"
	chmod 1777 "$1/tmp"
	setfattr -n user.colour -v blue "$1/etc/file"
	setfattr -n user.colour -v blue "$1/large"
	setfattr -n user.colour -v blue "$1/many"
	setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 "$1/blocks"
	find "$1" -exec touch -h -d @1700000000.5 {} +
	touch -h -d @-5 "$1/etc/file"
}

# what overlay would have above it
change_make() {
	mkdir -p "$1"/{etc,hidden,new}
	mknod "$1/gone" c 0 0
	mknod "$1/etc/again" c 0 0
	echo two >"$1/etc/more"
	echo two >"$1/hidden/y"
	setfattr -n trusted.overlay.opaque -v y "$1/hidden"
	setfattr -n trusted.overlay.origin -v z "$1/new"
	find "$1" -exec touch -h -d @1600000000 {} +
}

# the same as an archive
change_tar() {
	cp -a "$1" "$1.tar.d"
	rm "$1.tar.d/gone" "$1.tar.d/etc/again"
	: >"$1.tar.d/.wh.gone"
	: >"$1.tar.d/etc/.wh.again"
	: >"$1.tar.d/hidden/.wh..wh..opq"
	find "$1.tar.d" -exec touch -h -d @1600000000 {} +
	tar -C "$1.tar.d" --format=pax -cf "$2" .
}

layout() { # TAG LAYER...
	python3 "$LIB/erofs_layers.py" "$EL/oci" "$@"
}

push_in() { # TAG: of the layout, by skopeo
	skopeo copy -q --dest-tls-verify=false "oci:$EL/oci:$1" "docker://$REGISTRY/$1:1" 3>&-
}

listing() { # IMAGE: as a container of it would see it, with contents and attributes
	local id
	id=$(onggi create --network none "$1") || return 1
	rm -rf x && mkdir x
	onggi export "$id" | tar -C x --xattrs --xattrs-include='*' -xpf -
	onggi rm "$id" >/dev/null
	(
		cd x || exit 1
		find . -mindepth 1 -printf '%p %y %m %U:%G %n %l %T@\n' | sed -E 's/^(.* d [0-9]+ [0-9:]+) .*/\1/'
		find . -type f -printf '%p %s\n' -exec sha256sum {} +
		find . -type b,c -exec stat -c '%n %t:%T' {} +
		getfattr -R -d -h -m 'user|capability' . 2>/dev/null
	) | grep -vE '^\./(dev/(console|pts|shm|mqueue)|proc|sys|etc/(host|resolv)|\.dockerenv)' | sort
}

drivers() {
	echo overlay vfs
	! onggi -s erofs run --rm --network none base true 2>/dev/null >&2 || echo erofs
	onggi rmi base >/dev/null 2>&1 || true
}

@test "the tree of an EROFS layer is that of the same archive, on every driver" {
	layout tar tar="$EL/one.tar" tar="$EL/two.tar"
	layout erofs application/vnd.erofs.layer.v1="$EL/one.erofs" application/vnd.oci.image.layer.v1.erofs+zstd="$EL/two.erofs"
	push_in tar
	push_in erofs
	for driver in $(drivers); do
		export ONGGI_STORAGE_DRIVER=$driver
		onggi pull -q "$REGISTRY/tar:1"
		onggi pull -q "$REGISTRY/erofs:1"
		listing "$REGISTRY/tar:1" >want
		listing "$REGISTRY/erofs:1" >got
		grep -q '^./hidden/y f' got
		[ "$(grep -cE '^\./(gone|hidden/x|hidden/below|etc/again)' got)" = 0 ]
		diff want got || { echo "driver $driver"; return 1; }
		[ "$(onggi run --rm --network none "$REGISTRY/erofs:1" cat /etc/file /etc/more | xargs)" = "one two" ]
		run -0 onggi system check
		onggi rmi -f "$REGISTRY/tar:1" "$REGISTRY/erofs:1"
		[ -z "$(ls "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/blobs/sha256" | grep -v :)" ]
	done
}

@test "whatever the form of inodes and data is" {
	layout forms:tar tar="$EL/one.tar"
	i=0
	for option in -Eforce-inode-extended --chunksize=4096 --chunksize=65536 -x1; do
		i=$((i + 1))
		mkfs.erofs --quiet $option "form$i.erofs" "$EL/one"
		layout "form$i" "application/vnd.erofs.layer.v1+gzip=form$i.erofs"
		skopeo copy -q "oci:$EL/oci:form$i" "oci-archive:form$i.tar:form:$i"
	done
	skopeo copy -q "oci:$EL/oci:forms:tar" oci-archive:tar.tar:form:tar
	# nothing but compact inodes: one time and small numbers for all
	mkfs.erofs --quiet -T1700000000 --all-root -Eforce-inode-compact compact.erofs "$EL/one"
	layout compact application/vnd.erofs=compact.erofs
	skopeo copy -q "oci:$EL/oci:compact" oci-archive:compact.tar:form:compact
	for driver in $(drivers); do
		export ONGGI_STORAGE_DRIVER=$driver
		for t in tar form1 form2 form3 form4 compact; do onggi load -q -i $t.tar; done
		listing form:tar >want
		for i in 1 2 3 4; do
			listing "form:$i" >got
			diff want got || { echo "driver $driver, form $i"; return 1; }
		done
		run -0 onggi run --rm --network none form:compact sh -c 'stat -c "%Y %u" /large /etc/nothing; cat /etc/again'
		[ "$(xargs <<<"$output")" = "1700000000 0 1700000000 0 one" ]
		onggi rmi -f form:tar form:1 form:2 form:3 form:4 form:compact >/dev/null
	done
}

digests() { # IMAGE-REFERENCE-OF-SKOPEO
	skopeo inspect --raw --tls-verify=false "$1" | jq -r '.config.digest, .layers[].digest, .layers[].mediaType'
}

@test "blobs and types stay as they are: push, save and load, copy, commit on top" {
	layout round application/vnd.erofs.layer.v1="$EL/one.erofs" application/vnd.erofs.layer.v1+zstd="$EL/two.erofs"
	push_in round
	digests "docker://$REGISTRY/round:1" >want
	onggi pull -q "$REGISTRY/round:1"
	onggi tag "$REGISTRY/round:1" "$REGISTRY/pushed:1"
	onggi push -q "$REGISTRY/pushed:1"
	digests "docker://$REGISTRY/pushed:1" | diff want -
	onggi save -o saved.tar "$REGISTRY/round:1"
	id=$(onggi create --network none "$REGISTRY/round:1")
	onggi rm "$id"
	onggi rmi -f "$REGISTRY/round:1" "$REGISTRY/pushed:1"
	onggi load -q -i saved.tar
	onggi tag "$REGISTRY/round:1" "$REGISTRY/loaded:1"
	onggi push -q "$REGISTRY/loaded:1"
	digests "docker://$REGISTRY/loaded:1" | diff want -
	skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/loaded:1" "oci:$T/back:1"
	for d in $(jq -r '.layers[].digest' "$T"/back/blobs/sha256/"$(jq -r '.manifests[0].digest' back/index.json | cut -d: -f2)"); do
		[ "sha256:$(sha256sum "back/blobs/sha256/${d#*:}" | cut -d' ' -f1)" = "$d" ]
	done
	# a layer on top is an archive, those below are what they were
	onggi run --name box --network none "$REGISTRY/round:1" sh -c 'echo new >/etc/more; echo new >/new/file; rm /large'
	run -0 onggi diff box
	[ "$(sort <<<"$output" | xargs)" = "A /new/file C /etc C /etc/more C /new D /large" ]
	onggi commit box "$REGISTRY/committed:1"
	onggi push -q "$REGISTRY/committed:1"
	digests "docker://$REGISTRY/committed:1" >got
	[ "$(grep -c erofs got)" = 2 ]
	[ "$(sed -n 2,3p want)" = "$(sed -n 2,3p got)" ]
	onggi rm box
	onggi rmi -f "$REGISTRY/committed:1" "$REGISTRY/round:1" "$REGISTRY/loaded:1"
	onggi pull -q "$REGISTRY/committed:1"
	[ "$(onggi run --rm --network none "$REGISTRY/committed:1" sh -c 'cat /etc/more /new/file; ls /large 2>&1' | xargs)" = "new new ls: /large: No such file or directory" ]
}

@test "import takes one as a root file system, and says what it is" {
	onggi import - imported:1 <"$EL/one.erofs"
	zstd -q -o one.zst "$EL/one.erofs"
	onggi import one.zst imported:2
	[ "$(onggi run --rm --network none imported:1 cat /etc/file)" = one ]
	[ "$(onggi run --rm --network none imported:2 cat /etc/file)" = one ]
	for i in 1 2; do
		onggi save imported:$i | tar -xf - -O manifest.json | jq -r '.[0].Config' >name
		onggi tag imported:$i "$REGISTRY/imported:$i"
		onggi push -q "$REGISTRY/imported:$i"
	done
	[ "$(digests "docker://$REGISTRY/imported:1" | tail -1)" = application/vnd.erofs.layer.v1 ]
	[ "$(digests "docker://$REGISTRY/imported:2" | tail -1)" = application/vnd.erofs.layer.v1+zstd ]
	[ "$(digests "docker://$REGISTRY/imported:1" | sed -n 2p)" = "sha256:$(sha256sum "$EL/one.erofs" | cut -d' ' -f1)" ]
}

@test "forms of layers change into each other, and what is damaged is found and made again" {
	[[ " $(drivers | xargs) " == *" erofs "* ]] || skip "the driver erofs does not work here"
	layout forms application/vnd.erofs.layer.v1="$EL/one.erofs" application/vnd.erofs.layer.v1+zstd="$EL/two.erofs"
	skopeo copy -q "oci:$EL/oci:forms" oci-archive:a.tar:forms:1
	onggi -s overlay load -q -i a.tar
	onggi -s overlay run --rm --network none forms:1 cat /etc/more
	onggi storage migrate --to erofs
	[ -z "$(find "$ONGGI_ROOT/snapshots" -mindepth 2 -maxdepth 2 -name diff)" ]
	run -0 onggi system check
	listing forms:1 >want
	# the layer is the image, to the byte
	tar=$(find "$ONGGI_ROOT/snapshots" -name tar -size "$(stat -c %s "$EL/one.erofs")c")
	cmp "$tar" "$EL/one.erofs"
	chmod u+w "$tar"
	printf '\377' | dd of="$tar" bs=1 seek=5000 conv=notrunc status=none
	run ! onggi system check
	[[ $output == *"its archive is damaged"* ]]
	run onggi system check --repair
	[ "$(onggi -s erofs run --rm --network none forms:1 cat /etc/file)" = one ]
	run -0 onggi system check
	onggi storage migrate --to overlay2
	ONGGI_STORAGE_DRIVER=overlay listing forms:1 | diff want -
}

hostile() { # NAME PYTHON: one.erofs with something changed; b is its bytes, at(path) the place of an inode
	python3 "$LIB/erofs_hurt.py" "$EL/small.erofs" "$1.erofs" "$2"
	layout "$1" "application/vnd.erofs.layer.v1=$1.erofs"
	skopeo copy -q "oci:$EL/oci:$1" "oci-archive:$1.tar:bad:$1"
}

@test "hostile images are refused, with the name of the entry, and leave nothing" {
	mkdir -p small/dir/sub
	echo text >small/dir/file
	head -c 5000 /dev/zero | tr '\0' z >small/dir/large
	ln -s target small/dir/link
	mkfs.erofs --quiet -Eforce-inode-extended "$EL/small.erofs" small
	hostile cycle 'u64(entry("dir", "sub"), nid("dir"))'
	hostile parent 'name("dir", "sub", b"../")'
	hostile slash 'name("dir", "file", b"f/le")'
	hostile double 'name("dir", "link", b"file")'
	hostile size 'u64(at("dir/large") + 8, 1 << 40)'
	hostile huge 'u64(at("dir/large") + 8, 1 << 62)'
	hostile block 'u32(at("dir/large") + 16, 0x7fffffff)'
	hostile nid 'u64(entry("dir", "file"), 1 << 60)'
	hostile type 'u16(at("dir/file") + 4, 0o170644)'
	hostile xattr 'u16(at("dir/file") + 2, 0xffff)'
	hostile layout 'u16(at("dir/file"), 1 | 1 << 1)'
	hostile format 'u16(at("dir/file"), 1 | 1 << 9)'
	hostile dirsize 'u64(at("dir") + 8, 1 << 50)'
	hostile root 'u16(1024 + 14, nid("dir/file"))'
	hostile feature 'u32(1024 + 80, 1 << 20)'
	hostile cut 'del b[2048:]'
	for driver in $(drivers); do
		export ONGGI_STORAGE_DRIVER=$driver
		while read -r name entry; do
			run onggi load -q -i "$name.tar"
			[ "$status" != 0 ] || { echo "$name was taken"; return 1; }
			[[ $output == *"$entry"* ]] || { echo "$name: $output"; return 1; }
			[ -z "$(ls "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/tmp" 2>/dev/null | grep -v :)" ]
		done <<-END
			cycle entry dir/sub: the directory has two places
			parent entry dir/: EROFS directory: malformed name
			slash entry dir/: EROFS directory: malformed name
			double entry dir/: EROFS directory: its names do not ascend
			size entry dir/large: 
			huge entry dir/large: the file is too large
			block entry dir/large: EROFS inode
			nid entry dir/file: EROFS inode
			type entry dir/file: of an unknown type
			xattr entry dir/file: EROFS inode
			layout entry dir/file: compressed data in an EROFS image are not supported
			format entry dir/file: EROFS inode
			dirsize entry dir
			root its root is no directory
			feature EROFS image with features 0x100000 is not supported
			cut outside of
		END
	done
	# compressed inside, and with data elsewhere
	mkfs.erofs --quiet -zlz4 lz4.erofs "$EL/one"
	mkfs.erofs --quiet --chunksize=4096 --blobdev=blob far.erofs "$EL/one"
	for name in lz4 far; do
		layout "$name" "application/vnd.erofs.layer.v1=$name.erofs"
		skopeo copy -q "oci:$EL/oci:$name" "oci-archive:$name.tar:bad:$name"
		run ! onggi load -q -i "$name.tar"
		[[ $output == *"not supported"* ]]
	done
	# a type that nobody has
	layout type application/vnd.erofs.layer.v1+lz4="$EL/one.erofs"
	skopeo copy -q "oci:$EL/oci:type" oci-archive:type.tar:bad:type
	run ! onggi load -q -i type.tar
	[[ $output == *"unsupported layer media type application/vnd.erofs.layer.v1+lz4"* ]]
}
