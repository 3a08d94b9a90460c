#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# containerd with orun as its runtime: by ctr with the runc v2 shim beside runc, by the shim of v1, and
# by the Kubernetes interface of its CRI plugin. A containerd of its own, images from an archive.
# once

load engines_lib

setup_file() {
	local cni ns i
	engines_setup containerd containerd ctr runc umoci curl expect || return 0
	for cni in /usr/lib/cni /usr/libexec/cni /opt/cni/bin; do
		[ ! -x $cni/bridge ] || break
	done
	mkdir "$E/cni"
	cat >"$E/cni/tests.conflist" <<-JSON
		{"cniVersion": "0.4.0", "name": "tests", "plugins": [{"type": "bridge", "bridge": "orun-cni",
			"isGateway": true, "ipam": {"type": "host-local", "dataDir": "$E/cni-data",
			"ranges": [[{"subnet": "10.213.9.0/24"}]]}}]}
	JSON
	cat >"$E/config.toml" <<-TOML
		version = 2
		root = "$E/root"
		state = "$E/state"
		[grpc]
		address = "$E/sock"
		[ttrpc]
		address = "$E/ttrpc"
		[plugins."io.containerd.internal.v1.opt"]
		path = "$E/opt"
		[plugins."io.containerd.runtime.v1.linux"]
		runtime = "$ORUN"
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "docker.io/library/pause:latest"
		disable_apparmor = true
		restrict_oom_score_adj = true
		netns_mounts_under_state_dir = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		bin_dir = "$cni"
		conf_dir = "$E/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		default_runtime_name = "orun"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.orun]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.orun.options]
		BinaryName = "$ORUN"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.orun1]
		runtime_type = "io.containerd.runc.v1"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.orun1.options]
		BinaryName = "$ORUN"
	TOML
	containerd -c "$E/config.toml" >"$E/log" 2>&1 3>&- &
	export CONTAINERD=$!
	eventually 60 c version
	cp -r "$(image_oci busybox)" "$E/box"
	cp -r "$E/box" "$E/pause"
	umoci config --image "$E/pause:latest" --config.cmd sh --config.cmd -c --config.cmd 'trap exit TERM; sleep 100000 & wait'
	for i in box pause; do
		tar -C "$E/$i" -cf "$E/$i.tar" .
		for ns in tests k8s.io; do
			ctr -a "$E/sock" -n $ns image import --base-name docker.io/library/$i "$E/$i.tar" >/dev/null
		done
	done
}

setup() {
	engines_need
}

teardown_file() {
	[ -n "${E:-}" ] || return 0
	local id
	for id in $(c task ls -q 2>/dev/null); do
		c task kill -s KILL "$id"
		c task delete -f "$id"
	done
	end_process "$CONTAINERD"
	engines_teardown
}

BOX=docker.io/library/box:latest

c() {
	timeout 60 ctr -a "$E/sock" -n tests "$@"
}

c_run() { # flags... -- command...
	local flags=()
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	c run --rm --runc-binary "$(binary)" --cgroup "/$ECG/run-$RT" "${flags[@]}" $BOX "run-$RT" "${@:2}"
}

# a ctr command about the task $1-$RT: c_on NAME COMMAND [ARGS... @ ...]
c_on() {
	local name=$1-$RT a=()
	shift
	for w; do
		[ "$w" != @ ] || w=$name
		a+=("$w")
	done
	c "${a[@]}"
}

c_life() {
	c run -d --runc-binary "$(binary)" --cgroup "/$ECG/$1-$RT" --memory-limit 64000000 $BOX "$1-$RT" sh -c \
		'trap "exit 3" TERM; trap "touch /usr1" USR1; touch /ready; while :; do sleep 0.1; done'
}

has_file() { # task file: written by what runs there
	eventually 60 c task exec --exec-id f "$1" test -e "$2"
}

task_is() { # id status
	[ "$(c task ls | awk -v id="$1" '$1 == id { print $3 }')" = "$2" ]
}

cri() {
	timeout 70 python3 "$BATS_TEST_DIRNAME/../lib/cri.py" "$E/sock" "$@"
}

@test "containerd: run, exit statuses, errors" {
	both 0 c_run -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
	both 7 c_run -- sh -c 'exit 7'
	both 1 c_run -- nothere
	has 'OCI runtime create failed: unable to start container process: exec: "nothere": executable file not found in $PATH'
	both 1 c_run -- /etc/passwd
	has 'exec: "/etc/passwd": permission denied'
	both 0 c_run --memory-limit 20000000 --cpus 0.5 --seccomp --read-only --env A=b --cwd /tmp --mount \
		"type=bind,src=$E/box,dst=/m,options=rbind:ro" -- sh -c 'echo $A; pwd; ls /m/oci-layout; touch /x 2>/dev/null || echo ro
			grep -E "Seccomp:|NoNew|Cap" /proc/self/status'
	has "Seccomp:	2" /m/oci-layout ro
	both 0 c_run --cap-add CAP_SYS_TIME --cap-drop CAP_CHOWN --allow-new-privs -- grep -E 'NoNew|CapBnd' /proc/self/status
	both 0 c_run --net-host --with-ns "ipc:/proc/self/ns/ipc" -- sh -c 'ls /sys/class/net; readlink /proc/self/ns/ipc'
	both 0 c_run --no-pivot --runc-root "$E/other-root" -- ls -d /bin /proc/self
	both 0 c_run --device /dev/kmsg -- stat -c %t:%T /dev/kmsg
	both 0 c_run --rootfs-propagation shared -- true
	[ "$(c task ls -q)" = "" ]
}

@test "containerd: life of a task" {
	both 0 c_life l
	for r in orun runc; do
		eventually 60 task_is l-$r RUNNING
		has_file l-$r /ready
	done
	both 4 c_on l task exec --exec-id e --user 1000 --cwd /tmp @ sh -c 'id; pwd; exit 4'
	has "uid=1000" /tmp
	both 1 c_on l task exec --exec-id e @ nothere
	has 'OCI runtime exec failed: exec failed: unable to start container process: exec: "nothere": executable file not found in $PATH'
	both 0 c_on l task exec -d --exec-id s @ sleep 1000
	run -0 c task ps l-orun
	[ "${#lines[@]}" -ge 3 ]
	run -0 c task metrics --format json l-orun
	jq -e '.memory.usage.limit > 63000000 and .memory.usage.limit <= 64000000 and .pids.current >= 2 and .cpu.usage.total > 0' <<<"$output"
	both 0 c_on l task pause @
	task_is l-orun PAUSED
	both 1 c_on l task exec --exec-id e @ true
	has "paused"
	both 0 c_on l task resume @
	task_is l-orun RUNNING
	both 0 c_on l task kill -s USR1 @
	has_file l-orun /usr1
	has_file l-runc /usr1
	both 0 c_on l task kill -s KILL --exec-id s @
	both 0 c_on l task kill -s TERM @
	eventually 60 task_is l-orun STOPPED
	eventually 60 task_is l-runc STOPPED
	both 0 c_on l task delete @
	has "non-zero exit code 3"
	both 1 c_on l task kill @
	# again, in the same container
	both 0 c_on l task start -d @
	task_is l-orun RUNNING
	run ! c container rm l-orun
	both 0 c_on l task kill --all -s KILL @
	eventually 60 task_is l-orun STOPPED
	eventually 60 task_is l-runc STOPPED
	both 0 c_on l task delete @
	has "non-zero exit code 137"
	both 0 c_on l container rm @
	[ -z "$(ls "$E/state/io.containerd.runtime.v2.task/tests")" ]
}

@test "containerd: terminals" {
	c run -d --runc-binary "$ORUN" --cgroup "/$ECG/tty" $BOX tty sleep 1000
	terminal_check ctr -a "$E/sock" -n tests task exec --exec-id t -t tty
	terminal_check ctr -a "$E/sock" -n tests run --rm -t --runc-binary "$ORUN" --cgroup "/$ECG/tty2" $BOX tty2
	c task kill -s KILL tty
	eventually 60 task_is tty STOPPED
	run -0 c task delete tty
	run -0 c container rm tty
}

@test "containerd: the shim of v1" {
	run -7 c run --rm --runtime io.containerd.runtime.v1.linux --cgroup "/$ECG/v1" $BOX v1 sh -c 'echo out; exit 7'
	[[ $output == *out* ]]
	run -1 c run --rm --runtime io.containerd.runtime.v1.linux --cgroup "/$ECG/v1" $BOX v1 nothere
	has 'executable file not found in $PATH'
	c run -d --runtime io.containerd.runtime.v1.linux --cgroup "/$ECG/v1" $BOX v1 sleep 1000
	run -4 c task exec --exec-id e v1 sh -c 'echo in; exit 4'
	run -0 c task pause v1
	task_is v1 PAUSED
	run -0 c task resume v1
	run -0 c task metrics v1
	has memory.usage
	run -0 c task ps v1
	run -0 c task kill -s KILL v1
	eventually 60 task_is v1 STOPPED
	run -0 c task delete v1
	run -0 c container rm v1
}

@test "containerd: many at once" {
	local i s pids=()
	for i in $(seq 8); do
		c run --rm --runc-binary "$ORUN" --cgroup "/$ECG/many$i" $BOX "many$i" sh -c "exit $i" 3>&- &
		pids[i]=$!
	done
	for i in $(seq 8); do
		s=0
		wait "${pids[i]}" || s=$?
		[ "$s" = "$i" ]
	done
}

cri_ok() {
	run cri "$@"
	[ "$status" = 0 ] || { echo "$1: $output"; return 1; }
}

cri_pod() { # handler: the life of a pod with two containers
	local pod id config sandbox
	sandbox=$(jq -cn --arg g "/$ECG-pod-$1" --arg l "$E/logs-$1" '{metadata: {name: "pod", uid: "u", namespace: "default"},
		hostname: "podhost", log_directory: $l, linux: {cgroup_parent: $g,
		security_context: {namespace_options: {network: 0, pid: 1}}}}')
	cri_ok RunPodSandbox "$(jq -cn --argjson c "$sandbox" --arg h "$1" '{config: $c, runtime_handler: $h}')"
	pod=$(jq -r .pod_sandbox_id <<<"$output")
	config=$(jq -cn --arg d "$E/box" '{metadata: {name: "one"}, image: {image: "docker.io/library/box:latest"},
		command: ["sh", "-c"], log_path: "one.log", args: ["trap \"exit 3\" TERM; echo logged; while :; do sleep 0.1; done"],
		mounts: [{container_path: "/m", host_path: $d, readonly: 1}],
		linux: {resources: {memory_limit_in_bytes: 64000000, cpu_shares: 512},
		security_context: {readonly_rootfs: 1, no_new_privs: 1, run_as_user: {value: 1000},
			capabilities: {drop: ["ALL"]}, namespace_options: {network: 0, pid: 1}}}}')
	cri_ok CreateContainer "$(jq -cn --argjson c "$config" --argjson s "$sandbox" --arg p "$pod" \
		'{pod_sandbox_id: $p, config: $c, sandbox_config: $s}')"
	id=$(jq -r .container_id <<<"$output")
	one=$(jq -cn --arg i "$id" '{container_id: $i}')
	[ "$(cri ContainerStatus "$one" | jq '.status.state // 0')" = 0 ]
	cri_ok StartContainer "$one"
	[ "$(cri ContainerStatus "$one" | jq '.status.state')" = 1 ]
	logged() { grep -q "stdout F logged" "$E/logs-$1/one.log"; }
	eventually 60 logged "$1"
	cri_ok ExecSync "$(jq -c '. + {cmd: ["sh", "-c", "id -u; hostname; ls /sys/class/net; ls /m/oci-layout; grep CapBnd /proc/self/status; touch /x 2>&1; exit 4"]}' <<<"$one")"
	[ "$(jq .exit_code <<<"$output")" = 4 ]
	has '1000\npodhost\neth0\nlo\n/m/oci-layout\nCapBnd:\t0000000000000000' "Read-only file system"
	run -1 cri ExecSync "$(jq -c '. + {cmd: ["nothere"]}' <<<"$one")"
	has 'executable file not found in $PATH'
	run -1 cri ExecSync "$(jq -c '. + {cmd: ["sleep", "1000"], timeout: 1}' <<<"$one")"
	has "timeout 1s exceeded"
	cri_ok UpdateContainerResources "$(jq -c '. + {linux: {memory_limit_in_bytes: 80000000, cpu_shares: 700}}' <<<"$one")"
	cri_ok ExecSync "$(jq -c '. + {cmd: ["sh", "-c", "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.shares 2>/dev/null || cat memory.max"]}' <<<"$one")"
	has "79998976"
	cri_ok ContainerStats "$one"
	jq -e '.stats.memory.working_set_bytes.value > 4096 and .stats.cpu.usage_core_nano_seconds.value > 0' <<<"$output"
	cri_ok StopContainer "$(jq -c '. + {timeout: 20}' <<<"$one")"
	[ "$(cri ContainerStatus "$one" | jq -c '[.status.state, .status.exit_code]')" = "[2,3]" ]
	cri_ok RemoveContainer "$one"
	# one that cannot start says why
	cri_ok CreateContainer "$(jq -cn --argjson c "$config" --argjson s "$sandbox" --arg p "$pod" \
		'{pod_sandbox_id: $p, config: ($c + {command: ["/no/such"], args: []}), sandbox_config: $s}')"
	one=$(jq -c . <<<"$output")
	run -1 cri StartContainer "$one"
	has 'exec: "/no/such": stat /no/such: no such file or directory'
	cri_ok RemoveContainer "$one"
	one=$(jq -cn --arg p "$pod" '{pod_sandbox_id: $p}')
	cri_ok StopPodSandbox "$one"
	cri_ok RemovePodSandbox "$one"
}

@test "containerd: Kubernetes pods" {
	cri_ok Version
	has containerd
	cri_pod orun
}

@test "containerd: Kubernetes pods with the other shim" {
	cri_pod orun1
}
