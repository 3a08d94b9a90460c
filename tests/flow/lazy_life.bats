#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images on their way, and what else happens to them until they are whole: other names and other images of the same layers,
# pulls, removals, prunes, reboots, a registry that goes away, a process that is killed.

load lib
load lazy_lib

setup() { lazy_setup; }
teardown() { lazy_teardown; }

# late NAME COMMAND...: a container of x:1
late() {
	onggi create --name "$1" --network none --pull lazy "$REG/x:1" "${@:2}" >/dev/null
}

id_of() { # NAME: of its image
	onggi inspect -f '{{.Image}}' "$1"
}

all_end() {
	local pid
	for pid in $(server_pids); do await_end "$pid"; done
}

# what a reboot leaves: no processes, no mounts, an empty run-time folder
reboot() {
	servers_kill
	grep -o " $T/run[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	rm -rf "${ONGGI_RUN:?}"
}

nothing_stays() {
	onggi image prune -af >/dev/null
	[ -z "$(find "$ONGGI_ROOT/images" "$ONGGI_ROOT/blobs" "$ONGGI_ROOT/leases" -type f)" ]
	[ -z "$(find "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/references" -mindepth 1)" ]
	! grep "onggi-lazy" /proc/self/mountinfo || false
}

@test "the process is killed while a file is read: another one answers, the container notices nothing" {
	one zstd
	late box sh -c 'sha256sum /data/f39; sha256sum /data/f20'
	eventually 60 test -s reg/held
	touch reg/stall
	onggi start -a box >out 2>err &
	local start=$! pid
	eventually 60 test -s reg/stalled
	for n in 1 2; do
		pid=$(workers)
		kill -9 "$pid"
		await_end "$pid"
		eventually 60 has_worker
	done
	rm reg/stall
	wait "$start" || { cat err; false; }
	# before Linux 6.9 what the dead process had read of the kernel fails
	printf '6.9\n%s\n' "$(uname -r)" | sort -CV || sed -i '/f39$/d' out
	diff out <(! printf '6.9\n%s\n' "$(uname -r)" | sort -CV || echo "$(sum_of data/f39)  /data/f39"; echo "$(sum_of data/f20)  /data/f20")
	grep -c "killed by signal 9" "$ONGGI_RUN"/lazy/*/log
	# whole, and still read by a container that was started before: killed once more
	mkfifo fifo
	onggi run -d --name old --network none --pull lazy -v "$T/fifo:/fifo" "$REG/x:1" sh -c 'read x </fifo; sha256sum /data/f12' >/dev/null
	gate_open
	eventually 60 whole "$REG/x:1"
	eventually 60 test ! -e "$ONGGI_RUN"/lazy/*/lowers
	pid=$(workers)
	kill -9 "$pid"
	await_end "$pid"
	echo go >fifo
	[ "$(onggi wait old)" = 0 ]
	[ "$(onggi logs old)" = "$(sum_of data/f12)  /data/f12" ]
	onggi rm old >/dev/null
	all_end
	onggi rm box >/dev/null
	nothing_stays
}

@test "a process that is killed again and again is given up" {
	one zstd
	late box sha256sum /data/f39
	keeper=$(servers)
	while kill -0 "$keeper" 2>/dev/null; do
		for pid in $(workers); do kill -9 "$pid" 2>/dev/null || true; done
	done
	! grep "onggi-lazy" /proc/self/mountinfo || false
	run -0 onggi start -a box
	[ "$output" = "$(sum_of data/f39)  /data/f39" ]
}

@test "a second name of an image that is on its way: both are there when it is whole" {
	one estargz
	late one sha256sum /data/f1
	onggi create --name two --network none --pull lazy "$REG/y:1" sha256sum /data/f1 >/dev/null
	digest=$(jq -r '.manifests[0].digest' layout/index.json)
	onggi create --name three --network none --pull lazy "$REG/z@$digest" sha256sum /data/f1 >/dev/null
	[ "$(servers | wc -l)" = 1 ]
	[ "$(id_of one)" = "$(id_of two)" ]
	# no name is lost with the process
	servers_kill
	run -0 onggi start -a two
	[ "$(servers | wc -l)" = 1 ]
	gate_open
	all_end
	whole "$REG/x:1"
	whole "$REG/y:1"
	[ "$(onggi image inspect -f '{{.Id}}' "$REG/z@$digest")" = "$(id_of three)" ]
	onggi start -a three
	onggi system check
	onggi rm one two three >/dev/null
	nothing_stays
}

@test "two images of the same layers, and one that shares some, all on their way at once" {
	python3 "$BATS_TEST_DIRNAME/../lib/late_layers.py" layout zstd
	registry layout
	for tag in many twin shares; do
		onggi create --name "$tag" --network none --pull lazy "$REG/x:$tag" cat /etc/stays >/dev/null
	done
	[ "$(servers | wc -l)" = 2 ]
	[ "$(id_of many)" != "$(id_of twin)" ]
	for tag in many twin shares; do
		[ "$(onggi start -a "$tag")" = stays ]
	done
	gate_open
	all_end
	for tag in many twin shares; do
		whole "$REG/x:$tag"
		[ "$(onggi start -a "$tag")" = stays ]
	done
	[ ! -e "$ONGGI_ROOT"/images/kept-* ]
	onggi system check
	onggi rm many twin shares >/dev/null
	nothing_stays
}

@test "the first image is not wanted any more, another of the same layers is" {
	echo '{"max-download-attempts":1,"download-retry-delay-ms":10}' >none.json
	python3 "$BATS_TEST_DIRNAME/../lib/late_layers.py" layout zstd
	registry layout
	onggi create --name many --network none --pull lazy "$REG/x:many" cat /etc/stays >/dev/null
	onggi create --name twin --network none --pull lazy "$REG/x:twin" cat /etc/stays >/dev/null
	eventually 60 test -s reg/held
	touch reg/down
	# the download breaks off, and is not taken up while the registry is away
	gate_open
	onggi rm many >/dev/null
	onggi image prune -f
	[ "$(onggi start -a twin)" = stays ]
	eventually 60 grep -q "503\|whole" "$ONGGI_RUN"/lazy/*/log
	[ "$(servers | wc -l)" = 1 ]
	# when nobody wants any the process ends at once
	onggi rm twin >/dev/null
	all_end
	rm reg/down
	nothing_stays
}

@test "a name that is given to another image meanwhile is not taken from it" {
	one zstd
	late one sha256sum /data/f1
	[ "$(onggi run --rm --network none base echo hello)" = hello ]
	onggi tag base "$REG/x:1"
	gate_open
	all_end
	[ "$(onggi image inspect -f '{{.Id}}' "$REG/x:1")" = "$(onggi image inspect -f '{{.Id}}' base)" ]
	onggi image inspect "$(id_of one)" >/dev/null
	onggi start -a one
	onggi system check
}

@test "pull of an image that is on its way, one that is killed as well" {
	one zstd
	late one sha256sum /data/f39
	eventually 60 test -s reg/held
	onggi pull -q "$REG/x:1" 3>&- &
	local pull=$!
	onggi pull -q "$REG/x:1" >out 2>&1 3>&- &
	local second=$!
	kill -9 "$pull"
	wait "$pull" || true
	onggi start -a one
	gate_open
	wait "$second" || { cat out; false; }
	whole "$REG/x:1"
	all_end
	[ ! -e "$ONGGI_ROOT"/images/kept-* ]
	onggi system check
	[ "$(onggi start -a one)" = "$(sum_of data/f39)  /data/f39" ]
}

@test "rmi and prunes take nothing from an image that is on its way; rmi -f of the whole leaves it to its container" {
	one zstd
	mkfifo fifo
	onggi run -d --name box --network none --pull lazy -v "$T/fifo:/fifo" "$REG/x:1" sh -c 'read x </fifo' >/dev/null
	late one sha256sum /data/f39
	run -1 onggi rmi "$REG/x:1"
	[[ $output == *"No such image"* ]]
	run onggi rmi -f "$REG/x:1" "$(id_of one)"
	[[ $output != *"eleted"* ]]
	onggi image prune -af
	onggi exec box sha256sum /data/f30
	onggi system prune -af
	[ "$(onggi ps -aq | wc -l)" = 1 ]
	[ "$(onggi exec box sha256sum /data/f39)" = "$(sum_of data/f39)  /data/f39" ]
	onggi system check --repair
	gate_open
	eventually 60 whole "$REG/x:1"
	eventually 60 test ! -e "$ONGGI_RUN"/lazy/*/lowers
	onggi stop -t 0 box >/dev/null
	all_end
	onggi rmi -f "$REG/x:1" >/dev/null
	onggi image prune -af
	onggi system prune -f --filter label=none
	# its record is kept for the container; it is no image on its way any more
	onggi start box >/dev/null
	[ -z "$(servers)" ]
	[ "$(onggi exec box sha256sum /data/f39)" = "$(sum_of data/f39)  /data/f39" ]
	onggi rm -f box >/dev/null
	nothing_stays
}

@test "a forerunner beside the whole image, as a kill leaves it, is no harm and goes" {
	one zstd
	late one sha256sum /data/f39
	cp "$ONGGI_ROOT"/images/kept-* kept
	name=$(basename "$ONGGI_ROOT"/images/kept-*)
	gate_open
	all_end
	cp kept "$ONGGI_ROOT/images/$name"
	onggi system check
	[ "$(onggi start -a one)" = "$(sum_of data/f39)  /data/f39" ]
	[ -z "$(servers)" ]
	onggi image prune -f
	[ ! -e "$ONGGI_ROOT/images/$name" ]
	cp kept "$ONGGI_ROOT/images/$name"
	onggi rmi -f "$REG/x:1" >/dev/null
	[ "$(onggi start -a one)" = "$(sum_of data/f39)  /data/f39" ]
	[ -z "$(servers)" ]
	onggi rm one >/dev/null
	nothing_stays
}

@test "after a reboot: goes on at the byte, prunes and checks take nothing that is needed" {
	one zstd
	late one sh -c 'sha256sum /data/f39; echo more >>/new; cat /new'
	run -0 onggi start -a one
	eventually 60 test -s reg/held
	eventually 60 test -s "$ONGGI_ROOT"/tmp/partial-*
	reboot
	had=$(stat -c %s "$ONGGI_ROOT"/tmp/partial-*)
	onggi system check
	onggi system check --repair
	onggi image prune -af
	onggi system sweep
	run -1 onggi rmi "$REG/x:1"
	[ "$(onggi ps -aq | wc -l)" = 1 ]
	: >reg/log
	run -0 onggi start -a one
	[ "${lines[0]}" = "$(sum_of data/f39)  /data/f39" ]
	[ "${lines[1]}${lines[2]}" = moremore ]
	eventually 60 grep -q "GET /v2/x/blobs/.* bytes=$had-$" reg/log
	# once more, and removed instead of started
	reboot
	onggi rm one >/dev/null
	nothing_stays
}

@test "after a reboot, the registry away: an error that says what it is about, and a start when it is back" {
	echo '{"max-download-attempts":1,"download-retry-delay-ms":10}' >none.json
	one zstd
	late one sha256sum /data/f39
	eventually 60 test -s reg/held
	reboot
	port=${REG#*:}
	registry_stop
	run onggi start -a one
	echo "$output"
	[ "$status" != 0 ]
	[[ $output == *"nput/output error"* || $output == *"I/O error"* ]]
	onggi system check
	registry layout "$port"
	run -0 onggi start -a one
	[ "$output" = "$(sum_of data/f39)  /data/f39" ]
}

@test "a table of contents that is damaged: it is said how to go on" {
	one zstd
	late one sha256sum /data/f39
	servers_kill
	toc=$(jq -r '.layers[-1].toc' "$ONGGI_ROOT"/images/kept-* | cut -d: -f2)
	chmod 600 "$ONGGI_ROOT/blobs/sha256/$toc"
	echo x >>"$ONGGI_ROOT/blobs/sha256/$toc"
	run onggi start one
	[ "$status" != 0 ]
	[[ $output == *"table of contents"*"hint: "*"onggi pull $REG/x:1"* ]]
	run onggi system check --repair
	run onggi start one
	[ "$status" != 0 ]
	[[ $output == *"hint: "*"onggi pull $REG/x:1"* ]]
	gate_open
	onggi pull -q "$REG/x:1"
	[ "$(onggi start -a one)" = "$(sum_of data/f39)  /data/f39" ]
	onggi system check
	onggi rm one >/dev/null
	nothing_stays
}

@test "a registry that sends no parts of blobs: the whole is pulled first, and it is said" {
	one zstd
	touch reg/whole
	gate_open
	run -0 onggi create --name one --network none --pull lazy "$REG/x:1" sha256sum /data/f39
	echo "$output"
	[[ $output == *"has to be here before the start"* ]]
	whole "$REG/x:1"
	[ -z "$(servers)" ]
}
