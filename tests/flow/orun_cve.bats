#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Known holes of OCI runtimes, one test for each that no other file has. docs/security-orun.md says
# for every one why it cannot be here and which test shows that.

load orun_lib

setup() {
	orun_setup
	# what must not change, whatever a container does
	mkdir -p "$T/canary/self/attr"
	mkdir -m 700 "$T/canary/d"
	echo alive >"$T/canary/file"
	chmod 600 "$T/canary/file"
	sum_before=$(canary)
}

teardown() {
	touch "$T/stop"
	orun_teardown
}

canary() {
	(cd "$T/canary" && find . -printf '%p %m %U:%G %y %s\n' | sort && cat file)
}

canary_is_whole() {
	[ "$(canary)" = "$sum_before" ] || { echo "changed:" && canary; return 1; }
	! grep -q " $T/canary" /proc/self/mountinfo
}

user_namespace() {
	cfg '.linux.namespaces += [{"type": "user"}]
		| .linux.uidMappings = [{"containerID": 0, "hostID": 200000, "size": 65536}]
		| .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 65536}]'
}

sleeper() {
	cfg '.process.args = ["sleep", "1000"]'
	orun run -d --pid-file "$T/pid" -b "$B" "$ID" </dev/null >/dev/null 2>&1
}

@test "CVE-2016-3697: a number is a user id, whatever passwd calls so" {
	printf '1000:x:0:0::/root:/bin/sh\nroot:x:0:0::/root:/bin/sh\n' >"$B/rootfs/etc/passwd"
	printf '1000:x:0:\n' >"$B/rootfs/etc/group"
	sleeper
	run orun exec -u 1000:1000 "$ID" sh -c 'id -u; id -g; echo $HOME'
	ok
	[ "$output" = $'1000\n1000\n/' ]
	orun delete --force "$ID"
	cfg '.process.user = {"uid": 1000, "gid": 1000}'
	run_sh 'id -u; id -g'
	[ "$output" = $'1000\n1000' ]
}

# What a process in the PID namespace can see of process PID: every link and file that would give it
# something of the host. (Root may list the numbers of the descriptors, not follow them.)
probe='for f in exe cwd root $(cd /proc/$1/fd && ls | sed "s,^,fd/,"); do readlink /proc/$1/$f && echo "SEEN $f"; done
	for f in environ maps auxv; do head -c 1 /proc/$1/$f 2>/dev/null | grep -q . && echo "SEEN $f"; done
	ls /proc/$1/root/ /proc/$1/cwd/ 2>/dev/null | grep -q bin && echo "SEEN files"; echo "probed $(cat /proc/$1/comm)"'

@test "CVE-2016-9962: a process that enters shows nothing to those inside: create in a shared PID namespace" {
	local p
	sleeper
	p=$(cat "$T/pid")
	cfg '.linux.namespaces |= map(if .type == "pid" then .path = $p else . end)' --arg p "/proc/$p/ns/pid"
	orun create --pid-file "$T/pid2" -b "$B" "$ID-2" </dev/null >/dev/null 2>&1
	inner=$(awk '/^NSpid:/ { print $3 }' "/proc/$(cat "$T/pid2")/status")
	run orun exec "$ID" sh -c "$probe" sh "$inner"
	has "probed orun"
	hasnt SEEN
	# it is the process that is hidden, not the probe that is blind
	orun start "$ID-2"
	run orun exec "$ID" sh -c "$probe" sh "$inner"
	has "probed sleep" "SEEN exe" "SEEN root"
	orun delete --force "$ID-2"
}

@test "CVE-2016-9962: the same for exec, held before its last step" {
	# a listener that takes no more connections holds the exec inside the container
	cat >"$T/listen.py" <<-'P'
		import os, socket, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
		open(sys.argv[1] + ".ready", "w").close()  # FIFOs: until the test reads
		c, _ = s.accept()  # the first process of the container
		c.recv(65536)
		full = socket.socket(socket.AF_UNIX); full.connect(sys.argv[1])
		open(sys.argv[1] + ".full", "w").close()
		open(sys.argv[2]).read()
	P
	cfg '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": $p, "architectures": ["SCMP_ARCH_X86_64"],
		"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}' --arg p "$T/sock"
	[ "$(uname -m)" = x86_64 ] || skip "architecture of the profile"
	mkfifo "$T/sock.ready" "$T/sock.full" "$T/stop"
	python3 "$T/listen.py" "$T/sock" "$T/stop" 3>&- &
	timeout 60 cat "$T/sock.ready"
	sleeper
	timeout 60 cat "$T/sock.full"
	"$ONGGI_BIN/orun" --root "$T/state" exec "$ID" true 3>&- &
	exec_pid=$!
	# the watcher came by another way than exec: it is a second container in the same PID namespace
	cfg 'del(.linux.seccomp) | .linux.namespaces |= map(if .type == "pid" then .path = $p else . end)
		| .process.args = ["sh", "-c", $s, "sh"]' --arg p "/proc/$(cat "$T/pid")/ns/pid" \
		--arg s 'n=0; while [ $n -lt 300 ]; do for d in /proc/[0-9]*; do set -- ${d#/proc/}
			[ "$(cat $d/comm 2>/dev/null)" != orun ] || { '"$probe"'; exit; }; done; n=$((n + 1)); sleep 0.1; done'
	run timeout 60 "$ONGGI_BIN/orun" --root "$T/state" run -b "$B" "$ID-2"
	timeout 60 sh -c ': >"$1"' sh "$T/stop"
	wait "$exec_pid" || :
	has "probed orun"
	hasnt SEEN
}

@test "CVE-2019-5736: the program of the runtime cannot be opened for writing from inside" {
	# as the published attack: the command is #!/proc/self/exe, the attacker waits for its descriptor
	cp "$ONGGI_BIN/orun" "$T/orun"
	sum=$(sha256sum <"$T/orun")
	printf '#!/proc/self/exe\n' >"$B/rootfs/bin/evil" && chmod 755 "$B/rootfs/bin/evil"
	cfg '.process.args = ["sh", "-c", $s]' --arg s 'while [ ! -e /tmp/stop ]; do for d in /proc/[0-9]*; do
		[ $d = /proc/1 ] || [ $d = /proc/$$ ] || case $(readlink $d/exe 2>/dev/null) in
			"" | */busybox*) ;;
			*) readlink $d/exe >>/tmp/seen; (echo owned >>$d/exe) 2>/dev/null && echo WRITTEN >>/tmp/seen ;;
		esac; done; done'
	"$T/orun" --root "$T/state" run -d -b "$B" "$ID" </dev/null >/dev/null 2>&1
	for i in $(seq 20); do
		run "$T/orun" --root "$T/state" exec "$ID" evil
		[ "$status" -ne 0 ]
		run "$T/orun" --root "$T/state" exec "$ID" /proc/self/exe
		[ "$status" -ne 0 ]
	done
	touch "$B/rootfs/tmp/stop"
	[ "$(sha256sum <"$T/orun")" = "$sum" ]
	! grep -e WRITTEN -e "$T" "$B/rootfs/tmp/seen" 2>/dev/null
}

@test "CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: no false /proc, no label into a file" {
	mkdir -p "$B/fake/self/attr/apparmor" && : >"$B/fake/self/attr/exec" && : >"$B/fake/self/attr/apparmor/exec"
	cfg '.process.apparmorProfile = "unconfined" | .mounts = [{"destination": "/proc", "type": "bind", "source": "fake", "options": ["bind"]}]
		+ [.mounts[] | select(.destination != "/proc")]'
	run_sh true
	fails "only a procfs may be mounted on /proc"
	# a volume of the image that a link leads to
	cfg '.mounts[0] = {"destination": "/proc", "type": "proc", "source": "proc"}'
	rmdir "$B/rootfs/proc" && ln -s fake "$B/rootfs/proc" && cp -a "$B/fake" "$B/rootfs/fake"
	run_sh true
	fails "/proc must be a directory, not a symbolic link"
	# no /proc of its own at all: the image has one
	rm "$B/rootfs/proc" && mv "$B/rootfs/fake" "$B/rootfs/proc"
	cfg 'del(.mounts[] | select(.destination == "/proc")) | .linux.maskedPaths = [] | .linux.readonlyPaths = []
		| .linux.sysctl = {"kernel.msgmax": "9999"}'
	mkdir -p "$B/rootfs/proc/sys/kernel" && : >"$B/rootfs/proc/sys/kernel/msgmax"
	run_sh 'cat /proc/self/attr/exec /proc/self/attr/apparmor/exec /proc/sys/kernel/msgmax'
	ok
	[ -z "$output" ]
	# on the parts of it that count
	cfg '.mounts += [{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/proc/self/attr", "type": "bind", "source": "fake/self/attr", "options": ["bind"]}]'
	rm -r "$B/rootfs/proc" && mkdir "$B/rootfs/proc"
	run_sh true
	fails "cannot be mounted because it is inside /proc"
	[ ! -s "$B/fake/self/attr/exec" ] && [ ! -s "$B/fake/self/attr/apparmor/exec" ]
}

@test "CVE-2019-18837, CVE-2025-24965: nothing is written through links of the image" {
	local d to
	while read -r d to; do
		mkdir -p "$B/rootfs/${d%/*}"
		rm -rf "${B:?}/rootfs/$d"
		ln -s "../../../../../../../../../..$T/canary$to" "$B/rootfs/$d"
	done <<-L
		dev/shm /d
		dev/mqueue /self/attr
		run
		new /self
	L
	for d in .krun_config.json .dockerenv etc/hostname etc/hosts; do ln -sfn "$T/canary/file" "$B/rootfs/$d"; done
	echo hosts >"$B/hosts"
	cfg '.annotations = {"run.oci.handler": "krun"} | .process.cwd = "/run/made"
		| .mounts |= map(select(.destination != "/dev"))
		| .mounts += [{"destination": "/new/dir", "type": "tmpfs", "source": "tmpfs"},
			{"destination": "/new/file", "type": "bind", "source": "hosts", "options": ["bind"]},
			{"destination": "/etc/hosts", "type": "bind", "source": "hosts", "options": ["bind"]}]
		| .linux.devices = [{"path": "/run/null", "type": "c", "major": 1, "minor": 3, "fileMode": 438}]'
	run_sh 'cat /etc/hosts; pwd -P; ls /run /new'
	ok
	has hosts "$T/canary/made" null dir file # inside, where nothing but the name is the same
	canary_is_whole
}

@test "CVE-2021-30465: mounts below a shared volume" {
	# the race itself is orun_race.bats; here the state that it wants: a link in the place of the directory
	mkdir "$T/vol" && ln -s "$T/canary" "$T/vol/link"
	cfg '.mounts += [{"destination": "/vol", "type": "bind", "source": $v, "options": ["rbind"]},
		{"destination": "/vol/link", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/vol/link/deep/er", "type": "tmpfs", "source": "tmpfs"}]' --arg v "$T/vol"
	run_sh true
	ok
	canary_is_whole
}

@test "CVE-2021-43784: no length of anything in the configuration changes anything else" {
	local long
	long=$(head -c 70000 /dev/zero | tr '\0' a)
	user_namespace
	cfg '.linux.uidMappings = [range(300) | {containerID: ., hostID: (200000 + . * 2), size: 1}]
		| .linux.gidMappings = .linux.uidMappings
		| .process.env += ["LONG=" + $l] | .annotations = {long: $l}' --argjson l "\"$long\""
	run_sh 'wc -l </proc/self/uid_map; tail -1 /proc/self/uid_map; echo ${#LONG}'
	ok
	[ "$(echo "$output" | tr -s ' ')" = $'300\n 299 200598 1\n70000' ]
	# a namespace path as long as the one that overflowed
	cfg '.linux.namespaces += [{"type": "network", "path": ("/" + $l)}] | .linux.namespaces |= unique_by(.type)' \
		--argjson l "\"$long\""
	cfg '.linux.namespaces |= map(if .type == "network" then .path = ("/" + $l) else . end)' --argjson l "\"$long\""
	run_sh true
	[ "$status" = 1 ]
	has "network namespace"
	cfg '.linux.uidMappings = [range(400) | {containerID: ., hostID: (200000 + . * 2), size: 1}]'
	run_sh true
	[ "$status" = 1 ]
}

@test "CVE-2022-29162, CVE-2022-27650, CVE-2022-24769: nothing is inheritable" {
	[ "$(jq -c '[.process.capabilities.inheritable, .process.capabilities.ambient] | map(. // [])' "$B/config.json")" = "[[],[]]" ]
	(cd "$T" && mkdir s && cd s && "$ONGGI_BIN/orun" spec && jq -e '.process.capabilities.inheritable == null' config.json)
	(cd "$T" && mkdir r && cd r && "$ONGGI_BIN/orun" spec --rootless && jq -e '.process.capabilities.inheritable == null' config.json)
	run_sh 'grep CapInh /proc/self/status'
	has "CapInh:	0000000000000000"
	sleeper
	run orun exec --cap CAP_NET_ADMIN "$ID" grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status
	has "CapInh:	0000000000000000" "CapAmb:	0000000000000000" "CapEff:	0000000020001420" "CapBnd:	0000000020001420"
	# not with another user either
	run orun exec --cap CAP_NET_ADMIN -u 1000 "$ID" grep -E 'Cap(Inh|Eff|Amb)' /proc/self/status
	has "CapInh:	0000000000000000" "CapAmb:	0000000000000000" "CapEff:	0000000000000000"
}

@test "CVE-2023-25809: without a cgroup namespace the groups are read-only to a user namespace" {
	user_namespace
	cfg '.linux.namespaces |= map(select(.type != "cgroup"))
		| .mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
	run_sh 'for f in $(find /sys/fs/cgroup -name cgroup.procs); do (echo 0 >$f) 2>&1 | grep -v "Read-only file system"; done
		for d in /sys/fs/cgroup /sys/fs/cgroup/*; do [ -L $d ] || mkdir $d/made 2>&1 | grep -v "Read-only file system"
			[ ! -e $d/made ] || echo MADE; done; echo done'
	ok
	[ "$output" = done ]
	# no cgroup mount in the configuration: /sys as a bind brings none along
	cfg '.mounts |= map(select(.type != "cgroup"))'
	run_sh 'find /sys/fs/cgroup -name cgroup.procs | head -3; echo done'
	[ "$output" = done ]
}

@test "CVE-2022-0492: release_agent cannot be written" {
	sleeper
	run orun exec "$ID" sh -c 'find /sys/fs/cgroup -name release_agent -o -name notify_on_release | while read f; do
		(echo 1 >$f) 2>/dev/null && echo "WRITTEN $f"; done; mkdir /tmp/c && mount -t cgroup -o rdma none /tmp/c 2>&1; echo done'
	has done
	hasnt WRITTEN
	[[ $output == *"ermitted"* || $output == *"ermission denied"* ]]
}

@test "CVE-2024-21626: no directory of the host by a descriptor, as cwd, command, hook or volume" {
	local n
	cp "$B/rootfs/bin/busybox" "$T/canary/d/true"
	sum_before=$(canary)
	exec 7<"$T/canary" 8<"$T"
	for n in 3 4 5 6 7 8 9 10 11 12; do
		cfg '.process.cwd = $c' --arg c "/proc/self/fd/$n"
		run_sh 'pwd; ls ../..; cat file'
		[ "$status" -ne 0 ]
		hasnt alive
		cfg '.process.cwd = "/" | .process.args = [$c]' --arg c "/proc/self/fd/$n/d/true"
		run orun run -b "$B" "$ID"
		[ "$status" -ne 0 ]
	done
	cfg '.process.cwd = "/"'
	# a link of the image, found when the process is already another user
	ln -s /proc/self/fd/7 "$B/rootfs/link"
	cfg '.process.cwd = "/link" | .process.user = {"uid": 1000, "gid": 1000}'
	run_sh 'cat file'
	[ "$status" -ne 0 ]
	cfg '.process.cwd = "/" | .process.user = {"uid": 0, "gid": 0}'
	sleeper
	for n in 3 4 5 6 7 8 9 10; do
		run orun exec --cwd "/proc/self/fd/$n" "$ID" cat file
		[ "$status" -ne 0 ]
		hasnt alive
		run orun exec "$ID" "/proc/self/fd/$n/d/true"
		[ "$status" -ne 0 ]
	done
	run orun exec --cwd /link "$ID" cat file
	[ "$status" -ne 0 ]
	exec 7<&- 8<&-
	canary_is_whole
}

@test "CVE-2025-31133: masks do not come from the image" {
	local file
	for file in /proc/keys /proc/kcore /proc/timer_list /proc/sched_debug; do [ ! -f $file ] || break; done
	cfg '.linux.maskedPaths += ["/etc/passwd"]'
	mkdir "$T/dev" && mknod "$T/dev/zero" c 1 5
	ln -s /proc/sys/kernel/core_pattern "$T/dev/null"
	cfg '.mounts |= map(if .destination == "/dev" then {"destination": "/dev", "type": "bind", "source": $d, "options": ["rbind"]} else . end)
		| .mounts |= map(select((.destination | startswith("/dev/")) | not))' --arg d "$T/dev"
	run_sh 'stat -c "%F %t:%T" /etc/passwd '$file'; grep -c " /proc/sys/kernel/core_pattern" /proc/self/mountinfo'
	[ "$output" = $'character special file 1:3\ncharacter special file 1:3\n0' ] || { echo "$output $stderr"; return 1; }
	# and with a /dev of the image where null is a plain file
	rm "$T/dev/null" && echo mine >"$T/dev/null"
	run_sh 'cat /etc/passwd '$file'; echo x >/etc/passwd; echo end'
	[ "$output" = end ]
	[ "$(cat "$T/dev/null")" = mine ]
}

@test "CVE-2025-52565: the console is the terminal that was made, not a path" {
	mkdir "$T/dev" "$T/dev/pts" && ln -s "$T/canary/file" "$T/dev/console"
	mknod "$T/dev/null" c 1 3
	cfg '.process.terminal = true | .process.args = ["sh", "-c", "echo into >/dev/console"]
		| .mounts |= map(if .destination == "/dev" then {"destination": "/dev", "type": "bind", "source": $d, "options": ["rbind"]} else . end)' --arg d "$T/dev"
	run script -qec "'$ONGGI_BIN/orun' --root '$T/state' run -b '$B' $ID" /dev/null
	[ "$status" = 1 ]
	has "can't create /dev/console" # the link leads nowhere inside
	canary_is_whole
	# a /dev of the runtime, where pts/0 and console are links before the terminal is made
	rm -rf "$B/rootfs/dev" && mkdir -p "$B/rootfs/dev/pts"
	ln -s "$T/canary/file" "$B/rootfs/dev/console" && ln -s /proc/sysrq-trigger "$B/rootfs/dev/pts/0"
	ln -s "$T/canary/file" "$B/rootfs/dev/ptmx"
	cfg '.mounts |= map(select(.destination != "/dev"))'
	run script -qec "'$ONGGI_BIN/orun' --root '$T/state' run -b '$B' $ID" /dev/null
	[ "$status" = 1 ]
	has "/dev/console is neither a file nor a device"
	canary_is_whole
}

@test "CVE-2025-52881: sysctls go to a procfs of the runtime" {
	local before
	before=$(cat /proc/sys/kernel/core_pattern)
	# over /proc/sys nothing can be mounted, by no path
	for d in /proc/sys /proc/sys/net/ipv4 /proc/thread-self/attr /proc/self /proc/1/attr; do
		cfg '.mounts += [{"destination": $d, "type": "tmpfs", "source": "tmpfs"}]' --arg d "$d"
		run_sh true
		fails
		cfg 'del(.mounts[-1])'
	done
	# a tmpfs over the whole /proc after it: what is set is set, and nothing is in the tmpfs
	cfg '.mounts += [{"destination": "/proc/../proc/", "type": "tmpfs", "source": "tmpfs"}]'
	run_sh true
	fails
	cfg 'del(.mounts[-1]) | .linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "12345"}'
	run_sh 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'
	ok
	[ "$output" = $'1\n12345' ]
	cfg '.linux.sysctl = {"kernel.core_pattern": "|/bin/evil"}'
	run_sh true
	fails "kernel.core_pattern"
	for k in 'net/../kernel/core_pattern' 'net.../kernel/core_pattern' '../sys/kernel/core_pattern' 'net//../../sysrq-trigger'; do
		cfg '.linux.sysctl = {($k): "x"}' --arg k "$k"
		run_sh true
		[ "$status" -ne 0 ]
	done
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "CVE-2026-41579, CVE-2026-47766: /dev of the image as a link" {
	rmdir "$B/rootfs/dev" && ln -s "$T/canary" "$B/rootfs/dev"
	cfg 'del(.mounts[] | select(.destination | startswith("/dev")))'
	run_sh true
	fails "/dev must be a directory"
	canary_is_whole
	# a relative one that leads out, with devices and mounts below it
	rm "$B/rootfs/dev" && ln -s "../../../../../..$T/canary" "$B/rootfs/dev"
	cfg '.linux.devices = [{"path": "/dev/x/y", "type": "c", "major": 1, "minor": 3}]
		| .mounts += [{"destination": "/dev/shm", "type": "tmpfs", "source": "tmpfs"}]'
	run_sh true
	[ "$status" -ne 0 ]
	canary_is_whole
}

@test "CVE-2026-30892, CVE-2026-46680: a user is one or two plain numbers that fit" {
	local u
	sleeper
	while read -r u want; do
		run orun exec -u "$u" "$ID" sh -c 'echo $(id -u):$(id -g)'
		ok
		[ "$output" = "$want" ] || { echo "$u: $output"; return 1; }
	done <<-U
		1 1:0
		1:2 1:2
		0:5 0:5
		4294967294:4294967294 4294967294:4294967294
		007:010 7:10
	U
	for u in :2 1: 0x1 +1 -1 4294967295 4294967296 18446744073709551617 ' 1' '1 ' 1:2:3 1,2 root u $'1\n' '' 1: '1:-1' 1:4294967296; do
		run orun exec -u "$u" "$ID" id -u
		[ "$status" = 255 ] || { echo "\"$u\": $status $output"; return 1; }
		has "invalid user"
	done
	orun delete --force "$ID"
	for u in -1 4294967296 99999999999 '"0"' 1.5 null; do
		cfg ".process.user.uid = $u" 2>/dev/null || continue
		[ "$u" != null ] || continue
		run_sh id
		[ "$status" -ne 0 ] || { echo "$u: $output"; return 1; }
		has "process.user.uid"
	done
}

@test "cgroup mounts leave the options of the host's hierarchies alone" {
	local before after
	options() { awk '$0 ~ / - cgroup2? / { sub(/.* - /, ""); print }' /proc/self/mountinfo | sort; }
	before=$(options)
	for ns in with without; do
		[ $ns = with ] || cfg '.linux.namespaces |= map(select(.type != "cgroup"))'
		for t in cgroup cgroup2; do
			cfg '.mounts |= map(if .destination == "/sys/fs/cgroup" then .type = $t
				| .options = ["ro", "nosuid", "noexec", "nodev", "relatime"] else . end)' --arg t $t
			run_sh 'ls /sys/fs/cgroup >/dev/null'
			ok
		done
	done
	after=$(options)
	[ "$before" = "$after" ]
}

@test "a capability of the caller's does not come along, nor a key" {
	run_sh 'grep -E "Cap(Prm|Eff|Bnd)|NoNewPrivs" /proc/self/status; cat /proc/keys 2>/dev/null | grep -v _ses | wc -l'
	has "CapPrm:	0000000020000420" "CapBnd:	0000000020000420" "NoNewPrivs:	1"
	[ "${lines[-1]}" = 0 ]
}

@test "mode and owner of a device below a shared volume never reach a file of the host" {
	mkdir "$T/vol" && mknod -m 600 "$T/vol/null2" c 1 3 && ln -s "$T/canary/file" "$T/vol/link"
	cfg '.process.args = ["true"] | .mounts += [{"destination": "/vol", "source": $v, "options": ["rbind"]}]
		| .linux.devices = [{"path": "/vol/null2", "type": "c", "major": 1, "minor": 3, "fileMode": 511, "uid": 1000, "gid": 1000}]' \
		--arg v "$T/vol"
	# without anybody who swaps it is done
	orun run -b "$B" "$ID"
	[ "$(stat -c '%a %u:%g' "$T/vol/null2")" = "777 1000:1000" ]
	chmod 600 "$T/vol/null2"
	swapping "$T/vol/null2" "$T/vol/link" run_again 150
	canary_is_whole
}

@test "CVE-2024-45310: directories that are made for a mount, exchanged for a link at once" {
	mkdir "$T/vol"
	cfg '.process.args = ["true"] | .mounts += [{"destination": "/vol", "source": $v, "options": ["rbind"]},
		{"destination": "/vol/new/dir", "type": "tmpfs", "source": "tmpfs"},
		{"destination": "/vol/new/file", "type": "bind", "source": "rootfs/etc/passwd", "options": ["bind"]}]' --arg v "$T/vol"
	link_to() { # again when they changed places meanwhile
		rm -rf "$T/vol/new" "$T/vol/link" 2>/dev/null && ln -sT "$T/canary/$1" "$T/vol/link" 2>/dev/null
	}
	each() {
		local i to
		for i in $(seq 120); do
			to=file
			[ $((i % 2)) = 0 ] || to=d
			eventually 60 link_to "$to" && run_again 1 || return 1
		done
	}
	swapping "$T/vol/new" "$T/vol/link" each
	canary_is_whole
}

@test "exec --cgroup stays below the container's group" {
	sleeper
	for p in .. ../.. ../ a/../../.. memory:../.. ./../x; do
		run orun exec --cgroup "$p" "$ID" true
		[ "$status" = 255 ] || { echo "$p: $status"; return 1; }
	done
}

@test "every hole in docs/security-orun.md names tests that there are" {
	local doc=$BATS_TEST_DIRNAME/../../docs/security-orun.md file name n=0
	while IFS=$'\t' read -r file name; do
		n=$((n + 1))
		grep -qF "@test \"$name\"" "$BATS_TEST_DIRNAME/$file" || { echo "no test \"$name\" in $file"; return 1; }
	done < <(grep -o '`[a-z_]*\.bats: [^`]*`' "$doc" | tr -d '`' | sed 's/: /\t/')
	[ "$n" -ge 30 ]
	# and every hole that a test is named after stands there
	for cve in $(grep '^@test' "$BATS_TEST_FILENAME" | grep -o 'CVE-[0-9]*-[0-9]*'); do
		grep -q "$cve" "$doc" || { echo "$cve is not in the table"; return 1; }
	done
}
