#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# embed.sh OUT.h SOURCE.c HEADER_DIR CC...: compile SOURCE alone, without libc, and write the
# program as the bytes of a C array. Where the compiler cannot do that there are none.
set -e
out=$1 src=$2 dir=$3
shift 3
flags="-Os -I$dir -nostdlib -nostartfiles -ffreestanding -static -fno-pie -fno-pic -fno-stack-protector
	-fno-asynchronous-unwind-tables -fno-builtin -Wl,-n -Wl,-z,noseparate-code -Wl,--build-id=none
	-Wl,-z,noexecstack -Wl,-s"
# shellcheck disable=SC2086
if "$@" $flags -o "$out.elf" "$src" 2>"$out.log"; then
	od -An -v -tx1 "$out.elf" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' >"$out.tmp"
else
	: >"$out.tmp"
fi
mv "$out.tmp" "$out"
