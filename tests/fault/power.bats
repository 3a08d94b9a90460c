# SPDX-License-Identifier: Apache-2.0
#
# Power cuts. A store lies on a disk that writes down all that reaches it (tests/lib/cutdisk.c); commands
# run one after the other. Then the disk is brought to moments of that run, as a cut there may leave it:
# what a finished command said is there, bit by bit; of the running one all or nothing; the store is
# sound, all can be done again, and nothing stays when all is removed.
#
#   ONGGI_CUTS=N moments of each file system (default 4), ONGGI_SEED=N the same choice again,
#   ONGGI_KEEP=DIR keeps the disk and the log of a run that failed

load lib

setup() {
	fault_setup
	LIB=$BATS_TEST_DIRNAME/../lib
	CUT=$ONGGI_BUILD/tests/lib/cutdisk
	: "${ONGGI_SEED:=$((SECONDS + $$ % 30000))}" "${ONGGI_CUTS:=4}"
	echo "seed $ONGGI_SEED"
	DISK=$T/disk
	mkdir "$ONGGI_ROOT" "$ONGGI_RUN" "$T/boots"
	: >"$DISK"
}

teardown() {
	local m
	if [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -d "${ONGGI_KEEP:-/nowhere}" ]; then
		cp --sparse=always "$T/base" "$T/log" "$T/events" "$T/content" "$ONGGI_KEEP" || true
	fi
	[ -z "${REGISTRY:-}" ] || kill "$REGISTRY"
	end_containers || true
	for m in "$ONGGI_ROOT" "$DISK" /proc/sys/kernel/random/boot_id; do
		grep -q " $m " /proc/self/mountinfo && umount -l "$m"
	done
	fault_teardown
}

# ---- the run that is written down ----

SECTOR=512 # what a disk writes whole or not at all
begin() { # mkfs's words, size
	local size=$1
	shift
	truncate -s "$size" "$T/base"
	"$@" "$T/base" >"$T/mkfs" 2>&1 || { cat "$T/mkfs"; return 1; }
	cp --sparse=always "$T/base" "$T/image"
	"$CUT" serve "$T/image" "$T/log" "$DISK"
	mount -o loop "$DISK" "$ONGGI_ROOT"
	chmod 700 "$ONGGI_ROOT"
	: >"$T/events"
	: >"$T/content"
}

# op "OBJECT STATE"... -- COMMAND: what the command promises when it has ended. OBJECT is image:NAME,
# container:NAME, volume:NAME; STATE is there, gone
op() {
	local from said=()
	from=$("$CUT" count "$T/log")
	while [ "$1" != -- ]; do
		said+=("$1")
		shift
	done
	shift
	"$@" >"$T/op" 2>&1 || { echo "$*: $(cat "$T/op")"; return 1; }
	local to s
	to=$("$CUT" count "$T/log")
	for s in "${said[@]}"; do echo "$from $to $s" >>"$T/events"; done
	echo "$from-$to: $*" >>"$T/ops"
	contents
}

content() { # image: sums of all its files, seen from within
	onggi run --rm --network none --pull never "$1" /bin/busybox sh -c '
		cd /; busybox find . -xdev -type f | busybox grep -v -e /proc/ -e /sys/ -e /dev/ -e /etc/hostname \
			-e /etc/hosts -e /etc/resolv.conf | busybox sort | busybox xargs busybox sha256sum'
}

run_it() {
	local tar=$T/archives
	mkdir "$tar"
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$tar/busybox.tar:busybox:latest"
	python3 "$LIB/mkimage.py" "$T/oci" --kb 300 --seed two
	skopeo copy -q "oci:$T/oci:latest" "docker-archive:$tar/two.tar:two:latest"
	python3 "$LIB/mkimage.py" "$T/oci" --tag pulled --kb 200 --seed three --compress gzip,zstd
	mkdir "$T/lying"
	python3 "$LIB/lying_registry.py" "$T/oci" "$T/lying" >"$T/lying/out" 2>&1 3>&- &
	REGISTRY=$!
	eventually 60 test -s "$T/lying/port"
	PULLED=127.0.0.1:$(cat "$T/lying/port")/plain/x:pulled
	op "image:busybox there" -- onggi load -q -i "$tar/busybox.tar"
	op "image:two there" -- onggi load -q -i "$tar/two.tar"
	op "image:tagged there" -- onggi tag two tagged
	op "container:kept there" -- onggi create --name kept --network none two /bin/busybox cat /etc/passwd
	op "container:gone there" -- onggi run --name gone --network none busybox sh -c \
		'mkdir /made; seq 20000 >/made/numbers; sync'
	op "image:done there" -- onggi commit gone done
	op "volume:vol there" -- onggi volume create vol
	op "image:$PULLED there" -- onggi pull -q "$PULLED"
	op "image:tagged gone" -- onggi rmi tagged
	op "container:gone gone" -- onggi rm gone
	op "image:two gone" -- onggi rmi -f two
	op "image:done gone" -- onggi rmi done
	op "image:$PULLED gone" -- onggi rmi "$PULLED"
	op "volume:vol gone" -- onggi volume rm vol
	op "image:$PULLED there" -- onggi pull -q "$PULLED"
	op "image:two there" -- onggi load -q -i "$tar/two.tar"
	op "volume:vol there" -- onggi volume create vol
}

# sums of each image of the run, by its ID; these containers are something to be cut, too
contents() {
	local id
	for id in $(onggi images -q --no-trunc -a | sort -u); do
		! grep -q "^$id " "$T/content" || continue
		content "$id" >"$T/sums"
		echo "$id $(sha256sum <"$T/sums") $(wc -l <"$T/sums")" >>"$T/content"
	done
}

# ---- one moment ----

boot() { # number: another boot, as the engine sees it: RUN is empty, the ID is new
	rm -rf "$ONGGI_RUN"
	mkdir "$ONGGI_RUN"
	printf '%08d-0000-4000-8000-%012d\n' "$1" "$1" >"$T/boots/id"
	grep -q " /proc/sys/kernel/random/boot_id " /proc/self/mountinfo ||
		mount --bind "$T/boots/id" /proc/sys/kernel/random/boot_id
}

end_containers() {
	local ids
	ids=$(ls "$ONGGI_ROOT/containers" 2>/dev/null)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rm -f -v $ids >/dev/null
}

# what must be at MOMENT, what may be: "there", "gone" or "open" for each object
expected() { # moment
	awk -v k="$1" '
		!($3 in state) { state[$3] = "gone" }
		$2 <= k { state[$3] = $4; next }
		$1 <= k && state[$3] != $4 { state[$3] = "open" }
		END { for (o in state) print o, state[o] }' "$T/events"
}

is_there() { # object
	case $1 in
	image:*) onggi image inspect "${1#image:}" ;;
	container:*) onggi inspect --type container "${1#container:}" ;;
	volume:*) onggi volume inspect "${1#volume:}" ;;
	esac >/dev/null 2>"$T/is_there"
}

promises_kept() { # moment
	local object state bad=0
	while read -r object state; do
		[ "$state" != open ] || continue
		if is_there "$object"; then
			[ "$state" = there ] || { echo "$object is back"; bad=1; }
		else
			[ "$state" = gone ] || { echo "$object is lost: $(cat "$T/is_there")"; bad=1; }
		fi
	done < <(expected "$1")
	return $bad
}

# every image that is to be seen gives containers of the right content, every container starts
all_is_whole() {
	local id want got
	onggi images -q --no-trunc -a | sort -u >"$T/ids"
	while read -r id; do
		want=$(grep "^$id " "$T/content") || { echo "$id has never been"; return 1; }
		content "$id" >"$T/sums" 2>"$T/err" || { echo "$id: $(cat "$T/err")"; return 1; }
		got="$id $(sha256sum <"$T/sums") $(wc -l <"$T/sums")"
		[ "$got" = "$want" ] || { echo "$id: $got instead of $want"; return 1; }
	done <"$T/ids"
	for id in $(onggi ps -aq); do
		onggi start -a "$id" >"$T/out" 2>&1 || { echo "start $id: $(cat "$T/out")"; return 1; }
	done
	onggi volume ls -q >/dev/null
}

again() {
	onggi load -q -i "$T/archives/busybox.tar" >/dev/null
	onggi load -q -i "$T/archives/two.tar" >/dev/null
	onggi pull -q "$PULLED" >/dev/null
	onggi volume create vol >/dev/null
	onggi inspect kept >/dev/null 2>&1 ||
		onggi create --name kept --network none two /bin/busybox cat /etc/passwd >/dev/null
	run -0 onggi start -a kept
	[[ $output == root:* ]]
	all_is_whole
}

# all away: no byte of it stays
empty() {
	local ids
	end_containers
	ids=$(onggi volume ls -q)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi volume rm $ids >/dev/null
	onggi image prune -a -f >/dev/null
	onggi system sweep >/dev/null
	(cd "$ONGGI_ROOT" && find blobs snapshots images references containers names volumes leases tmp \
		-mindepth 1 2>/dev/null) | grep -v -e '^blobs/sha[0-9]*$' -e '/\.tmp-' >"$T/left" || return 0
	echo "left over: $(head "$T/left")"
	return 1
}

moment() { # moment: all that is asked after a cut there
	local bad=0
	cp --sparse=always "$T/base" "$T/cut"
	"$CUT" replay "$T/log" "$T/cut" "$1" "$ONGGI_SEED" "$SECTOR"
	boot "$1"
	mount -o loop "$T/cut" "$ONGGI_ROOT"
	onggi system check >"$T/check" 2>&1 || { bad=1; cat "$T/check"; }
	promises_kept "$1" || bad=1
	{ all_is_whole && again; } || bad=1
	onggi system check >"$T/check" 2>&1 || { bad=1; echo "afterwards: $(cat "$T/check")"; }
	empty || bad=1
	[ $bad = 0 ] || end_containers
	umount "$ONGGI_ROOT" || umount -l "$ONGGI_ROOT"
	return $bad
}

cuts() {
	local k bad=0
	run_it
	umount "$ONGGI_ROOT"
	umount "$DISK"
	for k in $("$CUT" points "$T/log" 0 "$ONGGI_CUTS" "$ONGGI_SEED"); do
		moment "$k" >"$T/why" 2>&1 && continue
		echo "cut at $k of $("$CUT" count "$T/log"), seed $ONGGI_SEED: $(cat "$T/why")"
		awk -F'[-:]' -v k="$k" '$1 <= k && k < $2 { print "  in", $0 }' "$T/ops"
		bad=$((bad + 1))
	done
	[ $bad = 0 ] || { echo "$bad of $ONGGI_CUTS cuts"; return 1; }
}

@test "ext4: cuts at any moment" {
	begin 128M mkfs.ext4 -q -E nodiscard
	cuts
}

@test "xfs: cuts at any moment" {
	begin 300M mkfs.xfs -q -K
	cuts
}

# btrfs has no journal below its superblock: 4096 bytes with one checksum, written in place, and mount looks at no copy
# of it. No disk that tears them leaves a file system.
@test "btrfs: cuts at any moment" {
	SECTOR=4096
	begin 256M mkfs.btrfs -q -K
	cuts
}
