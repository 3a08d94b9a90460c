#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# fs-verity of the storage driver erofs where there is none: on xfs. Where there is one:
# tests/guest/verity.bats.

load lib

setup() {
	grep -qw erofs /proc/filesystems || skip "this kernel has no EROFS"
	engine_setup
	MNT=$(mktemp -d "${TMPDIR:-/tmp}/onggi-store.XXXXXX")
	truncate -s 320M "$T/disk"
	mkfs.xfs -q "$T/disk"
	mount -o loop "$T/disk" "$MNT"
	export ONGGI_STORAGE_DRIVER=erofs ONGGI_ROOT=$MNT/store
	if ! onggi run --rm --network none base true 2>"$T/why"; then
		grep -q 'erofs: this kernel' "$T/why"
		skip "$(head -1 "$T/why")"
	fi
}

teardown() { disk_teardown engine_teardown; }

has() { [[ $output == *"$1"* ]] || { echo "no \"$1\" in: $output"; return 1; }; }

notes() { find "$ONGGI_ROOT/snapshots" -name '*.verity'; }

@test "auto goes on without, on is refused and says what is missing, other words are refused" {
	[ -z "$(notes)" ]
	ONGGI_EROFS_VERITY=auto onggi run --rm --network none base true
	run -1 env ONGGI_EROFS_VERITY=on "$ONGGI_BIN/onggi" create base
	has "erofs: ONGGI_EROFS_VERITY=on: this file system has no fs-verity"
	has "ext4, btrfs and f2fs have it"
	run -1 env ONGGI_EROFS_VERITY=maybe "$ONGGI_BIN/onggi" create base
	has 'ONGGI_EROFS_VERITY: "maybe" is none of auto, on, off'
	# other drivers have nothing to do with it
	ONGGI_EROFS_VERITY=on onggi -s vfs run --rm --network none base true
	# nor has what ends containers
	onggi create --name cc base >/dev/null
	ONGGI_EROFS_VERITY=on onggi rm cc >/dev/null
	[ -z "$(notes)" ]
}

@test "what was sealed elsewhere is refused, until the check has read it" {
	run -0 onggi run --rm --network none base cat /etc/passwd
	before=$output
	for f in "$ONGGI_ROOT"/snapshots/*/{tar,erofs}; do
		[ ! -e "$f" ] || printf 'sha256:%064d\n' 1 >"$f.verity"
	done
	[ "$(notes | wc -l)" = 2 ]
	run onggi run --rm --network none base true
	[ "$status" != 0 ]
	has "this file system has no fs-verity"
	has "hint: onggi system check --repair"
	run -1 onggi system check --quick
	has "2 found, 0 mended"
	run -1 env ONGGI_EROFS_VERITY=on "$ONGGI_BIN/onggi" system check --repair
	has "2 found, 0 mended"
	run -0 onggi system check --quick --repair
	has "its archive this file system has no fs-verity; goes on without it"
	has "2 found, 2 mended"
	[ -z "$(notes)" ]
	run -0 onggi run --rm --network none base cat /etc/passwd
	[ "$output" = "$before" ]
	# notes of no sense, and one without a file: removed with the layer
	printf '' >"$(echo "$ONGGI_ROOT"/snapshots/*/tar).verity"
	run -125 onggi run --rm --network none base true
	onggi rmi base >/dev/null
	[ -z "$(ls "$ONGGI_ROOT/snapshots")" ]
}
