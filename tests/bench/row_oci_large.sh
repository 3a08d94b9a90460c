#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A large configuration: the default bundle with 64 more mounts (half of them binds, half tmpfs), 300
# variables of the environment and 500 seccomp rules that compare an argument; and with half of all
# that. What the whole adds to the default bundle is to be twice what the half adds.
set -eu
. "$(dirname "$0")/lib.sh"
oci_start "large configuration" "$0"

many() { # DIR MOUNTS ENV RULES: a copy of the bundle with more of everything
	cp -a "$bundle" "$1"
	for i in $(seq 0 $(($2 - 1))); do mkdir -p "$1/rootfs/m/$i"; done
	bundle_change "$1" '
		def call: ["read", "write", "close", "fstat", "lseek", "mmap", "mprotect", "ioctl", "socket",
			"fcntl", "dup2", "kill", "shutdown", "listen", "setsockopt", "getsockopt", "fchmod", "fchown",
			"umask", "setuid"][. % 20];
		.mounts += [range($mounts) | if . % 2 == 0
			then { destination: "/m/\(.)", type: "bind", source: "\($here)/rootfs/bin", options: ["bind", "ro"] }
			else { destination: "/m/\(.)", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=64k"] } end]
		| .process.env += [range($env) | "VARIABLE_\(.)=value of variable \(.)"]
		| .linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls:
			[range($rules) | { names: [call], action: "SCMP_ACT_ERRNO", errnoRet: 1,
				args: [{ index: 0, value: (. + 100000), op: "SCMP_CMP_EQ" }] }] }' \
		--argjson mounts "$2" --argjson env "$3" --argjson rules "$4" --arg here "$1"
}
many "$bundle-half" 32 150 250
many "$bundle-full" 64 300 500
medians "$bundle/figures" \
	orun "$(of orun) run --bundle $bundle-full $id" \
	half "$(of orun) run --bundle $bundle-half $id" \
	none "$(of orun) run --bundle $bundle $id" \
	crun "$(of crun) run --bundle $bundle-full $id-crun" \
	runc "$(of runc) run --bundle $bundle-full $id-runc"
grep -v -e '^half ' -e '^none ' "$bundle/figures" >"$bundle/peers"
row "oci run, 64 mounts, 300 env, 500 rules" "$bundle/peers" orun ms "crun 0.5"
awk '{ v[$1] = $2 } END {
	half = v["half"] - v["none"]; full = v["orun"] - v["none"]
	printf "what these add\t%.2f ms\thalf of them %.2f\t%.3g x half\t<= 2.2 x half\t%s\n", full, half, full / half,
		(full <= 2.2 * half ? "yes" : "no") }' "$bundle/figures"
