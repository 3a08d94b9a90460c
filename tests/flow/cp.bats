# SPDX-License-Identifier: Apache-2.0
#
# cp, export and volumes: docker's rules of what goes where, owners and modes, running and stopped
# containers, and no way out of a container by links.

load lib

setup() {
	engine_setup
	onggi run -d --name c1 --network none -v vol:/vol base sleep 1000 >/dev/null
	mkdir -p "$T/src/sub"
	echo one >"$T/src/f"
	echo two >"$T/src/sub/g"
	ln -s /etc/passwd "$T/src/link"
	chmod 751 "$T/src/sub"
}
teardown() { engine_teardown; }

in_c1() { onggi exec c1 "$@"; }

both() { # command: with the container running, then stopped
	"$1" 1
	onggi stop -t 0 c1
	"$1" 2
}

into() {
	echo file >"$T/file"
	run -0 onggi cp "$T/file" c1:/tmp/
	run -0 onggi cp "$T/file" c1:/tmp/renamed
	run -0 onggi cp "$T/src" c1:/tmp
	run -0 onggi cp "$T/src" "c1:/tmp/new$1"
	run -0 onggi cp "$T/src/." "c1:/tmp/new$1"
	run -0 onggi cp "$T/src/sub" c1:/vol
	run -1 onggi cp "$T/src" c1:/tmp/file
	[[ $output == *"cannot copy directory"* ]]
	run -1 onggi cp "$T/file" c1:/no/dir/
	run -1 onggi cp "$T/nosuch" c1:/tmp
	run -1 onggi cp "$T/file" nosuch:/tmp
	[[ $output == *"No such container: nosuch"* ]]
}

@test "into a container" {
	both into
	onggi start c1
	[ "$(in_c1 cat /tmp/file /tmp/renamed)" = $'file\nfile' ]
	[ "$(in_c1 cat /tmp/src/sub/g /tmp/new1/f)" = $'two\none' ]
	[ "$(in_c1 readlink /tmp/src/link)" = /etc/passwd ]
	[ "$(in_c1 stat -c %a /tmp/src/sub)" = 751 ]
	[ "$(in_c1 cat /vol/sub/g)" = two ]
	[ "$(cat "$ONGGI_ROOT/volumes/vol/_data/sub/g")" = two ]
	[ "$(in_c1 cat /tmp/new2/sub/g)" = two ]
	run -1 in_c1 test -e /tmp/new2/src
}

out_of() {
	rm -rf "$T/out"
	mkdir "$T/out"
	run -0 onggi cp c1:/etc/passwd "$T/out"
	cmp <(onggi cp c1:/etc/passwd - | tar xO) "$T/out/passwd"
	run -0 onggi cp c1:/etc/passwd "$T/out/other"
	run -0 onggi cp c1:/tmp/src "$T/out/made"
	[ "$(cat "$T/out/made/sub/g")" = two ]
	run -0 onggi cp c1:/tmp/src "$T/out"
	[ "$(cat "$T/out/src/f")" = one ]
	[ "$(readlink "$T/out/src/link")" = /etc/passwd ]
	run -0 onggi cp c1:/tmp/src/. "$T/out"
	[ "$(cat "$T/out/f")" = one ]
	run -0 onggi cp -L c1:/tmp/src/link "$T/out/followed"
	grep -q root "$T/out/followed"
	run -1 onggi cp c1:/nosuch "$T/out"
	[[ $output == *"Could not find the file /nosuch in container c1"* ]]
	run -1 onggi cp c1:/tmp/src "$T/out/f"
	run -0 bash -c "'$ONGGI_BIN/onggi' cp c1:/tmp/src - | tar t | sort"
	[ "$output" = $'src/\nsrc/f\nsrc/link\nsrc/sub/\nsrc/sub/g' ]
}

@test "out of a container" {
	onggi cp "$T/src" c1:/tmp
	both out_of
}

@test "a tar stream in, hard links and owners kept" {
	mkdir "$T/tree"
	echo x >"$T/tree/a"
	ln "$T/tree/a" "$T/tree/b"
	tar -C "$T/tree" --owner 7 --group 8 -c . | onggi cp - c1:/tmp
	[ "$(in_c1 stat -c '%h %u %g' /tmp/a)" = "2 7 8" ]
	run -1 bash -c "tar -C '$T/tree' -c . | '$ONGGI_BIN/onggi' cp - c1:/etc/passwd"
	[[ $output == *"not a directory"* ]]
	run -1 bash -c "head -c 3000 /dev/urandom | '$ONGGI_BIN/onggi' cp - c1:/tmp"
}

@test "links in a container lead nowhere else" {
	in_c1 ln -s / /tmp/root
	in_c1 ln -s ../../../../../.. /tmp/up
	in_c1 ln -s /proc/1/root /tmp/magic
	in_c1 mkdir -p "/tmp$T"
	echo mine >"$T/file"
	onggi cp "$T/file" "c1:/tmp/root$T/" && false
	run -0 onggi cp "$T/file" c1:/tmp/root/tmp/
	[ "$(in_c1 cat /tmp/file)" = mine ]
	run -0 onggi cp "$T/file" c1:/tmp/up/tmp/second
	[ "$(in_c1 cat /tmp/second)" = mine ]
	[ ! -e /tmp/second ]
	run -1 onggi cp "c1:/tmp/magic/etc/passwd" "$T/stolen"
	# an archive that climbs
	(cd "$T" && mkdir -p a/b && echo evil >evil && tar -C a/b -cPf climb.tar ../../evil)
	run -1 bash -c "'$ONGGI_BIN/onggi' cp - c1:/tmp <'$T/climb.tar'"
	[[ $output == *"leads out"* ]]
	# on the way out, a link of the container is not followed on the host
	in_c1 sh -c "mkdir /tmp/trap; ln -s $T/victim /tmp/trap/x"
	mkdir "$T/victim" "$T/dest"
	onggi cp c1:/tmp/trap "$T/dest"
	in_c1 sh -c 'rm /tmp/trap/x; mkdir /tmp/trap/x; echo p >/tmp/trap/x/planted'
	run -1 onggi cp c1:/tmp/trap "$T/dest"
	[[ $output == *"cannot overwrite non-directory"* ]]
	[ ! -e "$T/victim/planted" ]
}

@test "read-only roots and volumes take nothing" {
	onggi run -d --name ro --read-only --network none -v vol2:/w -v vol2:/r:ro base sleep 1000 >/dev/null
	echo x >"$T/file"
	run -1 onggi cp "$T/file" ro:/tmp/
	[[ $output == *"marked read-only"* ]]
	run -0 onggi cp "$T/file" ro:/w/
	run -1 onggi cp "$T/file" ro:/r/
	[[ $output == *"marked read-only"* ]]
}

@test "a stopped container: volumes with a disk of their own, and places inside volumes" {
	onggi volume create -o size=24m sized
	run -0 onggi run --rm --network none -v vol:/v base mkdir -p /v/deep
	onggi run --name two --network none -v sized:/s -v vol:/whole --mount type=volume,src=vol,dst=/in,volume-subpath=deep \
		base sh -c 'echo before >/s/before'
	[ "$(onggi cp two:/s/before - | tar -xO)" = before ]
	run -0 onggi cp "$T/src/." two:/s/new
	run -0 onggi cp "$T/src/f" two:/in/f
	[ "$(cat "$ONGGI_ROOT/volumes/vol/_data/deep/f")" = one ]
	# mounted for that long only, and nothing left of the use
	[ -z "$(grep " $ONGGI_ROOT/volumes/" /proc/self/mountinfo)" ]
	[ ! -e "$ONGGI_RUN/containers/$(onggi inspect -f '{{.Id}}' two)" ]
	run -0 onggi run --rm --network none -v sized:/s base cat /s/before /s/new/f /s/new/sub/g
	[ "$output" = $'before\none\ntwo' ]
	# beside one that has it mounted
	onggi run -d --name user --network none -v sized:/s base sleep 1000 >/dev/null
	run -0 onggi cp "$T/src/f" two:/s/beside
	run -0 onggi exec user cat /s/beside
	[ "$output" = one ]
	# one that was never started: the places are made as a start makes them
	onggi create --name new --network none -v sized:/a/b -v "$T/src/f:/a/f" base true >/dev/null
	[ "$(onggi cp new:/a/b/beside - | tar -xO)" = one ]
	[ "$(onggi cp new:/a/f - | tar -xO)" = one ]
	onggi rm -f new user two >/dev/null
	run -0 onggi volume rm sized
}

@test "a kill of cp beside a mounted volume: the next start goes on, all is unmounted after it" {
	local run=$ONGGI_RUN/containers
	onggi volume create -o size=24m sized
	onggi create --name two --network none -v sized:/s base cat /s/f >/dev/null
	mkfifo "$T/pipe"
	"$ONGGI_BIN/onggi" cp - two:/s <"$T/pipe" 3>&- &
	exec 4>"$T/pipe"
	eventually 60 test -s "$run/$(onggi inspect -f '{{.Id}}' two)/volumes"
	kill -9 $!
	wait $! || true
	exec 4>&-
	run -0 onggi cp "$T/src/f" two:/s/f
	run -0 onggi start -a two
	[ "$output" = one ]
	[ -z "$(grep " $ONGGI_ROOT/volumes/" /proc/self/mountinfo)" ]
}

@test "export is the file system without volumes" {
	in_c1 sh -c 'echo new >/new; echo v >/vol/v'
	run -0 bash -c "'$ONGGI_BIN/onggi' export c1 | tar t"
	[[ $'\n'$output == *$'\nnew'* ]]
	[[ $output == *etc/passwd* ]]
	[[ $output != *vol/v* ]]
	run -0 bash -c "'$ONGGI_BIN/onggi' export c1 | tar xO new"
	[ "$output" = new ]
}

@test "volumes: kinds, copy-up with owners, sharing, refusals" {
	run -0 onggi run --rm --network none -v "$T/made/by/run:/m" base touch /m/x
	[ -e "$T/made/by/run/x" ]
	run -125 onggi run --rm --network none --mount "type=bind,src=$T/nosuch,dst=/m" base true
	[[ $output == *"bind source path does not exist: $T/nosuch"* ]]
	run -0 onggi run --rm --network none -v cu:/etc base ls /etc/passwd
	cmp "$ONGGI_ROOT/volumes/cu/_data/passwd" <(onggi run --rm --network none base cat /etc/passwd)
	run -0 onggi run --rm --network none -v nc:/etc:nocopy base ls /etc
	[[ $output != *passwd* ]]
	run -1 onggi run --rm --network none -v cu:/x:ro base touch /x/y
	run -0 onggi run --rm --network none --volumes-from c1 base ls /vol
	run -1 onggi volume rm vol
	[[ $output == *"volume is in use"* ]]
	run -0 onggi volume rm cu nc
	run -125 onggi run --rm --network none -v a/b:/x base true
	[[ $output == *"invalid characters for a local volume name"* ]]
	run -125 onggi run --rm --network none -v x:/a -v y:/a base true
	[[ $output == *"Duplicate mount point: /a"* ]]
	run -0 onggi run --rm --network none -v sub:/x base sh -c 'mkdir /x/in; echo s >/x/in/f; ln -s /etc /x/out'
	run -0 onggi run --rm --network none --mount type=volume,src=sub,dst=/y,volume-subpath=in base cat /y/f
	[ "$output" = s ]
	run -125 onggi run --rm --network none --mount type=volume,src=sub,dst=/y,volume-subpath=out base true
	run -0 onggi run --rm --network none --tmpfs /t:size=1m,mode=1700 base sh -c "stat -c %a /t; df /t | tail -1 | awk '{print \$2}'"
	[ "${lines[*]}" = "1700 1024" ]
}
