#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The smaller fields of linux: rootfsPropagation, maskedPaths, readonlyPaths, mountLabel, personality,
# memoryPolicy.

load lib

# ---- rootfsPropagation ----

root_shows() { # value -> flags and tags of the root
	conf '.linux.rootfsPropagation = $p' --arg p "$1"
	mount_shows /
	ok
}

@test "linux.rootfsPropagation private" {
	root_shows private
	hasnt shared: master:
}

@test "linux.rootfsPropagation shared" {
	root_shows shared
	has shared:
}

@test "linux.rootfsPropagation slave" {
	host_tmpfs root
	mount --make-shared "$H/root"
	cp -a "$ROOTFS" "$H/root/rootfs"
	ROOTFS=$H/root/rootfs
	root_shows slave
	hasnt shared:
}

@test "linux.rootfsPropagation unbindable" {
	root_shows unbindable
	has unbindable
}

@test "linux.rootfsPropagation rslave, rprivate, rshared, runbindable" {
	local p
	for p in rslave rprivate rshared runbindable; do
		CONF=$CONF_BASE CONF_ARGS=()
		root_shows "$p"
	done
}

@test "linux.rootfsPropagation absent: nothing gets out to the host" {
	host_tmpfs src
	mount --make-shared "$H/src"
	mkdir "$H/src/sub"
	mount_add /mnt bind "$H/src" rbind
	conf '.process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])'
	run_c 'mount -t tmpfs inside /mnt/sub && is_mount /mnt/sub && echo in'
	ok
	is in
	! grep -q " $H/src/sub " /proc/self/mountinfo
}

@test "linux.rootfsPropagation shared: mounts of the container get out to the host" {
	host_tmpfs src
	mount --make-shared "$H/src"
	mkdir "$H/src/sub"
	mount_add /mnt bind "$H/src" rbind,rshared
	conf '.linux.rootfsPropagation = "shared" | .process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])'
	create_c 'mount -t tmpfs inside /mnt/sub && echo ready; exec sleep 1000'
	ok
	start_c
	ok
	wait_until grep -q ready "$T/out"
	grep -q " $H/src/sub " /proc/self/mountinfo
}

@test "linux.rootfsPropagation shared, with a hook before pivot_root" {
	conf '.hooks.createContainer = [{ path: "/bin/sh", args: ["sh", "-c", "cat >/dev/null"] }]'
	root_shows shared
	has shared:
}

@test "linux.rootfsPropagation unknown is refused" {
	conf '.linux.rootfsPropagation = "public"'
	run_c true
	expect_error 'public' linux.rootfsPropagation
}

@test "linux.rootfsPropagation of a wrong type is refused" {
	conf '.linux.rootfsPropagation = 1'
	run_c true
	expect_error 'expected string' linux.rootfsPropagation
}

# ---- maskedPaths ----

@test "linux.maskedPaths: a file reads as empty" {
	conf '.linux.maskedPaths = ["/proc/cpuinfo", "/file"]'
	run_c 'cat /proc/cpuinfo /file; echo end'
	ok
	is end
}

@test "linux.maskedPaths: a directory is empty and read-only" {
	conf '.linux.maskedPaths = ["/bin/../etc", "/home"]'
	run_c 'ls -A /etc /home; touch /home/x 2>&1'
	[ "$status" -ne 0 ]
	hasnt passwd
	has 'Read-only'
}

@test "linux.maskedPaths: one that does not exist is ignored" {
	conf '.linux.maskedPaths = ["/nothing/here", "/proc/nothing"]'
	run_c 'echo in'
	ok
	is in
}

@test "linux.maskedPaths: root cannot take the mask away without rights" {
	conf '.linux.maskedPaths = ["/file"]'
	run_c 'umount /file 2>&1; cat /file'
	hasnt $'\nfile'
}

@test "linux.maskedPaths: a symbolic link is followed inside the root" {
	private_rootfs
	ln -s /file "$ROOTFS/link"
	conf '.linux.maskedPaths = ["/link"]'
	run_c 'cat /file; echo end'
	ok
	is end
}

@test "linux.maskedPaths: what is mounted there is masked" {
	mkdir "$T/vol"
	touch "$T/vol/secret"
	mount_add /mnt bind "$T/vol" bind
	conf '.linux.maskedPaths = ["/mnt"]'
	run_c 'ls -A /mnt'
	ok
	is ''
}

@test "linux.maskedPaths: an exec sees them too" {
	conf '.linux.maskedPaths = ["/file"]'
	running_c
	exec_c 'cat /file; echo end'
	ok
	is end
}

@test "linux.maskedPaths relative is refused" {
	conf '.linux.maskedPaths = ["proc/cpuinfo"]'
	run_c true
	expect_error 'absolute' 'linux.maskedPaths[0]'
}

@test "linux.maskedPaths of a wrong type is refused" {
	conf '.linux.maskedPaths = "/file"'
	run_c true
	expect_error 'expected array' linux.maskedPaths
}

@test "linux.maskedPaths with a member of a wrong type is refused" {
	conf '.linux.maskedPaths = ["/file", 5]'
	run_c true
	expect_error 'expected string' 'linux.maskedPaths[1]'
}

@test "linux.maskedPaths without a mount namespace is refused" {
	need orun 'others mount it on the host'
	conf '.linux.maskedPaths = ["/file"] | .linux.namespaces |= map(select(.type != "mount")) | .mounts = []'
	run_c true
	expect_error 'mount namespace' linux.maskedPaths
}

# ---- readonlyPaths ----

@test "linux.readonlyPaths: a directory" {
	private_rootfs
	conf '.linux.readonlyPaths = ["/home", "/proc/sys"]'
	run_c 'echo x >/home/x; echo x >/proc/sys/kernel/domainname; touch /b/x && echo other'
	ok
	is other
	[[ $stderr == *"/home/x: Read-only"* && $stderr == *"domainname: Read-only"* ]]
}

@test "linux.readonlyPaths: a file" {
	private_rootfs
	conf '.linux.readonlyPaths = ["/file"]'
	run_c 'echo x >/file'
	[ "$status" -ne 0 ]
	[[ $stderr == *"Read-only"* ]]
}

@test "linux.readonlyPaths: what is mounted below is read-only or as it was, the rest stays" {
	private_rootfs
	conf '.linux.readonlyPaths = ["/a"]'
	run_c 'cat /file; ls -d /a'
	ok
	is $'file\n/a'
}

@test "linux.readonlyPaths: one that does not exist is ignored" {
	conf '.linux.readonlyPaths = ["/nothing/here"]'
	run_c 'echo in'
	ok
	is in
}

@test "linux.readonlyPaths: flags of the mount stay" {
	mkdir "$T/vol"
	mount_add /mnt bind "$T/vol" bind,nosuid,nodev,noexec
	conf '.linux.readonlyPaths = ["/mnt"]'
	mount_shows /mnt
	ok
	word ro
	word nosuid
	word nodev
	word noexec
}

@test "linux.readonlyPaths relative is refused" {
	conf '.linux.readonlyPaths = ["proc/sys"]'
	run_c true
	expect_error 'absolute' 'linux.readonlyPaths[0]'
}

@test "linux.readonlyPaths of a wrong type is refused" {
	conf '.linux.readonlyPaths = {}'
	run_c true
	expect_error 'expected array' linux.readonlyPaths
}

@test "linux.readonlyPaths without a mount namespace is refused" {
	need orun 'others mount it on the host'
	conf '.linux.readonlyPaths = ["/file"] | .linux.namespaces |= map(select(.type != "mount")) | .mounts = []'
	run_c true
	expect_error 'mount namespace' linux.readonlyPaths
}

# ---- mountLabel ----

@test "linux.mountLabel" {
	need selinux
	conf '.linux.mountLabel = "system_u:object_r:container_file_t:s0:c1,c2"'
	run_c 'grep " /tmp " /proc/mounts'
	ok
	has container_file_t
}

@test "linux.mountLabel on a host without SELinux is refused" {
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is there"
	conf '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
	run_c true
	expect_error 'SELinux is not active' linux.mountLabel
}

@test "linux.mountLabel of a wrong type is refused" {
	conf '.linux.mountLabel = 5'
	run_c true
	expect_error 'expected string' linux.mountLabel
}

# ---- personality ----

@test "linux.personality LINUX32" {
	conf '.linux.personality = { domain: "LINUX32" }'
	run_c 'uname -m; cat /proc/self/personality'
	ok
	case $(uname -m) in
	x86_64) is $'i686\n00000008' ;;
	*) has 00000008 ;;
	esac
}

@test "linux.personality LINUX" {
	conf '.linux.personality = { domain: "LINUX" }'
	run_c 'uname -m; cat /proc/self/personality'
	ok
	is "$(uname -m)"$'\n00000000'
}

@test "linux.personality of an exec" {
	conf '.linux.personality = { domain: "LINUX32" }'
	running_c
	exec_c 'cat /proc/self/personality'
	ok
	is 00000008
}

@test "linux.personality.domain unknown is refused" {
	conf '.linux.personality = { domain: "LINUX64" }'
	run_c true
	expect_error 'LINUX64' linux.personality.domain
}

@test "linux.personality.domain missing is refused" {
	conf '.linux.personality = {}'
	run_c true
	expect_error 'domain' linux.personality.domain
}

@test "linux.personality.flags are refused: none is defined" {
	conf '.linux.personality = { domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] }'
	run_c true
	expect_error 'flags' linux.personality.flags
}

@test "linux.personality of a wrong type is refused" {
	conf '.linux.personality = "LINUX32"'
	run_c true
	expect_error 'expected object' linux.personality
}

# ---- memoryPolicy ----

policy_c() { # JSON: the policy of the heap or stack, as numa_maps has it
	need file /proc/self/numa_maps
	conf '.linux.memoryPolicy = $p' --argjson p "$1"
	run_c 'sed -n "s/^[0-9a-f]* \(.*\) stack.*/\1/p" /proc/self/numa_maps'
}

@test "linux.memoryPolicy MPOL_DEFAULT" {
	policy_c '{ "mode": "MPOL_DEFAULT" }'
	ok
	is default
}

@test "linux.memoryPolicy MPOL_BIND" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0" }'
	ok
	is bind:0
}

@test "linux.memoryPolicy MPOL_INTERLEAVE" {
	policy_c '{ "mode": "MPOL_INTERLEAVE", "nodes": "0" }'
	ok
	is interleave:0
}

@test "linux.memoryPolicy MPOL_WEIGHTED_INTERLEAVE" {
	need kernel 6.9
	policy_c '{ "mode": "MPOL_WEIGHTED_INTERLEAVE", "nodes": "0" }'
	ok
	is 'weighted interleave:0'
}

@test "linux.memoryPolicy MPOL_PREFERRED" {
	policy_c '{ "mode": "MPOL_PREFERRED", "nodes": "0" }'
	ok
	is prefer:0
}

@test "linux.memoryPolicy MPOL_PREFERRED_MANY" {
	need kernel 5.15
	policy_c '{ "mode": "MPOL_PREFERRED_MANY", "nodes": "0" }'
	ok
	is 'prefer (many):0'
}

@test "linux.memoryPolicy MPOL_LOCAL" {
	policy_c '{ "mode": "MPOL_LOCAL" }'
	ok
	is local
}

@test "linux.memoryPolicy.flags MPOL_F_STATIC_NODES" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] }'
	ok
	is bind=static:0
}

@test "linux.memoryPolicy.flags MPOL_F_RELATIVE_NODES" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_RELATIVE_NODES"] }'
	ok
	is bind=relative:0
}

@test "linux.memoryPolicy.flags MPOL_F_NUMA_BALANCING" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NUMA_BALANCING"] }'
	# kernels without CONFIG_NUMA_BALANCING refuse
	if [ "$status" -eq 0 ]; then
		has bind
	else
		expect_error 'memoryPolicy' linux.memoryPolicy
	fi
}

@test "linux.memoryPolicy.mode unknown is refused" {
	policy_c '{ "mode": "MPOL_WILD" }'
	expect_error 'MPOL_WILD' linux.memoryPolicy.mode
}

@test "linux.memoryPolicy.mode missing is refused" {
	policy_c '{ "nodes": "0" }'
	expect_error 'mode' linux.memoryPolicy.mode
}

@test "linux.memoryPolicy.nodes missing for MPOL_BIND is refused" {
	policy_c '{ "mode": "MPOL_BIND" }'
	expect_error 'must be given' linux.memoryPolicy.nodes
}

@test "linux.memoryPolicy.nodes with MPOL_DEFAULT is refused" {
	policy_c '{ "mode": "MPOL_DEFAULT", "nodes": "0" }'
	expect_error 'must be empty' linux.memoryPolicy.nodes
}

@test "linux.memoryPolicy.nodes: bad text is refused" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0-" }'
	expect_error 'list' linux.memoryPolicy.nodes
}

@test "linux.memoryPolicy.nodes: a node that is not there is refused" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "900" }'
	expect_error 'memoryPolicy' linux.memoryPolicy
}

@test "linux.memoryPolicy.flags unknown is refused" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_NO_SUCH"] }'
	expect_error 'MPOL_F_NO_SUCH' linux.memoryPolicy.flags
}

@test "linux.memoryPolicy.flags static and relative together are refused" {
	policy_c '{ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] }'
	expect_error 'memoryPolicy' linux.memoryPolicy
}

@test "linux.memoryPolicy of a wrong type is refused" {
	policy_c '"MPOL_BIND"'
	expect_error 'expected object' linux.memoryPolicy
}

@test "linux of a wrong type is refused" {
	conf '.linux = []'
	run_c true
	expect_error 'expected object' linux
}

@test "linux.memoryPolicy of an exec" {
	need file /proc/self/numa_maps
	conf '.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0" }'
	running_c
	exec_c 'sed -n "s/^[0-9a-f]* \(.*\) stack.*/\1/p" /proc/self/numa_maps'
	ok
	is bind:0
}
