# SPDX-License-Identifier: Apache-2.0
#
# zfs.bash - a pool of ZFS in a file, by the daemon zfs-fuse: a real ZFS wherever there is FUSE. The daemon and the
# program zfs meet at fixed paths, so that a file of tests has its own of these, in the mount namespace that
# tests/run gives to each file; the daemon mounts there, too. It is one per file: started by the first test that
# asks for it, ended in teardown_file.

# zfs_missing: why there can be none; nothing when there can
zfs_missing() {
	if ! command -v zfs-fuse >/dev/null || ! command -v zpool >/dev/null; then
		echo "zfs-fuse is not installed"
	elif [ ! -e /dev/fuse ]; then
		echo "no /dev/fuse"
	elif [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ]; then
		echo "not in a mount namespace of its own, as tests/run makes one"
	elif grep -qw zfs /proc/filesystems; then
		echo "the kernel has zfs, whose pools are not ours to play with"
	fi
}

zfs_answers() { zpool list >/dev/null 2>&1; }

zfs_daemon() {
	zfs-fuse --no-daemon --no-kstat-mount --enable-xattr --max-arc-size 64 >"$BATS_FILE_TMPDIR/zfs/log" 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/zfs/pid"
	eventually 60 zfs_answers || { cat "$BATS_FILE_TMPDIR/zfs/log"; return 1; }
}

# zfs_killed_daemon: it ends in the middle of its work
zfs_killed_daemon() {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/zfs/pid")
	kill -9 "$pid"
	tail --pid="$pid" -f /dev/null
	rm /var/run/zfs/zfs_socket
}

# zfs_pool: the pool onggi-test is there, empty
zfs_pool() {
	local dir=$BATS_FILE_TMPDIR/zfs
	if [ ! -e "$dir/pid" ]; then
		mkdir -p "$dir" /var/run/zfs /var/lock/zfs /var/lib/zfs
		mount -t tmpfs onggi-zfs-test /var/run/zfs
		mount -t tmpfs onggi-zfs-test /var/lock/zfs
		mount -t tmpfs onggi-zfs-test /var/lib/zfs
		zfs_daemon || return 1
		truncate -s 1500M "$dir/pool"
		zpool create -m none onggi-test "$dir/pool" 2>"$dir/create" || { cat "$dir/create"; return 1; }
	fi
	[ "$(zfs list -H -r -o name onggi-test)" = onggi-test ] || { zfs list -r -t all onggi-test; return 1; }
}

# zfs_for_store: the engine's store keeps its datasets there
zfs_for_store() {
	zfs_pool || return 1
	export ONGGI_ZFS_FSNAME=onggi-test
}

# zfs_is_empty: nothing of any store is left in it
zfs_is_empty() {
	[ "$(zfs list -H -r -o name -t all onggi-test)" = onggi-test ]
}

# zfs_clear: after a test that failed
zfs_clear() {
	local at
	[ -e "$BATS_FILE_TMPDIR/zfs/pid" ] || return 0
	for at in $(awk '$3 == "fuse.zfs" { print $2 }' /proc/mounts); do umount -l "$at"; done
	zfs_is_empty || eventually 60 zfs_cleared
}

zfs_cleared() {
	zfs list -H -o name -d 1 -r onggi-test | sed 1d | xargs -r -n 1 zfs destroy -R
	zfs_is_empty
}

# zfs_end: the daemon this file started, and what it was given
zfs_end() {
	local dir=$BATS_FILE_TMPDIR/zfs pid
	[ -e "$dir/pid" ] || return 0
	pid=$(cat "$dir/pid")
	zpool destroy onggi-test || zpool destroy -f onggi-test || true
	kill "$pid" || return 1
	tail --pid="$pid" -f /dev/null
	umount /var/run/zfs /var/lock/zfs /var/lib/zfs
}
