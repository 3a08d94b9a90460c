# SPDX-License-Identifier: Apache-2.0
#
# load and import with a fault at every step (pulls: pull.bats): nothing half-made, the next one works.

load lib

setup() {
	fault_setup
	faults
	skopeo copy -q "oci:$(image_oci busybox):latest" "docker-archive:$T/busybox.tar:busybox:latest"
}
teardown() { fault_teardown; }

no_image() { # the embedded base has not been used here
	[ -z "$(find "$ONGGI_ROOT/images" "$ONGGI_ROOT/references" -type f 2>/dev/null)" ]
}

works() {
	onggi load -q -i "$T/busybox.tar" >/dev/null &&
		[ "$(onggi run --rm --network none busybox echo fine)" = fine ] &&
		onggi rmi busybox >/dev/null && [ -z "$(find "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/blobs/sha256" -mindepth 1)" ]
}

@test "load: each step fails, each step is killed" {
	for s in $(steps_of load | sed 's/^/load:/') $(steps_of register | sed 's/^/register:/'); do
		ONGGI_FAULT=$s run onggi load -q -i "$T/busybox.tar"
		failed_well "$s" 1
		nothing_left || { echo "$s: $(left_over)"; return 1; }
		case $s in
		register:names | load:images) onggi rmi busybox >/dev/null 2>&1 || true ;; # it was there already
		esac
		no_image || [ "$s" = register:record ] || { echo "$s: an image is visible"; return 1; }
		onggi image prune -a -f >/dev/null
		ONGGI_FAULT=$s:kill run onggi load -q -i "$T/busybox.tar"
		[ "$status" = 137 ]
		onggi image prune -a -f >/dev/null
		heal "$s killed"
		works || { ls -A "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/blobs/sha256"; echo "$s: the next load"; return 1; }
	done
}
