/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.netDevices: see netdev.h. A device that changes its namespace loses its addresses: they
 * are read before and added again.
 */
#include "runtime/netdev.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/own.h"
#include "sys/rtnl.h"

enum { ADDRS_MAX = 64 };

struct addrs {
	int ifindex;
	size_t n;
	struct {
		struct ip_addr addr;
		unsigned prefix;
	} v[ADDRS_MAX];
};

static int addr_take(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[IFA_FLAGS + 1] = { 0 };
	const struct ifaddrmsg *m = (const void *)(h + 1);
	struct addrs *all = data;

	(void)e;
	if (h->nlmsg_type != RTM_NEWADDR || !nl_body(h, sizeof *m, tb, IFA_FLAGS) ||
	    (int)m->ifa_index != all->ifindex || m->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	uint32_t flags = tb[IFA_FLAGS] ? nl_get_u32(tb[IFA_FLAGS]) : m->ifa_flags;
	const struct nlattr *a = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!(flags & IFA_F_PERMANENT) || !a || nl_len(a) > 16 || all->n == ADDRS_MAX)
		return 0;
	all->v[all->n].addr.family = m->ifa_family;
	memcpy(all->v[all->n].addr.bytes, nl_data(a), nl_len(a));
	all->v[all->n++].prefix = m->ifa_prefixlen;
	return 0;
}

static int addrs_read(int sock, struct addrs *all, struct err *e)
{
	const struct ifaddrmsg h = { .ifa_family = AF_UNSPEC };
	int r = -EINTR;

	for (int tries = 0; r == -EINTR && tries < 8; tries++) {
		OWN_NL_MSGS m = { 0 };
		all->n = 0;
		nl_begin(&m, RTM_GETADDR, NLM_F_DUMP, &h, sizeof h);
		nl_end(&m);
		r = nl_query(sock, &m, addr_take, all, e);
	}
	return r;
}

static int send_all(int sock, struct nl_msgs *m, const char *what, struct err *e)
{
	struct nl_result res;

	if (nl_send(sock, m, &res, e) < 0)
		return -e->eno;
	if (!res.eno)
		return 0;
	return err_sys(e, res.eno, "%s%s%s", what, res.text[0] ? ": " : "", res.text);
}

static int move(int sock, const struct bundle_netdev *d, int ifindex, int netns, struct err *e)
{
	const struct ifinfomsg down = { .ifi_index = ifindex, .ifi_change = IFF_UP };
	const struct ifinfomsg h = { .ifi_index = ifindex };
	OWN_NL_MSGS m = { 0 };

	nl_begin(&m, RTM_NEWLINK, NLM_F_ACK, &down, sizeof down);
	nl_end(&m);
	nl_begin(&m, RTM_NEWLINK, NLM_F_ACK, &h, sizeof h);
	nl_put_u32(&m, IFLA_NET_NS_FD, (uint32_t)netns);
	nl_put_str(&m, IFLA_IFNAME, d->name);
	/* so that it is found again whatever name a %d became */
	nl_put_u32(&m, IFLA_NEW_IFINDEX, (uint32_t)ifindex);
	nl_end(&m);
	return send_all(sock, &m, "move into the network namespace", e);
}

int netdev_move(const struct bundle_netdev *d, int xnetns, struct err *e)
{
	OWN_FD here = -1;
	OWN_FD there = -1;
	OWN_NL_MSGS m = { 0 };
	struct rtnl_link link;
	struct addrs all = { 0 };

	if (nl_open(NETLINK_ROUTE, &here, e) < 0 || nl_open_in(xnetns, NETLINK_ROUTE, &there, e) < 0)
		return -e->eno;
	if (!strchr(d->name, '%') && !rtnl_link_get(there, d->name, &link, e))
		return err_new(e, E_CONFLICT, EEXIST, "linux.netDevices: the container has a device %s already",
			       d->name);
	if (rtnl_link_get(here, d->host, &link, e) < 0)
		return err_ctx(e, "linux.netDevices");
	all.ifindex = link.index;
	if (addrs_read(here, &all, e) < 0 || move(here, d, link.index, xnetns, e) < 0)
		return err_ctx(e, "linux.netDevices %s", d->host);
	for (size_t i = 0; i < all.n; i++)
		rtnl_addr_new(&m, link.index, &all.v[i].addr, all.v[i].prefix);
	rtnl_link_up(&m, link.index);
	if (send_all(there, &m, "set up in the container", e) < 0)
		return err_ctx(e, "linux.netDevices %s", d->host);
	return 0;
}
