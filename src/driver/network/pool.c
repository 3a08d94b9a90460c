/* SPDX-License-Identifier: Apache-2.0
 *
 * Subnets for networks that name none: docker's default pools in docker's order, then /24s of
 * 10.0.0.0/8 from the top. A subnet is free when no route of the host (any table), no name server
 * and no defined network overlaps it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/io.h"
#include "driver/network/network_int.h"
#include "format/js.h"
#include "sys/rtnl.h"

static const struct {
	uint8_t a, b;
	uint8_t prefix, size;
	bool down;
} pools[] = {
	{ 172, 17, 16, 16, false }, { 172, 18, 16, 16, false }, { 172, 19, 16, 16, false },
	{ 172, 20, 14, 16, false }, { 172, 24, 14, 16, false }, { 172, 28, 14, 16, false },
	{ 192, 168, 16, 20, false }, { 10, 0, 8, 24, true },
};

struct nets {
	struct ip_net *v;
	size_t n, cap;
};

static void nets_done(struct nets *s)
{
	free(s->v);
}

static int nets_add(struct nets *s, const struct ip_net *n, struct err *e)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		struct ip_net *v = realloc(s->v, cap * sizeof *v);
		if (!v)
			return err_new(e, E_NOMEM, ENOMEM, "list of subnets");
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n++] = *n;
	return 0;
}

static int add_route(const struct rtnl_route *r, void *data, struct err *e)
{
	struct ip_net n = { .addr = { .family = r->family }, .prefix = r->prefix };

	if (!r->prefix || r->family != AF_INET)
		return 0;
	memcpy(n.addr.bytes, r->dst, sizeof n.addr.bytes);
	return nets_add(data, &n, e);
}

static int add_nameservers(struct nets *s, struct err *e)
{
	struct err none;
	OWN_STR text = NULL;
	char *save = NULL;

	if (io_read_file(AT_FDCWD, "/etc/resolv.conf", 1 << 20, &text, NULL, &none) < 0)
		return 0; /* no resolver, nothing to keep clear of */
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char ip[IP_TEXT_MAX];
		struct ip_net n = { .prefix = 32 };
		if (sscanf(l, " nameserver %55s", ip) == 1 && !ip_addr_parse(ip, &n.addr) &&
		    n.addr.family == AF_INET && nets_add(s, &n, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int add_defined(const struct network_ctx *c, struct nets *s, struct err *e)
{
	OWN_JSON names = NULL;
	json_t *name;
	size_t i;

	if (network_def_names(c, &names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		char file[NETWORK_NAME_MAX + 8];
		OWN_JSON j = NULL;
		json_t *conf;
		size_t k;
		struct err none;
		(void)snprintf(file, sizeof file, "%s.json", json_string_value(name));
		if (js_load(c->root, file, NETWORK_FILE_MAX, &j, &none) < 0)
			continue; /* removed meanwhile */
		json_array_foreach(js_at(j, "IPAM.Config"), k, conf) {
			struct ip_net n;
			if (!ip_net_parse(js_str(conf, "Subnet", ""), &n) && nets_add(s, &n, e) < 0)
				return -e->eno;
		}
	}
	return 0;
}

static bool is_free(const struct nets *s, const struct ip_net *n)
{
	for (size_t i = 0; i < s->n; i++)
		if (ip_net_overlap(&s->v[i], n))
			return false;
	return true;
}

int pool_pick4(const struct network_ctx *c, struct ip_net *ret, struct err *e)
{
	CLEANUP(nets_done) struct nets used = { 0 };
	OWN_FD rt = -1;

	if (nl_open(NETLINK_ROUTE, &rt, e) < 0 || rtnl_route_each(rt, add_route, &used, e) < 0 ||
	    add_nameservers(&used, e) < 0 || add_defined(c, &used, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
		uint32_t base = (uint32_t)pools[i].a << 24 | (uint32_t)pools[i].b << 16;
		uint32_t n = 1u << (pools[i].size - pools[i].prefix);
		for (uint32_t k = 0; k < n; k++) {
			uint32_t at = pools[i].down ? n - 1 - k : k;
			uint32_t be = htonl(base + (at << (32 - pools[i].size)));
			struct ip_net cand = { .addr = { .family = AF_INET }, .prefix = pools[i].size };
			memcpy(cand.addr.bytes, &be, 4);
			if (is_free(&used, &cand)) {
				*ret = cand;
				return 0;
			}
		}
	}
	int r = err_new(e, E_NOSPACE, ENOSPC, "all predefined address pools have been fully subnetted");
	err_hint(e, "give the network a --subnet, or remove networks that are not used");
	return r;
}

int pool_pick6(struct ip_net *ret, struct err *e)
{
	struct ip_net n = { .addr = { .family = AF_INET6 }, .prefix = 64 };

	/* RFC 4193: fd, 40 random bits, subnet 0 */
	if (getrandom(n.addr.bytes + 1, 5, 0) != 5)
		return err_sys(e, errno, "random subnet");
	n.addr.bytes[0] = 0xfd;
	*ret = n;
	return 0;
}

struct taken {
	const struct ip_net *net;
	int but;
	bool found;
};

static int look_taken(const struct rtnl_route *r, void *data, struct err *e)
{
	struct taken *t = data;
	struct ip_net n = { .addr = { .family = r->family }, .prefix = r->prefix };

	(void)e;
	memcpy(n.addr.bytes, r->dst, sizeof n.addr.bytes);
	/* of two bridges made at the same time for the same subnet, the older keeps it */
	if (r->prefix && !r->gateway && r->table != RT_TABLE_LOCAL && r->ifindex < t->but &&
	    ip_net_overlap(&n, t->net))
		t->found = true;
	return 0;
}

int pool_taken(const struct ip_net *n, int but, bool *ret, struct err *e)
{
	struct taken t = { .net = n, .but = but };
	OWN_FD rt = -1;

	if (nl_open(NETLINK_ROUTE, &rt, e) < 0 || rtnl_route_each(rt, look_taken, &t, e) < 0)
		return -e->eno;
	*ret = t.found;
	return 0;
}
