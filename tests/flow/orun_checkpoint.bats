#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# orun checkpoint and restore with the real CRIU. It must know the kernel: where it does not, as with
# CRIU 3.17 on kernels from 6.14 on, these tests run in the guest (tests/guest) and orun_criu.bats
# plays its part here.

load orun_lib

# a skip in setup_file counts as a failure for older bats
setup_file() {
	[ "$(id -u)" = 0 ] || WHY="CRIU needs root"
	criu check >/dev/null 2>&1 || WHY="CRIU does not work on this kernel: $(criu check 2>&1 | grep -m 1 Error || true)"
	export WHY
}

setup() {
	[ -z "${WHY:-}" ] || skip "$WHY"
	orun_setup
	for a in nc seq mv rm; do ln -s busybox "$B/rootfs/bin/$a"; done
	I=$T/images
}

teardown() {
	local p
	[ -z "${WHY:-}" ] || return 0
	for p in "${JOBS[@]}"; do kill -9 "$p" 2>/dev/null || true; done
	[ -z "${NETNS:-}" ] || ip netns del "$NETNS" || true
	orun_teardown
}

# a container that counts into /tmp/n, its output nowhere
counter() {
	cfg '.process.args = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/tmp/m; mv /tmp/m /tmp/n; sleep 0.05; done"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	counts
}

count() { cat "$B/rootfs/tmp/n" 2>/dev/null || echo 0; }

# it counts on, beyond what it had reached
counts() {
	local from
	from=$(count)
	eventually 60 count_beyond "${from:-0}"
}
count_beyond() { [ "$(count)" -gt "$1" ]; }

checkpoint() { # options...
	run timeout 120 "$ONGGI_BIN/orun" --root "$T/state" checkpoint --image-path "$I" --work-path "$T/work" "$@" "$ID"
}

# detached, with no streams unless redirected by the caller
restore() { # options...
	timeout 120 "$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --image-path "$I" --work-path "$T/work" \
		"$@" "$ID" </dev/null >/dev/null 2>"$T/err" || { cat "$T/err"; tail -n 5 "$T/work/restore.log"; return 1; }
}


@test "a counter goes on where it was, and its container is gone in between" {
	counter
	cgroup=$(find /sys/fs/cgroup -type d -name "$ID" | head -n 1)
	[ -n "$cgroup" ]
	checkpoint
	ok
	run orun state "$ID"
	fails "container does not exist"
	[ ! -e "$cgroup" ]
	[ -s "$I/inventory.img" ]
	[ -s "$I/descriptors.json" ]
	[ -s "$T/work/dump.log" ]
	n=$(count)
	[ "$n" -gt 0 ]
	restore --pid-file "$T/pid"
	counts
	[ "$(count)" -gt "$n" ]
	[ "$(count)" -lt $((n + 10000)) ]
	state_is running
	[ "$(orun state "$ID" | jq -r .pid)" = "$(cat "$T/pid")" ]
	# in its own group again, inside as well
	grep -q "$ID" "/proc/$(cat "$T/pid")/cgroup"
	run orun exec "$ID" cat /proc/self/cgroup
	ok
	hasnt "$ID"
	run orun exec "$ID" mount
	has " on /sys/fs/cgroup "
	# masks and read-only paths are there
	run orun exec "$ID" sh -c 'head -c 1 /proc/kcore | wc -c; echo 1 >/proc/sys/kernel/sysrq'
	has 0 "Read-only file system"
	# what made the restore is not seen on the host
	run -1 grep criu-root /proc/self/mountinfo
	# once more
	checkpoint
	ok
	restore
	counts
}

# how far container $1 has counted, told when it is asked: it has no file open at any other time
told() {
	rm -f "$B/rootfs/tmp/told"
	orun kill "$1" USR1
	eventually 60 test -s "$B/rootfs/tmp/told"
	cat "$B/rootfs/tmp/told"
}

# the one that goes on would change its files under the hands of the other
@test "under another name, while the first one goes on: --leave-running" {
	cfg '.process.args = ["sh", "-c", "trap \"echo \\$i >/tmp/new; mv /tmp/new /tmp/told\" USR1; i=0; >/tmp/ready; while :; do i=$((i+1)); sleep 0.05; done"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	eventually 60 test -e "$B/rootfs/tmp/ready"
	before=$(told "$ID")
	checkpoint --leave-running
	ok
	state_is running
	ahead() { [ "$(told "$ID")" -gt "$before" ]; }
	eventually 60 ahead
	orun delete --force "$ID"
	other=$ID.other
	timeout 120 "$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --image-path "$I" "$other" </dev/null >/dev/null
	[ "$(told "$other")" -ge "$before" ]
	orun delete --force "$other"
}

@test "a chain of pre-dumps, each on the one before" {
	counter
	I=$T/p1 checkpoint --pre-dump
	ok
	state_is running
	I=$T/p2 checkpoint --pre-dump --parent-path ../p1
	ok
	counts
	checkpoint --parent-path ../p2 --auto-dedup
	ok
	[ "$(readlink "$I/parent")" = ../p2 ]
	restore --auto-dedup
	counts
}

@test "--parent-path: relative, and a folder" {
	counter
	checkpoint --parent-path /tmp
	fails "--parent-path must be relative"
	checkpoint --parent-path ../nowhere
	fails "invalid --parent-path"
	counts
}

@test "a paused container is saved, and goes on when it is restored" {
	counter
	orun pause "$ID"
	checkpoint
	ok
	restore
	counts
}

@test "wrong states" {
	cfg '.process.args = ["true"]'
	orun create -b "$B" "$ID" </dev/null >/dev/null 2>&1
	checkpoint
	fails "Container cannot be checkpointed in created state"
	[ ! -e "$I/inventory.img" ]
	orun start "$ID"
	eventually 60 state_is stopped
	checkpoint
	fails "Container cannot be checkpointed in stopped state"
}

@test "streams: pipes are those of the restore, /dev/null is the container's own, a file too" {
	cfg '.process.args = ["sh", "-c", "while read l; do echo got $l; done; echo end"]'
	cat >"$T/pipes.py" <<-'P'
		import os, subprocess, sys
		orun, images, bundle, name = sys.argv[1:3], sys.argv[3], sys.argv[4], sys.argv[5]
		def with_pipes(*command):
		    r, w = os.pipe()
		    r2, w2 = os.pipe()
		    subprocess.run([*orun, *command], stdin=r, stdout=w2, stderr=w2, timeout=120)
		    os.close(r)
		    os.close(w2)
		    return w, r2
		w, r = with_pipes("run", "-d", "-b", bundle, name)
		os.write(w, b"one\n")
		print(os.read(r, 1000))
		subprocess.run([*orun, "checkpoint", "--image-path", images, name], check=True, timeout=120)
		w, r = with_pipes("restore", "-d", "-b", bundle, "--image-path", images, name)
		os.write(w, b"two\n")
		print(os.read(r, 1000))
		os.close(w)
		print(os.read(r, 1000))
	P
	run timeout 300 python3 "$T/pipes.py" "$ONGGI_BIN/orun" "--root=$T/state" "$I" "$B" "$ID"
	has "b'got one\n'" "b'got two\n'" "b'end\n'"
	grep -q '"pipe:\[' "$I/descriptors.json"
	orun delete --force "$ID"
	# named pipes of the host, which are files to the kernel
	rm -rf "$I"
	mkfifo "$T/in" "$T/out"
	exec 7<>"$T/in" 8<>"$T/out"
	orun run -d -b "$B" "$ID" <"$T/in" >"$T/out" 2>&1
	echo three >&7
	read -r -t 60 line <&8
	[ "$line" = "got three" ]
	checkpoint
	ok
	grep -q '"file\[' "$I/descriptors.json"
	"$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --image-path "$I" "$ID" <"$T/in" >"$T/out" 2>"$T/out"
	echo four >&7
	read -r -t 60 line <&8
	[ "$line" = "got four" ]
}

@test "in the foreground: exit status, and nothing left" {
	cfg '.process.args = ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.05; done; echo over >/tmp/said; exit 7"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	checkpoint
	ok
	touch "$B/rootfs/tmp/go"
	status=0
	timeout 120 "$ONGGI_BIN/orun" --root "$T/state" restore -b "$B" --image-path "$I" "$ID" </dev/null >/dev/null 2>&1 || status=$?
	[ "$status" -eq 7 ]
	[ "$(cat "$B/rootfs/tmp/said")" = over ]
	[ -z "$(orun list -q)" ]
}

@test "a terminal: its master is sent anew, with the size that it had" {
	cfg '.process.terminal = true | .process.consoleSize = {height: 33, width: 99} |
		.process.args = ["sh", "-c", "while read l; do echo \"<$l>\"; tty; stty size; done"]'
	cat >"$T/console.py" <<-'P'
		import os, select, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		c, _ = s.accept()
		_, fds, _, _ = socket.recv_fds(c, 100, 1)
		os.write(fds[0], sys.argv[2].encode() + b"\n")
		seen = b""
		while b"33 99" not in seen:
		    if not select.select([fds[0]], [], [], 60)[0]:
		        sys.exit("nothing more: %r" % seen)
		    seen += os.read(fds[0], 1000)
		print(seen.decode().replace("\r", ""))
		sys.stdout.flush()
		os.close(1)
		sys.stdin.read()
	P
	mkfifo "$T/hold"
	exec 7<>"$T/hold"
	python3 "$T/console.py" "$T/s1" first <"$T/hold" >"$T/o1" 7>&- &
	JOBS+=($!)
	eventually 60 test -S "$T/s1"
	orun run -d --console-socket "$T/s1" -b "$B" "$ID"
	eventually 60 grep -q "33 99" "$T/o1"
	grep -q "<first>" "$T/o1"
	grep -q /dev/pts/0 "$T/o1"
	checkpoint
	ok
	run orun restore -d -b "$B" --image-path "$I" "$ID"
	fails "console socket"
	python3 "$T/console.py" "$T/s2" second <"$T/hold" >"$T/o2" 7>&- &
	JOBS+=($!)
	eventually 60 test -S "$T/s2"
	restore --console-socket "$T/s2"
	eventually 60 grep -q "33 99" "$T/o2"
	grep -q "<second>" "$T/o2" && grep -q /dev/pts/0 "$T/o2"
}

@test "a TCP connection outlives the checkpoint" {
	cfg '.linux.namespaces |= map(select(.type != "network")) | .process.args = ["nc", "-l", "-p", "7931", "-e", "cat"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	eventually 60 grep -q ':1EFB 0*:0000 0A' /proc/net/tcp /proc/net/tcp6
	exec 9<>/dev/tcp/127.0.0.1/7931
	echo one >&9
	read -r -t 60 line <&9
	[ "$line" = one ]
	checkpoint
	fails "--tcp-established"
	# the failure has changed nothing
	state_is running
	echo two >&9
	read -r -t 60 line <&9
	[ "$line" = two ]
	checkpoint --tcp-established
	ok
	echo three >&9
	restore --tcp-established
	read -r -t 60 line <&9
	[ "$line" = three ]
	echo four >&9
	read -r -t 60 line <&9
	[ "$line" = four ]
}

@test "--tcp-close: the connection is closed instead" {
	cfg '.linux.namespaces |= map(select(.type != "network")) |
		.process.args = ["sh", "-c", "nc -l -p 7932 -e cat; touch /tmp/closed; sleep 1000"]'
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	eventually 60 grep -q ':1EFC 0*:0000 0A' /proc/net/tcp /proc/net/tcp6
	exec 9<>/dev/tcp/127.0.0.1/7932
	echo one >&9
	read -r -t 60 line <&9
	checkpoint --tcp-established
	ok
	restore --tcp-close
	eventually 60 test -e "$B/rootfs/tmp/closed"
	state_is running
}

@test "file locks and open files without a name need their options" {
	cfg '.process.args = ["flock", "/tmp/lock", "sh", "-c",
		"exec 6>/tmp/gone; ln /tmp/gone /tmp/link; rm /tmp/gone; touch /tmp/ready; sleep 1000"]'
	ln -s busybox "$B/rootfs/bin/ln"
	cp "$(command -v flock)" "$B/rootfs/bin/"
	ldd "$(command -v flock)" | grep -o '/[^ ]*' | xargs -I {} cp -L --parents {} "$B/rootfs"
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	eventually 60 test -e "$B/rootfs/tmp/ready"
	run flock -n "$B/rootfs/tmp/lock" true
	[ "$status" -ne 0 ]
	checkpoint
	fails "criu failed"
	checkpoint --file-locks
	fails "criu failed"
	checkpoint --file-locks --link-remap
	ok
	# nobody else holds it meanwhile
	flock -n "$B/rootfs/tmp/lock" true
	restore --file-locks
	run flock -n "$B/rootfs/tmp/lock" true
	[ "$status" -ne 0 ]
}

@test "binds with submounts, behind links, of a file: bound anew from the host" {
	mkdir -p "$T/vol/sub" "$B/rootfs/real"
	ln -s real "$B/rootfs/behind"
	echo file >"$T/file"
	echo before >"$T/vol/f"
	mount -t tmpfs deep "$T/vol/sub"
	echo deep >"$T/vol/sub/g"
	cfg '.mounts += [{destination: "/data", type: "bind", source: ($t + "/vol"), options: ["rbind", "rw"]},
		{destination: "/data/f2", type: "bind", source: ($t + "/file"), options: ["bind", "ro"]},
		{destination: "/behind/x", type: "bind", source: ($t + "/vol"), options: ["bind", "ro", "rslave"]}]' --arg t "$T"
	counter
	checkpoint
	ok
	echo after >"$T/vol/f"
	restore
	run orun exec "$ID" cat /data/f /data/sub/g /data/f2 /real/x/f
	ok
	[ "$(echo "$output" | tr '\n' ' ')" = "after deep file after " ]
	run orun exec "$ID" touch /behind/x/no
	fails "Read-only file system"
	run orun exec "$ID" touch /data/f2
	fails "Read-only file system"
	# a config that lacks a mount of the images
	checkpoint
	ok
	cp "$B/config.json" "$T/whole"
	cfg '.mounts |= map(select(.destination != "/data"))'
	run restore
	fails "the images have a mount on /data, and the config has none"
	[ -z "$(orun list -q)" ]
	cp "$T/whole" "$B/config.json"
	restore
	orun delete --force "$ID"
	umount "$T/vol/sub"
}

@test "a network namespace by path is the same one again, others of the config too" {
	NETNS=onggi-${T##*.}
	ip netns add "$NETNS"
	unshare -i -u sleep 1000 &
	JOBS+=($!)
	other=$!
	own_uts() { [ "$(readlink "/proc/$other/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]; }
	eventually 60 own_uts
	cfg '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/" + $n |
		(.linux.namespaces[] | select(.type == "ipc")).path = "/proc/" + $p + "/ns/ipc" |
		(.linux.namespaces[] | select(.type == "uts")).path = "/proc/" + $p + "/ns/uts" |
		del(.hostname)' --arg n "$NETNS" --arg p "$other"
	counter
	checkpoint
	ok
	restore
	counts
	pid=$(orun state "$ID" | jq .pid)
	[ "$(stat -L -c %i "/proc/$pid/ns/net")" = "$(stat -L -c %i "/run/netns/$NETNS")" ]
	[ "$(readlink "/proc/$pid/ns/ipc")" = "$(readlink /proc/$other/ns/ipc)" ]
	[ "$(readlink "/proc/$pid/ns/uts")" = "$(readlink /proc/$other/ns/uts)" ]
}

@test "its own network: set up again by the hooks, with the connection" {
	cat >"$T/hook" <<-H
		#!/bin/sh
		jq -r '"\(.status) \(.pid)"' >"$T/hook.state"
		read -r status pid <"$T/hook.state"
		echo "\$status" >>"$T/hook.log"
		ip link del v${T##*.} 2>/dev/null
		ip link add v${T##*.} type veth peer name e0 netns "\$pid" || exit
		ip addr add 10.213.0.1/24 dev v${T##*.} && ip link set v${T##*.} up || exit
		nsenter -t "\$pid" -n sh -c 'ip addr add 10.213.0.2/24 dev e0 && ip link set e0 up'
	H
	chmod +x "$T/hook"
	cfg '.hooks = {createRuntime: [{path: ($t + "/hook"), env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}],
			poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo poststop >>" + $t + "/hook.log"]}]} |
		.process.args = ["nc", "-l", "-p", "7000", "-e", "cat"]' --arg t "$T"
	orun run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	pid=$(orun state "$ID" | jq .pid)
	eventually 60 grep -q ':1B58 0*:0000 0A' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6"
	exec 9<>/dev/tcp/10.213.0.2/7000
	echo one >&9
	read -r -t 60 line <&9
	[ "$line" = one ]
	checkpoint --tcp-established
	ok
	restore --tcp-established
	echo two >&9
	read -r -t 60 line <&9
	[ "$line" = two ]
	[ "$(tr '\n' ' ' <"$T/hook.log")" = "created poststop created " ]
	run -0 orun exec "$ID" cat /sys/class/net/lo/flags
	[ $((output & 1)) -eq 1 ]
}

@test "a user namespace" {
	cfg '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 "$B/rootfs"
	counter
	I=$T/p1 checkpoint --pre-dump
	ok
	checkpoint --parent-path ../p1
	ok
	restore
	counts
	[ "$(stat -c %u "/proc/$(orun state "$ID" | jq .pid)")" = 100000 ]
}

@test "lazy pages, served over the network" {
	criu check --feature uffd-noncoop >/dev/null 2>&1 || skip "no userfaultfd for this CRIU"
	counter
	mkfifo "$T/status"
	exec 8<>"$T/status"
	timeout 120 "$ONGGI_BIN/orun" --root "$T/state" checkpoint --image-path "$I" --work-path "$T/work" --lazy-pages \
		--page-server 127.0.0.1:27277 --status-fd 8 "$ID" >"$T/dump.out" 2>&1 &
	dump=$!
	JOBS+=($dump)
	# a zero byte when the server is ready; a dump that fails ends without one
	read -r -t 100 -n 1 -d '' <&8 || { cat "$T/dump.out"; false; }
	timeout 120 criu lazy-pages --page-server --address 127.0.0.1 --port 27277 -D "$I" -W "$T/work" -o lazy.log >"$T/lazy.out" 2>&1 &
	JOBS+=($!)
	eventually 60 test -S "$T/work/lazy-pages.socket"
	n=$(count)
	other=$ID.lazy
	timeout 120 "$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --lazy-pages --image-path "$I" \
		--work-path "$T/work" "$other" </dev/null >/dev/null 2>"$T/err" || { cat "$T/err"; false; }
	counts
	[ "$(count)" -gt "$n" ]
	wait "$dump"
	# all memory is over there: the first one is gone
	run orun state "$ID"
	fails "container does not exist"
	orun delete --force "$other"
}

@test "a dump that fails, or is killed, leaves the container running" {
	counter
	checkpoint --manage-cgroups-mode nonsense
	fails 'Invalid manage-cgroups-mode value "nonsense"'
	checkpoint --empty-ns user
	fails 'namespace "user" is not supported'
	checkpoint --page-server nowhere
	fails "ADDRESS:PORT"
	# images cannot be written
	mkdir "$T/full"
	mount -t tmpfs -o size=16k full "$T/full"
	I=$T/full checkpoint
	umount "$T/full"
	fails "criu failed: type DUMP" Error
	state_is running
	counts
	# orun killed as soon as CRIU has begun
	"$ONGGI_BIN/orun" --root "$T/state" checkpoint --image-path "$I" --work-path "$T/work2" "$ID" >"$T/out" 2>&1 &
	victim=$!
	eventually 60 test -s "$T/work2/dump.log"
	kill -9 "$victim" && wait "$victim" || true
	# CRIU may get as far as its end, or give up: a whole container either way
	eventually 60 dump_over
	orun list | grep -q "$ID"
	if state_is running; then counts; fi
}
dump_over() { ! pgrep -f "criu swrk" >/dev/null; }

@test "a restore that fails leaves nothing" {
	counter
	checkpoint
	ok
	cp -a "$B/rootfs/tmp" "$T/tmp"
	run restore --lsm-profile nonsense
	[ "$status" -ne 0 ]
	nothing
	cp "$I/core-1.img" "$T/core"
	: >"$I/core-1.img"
	run restore
	fails "criu failed: type RESTORE" Error restore.log
	nothing
	cp "$T/core" "$I/core-1.img"
	run timeout 60 "$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --image-path "$T/none" "$ID"
	fails "image path"
	nothing
	cfg '.hooks = {createRuntime: [{path: "/bin/false"}]}'
	run restore
	fails "createRuntime hook"
	nothing
	cfg 'del(.hooks)'
	run restore --pid-file "$T/no/such/folder"
	fails "pid file"
	nothing
	# killed in the middle
	"$ONGGI_BIN/orun" --root "$T/state" restore -d -b "$B" --image-path "$I" --work-path "$T/work3" "$ID" </dev/null >/dev/null 2>&1 &
	victim=$!
	eventually 60 test -s "$T/work3/restore.log"
	kill -9 "$victim" && wait "$victim" || true
	eventually 60 dump_over
	orun delete --force "$ID"
	nothing
	# it may have run on for a moment, and have moved the file that it had open in the images
	rm -r "$B/rootfs/tmp"
	cp -a "$T/tmp" "$B/rootfs/tmp"
	restore
	counts
}
nothing() {
	[ -z "$(ls -A "$T/state")" ]
	[ -z "$(find /sys/fs/cgroup -type d -name "$ID")" ]
	! grep -q "$T/state" /proc/self/mountinfo
}

@test "org.criu.config names the configuration file of CRIU" {
	echo "log-file=other.log" >"$T/criu.conf"
	cfg '.annotations = {"org.criu.config": $f}' --arg f "$T/criu.conf"
	counter
	checkpoint
	ok
	[ -s "$T/work/other.log" ]
}
