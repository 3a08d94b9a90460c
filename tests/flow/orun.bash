# SPDX-License-Identifier: Apache-2.0
#
# orun.bash - what tests of the OCI runtime share: a folder, a state root and a cgroup of their own,
# and bundles made from busybox-static.
#
#   load lib
#   load orun
#   setup() { orun_setup; }
#   teardown() { orun_teardown; }
#   bundle_make NAME [JQ FILTER...]    $T/NAME with rootfs and config.json, no terminal
#   o ARGS...                          orun with this test's root

orun_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/orun-flow.XXXXXX")
	CG=orun-flow-${T##*.}
	mkdir -p "$T/rootfs/bin" "$T/rootfs/etc" "$T/rootfs/tmp"
	cp "$(command -v busybox)" "$T/rootfs/bin/busybox"
	for a in sh ls cat echo true false sleep id ps kill stty tty env pwd mount head grep touch trap wc od \
		hostname readlink stat dd; do
		ln -s busybox "$T/rootfs/bin/$a"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$T/rootfs/etc/passwd"
}

o() {
	"$ONGGI_BIN/orun" --root "$T/root" "$@"
}

bundle_make() { # name [jq filter...]
	local dir=$T/$1 f
	shift
	mkdir -p "$dir"
	"$ONGGI_BIN/orun" spec -b "$dir" || return 1
	for f in ".root.path = \"$T/rootfs\" | .process.terminal = false | .linux.cgroupsPath = \"/$CG/${dir##*/}\"" "$@"; do
		jq "$f" "$dir/config.json" >"$dir/next" && mv "$dir/next" "$dir/config.json" || return 1
	done
}

status_is() { # id status
	[ "$(o state "$1" 2>/dev/null | jq -r .status)" = "$2" ]
}

# whatever the test made goes; what is left after that is a defect
orun_teardown() {
	local left= id pid g
	[ -n "${T:-}" ] || return 0
	for id in $(ls "$T/root" 2>/dev/null); do
		o delete --force "$id" >"$T/delete.out" 2>&1 || left="$left delete $id: $(cat "$T/delete.out")"
	done
	for g in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$CG" 2>/dev/null); do
		[ -z "$(find "$g" -mindepth 1 -type d)" ] || left="$left cgroup below $g"
		find "$g" -depth -type d -exec rmdir {} \; 2>/dev/null
	done
	if grep -q " $T" /proc/self/mountinfo; then
		left="$left mounts: $(grep -o " $T[^ ]*" /proc/self/mountinfo)"
		grep -o " $T[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	fi
	rm -rf "$T"
	[ -z "$left" ] || { echo "left over:$left"; return 1; }
}
