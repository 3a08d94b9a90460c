#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Round trips with docker-registry, skopeo, umoci, podman and docker, in both directions: the same image
# comes back, by the digest of its manifest where the way keeps manifests, else by its ID (the digest of its
# config, which holds the digests of all its layers). A matrix of formats and compressions.

load pull_lib

# what skopeo makes of one layout: NAME FORMAT COMPRESSION
MATRIX="oci-gzip oci-zstd oci-none docker-gzip docker-none oci-multi"

setup_file() {
	store_setup
	store_podman_files
	store_registry
	for c in gzip zstd none; do python3 "$LIB/mkimage.py" "$T/oci" --tag oci-$c --compress $c --kb 60 --seed "o$c"; done
	python3 "$LIB/mkimage.py" "$T/oci" --tag oci-multi --arch amd64,arm64 --kb 40 --seed multi
	for c in gzip none; do python3 "$LIB/mkimage.py" "$T/oci" --tag docker-$c --compress $c --kb 60 --seed "d$c"; done
	for name in $MATRIX; do
		case $name in
		docker-*) set -- --format v2s2 ;;
		*) set -- --all ;;
		esac
		# plain layers stay plain
		case $name in *-none) set -- "$@" --dest-compress=false ;; esac
		skopeo copy -q "$@" --dest-tls-verify=false "oci:$T/oci:$name" "docker://$REGISTRY/src:$name" 3>&- || return 1
	done
}

teardown_file() {
	[ -z "${DOCKERD_PID:-}" ] || docker_stop || true
	registry_stop
	grep -o " $T[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	store_teardown
}

setup() {
	store_fresh
	case_dir
}

teardown() { cd /; }

raw() { # TRANSPORT:NAME
	skopeo inspect --tls-verify=false --raw "$1"
}

manifest_digest() {
	raw "$1" | sha256sum | cut -d' ' -f1
}

# the ID of the image for this machine: digest of the config
config_id() { # TRANSPORT:NAME
	skopeo inspect --tls-verify=false --config --raw "$1" | sha256sum | cut -d' ' -f1
}

diff_ids() { # TRANSPORT:NAME
	skopeo inspect --tls-verify=false --config --raw "$1" | jq -c .rootfs.diff_ids
}

pulled() { # NAME: into the store; ID in $id
	image pull -q "$REGISTRY/src:$1"
	is_status 0
	id=$(onggi images -q --no-trunc "$REGISTRY/src:$1")
	[ "$id" = "sha256:$(config_id "docker://$REGISTRY/src:$1")" ]
}

@test "docker-registry: pulled and pushed, every manifest is the same to the bit" {
	for name in $MATRIX; do
		pulled $name
		onggi tag "$REGISTRY/src:$name" "$REGISTRY/back:$name"
		image push -q "$REGISTRY/back:$name"
		is_status 0
		case $name in
		# onggi push compresses what is plain, and pushes the one image alone where the rest of an index is
		# neither here nor there: another manifest, the same image
		*-none | *-multi)
			[ "sha256:$(config_id "docker://$REGISTRY/back:$name")" = "$id" ]
			;;
		*) cmp <(raw "docker://$REGISTRY/src:$name") <(raw "docker://$REGISTRY/back:$name") || { echo "$name"; return 1; } ;;
		esac
	done
}

@test "registry copy: every manifest is the same to the bit, plain layers too" {
	for name in $MATRIX; do
		onggi registry copy -q "$REGISTRY/src:$name" "$REGISTRY/copy:$name"
		cmp <(raw "docker://$REGISTRY/src:$name") <(raw "docker://$REGISTRY/copy:$name") || { echo "$name"; return 1; }
	done
}

@test "skopeo: archives of onggi to the registry, layouts and archives of skopeo to onggi" {
	for name in $MATRIX; do
		pulled $name
		onggi save -o s.tar "$REGISTRY/src:$name"
		# as docker's archive, and as a layout
		skopeo copy -q --dest-tls-verify=false "docker-archive:s.tar" "docker://$REGISTRY/da:$name" 3>&-
		case $name in
		*-zstd) # skopeo writes the config anew on its way from zstd to docker's manifest
			[ "$(diff_ids "docker://$REGISTRY/da:$name")" = "$(diff_ids "docker://$REGISTRY/src:$name")" ]
			;;
		*) [ "sha256:$(config_id "docker://$REGISTRY/da:$name")" = "$id" ] ;;
		esac
		case $name in
		docker-*) ;; # a layout holds OCI manifests: skopeo reads no others there
		*)
			skopeo copy -q --dest-tls-verify=false "oci-archive:s.tar" "docker://$REGISTRY/oa:$name" 3>&-
			[ "sha256:$(config_id "docker://$REGISTRY/oa:$name")" = "$id" ]
			;;
		esac
		onggi rmi -f "$id" >/dev/null
		# and back, from what skopeo writes
		case $name in
		*-zstd) ;; # there is no zstd in docker's archive for skopeo
		*)
			skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src:$name" "docker-archive:d.tar:back/d:1" 3>&-
			onggi load -q -i d.tar
			[ "$(onggi images -q --no-trunc back/d:1)" = "sha256:$(config_id docker-archive:d.tar)" ]
			;;
		esac
		case $name in
		docker-*) ;;
		*)
			skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/src:$name" "oci-archive:o.tar:back/o:1" 3>&-
			onggi load -q -i o.tar
			[ "$(onggi images -q --no-trunc back/o:1)" = "$id" ] || { echo "$name"; return 1; }
			;;
		esac
		onggi rmi -f $(onggi images -q --no-trunc | sort -u) >/dev/null
		rm -f ./*.tar
	done
}

@test "umoci: unpacks what onggi saved, onggi loads what umoci packed, file by file" {
	for name in oci-gzip oci-none; do
		pulled $name
		onggi save -o s.tar "$REGISTRY/src:$name"
		mkdir lay && tar -C lay -xf s.tar
		umoci unpack --image "lay:$name" bundle
		onggi create --name c "$REGISTRY/src:$name" true >/dev/null 2>&1 || onggi create --name c-$name "$REGISTRY/src:$name" true >/dev/null
		onggi export c-$name | tar -t | grep -v -e '^dev/' -e '^etc/\(hosts\|hostname\|resolv.conf\)' -e '^\(dev\|proc\|sys\|etc\)/$' | sed 's|/$||' | sort >ours
		(cd bundle/rootfs && find . -mindepth 1 | sed 's|^\./||' | grep -v -x -e dev -e 'dev/.*' -e proc -e sys -e etc -e 'etc/\(hosts\|hostname\|resolv.conf\)' | sort) >theirs
		diff ours theirs
		echo new >bundle/rootfs/new
		rm -f bundle/rootfs/bin/wget
		umoci repack --image "lay:packed" bundle
		skopeo copy -q "oci:lay:packed" "oci-archive:p.tar:umoci:1" 3>&-
		onggi load -q -i p.tar
		[ "$(onggi images -q --no-trunc umoci:1)" = "sha256:$(config_id oci:lay:packed)" ]
		run -0 onggi run --rm --network none umoci:1 sh -c 'cat /new; ls /bin/wget'"; true"
		[[ $output == new* ]]
		[[ $output == *"No such file"* ]]
		onggi rm c-$name >/dev/null
		onggi rmi -f $(onggi images -q --no-trunc | sort -u) >/dev/null
		rm -rf ./*.tar lay bundle
	done
}

@test "places of files: registry to place and back by onggi, skopeo and podman in turn: digests, or IDs where a form has none" {
	podman_setup "$T/podman"
	for name in $MATRIX; do
		want=$(manifest_digest "docker://$REGISTRY/src:$name")
		for place in oci:p oci-archive:p dir:p docker-archive:p; do
			onggi registry copy -q "$REGISTRY/src:$name" $place >/dev/null
			case $name:$place in
			docker-*:oci*) ;; # readers of OCI's forms know no manifests of docker
			*:docker-archive*)
				[ "$(config_id $place)" = "$(config_id "docker://$REGISTRY/src:$name")" ]
				run -0 podman_run pull -q $place 3>&-
				[ "$output" = "$(config_id "docker://$REGISTRY/src:$name")" ]
				;;
			*)
				[ "$(manifest_digest $place)" = "$want" ] || { echo "$name $place"; return 1; }
				# taken over by skopeo, all blobs verified, and back
				skopeo copy -q --all $place "${place%:p}:q" 3>&-
				onggi registry copy -q "${place%:p}:q" "$REGISTRY/files:$name" >/dev/null
				[ "$(manifest_digest "docker://$REGISTRY/files:$name")" = "$want" ] || { echo "$name $place"; return 1; }
				;;
			esac
			onggi registry copy -q $place "$REGISTRY/files:$name" >/dev/null
			case $place in
			docker-archive*) [ "$(config_id "docker://$REGISTRY/files:$name")" = "$(config_id "docker://$REGISTRY/src:$name")" ] ;;
			*) [ "$(manifest_digest "docker://$REGISTRY/files:$name")" = "$want" ] || { echo "$name $place"; return 1; } ;;
			esac
			rm -rf p q
		done
		podman_run rmi -af 3>&- >/dev/null
	done
}

@test "umoci: a layout that onggi copied or pushed is unpacked and packed, onggi pulls it from there" {
	for name in oci-gzip oci-none; do
		pulled $name
		onggi registry copy -q "$REGISTRY/src:$name" oci:lay:copied >/dev/null
		onggi push -q "$REGISTRY/src:$name" oci:lay:pushed
		cmp <(raw oci:lay:copied) <(raw oci:lay:pushed)
		onggi rmi -f "$id" >/dev/null
		umoci unpack --image lay:pushed bundle
		echo new >bundle/rootfs/new
		umoci repack --image lay:packed bundle
		run -0 onggi pull -q oci:lay:packed
		[ "$output" = "$(config_id oci:lay:packed)" ]
		run -0 onggi run --rm --network none "$output" cat /new
		[ "$output" = new ]
		onggi rmi -f $(onggi images -q --no-trunc | sort -u) >/dev/null
		rm -rf lay bundle
	done
}

@test "podman: load, save in both formats, push and pull" {
	podman_setup "$T/podman"
	for name in oci-gzip oci-zstd docker-gzip; do
		pulled $name
		onggi save -o s.tar "$REGISTRY/src:$name"
		podman_run load -q -i s.tar 3>&- >/dev/null
		[ "sha256:$(podman_run image inspect --format '{{.Id}}' "$REGISTRY/src:$name")" = "$id" ]
		onggi rmi -f "$id" >/dev/null
		for format in docker-archive oci-archive; do
			[ $name:$format != oci-zstd:docker-archive ] || continue # podman knows no such
			podman_run save -q --format $format -o p.tar "$REGISTRY/src:$name" 3>&-
			run -0 onggi load -q -i p.tar
			# podman converts between the formats of configs when the archive wants it: the layers stay
			case $name:$format in
			oci-*:oci-archive | docker-*:docker-archive) [ "$(onggi images -q --no-trunc "$REGISTRY/src:$name")" = "$id" ] || { echo "$name $format"; return 1; } ;;
			esac
			onggi rmi -f $(onggi images -q --no-trunc | sort -u) >/dev/null
			rm p.tar
		done
		# by the registry: what onggi pushed podman pulls, what podman pushed onggi pulls
		pulled $name
		onggi tag "$REGISTRY/src:$name" "$REGISTRY/ours:$name"
		image push -q "$REGISTRY/ours:$name"
		is_status 0
		podman_run pull -q --tls-verify=false "$REGISTRY/ours:$name" 3>&- >/dev/null
		[ "sha256:$(podman_run image inspect --format '{{.Id}}' "$REGISTRY/ours:$name")" = "$id" ]
		podman_run push -q --tls-verify=false "$REGISTRY/ours:$name" "docker://$REGISTRY/theirs:$name" 3>&-
		image pull -q "$REGISTRY/theirs:$name"
		is_status 0
		[ "$(onggi images -q --no-trunc "$REGISTRY/theirs:$name")" = "sha256:$(config_id "docker://$REGISTRY/theirs:$name")" ]
		podman_run rmi -af 3>&- >/dev/null
		rm -f ./*.tar
	done
}

@test "docker: load, save, push and pull" {
	command -v dockerd >/dev/null || skip "dockerd is not installed"
	docker_start "$T/docker" --bridge none --iptables=false --ip6tables=false --ip-forward=false --storage-driver vfs 3>&-
	for name in oci-gzip docker-gzip; do
		pulled $name
		onggi save -o s.tar "$REGISTRY/src:$name"
		docker load -q -i s.tar >/dev/null
		[ "$(docker image inspect --format '{{.Id}}' "$REGISTRY/src:$name")" = "$id" ]
		onggi rmi -f "$id" >/dev/null
		docker save -o d.tar "$REGISTRY/src:$name"
		onggi load -q -i d.tar
		[ "$(onggi images -q --no-trunc "$REGISTRY/src:$name")" = "$id" ]
		onggi tag "$REGISTRY/src:$name" "$REGISTRY/od:$name"
		image push -q "$REGISTRY/od:$name"
		is_status 0
		docker rmi -f "$id" >/dev/null
		docker pull -q "$REGISTRY/od:$name" >/dev/null
		[ "$(docker image inspect --format '{{.Id}}' "$REGISTRY/od:$name")" = "$id" ]
		docker tag "$REGISTRY/od:$name" "$REGISTRY/dd:$name"
		docker push -q "$REGISTRY/dd:$name" >/dev/null
		onggi rmi -f "$id" >/dev/null
		image pull -q "$REGISTRY/dd:$name"
		is_status 0
		[ "$(onggi images -q --no-trunc "$REGISTRY/dd:$name")" = "$id" ]
		onggi rmi -f "$id" >/dev/null
		docker rmi -f "$id" >/dev/null
		rm -f ./*.tar
	done
	docker_stop || true
}
