# SPDX-License-Identifier: Apache-2.0
#
# images.sh - the images of the rows about images, and a clock for whole commands. Source it after engines.sh.
#
#   big_image          OCI layout $layout of 440 MB in four layers, made of this host's own files (/usr), so that it
#                      holds what images hold; made once, kept where the test images are
#   clock NAME COMMAND...  run it once, note the time; figures FILE: the medians of all that was noted

big_image() {
	layout=${BENCH_IMAGE:-$ONGGI_BUILD/test-images/bench400}
	[ ! -f "$layout/index.json" ] || return 0
	rm -rf "$layout" "$E/parts"
	mkdir -p "$(dirname "$layout")" "$E/parts"
	umoci init --layout "$layout"
	umoci new --image "$layout:latest"
	find /usr/bin /usr/lib /usr/share -xdev -type f -size -8M 2>/dev/null | sort >"$E/parts/all"
	# split by size: 4 x 110 MB
	xargs -d '\n' stat -c '%s %n' <"$E/parts/all" | awk -v dir="$E/parts" '
		{ s += $1; part = int(s / (115 * 1024 * 1024)); if (part > 3) exit; sub(/^[0-9]+ /, ""); print > (dir "/list" part) }'
	for i in 0 1 2 3; do
		mkdir -p "$E/parts/fs$i"
		tar -cf - -T "$E/parts/list$i" 2>/dev/null | tar -C "$E/parts/fs$i" -xf -
		umoci insert --image "$layout:latest" "$E/parts/fs$i" / >/dev/null
		rm -rf "$E/parts/fs$i"
	done
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
