# SPDX-License-Identifier: Apache-2.0
#
# pull_lib.bash - shared by the tests of pulls: `load pull_lib`. Every test file has its own
# folder $T with its own ONGGI_ROOT and ONGGI_RUN and removes all that it made.

. "$BATS_TEST_DIRNAME/../lib/peers.sh"
LIB=$BATS_TEST_DIRNAME/../lib
: "${ONGGI_LIBEXEC:=$BATS_TEST_DIRNAME/../../build/src/bin}"
export ONGGI_LIBEXEC
bats_require_minimum_version 1.5.0

# store_setup: call in setup_file. T, ONGGI_ROOT, ONGGI_RUN, empty configuration and credentials
store_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/onggi-flow.XXXXXX")
	ONGGI_ROOT=$T/root ONGGI_RUN=$T/run ONGGI_CONFIG=$T/onggi.json ONGGI_CERTS=$T/certs
	DOCKER_CONFIG=$T/docker HOME=$T/home CONTAINERS_REGISTRIES_CONF=$T/registries.conf
	mkdir -p "$DOCKER_CONFIG" "$HOME"
	export T ONGGI_ROOT ONGGI_RUN ONGGI_CONFIG ONGGI_CERTS DOCKER_CONFIG HOME
	export CONTAINERS_REGISTRIES_CONF
	unset REGISTRY_AUTH_FILE DOCKER_AUTH_CONFIG XDG_RUNTIME_DIR XDG_CONFIG_HOME
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
}

# store_teardown: call in teardown_file
store_teardown() {
	[ -n "${T:-}" ] && rm -rf --one-file-system "$T"
}

# store_registry: a registry of the file's own ($REGISTRY, ended by registry_stop), in setup_file
store_registry() {
	registry_start "$T/registry" 3>&-
	export REGISTRY REGISTRY_PID
}

# store_podman_files: the files that Debian's podman wants to be there
store_podman_files() {
	echo "{}" >"$DOCKER_CONFIG/config.json"
	: >"$CONTAINERS_REGISTRIES_CONF"
}

# store_podman: podman_run with state below $T, in setup_file; store_podman_done in teardown_file
store_podman() {
	store_podman_files
	podman_setup "$T/podman"
	export PODMAN_DIR
}

store_podman_done() {
	umount "$PODMAN_DIR/root/overlay" 2>/dev/null || true
}

# store_fresh: an empty store for one test
store_fresh() {
	rm -rf --one-file-system "$ONGGI_ROOT" "$ONGGI_RUN"
}

# case_dir: into a folder of the test's own
case_dir() {
	cd "$(mktemp -d "$T/case.XXXXXX")"
}

# onggi ARGS: both streams as they are
onggi() {
	timeout 60 "$ONGGI_BIN/onggi" "$@"
}

# copy_in TAG-OF-LAYOUT NAME [OPTIONS]: from $T/oci to $REGISTRY, by skopeo
copy_in() {
	skopeo copy -q --dest-tls-verify=false "${@:3}" "oci:$T/oci:$1" "docker://$REGISTRY/$2" 3>&-
}

# image ARGS: onggi-image, both streams in $output
image() {
	run timeout 60 "$ONGGI_LIBEXEC/onggi-image" "$@"
}

# lying_start LAYOUT [CERT KEY]: tests/lib/lying_registry.py; sets LYING=127.0.0.1:PORT and
# LYING_LOG; lying_stop ends it
lying_start() {
	LYING_DIR=$(mktemp -d "$T/lying.XXXXXX")
	python3 "$LIB/lying_registry.py" "$1" "$LYING_DIR" "${@:2}" >"$LYING_DIR/out" 2>&1 3>&- &
	LYING_PID=$!
	eventually 60 test -s "$LYING_DIR/port" || { cat "$LYING_DIR/out" >&2; return 1; }
	LYING=127.0.0.1:$(cat "$LYING_DIR/port")
	LYING_LOG=$LYING_DIR/log
	export LYING LYING_DIR LYING_PID LYING_LOG
}

lying_stop() {
	[ -n "${LYING_PID:-}" ] || return 0
	kill "$LYING_PID" 2>/dev/null || true
	wait "$LYING_PID" 2>/dev/null || true
	LYING_PID=
}

# has TEXT, hasnt TEXT: whether $output has it
has() {
	case $output in *"$1"*) ;; *) echo "no '$1' in: $output"; return 1 ;; esac
}

hasnt() {
	case $output in *"$1"*) echo "'$1' in: $output"; return 1 ;; *) ;; esac
}

is_status() { # N
	[ "$status" = "$1" ] || { echo "status $status instead of $1: $output"; return 1; }
}

# store_is_clean: no temporary file, lease or half-made snapshot is left
store_is_clean() {
	_left=$(find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/leases" -mindepth 1 2>/dev/null
		find "$ONGGI_ROOT/locks" -name 'layer-*' 2>/dev/null)
	[ -z "$_left" ] || { echo "left over: $_left"; return 1; }
}

# store_is_empty: no image is visible
store_is_empty() {
	_left=$(find "$ONGGI_ROOT/images" "$ONGGI_ROOT/references" -mindepth 1 2>/dev/null || true)
	[ -z "$_left" ] || { echo "visible: $_left"; return 1; }
}
