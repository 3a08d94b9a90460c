#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Large blobs by several connections, seen by a proxy that holds the first one back: whatever happens to the ranges, the
# image is right, and what is left after a kill is what came in order.

load pull_lib
: "${ONGGI_BIN:=$ONGGI_LIBEXEC}"

PIECE=65536

setup_file() {
	store_setup
	registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
	layer big --form zstd --kb 4000 --files 40
	layer next --form zstd --kb 4000 --files 40 --edit data/f7
	layer small --form zstd --kb 100 --files 4 --no-busybox
	mkdir "$T/proxy"
}

teardown_file() {
	registry_stop
	store_teardown
}

# a proxy for each test: it counts what was asked of it
setup() {
	store_fresh
	config 4
	rm -f "$T/proxy"/*
	python3 "$LIB/count_proxy.py" "$REGISTRY" "$T/proxy" 3>&- &
	PROXY_PID=$!
	eventually 60 test -s "$T/proxy/port"
	PROXY=127.0.0.1:$(cat "$T/proxy/port")
	LOG=$T/proxy/log
	: >"$LOG"
}

teardown() {
	kill "$PROXY_PID"
	wait "$PROXY_PID" 2>/dev/null || true
}

layer() { # TAG [OPTIONS]
	python3 -B "$LIB/toc_layers.py" "$T/oci" "$@"
	copy_in "$1" "x:$1"
}

config() { # RANGES [RETRY-MS]: from the first moment on
	cat >"$ONGGI_CONFIG" <<-EOF
		{"max-concurrent-ranges": $1, "download-range-bytes": $PIECE, "download-range-delay-ms": 0,
		 "download-retry-delay-ms": ${2:-10}, "max-download-attempts": 20}
	EOF
}

mode() {
	echo "$*" >"$T/proxy/mode"
}

blob_of() { # TAG: the layer in the registry
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/x:$1" | jq -r '.layers[0].digest'
}

size_of() {
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/x:$1" | jq -r '.layers[0].size'
}

# the image is here, and right
right() { # TAG [killed]
	local blob
	is_status 0
	blob=$(blob_of "$1")
	echo "${blob#sha256:}  $ONGGI_ROOT/blobs/sha256/${blob#sha256:}" | sha256sum -c --quiet
	# the lease of a pull that was killed stays until the collector comes
	[ "${2:-}" = killed ] || store_is_clean
}

# ranges of the layer that were sent and end before its end
ranges() { # TAG
	grep -cE "blobs/$(blob_of "$1") range=bytes=[0-9]+-[0-9]+ status=206" "$LOG" || true
}

@test "a large blob comes by ranges beside each other, each of them once" {
	mode crawl=4
	image pull "$PROXY/x:big"
	right big
	size=$(size_of big)
		[ "$(ranges big)" -ge $((size / PIECE / 2)) ]
	[ "$(grep "blobs/$(blob_of big) " "$LOG" | grep -o 'range=bytes=[0-9]*-[0-9]*' | sort | uniq -d | wc -l)" = 0 ]
	[ -z "$(find "$ONGGI_ROOT/tmp" -type f)" ]
}

@test "neither a small blob, nor a fast one, nor when it is turned off" {
	image pull "$PROXY/x:small"
	right small
	[ "$(ranges small)" = 0 ]
	config 0
	store_fresh
	image pull "$PROXY/x:big"
	right big
	[ "$(ranges big)" = 0 ]
	store_fresh
	echo '{"download-range-bytes": 65536, "download-range-delay-ms": 3600000}' >"$ONGGI_CONFIG"
	image pull "$PROXY/x:big"
	right big
	[ "$(ranges big)" = 0 ]
	grep -q "blobs/$(blob_of big) range=- status=200" "$LOG"
}

@test "a registry without ranges, or that refuses them, or some of them: one stream" {
	for how in norange refuse busy shift endless; do
		store_fresh
		mode crawl=1 "$how"
		image pull "$PROXY/x:big"
		right big
		hasnt Retrying
		# of this mode: the proxy may note replies of the one before later than its client has ended
		asked=$(grep -E "range=bytes=[0-9]+-[0-9]+ .*mode=crawl,$how\$" "$LOG" || true)
		echo "$how: $asked"
		[ "$how" = shift ] || [ "$how" = endless ] || ! grep -q status=206 <<<"$asked"
		# nobody insists: each connection has asked once at most
		[ "$(grep -c . <<<"$asked")" -le 4 ]
	done
}

@test "ranges of other bytes: the digest tells, and the blob comes whole" {
	mode crawl=4 lie
	image pull "$PROXY/x:big"
	has "Downloading whole: "
	right big
}

@test "connections that break in the middle of a range: the stream makes it good" {
	mode crawl=4 cut
	image pull "$PROXY/x:big"
	right big
	grep -q '^cut' "$LOG"
}

@test "kill -9: what came in order is kept, and the next pull goes on there" {
	mode crawl=4 hold
	"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:big" >"$T/out" 2>&1 3>&- &
	killed=$!
	blob=$(blob_of big)
	partial=$ONGGI_ROOT/tmp/partial-sha256-${blob#sha256:}
	# the first piece by the stream, then half of one that is held
	eventually 60 sh -c '[ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ]' sh "$partial" "$PIECE"
	kill -9 "$killed"
	wait "$killed" || true
	have=$(stat -c %s "$partial")
	[ "$(find "$ONGGI_ROOT/tmp" -type f | wc -l)" = 1 ]
	: >"$LOG"
	mode
	image pull "$PROXY/x:big"
	right big killed
	# none of it was sent again
	grep -q "blobs/$blob range=bytes=$have- status=206" "$LOG"
	! grep -q "blobs/$blob range=- " "$LOG"
}

@test "the registry goes away for a while: ranges and stream go on" {
	config 4 200
	mode crawl=4 hold
	"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:big" >"$T/out" 2>&1 3>&- &
	pull=$!
	eventually 60 sh -c '[ "$(grep -c ^held "$1")" -ge 4 ]' sh "$LOG"
	port=${PROXY#*:}
	kill "$PROXY_PID"
	wait "$PROXY_PID" || true
	mode
	python3 "$LIB/count_proxy.py" "$REGISTRY" "$T/proxy" "$port" 3>&- &
	PROXY_PID=$!
	wait "$pull"
	output=$(cat "$T/out") status=0
	right big
}

@test "two large layers at once keep to the number of connections; a changed one takes parts as ever" {
	mode crawl=4
	"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:next" >"$T/out" 2>&1 3>&- &
	one=$!
	image pull "$PROXY/x:big"
	wait "$one"
	right big
	right next
	store_fresh
	image pull "$PROXY/x:big"
	: >"$LOG"
	image pull "$PROXY/x:next"
	has "from layers that are here"
	right next
}

@test "a disk with room for the image and little more: no ranges" {
	mkdir "$ONGGI_ROOT"
	mount -t tmpfs -o size=13m onggi-test "$ONGGI_ROOT"
	echo '{"download-range-bytes": 262144, "download-range-delay-ms": 0}' >"$ONGGI_CONFIG"
	image pull "$PROXY/x:big"
	none=$(ranges big)
	umount "$ONGGI_ROOT"
	is_status 0
	[ "$none" = 0 ]
}

@test "numbers that cannot be are refused by name" {
	for bad in '"max-concurrent-ranges": 17' '"download-range-bytes": 100' '"download-range-delay-ms": -1'; do
		echo "{$bad}" >"$ONGGI_CONFIG"
		image pull "$PROXY/x:big"
		is_status 1
		has "$(cut -d '"' -f 2 <<<"$bad")"
		has "is not in"
	done
}
