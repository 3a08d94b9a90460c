# SPDX-License-Identifier: Apache-2.0
#
# lazy_lib.bash - what tests of layers that come while they are used share: a registry that sends parts of blobs at once, of
# whole blobs half until a test opens the gate.

lazy_setup() {
	engine_setup
	lazy_env
}

lazy_env() {
	export ONGGI_CONFIG=$T/none.json DOCKER_CONFIG=$T/docker HOME=$T CONTAINERS_REGISTRIES_CONF=$T/none.conf
	[ -c /dev/fuse ] || skip "no /dev/fuse"
	cd "$T"
}

# processes end when the image is whole and no container is left
lazy_done() {
	local left=0 pid
	[ -z "${REG_PID:-}" ] || gate_open
	for pid in $(server_pids); do
		# shellcheck disable=SC2046
		onggi rm -f $(onggi ps -aq) >/dev/null 2>&1 || true
		await_end "$pid" || { echo "server $pid is left: $(cat "$ONGGI_RUN"/lazy/*/log)"; kill -9 "$pid"; left=1; }
	done
	! grep -h Sanitizer "$ONGGI_RUN"/lazy/*/log 2>/dev/null || left=1
	registry_stop
	cd /
	[ "$left" = 0 ]
}

registry_stop() {
	[ -z "${REG_PID:-}" ] || { kill "$REG_PID" 2>/dev/null; wait "$REG_PID" 2>/dev/null || true; }
	REG_PID=
}

lazy_teardown() {
	local left=0
	lazy_done || left=1
	engine_teardown && [ "$left" = 0 ]
}

# registry LAYOUT [PORT]: sets REG
registry() {
	mkdir -p reg
	rm -f reg/port
	python3 "$BATS_TEST_DIRNAME/../lib/range_registry.py" "$1" reg ${2:+"$2"} >reg/out 2>&1 3>&- &
	REG_PID=$!
	eventually 60 test -s reg/port || { cat reg/out; return 1; }
	REG=127.0.0.1:$(cat reg/port)
}

# from now on the registry sends all that it is asked for
gate_open() {
	kill -USR1 "$REG_PID"
}

one() { # FORM [ARGS]: an image of one layer
	python3 "$BATS_TEST_DIRNAME/../lib/toc_layers.py" layout 1 --form "$1" --files 40 --kb 4000 "${@:2}" >/dev/null
	registry layout
}

# the content that tests/lib/toc_layers.py gives file $1
sum_of() {
	blob=$(jq -r '.layers[0].digest' "layout/blobs/sha256/$(jq -r '.manifests[0].digest' layout/index.json | cut -d: -f2)")
	python3 - "$1" "layout/blobs/sha256/${blob#*:}" <<'PY'
import hashlib, subprocess, sys, tarfile, io
packed = open(sys.argv[2], "rb").read()
if packed[:2] == b"\x1f\x8b":
    import gzip
    plain = gzip.decompress(packed)
else:
    plain = subprocess.run(["zstd", "-dcq"], input=packed, stdout=subprocess.PIPE, check=True).stdout
print(hashlib.sha256(tarfile.open(fileobj=io.BytesIO(plain)).extractfile(sys.argv[1]).read()).hexdigest())
PY
}

# Of each two processes that show layers, the keeper, and both; the process dies with no keeper to make another one.
server_pids() {
	pgrep -f "^onggi-image lazy-serve $ONGGI_ROOT " || true
}
servers() {
	local pid
	for pid in $(server_pids); do
		[ "$(ps -o sid= -p "$pid" | xargs)" != "$pid" ] || echo "$pid"
	done
}
workers() {
	local pid
	for pid in $(server_pids); do
		[ "$(ps -o sid= -p "$pid" | xargs)" = "$pid" ] || echo "$pid"
	done
}
has_worker() { [ -n "$(workers)" ]; }
servers_kill() {
	local pid pids
	pids=$(server_pids)
	# shellcheck disable=SC2086
	kill -9 $pids
	for pid in $pids; do await_end "$pid"; done
}

await_end() { # PID
	timeout 60 "$ONGGI_BUILD/tests/lib/await" gone "$1"
}

whole() { # NAME: the image is registered
	[ -n "$(onggi images -q "$1")" ]
}
