/* SPDX-License-Identifier: Apache-2.0
 *
 * rtnetlink messages: see rtnl.h.
 */
#include "sys/rtnl.h"

#include <netinet/in.h> /* before the kernel's own definitions of the same */

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/socket.h>

static void link_begin(struct nl_msgs *m, uint16_t type, uint16_t flags, int ifindex, unsigned up)
{
	struct ifinfomsg h = {
		.ifi_family = AF_UNSPEC, .ifi_index = ifindex, .ifi_flags = up, .ifi_change = up,
	};
	nl_begin(m, type, (uint16_t)(flags | NLM_F_ACK), &h, sizeof h);
}

void rtnl_bridge_new(struct nl_msgs *m, const struct rtnl_bridge_req *q)
{
	link_begin(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	nl_put_str(m, IFLA_IFNAME, q->name);
	nl_put(m, IFLA_ADDRESS, q->mac, 6);
	if (q->mtu)
		nl_put_u32(m, IFLA_MTU, q->mtu);
	nl_nest(m, IFLA_LINKINFO);
	nl_put_str(m, IFLA_INFO_KIND, "bridge");
	nl_nest(m, IFLA_INFO_DATA);
	nl_put_u32(m, IFLA_BR_STP_STATE, 0);
	nl_put_u32(m, IFLA_BR_FORWARD_DELAY, 0);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_end(m);
	if (!q->alias)
		return;
	/* the alias is not taken at creation */
	link_begin(m, RTM_NEWLINK, 0, 0, 0);
	nl_put_str(m, IFLA_IFNAME, q->name);
	nl_put_str(m, IFLA_IFALIAS, q->alias);
	nl_end(m);
}

void rtnl_veth_new(struct nl_msgs *m, const struct rtnl_veth_req *q)
{
	static const struct ifinfomsg peer = { .ifi_family = AF_UNSPEC };

	link_begin(m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, IFF_UP);
	nl_put_str(m, IFLA_IFNAME, q->host_name);
	nl_put_u32(m, IFLA_MASTER, (uint32_t)q->master);
	if (q->mtu)
		nl_put_u32(m, IFLA_MTU, q->mtu);
	nl_nest(m, IFLA_LINKINFO);
	nl_put_str(m, IFLA_INFO_KIND, "veth");
	nl_nest(m, IFLA_INFO_DATA);
	nl_nest(m, VETH_INFO_PEER);
	nl_raw(m, &peer, sizeof peer);
	nl_put_str(m, IFLA_IFNAME, q->peer_name);
	nl_put(m, IFLA_ADDRESS, q->peer_mac, 6);
	if (q->mtu)
		nl_put_u32(m, IFLA_MTU, q->mtu);
	nl_put_u32(m, IFLA_NET_NS_FD, (uint32_t)q->peer_netns_fd);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_end(m);
}

void rtnl_port_hairpin(struct nl_msgs *m, const char *name)
{
	link_begin(m, RTM_NEWLINK, 0, 0, 0);
	nl_put_str(m, IFLA_IFNAME, name);
	nl_nest(m, IFLA_LINKINFO);
	nl_put_str(m, IFLA_INFO_SLAVE_KIND, "bridge");
	nl_nest(m, IFLA_INFO_SLAVE_DATA);
	nl_put_u8(m, IFLA_BRPORT_MODE, 1);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_end(m);
}

void rtnl_link_up(struct nl_msgs *m, int ifindex)
{
	link_begin(m, RTM_NEWLINK, 0, ifindex, IFF_UP);
	nl_end(m);
}

void rtnl_link_del(struct nl_msgs *m, int ifindex)
{
	link_begin(m, RTM_DELLINK, 0, ifindex, 0);
	nl_end(m);
}

void rtnl_link_master(struct nl_msgs *m, int ifindex, int master)
{
	link_begin(m, RTM_NEWLINK, 0, ifindex, 0);
	nl_put_u32(m, IFLA_MASTER, (uint32_t)master);
	nl_end(m);
}

void rtnl_link_inet_conf(struct nl_msgs *m, int ifindex, int conf, uint32_t value)
{
	link_begin(m, RTM_NEWLINK, 0, ifindex, 0);
	nl_nest(m, IFLA_AF_SPEC);
	nl_nest(m, AF_INET);
	nl_nest(m, IFLA_INET_CONF);
	nl_put_u32(m, (uint16_t)conf, value);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_end(m);
}

void rtnl_addr_new(struct nl_msgs *m, int ifindex, const struct ip_addr *a, unsigned prefix)
{
	struct ifaddrmsg h = {
		.ifa_family = (uint8_t)a->family,
		.ifa_prefixlen = (uint8_t)prefix,
		.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0,
		.ifa_index = (uint32_t)ifindex,
	};

	nl_begin(m, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof h);
	nl_put(m, IFA_LOCAL, a->bytes, ip_addr_len(a));
	nl_put(m, IFA_ADDRESS, a->bytes, ip_addr_len(a));
	if (a->family == AF_INET && prefix < 31) {
		uint32_t v, host = prefix ? UINT32_MAX >> prefix : UINT32_MAX;
		memcpy(&v, a->bytes, 4);
		v |= __builtin_bswap32(host);
		nl_put(m, IFA_BROADCAST, &v, 4);
	}
	nl_end(m);
}

void rtnl_route_default(struct nl_msgs *m, int ifindex, const struct ip_addr *gw)
{
	struct rtmsg h = {
		.rtm_family = (uint8_t)gw->family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	nl_begin(m, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof h);
	nl_put(m, RTA_GATEWAY, gw->bytes, ip_addr_len(gw));
	nl_put_u32(m, RTA_OIF, (uint32_t)ifindex);
	nl_end(m);
}

void rtnl_route_loopback6(struct nl_msgs *m, int ifindex)
{
	/* far behind the route of lo, which goes on serving everything that starts here; the index
	 * keeps the routes of several links apart */
	enum { METRIC = 2048 };
	struct rtmsg h = {
		.rtm_family = AF_INET6,
		.rtm_dst_len = 128,
		.rtm_table = RT_TABLE_LOCAL,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_HOST,
		.rtm_type = RTN_LOCAL,
	};

	nl_begin(m, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof h);
	nl_put(m, RTA_DST, &in6addr_loopback, 16);
	nl_put_u32(m, RTA_OIF, (uint32_t)ifindex);
	nl_put_u32(m, RTA_PRIORITY, METRIC + (uint32_t)ifindex);
	nl_end(m);
}

static void copy_text(char *out, size_t n, const struct nlattr *a)
{
	const char *s = nl_get_str(a);

	if (s)
		(void)snprintf(out, n, "%s", s);
}

static bool link_read(const struct nlmsghdr *h, struct rtnl_link *ret)
{
	const struct nlattr *tb[IFLA_LINK_NETNSID + 1], *info[IFLA_INFO_MAX + 1];
	const struct ifinfomsg *ifi = NLMSG_DATA(h);
	struct rtnl_link l = { .peer_nsid = -1 };

	if (h->nlmsg_type != RTM_NEWLINK || !nl_body(h, sizeof *ifi, tb, IFLA_LINK_NETNSID))
		return false;
	l.index = ifi->ifi_index;
	l.flags = ifi->ifi_flags;
	l.master = (int)nl_get_u32(tb[IFLA_MASTER]);
	l.mtu = nl_get_u32(tb[IFLA_MTU]);
	if (tb[IFLA_LINK_NETNSID])
		l.peer_nsid = (int)nl_get_u32(tb[IFLA_LINK_NETNSID]);
	copy_text(l.name, sizeof l.name, tb[IFLA_IFNAME]);
	copy_text(l.alias, sizeof l.alias, tb[IFLA_IFALIAS]);
	if (tb[IFLA_LINKINFO] &&
	    nl_parse(nl_data(tb[IFLA_LINKINFO]), nl_len(tb[IFLA_LINKINFO]), info, IFLA_INFO_MAX))
		copy_text(l.kind, sizeof l.kind, info[IFLA_INFO_KIND]);
	*ret = l;
	return true;
}

struct link_walk {
	struct rtnl_link *one;
	int (*each)(const struct rtnl_link *l, void *data, struct err *e);
	void *data;
};

static int link_answer(const struct nlmsghdr *h, void *data, struct err *e)
{
	struct link_walk *w = data;
	struct rtnl_link l;

	if (!link_read(h, &l))
		return 0;
	if (w->one) {
		*w->one = l;
		return 0;
	}
	return w->each(&l, w->data, e);
}

int rtnl_link_get(int xfd, const char *name, struct rtnl_link *ret, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	struct link_walk w = { .one = ret };
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };

	ret->index = 0;
	nl_begin(&m, RTM_GETLINK, 0, &h, sizeof h);
	nl_put_str(&m, IFLA_IFNAME, name);
	nl_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	nl_end(&m);
	int r = nl_query(xfd, &m, link_answer, &w, e);
	if (r < 0) {
		if (r == -ENODEV)
			e->kind = E_NOT_FOUND;
		return err_ctx(e, "link %s", name);
	}
	if (!ret->index)
		return err_new(e, E_CORRUPT, EPROTO, "link %s: answer not understood", name);
	return 0;
}

int rtnl_link_each(int xfd, int (*each)(const struct rtnl_link *l, void *data, struct err *e),
		   void *data, struct err *e)
{
	struct link_walk w = { .each = each, .data = data };
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };
	OWN_NL_MSGS m = { 0 };

	nl_begin(&m, RTM_GETLINK, NLM_F_DUMP, &h, sizeof h);
	nl_put_u32(&m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	nl_end(&m);
	return nl_dump(xfd, &m, link_answer, &w, e) < 0 ? err_ctx(e, "list links") : 0;
}

static void nsid_request(struct nl_msgs *m, uint16_t attr, uint32_t value)
{
	struct rtgenmsg h = { .rtgen_family = AF_UNSPEC };

	nl_begin(m, RTM_GETNSID, 0, &h, sizeof h);
	nl_put_u32(m, attr, value);
	nl_end(m);
}

static int nsid_answer(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[NETNSA_MAX + 1];

	(void)e;
	if (h->nlmsg_type == RTM_NEWNSID && nl_body(h, sizeof(struct rtgenmsg), tb, NETNSA_MAX) &&
	    tb[NETNSA_NSID])
		*(int *)data = (int)nl_get_u32(tb[NETNSA_NSID]);
	return 0;
}

int rtnl_nsid_of(int xfd, int netns_fd, int *ret, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	int id = -1;

	nsid_request(&m, NETNSA_FD, (uint32_t)netns_fd);
	if (nl_query(xfd, &m, nsid_answer, &id, e) < 0)
		return err_ctx(e, "number of a network namespace");
	if (id < 0)
		return err_new(e, E_NOT_FOUND, ENOENT, "the network namespace has no number");
	*ret = id;
	return 0;
}

bool rtnl_nsid_alive(int xfd, int nsid)
{
	OWN_NL_MSGS m = { 0 };
	struct err e;
	int id = -1;

	if (nsid < 0)
		return false;
	/* the kernel takes a reference by number only when the count is not zero yet */
	nsid_request(&m, NETNSA_NSID, (uint32_t)nsid);
	return nl_query(xfd, &m, nsid_answer, &id, &e) >= 0;
}

struct route_walk {
	int (*each)(const struct rtnl_route *r, void *data, struct err *e);
	void *data;
};

static int route_answer(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[RTA_VIA + 1];
	const struct rtmsg *rt = NLMSG_DATA(h);
	struct route_walk *w = data;
	struct rtnl_route r = { 0 };

	if (h->nlmsg_type != RTM_NEWROUTE || !nl_body(h, sizeof *rt, tb, RTA_VIA))
		return 0;
	if (rt->rtm_type != RTN_UNICAST || (rt->rtm_flags & RTM_F_CLONED))
		return 0;
	r.family = rt->rtm_family;
	r.prefix = rt->rtm_dst_len;
	r.table = tb[RTA_TABLE] ? nl_get_u32(tb[RTA_TABLE]) : rt->rtm_table;
	r.ifindex = (int)nl_get_u32(tb[RTA_OIF]);
	r.gateway = tb[RTA_GATEWAY] || tb[RTA_VIA];
	if (tb[RTA_DST] && nl_len(tb[RTA_DST]) <= sizeof r.dst)
		memcpy(r.dst, nl_data(tb[RTA_DST]), nl_len(tb[RTA_DST]));
	return w->each(&r, w->data, e);
}

int rtnl_route_each(int xfd, int (*each)(const struct rtnl_route *r, void *data, struct err *e),
		    void *data, struct err *e)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct route_walk w = { .each = each, .data = data };

	for (size_t i = 0; i < 2; i++) {
		struct rtmsg h = { .rtm_family = families[i] };
		OWN_NL_MSGS m = { 0 };
		nl_begin(&m, RTM_GETROUTE, NLM_F_DUMP, &h, sizeof h);
		nl_end(&m);
		int r = nl_dump(xfd, &m, route_answer, &w, e);
		if (r < 0 && families[i] == AF_INET6 && e->kind == E_UNSUPPORTED)
			continue; /* a kernel without IPv6 */
		if (r < 0)
			return err_ctx(e, "list routes");
	}
	return 0;
}
