# SPDX-License-Identifier: Apache-2.0
#
# A full disk, a disk without inodes, a quota, one that cannot be written or fails, and a host that went down:
# the error names the reason, nothing is half-made, and all works again afterwards.

load lib

setup() {
	fault_setup
	mkdir -p "$ONGGI_ROOT"
}

# a disk that a failed test left full or unwritable must not hide why
teardown() {
	unfill
	if [ -z "${BATS_TEST_COMPLETED:-}" ] && mountpoint -q "$ONGGI_ROOT"; then
		end_disk || true
	fi
	fault_teardown || local failed=1
	if [ -n "${DEVICE:-}" ]; then
		umount -l "$DEVICE"
		rm "$DEVICE"
	fi
	[ -z "${failed:-}" ]
}

disk() { # tmpfs options
	mount -t tmpfs -o "$1" onggi-test "$ONGGI_ROOT"
}

loop_disk() { # size, mkfs and its words
	truncate -s "$1" "$T/disk"
	"${@:2}" "$T/disk" >"$T/mkfs" 2>&1 || { cat "$T/mkfs"; return 1; }
	mount -o loop "$T/disk" "$ONGGI_ROOT"
}

# all that needs room fails for @1, then works
each_fails() { # reason
	local c
	for c in "load -q -i $T/busybox.tar" "import $T/layer.tar made:2" "commit kept made:1" "create --name kk base true" \
		"run --rm --network none base true" "volume create vol" "run -d --name kk -v /anonymous base true"; do
		# shellcheck disable=SC2086
		fails_for "$1" $c
	done
	run -0 onggi ps -a
	run -0 onggi images
}

# nothing but the container and the images that were there before
nothing_new() {
	onggi system sweep >/dev/null
	[ "$(onggi ps -aq --no-trunc)" = "$KEPT" ] && [ "$(ls "$ONGGI_ROOT/containers")" = "$KEPT" ] &&
		[ "$(ls "$ONGGI_ROOT/names")" = kept ] && [ "$(onggi images -q | wc -l)" = 1 ] &&
		[ -z "$(find "$ONGGI_ROOT"/{tmp,leases,volumes} -mindepth 1 2>/dev/null)" ] ||
		{ find "$ONGGI_ROOT" -maxdepth 2; return 1; }
}

prepare() {
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$T/busybox.tar:busybox:latest"
	mkdir "$T/made" && cp /bin/busybox "$T/made" && tar -C "$T/made" -cf "$T/layer.tar" .
	onggi run --name kept --network none base sh -c 'echo text >/file'
	KEPT=$(onggi ps -aq --no-trunc)
}

all_works() {
	onggi load -q -i "$T/busybox.tar" >/dev/null
	onggi commit kept made:1 >/dev/null
	onggi import "$T/layer.tar" made:2 >/dev/null
	[ "$(onggi run --rm --network none made:1 cat /file)" = text ]
	onggi volume create vol >/dev/null
	onggi volume rm vol >/dev/null
	onggi rm kept >/dev/null
	onggi system check >"$T/check" || { cat "$T/check"; return 1; }
	heal "afterwards"
}

# the file lies where the engine does not look
fill() {
	head -c 1G /dev/zero >"$ONGGI_ROOT/filler" 2>/dev/null || true
	[ "$(df --output=avail "$ONGGI_ROOT" | tail -1)" -eq 0 ]
}

fill_inodes() {
	mkdir -p "$ONGGI_ROOT/filler.d"
	(cd "$ONGGI_ROOT/filler.d" && seq 1 100000 | xargs touch 2>/dev/null) || true
	[ "$(df --output=iavail "$ONGGI_ROOT" | tail -1)" -eq 0 ]
}

unfill() {
	mount -o remount,rw "$ONGGI_ROOT" 2>/dev/null || true
	rm -rf "$ONGGI_ROOT/filler" "$ONGGI_ROOT/filler.d"
}

fails_for() { # reason COMMAND...: fails, says so
	local why=$1
	shift
	run onggi "$@"
	[ "$status" != 0 ] || { echo "$*: no failure"; return 1; }
	[[ $output == *"$why"* ]] || { echo "$*: $output"; return 1; }
	[[ $output != *Sanitizer* ]]
}

no_space() { fails_for "o space left on device" "$@"; }

# umount of the disk comes after the containers went
end_disk() {
	local ids
	ids=$(ls "$ONGGI_ROOT/containers" 2>/dev/null)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rm -f -v $ids >/dev/null
	umount -l "$ONGGI_ROOT"
}

@test "full: load, run, create and volumes fail well, then work" {
	disk size=24m
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$T/busybox.tar:busybox:latest"
	python3 "$BATS_TEST_DIRNAME/../lib/mkimage.py" "$T/big" --kb 40000
	skopeo copy -q "oci:$T/big:latest" "docker-archive:$T/big.tar:big:latest"
	onggi run --rm --network none base true
	no_space load -q -i "$T/big.tar"
	heal "load of what is too big"
	[ "$(onggi images -q | wc -l)" = 1 ]
	fill
	no_space load -q -i "$T/busybox.tar"
	no_space run --rm --network none base true
	no_space run -d --name kk -p "$PORT:80" --cgroup-parent "$GROUP" -v /anonymous base sleep "$NAP"
	no_space create --name kk --network none base true
	no_space volume create vol
	run -0 onggi ps -a
	run -0 onggi images
	heal "full disk"
	unfill
	onggi load -q -i "$T/busybox.tar"
	sleeper >/dev/null
	onggi rm -f kk
	end_disk
}

@test "no inodes: the same" {
	disk size=64m,nr_inodes=2000
	onggi run --rm --network none base true
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$T/busybox.tar:busybox:latest"
	fill_inodes
	no_space load -q -i "$T/busybox.tar"
	no_space run -d --name kk -p "$PORT:80" --cgroup-parent "$GROUP" base sleep "$NAP"
	no_space volume create vol
	heal "no inodes"
	unfill
	onggi load -q -i "$T/busybox.tar"
	sleeper >/dev/null
	onggi rm -f kk
	end_disk
}

@test "ext4 without inodes: all that makes files fails well, then works" {
	loop_disk 64M mkfs.ext4 -q -N 2000
	prepare
	fill_inodes
	each_fails "o space left on device"
	nothing_new
	unfill
	all_works
	end_disk
}

@test "a quota of btrfs: exceeded, all fails well, then works" {
	loop_disk 256M mkfs.btrfs -q
	btrfs quota enable "$ONGGI_ROOT" >/dev/null
	prepare
	sync -f "$ONGGI_ROOT"
	# room for the names, not for the content
	used=$(btrfs qgroup show --raw "$ONGGI_ROOT" | awk '$1 == "0/5" { print $2 }')
	btrfs qgroup limit $((used + 1000000)) "$ONGGI_ROOT"
	fails_for "isk quota exceeded" load -q -i "$T/busybox.tar"
	fails_for "isk quota exceeded" import "$T/layer.tar" made:2
	fails_for "uota exceeded" run --rm --network none base dd if=/dev/zero of=/big bs=1M count=3 conv=fsync
	nothing_new
	btrfs qgroup limit none "$ONGGI_ROOT"
	all_works
	end_disk
}

# cutdisk below: from now on its writes, reads or flushes fail
failing() { setfattr -n user.fail -v "$1" "$DEVICE"; }

remounted() {
	umount -l "$ONGGI_ROOT"
	mount -o loop "$DEVICE" "$ONGGI_ROOT"
}

@test "a disk that fails: input/output error, nothing of it is seen, all works on the next one" {
	local way
	truncate -s 128M "$T/disk"
	mkfs.ext4 -q "$T/disk"
	DEVICE=$(mktemp "${TMPDIR:-/tmp}/onggi-device.XXXXXX")
	"$ONGGI_BUILD/tests/lib/cutdisk" serve "$T/disk" "$T/log" "$DEVICE"
	mount -o loop "$DEVICE" "$ONGGI_ROOT"
	prepare
	for way in write flush; do
		failing $way
		for c in "load -q -i $T/busybox.tar" "commit kept made:1" "create --name kk base true" "volume create vol"; do
			# shellcheck disable=SC2086
			run onggi $c
			[ "$status" != 0 ] || { echo "$way, $c: no failure"; return 1; }
			# the file system stops at the first error of its journal
			[[ $output == *"nput/output error"* || $output == *"ead-only file system"* ]] || { echo "$way, $c: $output"; return 1; }
		done
		run -0 onggi ps -a
		failing ""
		remounted
		onggi system check >"$T/check" || { cat "$T/check"; return 1; }
		nothing_new
	done
	# not read: said, not taken for missing or damaged
	sync -f "$ONGGI_ROOT"
	echo 3 >/proc/sys/vm/drop_caches
	failing read
	run onggi run --rm --network none base true
	[ "$status" != 0 ] || { echo "read: no failure"; return 1; }
	run onggi image prune -a -f
	failing ""
	remounted
	[ "$(onggi ps -aq | wc -l)" = 1 ]
	all_works
	end_disk
}

@test "full under a running container: its log and layer suffer, it goes on; its end is known" {
	disk size=24m
	# says on request that it lives
	onggi run -d --name kk --cgroup-parent "$GROUP" -p "$PORT:80" base sh -c '
		trap "echo alive" USR1; trap "exit 7" TERM
		echo ready; while :; do sleep 0.1; done' >/dev/null
	eventually 60 sh -c "'$ONGGI_BIN/onggi' logs kk | grep -q ready"
	fill
	run -1 onggi exec kk dd if=/dev/zero of=/big bs=1k count=1000
	[[ $output == *"o space left"* ]] || { echo "exec: $output"; return 1; }
	# far more than a pipe holds: the log cannot take it, the container is not stopped by that
	onggi exec kk sh -c 'head -c 1m /dev/zero | tr "\0" "x" >/proc/1/fd/1; echo; rm -f /big'
	"$ONGGI_BIN/onggi" wait kk >"$T/wait" &
	run -0 onggi stop -t 60 kk
	wait $!
	[ "$(cat "$T/wait")" = 7 ]
	[ "$(onggi inspect -f '{{.State.Status}} {{.State.ExitCode}}' kk)" = "exited 7" ]
	unfill
	[ "$(onggi inspect -f '{{.State.Status}} {{.State.ExitCode}}' kk)" = "exited 7" ]
	onggi start kk
	eventually 60 sh -c "[ \$('$ONGGI_BIN/onggi' logs kk | grep -c ready) = 2 ]"
	onggi kill -s USR1 kk
	eventually 60 sh -c "'$ONGGI_BIN/onggi' logs kk | grep -q alive"
	fill
	# what is in the way can be removed although there is no room
	run onggi rm -f kk; [ "$status" = 0 ] || { echo "rm: $output"; return 1; }
	heal "rm on a full disk"
	unfill
	end_disk
}

@test "check on a full disk: says what is damaged of an image of archives, and what is not" {
	loop_disk 64M mkfs.ext4 -q
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$T/busybox.tar:busybox:latest"
	onggi -s erofs load -q -i "$T/busybox.tar" >"$T/out" 2>&1 || skip "$(head -1 "$T/out")"
	onggi -s erofs run --rm --network none busybox true
	fill
	run -0 onggi system check
	index=$(echo "$ONGGI_ROOT"/snapshots/*/erofs)
	printf x | dd of="$index" bs=1 seek=1100 conv=notrunc status=none
	run -1 onggi system check
	[[ $output == *"the index of the image's archives is damaged"* ]]
	run -0 onggi system check --repair
	unfill
	onggi -s erofs run --rm --network none busybox true
	run -0 onggi system check
	onggi rmi busybox >/dev/null
	end_disk
}

@test "state that cannot be written: looking works, all else says why" {
	disk size=24m
	sleeper >/dev/null
	onggi stop -t 0 kk
	mount -o remount,ro "$ONGGI_ROOT"
	run -0 onggi ps -a
	[[ $output == *Exited* ]]
	run -0 onggi images
	run -0 onggi inspect kk
	for c in "run --rm base true" "create base true" "rm kk" "start kk" "volume create vol" "rename kk k2"; do
		# shellcheck disable=SC2086
		run onggi $c
		[ "$status" != 0 ] || { echo "$c: no failure"; return 1; }
		[[ $output == *"ead-only file system"* ]] || { echo "$c: $output"; return 1; }
	done
	mount -o remount,rw "$ONGGI_ROOT"
	onggi start kk
	onggi rm -f kk
	heal "read-only"
	end_disk
}

@test "the host went down: containers have exited, start works, --rm ones are gone, leases are free" {
	sleeper --restart no >/dev/null
	onggi run -d --rm --name gone --cgroup-parent "$GROUP" base sleep "$NAP" >/dev/null
	onggi create --name never --network none base true >/dev/null
	kill -9 $(pids_of_engine)
	eventually 60 no_process
	for g in $(find /sys/fs/cgroup/*"$GROUP" "/sys/fs/cgroup$GROUP" -mindepth 1 -type d 2>/dev/null); do
		eventually 60 rmdir "$g"
	done
	# a boot: RUN is a tmpfs, links and rules are gone
	rm -rf "$ONGGI_RUN"
	for l in $(ip -o link show type bridge | awk -F': ' '{ print $2 }'); do ip link del "$l"; done
	nft flush ruleset
	run -0 onggi ps -a --format '{{.Names}} {{.Status}}'
	[[ $output == *"kk Exited"* ]]
	[[ $output == *"never Created"* ]]
	[[ $output != *"gone"* ]] || { onggi ps -a; return 1; }
	[ "$(onggi inspect -f '{{.State.ExitCode}} {{.State.Error}}' kk)" = "-1 the host went down: exit status unknown" ]
	run -0 onggi start kk
	[ "$(onggi port kk)" != "" ]
	onggi rm -f kk never >/dev/null
	heal reboot
}

no_process() { [ -z "$(pids_of_engine)" ]; }
