/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the network driver share. Files below RUN/network:
 *
 *   plans/ID.json            the plan of one container: intent first, then the whole
 *   plans/ID.ns              symbolic link to the number of its namespace
 *   nets/NAME/leases/IP      symbolic link to the container's ID: made atomically or not at all
 *   nets/NAME/{next4,next6}  where the search for a free address goes on
 *   nets/NAME/lock           held while the bridge is made
 *   orphans/LINK             host ends whose namespace outlived its container
 *   ports/PROTO-IP-PORT      claim of a host port, symbolic link to the ID
 *   ports/single/...         claims for one address only
 *   ports/lock               one byte per port number is locked during a claim
 *   firewall, firewall.lock  what the rules were built with; shared by users of the rules,
 *                            exclusive while they are rebuilt
 */
#ifndef ONGGI_DRIVER_NETWORK_NETWORK_INT_H
#define ONGGI_DRIVER_NETWORK_NETWORK_INT_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/own.h"
#include "driver/network/network.h"
#include "format/json.h"
#include "sys/rtnl.h"

enum { NETWORK_NAME_MAX = 128, NETWORK_FILE_MAX = 16 << 20 };

/* One engine's networks, opened. */
struct network_ctx {
	const struct network_env *env;
	int root, run;           /* directories */
	char tag[9];             /* "" for the default engine, else 8 hex digits of its run path */
	char table[24];          /* nftables table: "onggi" or "onggi-TAG" */
};
int network_open(const struct network_env *env, struct network_ctx *ret, struct err *e);
void network_close(struct network_ctx *c);
/** network_tag - what tells the engine of run folder @run (normalized) from others. */
void network_tag(const char *run, char out[9]);
#define OWN_NETWORK_CTX CLEANUP(network_close) struct network_ctx
/** network_warn - degraded but going on. */
void network_warn(const struct network_ctx *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** network_id_check - container IDs become file names. */
int network_id_check(const char *id, struct err *e);
/** network_has_ipv6 - whether this kernel has IPv6 switched on. */
bool network_has_ipv6(void);

/* definition, as the other files need it */
struct network_def {
	char name[NETWORK_NAME_MAX + 1], id[65], driver[16], bridge[IFNAMSIZ];
	char host_binding[IP_TEXT_MAX]; /* where ports without an address go; "" = everywhere */
	struct ip_net net4, net6;     /* family 0: none */
	struct ip_net range4, range6; /* where leases are taken; equal to net by default */
	struct ip_addr gw4, gw6;
	bool internal, icc, masquerade, custom_subnet;
	uint32_t mtu;                 /* 0: that of the default route's link */
	json_t *json;                 /* whole definition, owned */
};
void network_def_done(struct network_def *d);
#define OWN_NETWORK_DEF CLEANUP(network_def_done) struct network_def
/** network_def_load - definition by exact name; "bridge" is made on first use. */
int network_def_load(const struct network_ctx *c, const char *name, struct network_def *ret,
		     struct err *e);
/** network_def_names - array of all stored names. */
int network_def_names(const struct network_ctx *c, json_t **ret, struct err *e);
/** network_def_bridge_new - definition of the default bridge with subnets that are free now. */
int network_def_bridge_new(const struct network_ctx *c, json_t **ret, struct err *e);

/* address pools */
/** pool_pick4 - first subnet of the pools that overlaps neither a route of the host, a name server
 * nor a defined network. */
int pool_pick4(const struct network_ctx *c, struct ip_net *ret, struct err *e);
/** pool_pick6 - a random unique local /64. */
int pool_pick6(struct ip_net *ret, struct err *e);
/** pool_taken - whether @n overlaps an on-link route of a link other than @but (0: none), with a
 * lower index than @but. @ret_ifindex may be NULL. */
int pool_taken(const struct ip_net *n, int but, bool *ret, struct err *e);

/* leases */
struct lease_req {
	const struct network_def *def;
	const char *id;            /* of the container */
	const char *fixed;         /* NULL: next free */
	int family;
};
int lease_take(const struct network_ctx *c, const struct lease_req *q, struct ip_addr *ret,
	       struct err *e);
/** lease_drop - give one address back if @id holds it. */
void lease_drop(const struct network_ctx *c, const char *network, const struct ip_addr *a,
		const char *id);
/** lease_drop_all - the same for every address of @id (after a crash before the plan). */
void lease_drop_all(const struct network_ctx *c, const char *network, const char *id);

/* plans */
struct net_port {
	uint8_t proto;             /* IPPROTO_* */
	struct ip_addr ip;         /* host address; 0.0.0.0 or :: = any of that family */
	uint16_t host, container, count; /* count neighbours in both spaces */
};
struct net_endpoint {
	char network[NETWORK_NAME_MAX + 1], network_id[65], endpoint_id[65];
	char bridge[IFNAMSIZ], host_link[IFNAMSIZ], ifname[IFNAMSIZ];
	uint8_t mac[6];
	struct ip_net net4, net6;  /* own address with the prefix of the subnet */
	struct ip_addr gw4, gw6;   /* family 0: no default route */
	struct net_port *ports;
	size_t n_ports;
};
struct net_plan {
	char id[NETWORK_NAME_MAX + 1];
	struct net_endpoint *v;
	size_t n;
	bool intent;               /* claims may exist that are not listed */
	char intent_network[NETWORK_NAME_MAX + 1];
};
void plan_done(struct net_plan *p);
#define OWN_NET_PLAN CLEANUP(plan_done) struct net_plan
/** plan_load - E_NOT_FOUND (-ENOENT) when there is none. */
int plan_load(const struct network_ctx *c, const char *id, struct net_plan *ret, struct err *e);
int plan_save(const struct network_ctx *c, const struct net_plan *p, struct err *e);
/** plan_lock - lock the plan of @id against another release; -ENOENT when there is none. */
int plan_lock(const struct network_ctx *c, const char *id, int *ret_fd, struct err *e);
void plan_remove(const struct network_ctx *c, const char *id);
/** plan_nsid_save, plan_nsid - the number of the container's namespace, beside the plan: tells a
 * release whether the namespace lives on. -1 when unknown. */
void plan_nsid_save(const struct network_ctx *c, const char *id, int nsid);
int plan_nsid(const struct network_ctx *c, const char *id);
/** plan_each - every plan; unreadable ones are warned about and skipped. */
int plan_each(const struct network_ctx *c,
	      int (*each)(const struct net_plan *p, void *data, struct err *e), void *data,
	      struct err *e);
int plan_parse(const json_t *j, struct net_plan *ret, struct err *e);
json_t *plan_to_json(const struct net_plan *p);

/* host ports */
/** claim_ports - claim all of @req for an endpoint that has addresses of the families given;
 * fills @ep->ports. Ports without an address go to @host_binding ("": every address). Nothing stays
 * claimed on failure. */
int claim_ports(const struct network_ctx *c, const struct network_req *req, const char *host_binding,
		struct net_endpoint *ep, struct err *e);
/** claim_owned - whether @id holds all of @p. */
bool claim_owned(const struct network_ctx *c, const struct net_port *p, unsigned i, const char *id);
void claim_drop(const struct network_ctx *c, const struct net_port *p, const char *id);
/** claim_drop_all - drop every claim of @id (after a crash before the plan). */
void claim_drop_all(const struct network_ctx *c, const char *id);
const char *claim_proto_name(uint8_t proto);

/* bridge and links */
/** bridge_ensure - link of the bridge of @network, made and configured when missing. */
int bridge_ensure(const struct network_ctx *c, const char *network, const char *bridge, int rtfd,
		  struct rtnl_link *ret, struct err *e);
/** bridge_make - make and configure the bridge of @d; an existing one is completed. */
int bridge_make(const struct network_ctx *c, const struct network_def *d, int rtfd,
		struct rtnl_link *ret, struct err *e);
/** bridge_owner - run folder of the engine whose bridge @l is; NULL: it is none. Borrowed. */
const char *bridge_owner(const struct rtnl_link *l);

enum { NEIGHBOURS_MAX = 16 };
/** neighbours_open - run folders of other engines on this host. neighbours_close ends it. */
int neighbours_open(const struct network_ctx *c, int fds[NEIGHBOURS_MAX], size_t *ret_n, struct err *e);
void neighbours_close(const int *fds, size_t n);

/** bridge_sweep - delete what engines left whose run folder is gone; never the bridge @but. */
void bridge_sweep(int rtfd, const char *but);
/** bridge_announce - open the network's run-time folder and put its rules in. */
int bridge_announce(const struct network_ctx *c, const char *network, struct err *e);
/** bridge_remove - delete the bridge of @d. */
int bridge_remove(const struct network_ctx *c, const struct network_def *d, struct err *e);
/** endpoint_link - make the veth pair and configure its end in @netns_fd. */
int endpoint_link(const struct net_endpoint *ep, const struct rtnl_link *bridge, int rtfd,
		  int netns_fd, struct err *e);
/** endpoint_name_new - a fresh random name for the host end. */
int endpoint_name_new(struct net_endpoint *ep, struct err *e);
/** endpoint_unlink - give the link up: it goes with its namespace (@nsid, -1 unknown), or is noted
 * as an orphan when that lives on. Does not wait. */
int endpoint_unlink(const struct network_ctx *c, int rtfd, const struct net_endpoint *ep, int nsid,
		    struct err *e);
/** endpoint_sweep - delete orphans that have had their time. */
void endpoint_sweep(const struct network_ctx *c, int rtfd);

/* firewall */
/** firewall_lock_shared - keep the rules from being rebuilt while elements change. */
int firewall_lock_shared(const struct network_ctx *c, int *ret_fd, struct err *e);
/** firewall_ensure - rules present and of our version, foreign firewalls let us pass. */
int firewall_ensure(const struct network_ctx *c, int nlfd, struct err *e);
/** firewall_rebuild - the whole table anew from definitions and plans, in one transaction. */
int firewall_rebuild(const struct network_ctx *c, struct err *e);
/** firewall_add - elements of the published ports of @ep. */
int firewall_add(const struct network_ctx *c, int nlfd, const struct net_endpoint *ep,
		 struct err *e);
/** firewall_del - take them away; only those whose claim @id still holds. */
int firewall_del(const struct network_ctx *c, int nlfd, const struct net_plan *p, struct err *e);
/** firewall_forwarding - let the kernel forward packets, of both families. */
int firewall_forwarding(const struct network_ctx *c, struct err *e);
/** firewall_remove_table - drop our table. */
int firewall_remove_table(const struct network_ctx *c, struct err *e);

#endif
