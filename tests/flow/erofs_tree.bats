#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# EROFS images made of layers' archives show what unpacked layers below overlay show: random layers, with
# whiteouts, links and replacements that make no sense. ONGGI_SEED=N repeats one.

load lib

setup() { engine_setup; }
teardown() {
	umount "$T/m" 2>/dev/null || true
	engine_teardown
}

# names, types, modes, owners, sizes, links, times (not of directories: overlay and tar both touch them)
listing() {
	(
		cd "$1" || exit 1
		find . -mindepth 1 -printf '%p %y %m %U:%G %s %n %l %T@\n' | sed -E 's/^(.* d [0-9]+ [0-9:]+) .*/\1/' |
			grep -vE '^\./(dev|proc|sys|etc)( |/)' | sort
		find . -type f | sort | xargs -r -d '\n' sha256sum
	)
}

compare() { # SEED
	local d=$T/$1 n=$(($1 % 5 + 1)) id i tars=()
	mkdir -p "$d/o" "$d/e" "$T/m"
	python3 "$BATS_TEST_DIRNAME/../lib/random_layers.py" "$d/o" "$1" "$n"
	for i in $(seq "$n"); do tars+=("$d/o/$i.tar"); done
	tar -C "$d/o" -cf "$d/image.tar" index.json oci-layout blobs
	if ! onggi load -q -i "$d/image.tar" >"$d/log" 2>&1; then
		# a link to a file that is nowhere: both refuse it
		grep -q 'hard link' "$d/log"
		run "$ERDIR/erofs_make" "$d/image" "${tars[@]}"
		[ "$status" = 1 ]
		return 0
	fi
	id=$(onggi create random:latest)
	onggi export "$id" | tar -C "$d/e" -xpf -
	onggi rm "$id" >/dev/null
	onggi rmi random:latest >/dev/null
	"$ERDIR/erofs_make" "$d/image" "${tars[@]}"
	python3 "$BATS_TEST_DIRNAME/../lib/erofs_mount.py" "$d/image" "$T/m" "${tars[@]}"
	listing "$d/e" >"$d/unpacked"
	listing "$T/m" >"$d/mounted"
	umount "$T/m"
	diff "$d/unpacked" "$d/mounted" || { echo "seed $1, $n layers"; return 1; }
	rm -rf "$d"
}

@test "random layers look the same, unpacked and by EROFS" {
	grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS"
	ERDIR=$ONGGI_BIN/../../tests/lib
	for seed in ${ONGGI_SEED:-1 2 3 4 7 8 16 22 27 50 61 $RANDOM $RANDOM $RANDOM}; do
		compare "$seed"
	done
}
