#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The top level of config.json: version, host and domain name, annotations, what is not for Linux.

load lib

@test "hostname" {
	conf '.hostname = "some-box"'
	run_c 'uname -n'
	ok
	is some-box
}

@test "hostname without a uts namespace is refused" {
	conf '.hostname = "some-box" | .linux.namespaces |= map(select(.type != "uts"))'
	run_c true
	expect_error 'uts' hostname
}
