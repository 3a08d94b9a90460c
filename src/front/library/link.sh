#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# link.sh OUT-A OUT-SO SONAME VERSION-SCRIPT PARTS.a CORE.a CC... - libonggi-runtime as an archive and as
# a shared library, both of the same object: the public functions with what they need of the core, and
# no name but onggi_* visible outside. An archive of archives could not hide names.
set -eu
archive=$1 shared=$2 soname=$3 script=$4 parts=$5 core=$6
shift 6
object=${archive%.a}.o
"$@" -r -nostdlib -Wl,--whole-archive "$parts" -Wl,--no-whole-archive "$core" -o "$object"
objcopy -w --keep-global-symbol='onggi_*' "$object"
rm -f "$archive"
ar rcs "$archive" "$object"
gc=-Wl,--gc-sections
case $* in *-fsanitize*) gc= ;; esac # the tables of sanitizers are not made for it
"$@" -shared -Wl,-soname,"$soname" -Wl,--version-script="$script" $gc -Wl,-z,relro,-z,now \
	"$object" -lm -lpthread -o "$shared"
rm -f "$object"
[ "${STRIP:-no}" = no ] || strip --strip-unneeded "$shared"
