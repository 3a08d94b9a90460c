#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Volumes of the local driver with options: one file system for all containers that use it, mounted before the
# first starts and unmounted after the last has ended, whatever ends them.

load lib

setup() {
	engine_setup
	cd "$T"
	image_load busybox
}

teardown() {
	cd /
	engine_teardown
}

data() { # VOLUME
	onggi volume inspect -f '{{.Mountpoint}}' "$1"
}

mounted() { # VOLUME
	mountpoint -q "$(data "$1")"
}

@test "tmpfs: what one container writes the other reads; gone with the last" {
	onggi volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=7,mode=750 shared
	run ! mounted shared
	onggi run -d --name one --network none -v shared:/s busybox sh -c 'echo hello >/s/f; exec sleep 1000' >/dev/null
	eventually 60 onggi exec one test -s /s/f
	mounted shared
	run -0 onggi run --rm --network none -v shared:/s busybox sh -c 'cat /s/f; stat -c "%u %a" /s'
	[ "$output" = $'hello\n7 750' ]
	mounted shared
	run ! onggi run --rm --network none -v shared:/s busybox dd if=/dev/zero of=/s/big bs=64k count=32
	[[ $output == *"No space left"* ]]
	run -0 onggi run --rm --network none -v shared:/s:ro busybox sh -c '! touch /s/x 2>/dev/null'
	run -0 onggi run --rm --network none --mount type=volume,src=shared,dst=/s,volume-subpath=f busybox cat /s
	[ "$output" = hello ]
	onggi stop -t 0 one >/dev/null
	run ! mounted shared
	onggi start one >/dev/null
	mounted shared
	run -0 onggi exec one cat /s/f
	onggi rm -f one >/dev/null
	run ! mounted shared
	run -0 onggi volume rm shared
}

@test "bind: a folder of the host, and one that is not there" {
	run -1 onggi volume create -o "device=$T" half
	[[ $output == *'create half: missing required option: "type"' ]]
	run -1 onggi volume create -o type=tmpfs half
	[[ $output == *'create half: missing required option: "device"' ]]
	run -1 onggi volume create -o o=bind half
	[[ $output == *'create half: missing required option: "device"' ]]
	mkdir host && echo host >host/f
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	run -0 onggi run --rm --network none -v mine:/m busybox sh -c 'cat /m/f; echo new >/m/n'
	[ "$output" = host ]
	[ "$(cat host/n)" = new ]
	run ! mounted mine
	onggi volume create -o type=none -o "device=$T/host" -o o=bind,ro readonly
	run ! onggi run --rm --network none -v readonly:/m busybox touch /m/x
	[[ $output == *"Read-only"* ]]
	onggi volume create -o type=none -o "device=$T/nothere" -o o=bind lost
	run -125 onggi run --rm --network none -v lost:/m busybox true
	[[ $output == *"error while mounting volume '$(data lost)': failed to mount local volume: mount $T/nothere:"*"no such file or directory"* ]]
	[ -z "$(onggi ps -aq)" ]
	onggi volume create -o type=ext4 -o device=/dev/null nonsense
	run -125 onggi run --rm --network none -v nonsense:/m busybox true
	[[ $output == *"failed to mount local volume"* ]]
	onggi volume create -o type=nfs -o device=:/x -o o=addr=no.such.host.invalid nfs
	run -125 onggi run --rm --network none -v nfs:/m busybox true
	[[ $output == *"error resolving passed in network volume address"* ]]
	onggi volume rm mine readonly lost nonsense nfs
	[ "$(cat host/f)" = host ]
}

@test "--mount with volume-opt, and many at once" {
	run -0 onggi run --rm --network none --mount type=volume,src=vol,dst=/v,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m busybox \
		sh -c 'df /v | tail -1 | cut -c1-5'
	[ "$output" = tmpfs ]
	for i in $(seq 12); do
		"$ONGGI_BIN/onggi" run --rm --network none -v vol:/v busybox sh -c 'mount | grep -q " /v type tmpfs" && echo x >>/v/all' &
	done
	wait
	run ! mounted vol
	run -0 onggi run --rm --network none -v vol:/v busybox ls /v
	[ -z "$output" ]
}

@test "killed: the monitor, the command; the next start or rm clears up, rm never takes the host's files" {
	mkdir host && echo host >host/f
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	onggi run -d --name one --network none -v mine:/m busybox sleep 1000 >/dev/null
	mounted mine
	monitor=$(jq .monitor_pid "$ONGGI_RUN/containers/$(onggi inspect -f '{{.Id}}' one)/run.json")
	kill -9 "$monitor"
	onggi rm -f one >/dev/null
	run ! mounted mine
	# a mount that nobody knows of
	mount --bind host "$(data mine)"
	run -0 onggi volume rm mine
	[ "$(cat host/f)" = host ]
	# beside a container that uses it nothing is removed
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	onggi run -d --name two --network none -v mine:/m busybox sleep 1000 >/dev/null
	run -1 onggi volume rm mine
	[[ $output == *"volume is in use"* ]]
	mounted mine
	onggi rm -f two >/dev/null
	onggi volume rm mine
	[ "$(cat host/f)" = host ]
}

@test "export and import: files, owners, links, over what is there; volumes that have to be mounted" {
	onggi volume create one && onggi volume create two
	onggi run --rm --network none -v one:/v busybox sh -c \
		'cd /v; echo 1 >a; chown 7:8 a; chmod 4750 a; mkdir -p d/e; echo 2 >d/e/f; ln -s ../a d/l; ln a b; mkfifo p'
	run -0 onggi volume export -o one.tar one
	[ -z "$output" ]
	[ "$(tar -tf one.tar | sort | xargs)" = "a b d/ d/e/ d/e/f d/l p" ]
	onggi run --rm --network none -v two:/v busybox sh -c 'echo kept >/v/k; echo old >/v/a'
	run -0 onggi volume import two one.tar
	run -0 onggi run --rm --network none -v two:/v busybox sh -c 'cd /v; cat k a d/e/f; stat -c "%u %g %a %h" a; readlink d/l; test -p p'
	[ "$output" = $'kept\n1\n2\n7 8 4750 2\n../a' ]
	onggi volume create three
	onggi volume export two | onggi volume import three -
	run -0 cmp <(onggi volume export two) <(onggi volume export three)
	# a file system of its own: mounted for it, and not after it
	mkdir host && echo host >host/f
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	onggi volume import mine one.tar
	[ "$(cat host/f host/a)" = $'host\n1' ]
	onggi volume export mine | tar -t | grep -qx f
	run ! mounted mine
	onggi run -d --name user --network none -v mine:/m busybox sleep 1000 >/dev/null
	onggi volume export mine >/dev/null
	mounted mine
	onggi rm -f user >/dev/null
	[ -z "$(ls "$ONGGI_RUN/containers")" ]
}

@test "export and import: wrong use, hostile archives, kills" {
	onggi volume create one
	run -1 onggi volume export nothere
	[[ $output == *"no such volume"* ]]
	run -1 onggi volume export -o out.tar nothere
	[ ! -e out.tar ]
	run -1 onggi volume import nothere /dev/null
	[[ $output == *"no such volume"* ]]
	run -1 onggi volume import one no.tar
	[[ $output == *"open no.tar"* ]]
	head -c 100000 /dev/urandom >rubbish
	run -1 onggi volume import one rubbish
	echo "$output"
	[[ $output == *"import into volume one"* ]]
	echo out >outside
	ln -s "$T" evil
	tar -cf evil.tar evil
	tar -rf evil.tar --transform 's,outside,evil/outside2,' outside
	tar -rPf evil.tar --transform 's,outside,../../../outside3,' outside
	run onggi volume import one evil.tar
	[ ! -e outside2 ]
	[ -z "$(find "$T" -name 'outside3' ! -path "$(data one)/*")" ]
	mkdir host && head -c 3000000 /dev/urandom >host/big
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	mkfifo pipe
	"$ONGGI_BIN/onggi" volume export mine >pipe &
	pid=$!
	exec 7<pipe
	head -c 10 <&7 >/dev/null
	mounted mine
	kill -9 $pid
	wait $pid || true
	exec 7<&-
	onggi system sweep
	run ! mounted mine
	[ -z "$(ls "$ONGGI_RUN/containers")" ]
}

@test "rm beside create: a container that was made has its volume, one that is in use is never removed" {
	make() { "$ONGGI_BIN/onggi" create --name "c$1" --network none -v "v$1:/v" busybox true >"made$1" 2>&1 || echo refused >"made$1"; }
	for i in $(seq 25); do
		onggi volume create "v$i" >/dev/null
		echo "$i" >"$(data "v$i")/f"
		make "$i" &
		pid=$!
		run onggi volume rm "v$i"
		wait $pid
		if ! grep -q refused "made$i"; then
			# either made anew after the removal, or never removed
			onggi volume inspect "v$i" >/dev/null
			[ "$status" = 0 ] || grep -qx "$i" "$(data "v$i")/f"
		elif [ "$status" != 0 ]; then
			grep -qx "$i" "$(data "v$i")/f"
		fi
	done
	[ -z "$(find "$ONGGI_ROOT/volumes" -name '.old-*')" ]
}

@test "copy-up: a volume that is mounted gets what the image has there, once, and nothing where it cannot" {
	mkdir host full && echo host >full/f
	onggi volume create -o type=none -o "device=$T/host" -o o=bind mine
	for i in 1 2 3 4; do
		"$ONGGI_BIN/onggi" create --name "c$i" --network none -v mine:/etc busybox true >/dev/null &
	done
	wait
	run ! mounted mine
	[ -e host/passwd ]
	echo changed >host/passwd
	run -0 onggi run --rm --network none -v mine:/etc busybox cat /etc/passwd
	[ "$output" = changed ]
	onggi volume create -o type=none -o "device=$T/full" -o o=bind full
	run -0 onggi run --rm --network none -v full:/etc busybox sh -c 'cat /etc/f; ls /etc/passwd 2>&1 || true'
	[[ $output == host*"No such file"* ]]
	mkdir empty
	onggi volume create -o type=none -o "device=$T/empty" -o o=bind,ro readonly
	onggi create --name c5 --network none -v readonly:/etc busybox true
	onggi create --name c6 --network none -v nc:/etc:nocopy busybox true
	[ -z "$(ls empty; ls "$(data nc)")" ]
	run -125 onggi run --rm --network none --mount type=volume,src=lost,dst=/etc,volume-opt=type=none,volume-opt=device=$T/nothere,volume-opt=o=bind busybox true
	[[ $output == *"failed to mount local volume"* ]]
	[ -z "$(onggi ps -aq | wc -l | grep -v "^6$")" ]
	onggi rm c1 c2 c3 c4 c5 c6 >/dev/null
	[ -z "$(ls "$ONGGI_RUN/containers")" ]
}

@test "create --ignore, exists, rm --all" {
	onggi volume create -o type=tmpfs -o device=tmpfs one >/dev/null
	[ "$(onggi volume create --ignore -o type=none one)" = one ]
	[ "$(onggi volume create --ignore two)" = two ]
	run -0 onggi volume exists two
	run -1 onggi volume exists three
	onggi create --name user -v one:/v busybox true >/dev/null
	onggi volume rm -a >/dev/null
	[ "$(onggi volume ls -q | grep -vE '^[0-9a-f]{64}$')" = one ]
	run ! onggi volume rm -a one
	[[ $output == *"exclude each other"* ]]
	run ! onggi volume rm
	[[ $output == *"requires at least 1 argument"* ]]
}
