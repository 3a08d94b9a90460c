# SPDX-License-Identifier: Apache-2.0
#
# run: every kind of flag as the container sees it, refusals, streams, exit codes. On the embedded
# base image, without a network unless it is about one.

load lib

setup() { engine_setup; }
teardown() { engine_teardown; }

r() { # flags... -- command: run --rm --network none FLAGS base COMMAND
	local flags=()
	while [ "$1" != -- ]; do flags+=("$1"); shift; done
	shift
	onggi run --rm --network none "${flags[@]}" base "$@"
}

refused() { # text, flags...
	local want=$1
	shift
	run -125 onggi run --rm --network none "$@" base true
	[[ $output == *"$want"* ]] || { echo "want: $want"; return 1; }
}

@test "exit codes: of the command, of a signal, 125, 126, 127" {
	run -0 r -- true
	run -42 r -- sh -c 'exit 42'
	run -127 r -- no-such-command
	[[ $output == *"executable file not found in \$PATH"* ]]
	run -126 r -- /etc
	run -143 r --init -- sh -c 'kill -TERM $$; sleep 5'
	run -125 onggi run --rm --network none base:nosuchtag-for-sure --pull never true
	run -0 onggi ps -aq
	[ -z "$output" ]
}

@test "a command that cannot be started leaves a created container with its error" {
	run -127 onggi run --name c1 --network none base no-such-command
	run -0 onggi inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' c1
	[[ $output == 'created 127 '*'executable file not found'* ]]
	run -0 onggi ps -a --format '{{.Status}}'
	[ "$output" = Created ]
	[ -z "$(ls "$ONGGI_RUN/containers")" ]
	[ -z "$(ls "$ONGGI_RUN/runtime")" ]
}

@test "streams: stdin to its end, stdout and stderr apart, megabytes unharmed" {
	seq 1 200000 >"$T/in"
	run -0 bash -c "'$ONGGI_BIN/onggi' run --rm -i --network none base cat <'$T/in' | cmp - '$T/in'"
	run -0 --separate-stderr r -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -0 --separate-stderr r -a stdout -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ -z "$stderr" ]
	# without -i there is nothing to read
	run -0 bash -c "echo x | '$ONGGI_BIN/onggi' run --rm --network none base cat"
	[ -z "$output" ]
	# a reader that goes away ends the command; the container goes on, as with docker
	run -0 bash -c "'$ONGGI_BIN/onggi' run --rm --network none base yes | head -n 1"
	[ "$output" = y ]
	onggi rm -f "$(onggi ps -q)"
}

@test "a terminal: size, type, no carriage of stderr apart" {
	run -0 script -qec "'$ONGGI_BIN/onggi' run --rm -it --network none base sh -c 'tty; echo \$TERM; stty size >/dev/null && echo sized'" /dev/null
	[[ $output == *"/dev/pts/0"* ]]
	[[ $output == *xterm* ]]
	[[ $output == *sized* ]]
	run -1 bash -c "'$ONGGI_BIN/onggi' run --rm -it --network none base true </dev/null"
	[[ $output == *"the input device is not a TTY"* ]]
}

@test "environment, directory, host name, domain" {
	run -0 r -e A=1 -e B=2 -e A=3 -e PATH=/bin -- sh -c 'echo $A $B $PATH $HOME'
	[ "$output" = "3 2 /bin /root" ]
	X=from-host run -0 r -e X -e NOT_THERE_AT_ALL -- sh -c 'echo $X${NOT_THERE_AT_ALL-unset}'
	[ "$output" = from-hostunset ]
	printf 'C=4\n# comment\nD\n' >"$T/env"
	D=5 run -0 r --env-file "$T/env" -- sh -c 'echo $C$D'
	[ "$output" = 45 ]
	run -0 r -w /made/up -- pwd
	[ "$output" = /made/up ]
	refused "needs to be an absolute path" -w x
	run -0 r -h box --domainname example.org -- sh -c 'hostname; cat /etc/hostname; cat /proc/sys/kernel/domainname'
	[ "${lines[*]}" = "box box example.org" ]
	run -0 r -- sh -c 'hostname | wc -c'
	[ "$output" = 13 ]
}

@test "users: names, numbers, groups" {
	run -0 r -u nobody -- id -u
	[ "$output" = 65534 ]
	run -0 r -u 1000:1000 -- sh -c 'echo $(id -u):$(id -g):$(id -G)'
	[ "$output" = 1000:1000:1000 ]
	run -0 r -u 5 --group-add wheel --group-add 77 -- id -G
	[ "$output" = "0 10 77" ]
	refused "unable to find user nosuch" -u nosuch
	refused "unable to find group nosuch" -u 0:nosuch
	refused "uids and gids must be in range" -u 4294967295
}

@test "capabilities, seccomp, no-new-privileges, privileged" {
	run -0 r -- grep -E '^(CapEff|CapInh|Seccomp|NoNewPrivs):' /proc/self/status
	[[ $output == *"CapEff:	00000000a80425fb"* ]]
	[[ $output == *"CapInh:	0000000000000000"* ]]
	[[ $output == *"Seccomp:	2"* ]]
	[[ $output == *"NoNewPrivs:	0"* ]]
	run -0 r --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges -- grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status
	[[ $output == *"CapBnd:	0000000000000001"* ]]
	[[ $output == *"NoNewPrivs:	1"* ]]
	refused 'invalid capability: "NET_FOO"' --cap-add NET_FOO
	refused 'invalid --security-opt 1: "foo"' --security-opt foo
	run -0 r --security-opt seccomp=unconfined -- grep '^Seccomp:' /proc/self/status
	[[ $output == *0 ]]
	cat >"$T/profile.json" <<-EOF
	{"defaultAction": "SCMP_ACT_ALLOW",
	 "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}],
	 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}]}
	EOF
	run -1 r --security-opt "seccomp=$T/profile.json" -- mkdir /x
	[[ $output == *"not permitted"* ]]
	run -0 r --security-opt "seccomp=$T/profile.json" --cap-add SYS_ADMIN -- mkdir /x
	run -0 r --privileged -- sh -c 'grep ^Seccomp: /proc/self/status; test -c /dev/kmsg || test -c /dev/zero; mount | grep "on /sys type" | grep -c rw'
	[[ $output == *"Seccomp:	0"* ]]
}

@test "masked and read-only paths, read-only root" {
	run -0 r -- sh -c 'cat /proc/keys; ls /sys/firmware; touch /proc/sys/kernel/x 2>&1; echo done'
	[[ $output == *done ]]
	run -1 r --read-only -- touch /x
	[[ $output == *"Read-only file system"* ]]
	run -0 r --read-only --tmpfs /t -- sh -c 'touch /t/x /dev/shm/y'
}

@test "limits reach the control groups" {
	cg() { r "$@" -- sh -c 'cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; cat cpu/cpu.cfs_quota_us cpu.max 2>/dev/null; cat pids/pids.max pids.max 2>/dev/null; cat cpuset/cpuset.cpus cpuset.cpus 2>/dev/null; true'; }
	run -0 cg -m 64m --cpus 0.5 --pids-limit 77 --cpuset-cpus 0
	[[ $output == *67108864* ]]
	[[ $output == *50000* ]]
	[[ $output == *77* ]]
	refused "Minimum memory limit allowed is 6MB" -m 5m
	refused "Minimum memoryswap limit should be larger" -m 64m --memory-swap 32m
	refused "range of CPUs is from 0.01" --cpus 10000
	run -0 r --ulimit nofile=100:200 --ulimit core=0 -- sh -c 'echo $(ulimit -n) $(ulimit -Hn) $(ulimit -c)'
	[ "$output" = "100 200 0" ]
	refused "invalid ulimit type: foo" --ulimit foo=1
	run -0 r --oom-score-adj 300 -- cat /proc/self/oom_score_adj
	[ "$output" = 300 ]
	run -0 r --shm-size 1m -- sh -c "df /dev/shm | tail -1 | awk '{print \$2}'"
	[ "$output" = 1024 ]
}

@test "out of memory: 137, OOMKilled" {
	run -137 onggi run --name c1 -m 20m --network none base sh -c 'a=x; while :; do a=$a$a; done'
	run -0 onggi inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c1
	[ "$output" = "true 137" ]
}

@test "sysctls and devices" {
	run -0 r --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=1000 -- cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
	[ "${lines[*]}" = "1 1000" ]
	refused "sysctl 'kernel.pid_max' is not allowed" --sysctl kernel.pid_max=1
	run -0 r --device /dev/null:/dev/mine:rw -- sh -c 'test -c /dev/mine && echo x >/dev/mine'
	refused "error gathering device information" --device /no/such/device
	refused "not a device node" --device /etc/passwd
}

@test "name spaces of the host and of other containers" {
	run -0 r --pid host -- sh -c 'test $(ls -d /proc/[0-9]* | wc -l) -gt 5'
	run -0 r --uts host -- hostname
	[ "$output" = "$(hostname)" ]
	onggi run -d --name other --network none --ipc shareable -h hh base sh -c 'echo here >/dev/shm/f; sleep 1000' >/dev/null
	eventually 60 onggi exec other test -s /dev/shm/f
	run -0 r --ipc container:other -- cat /dev/shm/f
	[ "$output" = here ]
	run -0 r --pid container:other -- ps
	[[ $output == *"sleep 1000"* ]]
	run -0 onggi run --rm --network container:other base sh -c 'hostname; readlink /proc/self/ns/net'
	[ "${lines[0]}" = hh ]
	[ "${lines[1]}" = "$(onggi exec other readlink /proc/self/ns/net)" ]
	run -125 onggi run --rm --network container:other -h x base true
	[[ $output == *"hostname and the network mode"* ]]
	onggi stop -t 0 other
	run -125 onggi run --rm --network container:other base true
	[[ $output == *"non running container"* ]]
	run -0 r --cgroupns private -- sh -c 'grep -vc ":/$" /proc/self/cgroup || true'
	[ "$output" = 0 ]
}

@test "--init reaps and passes signals on" {
	onggi run -d --name c1 --init --network none base sh -c 'trap "exit 5" TERM; touch /up; while :; do sleep 0.1; done' >/dev/null
	eventually 60 onggi exec c1 test -e /up
	run -0 onggi exec c1 cat /proc/1/cmdline
	[[ $(tr '\0' ' ' <<<"$output") == *docker-init* ]]
	onggi exec -d c1 sh -c 'sleep 0.1 & exit'
	eventually 60 sh -c "! '$ONGGI_BIN/onggi' exec c1 ps | grep -q '\[sleep\]'"
	onggi stop -t 60 c1
	[ "$(onggi inspect -f '{{.State.ExitCode}}' c1)" = 5 ]
}

@test "names: claimed once, given back, made up" {
	onggi create --name one --network none base >/dev/null
	run -125 onggi run --name one --network none base true
	[[ $output == *'Conflict. The container name "/one" is already in use by container'* ]]
	run -0 onggi rename one two
	run -0 onggi run --rm --name one --network none base true
	# a rename that was killed leaves both names: the one that its record does not bear is free
	id=$(onggi inspect -f '{{.Id}}' two)
	ln -s "$id" "$ONGGI_ROOT/names/half"
	run -0 onggi run --rm --name half --network none base true
	ln -s "$id" "$ONGGI_ROOT/names/half"
	run -0 onggi rename two half
	ln -s "$id" "$ONGGI_ROOT/names/two"
	onggi system sweep
	[ "$(ls "$ONGGI_ROOT/names")" = half ]
	run -0 onggi rm half
	run -125 onggi run --rm --name -x --network none base true
	run -125 onggi run --rm --name x --network none base true
	[[ $output == *"Invalid container name"* ]]
	run -0 onggi create --network none base
	name=$(onggi ps -a --format '{{.Names}}')
	[[ $name =~ ^[a-z]+_[a-z]+$ ]]
	[ "$(ls "$ONGGI_ROOT/names")" = "$name" ]
}

@test "labels, annotations and a whole inspect" {
	onggi create --name c1 --network none -l a=1 -l b --stop-signal USR1 --stop-timeout 3 base echo 'two words' >/dev/null
	run -0 onggi inspect -f '{{.Config.Labels.a}} {{.Path}} {{json .Args}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{.HostConfig.ShmSize}} {{.State.StartedAt}}' c1
	[ "$output" = '1 echo ["two words"] USR1 3 67108864 0001-01-01T00:00:00Z' ]
	onggi inspect c1 | jq -e '.[0].HostConfig.Binds == null and .[0].GraphDriver.Data.UpperDir and .[0].NetworkSettings.Networks.none' >/dev/null
	run -0 onggi ps -a --no-trunc --format '{{.Command}}'
	[ "$output" = "\"echo 'two words'\"" ]
	run -0 onggi ps -aq -f label=a=1 -f status=created
	[ -n "$output" ]
	run -0 onggi ps -aq -f label=a=2
	[ -z "$output" ]
	run onggi ps -f nosuch=1
	[ "$status" -ne 0 ]
	[[ $output == *"invalid filter 'nosuch'"* ]]
}

@test "forty at once: none fails, nothing is left" {
	r -- true
	for i in $(seq 40); do
		onggi run -d --name "p$i" --network none base sleep 1000 >"$T/out.$i" 2>&1 &
	done
	wait
	[ "$(cat "$T"/out.* | grep -c '^[0-9a-f]\{64\}$')" = 40 ]
	[ "$(onggi ps -q | wc -l)" = 40 ]
	onggi rm -f $(onggi ps -q) >/dev/null
	[ -z "$(ls "$ONGGI_RUN/containers" "$ONGGI_RUN/runtime" "$ONGGI_ROOT/containers" "$ONGGI_ROOT/names" | grep -v ':$')" ]
}

@test "an image whose /etc/passwd is a link: users are found, --rm included" {
	onggi run --name made --network none base sh -c 'cd /etc; mv passwd users; ln -s users passwd; echo "me:x:7:8::/:/bin/sh" >>users'
	onggi commit made linked >/dev/null
	run -0 onggi run --rm --network none -u me linked id -u
	[ "$output" = 7 ]
	run -0 onggi run --rm --network none linked id -u
	[ "$output" = 0 ]
}
