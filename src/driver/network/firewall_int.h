/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the firewall share: names of sets, flags of the rules.
 */
#ifndef ONGGI_DRIVER_NETWORK_FIREWALL_INT_H
#define ONGGI_DRIVER_NETWORK_FIREWALL_INT_H

#include "driver/network/network_int.h"
#include "sys/nft.h"

/* sets and maps of our table */
#define SET_BRIDGES  "bridges"   /* interfaces of our networks */
#define SET_INTERNAL "internal"  /* those without a way out */
#define SET_NETS4    "nets4"     /* subnets of our networks */
#define SET_NETS6    "nets6"
#define SET_MASQ4    "masq4"     /* subnets that hide behind the host's address */
#define SET_MASQ6    "masq6"
#define MAP_PAIRS    "pairs"     /* (in, out) interfaces that may talk */
#define MAP_ANY4     "pub_any4"  /* (protocol, port) -> container address, port */
#define MAP_ANY6     "pub_any6"
#define MAP_IP4      "pub_ip4"   /* (protocol, host address, port) -> the same */
#define MAP_IP6      "pub_ip6"

/* the mark of our connections, for firewalls that drop what they do not know */
#define FIREWALL_MARK      0x6f670000u
#define FIREWALL_MARK_MASK 0xffff0000u
#define FIREWALL_COMMENT   "onggi: let its connections pass"

enum firewall_flags {
	FIREWALL_CLOSED4 = 1, /* we switched IPv4 forwarding on: only for our networks */
	FIREWALL_CLOSED6 = 2,
	FIREWALL_MARKED = 4,  /* a foreign firewall drops forwarded packets: mark ours */
	/* Not stored but looked up: bridged frames pass the IP hooks (br_netfilter), so answers to ::1
	 * are rewritten inside the bridge and then dropped as forged. Then ::1 is not published:
	 * refused at once is better than a connection that hangs. */
	FIREWALL_BRIDGED6 = 8,
};

/** firewall_flags - as stored and looked up. */
unsigned firewall_flags(const struct network_ctx *c);
/** firewall_flags_add - remember one more. The caller holds the lock exclusively. */
int firewall_flags_add(const struct network_ctx *c, unsigned flags, struct err *e);
/** firewall_layout - name of the empty chain that stands for version and flags of the rules. */
void firewall_layout(unsigned flags, char out[32]);
/** firewall_lock - LOCK_SHARED or LOCK_EXCLUSIVE. */
int firewall_lock(const struct network_ctx *c, int mode, int *ret_fd, struct err *e);

/** firewall_rules - sets, chains and rules of a fresh table. */
void firewall_rules(struct nft_batch *b, unsigned flags);
/** firewall_network - elements of one network. */
void firewall_network(struct nft_batch *b, const struct network_def *d);
/** firewall_port - add or delete the element of the @i-th port of @p. */
void firewall_port(struct nft_batch *b, const struct net_endpoint *ep, const struct net_port *p,
		   unsigned i, bool add);

/* or-ed to the flags: look at every chain. Hosts may have tens of thousands; those of iptables, where
 * policies change with docker and ufw, are looked at in any case. */
enum { FOREIGN_ALL = 0x100 };
/** foreign_check - look for firewalls of others that drop forwarded packets and make them let ours
 * pass. @ret_mark: our connections have to be marked. */
int foreign_check(const struct network_ctx *c, int nlfd, unsigned flags, bool *ret_mark,
		  struct err *e);
/** foreign_forget - take our rules out of the firewalls of others, unless another engine of this host
 * still needs them. */
void foreign_forget(const struct network_ctx *c, int nlfd);
enum foreign_legacy {
	FOREIGN_PASSES,    /* no table, or its policy lets packets pass */
	FOREIGN_KNOWS_US,  /* policy DROP, with a rule for our mark */
	FOREIGN_DROPS,
};
/** foreign_legacy_drops - what the FORWARD chain of iptables-legacy does, enum foreign_legacy. */
int foreign_legacy_drops(int family);

#endif
