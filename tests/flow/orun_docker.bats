#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# docker with orun as its default runtime, beside runc: a dockerd of its own with a bridge in the
# network namespace of this test. Build, user namespaces and the death of dockerd: orun_dockerd.bats.
# once

load engines_lib

setup_file() {
	engines_setup docker dockerd docker runc expect || return 0
	docker_start "$E/docker" --bip 10.213.7.1/24 --ip-forward=false --cgroup-parent "/$ECG" \
		--add-runtime "orun=$ORUN" --default-runtime orun 3>&-
	docker import "$E/image.tar" box >/dev/null
}

# in every test: functions are not inherited from setup_file
setup() {
	engines_need
	export DOCKER_HOST=unix://$E/docker/docker.sock
}

teardown() {
	[ -z "${MISSING:-}" ] || return 0
	local ids
	ids=$(docker ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rm -f $ids >/dev/null
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	end_process "$(cat "$E/docker/dockerd.pid" 2>/dev/null)"
	engines_teardown
}

# without a network unless --network NAME comes first: the bridge takes longer than all the rest
d_run() {
	[ "$1" = --network ] || set -- --network none "$@"
	docker run --rm --runtime "$RT" "$@"
}

# a container named $1-$RT that answers to signals; the rest are arguments of docker run
d_life() {
	docker run -d --network none --runtime "$RT" --name "$1-$RT" "${@:2}" box sh -c \
		'trap "exit 3" TERM; trap "echo usr1" USR1; trap "echo hup" HUP; echo started; while :; do sleep 0.1; done' >/dev/null
}

# a docker command about the container $1-$RT: d_on NAME COMMAND [ARGS... @ ...]
d_on() {
	local name=$1-$RT a=()
	shift
	for w; do
		[ "$w" != @ ] || w=$name
		a+=("$w")
	done
	docker "${a[@]}"
}

logged() { # container text [times]
	[ "$(docker logs "$1" 2>&1 | grep -c "$2")" -ge "${3:-1}" ]
}

@test "docker: info, exit statuses, errors" {
	run -0 docker info --format '{{.DefaultRuntime}} {{.RuncCommit.ID}} {{json .Runtimes}}'
	has "orun " "\"orun\":{\"path\":\"$ORUN\"}"
	[[ $output != *N/A* ]]
	both 0 d_run box sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	both 7 d_run box sh -c 'exit 7'
	both 127 d_run box nothere
	has 'exec: "nothere": executable file not found in $PATH'
	both 126 d_run box /etc/passwd
	has 'exec: "/etc/passwd": permission denied'
	both 127 d_run box /no/such/file
	has 'no such file or directory'
	both 125 d_run box /bin/sh/x
	has 'not a directory'
	run -126 d_run box /tmp
	has 'permission denied'
	run -0 bash -c "echo in | docker run -i --rm --network none box cat"
	[ "$output" = in ]
	[ "$(docker ps -aq)" = "" ]
}

@test "docker: what the runtime refuses" {
	both 125 d_run --sysctl kernel.foo=1 box true
	run -125 d_run -w /etc/passwd box true
	has 'not a directory'
	run ! d_run --device-read-bps /dev/null:1mb box true
	has 'linux.resources.blockIO.throttleReadBpsDevice[0]: no block device 1:3'
	run ! d_run -v "$E/image.tar:/etc:ro" box true
	has 'not a directory' 'mount a directory onto a file'
	[ "$(docker ps -aq)" = "" ]
}

@test "docker: the process" {
	both 0 d_run -u user box id
	both 0 d_run -u 1000:5 --group-add 77 box id
	both 0 d_run -u 12345 -w /new/dir box sh -c 'id; echo $HOME; pwd'
	[ "$output" = "$(printf 'uid=12345 gid=0(root) groups=0(root)\n/\n/new/dir')" ]
	both 0 d_run -u 1000 --cap-add sys_time --cap-drop chown box grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
	both 0 d_run --cap-drop all --cap-add net_raw --security-opt no-new-privileges \
		box grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
	has "CapBnd:	0000000000002000" "NoNewPrivs:	1" "Seccomp:	2"
	both 0 d_run --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
		--security-opt label=disable box grep -E 'NoNew|Seccomp:' /proc/self/status
	has "Seccomp:	0"
	both 0 d_run --ulimit nofile=100:200 --ulimit core=0 --ulimit stack=1000000 box cat /proc/self/limits
	both 0 d_run -e A=b -e A=c -h fixed box env
	has A=c HOSTNAME=fixed HOME=/root
	both 0 d_run --oom-score-adj 500 box cat /proc/self/oom_score_adj
	both 0 d_run -u 1000 box sh -c 'echo out >/dev/stdout; echo err >/dev/stderr'
	both 0 d_run --stop-signal 9 --init box sh -c 'cat /proc/1/comm'
	[ "$output" = docker-init ]
	# more than the host has is an error of runc's; orun gives what there is
	run -0 d_run --privileged box sh -c 'grep Seccomp: /proc/self/status; mount -t tmpfs none /tmp && ls /dev/full'
	[ "$output" = "$(printf 'Seccomp:\t0\n/dev/full')" ]
	# a profile of one's own
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls":
		[{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}' >"$E/profile.json"
	both 1 d_run --security-opt "seccomp=$E/profile.json" box mkdir /x
	has "File descriptor in bad state"
}

@test "docker: file systems" {
	mkdir -p "$E/dir" && echo in >"$E/dir/file"
	both 0 d_run --tmpfs /x:size=1m,mode=700,uid=3 box sh -c 'mount | grep " /x "; stat -c %a:%u /x'
	both 0 d_run -u 1000 --tmpfs /x --mount type=tmpfs,dst=/y,tmpfs-size=1000000 box sh -c \
		'touch /x/a /y/a; stat -c %a /x /y'
	[ "$output" = "$(printf '1777\n1777')" ]
	both 1 d_run -v "$E/dir:/m:ro" box sh -c 'cat /m/file; touch /m/new'
	has in "Read-only file system"
	both 0 d_run -v "$E/dir/file:/m/deep/file" -v vol:/v box sh -c 'cat /m/deep/file; touch /v/a; ls /v'
	both 0 d_run -v vol:/etc2 box ls /etc2
	both 0 d_run --read-only --tmpfs /x box sh -c 'touch /x/y; touch /y 2>/dev/null || echo ro'
	[ "$output" = ro ]
	both 0 d_run --shm-size 3m box df -k /dev/shm
	both 0 d_run --device /dev/kmsg:/dev/foo:r box sh -c \
		'(: >/dev/foo) 2>/dev/null || echo refused; stat -c %t:%T /dev/foo'
	[ "$output" = "$(printf 'refused\n1:b')" ]
	both 0 d_run --device-cgroup-rule 'c 1:1 rw' --cap-add mknod box sh -c \
		'mknod /a c 1 1 2>/dev/null || echo no mknod; mknod /b c 1 3; stat -c %t:%T /b'
	both 0 d_run --security-opt systempaths=unconfined box sh -c 'mount | grep -c /proc/; :'
	[ "$output" = 0 ]
	both 0 d_run -v "$E/docker/docker.sock:/run/docker.sock" box stat -c %F /run/docker.sock
	has socket
	# what the host mounts later is seen through rshared and rslave, and what the container mounts on
	# the host through rshared only
	mount -t tmpfs none "$E/dir"
	mount --make-shared "$E/dir"
	mkdir "$E/dir/in" "$E/dir/out"
	docker run -d --name shared -v "$E/dir:/m:rshared" --cap-add sys_admin --security-opt apparmor=unconfined box sleep 1000
	docker run -d --name slave -v "$E/dir:/m:rslave" --cap-add sys_admin --security-opt apparmor=unconfined box sleep 1000
	mount -t tmpfs fromhost "$E/dir/in"
	run -0 docker exec shared grep -c fromhost /proc/self/mountinfo
	run -0 docker exec slave grep -c fromhost /proc/self/mountinfo
	docker exec slave mount -t tmpfs fromslave /m/out
	run -1 grep fromslave /proc/self/mountinfo
	docker exec shared mount -t tmpfs fromshared /m/out
	run -0 grep -c fromshared /proc/self/mountinfo
	docker rm -f shared slave
	umount -R "$E/dir"
}

@test "docker: namespaces" {
	both 0 d_run --network none box ls /sys/class/net
	[ "$output" = lo ]
	both 0 d_run --network host box ls /sys/class/net
	has docker0
	both 0 d_run --network bridge box sh -c 'ls /sys/class/net; ip route | head -1'
	has eth0 "default via 10.213.7.1"
	both 0 d_run --pid host box sh -c '[ $$ != 1 ] && tr "\0" " " </proc/'$$'/cmdline | grep -o bats | head -1'
	both 0 d_run --ipc host box readlink /proc/self/ns/ipc
	both 1 d_run --ipc none box ls /dev/shm
	both 0 d_run --uts host box hostname
	both 0 d_run --cgroupns private box cat /proc/self/cgroup
	has memory:/
	run -0 d_run --cgroupns host box cat /proc/self/cgroup
	has "memory:/$ECG/"
	both 0 d_run --hostname foo --domainname bar box sh -c 'hostname; cat /proc/sys/kernel/domainname; tail -1 /etc/hosts | cut -f2'
	both 0 d_run --sysctl net.ipv4.ip_default_ttl=33 --sysctl kernel.shmmax=12345678 \
		box cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmax
	[ "$output" = "$(printf '33\n12345678')" ]
	docker run -d --network none --name peer --ipc shareable --hostname peer box sh -c 'touch /dev/shm/of-peer; exec sleep 1000'
	both 0 d_run --network container:peer --pid container:peer --ipc container:peer box sh -c \
		'hostname; cat /proc/1/comm; ls /dev/shm'
	[ "$output" = "$(printf 'peer\nsleep\nof-peer')" ]
}

@test "docker: resources and update" {
	local show='cd /sys/fs/cgroup; if [ -d memory ]; then
		cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes \
			cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max
		else cat memory.max memory.swap.max memory.low cpu.max cpuset.cpus pids.max; fi'
	both 0 d_run --memory 20m --memory-swap 40m --memory-reservation 10m --cpus 0.5 --cpu-shares 512 \
		--cpuset-cpus 0 --pids-limit 33 box sh -c "$show"
	both 0 d_life res --memory 64m
	both 0 d_on res update --memory 100m --memory-swap 200m --memory-reservation 50m --cpus 0.5 \
		--pids-limit 100 --cpu-shares 700 --cpuset-cpus 0 @
	both 0 d_on res exec @ sh -c "$show"
	has 100
	both 0 d_on res update --memory 50m --memory-swap 60m --cpus 1 --pids-limit -1 @
	both 0 d_on res exec @ sh -c "$show"
	has max
	both 1 d_on res update --cpuset-cpus 99 @
	# below what is in use: refused by the kernel, not left half done
	docker exec -d res-orun dd if=/dev/zero of=/dev/null bs=30M count=1000000
	eventually 60 sh -c 'docker stats --no-stream --format "{{.MemUsage}}" res-orun | grep -q "^[3-9][0-9]"'
	run -0 docker stats --no-stream --format '{{.PIDs}} {{.MemUsage}} {{.CPUPerc}} {{.BlockIO}}' res-orun
	[[ $output =~ ^[2-9]\ [3-9][0-9.]*MiB\ /\ 50MiB\ [0-9.]+%\ [0-9] ]]
}

@test "docker: life of a detached container" {
	both 0 d_life l
	eventually 60 logged l-orun started
	eventually 60 logged l-runc started
	[ "$(docker inspect l-orun --format '{{.State.Status}} {{.HostConfig.Runtime}}')" = "running orun" ]
	run -0 docker top l-orun -o pid,args
	has "sh -c trap"
	both 0 d_on l pause @
	both 1 d_on l pause @
	both 1 d_on l exec @ true
	[ "$(docker inspect l-orun --format '{{.State.Status}}')" = paused ]
	both 0 d_on l unpause @
	both 1 d_on l unpause @
	for s in USR1 SIGHUP; do
		both 0 d_on l kill -s $s @
	done
	eventually 60 logged l-orun usr1
	eventually 60 logged l-orun hup
	both 1 d_on l kill -s FOO @
	both 0 d_on l stop -t 20 @
	[ "$(docker wait l-orun)" = 3 ]
	both 1 d_on l kill @
	both 1 d_on l exec @ true
	both 0 d_on l start @
	both 0 d_on l start @
	eventually 60 logged l-orun started 2
	eventually 60 logged l-runc started 2
	both 0 d_on l restart -t 20 @
	[ "$(docker inspect l-orun --format '{{.State.Status}}')" = running ]
	both 0 d_on l pause @
	both 0 d_on l stop -t 1 @
	both 0 d_on l wait @
	both 0 d_on l start @
	both 0 d_on l kill @
	both 0 d_on l wait @
	[ "$output" = 137 ]
	both 0 d_on l start @
	both 1 d_on l rm @
	both 0 d_on l rm -f @
}

@test "docker: exec" {
	both 0 d_life x --cap-drop chown
	both 4 d_on x exec -u 1000:1000 -e X=1 -w /tmp @ sh -c 'echo $(id -u) $X $(pwd); exit 4'
	[ "$output" = "1000 1 /tmp" ]
	both 0 d_on x exec -u user @ id
	both 0 d_on x exec @ grep -E 'Cap|Seccomp:|NoNew|Groups' /proc/self/status
	both 0 d_on x exec @ cat /proc/self/limits
	both 0 d_on x exec @ ls /proc/self/fd
	both 137 d_on x exec @ sh -c 'kill -9 $$'
	both 126 d_on x exec @ nothere
	has 'exec: "nothere": executable file not found in $PATH'
	both 126 d_on x exec @ /etc/passwd
	both 126 d_on x exec @ /no/such
	both 126 d_on x exec -w /etc/passwd @ true
	both 126 d_on x exec -u nobody-here @ true
	run -0 docker exec --privileged x-orun grep CapEff /proc/self/status
	[[ $output != *00000000a80425fa* ]]
	run -0 bash -c 'echo in | docker exec -i x-orun cat'
	[ "$output" = in ]
	both 0 d_on x exec -d @ sleep 1000
	run -0 docker top x-orun
	has "sleep 1000"
	# a process that dies with its client gone is no trouble: stopping the container ends it
	both 0 d_on x stop -t 20 @
	# many at once
	both 0 d_on x start @
	for i in $(seq 12); do
		docker exec x-orun sh -c "exit $i" 3>&- &
		pids[i]=$!
	done
	for i in $(seq 12); do
		s=0
		wait "${pids[i]}" || s=$?
		[ "$s" = "$i" ]
	done
}

@test "docker: terminals" {
	both 0 d_run -t box sh -c 'tty; stat -c %u:%a /dev/console; test -t 2 && echo yes'
	docker run -d --name tty box sleep 1000
	terminal_check docker exec -it tty
	terminal_check docker run -it --rm box
}

@test "docker: health checks" {
	docker run -d --name sick --health-cmd 'test -e /tmp/ok' --health-interval 200ms --health-retries 2 box sleep 1000
	health() { [ "$(docker inspect sick --format '{{.State.Health.Status}}')" = "$1" ]; }
	eventually 60 health unhealthy
	docker exec sick touch /tmp/ok
	eventually 60 health healthy
	docker rm -f sick
	docker run -d --name sick --health-cmd 'sleep 1000' --health-interval 200ms --health-timeout 300ms --health-retries 1 box sleep 1000
	eventually 60 health unhealthy
	run -0 docker inspect sick --format '{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}'
	has "-1 Health check exceeded timeout"
}

@test "docker: out of memory" {
	both 137 docker_oom
	both 0 d_on oom inspect @ --format '{{.State.OOMKilled}} {{.State.ExitCode}}'
	[ "$output" = "true 137" ]
	# docker learns of a child's by an event, which must be there before the exit
	local id
	id=$(docker run -d --network none --name oom --memory 20m box \
		sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1 & wait $!; until [ -e /stop ]; do sleep 0.1; done; exit 1')
	# not of the ones before, which had the same name
	eventually 60 sh -c "docker events --since 1h --until 0s --filter container=$id --filter event=oom | grep -q oom"
	docker exec oom touch /stop
	[ "$(docker wait oom)" = 1 ]
	[ "$(docker inspect oom --format '{{.State.OOMKilled}}')" = true ]
}

# containerd's shim reads the kernel's note of the kill and the end of the process in two threads and
# passes them on as they come; docker believes the note only if it comes first, with any runtime.
docker_oom() {
	local s
	for _ in {1..20}; do
		docker rm -f "oom-$RT" >/dev/null 2>&1
		s=0
		docker run --network none --runtime "$RT" --name "oom-$RT" --memory 20m box \
			dd if=/dev/zero of=/dev/null bs=200M count=1 || s=$?
		[ "$(docker inspect "oom-$RT" --format '{{.State.OOMKilled}}')" = false ] || break
	done
	return $s
}

@test "docker: logs, cp, diff, commit, export" {
	both 0 d_life f
	eventually 60 logged f-orun started
	eventually 60 logged f-runc started
	both 0 d_on f logs --tail 1 @
	run -0 docker logs -t f-orun
	[[ $output =~ ^20[0-9-]+T.*started ]]
	echo text >"$E/text"
	for r in orun runc; do
		docker cp "$E/text" f-$r:/tmp/text
		docker cp f-$r:/etc/passwd "$E/passwd-$r"
		cmp "$E/passwd-$r" "$E/rootfs/etc/passwd"
	done
	both 0 d_on f exec @ cat /tmp/text
	both 0 d_on f diff @
	[ "$output" = "$(printf 'C /tmp\nA /tmp/text')" ]
	docker commit f-orun box-text >/dev/null
	both 0 d_run box-text cat /tmp/text
	docker export f-orun | tar -t | grep -qx tmp/text
	docker logs -f f-orun >"$E/follow" 3>&- &
	docker kill -s USR1 f-orun
	eventually 60 grep -q usr1 "$E/follow"
	docker stop -t 20 f-orun
	wait $!
	eventually 60 sh -c 'docker events --since 1h --until 0s --filter container=f-orun --format "{{.Action}}" >"$E/events"; grep -qx stop "$E/events"'
	for a in create start "exec_create: cat /tmp/text" kill die; do
		grep -qx "$a" "$E/events"
	done
}

@test "docker: restart policies" {
	both 0 d_restart
	again() { [ "$(docker inspect again-orun --format '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}')" = "2 exited 3" ]; }
	eventually 60 again
	docker run -d --name always --restart always box sleep 1000
	pid=$(docker inspect always --format '{{.State.Pid}}')
	kill -9 "$pid"
	back() { [ "$(docker inspect always --format '{{.RestartCount}} {{.State.Status}}')" = "1 running" ]; }
	eventually 60 back
}

d_restart() {
	docker run -d --network none --restart on-failure:2 --runtime "$RT" --name "again-$RT" box sh -c 'exit 3' | grep -c .
}

@test "docker: many at once" {
	local i s pids=()
	for i in $(seq 16); do
		docker run --rm --network none box sh -c "echo $i; exit $i" >"$BATS_TEST_TMPDIR/$i" 3>&- &
		pids[i]=$!
	done
	for i in $(seq 16); do
		s=0
		wait "${pids[i]}" || s=$?
		[ "$s" = "$i" ]
		[ "$(cat "$BATS_TEST_TMPDIR/$i")" = "$i" ]
	done
	[ "$(docker ps -aq)" = "" ]
	[ -z "$(find /sys/fs/cgroup -path "*/$ECG/*" -type d)" ]
}
