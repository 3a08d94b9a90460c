#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# libonggi-runtime as a program outside of this tree uses it: from an installed copy, by pkg-config.

load orun_lib

setup_file() {
	export L
	L=$(mktemp -d "${TMPDIR:-/tmp}/onggi-library.XXXXXX")
	DESTDIR=$L meson install -C "$ONGGI_BUILD" --no-rebuild --quiet --tags devel,runtime >"$L/log" 2>&1 ||
		{ cat "$L/log"; return 1; }
}

teardown_file() {
	rm -rf "$L"
}

setup() {
	orun_setup
	cfg '.process.args = ["sleep", "1000"]'
}

teardown() {
	orun_teardown
}

# build SOURCE OUT [static]: by the installed header and pkg-config file only
build() {
	local pc how=
	pc=$(find "$L" -name onggi-runtime.pc)
	nm -D "$(find "$L" -name libonggi-runtime.so.0)" | grep -q asan && how="-fsanitize=address,undefined"
	export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$L
	export LD_LIBRARY_PATH=${pc%/pkgconfig/*}
	if [ "${3:-}" = static ]; then
		cc -Wall -Wextra -Werror $how $(pkg-config --cflags onggi-runtime) "$1" \
			"$LD_LIBRARY_PATH/libonggi-runtime.a" -lm -lpthread -o "$2"
	else
		cc -Wall -Wextra -Werror $how $(pkg-config --cflags onggi-runtime) "$1" \
			$(pkg-config --libs onggi-runtime) -lpthread -o "$2"
	fi
}

@test "the example makes, starts, executes, kills and deletes a container" {
	build "$BATS_TEST_DIRNAME/../../examples/container.c" "$T/example"
	run --separate-stderr timeout 60 "$T/example" "$T/state" "$B" "$ID" sh -c 'echo inside $$; exit 5'
	[ "$status" = 5 ] || { echo "status $status: $output $stderr"; return 1; }
	has "created 1" 'state 2 {"ociVersion"' "\"id\":\"$ID\"" '"status":"running"' "processes 1" \
		'stats {"cpu"' "executed 5" "ended 137"
	[[ $output =~ inside\ [0-9]+ ]]
	[ -z "$stderr" ]
	[ -z "$(ls -A "$T/state")" ]
}

@test "the same from the archive" {
	build "$BATS_TEST_DIRNAME/../../examples/container.c" "$T/example" static
	run -0 readelf -d "$T/example"
	hasnt onggi
	run --separate-stderr timeout 60 "$T/example" "$T/state" "$B" "$ID" true
	ok
	has "executed 0" "ended 137"
}

@test "errors come with kind, phrases, hint and exit code, and nothing is left" {
	build "$BATS_TEST_DIRNAME/../../examples/container.c" "$T/example"
	run -127 --separate-stderr timeout 60 "$T/example" "$T/state" "$B" "$ID" nothing-here
	has "exec-missing: " "nothing-here" "executable file not found"
	cfg '.mounts[0].destination = 5'
	run --separate-stderr timeout 60 "$T/example" "$T/state" "$B" "$ID" true
	[ "$status" = 125 ]
	has "invalid: " "mounts[0].destination" "expected string"
	rm "$B/config.json"
	run --separate-stderr timeout 60 "$T/example" "$T/state" "$B" "$ID" true
	[ "$status" = 125 ]
	has "not-found: "
	[ -z "$(ls -A "$T/state")" ]
}

@test "terminals, streams, events, network, checkpoints, requests used again, wrong values" {
	build "$BATS_TEST_DIRNAME/../library/more.c" "$T/more"
	run --separate-stderr timeout 60 "$T/more" "$T/state" "$B" "$ID"
	ok
	[ "$output" = "all right" ]
	[ -z "$stderr" ]
}

@test "several threads with one handle" {
	build "$BATS_TEST_DIRNAME/../library/threads.c" "$T/threads"
	run --separate-stderr timeout 120 "$T/threads" "$T/state" "$B" "$ID" 8 4
	ok
	[ "$output" = "0 failures" ]
	[ -z "$stderr" ]
}

@test "every function that is declared is exported, and nothing else" {
	local so declared exported
	so=$(find "$L" -name libonggi-runtime.so.0)
	declared=$(grep -v typedef "$(find "$L" -name runtime.h)" | grep -o '\bonggi_[a-z_]*(' | tr -d '(' | sort -u)
	exported=$(nm -D --defined-only "$so" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort)
	[ "$declared" = "$exported" ] || { diff <(echo "$declared") <(echo "$exported"); return 1; }
	[ -z "$(nm -D --defined-only "$so" | awk '$2 != "T" && $3 !~ /^ONGGI_RUNTIME_0/ && $3 !~ /asan|ubsan/')" ]
	nm -g --defined-only "$(find "$L" -name libonggi-runtime.a)" | awk 'NF == 3 && $3 !~ /^onggi_/ { print; bad = 1 }
		END { exit bad }'
	readelf -d "$so" | grep -q 'SONAME.*libonggi-runtime.so.0'
}

@test "no state that threads could share but one lock" {
	local archive
	archive=$(find "$L" -name libonggi-runtime.a)
	! nm "$archive" | grep -q asan || skip "sanitizers have their own"
	run sh -c "objdump -t '$archive' | awk '\$3 == \"O\" && \$4 ~ /^\.(data|bss)/ && \$4 !~ /^\.data\.rel\.ro/ { sub(/\.[0-9]+\$/, \"\", \$6); print \$6 }' | sort"
	[ "$output" = clone_turn ] || { echo "$output"; return 1; }
}

@test "the header is C++ too" {
	command -v c++ >/dev/null || skip "no C++ compiler"
	printf '#include <onggi/runtime.h>\nint main() { return onggi_runtime_api() != ONGGI_RUNTIME_API; }\n' >"$T/x.cc"
	c++ -Wall -Wextra -Werror -fsyntax-only -I"$(dirname "$(dirname "$(find "$L" -name runtime.h)")")" "$T/x.cc"
}
