/* SPDX-License-Identifier: Apache-2.0
 *
 * The host against the plans: what is missing is made again, what nobody planned is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "driver/network/network_int.h"
#include "format/js.h"

struct repair {
	const struct network_ctx *c;
	json_t *links;           /* host ends that some plan names */
	json_t *bridges;         /* name -> ifindex */
	int rtfd;
};

static int repair_plan(const struct net_plan *p, void *data, struct err *e)
{
	struct repair *r = data;
	OWN_NL_MSGS m = { 0 };
	struct nl_result res;

	for (size_t i = 0; i < p->n; i++) {
		const struct net_endpoint *ep = &p->v[i];
		struct rtnl_link bridge, link;
		if (bridge_ensure(r->c, ep->network, ep->bridge, r->rtfd, &bridge, e) < 0)
			return -e->eno;
		json_object_set_new(r->links, ep->host_link, json_true());
		json_object_set_new(r->bridges, ep->bridge, json_integer(bridge.index));
		/* a container that is not running has no link, and needs none */
		if (rtnl_link_get(r->rtfd, ep->host_link, &link, e) < 0 || link.master == bridge.index)
			continue;
		rtnl_link_master(&m, link.index, bridge.index);
	}
	if (m.acks && nl_send(r->rtfd, &m, &res, e) < 0)
		return -e->eno;
	return 0;
}

struct orphan_walk {
	struct repair *r;
	struct nl_msgs m;
};

static int find_orphan(const struct rtnl_link *l, void *data, struct err *e)
{
	struct orphan_walk *w = data;
	const char *key;
	json_t *index;

	(void)e;
	if (strcmp(l->kind, "veth") || strncmp(l->name, "veth", 4) ||
	    json_object_get(w->r->links, l->name))
		return 0;
	json_object_foreach(w->r->bridges, key, index)
		if (l->master && l->master == json_integer_value(index))
			rtnl_link_del(&w->m, l->index);
	return 0;
}

int network_repair(const struct network_env *env, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_JSON links = json_object();
	OWN_JSON bridges = json_object();
	OWN_FD rt = -1;
	struct repair r = { .c = &c, .links = links, .bridges = bridges };
	struct orphan_walk w = { .r = &r };
	struct nl_result res;

	if (!links || !bridges)
		return err_new(e, E_NOMEM, ENOMEM, "repair networks");
	if (faccessat(AT_FDCWD, env->run, F_OK, 0) < 0 && errno == ENOENT)
		return 0; /* no network was used since boot */
	if (network_open(env, &c, e) < 0 || nl_open(NETLINK_ROUTE, &rt, e) < 0)
		return -e->eno;
	r.rtfd = rt;
	endpoint_sweep(&c, rt);
	if (plan_each(&c, repair_plan, &r, e) < 0)
		return err_ctx(e, "repair networks");
	if (!json_object_size(bridges))
		return 0; /* no container, nothing that has to be there */
	if (firewall_forwarding(&c, e) < 0 || firewall_rebuild(&c, e) < 0 ||
	    rtnl_link_each(rt, find_orphan, &w, e) < 0)
		return err_ctx(e, "repair networks");
	int sent = w.m.acks ? nl_send(rt, &w.m, &res, e) : 0;
	nl_msgs_done(&w.m);
	return sent < 0 ? err_ctx(e, "repair networks") : 0;
}
