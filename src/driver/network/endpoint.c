/* SPDX-License-Identifier: Apache-2.0
 *
 * The link of one container: a veth pair born with its one end on the bridge and the other in the
 * container's namespace, then addresses and routes by a socket inside.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "driver/network/network_int.h"

int endpoint_name_new(struct net_endpoint *ep, struct err *e)
{
	uint32_t r;

	if (getrandom(&r, sizeof r, 0) != sizeof r)
		return err_sys(e, errno, "random link name");
	(void)snprintf(ep->host_link, sizeof ep->host_link, "veth%07x", r & 0xfffffff);
	return 0;
}

static int failed(const struct nl_result *r, const char *what, const char *name, struct err *e)
{
	if (r->eno == EOPNOTSUPP) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s %s: the kernel refuses it%s%s", what, name,
			*r->text ? ": " : "", r->text);
		err_hint(e, "veth and bridge must be in the kernel; or run with --network host or none");
		return -EOPNOTSUPP;
	}
	return err_sys(e, r->eno, "%s %s%s%s", what, name, *r->text ? ": " : "", r->text);
}

static int make_pair(const struct net_endpoint *ep, const struct rtnl_link *bridge, int rtfd,
		     int netns_fd, struct err *e)
{
	struct rtnl_veth_req q = {
		.host_name = ep->host_link, .master = bridge->index, .mtu = bridge->mtu,
		.peer_name = ep->ifname, .peer_mac = ep->mac, .peer_netns_fd = netns_fd,
	};
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;

	rtnl_veth_new(&m, &q);
	/* with bridge-nf-call-iptables a connection to the own published port is turned around inside
	 * the bridge */
	if (ep->n_ports)
		rtnl_port_hairpin(&m, ep->host_link);
	if (nl_send(rtfd, &m, &res, e) < 0)
		return -e->eno;
	return res.eno ? failed(&res, "make link", ep->host_link, e) : 0;
}

static int configure_ip6(const struct net_endpoint *ep, int in, int ifindex, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;

	rtnl_addr_new(&m, ifindex, &ep->net6.addr, ep->net6.prefix);
	if (ep->gw6.family)
		rtnl_route_default(&m, ifindex, &ep->gw6);
	if (nl_send(in, &m, &res, e) < 0)
		return -e->eno;
	/* the container has IPv6 switched off (--sysctl net.ipv6.conf.all.disable_ipv6=1) */
	if (res.eno == EACCES || res.eno == EPERM)
		return 0;
	return res.eno ? failed(&res, "configure", ep->ifname, e) : 0;
}

static int configure_inside(const struct net_endpoint *ep, int netns_fd, struct err *e)
{
	OWN_FD in = -1;
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;
	struct rtnl_link l;

	if (nl_open_in(netns_fd, NETLINK_ROUTE, &in, e) < 0 || rtnl_link_get(in, ep->ifname, &l, e) < 0)
		return -e->eno;
	rtnl_link_up(&m, 1);
	if (ep->net4.addr.family)
		rtnl_addr_new(&m, l.index, &ep->net4.addr, ep->net4.prefix);
	rtnl_link_up(&m, l.index);
	if (ep->gw4.family)
		rtnl_route_default(&m, l.index, &ep->gw4);
	if (nl_send(in, &m, &res, e) < 0)
		return -e->eno;
	if (res.eno)
		return failed(&res, "configure", ep->ifname, e);
	return ep->net6.addr.family ? configure_ip6(ep, in, l.index, e) : 0;
}

int endpoint_link(const struct net_endpoint *ep, const struct rtnl_link *bridge, int rtfd,
		  int netns_fd, struct err *e)
{
	if (make_pair(ep, bridge, rtfd, netns_fd, e) < 0)
		return -e->eno;
	if (configure_inside(ep, netns_fd, e) < 0)
		return err_ctx(e, "inside the namespace");
	return 0;
}

static int delete_link(int rtfd, const char *name, struct err *e)
{
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;
	struct rtnl_link l;

	if (rtnl_link_get(rtfd, name, &l, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	rtnl_link_del(&m, l.index);
	if (nl_send(rtfd, &m, &res, e) < 0)
		return -e->eno;
	if (res.eno && res.eno != ENODEV)
		return err_sys(e, res.eno, "remove link %s", name);
	return 0;
}

/* A dying namespace takes the pair with it, for free. Until it has, the kernel's lock for links is
 * held for many milliseconds, so the questions here are those that do not wait for it. A namespace
 * that still lives may do so for long (someone else uses it) or just until the kernel has freed a
 * socket that was open in it; a release does not wait to find out. */
int endpoint_unlink(const struct network_ctx *c, int rtfd, const struct net_endpoint *ep, int nsid,
		    struct err *e)
{
	char path[32];

	if (!*ep->host_link || !if_nametoindex(ep->host_link) ||
	    (nsid >= 0 && !rtnl_nsid_alive(rtfd, nsid)))
		return 0;
	if (nsid < 0)
		return delete_link(rtfd, ep->host_link, e);
	(void)snprintf(path, sizeof path, "orphans/%s", ep->host_link);
	if (symlinkat("-", c->run, path) < 0 && errno == ENOENT) {
		if (io_mkdir_p(c->run, "orphans", 0700, e) < 0)
			return -e->eno;
		(void)symlinkat("-", c->run, path); /* else repair finds it */
	}
	return 0;
}

void endpoint_sweep(const struct network_ctx *c, int rtfd)
{
	enum { OLD_S = 2 };
	int fd = openat(c->run, "orphans", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *en;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return; /* there never was one */
	}
	while ((en = readdir(d))) {
		struct stat st;
		struct err none;
		if (*en->d_name == '.' || strlen(en->d_name) >= IFNAMSIZ)
			continue;
		if (if_nametoindex(en->d_name) &&
		    (fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		     time(NULL) - st.st_mtime < OLD_S || delete_link(rtfd, en->d_name, &none) < 0))
			continue; /* the next start looks again */
		(void)unlinkat(fd, en->d_name, 0);
	}
}

int network_loopback_up(int netns_fd, struct err *e)
{
	OWN_FD in = -1;
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;

	if (nl_open_in(netns_fd, NETLINK_ROUTE, &in, e) < 0)
		return err_ctx(e, "loopback");
	rtnl_link_up(&m, 1);
	if (nl_send(in, &m, &res, e) < 0)
		return err_ctx(e, "loopback");
	return res.eno ? err_sys(e, res.eno, "loopback up") : 0;
}
