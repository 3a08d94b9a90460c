# SPDX-License-Identifier: Apache-2.0
#
# Shared by the tests of transports: a layout and a registry with the same images in some forms (src:gzip, zstd,
# none, docker, multi), and comparison of manifests to the bit.

load pull_lib

setup_file() {
	store_setup
	store_podman_files
	store_registry
	python3 "$LIB/mkimage.py" "$T/oci" --tag gzip --kb 60 --seed a
	python3 "$LIB/mkimage.py" "$T/oci" --tag zstd --compress zstd --kb 60 --seed b
	python3 "$LIB/mkimage.py" "$T/oci" --tag none --compress none --kb 60 --seed c
	python3 "$LIB/mkimage.py" "$T/oci" --tag multi --arch amd64,arm64 --kb 40 --seed d
	for name in gzip zstd none multi; do
		skopeo copy -q --all --dest-compress=false --dest-tls-verify=false "oci:$T/oci:$name" "docker://$REGISTRY/src:$name" 3>&-
	done
	skopeo copy -q --format v2s2 --dest-tls-verify=false "oci:$T/oci:gzip" "docker://$REGISTRY/src:docker" 3>&-
}

teardown_file() {
	registry_stop
	store_teardown
}

setup() {
	store_fresh
	case_dir
}

teardown() { cd /; }

copy() { # FROM TO [FLAGS]: both streams in $output
	run timeout 60 "$ONGGI_BIN/onggi" registry copy -q "$@"
}

raw() { # TRANSPORT:NAME
	skopeo inspect --tls-verify=false --raw "$1"
}

digest_of() { # TRANSPORT:NAME
	echo "sha256:$(raw "$1" | sha256sum | cut -d' ' -f1)"
}

same() { # TRANSPORT:NAME TRANSPORT:NAME: by the bytes of the manifest
	cmp <(raw "$1") <(raw "$2")
}

# corrupt PATH: another byte in the middle, same size
corrupt() {
	python3 - "$1" <<-'PY'
	import os, sys
	os.chmod(sys.argv[1], 0o644)
	f = open(sys.argv[1], "r+b")
	f.seek(os.path.getsize(sys.argv[1]) // 2)
	c = f.read(1)
	f.seek(-1, 1)
	f.write(bytes([c[0] ^ 1]))
	PY
}
