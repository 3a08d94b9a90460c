#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# podman with orun as its runtime, beside runc: state below one folder, a cgroup parent of its own,
# no network. Pods, kube files and an ordinary user's containers: orun_pods.bats.
# once

load engines_lib

setup_file() {
	engines_setup podman podman conmon runc expect || return 0
	podman_setup "$E/podman"
	podman_run import "$E/image.tar" box >/dev/null 2>&1
	# two at once that make the same volume get in each other's way
	podman_run volume create vol >/dev/null
}

# in every test: functions are not inherited from setup_file
setup() {
	engines_need
	cd "$E" # conmon writes a file "oom" where it is
	podman_setup "$E/podman"
}

teardown() {
	[ -z "${MISSING:-}" ] || return 0
	p rm -f -a -t 0 >/dev/null
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	podman_setup "$E/podman"
	p rm -f -a -t 0 >/dev/null 2>&1
	p rmi -f -a >/dev/null 2>&1
	engines_teardown
}

p() {
	podman_run --runtime "$RT" "$@"
}

p_run() {
	p run --rm --network none --cgroup-parent "/$ECG" "$@"
}

# a container named $1-$RT that answers to signals; the rest are arguments of podman run
p_life() {
	p run -d --network none --cgroup-parent "/$ECG" --name "$1-$RT" "${@:2}" box sh -c \
		'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done' >/dev/null
}

# a podman command about the container $1-$RT: p_on NAME COMMAND [ARGS... @ ...]
p_on() {
	local name=$1-$RT a=()
	shift
	for w; do
		[ "$w" != @ ] || w=$name
		a+=("$w")
	done
	p "${a[@]}"
}

logged() { # container text [times]
	[ "$(p logs "$1" 2>&1 | grep -c "$2")" -ge "${3:-1}" ]
}

@test "podman: info, exit statuses, errors" {
	run -0 p info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}'
	has "orun $ORUN orun version" "spec: 1."
	both 0 p_run box sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	both 7 p_run box sh -c 'exit 7'
	both 127 p_run box nothere
	has 'Error: orun: unable to start container process: exec: "nothere": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found'
	both 126 p_run box /etc/passwd
	has 'exec: "/etc/passwd": permission denied: OCI permission denied'
	both 127 p_run box /no/such/file
	run -126 p_run box /tmp
	run ! p_run --device-read-bps /dev/null:1mb box true
	has 'OCI runtime error: orun: ' 'linux.resources.blockIO.throttleReadBpsDevice[0]: no block device 1:3'
	# by its path, as by its name
	run -0 podman_run --runtime "$ORUN" run --rm --network none --cgroup-parent "/$ECG" box echo hi
	[ "$output" = hi ]
	run -0 bash -c "$(declare -f p_run p podman_run); PODMAN_DIR='$PODMAN_DIR'; echo in | p_run -i box cat"
	[ "$output" = in ]
	[ "$(p ps -aq)" = "" ]
}

@test "podman: the process" {
	both 0 p_run -u 1000:5 --group-add 77 -w /tmp -e A=b --umask 077 box sh -c 'id; pwd; echo $A; umask'
	both 0 p_run -u user --cap-add sys_time --cap-drop chown box grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
	both 0 p_run --cap-drop all --cap-add net_raw --security-opt no-new-privileges --security-opt seccomp=unconfined \
		box grep -E 'Cap|NoNew|Seccomp:' /proc/self/status
	has "CapBnd:	0000000000002000" "NoNewPrivs:	1" "Seccomp:	0"
	# podman also raises limits, which runc takes for an error where that is denied
	run -0 p_run --ulimit nofile=100:200 --oom-score-adj 500 box sh -c 'ulimit -n; cat /proc/self/oom_score_adj'
	[ "$output" = "$(printf '100\n500')" ]
	both 0 p_run -t box sh -c 'tty; stat -c %u:%a /dev/console'
	both 0 p_run --init --init-path "$(command -v docker-init)" box cat /proc/1/comm
	both 0 p_run --privileged --security-opt seccomp=unconfined box sh -c 'ls /dev/full; mount | grep -c /proc/; :'
	[ "$output" = "$(printf '/dev/full\n0')" ]
	run -0 p_run --group-add keep-groups box true
	# a personality is more than runc has; orun's is the spec's
	run -0 p_run --personality LINUX32 box uname -m
	[[ $output == i?86 ]]
}

@test "podman: file systems" {
	mkdir -p "$E/dir" && echo in >"$E/dir/file"
	both 0 p_run -u 1000 --tmpfs /x --tmpfs /z:size=1m,mode=700,noexec box sh -c 'touch /x/a; stat -c %a /x /z; mount | grep " /z "'
	both 0 p_run --tmpfs /etc --mount type=tmpfs,dst=/root,notmpcopyup box sh -c 'ls /etc /root'
	both 1 p_run -v "$E/dir:/m:ro,nosuid,nodev,noexec" box sh -c 'grep " /m " /proc/self/mountinfo | cut -d" " -f5,6; touch /m/x'
	has "Read-only file system" ro,nosuid,nodev,noexec
	both 0 p_run -v "$E/dir:/m:O" -v "$E/dir/file:/n/deep/file" -v vol:/v box sh -c 'touch /m/x; ls /m; cat /n/deep/file; ls /v'
	[ ! -e "$E/dir/x" ]
	both 0 p_run --read-only --tmpfs /x box sh -c 'touch /x/y; touch /y 2>/dev/null || echo ro'
	[ "$output" = ro ]
	both 0 p_run --device /dev/zero:/dev/foo:r --shm-size 3m box sh -c 'stat -c "%a %t:%T" /dev/foo; df -k /dev/shm'
	both 0 p_run --security-opt mask=/etc/group:/root box sh -c 'cat /etc/group; ls /root; touch /root/x 2>/dev/null || echo ro'
	both 0 p_run --security-opt unmask=ALL box sh -c 'mount | grep -c /proc/; :'
	[ "$output" = 0 ]
	both 0 p_run --rootfs "$E/rootfs" cat /etc/passwd
}

@test "podman: namespaces" {
	both 0 p_run --pid host --ipc host --uts host --cgroupns host box sh -c \
		'[ $$ != 1 ]; readlink /proc/self/ns/ipc; hostname'
	both 0 p run --rm --network host box ls /sys/class/net
	both 0 p_run --cgroupns private --hostname foo box sh -c 'cat /proc/self/cgroup; hostname'
	both 0 p_run --sysctl net.ipv4.ip_default_ttl=33 --sysctl kernel.shmmax=12345678 \
		box cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmax
	[ "$output" = "$(printf '33\n12345678')" ]
	both 0 p_run --uidmap 0:100000:1000 --gidmap 0:200000:2000 box sh -c \
		'cat /proc/self/uid_map /proc/self/gid_map; touch /a; stat -c "%u:%g %a" /a /etc /dev/null /dev/pts /dev/shm'
	[[ $output =~ 0\ +100000\ +1000 ]]
	p run -d --network none --cgroup-parent "/$ECG" --name peer --ipc shareable --hostname peer box sh -c 'touch /dev/shm/of-peer; exec sleep 1000'
	eventually 60 p exec peer test -e /dev/shm/of-peer
	both 0 p run --rm --cgroup-parent "/$ECG" --network container:peer --pid container:peer --ipc container:peer --uts container:peer \
		box sh -c 'hostname; cat /proc/1/comm; ls /dev/shm'
	[ "$output" = "$(printf 'peer\nsleep\nof-peer')" ]
}

@test "podman: resources and update" {
	local show='cd /sys/fs/cgroup; if [ -d memory ]; then
		cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes memory/memory.soft_limit_in_bytes \
			cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max
		else cat memory.max memory.swap.max memory.low cpu.max cpuset.cpus pids.max; fi'
	both 0 p_run --memory 20m --memory-swap 40m --memory-reservation 10m --cpus 0.5 --cpu-shares 512 \
		--cpuset-cpus 0 --pids-limit 33 box sh -c "$show"
	both 0 p_life res --memory 64m
	both 0 p_on res update --memory 100m --memory-swap 200m --memory-reservation 50m --cpus 0.5 \
		--cpu-shares 700 --cpuset-cpus 0 @
	both 0 p_on res exec @ sh -c "$show"
	has "$(printf '104857600\n209715200')"
	# one value is refused: the others are as they were
	run ! p update --memory 110m --memory-swap 220m --cpuset-cpus 99 res-orun
	has "numerical result out of range"
	run -0 p exec res-orun sh -c "$show"
	has "$(printf '104857600\n209715200')"
	run -0 p stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' res-orun
	[[ $output =~ ^[1-9]\ [1-9].*B\ /\ 67.11MB ]] # the limit that it was made with
	both 137 p_oom
	both 0 p_on oom inspect @ --format '{{.State.OOMKilled}} {{.State.ExitCode}}'
}

# conmon hears of the kill and of the end by two descriptors, and may see the end first, with any runtime
p_oom() {
	local s
	for _ in {1..20}; do
		p rm -f -i "oom-$RT" >/dev/null 2>&1
		s=0
		p run --name "oom-$RT" --network none --cgroup-parent "/$ECG" --memory 20m box \
			dd if=/dev/zero of=/dev/null bs=200M count=1 || s=$?
		[ "$(p inspect "oom-$RT" --format '{{.State.OOMKilled}}')" = false ] || break
	done
	return $s
}

@test "podman: life of a detached container" {
	both 0 p_life l --stop-signal TERM
	eventually 60 logged l-orun started
	eventually 60 logged l-runc started
	[ "$(p inspect l-orun --format '{{.State.Status}} {{.OCIRuntime}}')" = "running orun" ]
	both 0 p_on l pause @
	both 255 p_on l exec @ true
	[ "$(p inspect l-orun --format '{{.State.Status}}')" = paused ]
	both 0 p_on l unpause @
	both 0 p_on l kill -s USR1 @
	eventually 60 logged l-orun usr1
	both 125 p_on l kill -s FOO @
	both 0 p_on l stop -t 20 @
	both 0 p_on l wait @
	[ "$output" = 3 ]
	both 255 p_on l exec @ true
	both 0 p_on l start @
	# with the traps set: podman says when it had to kill
	eventually 60 logged l-orun started 2
	eventually 60 logged l-runc started 2
	both 0 p_on l restart -t 20 @
	[ "$(p inspect l-orun --format '{{.State.Status}}')" = running ]
	both 0 p_on l kill @
	both 0 p_on l wait @
	[ "$output" = 137 ]
	both 0 p_on l start @
	run ! p rm l-orun
	both 0 p_on l rm -f -t 0 @
	run -0 p events --stream=false --filter container=l-orun --since 10m
	has "container create" "container start" "container pause" "container died" "container remove"
}

@test "podman: exec" {
	both 0 p_life x --cap-drop chown
	eventually 60 logged x-orun started
	eventually 60 logged x-runc started
	both 4 p_on x exec -u 1000:1000 -e X=1 -w /tmp @ sh -c 'echo $(id -u) $X $(pwd); exit 4'
	[ "$output" = "1000 1 /tmp" ]
	both 0 p_on x exec @ grep -E 'Cap|Seccomp:|NoNew|Groups' /proc/self/status
	both 127 p_on x exec @ nothere
	has 'exec: "nothere": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found'
	both 126 p_on x exec @ /etc/passwd
	both 127 p_on x exec -w /no/such @ true
	both 137 p_on x exec @ sh -c 'kill -9 $$'
	run -0 p exec --privileged x-orun grep CapEff /proc/self/status
	[[ $output != *00000000800405fa* ]]
	run -0 bash -c "$(declare -f p podman_run); PODMAN_DIR='$PODMAN_DIR'; echo in | p exec -i x-orun cat"
	[ "$output" = in ]
	p exec -d x-orun sleep 1000
	run -0 p top x-orun pid user args
	has "sleep 1000"
	p cp "$E/rootfs/etc/group" x-orun:/tmp/group
	run -0 p exec x-orun cat /tmp/group
	has user
	both 0 p_on x stop -t 20 @
}

@test "podman: terminals" {
	p run -d --name tty --network none --cgroup-parent "/$ECG" box sleep 1000
	printf '%s\nPODMAN_DIR=%s RT=orun\np "$@"\n' "$(declare -f p podman_run)" "$PODMAN_DIR" >"$E/p"
	terminal_check bash "$E/p" exec -it tty
	terminal_check bash "$E/p" run --rm -it --network none --cgroup-parent "/$ECG" box
}

@test "podman: health checks" {
	p run -d --name sick --network none --cgroup-parent "/$ECG" --health-cmd 'test -e /tmp/ok' \
		--health-interval disable --health-retries 1 box sleep 1000
	run -1 p healthcheck run sick
	[ "$(p inspect sick --format '{{.State.Health.Status}}')" = unhealthy ]
	p exec sick touch /tmp/ok
	run -0 p healthcheck run sick
	[ "$(p inspect sick --format '{{.State.Health.Status}}')" = healthy ]
}

@test "podman: restart policy, logs, commit, hooks, many at once" {
	local i s pids=()
	p run -d --name again --restart on-failure:2 --network none --cgroup-parent "/$ECG" box sh -c 'echo once; exit 3'
	again() { [ "$(p inspect again --format '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}')" = "2 exited 3" ]; }
	eventually 60 again
	[ "$(p logs again 2>&1 | grep -c once)" = 3 ]
	p commit -q --change 'CMD ["cat", "/etc/passwd"]' again box-cat >/dev/null
	both 0 p_run box-cat
	has root:x:0
	mkdir -p "$E/hooks"
	echo '{"version": "1.0.0", "when": {"always": true}, "stages": ["prestart", "poststop"], "hook":
		{"path": "/bin/sh", "args": ["sh", "-c", "cat >>'"$E"'/hooked; echo >>'"$E"'/hooked"]}}' >"$E/hooks/h.json"
	run -0 podman_run --runtime orun --hooks-dir "$E/hooks" run --rm --network none --cgroup-parent "/$ECG" box true
	run -0 jq -r .status "$E/hooked"
	has stopped
	[ "${#lines[@]}" = 2 ]
	for i in $(seq 8); do
		p_run box sh -c "exit $i" 3>&- &
		pids[i]=$!
	done
	for i in $(seq 8); do
		s=0
		wait "${pids[i]}" || s=$?
		[ "$s" = "$i" ]
	done
}
