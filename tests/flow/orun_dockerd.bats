#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What concerns dockerd itself with orun as its default runtime: containers that live on while it is
# dead, user namespaces for all of them, and images built by it.
# once

load engines_lib

setup_file() {
	engines_setup dockerd dockerd docker runc || return 0
	# ids for the containers' user namespace, known to this dockerd only
	printf 'nobody:200000:65536\n' >"$E/subid"
	cat >"$E/dockerd-remapped" <<-SH
		#!/bin/sh
		exec unshare -m --propagation private sh -c '
			mount --bind $E/subid /etc/subuid && mount --bind $E/subid /etc/subgid && exec dockerd "\$@"' sh "\$@"
	SH
	chmod +x "$E/dockerd-remapped"
	start_daemon plain
	docker import "$E/image.tar" box >/dev/null
	start_daemon remap --userns-remap nobody:nogroup
	docker import "$E/image.tar" box >/dev/null
}

start_daemon() { # plain|remap [args...]
	[ "$1" != remap ] || DOCKERD=$E/dockerd-remapped
	docker_start "$E/$1" --bridge none --iptables=false --ip6tables=false --ip-forward=false --live-restore \
		--cgroup-parent "/$ECG-$1" --add-runtime "orun=$ORUN" --default-runtime orun "${@:2}" 3>&-
	DOCKERD=
}

daemon() { # plain|remap
	export DOCKER_HOST=unix://$E/$1/docker.sock
}

# end dockerd by a signal; its containerd goes with it, later when it was killed
end_daemon() { # plain signal
	local d c
	d=$(cat "$E/$1/dockerd.pid")
	c=$(cat "$E/$1/exec/containerd/containerd.pid")
	kill -s "$2" "$d"
	eventually 60 gone "$d"
	eventually 60 gone "$c"
}

setup() {
	engines_need
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	local ids d
	for d in plain remap; do
		daemon $d
		ids=$(docker ps -aq)
		# shellcheck disable=SC2086
		[ -z "$ids" ] || docker rm -f $ids >/dev/null
		end_process "$(cat "$E/$d/dockerd.pid" 2>/dev/null)"
	done
	engines_teardown
}

d_run() {
	docker run --rm --network none --runtime "$RT" "$@"
}

@test "docker: containers outlive dockerd" {
	local was
	daemon plain
	for r in orun runc; do
		docker run -d --name live-$r --network none --runtime $r box \
			sh -c 'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done'
		docker run -d --name ends-$r --network none --runtime $r box sh -c 'until [ -e /end ]; do sleep 0.1; done; exit 5'
	done
	was=$(docker inspect live-orun --format '{{.State.Pid}}')
	for signal in TERM KILL; do
		end_daemon plain $signal
		[ -d "/proc/$was" ]
		start_daemon plain
		for r in orun runc; do
			[ "$(docker inspect live-$r --format '{{.State.Status}} {{.RestartCount}}')" = "running 0" ]
			[ "$(docker exec live-$r echo inside)" = inside ]
			run -0 docker pause live-$r
			run -0 docker unpause live-$r
			run -0 docker update --memory 70m --memory-swap 100m live-$r
		done
	done
	[ "$(docker inspect live-orun --format '{{.State.Pid}}')" = "$was" ]
	run -0 docker kill -s USR1 live-orun
	logged() { docker logs live-orun 2>&1 | grep -q usr1; }
	eventually 60 logged
	for r in orun runc; do
		docker exec ends-$r touch /end
		[ "$(docker wait ends-$r)" = 5 ]
		run -0 docker stop -t 20 live-$r
		[ "$(docker wait live-$r)" = 3 ]
		run -0 docker start live-$r
		run -0 docker rm -f live-$r ends-$r
	done
}

@test "docker: a container that ends while dockerd is dead" {
	daemon plain
	docker run -d --name dies --network none box sleep 1000
	pid=$(docker inspect dies --format '{{.State.Pid}}')
	end_daemon plain KILL
	kill -9 "$pid"
	start_daemon plain
	ended() { [ "$(docker inspect dies --format '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]; }
	eventually 60 ended
	run -0 docker start dies
	[ "$(docker exec dies echo inside)" = inside ]
	run -0 docker rm -f dies
}

@test "docker: user namespaces of all containers" {
	daemon remap
	run -0 docker info --format '{{json .SecurityOptions}}'
	has name=userns
	both 0 d_run box sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id; touch /made; stat -c %u:%g /made /proc/1 /etc/passwd'
	[[ $output =~ 0\ +200000\ +65536 ]]
	both 0 d_run -u 1000 -v vol:/v -v "$E/rootfs/etc:/m:ro" --tmpfs /x box sh -c 'id; touch /x/a && stat -c %u /x/a /v /m; echo >/dev/null'
	both 0 d_run -v "$E/subid:/n/d/x" -w /w/d box stat -c '%u:%g %a %n' /n /n/d /w/d /dev /dev/null /dev/pts /dev/shm /proc /sys
	both 0 d_run -t box sh -c 'tty; stat -c %u:%a /dev/console'
	both 0 d_run --read-only --cap-drop all --security-opt no-new-privileges --memory 30m --pids-limit 20 \
		box sh -c 'grep -E "Cap|NoNew|Seccomp:" /proc/self/status; touch /x 2>/dev/null || echo ro'
	both 0 d_run --ulimit nofile=99:99 --sysctl kernel.shmmax=1234567 box sh -c 'ulimit -n; cat /proc/sys/kernel/shmmax'
	both 127 d_run box nothere
	both 0 d_run --userns host box cat /proc/self/uid_map
	# what is not ours may be seen, not changed
	both 1 d_run -v /proc/sys/kernel:/k box sh -c 'echo 1 >/k/panic'
	docker run -d --name rm --network none box sleep 1000
	pid=$(docker inspect rm --format '{{.State.Pid}}')
	[ "$(stat -c %u "/proc/$pid")" = 200000 ]
	[ "$(docker exec rm sh -c 'id -u; cat /proc/self/uid_map | tr -s " "')" = "$(printf '0\n 0 200000 65536')" ]
	[ "$(docker exec -u 1000:77 rm id)" = "uid=1000(user) gid=77(extra) groups=77(extra)" ]
	run -0 docker exec -t rm tty
	run -0 docker pause rm
	run -0 docker unpause rm
	run -0 docker update --memory 50m --memory-swap 60m rm
	run -0 docker rm -f rm
}

@test "docker: build" {
	mkdir "$E/ctx"
	cat >"$E/ctx/Dockerfile" <<-'DOCKER'
		FROM box
		ARG WHO=nobody
		ENV GREETING=hello
		RUN echo "$GREETING $WHO" >/greeting && id -u >/by
		WORKDIR /w/deep
		USER 1000:77
		RUN id >/tmp/id; pwd >/tmp/pwd
		SHELL ["/bin/sh", "-e", "-c"]
		RUN set | grep -q GREETING
		COPY --chown=user:extra Dockerfile /tmp/copied
		HEALTHCHECK --interval=200ms CMD test -e /tmp/id
		ENTRYPOINT ["cat"]
		CMD ["/greeting", "/by", "/tmp/id", "/tmp/pwd"]
	DOCKER
	daemon plain
	run -0 env DOCKER_BUILDKIT=0 docker build -q --network none --build-arg WHO=you -t built "$E/ctx"
	both 0 d_run built
	[ "$output" = "$(printf 'hello you\n0\nuid=1000(user) gid=77(extra) groups=77(extra)\n/w/deep')" ]
	both 0 d_run --entrypoint stat built -c %u:%g /tmp/copied
	[ "$output" = 1000:77 ]
	docker run -d --name health --network none --entrypoint sleep built 1000
	health() { [ "$(docker inspect health --format '{{.State.Health.Status}}')" = "healthy" ]; }
	eventually 60 health
	run -0 docker rm -f health
	printf 'FROM box\nRUN exit 9\n' >"$E/ctx/Dockerfile"
	run -9 env DOCKER_BUILDKIT=0 docker build --network none "$E/ctx"
	has "returned a non-zero code: 9"
	printf 'FROM box\nRUN ["nothere"]\n' >"$E/ctx/Dockerfile"
	run -1 env DOCKER_BUILDKIT=0 docker build --network none "$E/ctx"
	has 'exec: "nothere": executable file not found in $PATH'
}
