# SPDX-License-Identifier: Apache-2.0
#
# Images of another store, failed and killed at every step of what makes containers and images of them: the own store is
# sound and empty afterwards, the other one untouched.

load lib

setup() {
	fault_setup
	faults
	cd "$T"
	export THEIRS=$T/theirs
	printf 'f 644 a one\nd 755 d\nf 644 d/x two\n' >l1
	printf 'f 644 a three\nf 644 d/.wh.x \n' >l2
	python3 "$BATS_TEST_DIRNAME/../lib/archive.py" a.tar theirs:1 l1 l2
	ONGGI_ROOT=$THEIRS ONGGI_RUN=$T/their-run onggi load -q -i a.tar >/dev/null
	export ONGGI_IMAGE_STORES=$THEIRS
	before=$(state)
}

teardown() {
	cd /
	fault_teardown
}

state() {
	find "$THEIRS" -printf '%p %i %m %n %s %T@ %C@\n' | sort
}

# nothing is left that the next commands do not take away
healed() { # what was done
	local ids
	ids=$(onggi ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || onggi rm -f $ids >/dev/null
	onggi images -q --filter readonly=false | sort -u | xargs -r "$ONGGI_BIN/onggi" rmi -f >/dev/null
	onggi system sweep >/dev/null
	onggi system check >/dev/null || { echo "$1: $(onggi system check)"; return 1; }
	onggi image prune -f >/dev/null
	local left
	left=$(find "$ONGGI_ROOT/blobs" "$ONGGI_ROOT/snapshots" "$ONGGI_ROOT/images" "$ONGGI_ROOT/leases" "$ONGGI_ROOT/tmp" \
		-type f 2>/dev/null || true)
	[ -z "$left" ] || { echo "$1: left: $left"; return 1; }
	[ "$(state)" = "$before" ] || { echo "$1: the other store has changed"; return 1; }
}

create_steps() { # driver
	local s
	export ONGGI_STORAGE_DRIVER=$1
	for s in $(steps_of create); do
		ONGGI_FAULT=create:$s run onggi create --network none theirs:1 cat a
		[ "$status" != 0 ] || { echo "create:$s did not fail"; return 1; }
		healed "create:$s fails"
		ONGGI_FAULT=create:$s:kill run onggi create --network none theirs:1 cat a
		[ "$status" = 137 ] || { echo "create:$s: status $status: $output"; return 1; }
		onggi image prune -f >/dev/null # before the sweep of what is half-made
		healed "create:$s killed"
	done
	[ "$(onggi run --rm --network none theirs:1 cat a)" = three ]
	healed "create"
}

@test "create, overlay" { create_steps overlay; }

@test "create, composefs" {
	onggi -s composefs run --rm --network none theirs:1 cat a >/dev/null 2>why || skip "$(head -1 why)"
	create_steps composefs
}

@test "create, erofs: the archives are made here" {
	onggi -s erofs run --rm --network none theirs:1 cat a >/dev/null 2>why || skip "$(head -1 why)"
	create_steps erofs
}

@test "commit over layers there" {
	local s
	for s in $(steps_of commit register); do
		onggi run --name kk --network none theirs:1 sh -c 'echo new >new'
		case " $(steps_of commit | xargs) " in
		*" $s "*) w=commit ;;
		*) w=register ;;
		esac
		ONGGI_FAULT=$w:$s:kill run onggi commit kk made:1
		[ "$status" = 137 ] || { echo "$w:$s: status $status: $output"; return 1; }
		onggi image prune -f >/dev/null
		onggi commit kk made:1 >/dev/null
		[ "$(onggi run --rm --network none made:1 sh -c 'cat a new' | xargs)" = threenew ]
		healed "$w:$s killed"
	done
}

@test "load of what is there" {
	local s
	for s in $(steps_of register); do
		ONGGI_FAULT=register:$s run onggi load -q -i a.tar
		[ "$status" != 0 ] || { echo "register:$s did not fail"; return 1; }
		healed "register:$s fails"
		ONGGI_FAULT=register:$s:kill run onggi load -q -i a.tar
		[ "$status" = 137 ] || { echo "register:$s: status $status: $output"; return 1; }
		onggi load -q -i a.tar >/dev/null
		[ "$(onggi images --format '{{.ReadOnly}}')" = false ]
		[ -z "$(find "$ONGGI_ROOT/snapshots" -mindepth 1 2>/dev/null)" ]
		healed "register:$s killed"
	done
}
