/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of our table. Their number is constant; networks and ports are elements of sets.
 *
 *   raw_pre      -300  nothing from a network of ours to 127.0.0.0/8
 *   pre_nat      -100  to an address of this host: publish
 *   out_nat      -100  the same for programs of the host
 *   publish            look the port up, rewrite the destination
 *   forward       -10  to_ours | from_ours | closed
 *   to_ours            answers, published ports, neighbours on one network; else drop
 *   from_ours          answers; out, unless the network is internal
 *   ok                 (mark,) accept
 *   closed             the host forwards only because of us: not between its own links
 *   post_nat      100  hide container addresses; answers to turned connections come back to us
 *
 * accept ends our table only: what others drop stays dropped.
 */
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "driver/network/firewall_int.h"

enum { PRIORITY_FORWARD = -10 };

static const struct nft_set_def sets[] = {
	{ SET_BRIDGES, 0, NFT_SHOW_IFNAME, 16 },
	{ SET_INTERNAL, 0, NFT_SHOW_IFNAME, 16 },
	{ SET_NETS4, NFT_SET_INTERVAL, NFT_SHOW_IP4, 4 },
	{ SET_NETS6, NFT_SET_INTERVAL, NFT_SHOW_IP6, 16 },
	{ SET_MASQ4, NFT_SET_INTERVAL, NFT_SHOW_IP4, 4 },
	{ SET_MASQ6, NFT_SET_INTERVAL, NFT_SHOW_IP6, 16 },
	{ MAP_PAIRS, NFT_SET_MAP, NFT_SHOW_2(NFT_SHOW_IFNAME, NFT_SHOW_IFNAME), 32, NFT_SHOW_VERDICT },
	{ MAP_ANY4, NFT_SET_MAP, NFT_SHOW_2(NFT_SHOW_PROTO, NFT_SHOW_PORT), 8,
	  NFT_SHOW_2(NFT_SHOW_IP4, NFT_SHOW_PORT), 8 },
	{ MAP_ANY6, NFT_SET_MAP, NFT_SHOW_2(NFT_SHOW_PROTO, NFT_SHOW_PORT), 8,
	  NFT_SHOW_2(NFT_SHOW_IP6, NFT_SHOW_PORT), 20 },
	{ MAP_IP4, NFT_SET_MAP, NFT_SHOW_3(NFT_SHOW_PROTO, NFT_SHOW_IP4, NFT_SHOW_PORT), 12,
	  NFT_SHOW_2(NFT_SHOW_IP4, NFT_SHOW_PORT), 8 },
	{ MAP_IP6, NFT_SET_MAP, NFT_SHOW_3(NFT_SHOW_PROTO, NFT_SHOW_IP6, NFT_SHOW_PORT), 24,
	  NFT_SHOW_2(NFT_SHOW_IP6, NFT_SHOW_PORT), 20 },
};

static const struct nft_chain_def chains[] = {
	{ .name = "publish" },
	{ .name = "ok" },
	{ .name = "to_ours" },
	{ .name = "from_ours" },
	{ .name = "closed" },
	{ "raw_pre", "filter", NF_INET_PRE_ROUTING, -300 },
	{ "pre_nat", "nat", NF_INET_PRE_ROUTING, -100 },
	{ "out_nat", "nat", NF_INET_LOCAL_OUT, -100 },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FORWARD },
	{ "post_nat", "nat", NF_INET_POST_ROUTING, 100 },
};

static void match_u8(struct nft_batch *b, enum nft_meta_keys key, uint8_t v)
{
	nft_meta(b, key, 0);
	nft_cmp(b, NFT_CMP_EQ, 0, &v, 1);
}

static void match_ifname(struct nft_batch *b, enum nft_meta_keys key, const char *set, bool invert)
{
	nft_meta(b, key, 0);
	nft_lookup(b, set, 0, invert);
}

/* any bit of @bits set in a conntrack word */
static void match_ct(struct nft_batch *b, enum nft_ct_keys key, uint32_t bits)
{
	uint32_t zero = 0;

	nft_ct(b, key, 0);
	nft_bitwise(b, 0, &bits, &zero, 4);
	nft_cmp(b, NFT_CMP_NEQ, 0, &zero, 4);
}

/* offset and length of addresses in the two network headers */
static void load_saddr(struct nft_batch *b, bool v4, unsigned reg)
{
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, v4 ? 4 : 16, reg);
}

static void load_daddr(struct nft_batch *b, bool v4, unsigned reg)
{
	nft_payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 16 : 24, v4 ? 4 : 16, reg);
}

static void match_family(struct nft_batch *b, bool v4)
{
	match_u8(b, NFT_META_NFPROTO, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
}

static void match_loopback(struct nft_batch *b, bool v4)
{
	static const uint8_t mask[4] = { 255 }, zero[4], net[4] = { 127 };

	if (v4) {
		nft_bitwise(b, 0, mask, zero, 4);
		nft_cmp(b, NFT_CMP_EQ, 0, net, 4);
	} else {
		nft_cmp(b, NFT_CMP_EQ, 0, &in6addr_loopback, 16);
	}
}

static void raw_rules(struct nft_batch *b)
{
	for (int src = 0; src < 2; src++) {
		nft_rule(b, "raw_pre", src ? "no loopback sources" : "CVE-2020-8558");
		match_ifname(b, NFT_META_IIFNAME, SET_BRIDGES, false);
		match_family(b, true);
		if (src)
			load_saddr(b, true, 0);
		else
			load_daddr(b, true, 0);
		match_loopback(b, true);
		nft_verdict(b, NF_DROP, NULL);
		nft_rule_end(b);
	}
}

static void publish_rule(struct nft_batch *b, bool v4, bool with_address, const char *map)
{
	unsigned reg = 1;

	nft_rule(b, "publish", NULL);
	match_family(b, v4);
	nft_meta(b, NFT_META_L4PROTO, 0);
	if (with_address) {
		load_daddr(b, v4, 1);
		reg += v4 ? 1 : 4;
	}
	nft_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, reg);
	nft_lookup_map(b, map, 0);
	nft_dnat(b, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6, 0, v4 ? 1 : 4);
	nft_rule_end(b);
}

static void nat_rules(struct nft_batch *b, unsigned flags)
{
	static const char *const hooks[] = { "pre_nat", "out_nat" };
	uint32_t local = RTN_LOCAL;

	if (flags & FIREWALL_BRIDGED6) {
		nft_rule(b, "out_nat", "answers would be lost in the bridge");
		match_family(b, false);
		load_daddr(b, false, 0);
		match_loopback(b, false);
		nft_verdict(b, NF_ACCEPT, NULL);
		nft_rule_end(b);
	}
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
		nft_rule(b, hooks[i], NULL);
		nft_fib_daddr_type(b, 0);
		nft_cmp(b, NFT_CMP_EQ, 0, &local, 4);
		nft_verdict(b, NFT_JUMP, "publish");
		nft_rule_end(b);
	}
	publish_rule(b, true, true, MAP_IP4);
	publish_rule(b, true, false, MAP_ANY4);
	publish_rule(b, false, true, MAP_IP6);
	publish_rule(b, false, false, MAP_ANY6);
}

static void jump(struct nft_batch *b, const char *chain, enum nft_meta_keys key, const char *to)
{
	nft_rule(b, chain, NULL);
	match_ifname(b, key, SET_BRIDGES, false);
	nft_verdict(b, NFT_GOTO, to);
	nft_rule_end(b);
}

static void answers(struct nft_batch *b, const char *chain)
{
	nft_rule(b, chain, "answers");
	match_ct(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
}

static void closed_rules(struct nft_batch *b, unsigned flags)
{
	static const enum nft_meta_keys kinds[] = { NFT_META_IIFKIND, NFT_META_OIFKIND };
	static const char none[IFNAMSIZ] = "-";

	/* only hardware links have no kind at all: comparing ends the rule for them, so these two
	 * return for bridges, tunnels and whatever else someone set up on purpose */
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		nft_rule(b, "closed", NULL);
		nft_meta(b, kinds[i], 0);
		nft_cmp(b, NFT_CMP_NEQ, 0, none, sizeof none);
		nft_verdict(b, NFT_RETURN, NULL);
		nft_rule_end(b);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		if (!(flags & (v6 ? FIREWALL_CLOSED6 : FIREWALL_CLOSED4)))
			continue;
		nft_rule(b, "closed", "forwarding was off before");
		match_family(b, !v6);
		nft_verdict(b, NF_DROP, NULL);
		nft_rule_end(b);
	}
}

static void forward_rules(struct nft_batch *b, unsigned flags)
{
	jump(b, "forward", NFT_META_OIFNAME, "to_ours");
	jump(b, "forward", NFT_META_IIFNAME, "from_ours");
	if (flags & (FIREWALL_CLOSED4 | FIREWALL_CLOSED6)) {
		nft_rule(b, "forward", NULL);
		nft_verdict(b, NFT_GOTO, "closed");
		nft_rule_end(b);
		closed_rules(b, flags);
	}

	answers(b, "to_ours");
	nft_rule(b, "to_ours", "published ports");
	match_ct(b, NFT_CT_STATUS, IPS_DST_NAT);
	nft_verdict(b, NFT_GOTO, "ok");
	nft_rule_end(b);
	nft_rule(b, "to_ours", NULL);
	nft_meta(b, NFT_META_IIFNAME, 0);
	nft_meta(b, NFT_META_OIFNAME, 4);
	nft_lookup_vmap(b, MAP_PAIRS, 0);
	nft_rule_end(b);
	nft_rule(b, "to_ours", "isolation");
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);

	answers(b, "from_ours");
	nft_rule(b, "from_ours", NULL);
	match_ifname(b, NFT_META_IIFNAME, SET_INTERNAL, false);
	nft_verdict(b, NF_DROP, NULL);
	nft_rule_end(b);
	nft_rule(b, "from_ours", NULL);
	nft_verdict(b, NFT_GOTO, "ok");
	nft_rule_end(b);
}

static void ok_rules(struct nft_batch *b, unsigned flags)
{
	uint32_t keep = ~FIREWALL_MARK_MASK, mark = FIREWALL_MARK;

	nft_rule(b, "ok", NULL);
	if (flags & FIREWALL_MARKED) {
		nft_ct(b, NFT_CT_MARK, 0);
		nft_bitwise(b, 0, &keep, &mark, 4);
		nft_ct_set(b, NFT_CT_MARK, 0);
	}
	nft_verdict(b, NF_ACCEPT, NULL);
	nft_rule_end(b);
}

static void post_rules(struct nft_batch *b)
{
	for (int v4 = 1; v4 >= 0; v4--) {
		nft_rule(b, "post_nat", "localhost to a published port");
		match_ifname(b, NFT_META_OIFNAME, SET_BRIDGES, false);
		match_family(b, v4);
		load_saddr(b, v4, 0);
		match_loopback(b, v4);
		nft_masquerade(b);
		nft_rule_end(b);

		nft_rule(b, "post_nat", "container to a published port");
		match_ifname(b, NFT_META_OIFNAME, SET_BRIDGES, false);
		match_ct(b, NFT_CT_STATUS, IPS_DST_NAT);
		match_family(b, v4);
		load_saddr(b, v4, 0);
		nft_lookup(b, v4 ? SET_NETS4 : SET_NETS6, 0, false);
		nft_masquerade(b);
		nft_rule_end(b);

		nft_rule(b, "post_nat", "out");
		match_ifname(b, NFT_META_OIFNAME, SET_BRIDGES, true);
		match_family(b, v4);
		load_saddr(b, v4, 0);
		nft_lookup(b, v4 ? SET_MASQ4 : SET_MASQ6, 0, false);
		nft_masquerade(b);
		nft_rule_end(b);
	}
}

void firewall_rules(struct nft_batch *b, unsigned flags)
{
	char layout[32];

	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		nft_chain_new(b, &chains[i]);
	firewall_layout(flags, layout);
	nft_chain_new(b, &(struct nft_chain_def){ .name = layout });
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		nft_set_new(b, &sets[i]);
	raw_rules(b);
	nat_rules(b, flags);
	ok_rules(b, flags);
	forward_rules(b, flags);
	post_rules(b);
}

/* first address after the subnet; false when it is the last one of all */
static bool net_end(const struct ip_net *n, uint8_t out[16])
{
	struct ip_net m = ip_net_mask(n);

	memcpy(out, m.addr.bytes, 16);
	if (!n->prefix)
		return false;
	unsigned carry = 1u << (7 - (n->prefix - 1) % 8);
	for (int i = (int)(n->prefix - 1) / 8; i >= 0 && carry; i--) {
		carry += out[i];
		out[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return !carry;
}

static void subnet(struct nft_batch *b, const char *set, const struct ip_net *n)
{
	struct ip_net m = ip_net_mask(n);
	uint8_t end[16];
	bool has_end = net_end(n, end);

	nft_elem_add_range(b, set, m.addr.bytes, has_end ? end : NULL, ip_addr_len(&m.addr));
}

void firewall_network(struct nft_batch *b, const struct network_def *d)
{
	char pair[32] = "";

	(void)snprintf(pair, 16, "%s", d->bridge);
	(void)snprintf(pair + 16, 16, "%s", d->bridge);
	nft_elem_add(b, SET_BRIDGES, pair, 16, NULL, 0);
	if (d->internal)
		nft_elem_add(b, SET_INTERNAL, pair, 16, NULL, 0);
	if (d->icc)
		nft_elem_add_verdict(b, MAP_PAIRS, pair, 32, "ok");
	if (d->net4.addr.family) {
		subnet(b, SET_NETS4, &d->net4);
		if (d->masquerade)
			subnet(b, SET_MASQ4, &d->net4);
	}
	if (d->net6.addr.family) {
		subnet(b, SET_NETS6, &d->net6);
		if (d->masquerade)
			subnet(b, SET_MASQ6, &d->net6);
	}
}

void firewall_port(struct nft_batch *b, const struct net_endpoint *ep, const struct net_port *p,
		   unsigned i, bool add)
{
	bool v4 = p->ip.family == AF_INET, any = ip_addr_is_any(&p->ip);
	const struct ip_addr *to = v4 ? &ep->net4.addr : &ep->net6.addr;
	const char *map = v4 ? any ? MAP_ANY4 : MAP_IP4 : any ? MAP_ANY6 : MAP_IP6;
	uint16_t host = htons((uint16_t)(p->host + i)), port = htons((uint16_t)(p->container + i));
	uint8_t key[24] = { p->proto }, data[20] = { 0 };
	size_t len = ip_addr_len(&p->ip), key_n = 4;

	if (!any) {
		memcpy(key + 4, p->ip.bytes, len);
		key_n += len;
	}
	memcpy(key + key_n, &host, 2);
	memcpy(data, to->bytes, len);
	memcpy(data + len, &port, 2);
	if (add)
		nft_elem_add(b, map, key, key_n + 4, data, len + 4);
	else
		nft_elem_del(b, map, key, key_n + 4);
}
