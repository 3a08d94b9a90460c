# SPDX-License-Identifier: Apache-2.0
#
# peers.sh - private instances of the other engines, for cross-checks and benches. Source it from sh
# or bash. Each instance has its own folder, sockets and state; run the whole script inside a network
# namespace of its own (peers_isolate) so that bridges and firewall rules stay in there.
#
#   peers_isolate "$0" "$@"       re-execute in new network and mount namespaces, lo up
#   docker_start DIR [ARGS...]    dockerd ($DOCKERD) below DIR; sets DOCKER_HOST; docker_stop ends it
#   podman_setup DIR              defines podman_run ARGS...: podman with state below DIR
#   registry_start DIR            docker-registry on a free loopback port; sets REGISTRY=127.0.0.1:PORT, REGISTRY_PID
#                                 (in NAME_serve.bats `onggi registry serve`, in NAME_tls.bats
#                                 with TLS and a password)

peers_isolate() {
	[ -z "${PEERS_ISOLATED:-}" ] || return 0
	PEERS_ISOLATED=1
	export PEERS_ISOLATED
	exec unshare -n -m --propagation private sh -c 'ip link set lo up; exec "$@"' sh "$@"
}

# eventually SECONDS COMMAND...: until it succeeds, for what happens in another process without a handle to
# wait on; looks ten times a second, gives up loudly
eventually() {
	_left=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		_left=$((_left - 1))
		[ $_left -gt 0 ] || { echo "gave up waiting for: $*" >&2; return 1; }
		sleep 0.1
	done
}

docker_start() {
	_dir=$1
	shift
	mkdir -p "$_dir"
	echo "{}" >"$_dir/none.json"
	DOCKER_HOST=unix://$_dir/docker.sock
	export DOCKER_HOST
	# run-time state below DIR unless ARGS say otherwise
	case " $* " in *" --exec-root "*) ;; *) set -- --exec-root "$_dir/exec" "$@" ;; esac
	env -u DOCKER_HOST "${DOCKERD:-dockerd}" --host "$DOCKER_HOST" --data-root "$_dir/data" \
		--pidfile "$_dir/dockerd.pid" --config-file "$_dir/none.json" --exec-opt native.cgroupdriver=cgroupfs \
		"$@" >"$_dir/dockerd.log" 2>&1 &
	DOCKERD_PID=$!
	eventually 60 docker version || { tail -20 "$_dir/dockerd.log" >&2; return 1; }
}

docker_stop() {
	[ -n "${DOCKERD_PID:-}" ] || return 0
	kill "$DOCKERD_PID" 2>/dev/null
	wait "$DOCKERD_PID" 2>/dev/null
	DOCKERD_PID=
}

podman_setup() {
	PODMAN_DIR=$1
	mkdir -p "$PODMAN_DIR"
	# podman raises limits above what a root without CAP_SYS_RESOURCE may, and crun refuses a host
	# with hybrid cgroups: runc, with low limits
	cat >"$PODMAN_DIR/containers.conf" <<-TOML
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		[engine]
		runtime = "runc"
		runtime_supports_json = ["crun", "runc", "orun"]
		[engine.runtimes]
		orun = ["${ORUN:-/usr/bin/orun}"]
	TOML
	podman_run() {
		CONTAINERS_CONF=$PODMAN_DIR/containers.conf podman --root "$PODMAN_DIR/root" --runroot "$PODMAN_DIR/run" --tmpdir "$PODMAN_DIR/tmp" \
			--cgroup-manager cgroupfs --events-backend file --storage-driver overlay "$@"
	}
}

# onggi_registry_start DIR [ARGS...]: `onggi registry serve` on a free port; the same variables
onggi_registry_start() {
	_dir=$1
	shift
	mkdir -p "$_dir"
	: >"$_dir/out"
	"$ONGGI_LIBEXEC/onggi-image" "registry serve" --listen 127.0.0.1:0 --root "$_dir/data" "$@" \
		>"$_dir/out" 2>"$_dir/log" &
	REGISTRY_PID=$!
	eventually 60 sh -c "! kill -0 $REGISTRY_PID || grep -q '^Listening' '$_dir/out'" || true
	REGISTRY=$(sed -n 's/^Listening on //p' "$_dir/out")
	[ -n "$REGISTRY" ] || { cat "$_dir/log" >&2; return 1; }
}

# the same with TLS and a password, which curl, skopeo and onggi find below $HOME and $DOCKER_CONFIG of the test;
# REGISTRY_BASIC is for others
registry_start_tls() {
	_dir=$1
	mkdir -p "$_dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3 -subj /CN=registry \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$_dir/key" -out "$_dir/cert" 2>/dev/null
	echo 'ali:$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW' >"$_dir/users"
	onggi_registry_start "$_dir" --allow-delete --tls-cert "$_dir/cert" --tls-key "$_dir/key" --htpasswd "$_dir/users" ||
		return 1
	REGISTRY_BASIC=$(printf 'ali:open sesame' | base64)
	export REGISTRY_BASIC
	printf 'insecure\nuser = "ali:open sesame"\n' >"$HOME/.curlrc"
	[ -f "$DOCKER_CONFIG/config.json" ] || echo '{}' >"$DOCKER_CONFIG/config.json"
	jq --arg host "$REGISTRY" --arg auth "$REGISTRY_BASIC" '.auths[$host] = { auth: $auth }' \
		"$DOCKER_CONFIG/config.json" >"$_dir/config.json"
	mv "$_dir/config.json" "$DOCKER_CONFIG/config.json"
}

registry_start() {
	# the files of tests that are there more than once: NAME_serve.bats and NAME_tls.bats are for `registry serve`
	case ${BATS_TEST_FILENAME:-} in
	*_serve.bats)
		onggi_registry_start "$1" --allow-delete
		return
		;;
	*_tls.bats)
		registry_start_tls "$1"
		return
		;;
	esac
	_dir=$1
	mkdir -p "$_dir/data"
	_port=$(awk -v s="$$" 'BEGIN { srand(s); print 20000 + int(rand() * 10000) }')
	for _try in 1 2 3 4 5 6 7 8 9; do
		# another one of ours may be there: 7 is "connection refused"
		_free=0
		curl -s -o /dev/null "http://127.0.0.1:$_port/" || _free=$?
		[ $_free = 7 ] || { _port=$((_port + 1)); continue; }
		cat >"$_dir/config.yml" <<-YAML
			version: 0.1
			storage: { filesystem: { rootdirectory: $_dir/data }, delete: { enabled: true } }
			http: { addr: 127.0.0.1:$_port }
			log: { level: error, accesslog: { disabled: true } }
		YAML
		docker-registry serve "$_dir/config.yml" >"$_dir/log" 2>&1 &
		REGISTRY_PID=$!
		# it ends at once when the port was taken meanwhile
		eventually 60 sh -c "! kill -0 $REGISTRY_PID || curl -fs http://127.0.0.1:$_port/v2/" || true
		if kill -0 "$REGISTRY_PID" 2>/dev/null && curl -fs -o /dev/null "http://127.0.0.1:$_port/v2/"; then
			REGISTRY=127.0.0.1:$_port
			return 0
		fi
		kill "$REGISTRY_PID" 2>/dev/null
		_port=$((_port + 1))
	done
	tail -5 "$_dir/log" >&2
	return 1
}

registry_stop() {
	[ -n "${REGISTRY_PID:-}" ] || return 0
	kill "$REGISTRY_PID" 2>/dev/null
	wait "$REGISTRY_PID" 2>/dev/null
	REGISTRY_PID=
}
