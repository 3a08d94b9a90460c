#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# orun create, start and run: what the config asks for is what the process gets, and a create that
# fails leaves nothing.

load orun_lib

setup() {
	orun_setup
}

teardown() {
	orun_teardown
}

@test "run: exit status of the process, nothing left" {
	run_sh 'exit 7'
	[ "$status" -eq 7 ]
	run orun list -q
	[ -z "$output" ]
}

@test "create, start: handshake, and the words for wrong states" {
	cfg '.process.args = ["sleep", "1000"]'
	orun create -b "$B" --pid-file "$T/pid" "$ID"
	[ "$(orun state "$ID" | jq -r .status)" = created ]
	pid=$(cat "$T/pid")
	[ "$(orun state "$ID" | jq -r .pid)" = "$pid" ]
	# the creator has gone, init is somebody else's child now
	[ "$(tr '\0' ' ' </proc/"$pid"/cmdline)" != "sleep 1000 " ]
	orun start "$ID"
	[ "$(tr '\0' ' ' </proc/"$pid"/cmdline)" = "sleep 1000 " ]
	[ "$(orun state "$ID" | jq -r .status)" = running ]
	run orun start "$ID"
	fails "cannot start an already running container"
	run orun create -b "$B" "$ID"
	fails "container with id exists"
	orun kill "$ID" KILL
	eventually 60 state_is stopped
	run orun start "$ID"
	fails "cannot start a container that has stopped"
	orun delete "$ID"
	run orun start "$ID"
	fails "container does not exist"
}

@test "network namespace: a new one has its loopback device up, a joined one stays as it is" {
	run_sh 'cat /sys/class/net/lo/flags'
	ok
	[ "$((output & 1))" -eq 1 ]
	unshare -n sleep 1000 &
	holder=$!
	eventually 60 own_netns "$holder"
	cfg '(.linux.namespaces[] | select(.type == "network")).path = $p' --arg p "/proc/$holder/ns/net"
	run_sh 'cat /sys/class/net/lo/flags'
	kill "$holder"
	ok
	[ "$((output & 1))" -eq 0 ]
}

@test "a created container that is deleted" {
	orun create -b "$B" --pid-file "$T/pid" "$ID"
	orun delete "$ID"
	gone "$(cat "$T/pid")"
}

@test "init that dies before start" {
	orun create -b "$B" --pid-file "$T/pid" "$ID"
	kill -9 "$(cat "$T/pid")"
	eventually 60 gone "$(cat "$T/pid")" # else it could still take the word, and die then
	run orun start "$ID"
	fails "cannot start a container that has stopped"
	orun delete "$ID"
}

@test "errors of the command" {
	cfg '.process.args = ["nope"]'
	run orun run -b "$B" "$ID"
	fails 'exec: "nope": executable file not found in $PATH'
	run orun create -b "$B" "$ID"
	fails 'exec: "nope": executable file not found in $PATH'
	cfg '.process.args = ["/nope"]'
	run orun run -b "$B" "$ID"
	fails 'exec: "/nope": stat /nope: no such file or directory'
	cfg '.process.args = ["/etc/passwd"]'
	run orun run -b "$B" "$ID"
	fails 'exec: "/etc/passwd": permission denied'
	cfg '.process.args = ["/etc"]'
	run orun run -b "$B" "$ID"
	fails 'permission denied'
	printf '#!/nope\n' >"$B/rootfs/bin/bad" && chmod 755 "$B/rootfs/bin/bad"
	cfg '.process.args = ["bad"]'
	run orun run -b "$B" "$ID"
	fails 'no such file or directory'
	orun create -b "$B" "$ID"
	run orun start "$ID"
	fails 'no such file or directory'
	orun delete "$ID"
	run orun list -q
	[ -z "$output" ]
}

@test "default devices, links and mounts" {
	run_sh 'for d in null zero full random urandom tty; do stat -c "%n %F %t:%T %a" /dev/$d; done
		ls -l /dev; mount'
	ok
	has "/dev/null character special file 1:3 666" "/dev/zero character special file 1:5 666" \
		"/dev/full character special file 1:7" "/dev/random character special file 1:8" \
		"/dev/urandom character special file 1:9" "/dev/tty character special file 5:0" \
		"fd -> /proc/self/fd" "stdin -> /proc/self/fd/0" "stdout -> /proc/self/fd/1" \
		"stderr -> /proc/self/fd/2" "ptmx -> pts/ptmx" \
		"proc on /proc type proc" "sysfs on /sys type sysfs (ro" "shm on /dev/shm type tmpfs"
}

@test "devices of the config" {
	cfg '.linux.devices = [
		{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 384, "uid": 5, "gid": 6},
		{"path": "/dev/sub/pipe", "type": "p", "fileMode": 432},
		{"path": "/run/zero", "type": "c", "major": 1, "minor": 5}]'
	run_sh 'stat -c "%n %F %t:%T %a %u:%g" /dev/fuse /dev/sub/pipe /run/zero'
	ok
	has "/dev/fuse character special file a:e5 600 5:6" "/dev/sub/pipe fifo 0:0 660" \
		"/run/zero character special file 1:5 666"
	: >"$B/rootfs/run/zero2"
	cfg '.linux.devices = [{"path": "/run/zero2", "type": "c", "major": 1, "minor": 5}]'
	run_sh true
	fails "/run/zero2 is there and is not that device"
}

@test "binds: directory, file, relative source, missing places, dangling links, flags" {
	mkdir -p "$B/src/d" && echo one >"$B/src/f" && echo two >"$B/src/d/g"
	ln -s /run/x/resolv "$B/rootfs/etc/resolv.conf"
	cfg '.mounts += [
		{"destination": "/new/dir", "type": "bind", "source": $s, "options": ["rbind", "ro", "nosuid", "nodev"]},
		{"destination": "/new/file", "type": "none", "source": "src/f", "options": ["bind"]},
		{"destination": "/etc/resolv.conf", "source": "src/f", "options": ["bind", "ro"]}]' --arg s "$B/src"
	run_sh 'cat /new/dir/f /new/dir/d/g /new/file /etc/resolv.conf /run/x/resolv; touch /new/dir/x; echo t >/new/file
		mount | grep new'
	has "one" "two" "Read-only file system" "on /new/dir type" "ro,nosuid,nodev"
	[ "$(cat "$B/src/f")" = t ]
	cfg '.mounts[-1].options = ["bind", "size=5"]'
	run_sh true
	fails "size=5" "bind mount"
	cfg '.mounts[-1] |= (.options = ["bind"] | .source = "missing")'
	run_sh true
	fails "missing" "no such file or directory"
	cfg '.mounts[-1] |= (.source = "src/f" | .destination = "/etc")'
	run_sh true
	fails "not a directory"
}

@test "recursive flags reach the mounts below" {
	mkdir "$T/tree" "$T/tree/sub"
	cfg '.mounts += [
		{"destination": "/a", "source": $s, "options": ["rbind", "ro"]},
		{"destination": "/b", "source": $s, "options": ["rbind", "rro"]}]' --arg s "$T/tree"
	cfg '.process.args = ["sh", "-c", "touch /a/sub/x && echo a-written; touch /b/sub/y || echo b-refused"]'
	run unshare -m sh -c "mount -t tmpfs none '$T/tree/sub' && '$ONGGI_BIN/orun' --root '$T/state' run -b '$B' $ID"
	has a-written b-refused
}

@test "tmpfs: size, mode of the place, copy up, read-only with mounts below" {
	mkdir -m 1777 "$B/rootfs/w" && mkdir -p "$B/rootfs/up/d" "$B/rootfs/below" && echo in >"$B/rootfs/up/d/f"
	chown 7:8 "$B/rootfs/up/d/f" && ln -s d "$B/rootfs/up/l"
	cfg '.mounts += [
		{"destination": "/w", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "nosuid"]},
		{"destination": "/made", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/up", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]},
		{"destination": "/below", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]},
		{"destination": "/below/deep", "type": "bind", "source": "rootfs/etc", "options": ["bind"]}]'
	run_sh 'stat -c "%a" /w; stat -c "%a %n" /made; mount | grep " /w "; cat /up/l/f; stat -c %u:%g /up/d/f; touch /up/new && echo up-new
		touch /below/x; cat /below/deep/passwd | head -1; head -c 100000 /dev/zero >/w/big; stat -c "%s %n" /w/big'
	has 1777 "1777 /made" "size=64k" in 7:8 up-new "/below/x: Read-only file system" "root:x:0" "65536 /w/big"
	[ ! -e "$B/rootfs/up/new" ]
}

@test "mounts inside /proc: only the few that engines need" {
	echo up >"$B/up"
	cfg '.mounts += [{"destination": "/proc/uptime", "source": "up", "options": ["bind"]}]'
	run_sh 'cat /proc/uptime'
	ok
	has up
	cfg '.mounts[-1].destination = "/proc/sys/kernel/core_pattern"'
	run_sh true
	fails "cannot be mounted because it is inside /proc"
	ln -s /proc "$B/rootfs/p"
	cfg '.mounts[-1].destination = "/p/uptime"'
	run_sh true
	fails "cannot be mounted because it is inside /proc"
	mkdir "$B/fake"
	cfg '.mounts[-1] |= (.destination = "/proc" | .source = "fake")'
	run_sh true
	fails "only a procfs may be mounted on /proc"
}

@test "proc, sys and dev as symbolic links in the image" {
	for d in proc sys; do
		rmdir "$B/rootfs/$d" && ln -s tmp "$B/rootfs/$d"
		run_sh true
		fails "must be a directory, not a symbolic link"
		rm "$B/rootfs/$d" && mkdir "$B/rootfs/$d"
	done
	rmdir "$B/rootfs/dev" && ln -s tmp "$B/rootfs/dev"
	cfg 'del(.mounts[] | select(.destination | startswith("/dev")))'
	run_sh true
	fails "/dev must be a directory"
}

@test "links of the image never lead out of the root" {
	mkdir "$T/host" && ln -s "$T/host" "$B/rootfs/out" && ln -s ../../../../../../..$T/host "$B/rootfs/out2"
	cfg '.mounts += [
		{"destination": "/out/a", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/out2/b", "source": "rootfs/etc/passwd", "options": ["bind"]}]'
	run_sh 'ls -d /out/a /out2/b'
	ok
	[ -z "$(ls -A "$T/host")" ]
}

@test "masked and read-only paths" {
	mkdir -p "$B/rootfs/secret" && echo s >"$B/rootfs/secret/f" && echo s >"$B/rootfs/sf"
	cfg '.linux.maskedPaths += ["/secret", "/sf", "/not/there", "/etc/passwd/x"]
		| .linux.readonlyPaths += ["/home", "/not/there"]'
	run_sh 'ls -A /secret; cat /sf; touch /home/x; touch /tmp/x; echo 1 >/proc/sys/kernel/shmmax; ls /sys/firmware'
	has "/home/x: Read-only file system" "shmmax: Read-only file system"
	hasnt "s
"
	[ -e "$B/rootfs/tmp/x" ]
	run_sh 'umount /secret 2>&1 || echo refused'
	has refused
}

@test "read-only root" {
	cfg '.root.readonly = true'
	run_sh 'touch /x; touch /dev/shm/y && echo shm; mount | head -1'
	has "Read-only file system" shm "(ro,"
}

@test "names, sysctl" {
	cfg '.hostname = "jar" | .domainname = "clay" | .linux.sysctl = {
		"net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1", "net/ipv4/ip_default_ttl": "77"}'
	run_sh 'hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced \
		/proc/sys/net/ipv4/ip_default_ttl'
	ok
	[ "$output" = "jar
clay
1
1
77" ]
	cfg '.linux.sysctl = {"kernel.panic": "1"}'
	run_sh true
	fails kernel.panic
}

@test "user, groups, umask, directory, HOME" {
	cfg '.process.user = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 63}
		| .process.cwd = "/work/new"'
	run_sh 'id -u; id -g; id -G; umask; pwd; echo $HOME; grep -E "Cap(Eff|Prm)" /proc/self/status'
	ok
	[ "$output" = "1000
1001
1001 5 6
0077
/work/new
/home/u
CapPrm:	0000000000000000
CapEff:	0000000000000000" ]
	cfg '.process.user = {"uid": 4242, "gid": 0} | .process.env += ["HOME="]'
	run_sh 'echo "$HOME"; env | grep -c HOME'
	[ "$output" = "/
1" ]
	cfg '.process.cwd = "/etc/passwd/x"'
	run_sh true
	fails 'chdir to cwd ("/etc/passwd/x") set in config.json failed'
}

@test "annotations: the groups of the caller; what is not acted upon is said" {
	cfg '.annotations = {"run.oci.keep_original_groups": "1", "org.systemd.property.CPUWeight": "uint64 7",
		"com.example.run.oci.x": ""} | .process.user.gid = 1001 | .process.args = ["id", "-G"]'
	run --separate-stderr setpriv --groups 77,78 "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	ok
	[ "$output" = "1001 77 78" ]
	[ -z "$stderr" ]
	cfg '.annotations = {"run.oci.systemd.subgroup": "x", "run.oci.handler": "krun"}'
	run_sh true
	ok
	has "annotation run.oci.handler is not acted upon" "annotation run.oci.systemd.subgroup is not acted upon"
	[ "$(orun features | jq -c .potentiallyUnsafeConfigAnnotations)" = \
		'["org.criu.config","run.oci.keep_original_groups"]' ]
}

@test "capabilities: five sets, no new privileges" {
	cfg '.process.capabilities = {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
		"effective": ["CAP_KILL"], "permitted": ["CAP_KILL", "CAP_CHOWN"],
		"inheritable": ["CAP_CHOWN"], "ambient": ["CAP_CHOWN"]} | .process.user = {"uid": 1, "gid": 1}'
	run_sh 'grep -E "^(Cap|NoNew)" /proc/self/status'
	ok
	has "CapInh:	0000000000000001" "CapPrm:	0000000000000001" "CapEff:	0000000000000001" \
		"CapBnd:	0000000000002021" "CapAmb:	0000000000000001" "NoNewPrivs:	1"
	cfg '.process.capabilities.bounding += ["CAP_NO_SUCH"] | .process.noNewPrivileges = false'
	run_sh 'grep NoNew /proc/self/status'
	ok
	has "NoNewPrivs:	0"
}

@test "rlimits: exact, and cut where the kernel forbids more" {
	cfg '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
		{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]'
	run_sh 'grep -E "open files|core file" /proc/self/limits'
	ok
	[[ $output =~ open\ files\ +100\ +200 ]]
	[[ $output =~ core\ file\ size\ +0\ +0 ]]
	cfg '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 99999999999}]'
	run_sh true
	ok
}

@test "oom score, scheduler, I/O priority, personality" {
	cfg '.process.oomScoreAdj = 321 | .process.scheduler = {"policy": "SCHED_BATCH", "nice": 5}
		| .process.ioPriority = {"class": "IOPRIO_CLASS_BE", "priority": 6}
		| .linux.personality = {"domain": "LINUX32"}'
	run_sh 'cat /proc/self/oom_score_adj; echo policy $(cut -d " " -f 41 /proc/$$/stat); uname -m; busybox ionice -p $$; echo nice $(cut -d " " -f 19 /proc/$$/stat)'
	has 321 "policy 3" i686 "prio 6" "nice 5"
}

@test "time namespace with offsets" {
	cfg '.linux.namespaces += [{"type": "time"}]
		| .linux.timeOffsets = {"boottime": {"secs": 1000000}, "monotonic": {"secs": 2000, "nanosecs": 5}}'
	run_sh 'cat /proc/uptime; readlink /proc/self/ns/time'
	ok
	[ "${output%%.*}" -ge 1000000 ]
	[ "$(readlink /proc/self/ns/time)" != "${lines[1]}" ]
	cfg '.linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]'
	run_sh 'grep -c -e "monotonic *2000 *5" -e "boottime *1000000 *0" /proc/self/timens_offsets'
	ok
	[ "$output" = 2 ]
}

@test "namespaces by path: joined, checked for their type" {
	mkfifo "$T/p"
	unshare -n -i -u sh -c 'hostname other; echo $$ >'"$T"'/p; exec sleep 100' 3>&- &
	p=$(timeout 60 cat "$T/p")
	cfg 'del(.hostname) | .linux.namespaces |= map(
		if .type == "network" then .path = $p + "/net" elif .type == "uts" then .path = $p + "/uts"
		elif .type == "ipc" then .path = $p + "/ipc" else . end)' --arg p "/proc/$p/ns"
	run_sh 'for n in net uts ipc; do readlink /proc/self/ns/$n; done; hostname'
	want="$(readlink /proc/"$p"/ns/net /proc/"$p"/ns/uts /proc/"$p"/ns/ipc)
other"
	cfg '.linux.namespaces |= map(if .type == "uts" then .path = $p else . end)' --arg p "/proc/$p/ns/net"
	got=$output
	run_sh true
	kill "$p"
	[ "$got" = "$want" ] || { echo "$got, not $want"; false; }
	fails "is a namespace of another type"
	cfg '.linux.namespaces |= map(if .type == "uts" then .path = "/etc/passwd" else del(.path) end)'
	run_sh true
	fails "not a namespace"
}

@test "PID namespace by path: the first one's processes are seen" {
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d -b "$B" --pid-file "$T/pid" "$ID"
	cfg '.linux.namespaces |= map(if .type == "pid" then .path = $p else . end) | .process.args = ["ps"]' \
		--arg p "/proc/$(cat "$T/pid")/ns/pid"
	run orun run -b "$B" "$ID-2"
	ok
	has "1 root     sleep 1000" "ps"
	orun delete -f "$ID"
}

@test "user namespace: maps, devices bound, nothing writable outside" {
	cfg '.linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 300000, "size": 1000}]'
	run_sh 'cat /proc/self/uid_map /proc/self/gid_map; id -u; echo x >/dev/null && echo null; touch /tmp/x; \
		cat /proc/self/oom_score_adj >/dev/null && echo own'
	has "200000" "300000" null own "Permission denied"
	cfg '.linux.gidMappings = []'
	run_sh true
	fails gidMappings
}

@test "user namespace made here, network namespace of the host's joined" {
	mkfifo "$T/p"
	unshare -n sh -c 'echo $$ >'"$T"'/p; exec sleep 100' 3>&- &
	p=$(timeout 60 cat "$T/p")
	cfg '.linux.namespaces |= map(if .type == "network" then .path = $p else . end)
		| .linux.namespaces += [{"type": "user"}] | .linux.sysctl = {}
		| .linux.uidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 1000}]' --arg p "/proc/$p/ns/net"
	run_sh 'readlink /proc/self/ns/net; ls /sys >/dev/null && echo sys'
	want=$(readlink /proc/"$p"/ns/net)
	kill "$p"
	ok
	has "$want" sys
}

@test "id-mapped bind" {
	mkdir "$B/m" && echo x >"$B/m/f" && chown 5:6 "$B/m/f"
	cfg '.mounts += [{"destination": "/m", "source": "m", "options": ["bind", "idmap"],
		"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 100}],
		"gidMappings": [{"containerID": 0, "hostID": 2000, "size": 100}]}]'
	run_sh 'stat -c %u:%g /m/f'
	[[ $output == *unsupported* || $output == *"cannot do it"* ]] && skip "file system without id-mapped mounts"
	ok
	[ "$output" = 1005:2006 ]
	cfg '.mounts[-1] |= (del(.uidMappings) | del(.gidMappings))'
	run_sh true
	fails "id-mapped mount"
}

@test "rootfs propagation" {
	cfg '.linux.rootfsPropagation = "shared"'
	run_sh 'head -1 /proc/self/mountinfo'
	ok
	has "shared:"
	# engines give a root that is a mount point, which becomes shared with all the rest
	run unshare -m sh -c "mount --bind '$B/rootfs' '$B/rootfs' &&
		'$ONGGI_BIN/orun' --root '$T/state' run -b '$B' $ID"
	ok
	has "shared:"
	cfg '.linux.rootfsPropagation = "unbindable"'
	run_sh 'head -1 /proc/self/mountinfo'
	has unbindable
	cfg '.linux.rootfsPropagation = "private"'
	run_sh 'head -1 /proc/self/mountinfo'
	hasnt shared: master: unbindable
}

@test "no pivot_root" {
	cfg '.process.args = ["sh", "-c", "ls /; touch /made"]'
	run orun run --no-pivot -b "$B" "$ID"
	ok
	has passwd bin || has etc bin
	[ -e "$B/rootfs/made" ]
}

@test "descriptors: only 0-2, and those that are asked for" {
	exec 7<"$B/config.json"
	run_sh 'ls /proc/self/fd | wc -l; ls /proc/self/fd | sort | tr "\n" " "'
	exec 7<&-
	ok
	has "0 1 2 3" # 3 is the directory that ls reads
	hasnt 7
	echo kept >"$T/kept"
	cfg '.process.args = ["sh", "-c", "cat <&3; ls /proc/self/fd | tr \"\\n\" \" \""]'
	run orun run --preserve-fds 1 -b "$B" "$ID" 3<"$T/kept"
	ok
	has kept
	run orun run --preserve-fds 3 -b "$B" "$ID" 3<"$T/kept" 4<&- 5<&-
	fails "is not open"
}

@test "working directory that is a descriptor of the host" {
	cfg '.process.cwd = "/proc/self/fd/7"'
	exec 7<"$T"
	run_sh 'ls ../..'
	exec 7<&-
	[ "$status" -ne 0 ]
}

@test "a command by a descriptor of the host" {
	cp "$B/rootfs/bin/busybox" "$T/true"
	cfg '.process.args = ["/proc/self/fd/7/true"]'
	exec 7<"$T"
	run orun run -b "$B" "$ID"
	exec 7<&-
	fails "no such file or directory"
}

@test "the runtime's own program is out of reach" {
	sum=$(sha256sum "$ONGGI_BIN/orun")
	cfg '.process.args = ["/proc/self/exe", "run"]'
	run orun run -b "$B" "$ID"
	fails "permission denied"
	printf '#!/proc/self/exe\n' >"$B/rootfs/bin/evil" && chmod 755 "$B/rootfs/bin/evil"
	cfg '.process.args = ["evil"]'
	run orun run -b "$B" "$ID"
	[ "$status" -eq 126 ]
	[ "$(sha256sum "$ONGGI_BIN/orun")" = "$sum" ]
}

@test "hooks: order, state on standard input, place" {
	cat >"$T/hook" <<-'H'
		#!/bin/sh
		s=$(cat)
		echo "$1 $(echo "$s" | tr -d ' \n' | sed 's/.*"status":"\([a-z]*\)".*/\1/') $X" >>LOG
	H
	sed -i "s,LOG,$T/log," "$T/hook" && chmod 755 "$T/hook"
	cfg 'def h($n): [{"path": $h, "args": ["hook", $n], "env": ["X=y", "PATH=/bin:/usr/bin"]}];
		.hooks = {prestart: h("prestart"), createRuntime: h("createRuntime"), createContainer: h("createContainer"),
		poststart: h("poststart"), poststop: h("poststop"),
		startContainer: [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/started"]}]}' --arg h "$T/hook"
	cfg '.process.args = ["sh", "-c", "cat /started"]'
	orun create -b "$B" "$ID"
	run orun start "$ID"
	ok
	eventually 60 state_is stopped
	orun delete "$ID"
	[ "$(cat "$T/log")" = "prestart creating y
createRuntime created y
createContainer created y
poststart running y
poststop stopped y" ]
	[ "$(jq -r '.pid, .id, .status' "$B/rootfs/started" | tr '\n' ' ')" = "1 $ID created " ]
}

@test "a hook that fails or hangs ends the create" {
	cfg '.hooks = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 3"]}]}'
	run_sh true
	fails "createRuntime hook #0" "exit status 3" why
	cfg '.hooks = {"createContainer": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}'
	run_sh true
	fails "createContainer hook #0" "not finished after 1 s"
	cfg '.hooks = {"startContainer": [{"path": "/bin/false"}]}'
	run_sh true
	fails "startContainer hook #0"
	orun create -b "$B" "$ID"
	run orun start "$ID"
	fails "startContainer hook #0"
	orun delete "$ID"
	cfg '.hooks = {"poststart": [{"path": "/bin/false"}]} | .process.args = ["sleep", "100"]'
	run orun run -b "$B" "$ID"
	fails "poststart hook #0"
}

@test "terminal: size, console, controlling" {
	cfg '.process.terminal = true | .process.consoleSize = {"height": 33, "width": 77}
		| .process.args = ["sh", "-c", "tty; stty size; stat -c %F:%t /dev/console; echo x >/dev/tty && echo ctl"]'
	run script -qec "$ONGGI_BIN/orun --root $T/state run -b $B $ID" /dev/null </dev/null
	has "/dev/pts/0" "character special file:88" ctl
	cat >"$T/recv.py" <<-'P'
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
		open(sys.argv[1] + ".ready", "w").close() # a FIFO: until the test reads
		c, _ = s.accept()
		m, anc, _, _ = c.recvmsg(100, socket.CMSG_SPACE(4))
		fd = array.array("i", anc[0][2][:4])[0]
		out = b""
		try:
		    while True:
		        d = os.read(fd, 1000)
		        if not d: break
		        out += d
		except OSError: pass
		sys.stdout.write(out.decode())
	P
	mkfifo "$T/sock.ready"
	python3 "$T/recv.py" "$T/sock" >"$T/out" 3>&- &
	timeout 60 cat "$T/sock.ready"
	orun create -b "$B" --console-socket "$T/sock" "$ID"
	orun start "$ID"
	wait $!
	orun delete -f "$ID"
	grep -q "^33 77" "$T/out"
	run orun create -b "$B" "$ID"
	[ "$status" -ne 0 ]
}

@test "seccomp: errno, on the first process and on exec" {
	cfg '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		"syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}'
	run_sh 'mkdir /x; grep Seccomp: /proc/self/status'
	has "not supported" "Seccomp:	2"
	cfg '.process.noNewPrivileges = false'
	run_sh 'mkdir /x; grep -E "Seccomp:|CapEff" /proc/self/status'
	has "not supported" "Seccomp:	2" "CapEff:	0000000020000420"
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d -b "$B" "$ID"
	run orun exec "$ID" mkdir /y
	fails "not supported"
}

@test "network devices of the host" {
	cat >"$T/net.sh" <<-'N'
		ip link add nd0 type veth peer name nd1 && ip addr add 10.9.8.7/24 dev nd0 && ip addr add fd00:9::7/64 dev nd0
		ip link set nd0 up
		"$@"
	N
	cfg '.linux.netDevices = {"nd0": {"name": "inside%d"}}
		| .process.args = ["sh", "-c", "busybox ip addr show inside0"]'
	run unshare -n sh "$T/net.sh" "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	ok
	has 10.9.8.7/24 fd00:9::7/64 UP
	cfg '.linux.netDevices = {"nd0": {"name": "lo"}}'
	run unshare -n sh "$T/net.sh" "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	fails "has a device lo already"
	cfg '.linux.netDevices = {"missing0": {}}'
	run unshare -n sh "$T/net.sh" "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID"
	fails missing0
}

@test "mount namespace missing, missing root, bad ids" {
	cfg 'del(.linux.namespaces[] | select(.type == "mount"))'
	run_sh true
	fails "mount namespace"
	cfg '.linux.namespaces += [{"type": "mount"}] | .root.path = "missing"'
	run_sh true
	fails "no such file or directory"
	run orun run -b "$B" ../x
	fails "invalid container ID format"
}

@test "create killed at any moment: delete --force clears the rest" {
	mkfifo "$T/hook"
	cfg '.hooks = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo $$ >" + $f + "; exec sleep 100"]}]}' \
		--arg f "$T/hook"
	"$ONGGI_BIN/orun" --root "$T/state" create -b "$B" "$ID" 3>&- &
	p=$!
	hook=$(timeout 60 cat "$T/hook")
	kill -9 $p
	wait $p || [ $? = 137 ]
	kill -9 "$hook"
	orun delete --force "$ID"
	[ ! -e "$T/state/$ID" ]
}

@test "seccomp: the listener is handed over, on exec too" {
	cat >"$T/listen.py" <<-'P'
		import array, json, os, socket, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(2)
		open(sys.argv[1] + ".ready", "w").close() # a FIFO: until the test reads
		for _ in range(2):
		    c, _ = s.accept()
		    m, anc, _, _ = c.recvmsg(65536, socket.CMSG_SPACE(4))
		    d = json.loads(m)
		    fd = array.array("i", anc[0][2][:4])[0]
		    print(d["fds"], d["metadata"], d["state"]["id"], d["pid"] > 0, os.readlink("/proc/self/fd/%d" % fd))
	P
	cfg '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": $p, "listenerMetadata": "md",
		"architectures": ["SCMP_ARCH_X86_64"], "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}
		| .process.args = ["sleep", "100"]' --arg p "$T/sock"
	run orun run -d -b "$B" "$ID"
	fails "seccomp listener: connect"
	mkfifo "$T/sock.ready"
	python3 "$T/listen.py" "$T/sock" >"$T/out" 3>&- &
	timeout 60 cat "$T/sock.ready"
	orun run -d -b "$B" "$ID"
	run orun exec "$ID" echo in
	ok
	wait
	[ "$(cat "$T/out")" = "['seccompFd'] md $ID True anon_inode:seccomp notify
['seccompFd'] md $ID True anon_inode:seccomp notify" ]
}
