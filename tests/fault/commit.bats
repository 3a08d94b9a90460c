# SPDX-License-Identifier: Apache-2.0
#
# commit with a fault at every step: no image, nothing half-made, the container goes on, and the next
# commit works.

load lib

setup() {
	fault_setup
	faults
	sleeper >/dev/null
}
teardown() { fault_teardown; }

running() {
	[ "$(onggi inspect -f '{{.State.Status}}' kk)" = running ]
}

no_image() {
	[ "$(onggi images -aq | wc -l)" = 1 ] # the base
}

works() {
	onggi exec kk sh -c 'date >/some'
	onggi commit kk made:1 >/dev/null &&
		onggi run --rm --network none made:1 cat /some >/dev/null && onggi rmi made:1 >/dev/null
}

@test "commit: each step fails, each step is killed" {
	for s in $(steps_of commit); do
		ONGGI_FAULT=commit:$s run onggi commit kk made:1
		failed_well "commit:$s" 1
		running || { echo "$s: not running"; return 1; }
		[ "$s" = register ] || no_image || { echo "$s: an image is visible"; return 1; }
		onggi rmi made:1 >/dev/null 2>&1 || true
		[ -z "$(find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/leases" -mindepth 1 2>/dev/null)" ] || { find "$ONGGI_ROOT/tmp" "$ONGGI_ROOT/leases"; return 1; }
		ONGGI_FAULT=commit:$s:kill run onggi commit kk made:1
		[ "$status" = 137 ]
		# whoever watched over it lets it go on
		eventually 60 running
		onggi rmi made:1 >/dev/null 2>&1 || true
		onggi system sweep
		works || { echo "$s: the next commit"; return 1; }
	done
}
