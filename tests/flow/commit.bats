#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# commit: what a container changed as an image; seen by running it, by onggi's own tools and by umoci.

load lib

setup() { engine_setup; }
teardown() { engine_teardown; }

@test "files, links, owners, times, deletions, opaque directories" {
	onggi run --name c1 base sh -c '
		echo new >/new; mkdir -p /deep/er; echo x >/deep/er/f; ln /deep/er/f /hard; ln -s new /soft
		chmod 4711 /new; chown 12:34 /deep; mkfifo /fifo; touch -d "2001-02-03 04:05:06" /deep/er/f
		rm /etc/group; rm -r /var; mkdir /var; echo y >/var/only; sync'
	run onggi commit -a me -m hello c1 image:1
	[ "$status" = 0 ]
	[[ $output == sha256:* ]]
	run onggi run --rm image:1 sh -c '
		cat /new; stat -c "%a" /new; stat -c "%u:%g" /deep; stat -c "%h" /hard; readlink /soft
		[ -p /fifo ] && echo pipe; stat -c %Y /deep/er/f; [ -e /etc/group ] || echo gone; ls -A /var'
	[ "$status" = 0 ]
	[ "$output" = "new
4711
12:34
2
new
pipe
981173106
gone
only" ]
	[ "$(onggi inspect -f '{{.Author}} {{.Comment}}' image:1)" = 'me hello' ]
	[ "$(onggi history --format '{{.Comment}}' image:1 | head -1)" = hello ]
}

@test "nothing of the start's own mount points is in it" {
	onggi run --name c1 base true
	onggi commit c1 empty:1
	onggi save -o "$T/e.tar" empty:1
	mkdir "$T/e"
	tar -C "$T/e" -xf "$T/e.tar"
	layer=$(jq -r '.[0].Layers[-1]' "$T/e/manifest.json")
	[ -z "$(tar tf "$T/e/$layer")" ]
}

@test "the settings of the container and --change" {
	onggi create --name c1 -e A=1 -w /tmp -u 5 --entrypoint /bin/echo base hi
	onggi commit -c 'ENV B=2' -c 'LABEL x=y' -c 'CMD ["there"]' -c 'EXPOSE 80' c1 set:1
	[ "$(onggi inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.User}} {{.Config.WorkingDir}}' set:1)" = '["/bin/echo"] ["there"] 5 /tmp' ]
	onggi inspect -f '{{json .Config.Env}}' set:1 | grep -q '"A=1".*"B=2"'
	[ "$(onggi inspect -f '{{json .Config.ExposedPorts}} {{json .Config.Labels}}' set:1)" = '{"80/tcp":{}} {"x":"y"}' ]
	[ "$(onggi run --rm set:1)" = there ]
}

@test "a running container is frozen meanwhile, and goes on" {
	onggi run -d --name c1 base sh -c 'i=0; while :; do i=$((i+1)); echo $i >/m; mv /m /n; done'
	timeout 60 "$ONGGI_BIN/onggi" exec c1 sh -c 'until [ -e /n ]; do :; done'
	onggi commit c1 r:1
	[ "$(onggi inspect -f '{{.State.Status}}' c1)" = running ]
	onggi commit --pause=false c1 r:2
	onggi commit --no-pause c1 r:3
	onggi pause c1
	onggi commit c1 r:4
	[ "$(onggi inspect -f '{{.State.Status}}' c1)" = paused ]
	onggi unpause c1
	n=$(onggi run --rm r:1 cat /n)
	[ "$n" -gt 0 ]
}

@test "the same changes on top of each other; the same twice is one layer" {
	onggi run --name c1 base sh -c 'echo 1 >/one'
	a=$(onggi commit c1 l:1)
	onggi run --name d1 l:1 sh -c 'echo 2 >/two; rm /one'
	onggi commit d1 l:2
	[ "$(onggi run --rm l:2 ls / | grep -c '^one$')" = 0 ]
	[ "$(onggi run --rm l:2 cat /two)" = 2 ]
	[ "$(onggi inspect -f '{{len .RootFS.Layers}}' l:2)" = $(($(onggi inspect -f '{{len .RootFS.Layers}}' base) + 2)) ]
	onggi commit -m again c1 l:3
	[ "$(onggi inspect -f '{{json .RootFS.Layers}}' l:1)" = "$(onggi inspect -f '{{json .RootFS.Layers}}' l:3)" ]
}

@test "umoci unpacks what is committed as the container saw it" {
	onggi run --name c1 base sh -c 'mkdir /d; echo x >/d/x; rm /etc/group; chmod 700 /d'
	onggi commit c1 u:1
	onggi save -o "$T/u.tar" u:1
	mkdir "$T/u"
	tar -C "$T/u" -xf "$T/u.tar"
	tag=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$T/u/index.json")
	umoci unpack --image "$T/u:$tag" "$T/b" >/dev/null
	[ "$(cat "$T/b/rootfs/d/x")" = x ]
	[ "$(stat -c %a "$T/b/rootfs/d")" = 700 ]
	[ ! -e "$T/b/rootfs/etc/group" ]
}

@test "refusals leave nothing" {
	run onggi commit nosuch
	[ "$status" = 1 ]
	[[ $output == *'No such container: nosuch'* ]]
	onggi create --name c1 base
	before=$(onggi images -aq --no-trunc | sort)
	run onggi commit -c 'FROM x' c1
	[ "$status" = 1 ]
	[[ $output == *'FROM is not a valid change command'* ]]
	run onggi commit c1 UPPER
	[ "$status" = 1 ]
	[[ $output == *'must be lowercase'* ]]
	[ "$(onggi images -aq --no-trunc | sort)" = "$before" ]
}
