# SPDX-License-Identifier: Apache-2.0
#
# Bad input: one error with its reason, docker's exit code, and nothing left.

load lib

setup() {
	fault_setup
	onggi run --rm --network none base true
}
teardown() { fault_teardown; }

# bad CODE TEXT ARGS...: `onggi ARGS` fails with CODE and says TEXT, once, on stderr
bad() {
	local code=$1 text=$2
	shift 2
	stderr=$(onggi "$@" 2>&1 >"$T/stdout") && status=0 || status=$?
	output=$(cat "$T/stdout")
	[ "$status" = "$code" ] || { echo "$*: status $status instead of $code: $output$stderr"; return 1; }
	[ -z "$output" ] || { echo "$*: on stdout: $output"; return 1; }
	[[ $stderr == *"$text"* ]] || { echo "$*: no '$text' in: $stderr"; return 1; }
	[ "$(grep -c "$text" <<<"$stderr")" = 1 ] || { echo "$*: said twice: $stderr"; return 1; }
	[[ $stderr != *Sanitizer* ]] || { echo "$*: $stderr"; return 1; }
	eventually 60 swept_clean 2>/dev/null || { echo "$*:"; left_over; return 1; }
}

hinted() {
	[[ $stderr == *"hint: "* ]] || { echo "no hint: $stderr"; return 1; }
}

@test "commands and flags: unknown, without their value, too many, contradictory" {
	bad 1 "'rnu' is not an onggi command" rnu
	hinted
	bad 125 "unknown flag: --nosuch" run --nosuch base
	bad 125 "unknown shorthand flag: 'Z'" run -Z base
	bad 125 "needs an argument: --name" run --name
	bad 1 "requires at least 1 argument" run
	bad 1 "requires at least 1 argument" rm
	bad 1 "requires at most 1 argument" images one two
	bad 1 "accepts no arguments" ps one
	bad 125 "restart policy" run -d --rm --restart always base true
	bad 125 "cannot specify both --attach and --detach" run -d --attach stdout base true
	bad 125 "invalid argument" run --cpus none base true
	bad 125 "invalid argument" run --oom-score-adj x base true
	bad 125 "invalid pull option" run --pull sometimes base true
	bad 125 "invalid restart policy" run -d --restart sometimes base true
}

@test "images: bad references, unknown ones, a registry that is down" {
	bad 125 "invalid reference format" run --rm 'base!' true
	bad 125 "must be lowercase" run --rm BASE:x true
	bad 1 "invalid reference format" pull ':x'
	bad 1 "invalid reference format" tag base 'x:y:z'
	bad 125 "No such image" run --rm --pull never nosuchimage true
	bad 1 "o such image" rmi nosuchimage
	bad 1 "o such image" tag nosuchimage x
	run --separate-stderr -1 onggi inspect nosuchthing
	[[ $stderr == *"o such"* ]]
	port=$(free_port)
	bad 1 "connect" pull "127.0.0.1:$port/x:1"
	bad 125 "connect" run --rm "127.0.0.1:$port/x:1" true
	bad 1 "open $T/none.tar" load -i "$T/none.tar"
	head -c 5000 /dev/urandom >"$T/noise"
	bad 1 "" load -i "$T/noise"
	: >"$T/empty"
	bad 1 "" load -i "$T/empty"
	onggi create --name user1 --network none base true >/dev/null
	run -1 onggi rmi base
	[[ $output == *"is using its referenced image"* ]]
	onggi rm user1
}

@test "commands in the container: missing 127, not executable 126, a directory 126" {
	bad 127 "no-such-command" run --rm --network none base no-such-command
	bad 127 "/no/such/path" run --rm -p "$PORT:80" base /no/such/path
	bad 126 "ermission denied" run --rm --network none base /etc/passwd
	bad 126 "/etc" run --rm --network none base /etc
	bad 125 "unable to find user nobody-here" run --rm --network none -u nobody-here base true
	bad 125 "working directory" run --rm --network none -w relative base true
	onggi run -d --name kk --cgroup-parent "$GROUP" --network none base sleep "$NAP" >/dev/null
	run -127 onggi exec kk no-such-command
	run -126 onggi exec kk /etc/passwd
	run -1 onggi exec nosuch true
	onggi stop -t 0 kk
	run -1 onggi exec kk true
	[[ $output == *"is not running"* ]]
	onggi rm kk
}

@test "names, ports, volumes: taken, in use, badly written" {
	bad 125 "Invalid container name" run --rm --name 'a b' base true
	bad 125 "nvalid" run --rm -p 80:90:100:110 base true
	bad 125 "nvalid" run --rm -p 0.0.0.0:99999:80 base true
	bad 125 "nvalid" run --rm -p 80:80/xyz base true
	bad 125 "nvalid" run --rm -p x:80 base true
	bad 125 "nvalid" run --rm -v : base true
	bad 125 "nvalid" run --rm -v /a:relative base true
	bad 125 "nvalid mode" run --rm -v /a:/b:sometimes base true
	bad 125 "mount type unknown" run --rm --mount type=nosuch,target=/x base true
	bad 125 "target" run --rm --mount type=bind,source=/tmp base true
	bad 125 "bind source path does not exist" run --rm --mount type=bind,source=/no/such/place,target=/x base true
	bad 125 "uplicate mount point" run --rm -v /tmp:/x -v /var:/x base true
	bad 125 "6MB" run --rm -m 1 base true
	bad 125 "nvalid" run --rm -m 1q base true
	bad 125 "range of CPUs" run --rm --cpus 1000 base true
	bad 125 "network nosuchnet not found" run --rm --network nosuchnet base true
	bad 125 "No such container: nosuch" run --rm --network container:nosuch base true
	sleeper -v vol:/v >/dev/null
	run -125 onggi run --rm --name kk base true
	[[ $output == *'The container name "/kk" is already in use'* ]]
	run -125 onggi run --rm --name k2 -p "$PORT:80" base true
	[[ $output == *"port is already allocated"* ]]
	[[ $output == *"hint: "* ]]
	run -1 onggi volume rm vol
	[[ $output == *"volume is in use"* ]]
	run -1 onggi rm kk
	[[ $output == *"stop the container before removing"* ]]
	[[ $output == *"hint: "* ]]
	onggi rm -f kk
	onggi volume rm vol
	bad 1 "no such volume" volume rm vol
	# a port of a program on this host
	python3 -c 'import signal, socket, sys; s = socket.socket(); s.bind(("0.0.0.0", int(sys.argv[1]))); s.listen(); print("on", flush=True); signal.pause()' "$PORT" \
		>"$T/listen" 3>&- &
	eventually 60 test -s "$T/listen"
	run --separate-stderr -125 onggi run --rm --name k2 -p "$PORT:80" base true
	kill %1
	[[ $stderr == *"address already in use"* ]]
	heal "names"
}

@test "--json-errors tells kind and cause to programs" {
	run --separate-stderr -125 onggi --json-errors run --rm --pull never nosuchimage true
	[ "$(jq -r .kind <<<"$stderr")" = not-found ]
	[[ $(jq -r .message <<<"$stderr") == *"No such image"* ]]
	run --separate-stderr -127 onggi --json-errors run --rm --network none base no-such-command
	[ "$(jq -r .kind <<<"$stderr")" = exec-missing ]
	run --separate-stderr -1 onggi --json-errors rm nosuch
	[ "$(jq -r .kind <<<"$stderr")" = not-found ]
}
