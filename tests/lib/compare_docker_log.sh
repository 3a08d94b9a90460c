#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# compare_docker_log.sh MONITOR_DRIVER MONITOR - the same hostile output through dockerd's json-file
# log and through ours: the files must be the same but for the times, and our reader must print
# docker's file as docker does. Prints what differs; status 0 when nothing does, 77 without dockerd.
set -u
here=$(dirname "$0")
. "$here/peers.sh"
command -v dockerd >/dev/null && command -v busybox >/dev/null || exit 77
peers_isolate "$0" "$@"
drv=$1
ONGGI_MONITOR=$2
export ONGGI_MONITOR

dir=$(mktemp -d)
# dockerd's containerd ends a little later, with files of its own
trap 'docker_stop; eventually 60 rm -rf "$dir"' EXIT
docker_start "$dir/d" --bridge=none --iptables=false --storage-driver vfs || exit 77

# an image of busybox alone
mkdir -p "$dir/root/bin" "$dir/share"
cp "$(command -v busybox)" "$dir/root/bin/busybox"
for a in sh head tr printf sleep cat; do ln -s busybox "$dir/root/bin/$a"; done
tar -C "$dir/root" -c . | docker import - t >/dev/null || exit 77

# the pauses let docker's logger take each line alone: it splits by its own reads
head -c 6000 /dev/urandom >"$dir/share/random"
cat >"$dir/share/print.sh" <<-'SH'
	printf 'a<b>&"\\\t\033[1mx\r\n\001\177\n'
	printf '\377\303(\342\202\n\355\240\200\300\257\n'
	printf '\342\200\250\342\200\251 caf\303\251 \360\237\230\200\n\n'
	sleep 0.3
	for n in 40000 16383 16384 16385; do head -c $n /dev/zero | tr '\0' y; printf '\n'; sleep 0.3; done
	cat "$1"
	printf '\nend without newline'
SH
mkdir -p "$dir/ours" "$dir/read/rec" "$dir/read/run"
"$drv" run --attrs '{"la":"1x"}' "$dir/ours" busybox sh "$dir/share/print.sh" "$dir/share/random" >/dev/null
eventually 60 test -s "$dir/ours/rec/exit.json" || exit 1

without_times() { # ours|read
	sed 's/"time":"[^"]*"/"time":""/' "$dir/$1/rec/container-json.log" >"$dir/$1.log"
}

# on a busy host the pauses may not be seen by docker, which is asked again then; never ours
without_times ours
bad=1
for try in 1 2 3 4 5; do
	id=$(docker run -d --network none --log-opt labels=la -l la=1x -v "$dir/share:/s" t sh /s/print.sh /s/random)
	docker wait "$id" >/dev/null
	cp "$(docker inspect -f '{{.LogPath}}' "$id")" "$dir/read/rec/container-json.log"
	without_times read
	cmp "$dir/read.log" "$dir/ours.log" && bad=0 && break
	[ $try = 5 ] || docker rm "$id" >/dev/null
done

# --details and --timestamps over lines that are split differ on purpose: docker repeats the prefix in
# the middle of a line
for o in "" "--tail 3" "--tail 0" "--details --tail 2" "--timestamps --tail 2"; do
	docker logs $o "$id" >"$dir/docker.out" 2>&1
	"$drv" logs $o "$dir/read" >"$dir/ours.out" 2>&1
	cmp "$dir/docker.out" "$dir/ours.out" || { echo "logs $o differs"; bad=1; }
done
docker rm "$id" >/dev/null
exit $bad
