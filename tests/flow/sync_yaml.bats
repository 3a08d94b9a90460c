#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# registry sync --src yaml: the same images under the same names as skopeo sync with the same file; what is wrong in a
# file is named before anything moves.

load transports_lib

sync() { # ARGS: both streams in $output
	run timeout 60 "$ONGGI_BIN/onggi" registry sync --src yaml "$@"
}

teardown() {
	cd /
	[ -z "${secure_pid:-}" ] || { kill "$secure_pid"; wait "$secure_pid" || true; }
}

# all images below DIR: path and digest of the manifest
tree() {
	(cd "$1" && find . -name manifest.json | sort | while read -r f; do echo "$f $(sha256sum <"$f")"; done)
}

@test "as skopeo has it: all tags, some, digests, expressions; to folders and to a registry" {
	digest=$(digest_of "docker://$REGISTRY/src:gzip")
	for name in src other/deep; do
		skopeo copy -q --dest-tls-verify=false --src-tls-verify=false "docker://$REGISTRY/src:gzip" "docker://$REGISTRY/$name:1.13.1-alpine" 3>&-
	done
	cat >all.yml <<-YAML
		$REGISTRY:
		  tls-verify: false
		  images: { src: [] }
	YAML
	cat >some.yml <<-YAML
		# of two repositories
		$REGISTRY:
		  images:
		    src:
		      - gzip
		      - "zstd"
		      - $digest
		  images-by-tag-regex:
		    other/deep: ^1\.\d+\.[12]-(?:alpine|perl)\$
		  tls-verify: false
	YAML
	cat >regex.yml <<-YAML
		$REGISTRY:
		  tls-verify: false
		  images-by-tag-regex:
		    src: zip|std
	YAML
	i=0
	for args in all.yml "--all all.yml" some.yml "--scoped some.yml" "--scoped --all regex.yml"; do
		i=$((i + 1))
		skopeo sync --src yaml --dest dir $args theirs$i 3>&- 2>/dev/null
		sync --dest dir $args ours$i
		is_status 0
		diff <(tree ours$i) <(tree theirs$i) || { echo "$args"; return 1; }
		[ -n "$(tree ours$i)" ]
	done
	[ "$(tree ours3 | wc -l)" = 4 ]
	sync --dest docker --all regex.yml "$REGISTRY/by-yaml"
	is_status 0
	has "Synced 2 images"
	same "docker://$REGISTRY/by-yaml/src:zstd" "docker://$REGISTRY/src:zstd"
	sync --dest dir --dry-run some.yml dry
	is_status 0
	has "Would copy: docker://$REGISTRY/other/deep:1.13.1-alpine to dry/deep:1.13.1-alpine"
	[ ! -e dry ]
}

@test "credentials and certificates of each registry; those of the flags where the file says none" {
	up=$REGISTRY
	mkdir home2 docker2
	HOME=$PWD/home2 DOCKER_CONFIG=$PWD/docker2 registry_start_tls "$PWD/secure" 3>&-
	secure_pid=$REGISTRY_PID secure=$REGISTRY REGISTRY=$up
	mkdir certs
	cp secure/cert certs/ca.crt
	skopeo copy -q --dest-tls-verify=false --dest-creds 'ali:open sesame' "oci:$T/oci:gzip" "docker://$secure/app:1" 3>&-
	cat >both.yml <<-YAML
		$secure:
		  images: { app: ["1"] }
		  credentials:
		    username: ali
		    password: open sesame
		  cert-dir: $PWD/certs
		  tls-verify: true
		$REGISTRY:
		  images: { src: [zstd] }
		  tls-verify: false
	YAML
	sync --dest dir --scoped both.yml out
	is_status 0
	has "Synced 2 images"
	same "dir:out/$secure/app:1" "oci:$T/oci:gzip"
	! grep -q sesame <<<"$output" || false
	sed '/credentials/,/password/d' both.yml >none.yml
	sync --dest dir none.yml out2
	is_status 1
	has "denied"
	sync --dest dir --src-creds 'ali:open sesame' none.yml out3
	is_status 0
	sed 's/open sesame/wrong/' both.yml >wrong.yml
	sync --dest dir --keep-going wrong.yml out4
	is_status 1
	has "Synced 1 images"
	has "1 images failed"
	sed '/cert-dir/d' both.yml >unknown.yml
	sync --dest dir unknown.yml out5
	is_status 1
	has "certificate"
}

@test "what is wrong in a file is named, and nothing moves" {
	bad() { # WORDS: file on standard input
		cat >bad.yml
		sync --dest dir bad.yml out
		[ "$status" = 1 ]
		has "bad.yml"
		has "$1"
		[ ! -e out ]
	}
	ok="$REGISTRY: { tls-verify: false, images: { src: [gzip] } }"
	bad "there is nothing in it" </dev/null
	bad "registries are wanted" <<<"- a"
	bad "line 3: did not find" <<<"$ok"$'\nx: ['
	bad "anchors" <<<"$ok"$'\nx: &a {}'
	bad "a name that is there already" <<<"$ok"$'\n'"$ok"
	bad "images-by-semver is not known here" <<<"$ok"$'\nh.example.com: { images-by-semver: { a: ">1" } }'
	bad "imges is not known here" <<<"$ok"$'\nh.example.com: { imges: { a: [] } }'
	bad "token is not known here" <<<"$ok"$'\nh.example.com: { credentials: { token: x } }'
	bad "belong together" <<<"$ok"$'\nh.example.com: { credentials: { username: x } }'
	bad "tls-verify: true or false" <<<"$ok"$'\nh.example.com: { tls-verify: maybe }'
	bad "expected a mapping" <<<"$ok"$'\nh.example.com: []'
	bad "images: expected a mapping" <<<"$ok"$'\nh.example.com: { images: [a] }'
	bad "is no registry" <<<"$ok"$'\nnothost: { images: { a: [] } }'
	# of a registry that comes first
	printf '%s: { tls-verify: false, images: { src: [".x"] } }' "$REGISTRY" >bad.yml
	sync --dest dir bad.yml out
	is_status 1
	has ".x is neither tag nor digest"
	printf '%s: { tls-verify: false, images-by-tag-regex: { src: "(?i)a" } }' "$REGISTRY" >bad.yml
	sync --dest dir bad.yml out
	is_status 1
	has "(?i is not known here"
	printf '%s: { tls-verify: false, images-by-tag-regex: { src: "^nothing$" } }' "$REGISTRY" >bad.yml
	sync --dest dir bad.yml out
	is_status 1
	has "there are no images"
	sync --dest dir nowhere.yml out
	is_status 1
	has "nowhere.yml"
	[ ! -e out ]
}
