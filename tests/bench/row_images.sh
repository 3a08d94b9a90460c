#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What else is done with the image of row_pull.sh: pushed into an empty registry, saved, loaded, committed after
# 100 MB of changes, exported; pulled again when every layer is there; the memory of a pull.
set -eu
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engines.sh"
. "$(dirname "$0")/images.sh"
for p in umoci skopeo docker-registry; do have $p || skip "images" "$p is not installed"; done
engines_start "images" "$0"
rounds=${BENCH_ROUNDS:-3}
big_image
engines="onggi docker${podman:+ podman}"
of() { eval "echo \"\$$1\""; }
tls() { [ "$1" != podman ] || echo --tls-verify=false; }

# ---- load, each into an empty store on a disk of its own: ext4 gives no inode that was freed within the last
# minutes to a new file, and looks for others at every create, so a second load after an rmi measures that ----
load_once() {
	fresh_disk "$E/load" || { mkdir -p "$E/load"; echo "bench: no loop device: load runs on the bench's own disk" >&2; }
	case $1 in
	onggi)
		ONGGI_ROOT=$E/load/onggi $onggi images >/dev/null
		clock onggi env ONGGI_ROOT="$E/load/onggi" $onggi load -q -i "$E/all.tar"
		;;
	docker)
		docker_stop
		docker_start "$E/load/docker" --exec-root "$E/run/docker" >&2
		clock docker $docker load -q -i "$E/all.tar"
		docker_stop
		docker_start "$E/disk/docker" --exec-root "$E/run/docker" >&2
		;;
	podman)
		clock podman $podman --root "$E/load/root" --runroot "$E/run/pl" load -q -i "$E/all.tar"
		;;
	esac
	umount "$E/load"
	rm -f "$E/load.img"
}
skopeo copy -q "oci:$layout:latest" "docker-archive:$E/all.tar:bench400:load"
cat "$E/all.tar" >/dev/null # from memory for all
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	for e in $engines; do load_once $e; done
done
rm "$E/all.tar"
figures "$E/figures"
row "load, 440 MB, plain layers" "$E/figures" onggi s "docker 0.5" "podman 0.5"

registry_start "$E/registry" >&2
source=$REGISTRY/bench400:latest
skopeo copy -q --dest-tls-verify=false "oci:$layout:latest" "docker://$source"
for e in $engines; do $(of $e) pull -q $(tls $e) "$source" >/dev/null; done

# ---- push, each into an empty registry of its own ----
first=$REGISTRY_PID
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	for e in $engines; do
		registry_start "$E/empty" >&2
		$(of $e) tag "$source" "$REGISTRY/pushed:1"
		clock $e $(of $e) push -q $(tls $e) "$REGISTRY/pushed:1"
		$(of $e) rmi "$REGISTRY/pushed:1" >/dev/null 2>&1 || true
		registry_stop || true
		rm -rf "$E/empty"
	done
done
REGISTRY_PID=$first
figures "$E/figures"
row "push, $layers layers, 440 MB, into an empty registry" "$E/figures" onggi s "docker 0.33"

# ---- save ----
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	for e in $engines; do
		clock $e $(of $e) save -o "$E/disk/$e.tar" "$source"
		rm "$E/disk/$e.tar"
	done
done
figures "$E/figures"
row "save, 440 MB" "$E/figures" onggi s "docker 0.5" "podman 0.5"

# ---- a container with 100 MB of changes: commit, export ----
head -c 100M /dev/urandom >"$E/disk/random"
for e in $engines; do
	$(of $e) run --name changed --network none -v "$E/disk/random:/random:ro" bench sh -c \
		'i=0; while [ $i -lt 20 ]; do i=$((i + 1)); busybox dd if=/random of=/f$i bs=1M count=5 skip=$((i * 5 - 5)) 2>/dev/null; done' >/dev/null
done
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	for e in $engines; do
		clock $e $(of $e) commit changed committed:1
		$(of $e) rmi -f committed:1 >/dev/null 2>&1
	done
done
figures "$E/figures"
row "commit, 100 MB of changes" "$E/figures" onggi s "docker 0.5" "podman 0.5"
r=0
while [ $r -lt "$rounds" ]; do
	r=$((r + 1))
	for e in $engines; do
		clock $e $(of $e) export -o "$E/disk/export.tar" changed
		rm "$E/disk/export.tar"
	done
done
figures "$E/figures"
row "export, 100 MB" "$E/figures" onggi s "docker 0.5" "podman 0.5"

# ---- a pull of what is there, above one manifest by curl ----
registry_stop || true
registry_start "$E/registry" >&2
source=$REGISTRY/bench400:latest
$onggi pull -q "$source" >/dev/null
r=0
while [ $r -lt 20 ]; do
	r=$((r + 1))
	clock again $onggi pull -q "$source"
	clock curl curl -fs -o /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$REGISTRY/v2/bench400/manifests/latest"
done
figures "$E/figures"
awk '{ v[$1] = $2 * 1000 } END {
	more = v["again"] - v["curl"]
	printf "pull, every layer there, over one manifest by curl\t%.1f ms\tcurl %.1f ms\t-\t<= 15 ms\t%s\n", more, v["curl"], (more <= 15 ? "yes" : "no") }' "$E/figures"
$onggi rmi -f "$source" >/dev/null
"$(dirname "$BENCH_FLOOR")/bench-peak" "$E/peak" "$ONGGI_LIBEXEC/onggi-image" pull -q "$source" >/dev/null
awk '{ printf "peak memory of a pull of 440 MB\t%.1f MB\t-\t-\t<= 64 MB\t%s\n", $1 / 1024, ($1 <= 65536 ? "yes" : "no") }' "$E/peak"
