# SPDX-License-Identifier: Apache-2.0
#
# images.sh - the images of the rows about images, and a clock for whole commands. Source it after engines.sh.
#
#   big_image          OCI layout $layout of 440 MB in eight layers, made of this host's own files (/usr), so that it
#                      holds what images hold; made once, kept where the test images are
#   image_size         "8 layers, 440 MB (167 MB gzip)" of it
#   sixty_image REF, files_image REF   60 layers of one small file each, and one layer of 100000 files of 20 bytes in
#                      1000 folders, over busybox, pushed to REF
#   pull_rounds REF [erofs]  pulls into stores without the image, by each engine in turn ($BENCH_ROUNDS times): the medians are
#                      in $E/figures; with "erofs" also by that driver
#   clock NAME COMMAND...  run it once, note the time; figures FILE: the medians of all that was noted

layers=8

big_image() {
	layout=${BENCH_IMAGE:-$ONGGI_BUILD/test-images/bench400-$layers}
	[ ! -f "$layout/index.json" ] || return 0
	rm -rf "$layout" "$E/parts"
	mkdir -p "$(dirname "$layout")" "$E/parts"
	umoci init --layout "$layout"
	umoci new --image "$layout:latest"
	find /usr/bin /usr/lib /usr/share -xdev -type f -size -8M 2>/dev/null | sort >"$E/parts/all"
	# split by size
	xargs -d '\n' stat -c '%s %n' <"$E/parts/all" | awk -v dir="$E/parts" -v n=$layers '
		{ s += $1; part = int(s / (460 / n * 1024 * 1024)); if (part >= n) exit; sub(/^[0-9]+ /, ""); print > (dir "/list" part) }'
	for i in $(seq 0 $((layers - 1))); do
		mkdir -p "$E/parts/fs$i"
		tar -cf - -T "$E/parts/list$i" 2>/dev/null | tar -C "$E/parts/fs$i" -xf -
		umoci insert --image "$layout:latest" "$E/parts/fs$i" / >/dev/null
		rm -rf "$E/parts/fs$i"
	done
}

image_size() {
	_manifest=$(skopeo inspect --raw "oci:$layout:latest")
	_plain=$(echo "$_manifest" | jq -r '.layers[].digest[7:]' | while read -r _blob; do zcat "$layout/blobs/sha256/$_blob"; done | wc -c)
	echo "$_manifest" | jq -r --argjson plain "$_plain" \
		'"\(.layers | length) layers, \($plain / 1000000 | floor) MB (\([.layers[].size] | add / 1000000 | floor) MB gzip)"'
}

sixty_image() {
	for i in $(seq 60); do echo "f 644 file$i text$i" >"$E/layer$i.txt"; done
	python3 "$(dirname "$0")/../lib/archive.py" "$E/sixty.tar" sixty:1 $(seq -f "$E/layer%g.txt" 60)
	skopeo copy -q --dest-tls-verify=false "docker-archive:$E/sixty.tar" "docker://$1"
	rm "$E"/layer*.txt "$E/sixty.tar"
}

files_image() {
	files_tar "$E/files.tar"
	python3 "$(dirname "$0")/../lib/archive.py" "$E/image.tar" files:1 "$E/files.tar"
	skopeo copy -q --dest-tls-verify=false "docker-archive:$E/image.tar" "docker://$1"
	rm "$E/files.tar" "$E/image.tar"
}

# files_tar FILE: the layer of files_image
files_tar() {
	python3 - "$1" <<-'PY'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "w") as t:
		    for i in range(100000):
		        f = tarfile.TarInfo("d%d/e%d/f%d" % (i % 100, i // 100 % 10, i))
		        f.size = 20
		        t.addfile(f, io.BytesIO(b"x" * 20))
	PY
}

clock() {
	_name=$1
	shift
	_from=$(date +%s%N)
	"$@" >/dev/null 2>"$E/clock.err" || { echo "bench: $*" >&2; cat "$E/clock.err" >&2; exit 1; }
	echo "$_name $((($(date +%s%N) - _from) / 1000))" >>"$E/times"
}

figures() {
	sort -k1,1 -k2,2n "$E/times" | awk '
		$1 != last { if (last) show(); last = $1; n = 0 }
		{ v[++n] = $2 }
		function show() { printf "%s %.6f\n", last, v[int((n + 1) / 2)] / 1e6 }
		END { show() }' >"$1"
	rm -f "$E/times"
}

pull_rounds() {
	_r=0
	while [ $_r -lt "${BENCH_ROUNDS:-3}" ]; do
		_r=$((_r + 1))
		clock onggi $onggi pull -q "$1"
		$onggi rmi -f "$1" >/dev/null
		if [ -n "${2:-}" ]; then
			clock erofs $onggi -s erofs pull -q "$1"
			$onggi rmi -f "$1" >/dev/null
		fi
		clock docker $docker pull -q "$1"
		$docker rmi -f "$1" >/dev/null
		if [ -n "$podman" ]; then
			clock podman $podman pull -q --tls-verify=false "$1"
			$podman rmi -f "$1" >/dev/null
		fi
	done
	figures "$E/figures"
}
