#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pulls of layers with a table of contents that share files with layers that are here: what comes from the registry,
# counted by a proxy before it; lies, registries without ranges, breaks and kills. The digest decides in all cases.

load pull_lib
: "${ONGGI_BIN:=$ONGGI_LIBEXEC}"

setup_file() {
	store_setup
	registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
	for form in zstd zstd-old estargz; do
		layer "$form-1" --form "$form"
		layer "$form-2" --form "$form" --edit data/f7
	done
	layer other --form zstd --edit data/f7 --level 1
	layer other2 --form estargz --edit data/f7 --level 1
	layer wrongtable --form zstd --edit data/f7 --lie digest
	layer offset --form zstd --edit data/f7 --lie offset
	layer entry --form zstd --edit data/f1 --edit data/f7 --lie entry
	layer many-1 --form zstd --kb 24000 --files 400
	layer many-2 --form zstd --kb 24000 --files 400 $(seq -f '--edit data/f%g' 0 3 399)
	layer small --form zstd --kb 500 --files 10 --no-busybox
	mkdir "$T/proxy"
	python3 "$LIB/count_proxy.py" "$REGISTRY" "$T/proxy" 3>&- &
	PROXY_PID=$!
	eventually 60 test -s "$T/proxy/port"
	PROXY=127.0.0.1:$(cat "$T/proxy/port")
	LOG=$T/proxy/log
	export PROXY_PID PROXY LOG
}

teardown_file() {
	[ -z "${PROXY_PID:-}" ] || kill "$PROXY_PID"
	registry_stop
	store_teardown
}

setup() {
	store_fresh
	rm -f "$T/proxy/mode"
	: >"$LOG"
}

layer() { # TAG [OPTIONS]
	python3 -B "$LIB/toc_layers.py" "$T/oci" "$@"
	skopeo copy -q --dest-tls-verify=false "oci:$T/oci:$1" "docker://$REGISTRY/x:$1" 3>&-
}

pull() { # TAG
	image pull "$PROXY/x:$1"
}

# what the blobs of layers cost since the log was emptied
sent() {
	awk '/ \/v2\/x\/blobs\// && match($0, /sent=/) { n += substr($0, RSTART + 5) } END { print n + 0 }' "$LOG"
}

blob_of() { # TAG: the layer in the registry
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/x:$1" | jq -r '.layers[0].digest'
}

size_of() { # TAG
	skopeo inspect --tls-verify=false --raw "docker://$REGISTRY/x:$1" | jq -r '.layers[0].size'
}

onggi() { # ARGS: both streams in $output
	run timeout 60 "$ONGGI_BIN/onggi" "$@"
}

# the blob of TAG is here and right
right() { # TAG
	local blob
	blob=$(blob_of "$1")
	echo "${blob#sha256:}  $ONGGI_ROOT/blobs/sha256/${blob#sha256:}" | sha256sum -c --quiet
}

@test "one file of many has changed: it alone comes, of each form; pushed back to the bit" {
	for form in zstd zstd-old estargz; do
		store_fresh
		pull "$form-1"
		is_status 0
		hasnt Reus
		: >"$LOG"
		pull "$form-2"
		is_status 0
		has "from layers that are here"
		has "Reused: "
		hasnt "Downloading whole"
		right "$form-2"
		# the file, the table, the config: less than an eighth
		[ "$(sent)" -lt $(($(size_of "$form-2") / 8)) ] || { echo "$form: $(sent) of $(size_of "$form-2")"; cat "$LOG"; false; }
		[ "$(grep -c "blobs/$(blob_of "$form-2") range=bytes" "$LOG")" -le 4 ]
		# the files are those of a whole download
		store_is_clean
		digest=$(sed -n 's/^Digest: //p' <<<"$output")
		chain=$(jq -r --arg d "$digest" 'select(.manifest.digest == $d).layers[0].chain_id' "$ONGGI_ROOT"/images/*)
		(cd "$ONGGI_ROOT/snapshots/${chain#sha256:}/diff" && find . -type f | sort | xargs sha256sum) >"$T/sums"
		# back to an empty repository
		onggi tag "$PROXY/x:$form-2" "$REGISTRY/back-$form:2"
		image push "$REGISTRY/back-$form:2"
		is_status 0
		[ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/back-$form:2")" = "$digest" ]
		store_fresh
		pull "$form-2"
		hasnt Reus
		(cd "$ONGGI_ROOT/snapshots/${chain#sha256:}/diff" && find . -type f | sort | xargs sha256sum) | cmp - "$T/sums"
	done
}

@test "many files have changed: few requests, and still what is worth it from here" {
	pull many-1
	: >"$LOG"
	pull many-2
	is_status 0
	has "from layers that are here"
	right many-2
	n=$(grep -c "blobs/$(blob_of many-2) range=bytes" "$LOG")
	echo "$n requests, $(sent) of $(size_of many-2) bytes"
	[ "$n" -gt 1 ]
	[ "$n" -le 66 ]
	[ "$(sent)" -lt "$(size_of many-2)" ]
}

@test "small layers, other forms and layers that are here whole are not tried" {
	pull zstd-1
	: >"$LOG"
	pull small
	is_status 0
	hasnt Reus
	pull estargz-1
	is_status 0
	hasnt Reus
	! grep -q 'range=bytes' "$LOG"
}

@test "of another compressor: nothing fits, what a table says the same is fetched whole when it is not" {
	pull zstd-1
	: >"$LOG"
	pull other
	is_status 0
	right other
	store_fresh
	pull estargz-1
	pull other2
	is_status 0
	right other2
}

@test "tables that lie: wrong digest, chunks elsewhere, a file that is said to be the same" {
	for tag in wrongtable offset entry; do
		store_fresh
		pull zstd-1
		pull "$tag"
		is_status 0
		[ "$tag" = offset ] || has "Downloading whole: "
		right "$tag"
		image pull "$PROXY/x:$tag"
		has "Image is up to date"
	done
}

@test "registries without ranges, with other ranges than asked for" {
	for mode in norange refuse shift; do
		store_fresh
		pull zstd-1
		: >"$LOG"
		echo "$mode" >"$T/proxy/mode"
		pull zstd-2
		is_status 0
		has "Downloading whole: "
		right zstd-2
		rm "$T/proxy/mode"
	done
}

@test "kill -9 in the middle: the next pull goes on there, with the parts that are left" {
	for form in zstd estargz; do
		store_fresh
		pull "$form-1"
		echo hold >"$T/proxy/mode"
		: >"$LOG"
		"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:$form-2" >"$T/out" 2>&1 3>&- &
		killed=$!
		eventually 60 grep -q '^held' "$LOG"
		kill -9 "$killed"
		wait "$killed" || true
		rm "$T/proxy/mode"
		blob=$(blob_of "$form-2")
		[ -s "$ONGGI_ROOT/tmp/partial-sha256-${blob#sha256:}" ]
		: >"$LOG"
		pull "$form-2"
		is_status 0
		right "$form-2"
		[ "$(sent)" -lt $(($(size_of "$form-2") / 8)) ]
	done
}

@test "a part that was left is of other bytes: from the first byte on" {
	pull zstd-1
	blob=$(blob_of zstd-2)
	mkdir -p "$ONGGI_ROOT/tmp"
	head -c 300000 /dev/zero >"$ONGGI_ROOT/tmp/partial-sha256-${blob#sha256:}"
	pull zstd-2
	is_status 0
	right zstd-2
}

@test "two pulls of the same layer share it" {
	pull zstd-1
	: >"$LOG"
	"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:zstd-2" >"$T/out1" 2>&1 3>&- &
	one=$!
	"$ONGGI_LIBEXEC/onggi-image" pull "$PROXY/x:zstd-2" >"$T/out2" 2>&1 3>&- &
	two=$!
	wait "$one"
	wait "$two"
	right zstd-2
	[ "$(sent)" -lt $(($(size_of zstd-2) / 4)) ]
}

@test "what is known of layers may be lost or damaged at any time, and goes with the collector" {
	pull zstd-1
	for damage in true 'rm -r "$ONGGI_ROOT/tocs"' 'truncate -s 100 "$ONGGI_ROOT"/tocs/*' 'printf x >"$(echo "$ONGGI_ROOT"/tocs/*)"' \
		'dd if=/dev/zero of="$(echo "$ONGGI_ROOT"/tocs/*)" bs=1 seek=40 count=4000 conv=notrunc status=none'; do
		pull zstd-2
		is_status 0
		has Reused
		right zstd-2
		[ "$(find "$ONGGI_ROOT/tocs" -type f | wc -l)" = 1 ]
		onggi rmi "$PROXY/x:zstd-2"
		is_status 0
		eval "$damage"
	done
	pull zstd-2
	is_status 0
	right zstd-2
	onggi rmi "$PROXY/x:zstd-1" "$PROXY/x:zstd-2"
	is_status 0
	[ -z "$(find "$ONGGI_ROOT/tocs" "$ONGGI_ROOT/blobs" -type f)" ]
	# of a blob that is not there
	printf x >"$ONGGI_ROOT/tocs/$(printf '%064d' 7)"
	onggi image prune -f
	is_status 0
	[ -z "$(find "$ONGGI_ROOT/tocs" -type f)" ]
}

@test "the layer that parts come from is damaged on disk: the digest tells" {
	pull zstd-1
	blob=$ONGGI_ROOT/blobs/sha256/$(blob_of zstd-1 | cut -c 8-)
	chmod 600 "$blob"
	printf 'other bytes' | dd of="$blob" bs=1 seek=1500000 conv=notrunc status=none
	pull zstd-2
	is_status 0
	has "Downloading whole: "
	right zstd-2
}
