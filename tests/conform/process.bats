#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The process object: who runs, where, with what.

load lib

@test "process.user.uid, gid" {
	conf '.process.user = { uid: 5, gid: 7 }'
	run_c 'id -u; id -g'
	ok
	is $'5\n7'
}
