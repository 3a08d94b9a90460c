# SPDX-License-Identifier: Apache-2.0
#
# A pull is killed at any moment: no image is visible before it is whole, and the next pull works.

load ../flow/pull_lib

setup() {
	store_setup
	RANDOM=${ONGGI_SEED:=$((SECONDS + $$ % 30000))}
	echo "seed $ONGGI_SEED"
	python3 "$LIB/mkimage.py" "$T/oci" --kb 2000
	lying_start "$T/oci"
}

teardown() {
	lying_stop
	store_teardown
}

@test "pull: fifteen kills" {
	local from ms pid
	from=${EPOCHREALTIME/./}
	image pull -q "$LYING/plain/x"
	is_status 0
	ms=$(((${EPOCHREALTIME/./} - from) / 1000))
	want=$(cd "$ONGGI_ROOT" && find snapshots -printf '%P %s %m\n' | grep -v '/meta' | sort | sha256sum)
	for i in $(seq 15); do
		[ $((i % 3)) = 0 ] || store_fresh
		# every other one by several connections
		[ $((i % 2)) = 0 ] && rm -f "$ONGGI_CONFIG" ||
			echo '{"download-range-bytes": 65536, "download-range-delay-ms": 0}' >"$ONGGI_CONFIG"
		"$ONGGI_LIBEXEC/onggi-image" pull -q "$LYING/plain/x" >/dev/null 2>&1 &
		pid=$!
		sleep "0.$(printf %03d $((RANDOM % (ms > 999 ? 999 : ms + 1))))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		image pull -q "$LYING/plain/x"
		is_status 0 || { echo "kill $i"; return 1; }
		"$ONGGI_BIN/onggi" system sweep
		store_is_clean || { echo "kill $i"; return 1; }
		[ -z "$(find "$ONGGI_ROOT/tmp" -type f)" ]
		[ "$(ls "$ONGGI_ROOT/images" | wc -l)" = 1 ]
		[ "$(cd "$ONGGI_ROOT" && find snapshots -printf '%P %s %m\n' | grep -v '/meta' | sort | sha256sum)" = "$want" ]
	done
}
