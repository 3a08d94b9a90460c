#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Our log files and log reader against those of a live dockerd.
# once

@test "json-file logs are byte for byte those of docker, and read alike" {
	[ "$(id -u)" = 0 ] || skip "needs root for dockerd"
	drv=$ONGGI_BUILD/tests/lib/monitor_driver
	[ -x "$drv" ] || skip "monitor_driver is not built"
	run "$BATS_TEST_DIRNAME/../lib/compare_docker_log.sh" "$drv" "$ONGGI_BIN/onggi-monitor"
	echo "$output"
	[ "$status" != 77 ] || skip "dockerd cannot run here"
	[ "$status" = 0 ]
}
