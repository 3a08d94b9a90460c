# SPDX-License-Identifier: Apache-2.0
#
# engines.sh - private instances of onggi, docker and podman with the same small image, in a network
# of their own, for the rows that compare engines. Source it after lib.sh:
#
#   engines_start ROW "$0"    isolate, start, load image "bench" (busybox) everywhere; ends at exit
#   $onggi $docker $podman    command prefixes; $podman is empty when podman does not work here
. "$(dirname "$0")/../lib/peers.sh"

engines_stop() {
	set +e # what is gone already is no failure
	for _c in $($onggi ps -aq 2>/dev/null); do $onggi rm -f "$_c" >/dev/null 2>&1; done
	[ -z "${podman:-}" ] || $podman rm -fa -t 0 >/dev/null 2>&1
	for _c in $(docker ps -aq 2>/dev/null); do docker rm -f "$_c" >/dev/null 2>&1; done
	docker_stop
	registry_stop
	grep -o " $E[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l 2>/dev/null
	rm -rf "$E"
}

# as on a host: durable state on a disk, run-time state on a tmpfs. The disk is a fresh file system, since
# what others have just deleted makes ext4 slow for everybody for a while. Its loop device does direct I/O: a disk
# has no second page cache below the file system's own.
engines_disk() {
	mkdir -p "$E/disk" "$E/run"
	mount -t tmpfs tmpfs "$E/run"
	fresh_disk "$E/disk" ||
		echo "bench: no loop device here: the engines' state lies in $BENCH_DIR" >&2
}

# fresh_disk DIR - a new ext4 at DIR, in DIR.img; gone with umount DIR and rm DIR.img
fresh_disk() {
	mkdir -p "$1"
	truncate -s "${BENCH_DISK:-24G}" "$1.img"
	mkfs.ext4 -q -F -E lazy_itable_init=0 -m 0 "$1.img" 2>/dev/null || return 1
	_loop=$(losetup -f --show --direct-io=on "$1.img" 2>/dev/null) || return 1
	_status=0
	mount "$_loop" "$1" 2>/dev/null || _status=1
	losetup -d "$_loop" # in use, it goes with the unmount
	return $_status
}

engines_start() {
	_row=$1
	[ "$(id -u)" = 0 ] || skip "$_row" "needs root"
	[ -x "$ONGGI_BIN/onggi" ] || skip "$_row" "onggi is not built"
	for _p in dockerd docker podman; do have $_p || skip "$_row" "$_p is not installed"; done
	peers_isolate sh "$2"
	E=$BENCH_DIR/engines-$$
	mkdir -p "$E"
	trap engines_stop EXIT
	engines_disk >&2
	ONGGI_ROOT=$E/disk/onggi ONGGI_RUN=$E/run/onggi
	ONGGI_DATA=${ONGGI_DATA:-$ONGGI_BUILD/data}
	export ONGGI_ROOT ONGGI_RUN ONGGI_DATA
	onggi=$ONGGI_BIN/onggi
	docker=docker
	docker_start "$E/disk/docker" --exec-root "$E/run/docker" >&2
	podman_setup "$E/disk/podman"
	# the words of podman_run as one prefix: hyperfine takes no functions
	export CONTAINERS_CONF="$E/disk/podman/containers.conf"
	podman="podman --root $E/disk/podman/root --runroot $E/run/podman --tmpdir $E/run/podman-tmp --cgroup-manager cgroupfs --events-backend file --storage-driver overlay"
	mkdir -p "$E/fs/bin" "$E/fs/tmp" "$E/fs/etc"
	cp /bin/busybox "$E/fs/bin/busybox"
	for _a in sh true sleep cat; do ln -sf busybox "$E/fs/bin/$_a"; done
	tar -C "$E/fs" -cf "$E/fs.tar" .
	for _e in "$onggi" "$docker" "$podman"; do
		$_e import "$E/fs.tar" bench:latest >/dev/null 2>"$E/import.err" || { cat "$E/import.err" >&2; return 1; }
	done
	if ! $podman run --rm --network none bench true >/dev/null 2>"$E/podman.err"; then
		echo "bench: podman does not run here: $(tail -1 "$E/podman.err")" >&2
		podman=
	fi
}

