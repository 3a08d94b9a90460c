#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# podman's pods and kube files, and podman of an ordinary user, with orun as the runtime.
# once

load engines_lib

setup_file() {
	engines_setup pods podman conmon runc newuidmap setpriv || return 0
	podman_setup "$E/podman"
	podman_run import "$E/image.tar" box >/dev/null 2>&1
	user_setup
	u import "$E/image.tar" box >/dev/null 2>&1
	u volume create vol >/dev/null
}

setup() {
	engines_need
	cd "$E" # conmon writes a file "oom" where it is
	podman_setup "$E/podman"
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	podman_setup "$E/podman"
	p pod rm -f -a -t 0 >/dev/null 2>&1
	p rm -f -a -t 0 >/dev/null 2>&1
	p rmi -f -a >/dev/null 2>&1
	u rm -f -a -t 0 >/dev/null 2>&1
	u system migrate >/dev/null 2>&1 # ends the process that holds the user's namespaces
	# files of the user's ids
	rm -rf "$E/home" "$E/run"
	engines_teardown
}

p() {
	podman_run --runtime "$RT" "$@"
}

# An ordinary user with subordinate ids, known in the mount namespace of this command only. The v2
# hierarchy beside v1 is left out: podman takes it for a delegated one.
user_setup() {
	mkdir -m 700 "$E/home" "$E/run"
	chown 7001:7001 "$E/home" "$E/run"
	{ cat /etc/passwd; echo "orun-tester:x:7001:7001::$E/home:/bin/sh"; } >"$E/passwd"
	{ cat /etc/group; echo "orun-tester:x:7001:"; } >"$E/group"
	echo "orun-tester:300000:65536" >"$E/subid"
	cat >"$E/as-user" <<-SH
		for f in passwd group; do mount --bind $E/\$f /etc/\$f || exit; done
		for f in subuid subgid; do mount --bind $E/subid /etc/\$f || exit; done
		cd $E/home
		exec setpriv --reuid 7001 --regid 7001 --clear-groups env -i PATH="\$PATH" HOME=$E/home \\
			XDG_RUNTIME_DIR=$E/run CONTAINERS_CONF=$E/podman/containers.conf \\
			podman --cgroup-manager cgroupfs --events-backend file --storage-driver vfs "\$@"
	SH
}

u() {
	unshare -m --propagation private sh "$E/as-user" --runtime "$RT" "$@"
}

u_run() {
	u run --rm --network none "$@"
}

@test "podman: pods" {
	run -0 p pod create --name pod --infra-image box --infra-command "sleep 1000" --share ipc,uts,pid \
		--hostname podhost --network none --cgroup-parent "/$ECG"
	p run -d --pod pod --name one box sh -c 'touch /dev/shm/of-one; exec sleep 1001'
	eventually 60 p exec one test -e /dev/shm/of-one
	run -0 p run --rm --pod pod box sh -c 'hostname; cat /proc/1/comm; ls /dev/shm'
	[ "$output" = "$(printf 'podhost\nsleep\nof-one')" ]
	run -0 p pod pause pod
	[ "$(p inspect one --format '{{.State.Status}}')" = paused ]
	run -0 p pod unpause pod
	run -0 p pod top pod args
	has "sleep 1000" "sleep 1001"
	run -0 p pod stats --no-stream --format '{{.Name}} {{.PIDS}}' pod
	has "one 1"
	run -0 p pod stop -t 1 pod
	[ "$(p pod ps --format '{{.Status}}')" = Exited ]
	run -0 p pod start pod
	[ "$(p pod ps --format '{{.Status}}')" = Running ]
	run -0 p pod kill pod
	run -0 p pod rm -f -t 0 pod
	[ "$(p ps -aq)" = "" ]
}

@test "podman: kube files" {
	p run -d --name kube --network none --cgroup-parent "/$ECG" --memory 64m --cap-drop chown box sleep 1000
	p generate kube kube >"$E/kube.yaml"
	p rm -f -t 0 kube
	# the pause image would be built from podman's own catatonit
	p import --change 'CMD ["sleep", "1000"]' "$E/image.tar" \
		"localhost/podman-pause:$(p version --format '{{.Client.Version}}')-0" >/dev/null 2>&1
	run -0 p play kube --network none "$E/kube.yaml"
	[ "$(p ps --filter name=kube-pod-kube --format '{{.Status}}' | cut -c -2)" = Up ]
	run -0 p play kube --down "$E/kube.yaml"
	[ "$(p ps -aq)" = "" ]
}

@test "podman of an ordinary user: run" {
	both 0 u_run box sh -c 'id; cat /proc/self/uid_map; touch /a; stat -c %u:%g /a /etc /dev/null'
	[[ $output =~ 0\ +7001\ +1$'\n'\ +1\ +300000\ +65536 ]]
	both 7 u_run -u 1000 -e A=b -w /tmp box sh -c 'id; echo $A; pwd; exit 7'
	both 127 u_run box nothere
	has 'exec: "nothere": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found'
	both 126 u_run box /etc/passwd
	both 0 u_run --userns keep-id box id
	both 0 u_run --read-only --tmpfs /x --cap-drop all --security-opt no-new-privileges box sh -c \
		'grep -E "Cap|NoNew|Seccomp:" /proc/self/status; touch /x/y; touch /y 2>/dev/null || echo ro'
	both 0 u_run -v "$E/rootfs/etc:/m:ro" -v vol:/v box sh -c 'cat /m/passwd; touch /v/a; stat -c %u /v/a /m'
	both 0 u_run --pid host --uts host box sh -c '[ $$ != 1 ] && hostname'
	both 0 u run --rm --network host box sh -c 'ls /sys/class/net; mount | grep -c "on /sys type sysfs"'
	both 0 u_run -t box sh -c 'tty; stat -c %u:%a /dev/console'
	both 0 u_run --group-add keep-groups box true
	both 0 u_run --sysctl kernel.shmmax=1234567 --ulimit nofile=99:99 box sh -c 'cat /proc/sys/kernel/shmmax; ulimit -n'
	# two at once get in each other's way in podman's storage: the root of one is out of reach for a moment
	BOTH_APART=1 both 0 u_run --uidmap 0:1:1000 --gidmap 0:1:1000 box sh -c 'id -u; cat /proc/self/uid_map'
}

@test "podman of an ordinary user: life of a container" {
	u run -d --name life --network none box sh -c \
		'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done'
	logged() { u logs life 2>&1 | grep -q "$1"; }
	eventually 60 logged started
	[ "$(u inspect life --format '{{.State.Status}} {{.OCIRuntime}}')" = "running orun" ]
	run -4 u exec -u 1000 -e X=1 life sh -c 'id -u; echo $X; exit 4'
	[ "$output" = "$(printf '1000\n1')" ]
	run -0 u exec -t life tty
	has /dev/pts/0
	run -127 u exec life nothere
	run -0 u top life args
	has "sh -c trap"
	run -0 u kill -s USR1 life
	eventually 60 logged usr1
	run -0 u stop -t 20 life
	[ "$(u wait life)" = 3 ]
	run -0 u start life
	run -0 u restart -t 20 life
	run -0 u kill life
	[ "$(u wait life)" = 137 ]
	run -0 u rm life
	[ -z "$(ls "$E/run/orun")" ]
}
