#!/usr/bin/env bats
# Networks of containers with real traffic, without containers: namespaces stand in for them and
# tests/lib/netdrv calls the driver. Every test has a host of its own (network_lib.bash).

setup() {
	load network_lib.bash
	NETDRV=${ONGGI_BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/lib/netdrv
	[ "$(id -u)" = 0 ] || skip "needs root"
	WORK_FUNCTIONS=$BATS_TEST_DIRNAME/network_cases.bash
	export NETDRV WORK_FUNCTIONS
}

@test "container, gateway and neighbour reach each other" { host_run case_neighbours; }
@test "containers reach the world behind the host's address" { host_run case_outward; }
@test "published TCP, UDP and IPv6 ports answer the client" { host_run case_publish; }
@test "published ports answer on localhost" { host_run case_localhost; }
@test "a container reaches itself through its published port" { host_run case_hairpin; }
@test "unpublished ports and 127.0.0.1 of the host stay closed" { host_run case_closed; }
@test "a port for one address is for that address only" { host_run case_single_address; }
@test "a taken port is refused with docker's words" { host_run case_port_conflict; }
@test "two engines side by side" { host_run case_two_engines; }
@test "what a deleted engine left is swept" { host_run case_swept_engine; }
@test "fifty containers at once" { host_run case_fifty; }
@test "release after a crash at any step" { host_run case_crash; }
@test "a UDP peer that was too early gets through" { host_run case_udp_flow; }
@test "options of networks" { host_run case_options; }
@test "IPv6 switched off" { host_run case_no_ipv6; }
@test "a link whose namespace lives on is swept" { host_run case_orphan; }
@test "flushed rules and a deleted bridge are repaired" { host_run case_repair; }
@test "user networks are isolated from each other" { host_run case_user_networks; }
@test "a foreign firewall that drops forwarded packets lets containers pass" { host_run case_foreign; }
