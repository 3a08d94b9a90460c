# Helpers of network.bats. A whole "host" is a network namespace of its own with a client beside it:
#
#   client 192.0.2.2, 2001:db8::2  --veth--  host 192.0.2.1, 2001:db8::1  --bridge--  containers
#
# /run/netns is private too, so tests run side by side and nothing outlives them.

# host_run FUNCTION - run a function of the test file in a fresh host
host_run() {
	local work rc=0
	work=$(mktemp -d)
	export ONGGI_ROOT=$work/root ONGGI_RUN=$work/run WORK=$work NETDRV
	# its own process namespace: no server outlives the test
	timeout -k 5 900 unshare --net --mount --propagation private --pid --fork --kill-child \
		--mount-proc bash -euo pipefail -c '
		source "$1"
		host_make
		source "$2"
		"$3"' host "$BATS_TEST_DIRNAME/network_lib.bash" "$WORK_FUNCTIONS" "$1" 3>&- </dev/null || rc=$?
	rm -rf "$work"
	return $rc
}

host_make() {
	mkdir -p /run/netns
	mount -t tmpfs netns /run/netns
	mkdir -p "$ONGGI_RUN"
	mount -t tmpfs run "$ONGGI_RUN"
	ip link set lo up
	ip netns add client
	ip link add up0 type veth peer name eth0 netns client
	ip addr add 192.0.2.1/24 dev up0
	ip -6 addr add 2001:db8::1/64 dev up0 nodad
	ip link set up0 up
	ip -n client addr add 192.0.2.2/24 dev eth0
	ip -n client -6 addr add 2001:db8::2/64 dev eth0 nodad
	ip -n client link set eth0 up
	ip -n client link set lo up
}

net() {
	"$NETDRV" "$@"
}

# container ID [netdrv prepare options] - prepared and applied; the answer is in $WORK/ID.json
container() {
	local id=$1
	shift
	ip netns add "$id"
	net prepare "$id" "${NETWORK:-bridge}" "$@" >"$WORK/$id.json"
	net apply "$id" "/run/netns/$id"
}

field() {
	jq -r ".Networks[].$2" "$WORK/$1.json"
}

inside() {
	ip netns exec "$@"
}

# serve NETNS SOCAT-LISTEN-ADDRESS TEXT - answer every connection or datagram with TEXT and the peer
serve() {
	local ns=$1 listen=$2 text=$3
	# "host" is where we are
	local run=(inside "$ns")
	[ "$ns" = host ] && run=()
	"${run[@]}" socat -T5 "$listen" "SYSTEM:read x; echo $text \$SOCAT_PEERADDR" >/dev/null 2>>"$WORK/serve.log" &
	local i
	for i in $(seq 400); do
		"${run[@]}" ss -Hlntu | grep ":$(sed 's/^[^:]*:\([0-9]*\).*/\1/' <<<"$listen")\b" >/dev/null && return 0
		sleep 0.05
	done
	return 1
}

# ask NETNS SOCAT-ADDRESS - what the server says
ask() {
	local ns=$1 to=$2
	local run=(inside "$ns")
	[ "$ns" = host ] && run=()
	echo hello | "${run[@]}" timeout 3 socat -T2 -t2 - "$to" 2>/dev/null
}

# answers TEXT NETNS SOCAT-ADDRESS - whether that is the answer; on a busy machine it may not be there in time
answers() {
	same "$(ask_again "${@:2}")" "$1"
}

# says WORD NETNS SOCAT-ADDRESS - whether the answer begins with WORD
says() {
	local got
	got=$(ask_again "${@:2}")
	same "${got%% *}" "$1"
}

ask_again() {
	local got i
	for i in $(seq 20); do
		got=$(ask "$@") || true
		[ -z "$got" ] || break
	done
	echo "$got"
}

fails() {
	if "$@"; then
		echo "unexpected success: $*" >&2
		return 1
	fi
}

same() {
	if [ "$1" != "$2" ]; then
		echo "expected \"$2\", got \"$1\"" >&2
		return 1
	fi
}
