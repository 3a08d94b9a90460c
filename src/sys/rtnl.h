/* SPDX-License-Identifier: Apache-2.0
 *
 * Links, addresses and routes as rtnetlink messages. The rtnl_* builders append to a message list
 * (sys/netlink.h), so that a whole set-up is one system call; the look-ups ask at once.
 */
#ifndef ONGGI_SYS_RTNL_H
#define ONGGI_SYS_RTNL_H

#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "sys/netlink.h"

struct rtnl_bridge_req {
	const char *name;
	const uint8_t *mac;    /* 6 bytes, fixed so that it does not change with the ports */
	uint32_t mtu;          /* 0: default */
	const char *alias;     /* free text kept by the kernel, may be NULL */
};
/** rtnl_bridge_new - make a bridge, down; an existing link is -EEXIST. */
void rtnl_bridge_new(struct nl_msgs *m, const struct rtnl_bridge_req *q);

struct rtnl_veth_req {
	const char *host_name;
	int master;            /* ifindex of the bridge */
	uint32_t mtu;
	const char *peer_name;
	const uint8_t *peer_mac;
	int peer_netns_fd;     /* the peer is born there: a later move costs an RCU grace period */
	const char *alias;     /* of the host end, may be NULL */
};
/** rtnl_veth_new - make a veth pair, the host end enslaved and up. */
void rtnl_veth_new(struct nl_msgs *m, const struct rtnl_veth_req *q);
/** rtnl_port_hairpin - let bridge port @name send frames back where they came from. */
void rtnl_port_hairpin(struct nl_msgs *m, const char *name);

/** rtnl_link_up - set @ifindex up. */
void rtnl_link_up(struct nl_msgs *m, int ifindex);
/** rtnl_link_del - delete @ifindex. Waits for RCU (about 17 ms): not for the usual path. */
void rtnl_link_del(struct nl_msgs *m, int ifindex);
/** rtnl_link_master - put @ifindex on the bridge @master. */
void rtnl_link_master(struct nl_msgs *m, int ifindex, int master);
/** rtnl_link_inet_conf - per-device IPv4 settings by index (IPV4_DEVCONF_*) of link @ifindex. */
void rtnl_link_inet_conf(struct nl_msgs *m, int ifindex, int conf, uint32_t value);
/** rtnl_addr_new - add @a/@prefix to @ifindex; IPv6 without duplicate detection. Replaces an
 * equal one. */
void rtnl_addr_new(struct nl_msgs *m, int ifindex, const struct ip_addr *a, unsigned prefix);
/** rtnl_route_default - default route by gateway @gw over @ifindex. */
void rtnl_route_default(struct nl_msgs *m, int ifindex, const struct ip_addr *gw);
/** rtnl_route_loopback6 - let answers to ::1 come in over @ifindex: the kernel looks loopback
 * destinations up by their link. */
void rtnl_route_loopback6(struct nl_msgs *m, int ifindex);

/* What a look-up tells of one link. */
struct rtnl_link {
	int index, master;
	unsigned flags;        /* IFF_* */
	uint32_t mtu;
	int peer_nsid;         /* id of the namespace of a veth peer, -1 = none known */
	char name[IFNAMSIZ], alias[256], kind[16];
};
/** rtnl_link_get - link by name in the namespace of socket @xfd; E_NOT_FOUND (-ENODEV). */
int rtnl_link_get(int xfd, const char *name, struct rtnl_link *ret, struct err *e);
/** rtnl_link_each - all links, call @each; negative from it stops. */
int rtnl_link_each(int xfd, int (*each)(const struct rtnl_link *l, void *data, struct err *e),
		   void *data, struct err *e);
/** rtnl_nsid_of - the number that stands for @netns_fd in the namespace of @xfd; -ENOENT without. */
int rtnl_nsid_of(int xfd, int netns_fd, int *ret, struct err *e);
/** rtnl_nsid_alive - whether the namespace behind the number is still there, not just waiting to be
 * torn down. Does not wait for the lock that a tear-down holds for long. */
bool rtnl_nsid_alive(int xfd, int nsid);

struct rtnl_route {
	int family, ifindex;
	unsigned prefix, table;
	uint8_t dst[16];
	bool gateway;          /* not on-link */
};
/** rtnl_route_each - unicast routes of all tables and both families. */
int rtnl_route_each(int xfd, int (*each)(const struct rtnl_route *r, void *data, struct err *e),
		    void *data, struct err *e);

#endif
