/* SPDX-License-Identifier: Apache-2.0
 *
 * Unit tests of the network driver that need no privileges: addresses, netlink messages byte by byte
 * and parsed back, leases, port claims, plans.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/io.h"
#include "base/ip.h"
#include "driver/network/definition.h"
#include "driver/network/firewall_int.h"
#include "driver/network/network_int.h"
#include "format/js.h"
#include "sys/nft.h"
#include "sys/rtnl.h"

static void addresses_are_counted(void **state)
{
	static const struct {
		const char *net;
		uint64_t n, count;
		const char *want;
	} rows[] = {
		{ "10.1.2.3/16", 0, 65536, "10.1.0.0" },
		{ "10.1.2.3/16", 258, 65536, "10.1.1.2" },
		{ "10.1.2.3/32", 0, 1, "10.1.2.3" },
		{ "fd00::ff00/64", 0x1ffff, UINT64_C(1) << 32, "fd00::1:ffff" },
	};
	char text[IP_TEXT_MAX];
	struct ip_net n, m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(ip_net_parse(rows[i].net, &n), 0);
		struct ip_addr a = ip_net_nth(&n, rows[i].n);
		assert_string_equal(ip_addr_text(&a, text), rows[i].want);
		assert_int_equal(ip_net_index(&n, &a), rows[i].n);
		assert_int_equal(ip_net_count(&n), rows[i].count);
		assert_true(ip_net_has(&n, &a));
	}
	assert_int_equal(ip_net_parse("10.1.0.0/33", &n), -EINVAL);
	assert_int_equal(ip_net_parse("10.1.0.0", &n), -EINVAL);
	assert_int_equal(ip_net_parse("x/8", &n), -EINVAL);
	assert_int_equal(ip_net_parse("0.0.0.0/0", &n), 0);
	assert_int_equal(ip_net_parse("10.1.255.0/20", &m), 0);
	assert_true(ip_net_overlap(&n, &m));
	m = ip_net_mask(&m);
	assert_string_equal(ip_net_text(&m, text), "10.1.240.0/20");
	assert_int_equal(ip_net_parse("10.2.0.0/16", &n), 0);
	assert_false(ip_net_overlap(&n, &m));
	assert_int_equal(ip_net_parse("fd00::/8", &n), 0);
	assert_false(ip_net_overlap(&n, &m));
}

static void messages_are_as_the_kernel_reads_them(void **state)
{
	static const uint8_t want[] = {
		/* length 32, type RTM_NEWLINK, REQUEST | ACK, sequence 1, port 0 */
		32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		/* family, type, index 7, flags UP, change UP */
		0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0,
	};
	OWN_NL_MSGS m = { 0 };

	(void)state;
	rtnl_link_up(&m, 7);
	assert_int_equal(m.b.n, sizeof want);
	assert_memory_equal(m.b.p, want, sizeof want);
	assert_int_equal(m.acks, 1);
}

static void a_veth_message_parses_back(void **state)
{
	static const uint8_t mac[6] = { 2, 0x42, 1, 2, 3, 4 };
	const struct rtnl_veth_req q = {
		.host_name = "veth1", .master = 5, .mtu = 1400, .peer_name = "eth0", .peer_mac = mac,
		.peer_netns_fd = 9,
	};
	const struct nlattr *tb[IFLA_MAX + 1], *in[IFLA_MAX + 1];
	OWN_NL_MSGS m = { 0 };

	(void)state;
	rtnl_veth_new(&m, &q);
	const struct nlmsghdr *h = (const void *)m.b.p;
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	assert_int_equal(h->nlmsg_len, m.b.n);
	assert_int_equal(ifi->ifi_flags, IFF_UP);
	assert_true(nl_body(h, sizeof *ifi, tb, IFLA_MAX));
	assert_string_equal(nl_get_str(tb[IFLA_IFNAME]), "veth1");
	assert_int_equal(nl_get_u32(tb[IFLA_MASTER]), 5);
	assert_true(nl_parse(nl_data(tb[IFLA_LINKINFO]), nl_len(tb[IFLA_LINKINFO]), in, IFLA_MAX));
	assert_string_equal(nl_get_str(in[IFLA_INFO_KIND]), "veth");
	const struct nlattr *data = in[IFLA_INFO_DATA];
	assert_true(nl_parse(nl_data(data), nl_len(data), in, VETH_INFO_PEER));
	const struct nlattr *peer = in[VETH_INFO_PEER];
	assert_true(nl_parse((const char *)nl_data(peer) + sizeof *ifi, nl_len(peer) - sizeof *ifi, in,
			     IFLA_MAX));
	assert_string_equal(nl_get_str(in[IFLA_IFNAME]), "eth0");
	assert_int_equal(nl_get_u32(in[IFLA_NET_NS_FD]), 9);
	assert_memory_equal(nl_data(in[IFLA_ADDRESS]), mac, 6);
}

static void bad_attributes_are_refused(void **state)
{
	static const uint8_t shorter[] = { 3, 0, 1, 0 }, longer[] = { 12, 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t open_text[] = { 6, 0, 1, 0, 'a', 'b', 0, 0 };
	const struct nlattr *tb[3];

	(void)state;
	assert_false(nl_parse(shorter, sizeof shorter, tb, 2));
	assert_false(nl_parse(longer, sizeof longer, tb, 2));
	assert_true(nl_parse(open_text, sizeof open_text, tb, 2));
	assert_null(nl_get_str(tb[1]));
	assert_null(nl_get_str(tb[2]));
	assert_int_equal(nl_get_u32(tb[1]), 0);
}

static void nesting_too_deep_fails(void **state)
{
	OWN_NL_MSGS m = { 0 };

	(void)state;
	nl_begin(&m, 1, 0, NULL, 0);
	for (int i = 0; i <= NL_NEST_MAX; i++)
		nl_nest(&m, 1);
	assert_true(buf_failed(&m.b));
}

/* types of the messages of a batch */
static size_t types_of(const struct nft_batch *b, uint16_t *out, size_t max)
{
	size_t n = 0, left = b->m.b.n, sum = 0;

	for (const struct nlmsghdr *h = nl_first(b->m.b.p, left); h && n < max; h = nl_after(h, &left)) {
		out[n++] = h->nlmsg_type;
		sum += NLMSG_ALIGN(h->nlmsg_len);
	}
	assert_int_equal(sum, b->m.b.n);
	return n;
}

static void elements_share_messages(void **state)
{
	struct net_endpoint ep = { 0 };
	struct net_port p = { .proto = IPPROTO_TCP, .host = 8000, .container = 80, .count = 1000 };
	OWN_NFT_BATCH b = { 0 };
	uint16_t types[64];

	(void)state;
	assert_int_equal(ip_net_parse("172.17.0.2/16", &ep.net4), 0);
	p.ip.family = AF_INET;
	nft_begin(&b, NFPROTO_INET, "onggi");
	for (unsigned i = 0; i < p.count; i++)
		firewall_port(&b, &ep, &p, i, true);
	nl_nest_end(&b.m);
	nl_end(&b.m);
	/* the frame, then 400 + 400 + 200 */
	assert_int_equal(types_of(&b, types, 64), 4);
	assert_int_equal(types[0], NFNL_MSG_BATCH_BEGIN);
	assert_int_equal(types[3], NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM);
	assert_false(buf_failed(&b.m.b));
}

static void all_rules_fit_in_messages(void **state)
{
	OWN_NFT_BATCH b = { 0 };
	uint16_t types[128];

	(void)state;
	nft_begin(&b, NFPROTO_INET, "onggi");
	firewall_rules(&b, FIREWALL_CLOSED4 | FIREWALL_CLOSED6 | FIREWALL_MARKED | FIREWALL_BRIDGED6);
	assert_false(buf_failed(&b.m.b));
	assert_true(types_of(&b, types, 128) > 40);
}

struct fixture {
	char dir[64], root[80], run[80];
	struct network_env env;
	struct network_ctx c;
};

static int fixture_make(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct err e = { 0 };

	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/onggi-network-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	(void)snprintf(f->root, sizeof f->root, "%s/root", f->dir);
	(void)snprintf(f->run, sizeof f->run, "%s/run", f->dir);
	f->env = (struct network_env){ .root = f->root, .run = f->run };
	*state = f;
	return network_open(&f->env, &f->c, &e);
}

static int fixture_drop(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	network_close(&f->c);
	int r = io_remove_tree(AT_FDCWD, f->dir, &e);
	free(f);
	return r;
}

static void def_make(struct network_def *d, const char *net, const char *range)
{
	*d = (struct network_def){ .name = "n", .json = json_pack("{s:{s:[{s:{s:s}}]}}", "IPAM", "Config",
								  "AuxiliaryAddresses", "router", "10.9.0.3") };
	assert_int_equal(ip_net_parse(net, &d->net4), 0);
	assert_int_equal(ip_net_parse(range ? range : net, &d->range4), 0);
	d->gw4 = ip_net_nth(&d->net4, 1);
}

static void leases_go_up_and_around(void **state)
{
	struct fixture *f = *state;
	OWN_NETWORK_DEF d = { 0 };
	struct lease_req q = { .def = &d, .id = "c", .family = AF_INET };
	struct ip_addr a, first = { 0 };
	char text[IP_TEXT_MAX];
	struct err e = { 0 };

	/* .0 network, .1 gateway, .3 reserved, .7 broadcast */
	static const char *const want[] = { "10.9.0.2", "10.9.0.4", "10.9.0.5", "10.9.0.6" };
	def_make(&d, "10.9.0.0/29", NULL);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(lease_take(&f->c, &q, &a, &e), 0);
		assert_string_equal(ip_addr_text(&a, text), want[i]);
		if (!i)
			first = a;
	}
	assert_true(lease_take(&f->c, &q, &a, &e) < 0);
	assert_int_equal(e.kind, E_NOSPACE);
	/* somebody else cannot give it back */
	lease_drop(&f->c, "n", &first, "other");
	assert_true(lease_take(&f->c, &q, &a, &e) < 0);
	lease_drop(&f->c, "n", &first, "c");
	assert_int_equal(lease_take(&f->c, &q, &a, &e), 0);
	assert_true(ip_addr_equal(&a, &first));
	lease_drop_all(&f->c, "n", "c");
	/* not the one that was just given back */
	assert_int_equal(lease_take(&f->c, &q, &a, &e), 0);
	assert_string_equal(ip_addr_text(&a, text), "10.9.0.4");
}

static void fixed_leases_are_checked(void **state)
{
	static const struct {
		const char *ip, *want;
	} rows[] = {
		{ "10.9.0.1", "address 10.9.0.1 is reserved in network n: Address already in use" },
		{ "10.9.0.3", "address 10.9.0.3 is reserved in network n: Address already in use" },
		{ "10.9.1.1", "no configured subnet contains IP address 10.9.1.1" },
		{ "fd00::1", "invalid IPv4 address: fd00::1" },
		{ "10.9.0.20", "address 10.9.0.20: Address already in use" },
	};
	struct fixture *f = *state;
	OWN_NETWORK_DEF d = { 0 };
	struct lease_req q = { .def = &d, .id = "c", .family = AF_INET, .fixed = "10.9.0.20" };
	struct ip_addr a;
	char text[IP_TEXT_MAX];
	struct err e = { 0 };

	def_make(&d, "10.9.0.0/24", "10.9.0.16/28");
	assert_int_equal(lease_take(&f->c, &q, &a, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		q.fixed = rows[i].ip;
		assert_true(lease_take(&f->c, &q, &a, &e) < 0);
		assert_string_equal(e.chain, rows[i].want);
	}
	q.fixed = NULL;
	assert_int_equal(lease_take(&f->c, &q, &a, &e), 0);
	assert_string_equal(ip_addr_text(&a, text), "10.9.0.16");
}

static void plans_go_round(void **state)
{
	struct fixture *f = *state;
	struct net_endpoint ep = { .network = "n", .bridge = "br", .host_link = "veth1", .ifname = "eth0",
				   .mac = { 2, 0x42, 1, 2, 3, 4 } };
	struct net_port port = { .proto = IPPROTO_UDP, .host = 65535, .container = 65535, .count = 1 };
	struct net_plan p = { .id = "c1", .v = &ep, .n = 1, .intent = true, .intent_network = "m" };
	OWN_NET_PLAN back = { 0 };
	char text[IP_TEXT_MAX];
	struct err e = { 0 };

	assert_int_equal(plan_load(&f->c, "c1", &back, &e), -ENOENT);
	assert_int_equal(ip_net_parse("172.17.0.2/16", &ep.net4), 0);
	assert_int_equal(ip_addr_parse("fe80::1", &ep.gw6), 0);
	assert_int_equal(ip_addr_parse("::", &port.ip), 0);
	ep.ports = &port;
	ep.n_ports = 1;
	assert_int_equal(plan_save(&f->c, &p, &e), 0);
	assert_int_equal(plan_load(&f->c, "c1", &back, &e), 0);
	assert_true(back.intent);
	assert_string_equal(back.intent_network, "m");
	assert_int_equal(back.n, 1);
	assert_string_equal(back.v[0].host_link, "veth1");
	assert_memory_equal(back.v[0].mac, ep.mac, 6);
	assert_string_equal(ip_net_text(&back.v[0].net4, text), "172.17.0.2/16");
	assert_string_equal(ip_addr_text(&back.v[0].gw6, text), "fe80::1");
	assert_int_equal(back.v[0].gw4.family, 0);
	assert_int_equal(back.v[0].ports[0].host, 65535);
	plan_nsid_save(&f->c, "c1", 7);
	assert_int_equal(plan_nsid(&f->c, "c1"), 7);
	plan_remove(&f->c, "c1");
	assert_int_equal(plan_nsid(&f->c, "c1"), -1);
	OWN_JSON bad = json_pack("{s:[{s:s, s:[{s:s, s:i, s:i, s:i}]}]}", "endpoints", "mac",
				 "02:42:00:00:00:01", "ports", "ip", "0.0.0.0", "host", 65000, "port", 1,
				 "count", 1000);
	plan_done(&back);
	assert_true(plan_parse(bad, &back, &e) < 0);
	assert_int_equal(e.kind, E_CORRUPT);
}

static int claim(struct fixture *f, const char *id, const struct port_binding *b, size_t n,
		 struct net_endpoint *ep, struct err *e)
{
	struct network_req q = { .container_id = id, .network = "n", .ports = b, .n_ports = n };

	*ep = (struct net_endpoint){ .network = "n" };
	assert_int_equal(ip_net_parse("172.17.0.2/16", &ep->net4), 0);
	return claim_ports(&f->c, &q, "", ep, e);
}

static void claims_exclude_each_other(void **state)
{
	/* numbers that no test of another module uses */
	static const struct port_binding any[] = {
		{ "tcp", NULL, 47801, 47801, 80 }, { "tcp", NULL, 47802, 47802, 81 },
		{ "udp", NULL, 47801, 47801, 80 },
	};
	static const struct port_binding one = { "tcp", "127.0.0.1", 47801, 47801, 80 };
	static const struct port_binding range = { "tcp", NULL, 47800, 47803, 80 };
	static const struct port_binding v6 = { "tcp", "::1", 47805, 47805, 80 };
	struct fixture *f = *state;
	struct net_endpoint a, b;
	struct err e = { 0 };

	assert_int_equal(claim(f, "a", any, 3, &a, &e), 0);
	assert_int_equal(a.n_ports, 2); /* neighbours are one */
	assert_int_equal(a.ports[0].count, 2);
	assert_true(claim_owned(&f->c, &a.ports[0], 1, "a"));
	assert_true(claim(f, "b", any, 3, &b, &e) < 0);
	assert_string_equal(e.chain, "Bind for 0.0.0.0:47801 failed: port is already allocated");
	free(b.ports);
	assert_true(claim(f, "b", &one, 1, &b, &e) < 0);
	assert_string_equal(e.chain, "Bind for 127.0.0.1:47801 failed: port is already allocated");
	assert_true(claim(f, "b", &v6, 1, &b, &e) < 0);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	assert_int_equal(claim(f, "b", &range, 1, &b, &e), 0);
	assert_int_equal(b.ports[0].host, 47800);
	claim_drop(&f->c, &a.ports[0], "b"); /* not the owner */
	assert_true(claim_owned(&f->c, &a.ports[0], 0, "a"));
	for (size_t i = 0; i < a.n_ports; i++)
		claim_drop(&f->c, &a.ports[i], "a");
	free(b.ports);
	assert_int_equal(claim(f, "b", &one, 1, &b, &e), 0);
	free(a.ports);
	assert_true(claim(f, "a", any, 3, &a, &e) < 0);
	assert_string_equal(e.chain, "Bind for 0.0.0.0:47801 failed: port is already allocated");
	claim_drop_all(&f->c, "b");
	free(a.ports);
	free(b.ports);
	assert_int_equal(claim(f, "a", any, 3, &a, &e), 0);
	free(a.ports);
}

static void definitions_are_dockers(void **state)
{
	struct fixture *f = *state;
	OWN_JSON list = NULL;
	struct err e = { 0 };
	char id[65];

	OWN_JSON body = json_pack("{s:s, s:{s:[{s:s}]}, s:{s:s}}", "Name", "web", "IPAM", "Config",
				  "Subnet", "10.77.0.0/24", "Labels", "a", "b");
	assert_int_equal(network_create(&f->env, body, id, &e), 0);
	assert_int_equal(network_list(&f->env, &list, &e), 0);
	assert_int_equal(json_array_size(list), 4);
	assert_string_equal(js_str(json_array_get(list, 3), "Name", ""), "web");
	assert_string_equal(js_str(json_array_get(list, 0), "Options.x", "none"), "none");
	OWN_JSON web = NULL;
	id[10] = 0;
	assert_int_equal(network_inspect(&f->env, id, &web, &e), 0);
	assert_string_equal(js_str(web, "Labels.a", ""), "b");
	assert_string_equal(js_str(json_array_get(js_at(web, "IPAM.Config"), 0), "Gateway", ""), "10.77.0.1");
	assert_null(json_object_get(json_object_get(web, "Options"), "onggi.custom_subnet"));
	assert_true(network_create(&f->env, body, id, &e) < 0);
	assert_int_equal(e.kind, E_CONFLICT);
	OWN_JSON bad = json_pack("{s:s, s:s}", "Name", "x", "Driver", "overlay");
	assert_true(network_create(&f->env, bad, id, &e) < 0);
	assert_int_equal(e.kind, E_UNSUPPORTED);
	json_object_set_new(bad, "Name", json_string("../x"));
	assert_true(network_create(&f->env, bad, id, &e) < 0);
	assert_int_equal(e.kind, E_INVALID);
	assert_int_equal(network_remove(&f->env, "web", &e), 0);
	assert_true(network_find(&f->env, "web", &body, &e) < 0);
	assert_int_equal(e.kind, E_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_counted),
		cmocka_unit_test(messages_are_as_the_kernel_reads_them),
		cmocka_unit_test(a_veth_message_parses_back),
		cmocka_unit_test(bad_attributes_are_refused),
		cmocka_unit_test(nesting_too_deep_fails),
		cmocka_unit_test(elements_share_messages),
		cmocka_unit_test(all_rules_fit_in_messages),
		cmocka_unit_test_setup_teardown(leases_go_up_and_around, fixture_make, fixture_drop),
		cmocka_unit_test_setup_teardown(fixed_leases_are_checked, fixture_make, fixture_drop),
		cmocka_unit_test_setup_teardown(plans_go_round, fixture_make, fixture_drop),
		cmocka_unit_test_setup_teardown(claims_exclude_each_other, fixture_make, fixture_drop),
		cmocka_unit_test_setup_teardown(definitions_are_dockers, fixture_make, fixture_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
