# SPDX-License-Identifier: Apache-2.0
#
# Two engines on one host, by two ONGGI_ROOTs: the same names do not meet, the same port is refused
# with a reason, and neither takes away what is the other's.

load lib

setup() { fault_setup; }

teardown() {
	in_engine b onggi rm -f kk >/dev/null 2>&1 || true
	fault_teardown
}

in_engine() { # a|b COMMAND...
	local dir=$T/$1
	[ "$1" = b ] || dir=$T
	shift
	ONGGI_ROOT=$dir/root ONGGI_RUN=$dir/run "$@"
}

@test "the same names, different ports, different data" {
	local other
	other=$(free_port)
	for e in a b; do
		p=$PORT
		[ $e = a ] || p=$other
		in_engine $e onggi run -d --name kk -v data:/data -p "127.0.0.1:$p:80" --cgroup-parent "$GROUP" base \
			sh -c "echo $e >/data/x; while :; do printf 'HTTP/1.0 200 OK\r\n\r\n$e\n' | nc -l -p 80; done" >/dev/null
	done
	for e in a b; do
		[ "$(in_engine $e onggi ps -q | wc -l)" = 1 ]
		eventually 60 in_engine $e onggi exec kk test -s /data/x
		[ "$(in_engine $e onggi exec kk cat /data/x)" = $e ]
	done
	eventually 60 serves "$PORT" a
	eventually 60 serves "$other" b
	# what one removes and sweeps is its own
	in_engine a onggi rm -f kk
	in_engine a onggi system sweep
	in_engine a onggi system prune -f >/dev/null
	eventually 60 serves "$other" b
	[ "$(in_engine b onggi exec kk cat /data/x)" = b ]
	in_engine b onggi rm -f kk
	onggi volume rm data
	heal "two engines"
}

serves() { # port text
	[ "$(curl -s -m 2 "http://127.0.0.1:$1/")" = "$2" ]
}

@test "the same port: refused with the reason, nothing left, free again afterwards" {
	sleeper >/dev/null
	run -125 in_engine b onggi run -d --rm --name kk -p "$PORT:80" --cgroup-parent "$GROUP" base sleep "$NAP"
	[[ $output == *"port is already allocated"* ]] || [[ $output == *"address already in use"* ]] || { echo "$output"; return 1; }
	[ -z "$(in_engine b onggi ps -aq)" ]
	[ -z "$(ls -A "$T/b/run/containers" "$T/b/root/names" 2>/dev/null | grep -v -e ':$' -e '^$')" ]
	onggi rm -f kk
	in_engine b onggi run -d --rm --name kk -p "$PORT:80" --cgroup-parent "$GROUP" base sleep "$NAP"
	run -125 sleeper --rm
	[[ $output == *"port is already allocated"* ]] || [[ $output == *"address already in use"* ]] || { echo "$output"; return 1; }
	in_engine b onggi rm -f kk
	heal "same port"
}
