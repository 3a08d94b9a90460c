#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Images of other shapes: a container from a hundred layers beside one from a single layer, and the removal of
# 100000 small files beside rm -rf of the same tree on the same disk.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
engines_start "images of other shapes" "$0"
rounds=${BENCH_ROUNDS:-3}
archive=$(dirname "$0")/../lib/archive.py

i=0
while [ $i -lt 99 ]; do
	i=$((i + 1))
	echo "f 644 file$i text" >"$E/layer$i.txt"
done
python3 "$archive" "$E/hundred.tar" hundred:1 $(seq -f "$E/layer%g.txt" 99)
python3 "$archive" "$E/single.tar" single:1
for n in hundred single; do $onggi load -q -i "$E/$n.tar" >/dev/null; done
for n in hundred single; do $onggi rm "$($onggi create --network none $n:1 true)" >/dev/null; done
r=0
while [ $r -lt $((rounds * 10)) ]; do
	r=$((r + 1))
	for n in hundred single; do clock $n $onggi create --name "c$n" --network none $n:1 true; done
	$onggi rm chundred csingle >/dev/null
done
figures "$E/figures"
awk '{ v[$1] = $2 * 1000 } END {
	more = v["hundred"] - v["single"]
	printf "create from 100 layers, over one layer\t%.2f ms\t1 layer %.2f ms\t-\t<= 5 ms\t%s\n", more, v["single"], (more <= 5 ? "yes" : "no") }' "$E/figures"

# who comes first after both trees were made is slower, whoever it is: they take turns with that too
files_tar "$E/many.tar"
r=0
while [ $r -lt $((rounds * 2)) ]; do
	r=$((r + 1))
	$onggi import "$E/many.tar" many:1 >/dev/null
	mkdir "$E/disk/tree" && tar -C "$E/disk/tree" -xf "$E/many.tar"
	sync
	[ $((r % 2)) = 0 ] || clock onggi $onggi rmi -f many:1
	clock rm rm -rf "$E/disk/tree"
	[ $((r % 2)) = 1 ] || clock onggi $onggi rmi -f many:1
done
figures "$E/figures"
row "rmi of 100000 small files" "$E/figures" onggi s "rm 1.1"
