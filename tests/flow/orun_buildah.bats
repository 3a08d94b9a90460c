#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# buildah with orun as the runtime of its "oci" isolation, beside runc: run in working containers, from
# scratch and from an archive, and Dockerfiles. The cgroup parent of buildah is the group itself, which
# two at a time may not share.
# once

load engines_lib

setup_file() {
	local m r
	engines_setup buildah buildah runc expect || return 0
	for r in runc orun; do
		b from --name work-$r --cgroup-parent "/$ECG/$r" scratch >/dev/null
		m=$(b mount work-$r)
		cp -a "$E/rootfs/." "$m/"
		b umount work-$r >/dev/null
	done
	b commit -q work-orun localhost/base >/dev/null
}

setup() {
	engines_need
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	b rm -a >/dev/null 2>&1
	b rmi -a -f >/dev/null 2>&1
	engines_teardown
}

b() {
	timeout --foreground 100 buildah --root "$E/root" --runroot "$E/run" --storage-driver overlay "$@"
}

b_run() { # flags... -- command...
	local flags=()
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	b run --isolation oci --runtime "$(binary)" --network none "${flags[@]}" "work-$RT" "${@:2}"
}

b_build() { # tag [flags...]: of $E/ctx
	b bud -q --isolation oci --runtime "$(binary)" --network none --cgroup-parent "/$ECG/$RT" -t "$1-$RT" "${@:2}" "$E/ctx"
}

@test "buildah: run" {
	both 0 b_run -- sh -c 'echo out; echo err >&2; id'
	has out err uid=0
	both 7 b_run -- sh -c 'exit 7'
	run -1 b_run -- nothere
	has 'orun: unable to start container process: exec: "nothere": executable file not found in $PATH'
	run -1 b_run -- /etc/passwd
	has 'exec: "/etc/passwd": permission denied'
	both 0 b_run --user 1000:77 --workingdir /tmp --env A=b --hostname foo --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME -- \
		sh -c 'id; pwd; echo $A; hostname; grep -E "Cap|NoNew|Seccomp:" /proc/self/status; ls /sys/class/net'
	has "uid=1000(user) gid=77(extra)" foo
	run -0 bash -c "$(declare -f b b_run binary); echo in | b_run -- cat"
	[ "$output" = in ]
	# what is written stays in the working container
	both 0 b_run -- sh -c 'echo kept >/kept'
	both 0 b_run -- cat /kept
	[ "$output" = kept ]
	both 0 b_run --terminal -- sh -c 'tty; test -t 2'
	printf '%s\nE=%s ORUN=%s RT=orun\nb_run --terminal -- "$@"\n' "$(declare -f b b_run binary)" "$E" "$ORUN" >"$E/terminal"
	TERMINAL_FIXED=1 terminal_check bash "$E/terminal"
}

@test "buildah: volumes" {
	mkdir -p "$E/dir" && echo in >"$E/dir/file"
	both 1 b_run -v "$E/dir:/m:ro" -- sh -c 'cat /m/file; touch /m/x'
	has in "Read-only file system"
	both 0 b_run -v "$E/dir:/m/deep:O" --mount type=tmpfs,dst=/scratch -- sh -c 'touch /m/deep/x /scratch/y; ls /m/deep; stat -c %a /scratch'
	[ ! -e "$E/dir/x" ]
	both 0 b_run --mount "type=bind,src=$E/dir/file,dst=/a/b/c,ro" -- cat /a/b/c
}

@test "buildah: Dockerfiles" {
	mkdir "$E/ctx"
	cat >"$E/ctx/Dockerfile" <<-'DOCKER'
		FROM localhost/base AS first
		ARG WHO=nobody
		RUN echo "hello $WHO" >/greeting && id -u >/by
		FROM localhost/base
		COPY --from=first /greeting /by /
		WORKDIR /w/deep
		USER 1000:77
		RUN id >/tmp/id; pwd >/tmp/pwd; ulimit -n >/tmp/limit
		CMD ["cat", "/greeting"]
	DOCKER
	both 0 b_build built --build-arg WHO=you --ulimit nofile=99:99 --memory 100m --cpu-shares 512
	both 0 b_look built cat /greeting /by /tmp/id /tmp/pwd /tmp/limit
	[ "$output" = "$(printf 'hello you\n0\nuid=1000(user) gid=77(extra) groups=77(extra)\n/w/deep\n99')" ]
	printf 'FROM localhost/base\nRUN exit 9\n' >"$E/ctx/Dockerfile"
	run ! b_build failed
	has "exit status 9"
	printf 'FROM localhost/base\nRUN ["nothere"]\n' >"$E/ctx/Dockerfile"
	run ! b_build failed
	has 'exec: "nothere": executable file not found in $PATH'
}

b_look() { # image command...: in a working container made of it
	local w r=0
	w=$(b from --cgroup-parent "/$ECG/$RT" "localhost/$1-$RT") || return
	b run --isolation oci --runtime "$(binary)" --network none "$w" "${@:2}" || r=$?
	b rm "$w" >/dev/null
	return $r
}

@test "buildah: from an archive" {
	b push -q localhost/base "docker-archive:$E/base.tar:base:latest"
	w=$(b from --cgroup-parent "/$ECG" "docker-archive:$E/base.tar")
	run -0 b run --isolation oci --runtime "$ORUN" --network none "$w" cat /etc/passwd
	has root:x:0
	b rm "$w"
}
