# SPDX-License-Identifier: Apache-2.0
#
# lib.bash - what flow tests share. Every test has an engine of its own (ONGGI_ROOT, ONGGI_RUN) and
# leaves nothing: engine_teardown fails the test when a container's process, mount or cgroup is left.
#
#   load lib
#   setup() { engine_setup; }
#   teardown() { engine_teardown; }

: "${ONGGI_BIN:=$BATS_TEST_DIRNAME/../../build/src/bin}"
: "${ONGGI_LIBEXEC:=$ONGGI_BIN}"
: "${ONGGI_DATA:=$BATS_TEST_DIRNAME/../../build/data}"
: "${ONGGI_BUILD:=$BATS_TEST_DIRNAME/../../build}"
# images are the same for every build: kept where the release build is (tests/run makes them first)
: "${IMAGES_DIR:=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build/test-images}"
export ONGGI_BIN ONGGI_LIBEXEC ONGGI_DATA IMAGES_DIR
. "$BATS_TEST_DIRNAME/../lib/peers.sh"
. "$BATS_TEST_DIRNAME/../lib/images.sh"
bats_require_minimum_version 1.5.0

onggi() {
	"$ONGGI_BIN/onggi" "$@"
}

orun() {
	"$ONGGI_BIN/orun" "$@"
}

engine_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/onggi-flow.XXXXXX")
	export ONGGI_ROOT=$T/root ONGGI_RUN=$T/run
}

# disk_teardown TEARDOWN: what it does, then the disk goes that a test has mounted at $MNT for the engine's store
disk_teardown() {
	"$1" || local failed=1
	if [ -n "${MNT:-}" ]; then
		umount "$MNT" || umount -l "$MNT"
		rmdir "$MNT"
	fi
	[ -z "${failed:-}" ]
}

# everything of this engine goes; what is left after that is a defect
engine_teardown() {
	local ids left=
	[ -n "${T:-}" ] || return 0
	if [ -d "$ONGGI_ROOT/containers" ]; then
		ids=$(ls "$ONGGI_ROOT/containers")
		# shellcheck disable=SC2086
		[ -z "$ids" ] || onggi rm -f -v $ids >/dev/null 2>"$T/rm.err" || left="rm failed: $(cat "$T/rm.err")"
	fi
	if grep -q " $T" /proc/self/mountinfo; then
		left="$left mounts: $(grep -o " $T[^ ]*" /proc/self/mountinfo)"
		grep -o " $T[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	fi
	for id in ${ids:-}; do
		for g in /sys/fs/cgroup/*/onggi/"$id" /sys/fs/cgroup/onggi/"$id"; do
			[ ! -d "$g" ] || left="$left cgroup $g"
		done
	done
	rm -rf "$T"
	[ -z "$left" ] || { echo "left over: $left"; return 1; }
}

# load a test image under NAME into this engine, without a registry
image_load() { # image [name]
	local src
	src=$(image_oci "$1") || return 1
	skopeo copy -q "oci:$src:latest" "docker-archive:$T/$1.tar:${2:-$1:latest}" &&
		onggi load -q -i "$T/$1.tar" >/dev/null && rm "$T/$1.tar"
}

# the guest's libraries are those of its Debian, whatever the host is that made the programs
images_or_skip() {
	local s=0
	"$ONGGI_LIBEXEC/onggi-image" >/dev/null 2>&1 || s=$?
	[ "$s" != 127 ] || [ -z "${GUEST_CGROUP:-}" ] || skip "the libraries of onggi-image are not those of the guest"
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
