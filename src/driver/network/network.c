/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a container's network: prepare, apply, release, repair. See network.h.
 *
 *   prepare:  intent on disk -> leases -> ports -> whole plan on disk
 *   apply:    bridge -> link -> addresses inside -> firewall elements
 *   release:  firewall elements -> link -> ports -> leases -> plan
 */
#include "driver/network/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/text.h"
#include "driver/network/conntrack.h"
#include "driver/network/definition.h"
#include "driver/network/network_int.h"
#include "format/js.h"

static int make_mac(const char *given, const struct ip_addr *ip4, uint8_t mac[6], struct err *e)
{
	unsigned m[6];
	char end;

	if (given && *given) {
		if (sscanf(given, "%2x:%2x:%2x:%2x:%2x:%2x%c", m, m + 1, m + 2, m + 3, m + 4, m + 5,
			   &end) != 6 || (m[0] & 1))
			return err_new(e, E_INVALID, EINVAL, "%s is not a valid mac address", given);
		for (int i = 0; i < 6; i++)
			mac[i] = (uint8_t)m[i];
		return 0;
	}
	/* made from the address: who gets an address again is found under the same MAC by neighbours
	 * that still remember it */
	mac[0] = 0x02;
	mac[1] = 0x42;
	if (ip4->family)
		memcpy(mac + 2, ip4->bytes, 4);
	else if (getrandom(mac + 2, 4, 0) != 4)
		return err_sys(e, errno, "random address");
	return 0;
}

static int check_fixed(const struct network_def *d, const struct network_req *req, struct err *e)
{
	if (!req->ip4 && !req->ip6)
		return 0;
	if (!strcmp(d->name, "bridge"))
		return err_new(e, E_INVALID, EINVAL, "invalid config for network bridge: user specified IP "
			       "address is supported on user defined networks only");
	if (!d->custom_subnet)
		return err_new(e, E_INVALID, EINVAL, "invalid config for network %s: user specified IP "
			       "address is supported only when connecting to networks with user configured "
			       "subnets", d->name);
	if ((req->ip4 && !d->net4.addr.family) || (req->ip6 && !d->net6.addr.family))
		return err_new(e, E_INVALID, EINVAL, "no configured subnet contains IP address %s",
			       req->ip4 && !d->net4.addr.family ? req->ip4 : req->ip6);
	return 0;
}

static int take_address(const struct network_ctx *c, const struct network_def *d,
			const struct network_req *req, int family, struct net_endpoint *ep, struct err *e)
{
	bool v4 = family == AF_INET;
	struct lease_req q = {
		.def = d, .id = req->container_id, .fixed = v4 ? req->ip4 : req->ip6, .family = family,
	};
	struct ip_net *n = v4 ? &ep->net4 : &ep->net6;
	const struct ip_net *net = v4 ? &d->net4 : &d->net6;

	if (!net->addr.family || (!v4 && !network_has_ipv6()))
		return 0;
	if (lease_take(c, &q, &n->addr, e) < 0)
		return -e->eno;
	n->prefix = net->prefix;
	if (!d->internal)
		*(v4 ? &ep->gw4 : &ep->gw6) = v4 ? d->gw4 : d->gw6;
	return 0;
}

static int fill_endpoint(const struct network_ctx *c, const struct network_def *d,
			 const struct network_req *req, struct net_endpoint *ep, struct err *e)
{
	(void)snprintf(ep->network, sizeof ep->network, "%s", d->name);
	(void)snprintf(ep->network_id, sizeof ep->network_id, "%s", d->id);
	(void)snprintf(ep->bridge, sizeof ep->bridge, "%s", d->bridge);
	if (text_random_id(ep->endpoint_id) < 0 || endpoint_name_new(ep, e) < 0)
		return err_sys(e, errno, "random id");
	if (check_fixed(d, req, e) < 0 || take_address(c, d, req, AF_INET, ep, e) < 0 ||
	    take_address(c, d, req, AF_INET6, ep, e) < 0 ||
	    make_mac(req->mac, &ep->net4.addr, ep->mac, e) < 0)
		return -e->eno;
	/* docker takes -p with an internal network and publishes nothing */
	return d->internal ? 0 : claim_ports(c, req, d->host_binding, ep, e);
}

static json_t *ports_to_json(const struct net_endpoint *ep)
{
	json_t *all = json_object();

	for (size_t i = 0; i < ep->n_ports; i++) {
		const struct net_port *p = &ep->ports[i];
		char key[16], ip[IP_TEXT_MAX], host[8];
		for (unsigned k = 0; k < p->count; k++) {
			(void)snprintf(key, sizeof key, "%u/%s", p->container + k, claim_proto_name(p->proto));
			(void)snprintf(host, sizeof host, "%u", p->host + k);
			json_t *arr = json_object_get(all, key);
			if (!arr && json_object_set_new(all, key, arr = json_array()) < 0)
				continue;
			json_array_append_new(arr, json_pack("{s:s, s:s}", "HostIp",
							     ip_addr_text(&p->ip, ip), "HostPort", host));
		}
	}
	return all;
}

static json_t *endpoint_json(const struct net_endpoint *ep, const struct network_req *req)
{
	char mac[18], ip4[IP_TEXT_MAX], ip6[IP_TEXT_MAX], gw4[IP_TEXT_MAX], gw6[IP_TEXT_MAX];
	json_t *aliases = req->n_aliases ? json_array() : json_null();

	for (size_t i = 0; i < req->n_aliases; i++)
		json_array_append_new(aliases, json_string(req->aliases[i]));
	(void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1],
		       ep->mac[2], ep->mac[3], ep->mac[4], ep->mac[5]);
	(void)ip_addr_text(&ep->net4.addr, ip4);
	(void)ip_addr_text(&ep->net6.addr, ip6);
	(void)ip_addr_text(&ep->gw4, gw4);
	(void)ip_addr_text(&ep->gw6, gw6);
	json_t *one = json_pack("{s:n, s:n, s:o, s:s, s:n, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:n}",
				"IPAMConfig", "Links", "Aliases", aliases, "MacAddress", mac, "DriverOpts",
				"NetworkID", ep->network_id, "EndpointID", ep->endpoint_id, "Gateway", gw4,
				"IPAddress", ip4, "IPPrefixLen", (int)ep->net4.prefix, "IPv6Gateway", gw6,
				"GlobalIPv6Address", ip6, "GlobalIPv6PrefixLen", (int)ep->net6.prefix,
				"DNSNames");
	bool dflt = !strcmp(ep->network, "bridge");
	/* the flat members describe the default bridge only, as docker has it */
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:s, s:{s:o}}",
			 "Bridge", "", "SandboxID", "", "SandboxKey", "", "Ports", ports_to_json(ep),
			 "EndpointID", dflt ? ep->endpoint_id : "", "Gateway", dflt ? gw4 : "",
			 "GlobalIPv6Address", dflt ? ip6 : "", "GlobalIPv6PrefixLen",
			 dflt ? (int)ep->net6.prefix : 0, "IPAddress", dflt ? ip4 : "", "IPPrefixLen",
			 dflt ? (int)ep->net4.prefix : 0, "IPv6Gateway", dflt ? gw6 : "", "MacAddress",
			 dflt ? mac : "", "NetworkID", ep->network_id, "Networks", ep->network, one);
}

static void drop_claims(const struct network_ctx *c, const struct net_endpoint *ep, const char *id)
{
	for (size_t i = 0; i < ep->n_ports; i++)
		claim_drop(c, &ep->ports[i], id);
	lease_drop(c, ep->network, &ep->net4.addr, id);
	lease_drop(c, ep->network, &ep->net6.addr, id);
}

static int append_endpoint(struct net_plan *p, const struct net_endpoint *ep, struct err *e)
{
	struct net_endpoint *v = realloc(p->v, (p->n + 1) * sizeof *v);

	if (!v)
		return err_new(e, E_NOMEM, ENOMEM, "network plan");
	p->v = v;
	p->v[p->n++] = *ep;
	return 0;
}

/* the plan so far: of a container on another network; one on this network is a left-over */
static int open_plan(const struct network_ctx *c, const struct network_req *req, const char *network,
		     struct net_plan *p, struct err *e)
{
	int r = plan_load(c, req->container_id, p, e);

	if (r < 0 && r != -ENOENT)
		return r;
	bool stale = p->intent;
	for (size_t i = 0; i < p->n; i++)
		stale = stale || !strcmp(p->v[i].network, network);
	if (!r && stale) {
		plan_done(p);
		if (network_release(c->env, req->container_id, e) < 0)
			return err_ctx(e, "release what was left");
		*p = (struct net_plan){ 0 };
	}
	(void)snprintf(p->id, sizeof p->id, "%s", req->container_id);
	(void)snprintf(p->intent_network, sizeof p->intent_network, "%s", network);
	p->intent = true;
	return 0;
}

static void sweep(const struct network_ctx *c)
{
	OWN_FD rt = -1;
	struct err none;

	/* usually there is no folder at all */
	if (faccessat(c->run, "orphans", F_OK, 0) == 0 && nl_open(NETLINK_ROUTE, &rt, &none) >= 0)
		endpoint_sweep(c, rt);
}

int network_prepare(const struct network_env *env, const struct network_req *req,
		    json_t **ret_endpoint, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_NETWORK_DEF d = { 0 };
	OWN_NET_PLAN p = { 0 };
	struct net_endpoint ep = { 0 };

	if (network_id_check(req->container_id, e) < 0 || network_open(env, &c, e) < 0 ||
	    network_def_load(&c, req->network, &d, e) < 0)
		return -e->eno;
	sweep(&c);
	if (strcmp(d.driver, "bridge"))
		return err_new(e, E_INVALID, EINVAL, "network %s has no addresses to give", d.name);
	if (open_plan(&c, req, d.name, &p, e) < 0 || plan_save(&c, &p, e) < 0)
		return -e->eno;
	(void)snprintf(ep.ifname, sizeof ep.ifname, "eth%zu", p.n);
	int r = fill_endpoint(&c, &d, req, &ep, e);
	if (r >= 0 && (r = append_endpoint(&p, &ep, e)) >= 0) {
		p.intent = false;
		r = plan_save(&c, &p, e);
	}
	json_t *j = r >= 0 ? endpoint_json(&ep, req) : NULL;
	if (r >= 0 && !j)
		r = err_new(e, E_NOMEM, ENOMEM, "endpoint");
	if (r < 0) {
		drop_claims(&c, &ep, req->container_id);
		if (!p.n || p.v[p.n - 1].ports != ep.ports)
			free(ep.ports);
		else
			p.n--;
		p.intent = false;
		struct err undo;
		if (!p.n)
			plan_remove(&c, req->container_id);
		else if (plan_save(&c, &p, &undo) < 0)
			network_warn(&c, "%s", undo.chain);
		return err_ctx(e, "network %s", d.name);
	}
	*ret_endpoint = j;
	return 0;
}

static int apply_one(const struct network_ctx *c, struct net_plan *p, size_t i, int rtfd, int netns_fd,
		     struct err *e)
{
	struct net_endpoint *ep = &p->v[i];
	struct rtnl_link bridge;

	/* the way out is that of the first network that has one, for each family */
	for (size_t k = 0; k < i; k++) {
		if (p->v[k].gw4.family)
			ep->gw4.family = 0;
		if (p->v[k].gw6.family)
			ep->gw6.family = 0;
	}
	if (bridge_ensure(c, ep->network, ep->bridge, rtfd, &bridge, e) < 0)
		return -e->eno;
	int r = endpoint_link(ep, &bridge, rtfd, netns_fd, e);
	/* a name taken by chance: 28 random bits, so once more is enough */
	if (r == -EEXIST && (endpoint_name_new(ep, e) < 0 || plan_save(c, p, e) < 0))
		return -e->eno;
	if (r == -EEXIST)
		r = endpoint_link(ep, &bridge, rtfd, netns_fd, e);
	return r;
}

int network_apply(const struct network_env *env, const char *container_id, int netns_fd,
		  struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_NET_PLAN p = { 0 };
	OWN_FD rt = -1, nl = -1, lock = -1;
	size_t ports = 0;
	int nsid;

	if (network_id_check(container_id, e) < 0 || network_open(env, &c, e) < 0 ||
	    plan_load(&c, container_id, &p, e) < 0 || nl_open(NETLINK_ROUTE, &rt, e) < 0 ||
	    nl_open(NETLINK_NETFILTER, &nl, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < p.n; i++) {
		if (apply_one(&c, &p, i, rt, netns_fd, e) < 0)
			return err_ctx(e, "connect to network %s", p.v[i].network);
		ports += p.v[i].n_ports;
	}
	if (p.n && rtnl_nsid_of(rt, netns_fd, &nsid, e) >= 0)
		plan_nsid_save(&c, container_id, nsid);
	if (firewall_ensure(&c, nl, e) < 0)
		return -e->eno;
	if (!ports)
		return 0;
	if (firewall_lock_shared(&c, &lock, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < p.n; i++)
		if (p.v[i].n_ports && firewall_add(&c, nl, &p.v[i], e) < 0)
			return -e->eno;
	conntrack_forget_ports(nl, &p);
	return 0;
}

static int release_plan(const struct network_ctx *c, struct net_plan *p, struct err *e)
{
	OWN_FD lock = -1, rt = -1, nl = -1;
	size_t ports = 0;
	int nsid = plan_nsid(c, p->id);

	for (size_t i = 0; i < p->n; i++)
		ports += p->v[i].n_ports;
	if (nl_open(NETLINK_ROUTE, &rt, e) < 0)
		return -e->eno;
	if (ports) {
		if (nl_open(NETLINK_NETFILTER, &nl, e) < 0 || firewall_lock_shared(c, &lock, e) < 0 ||
		    firewall_del(c, nl, p, e) < 0)
			return -e->eno;
		conntrack_forget_ports(nl, p);
	}
	for (size_t i = 0; i < p->n; i++)
		if (endpoint_unlink(c, rt, &p->v[i], nsid, e) < 0)
			return -e->eno;
	for (size_t i = 0; i < p->n; i++)
		drop_claims(c, &p->v[i], p->id);
	if (p->intent) {
		claim_drop_all(c, p->id);
		lease_drop_all(c, p->intent_network, p->id);
	}
	/* while the rules cannot be rebuilt, or they would be rebuilt with what was just removed */
	plan_remove(c, p->id);
	own_fd_done(&lock);
	if (nl >= 0)
		nl_close_later(fd_take(&nl));
	return 0;
}

int network_release(const struct network_env *env, const char *container_id, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_NET_PLAN p = { 0 };
	OWN_FD lock = -1;

	if (network_id_check(container_id, e) < 0 || network_open(env, &c, e) < 0)
		return -e->eno;
	int r = plan_lock(&c, container_id, &lock, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0 || plan_load(&c, container_id, &p, e) < 0 || release_plan(&c, &p, e) < 0)
		return err_ctx(e, "release network of %.12s", container_id);
	return 0;
}

int network_reset(const struct network_env *env, struct err *e)
{
	static const char *const folders[] = { "plans", "ports", "nets", "orphans", "firewall", "neighbours" };
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_JSON names = NULL;
	json_t *name;
	size_t i;

	if (network_open(env, &c, e) < 0 || network_def_names(&c, &names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		char path[NETWORK_NAME_MAX + 16];
		OWN_NETWORK_DEF d = { 0 };
		(void)snprintf(path, sizeof path, "nets/%s", json_string_value(name));
		if (faccessat(c.run, path, F_OK, 0) < 0)
			continue; /* not used since boot: no bridge */
		if (network_def_load(&c, json_string_value(name), &d, e) < 0 ||
		    bridge_remove(&c, &d, e) < 0)
			return err_ctx(e, "reset networks");
	}
	if (firewall_remove_table(&c, e) < 0 && e->kind != E_UNSUPPORTED)
		return err_ctx(e, "reset networks");
	for (i = 0; i < ARRAY_LEN(folders); i++)
		if (io_remove_tree(c.run, folders[i], e) < 0)
			return err_ctx(e, "reset networks");
	return 0;
}
