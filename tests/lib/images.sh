# SPDX-License-Identifier: Apache-2.0
#
# images.sh - real images for tests and benches, made once from Debian's packages and kept in
# build/test-images (IMAGES_DIR). Source it from sh or bash; safe when several tests ask at once.
#
#   image_oci busybox     busybox-static with its applets            -> path of an OCI layout, tag latest
#   image_oci debian      a Debian base (minbase)
#   image_oci nginx       Debian's nginx on top of it (two layers), serving "hello from nginx" on 80
#   image_push NAME REF   copy it to a registry by skopeo (REF without scheme)

IMAGES_DIR=${IMAGES_DIR:-${ONGGI_BUILD:-${TMPDIR:-/tmp}/onggi}/test-images}

# tar a root file system reproducibly, without what umoci or the kernel would object to
_image_tar() { # dir out
	tar -C "$1" --sort=name --mtime=@1700000000 --numeric-owner --one-file-system -cf "$2" .
}

# a one-layer OCI layout from a root file system: _image_layout DIR ROOTFS CMD-JSON [umoci config args]
_image_layout() {
	_out=$1 _root=$2
	shift 2
	umoci init --layout "$_out" && umoci new --image "$_out:latest" &&
		umoci insert --image "$_out:latest" "$_root" / >/dev/null &&
		umoci config --image "$_out:latest" --config.env \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

_make_busybox() {
	mkdir -p "$1/fs/bin" "$1/fs/etc" "$1/fs/tmp" "$1/fs/root"
	chmod 1777 "$1/fs/tmp"
	cp /bin/busybox "$1/fs/bin/busybox"
	for _a in $(/bin/busybox --list | grep -vx busybox); do ln -sf busybox "$1/fs/bin/$_a"; done
	echo 'root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false' >"$1/fs/etc/passwd"
	echo 'root:x:0:
daemon:x:1:
tape:x:26:nobody
nogroup:x:65534:' >"$1/fs/etc/group"
	_image_layout "$2" "$1/fs" --config.cmd sh
}

_make_debian() {
	mmdebstrap --quiet --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$1/fs" >/dev/null &&
		rm -rf "$1/fs/dev" "$1/fs/var/cache/apt" "$1/fs/var/lib/apt/lists" && mkdir "$1/fs/dev" &&
		_image_layout "$2" "$1/fs" --config.cmd bash
}

_make_nginx() {
	mmdebstrap --quiet --variant=minbase --include=nginx-light "$(. /etc/os-release && echo "$VERSION_CODENAME")" \
		"$1/fs" >/dev/null &&
		rm -rf "$1/fs/dev" "$1/fs/var/cache/apt" "$1/fs/var/lib/apt/lists" && mkdir "$1/fs/dev" || return 1
	_image_layout "$2" "$1/fs" --config.cmd nginx --config.cmd -g --config.cmd 'daemon off;' \
		--config.exposedports 80/tcp --config.stopsignal SIGQUIT || return 1
	mkdir -p "$1/top/var/www/html"
	echo 'hello from nginx' >"$1/top/var/www/html/index.html"
	mkdir -p "$1/logs" && ln -sf /dev/stdout "$1/logs/access.log" && ln -sf /dev/stderr "$1/logs/error.log"
	umoci insert --image "$2:latest" "$1/top/var/www/html" /var/www/html >/dev/null &&
		umoci insert --image "$2:latest" "$1/logs" /var/log/nginx >/dev/null
}

image_oci() {
	_name=$1
	mkdir -p "$IMAGES_DIR" || return 1
	(
		flock 9
		[ ! -f "$IMAGES_DIR/$_name/index.json" ] || exit 0
		_tmp=$(mktemp -d "$IMAGES_DIR/.$_name.XXXXXX") || exit 1
		if "_make_$_name" "$_tmp" "$_tmp/oci" >&2; then
			rm -rf "$IMAGES_DIR/$_name"
			mv "$_tmp/oci" "$IMAGES_DIR/$_name"
		else
			rm -rf "$_tmp"
			exit 1
		fi
		rm -rf "$_tmp"
	) 9>"$IMAGES_DIR/.lock-$_name" || return 1
	echo "$IMAGES_DIR/$_name"
}

image_push() {
	_src=$(image_oci "$1") || return 1
	skopeo copy -q --dest-tls-verify=false "oci:$_src:latest" "docker://$2"
}
