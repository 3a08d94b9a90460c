#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# podman and docker with orun as their runtime. Private instances below one folder, with a cgroup
# parent of their own and no network of theirs.
# once

load lib

setup_file() {
	local t
	t=$(mktemp -d "${TMPDIR:-/tmp}/orun-engines.XXXXXX")
	export E=$t ECG=orun-engines-${t##*.} ORUN=$ONGGI_BIN/orun
	mkdir -p "$E/rootfs/bin" "$E/rootfs/tmp" "$E/rootfs/etc"
	cp "$(command -v busybox)" "$E/rootfs/bin/busybox"
	for a in sh ls cat echo true false sleep id ps kill stty tty pwd grep touch hostname dd seq wc; do
		ln -s busybox "$E/rootfs/bin/$a"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$E/rootfs/etc/passwd"
	tar -C "$E/rootfs" -c . >"$E/image.tar"
	podman_setup "$E/podman"
	p import "$E/image.tar" box >/dev/null
	docker_start "$E/docker" --bridge none --iptables=false --ip6tables=false --ip-forward=false \
		--cgroup-parent "/$ECG" --add-runtime "orun=$ORUN" --default-runtime orun 3>&-
	docker import "$E/image.tar" box >/dev/null
}

# in every test: functions are not inherited from setup_file
setup() {
	podman_setup "$E/podman"
	DOCKER_HOST=unix://$E/docker/docker.sock
	export DOCKER_HOST
}

p() {
	podman_run --runtime "$ORUN" "$@"
}

p_run() {
	p run --network none --cgroup-parent "/$ECG" "$@"
}

d_run() {
	docker run --network none "$@"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

teardown_file() {
	local pid ids g
	podman_setup "$E/podman"
	p rm -f -a -t 0 >/dev/null 2>&1
	export DOCKER_HOST=unix://$E/docker/docker.sock
	ids=$(docker ps -aq 2>/dev/null)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rm -f $ids >/dev/null
	pid=$(cat "$E/docker/dockerd.pid" 2>/dev/null)
	if [ -n "$pid" ]; then
		kill "$pid"
		eventually 60 gone "$pid" || kill -9 "$pid"
	fi
	p rmi -f -a >/dev/null 2>&1
	grep -o " $E[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	for g in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$ECG"); do
		find "$g" -depth -type d -exec rmdir {} \;
	done
	rm -rf "$E"
}

@test "podman: run, exit statuses, errors" {
	run -0 --separate-stderr p_run --rm box sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -7 p_run --rm box sh -c 'exit 7'
	run -127 p_run --rm box nothere
	[[ $output == *'executable file not found in $PATH'* ]]
	run -126 p_run --rm box /etc/passwd
	run -127 p_run --rm box /no/such/file
	run -0 bash -c "$(declare -f p_run p podman_run); PODMAN_DIR='$PODMAN_DIR'; echo in | p_run -i --rm box cat"
	[ "$output" = in ]
	[ "$(p ps -aq)" = "" ]
}

@test "podman: life of a detached container" {
	p_run -d --name pc --stop-signal TERM box \
		sh -c 'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done' >/dev/null
	logged() { p logs pc 2>&1 | grep -q "$1"; }
	eventually 20 logged started
	[ "$(p inspect pc --format '{{.State.Status}}')" = running ]
	[ "$(p exec pc echo inside)" = inside ]
	run -4 p exec -u 1000:1000 -e X=1 -w /tmp pc sh -c 'echo $(id -u) $X $(pwd); exit 4'
	[ "$output" = "1000 1 /tmp" ]
	run -127 p exec pc nothere
	run -0 p top pc
	[[ $output == *"sh -c trap"* ]]
	run -0 p stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' pc
	[[ $output =~ ^[1-9] ]]
	run -0 p update --memory 100m pc
	run -0 p pause pc
	[ "$(p inspect pc --format '{{.State.Status}}')" = paused ]
	run -0 p unpause pc
	run -0 p kill -s USR1 pc
	eventually 20 logged usr1
	run -0 p stop -t 20 pc
	[ "$(p wait pc)" = 3 ]
	run -0 p start pc
	[ "$(p inspect pc --format '{{.State.Status}}')" = running ]
	run -0 p kill pc
	[ "$(p wait pc)" = 137 ]
	run -0 p rm pc
}

@test "podman: isolation flags" {
	run -0 p_run --rm --read-only --tmpfs /x --cap-drop all --security-opt no-new-privileges \
		--memory 50m --pids-limit 50 --cpus 0.5 box sh -c \
		'grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; touch /y 2>/dev/null || echo ro; touch /x/y && echo rw'
	[[ $output == *"CapBnd:"*"0000000000000000"*"NoNewPrivs:"*1*"Seccomp:"*2*ro*rw* ]]
	run -0 p_run --rm --hostname foo --sysctl net.ipv4.ip_forward=1 box sh -c 'hostname; cat /proc/sys/net/ipv4/ip_forward'
	[ "$output" = "$(printf 'foo\n1')" ]
	run -0 p_run --rm --uidmap 0:100000:1000 --gidmap 0:100000:1000 box cat /proc/self/uid_map
	[[ $output =~ 0\ +100000\ +1000 ]]
	run -0 p_run --rm -t box tty
	[[ $output == *"/dev/pts/0"* ]]
	run -0 p_run --rm --pid host box true
	run -0 p_run --rm --ipc host --uts host box true
	run -0 p_run --rm --privileged box true
	run -0 p_run --rm -v "$E/rootfs/etc:/mnt:ro" box sh -c 'cat /mnt/passwd; touch /mnt/x 2>/dev/null || echo ro'
	[[ $output == *root:x:0*ro ]]
}

@test "podman: events of a container" {
	p_run --name ev box true
	run -0 p events --stream=false --filter container=ev --since 10m
	[[ $output == *"container create"*"container start"*"container died"* ]]
	p rm ev
}

@test "docker: run, exit statuses, errors" {
	run -0 docker info --format '{{.DefaultRuntime}}'
	[ "$output" = orun ]
	run -0 --separate-stderr d_run --rm box sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -7 d_run --rm box sh -c 'exit 7'
	run -127 d_run --rm box nothere
	[[ $output == *'executable file not found in $PATH'* ]]
	run -126 d_run --rm box /etc/passwd
	run -127 d_run --rm box /no/such/file
	run -0 bash -c 'echo in | docker run --network none -i --rm box cat'
	[ "$output" = in ]
	[ "$(docker ps -aq)" = "" ]
}

@test "docker: life of a detached container" {
	d_run -d --name dc box \
		sh -c 'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done' >/dev/null
	logged() { docker logs dc 2>&1 | grep -q "$1"; }
	eventually 20 logged started
	[ "$(docker inspect dc --format '{{.State.Status}} {{.HostConfig.Runtime}}')" = "running orun" ]
	[ "$(docker exec dc echo inside)" = inside ]
	run -4 docker exec -u 1000:1000 -e X=1 -w /tmp dc sh -c 'echo $(id -u) $X $(pwd); exit 4'
	[ "$output" = "1000 1 /tmp" ]
	run docker exec dc nothere
	[ "$status" = 126 ] || [ "$status" = 127 ]
	[[ $output == *'executable file not found in $PATH'* ]]
	docker exec -d dc sleep 1000
	run -0 docker top dc
	[[ $output == *"sleep 1000"* ]]
	run -0 docker stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' dc
	[[ $output =~ ^[1-9] ]]
	run -0 docker update --memory 100m --memory-swap 200m --cpus 0.5 dc
	run -0 docker pause dc
	[ "$(docker inspect dc --format '{{.State.Status}}')" = paused ]
	run -0 docker unpause dc
	run -0 docker kill -s USR1 dc
	eventually 20 logged usr1
	run -0 docker stop -t 20 dc
	[ "$(docker wait dc)" = 3 ]
	run -0 docker start dc
	run -0 docker restart -t 1 dc
	[ "$(docker inspect dc --format '{{.State.Status}}')" = running ]
	run -0 docker kill dc
	[ "$(docker wait dc)" = 137 ]
	run -0 docker rm dc
}

@test "docker: isolation flags" {
	run -0 d_run --rm --read-only --tmpfs /x --cap-drop all --security-opt no-new-privileges \
		--memory 50m --pids-limit 50 --cpus 0.5 box sh -c \
		'grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; touch /y 2>/dev/null || echo ro; touch /x/y && echo rw'
	[[ $output == *"CapBnd:"*"0000000000000000"*"NoNewPrivs:"*1*"Seccomp:"*2*ro*rw* ]]
	run -0 --separate-stderr d_run --rm --privileged box grep NoNewPrivs /proc/self/status
	[ -z "$stderr" ]
	run -0 d_run --rm -t box tty
	[[ $output == *"/dev/pts/0"* ]]
	run -0 d_run --rm --init box ps
	[[ $output == *docker-init* ]]
	run -0 d_run --rm --pid host box true
	run -0 d_run --rm --ulimit nofile=100:100 box sh -c 'ulimit -n'
	[ "$output" = 100 ]
	run -0 d_run --rm -v "$E/rootfs/etc:/mnt:ro" box sh -c 'cat /mnt/passwd; touch /mnt/x 2>/dev/null || echo ro'
	[[ $output == *root:x:0*ro ]]
	# docker learns of it by an event, which must be there before the exit
	d_run -d --name oom --memory 20m box \
		sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1 & wait $!; until [ -e /stop ]; do sleep 0.1; done; exit 1'
	eventually 30 sh -c 'docker events --since 1h --until 0s --filter container=oom --filter event=oom | grep -q oom'
	docker exec oom touch /stop
	[ "$(docker wait oom)" = 1 ]
	[ "$(docker inspect oom --format '{{.State.OOMKilled}}')" = true ]
	docker rm oom
}
