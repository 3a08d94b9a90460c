# The cases of network.bats; each runs as root of its own host.

case_neighbours() {
	container c1
	container c2
	same "$(field c1 IPAddress)" 172.17.0.2
	same "$(field c2 IPAddress)" 172.17.0.3
	inside c1 ping -q -c1 -W20 172.17.0.1
	inside c1 ping -q -c1 -W20 172.17.0.3
	inside c1 ping -q -c1 -W20 "$(field c2 GlobalIPv6Address)"
	inside c1 ping -q -c1 -W20 "$(field c1 IPv6Gateway)"
	ping -q -c1 -W20 172.17.0.2
	same "$(inside c1 cat /sys/class/net/eth0/address)" 02:42:ac:11:00:02
	inside c1 ip -br link show lo | grep UP,LOWER_UP
	net release c1
	net release c2
	net release c2
	same "$(find "$ONGGI_RUN/network" -path '*leases/*' -o -path '*plans/*')" ""
	# not the address that was just given back
	container c3
	same "$(field c3 IPAddress)" 172.17.0.4
}

case_outward() {
	container c1
	inside c1 ping -q -c1 -W20 192.0.2.2
	inside c1 ping -q -c1 -W20 2001:db8::2
	serve client TCP-LISTEN:7000,fork from
	answers "from 192.0.2.1" c1 TCP:192.0.2.2:7000
	serve client TCP6-LISTEN:7001,fork from
	answers "from [2001:0db8:0000:0000:0000:0000:0000:0001]" c1 TCP6:[2001:db8::2]:7001
}

case_publish() {
	container c1 -p 8080:80 -p 8053:53/udp -p 9000-9002:9000-9002
	serve c1 TCP6-LISTEN:80,fork web
	serve c1 UDP6-RECVFROM:53,fork dns
	serve c1 TCP4-LISTEN:9001,fork range
	answers "web [0000:0000:0000:0000:0000:ffff:c000:0202]" client TCP:192.0.2.1:8080
	answers "web [2001:0db8:0000:0000:0000:0000:0000:0002]" client TCP6:[2001:db8::1]:8080
	answers "dns [0000:0000:0000:0000:0000:ffff:c000:0202]" client UDP:192.0.2.1:8053
	answers "dns [2001:0db8:0000:0000:0000:0000:0000:0002]" client UDP6:[2001:db8::1]:8053
	answers "range 192.0.2.2" client TCP:192.0.2.1:9001
	net release c1
	fails ask client TCP:192.0.2.1:8080
}

case_localhost() {
	container c1 -p 8080:80 -p 127.0.0.1:8081:80 -p 8053:53/udp
	serve c1 TCP6-LISTEN:80,fork web
	serve c1 UDP6-RECVFROM:53,fork dns
	says web host TCP:127.0.0.1:8080
	says web host TCP:192.0.2.1:8080
	says web host TCP:127.0.0.1:8081
	says dns host UDP:127.0.0.1:8053
	says web host TCP6:[2001:db8::1]:8080
	# ::1 works unless br_netfilter is on; then it is refused at once, not left hanging
	[ -e /proc/sys/net/bridge ] || return 0
	sysctl -qw net.bridge.bridge-nf-call-ip6tables=0
	container c2
	says web host TCP6:[::1]:8080
	says dns host UDP6:[::1]:8053
	sysctl -qw net.bridge.bridge-nf-call-ip6tables=1
	container c3
	fails timeout 60 socat -u OPEN:/dev/null TCP6:[::1]:8080 2>"$WORK/err"
	grep -q "Connection refused" "$WORK/err"
	says web host TCP:127.0.0.1:8080
}

case_hairpin() {
	local nf
	container c1 -p 8080:80
	container c2
	serve c1 TCP6-LISTEN:80,fork web
	# with and without bridged frames going through the IP hooks
	for nf in 0 1; do
		sysctl -qw net.bridge.bridge-nf-call-iptables=$nf net.bridge.bridge-nf-call-ip6tables=$nf || true
		says web c1 TCP:192.0.2.1:8080
		says web c1 TCP:172.17.0.1:8080
		says web c2 TCP:192.0.2.1:8080
		says web c1 "TCP6:[2001:db8::1]:8080"
		says web c2 TCP:172.17.0.2:80
	done
}

case_closed() {
	container c1 -p 8080:80
	serve c1 TCP6-LISTEN:80,fork web
	serve c1 TCP6-LISTEN:81,fork hidden
	serve host TCP-LISTEN:7000,bind=127.0.0.1,fork private
	ip -n client route add 172.17.0.0/16 via 192.0.2.1
	fails ask client TCP:172.17.0.2:81
	fails ask client TCP:172.17.0.2:80
	says web client TCP:192.0.2.1:8080
	# route_localnet of the bridge is for us alone
	answers "private 127.0.0.1" host TCP:127.0.0.1:7000
	inside c1 ip route add 127.0.0.0/8 via 172.17.0.1 table 99
	inside c1 ip rule add pref 0 to 127.0.0.1 iif lo lookup 99
	inside c1 sysctl -qw net.ipv4.conf.all.route_localnet=1
	inside c1 ip addr del 127.0.0.1/8 dev lo
	fails ask c1 TCP:127.0.0.1:7000,bind=172.17.0.2
}

case_single_address() {
	ip addr add 192.0.2.77/24 dev up0
	container c1 -p 192.0.2.77:8080:80 -p "[2001:db8::1]:8080:80"
	container c2 -p 192.0.2.1:8080:80
	serve c1 TCP6-LISTEN:80,fork one
	serve c2 TCP6-LISTEN:80,fork two
	says one client TCP:192.0.2.77:8080
	says two client TCP:192.0.2.1:8080
	says one client TCP6:[2001:db8::1]:8080
	fails ask host TCP:127.0.0.1:8080
}

refused() {
	local want=$1
	shift
	fails net "$@" 2>"$WORK/err"
	grep -qF "$want" "$WORK/err" || { cat "$WORK/err" >&2; return 1; }
}

case_port_conflict() {
	container c1 -p 8080:80 -p 127.0.0.1:8081:80
	refused "Bind for 0.0.0.0:8080 failed: port is already allocated" prepare c2 bridge -p 8080:80
	refused "Bind for 127.0.0.1:8080 failed: port is already allocated" prepare c2 bridge -p 127.0.0.1:8080:80
	refused "Bind for 0.0.0.0:8081 failed: port is already allocated" prepare c2 bridge -p 8081:80
	serve host TCP-LISTEN:8082,fork busy
	refused "failed to bind host port 0.0.0.0:8082/tcp: address already in use" prepare c2 bridge -p 8082:80
	# nothing is left of the refused
	same "$(find "$ONGGI_RUN/network" -lname c2 -o -path '*plans/c2*')" ""
	# a range takes the next free one, udp is another space
	net prepare c3 bridge -p 8080-8085:80 >"$WORK/c3.json"
	same "$(jq -r '.Ports["80/tcp"][0].HostPort' "$WORK/c3.json")" 8083
	net prepare c4 bridge -p 8080:80/udp -p 80 >"$WORK/c4.json"
	[ "$(jq -r '.Ports["80/tcp"][0].HostPort' "$WORK/c4.json")" -ge 32768 ]
	same "$(jq -r '.Ports["80/tcp"] | map(.HostPort) | unique | length' "$WORK/c4.json")" 1
	net release c1
	net prepare c2 bridge -p 8080:80 >"$WORK/c2.json"
}

case_two_engines() {
	container c1 -p 8080:80
	serve c1 TCP6-LISTEN:80,fork one
	ONGGI_ROOT=$WORK/root2 ONGGI_RUN=$WORK/run2
	container c2 -p 8081:80
	serve c2 TCP6-LISTEN:80,fork two
	same "$(field c2 IPAddress)" 172.18.0.2
	says one client TCP:192.0.2.1:8080
	says two client TCP:192.0.2.1:8081
	says one host TCP:127.0.0.1:8080
	says two host TCP:127.0.0.1:8081
	inside c2 ping -q -c1 -W20 192.0.2.2
	fails inside c1 ping -q -c1 -W1 172.18.0.2
	net release c2
	net reset
	says one client TCP:192.0.2.1:8080
	same "$(nft list tables | grep -c onggi)" 1
}

# an engine whose folders were deleted leaves a bridge and a table: the next bridge sweeps them
case_swept_engine() {
	ONGGI_ROOT=$WORK/root2 ONGGI_RUN=$WORK/run2
	container c1
	ip netns del c1
	net release c1
	# not while another network of that engine has a container
	net create '{"Name":"user"}'
	NETWORK=user container c3
	mv "$WORK/run2" "$WORK/hidden"
	ONGGI_ROOT=$WORK/root3 ONGGI_RUN=$WORK/run3
	container c4
	same "$(nft list tables | grep -c onggi)" 2
	net release c4
	net reset
	ONGGI_ROOT=$WORK/root2 ONGGI_RUN=$WORK/hidden
	ip netns del c3
	ip netns del c4
	rm -rf "$WORK/root2" "$WORK/hidden"
	same "$(nft list tables | grep -c onggi)" 1
	local i
	for i in $(seq 300); do # the port goes with its namespace, a little later
		[ "$(ip -br link show type veth | grep -c '^veth' || true)" = 0 ] && break
		sleep 0.1
	done
	ONGGI_ROOT=$WORK/root ONGGI_RUN=$WORK/run
	container c2
	same "$(nft list tables | grep -c onggi)" 1
	same "$(ip -br link show type bridge | wc -l)" 1
	same "$(field c2 IPAddress)" 172.17.0.2
}

case_fifty() {
	local i pids=()
	for i in $(seq 50); do
		ip netns add "c$i"
	done
	for i in $(seq 50); do
		{
			net prepare "c$i" bridge -p $((8000 + i)):80 -p 80 >"$WORK/c$i.json"
			net apply "c$i" "/run/netns/c$i"
		} &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same "$(cat "$WORK"/c*.json | jq -r '.Networks.bridge.IPAddress' | sort -u | wc -l)" 50
	same "$(ls "$ONGGI_RUN/network/nets/bridge/leases" | wc -l)" 100
	same "$(nft list ruleset | grep -c 'tcp \. .* : 172.17')" 100
	for i in 1 25 50; do
		inside "c$i" ping -q -c1 -W20 192.0.2.2
	done
	serve c33 TCP6-LISTEN:80,fork web
	says web client TCP:192.0.2.1:8033
	pids=()
	for i in $(seq 50); do
		{ ip netns del "c$i" || true; net release "c$i"; } &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	same "$(nft list ruleset | grep -c ' : 172.17' || true)" 0
	same "$(find "$ONGGI_RUN/network" -path '*orphans/*' -o -type l -print -o -path '*plans/*' -print)" ""
}

# what strace kills at the N-th write, link, unlink ... is what a crash leaves
case_crash() {
	local n
	command -v strace >/dev/null || return 0
	container c0
	for n in $(seq 1 40); do
		for what in "prepare c1 bridge -p 8080:80" "apply c1 /run/netns/c1" "release c1"; do
			[ -e /run/netns/c1 ] || ip netns add c1
			[ "${what%% *}" = prepare ] || net prepare c1 bridge -p 8080:80 >"$WORK/c1.json"
			[ "${what%% *}" != release ] || net apply c1 /run/netns/c1
			strace -qqq -o /dev/null -e trace=symlinkat,unlinkat,renameat,sendto,openat,mkdirat \
				-e inject=symlinkat,unlinkat,renameat,sendto,mkdirat:signal=KILL:when="$n" \
				"$NETDRV" $what >"$WORK/c1.json" 2>/dev/null || true
			net release c1
			same "$(find "$ONGGI_RUN/network" -lname c1 -o -path '*plans/c1*')" ""
			same "$(nft list ruleset | grep -c 'tcp \. 8080' || true)" 0
			ip netns del c1
		done
	done
	container c2 -p 8080:80
	inside c2 ping -q -c1 -W20 172.17.0.2
}

# a UDP peer that sends before and after the port is published, always from the same port
case_udp_flow() {
	cat >"$WORK/peer.py" <<-'END'
		import socket, sys, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("", 5555))
		s.connect(("192.0.2.1", 8053))
		s.settimeout(0.2)
		end = time.time() + 60
		while time.time() < end:
		    try:
		        s.send(b"q\n")
		        open(sys.argv[1], "w").close()
		        print(s.recv(99).decode().split()[0], flush=True)
		        break
		    except OSError:
		        time.sleep(0.05)
	END
	inside client python3 "$WORK/peer.py" "$WORK/sent" >"$WORK/got" &
	local peer=$!
	until [ -e "$WORK/sent" ]; do
		kill -0 $peer
		sleep 0.05
	done
	ip netns add c1
	net prepare c1 bridge -p 8053:53/udp >"$WORK/c1.json"
	net apply c1 /run/netns/c1
	serve c1 UDP6-RECVFROM:53,fork dns
	wait $peer
	same "$(cat "$WORK/got")" dns
}

case_options() {
	net create '{"Name":"local","Options":{"com.docker.network.bridge.host_binding_ipv4":"127.0.0.1",
		"com.docker.network.bridge.name":"mybr","com.docker.network.driver.mtu":"1300",
		"com.docker.network.bridge.enable_icc":"false",
		"com.docker.network.bridge.enable_ip_masquerade":"false"}}'
	NETWORK=local container l1 -p 8080:80
	NETWORK=local container l2
	serve l1 TCP6-LISTEN:80,fork web
	same "$(ip -j link show mybr | jq .[0].mtu)" 1300
	same "$(inside l1 cat /sys/class/net/eth0/mtu)" 1300
	says web host TCP:127.0.0.1:8080
	fails ask client TCP:192.0.2.1:8080
	# no masquerade: the client has no way back
	fails inside l1 ping -q -c1 -W1 192.0.2.2
	ip -n client route add "$(field l1 IPAddress)" via 192.0.2.1
	inside l1 ping -q -c1 -W20 192.0.2.2
	# bridged frames of ICC=false are dropped where the kernel shows them to the firewall
	[ -e /proc/sys/net/bridge ] || return 0
	fails inside l2 ping -q -c1 -W1 "$(field l1 IPAddress)"
	# two networks in one container: the default route is that of the first
	ip netns add m1
	net prepare m1 bridge >"$WORK/m1.json"
	net prepare m1 local >"$WORK/m1b.json"
	net apply m1 /run/netns/m1
	same "$(inside m1 ip -br link show type veth | wc -l)" 2
	inside m1 ip route show default | grep "via $(field m1 Gateway) dev eth0"
	inside m1 ping -q -c1 -W20 192.0.2.2
	net release m1
	refused "bad value" create '{"Name":"x","Options":{"com.docker.network.driver.mtu":"7"}}'
	refused 'mode "routed" is not supported' create \
		'{"Name":"x","Options":{"com.docker.network.bridge.gateway_mode_ipv4":"routed"}}'
}

# IPv6 may be off: in the container, or on the host
case_no_ipv6() {
	ip netns add c1
	inside c1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	net prepare c1 bridge >"$WORK/c1.json"
	net apply c1 /run/netns/c1
	inside c1 ping -q -c1 -W20 192.0.2.2
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	container c2 -p 8080:80
	same "$(field c2 GlobalIPv6Address)" ""
	same "$(jq -c '.Ports' "$WORK/c2.json")" '{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}'
}

# the namespace is kept by someone else: the link goes with the next start
case_orphan() {
	local link
	container c1
	link=$(jq -r '.endpoints[0].host_link' "$ONGGI_RUN/network/plans/c1.json")
	net release c1
	ip link show "$link"
	# that of a container which is about to end is left alone for two seconds
	touch -h -d '3 seconds ago' "$ONGGI_RUN/network/orphans/$link"
	container c2
	fails ip link show "$link"
	same "$(ls "$ONGGI_RUN/network/orphans")" ""
}

case_repair() {
	container c1 -p 8080:80
	serve c1 TCP6-LISTEN:80,fork web
	local bridge
	bridge=$(ip -br link | awk '/^onggi/ { print $1 }')
	nft flush ruleset
	net repair
	says web client TCP:192.0.2.1:8080
	# the next container notices by itself
	nft flush ruleset
	container c2
	says web client TCP:192.0.2.1:8080
	ip link del "$bridge"
	net repair
	says web client TCP:192.0.2.1:8080
	inside c1 ping -q -c1 -W20 172.17.0.3
	# a release does not mind missing rules
	nft flush ruleset
	net release c1
	net release c2
}

case_user_networks() {
	net create '{"Name":"front","IPAM":{"Config":[{"Subnet":"10.9.0.0/24","IPRange":"10.9.0.128/25"}]},"EnableIPv6":true}'
	net create '{"Name":"back","Internal":true}'
	refused "network with name front already exists" create '{"Name":"front"}'
	refused "Pool overlaps with other one" create '{"Name":"x","IPAM":{"Config":[{"Subnet":"10.9.0.0/16"}]}}'
	same "$(net list | jq -r '.[].Name' | xargs)" "back bridge front host none"
	NETWORK=front container f1 -p 8080:80
	same "$(field f1 IPAddress)" 10.9.0.128
	NETWORK=front container f2 -4 10.9.0.7
	same "$(field f2 IPAddress)" 10.9.0.7
	refused "Address already in use" prepare f3 front -4 10.9.0.7
	refused "no configured subnet contains IP address 10.8.0.7" prepare f3 front -4 10.8.0.7
	refused "user specified IP address is supported on user defined networks only" prepare f3 bridge -4 172.17.0.9
	NETWORK=back container b1
	NETWORK=back container b2
	container c1
	inside f1 ping -q -c1 -W20 10.9.0.7
	inside b1 ping -q -c1 -W20 "$(field b2 IPAddress)"
	inside f1 ping -q -c1 -W20 192.0.2.2
	serve f1 TCP6-LISTEN:80,fork web
	# published is published for everybody, also for other networks
	says web c1 TCP:192.0.2.1:8080
	fails inside b1 ping -q -c1 -W1 192.0.2.2
	fails inside c1 ping -q -c1 -W1 10.9.0.7
	[ -n "$(inside c1 ip route show default)" ]
	fails ask c1 TCP:10.9.0.128:80
	same "$(net inspect front | jq -r '.Containers | keys | join(" ")')" "f1 f2"
	refused "has active endpoints" remove front
	# two networks in one container
	net prepare c1 back >"$WORK/c1b.json"
	net release f1
	net release f2
	net remove front
	refused "network front not found" inspect front
	refused "bridge is a pre-defined network and cannot be removed" remove bridge
	inside c1 ping -q -c1 -W20 192.0.2.2
}

case_foreign() {
	local tool
	for tool in iptables-nft iptables-legacy; do
		command -v $tool >/dev/null || continue
		$tool -P FORWARD DROP
		ip6$([ "$tool" = iptables-nft ] && echo tables-nft || echo tables-legacy) -P FORWARD DROP
		container "c-$tool" -p 8080:80
		serve "c-$tool" TCP6-LISTEN:80,fork web
		inside "c-$tool" ping -q -c1 -W20 192.0.2.2
		inside "c-$tool" ping -q -c1 -W20 2001:db8::2
		says web client TCP:192.0.2.1:8080
		same "$($tool -S FORWARD | grep -c 0x6f670000)" 1
		container "d-$tool"
		same "$($tool -S FORWARD | grep -c 0x6f670000)" 1
		net release "c-$tool"
		net release "d-$tool"
		net reset
		same "$($tool -S FORWARD | grep -c 0x6f670000 || true)" 0
		$tool -P FORWARD ACCEPT
	done
}
