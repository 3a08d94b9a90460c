/* SPDX-License-Identifier: Apache-2.0
 *
 * The bridge of a network: made by the first container that needs it, then left alone. A bridge
 * that is up is complete: going up is the last step, so the usual check is one look-up.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ip.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/text.h"
#include "driver/network/network_int.h"
#include "sys/nft.h"

#define ALIAS "onggi networks below "

struct mtu_walk {
	int ifindex;
	uint32_t mtu;
};

static int default_route(const struct rtnl_route *r, void *data, struct err *e)
{
	struct mtu_walk *w = data;

	(void)e;
	if (!r->prefix && r->ifindex && !w->ifindex)
		w->ifindex = r->ifindex;
	return 0;
}

static int link_mtu(const struct rtnl_link *l, void *data, struct err *e)
{
	struct mtu_walk *w = data;

	(void)e;
	if (l->index == w->ifindex)
		w->mtu = l->mtu;
	return 0;
}

/* what leaves by the default route has to fit; a tunnel there is smaller than 1500 */
static uint32_t default_mtu(int rtfd)
{
	struct mtu_walk w = { 0 };
	struct err none;

	if (rtnl_route_each(rtfd, default_route, &w, &none) < 0 || !w.ifindex ||
	    rtnl_link_each(rtfd, link_mtu, &w, &none) < 0 || w.mtu < 1280 || w.mtu > 65535)
		return 1500;
	return w.mtu;
}

struct sweep {
	int rtfd;
	const char *but;
};

const char *bridge_owner(const struct rtnl_link *l)
{
	return text_starts(l->alias, ALIAS) && !strcmp(l->kind, "bridge") ? l->alias + strlen(ALIAS) : NULL;
}

static int sweep_table(const char *run, struct err *e)
{
	OWN_NFT_BATCH b = { 0 };
	OWN_FD nl = -1;
	char clean[4096], tag[9], table[24];

	if (path_normalize(run, clean, sizeof clean) < 0)
		return 0;
	network_tag(clean, tag);
	if (!*tag)
		return 0; /* the default engine comes back */
	(void)snprintf(table, sizeof table, "onggi-%s", tag);
	if (nl_open(NETLINK_NETFILTER, &nl, e) < 0)
		return -e->eno;
	nft_begin(&b, NFPROTO_INET, table);
	nft_table_new(&b);
	nft_table_del(&b);
	return nft_commit(nl, &b, e);
}

/* carrier: some port is there; IFF_RUNNING lags behind */
static bool has_ports(const struct rtnl_link *l)
{
	enum { LOWER_UP = 1 << 16 };

	return l->flags & LOWER_UP;
}

static int look_busy(const struct rtnl_link *l, void *data, struct err *e)
{
	if (has_ports(l) && !strcmp(l->alias, data))
		return err_new(e, E_BUSY, EBUSY, "engine below %s lives", l->alias);
	return 0;
}

/* bridges without ports whose engine's run folder is gone: left by engines that were deleted */
static int sweep_one(const struct rtnl_link *l, void *data, struct err *e)
{
	struct sweep *s = data;
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;
	OWN_FD rt = -1;

	if (!text_starts(l->alias, ALIAS) || strcmp(l->kind, "bridge") || !strcmp(l->name, s->but) ||
	    has_ports(l) || faccessat(AT_FDCWD, l->alias + strlen(ALIAS), F_OK, 0) == 0)
		return 0;
	/* not on the socket that is in the middle of a dump */
	if (nl_open(NETLINK_ROUTE, &rt, e) < 0)
		return -e->eno;
	/* a folder may be hidden from us only: an engine with containers on any network lives */
	if (rtnl_link_each(rt, look_busy, (void *)l->alias, e) < 0)
		return 0;
	rtnl_link_del(&m, l->index);
	if (nl_send(rt, &m, &res, e) < 0)
		return -e->eno;
	return sweep_table(l->alias + strlen(ALIAS), e);
}

void bridge_sweep(int rtfd, const char *but)
{
	struct sweep s = { .rtfd = rtfd, .but = but };
	struct err none;

	(void)rtnl_link_each(rtfd, sweep_one, &s, &none); /* housekeeping: the next one tries again */
}

static int result(const struct nl_result *r, const char *what, const char *name, struct err *e)
{
	if (!r->eno)
		return 0;
	if (r->eno == EOPNOTSUPP) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s %s: the kernel has no %s links", what, name, what);
		err_hint(e, "load the module \"%s\", or run with --network host or none", what);
		return -EOPNOTSUPP;
	}
	err_sys(e, r->eno, "make %s %s%s%s", what, name, *r->text ? ": " : "", r->text);
	if (r->eno == EPERM)
		err_hint(e, "networks need CAP_NET_ADMIN; run as root or with --network none");
	return -r->eno;
}

static int configure(const struct network_def *d, int rtfd, int ifindex, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;

	if (d->net4.addr.family && d->gw4.family)
		rtnl_addr_new(&m, ifindex, &d->gw4, d->net4.prefix);
	if (d->net6.addr.family && d->gw6.family)
		rtnl_addr_new(&m, ifindex, &d->gw6, d->net6.prefix);
	/* lets 127.0.0.1:PORT of the host reach containers; raw_pre of the firewall keeps everybody
	 * else off 127.0.0.0/8 (CVE-2020-8558) */
	rtnl_link_inet_conf(&m, ifindex, IPV4_DEVCONF_ROUTE_LOCALNET, 1);
	rtnl_link_up(&m, ifindex);
	if (nl_send(rtfd, &m, &res, e) < 0 || result(&res, "bridge", d->bridge, e) < 0)
		return -e->eno;
	if (!d->net6.addr.family)
		return 0;
	/* the same for ::1; the kernel refuses ::1 from any wire by itself. A kernel that refuses the
	 * route only lacks this way in. */
	OWN_NL_MSGS extra = { 0 };
	rtnl_route_loopback6(&extra, ifindex);
	return nl_send(rtfd, &extra, &res, e);
}

int bridge_make(const struct network_ctx *c, const struct network_def *d, int rtfd,
		struct rtnl_link *ret, struct err *e)
{
	uint8_t mac[6] = { 0x02, 0x42 };
	char alias[256];
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;
	struct rtnl_bridge_req q = { .name = d->bridge, .mac = mac, .mtu = d->mtu };

	bridge_sweep(rtfd, d->bridge);
	if (getrandom(mac + 2, 4, 0) != 4)
		return err_sys(e, errno, "random address");
	if (!q.mtu)
		q.mtu = default_mtu(rtfd);
	if (snprintf(alias, sizeof alias, "%s%s", ALIAS, c->env->run) < (int)sizeof alias)
		q.alias = alias;
	rtnl_bridge_new(&m, &q);
	if (nl_send(rtfd, &m, &res, e) < 0)
		return err_ctx(e, "make bridge %s", d->bridge);
	if (res.eno != EEXIST && result(&res, "bridge", d->bridge, e) < 0)
		return -e->eno;
	if (rtnl_link_get(rtfd, d->bridge, ret, e) < 0)
		return -e->eno;
	if (strcmp(ret->kind, "bridge"))
		return err_new(e, E_CONFLICT, EEXIST, "link %s exists and is not a bridge", d->bridge);
	if (firewall_forwarding(c, e) < 0 || configure(d, rtfd, ret->index, e) < 0)
		return -e->eno;
	ret->flags |= IFF_UP;
	return 0;
}

int bridge_announce(const struct network_ctx *c, const char *network, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];

	(void)snprintf(path, sizeof path, "nets/%s/leases", network);
	if (io_mkdir_p(c->run, path, 0700, e) < 0 || firewall_rebuild(c, e) < 0)
		return err_ctx(e, "network %s", network);
	return 0;
}

static bool usable(int rtfd, const char *bridge, struct rtnl_link *ret, struct err *e)
{
	return rtnl_link_get(rtfd, bridge, ret, e) >= 0 && (ret->flags & IFF_UP) &&
	       !strcmp(ret->kind, "bridge");
}

static void warn_overlap(const struct network_ctx *c, const struct network_def *d, int ifindex)
{
	char text[IP_TEXT_MAX];
	struct err none;
	bool taken = false;

	if (pool_taken(&d->net4, ifindex, &taken, &none) >= 0 && taken)
		network_warn(c, "subnet %s of network %s is also routed elsewhere on this host",
			     ip_net_text(&d->net4, text), d->name);
}

int bridge_ensure(const struct network_ctx *c, const char *network, const char *bridge, int rtfd,
		  struct rtnl_link *ret, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];
	OWN_NETWORK_DEF d = { 0 };
	OWN_FD lock = -1;

	if (usable(rtfd, bridge, ret, e))
		return 0;
	(void)snprintf(path, sizeof path, "nets/%s", network);
	if (io_mkdir_p(c->run, path, 0700, e) < 0)
		return -e->eno;
	(void)snprintf(path, sizeof path, "nets/%s/lock", network);
	if (lock_take(c->run, path, LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	if (usable(rtfd, bridge, ret, e))
		return 0;
	if (network_def_load(c, network, &d, e) < 0 || bridge_make(c, &d, rtfd, ret, e) < 0 ||
	    bridge_announce(c, network, e) < 0)
		return err_ctx(e, "network %s", network);
	warn_overlap(c, &d, ret->index);
	return 0;
}

int bridge_remove(const struct network_ctx *c, const struct network_def *d, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	OWN_FD rt = -1;
	struct nl_result res;
	struct rtnl_link l;

	(void)c;
	if (nl_open(NETLINK_ROUTE, &rt, e) < 0)
		return -e->eno;
	if (rtnl_link_get(rt, d->bridge, &l, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	if (strcmp(l.kind, "bridge"))
		return 0; /* not what we made */
	rtnl_link_del(&m, l.index);
	if (nl_send(rt, &m, &res, e) < 0)
		return -e->eno;
	if (res.eno && res.eno != ENODEV)
		return err_sys(e, res.eno, "remove bridge %s", d->bridge);
	return 0;
}
