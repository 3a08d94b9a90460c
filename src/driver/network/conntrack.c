/* SPDX-License-Identifier: Apache-2.0
 *
 * Filtered deletion of conntrack entries by ctnetlink: see conntrack.h.
 */
#include "driver/network/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "sys/netlink.h"

/* bits of CTA_FILTER_ORIG_FLAGS, in the order of the tuple's members; the kernel's header keeps them
 * to itself but they are fixed by its netlink interface (Linux 5.8) */
enum { FILTER_PROTO = 1 << 3, FILTER_DST_PORT = 1 << 5 };
/* each is one walk over the whole table */
enum { FORGET_MAX = 64 };

static void forget(struct nl_msgs *m, uint8_t family, uint16_t port)
{
	struct nfgenmsg h = { .nfgen_family = family, .version = 1 };

	nl_begin(m, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, &h, sizeof h);
	nl_nest(m, CTA_TUPLE_ORIG);
	nl_nest(m, CTA_TUPLE_PROTO);
	nl_put_u8(m, CTA_PROTO_NUM, IPPROTO_UDP);
	nl_put_be16(m, CTA_PROTO_DST_PORT, port);
	nl_nest_end(m);
	nl_nest_end(m);
	nl_nest(m, CTA_FILTER);
	nl_put_u32(m, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO | FILTER_DST_PORT);
	nl_nest_end(m);
	nl_end(m);
}

void conntrack_forget_ports(int nlfd, const struct net_plan *p)
{
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;
	struct err none;

	for (size_t i = 0; i < p->n; i++) {
		for (size_t k = 0; k < p->v[i].n_ports; k++) {
			const struct net_port *q = &p->v[i].ports[k];
			for (unsigned n = 0; q->proto == IPPROTO_UDP && n < q->count && m.acks < FORGET_MAX; n++)
				forget(&m, (uint8_t)q->ip.family, (uint16_t)(q->host + n));
		}
	}
	if (m.acks)
		(void)nl_send(nlfd, &m, &res, &none);
}
