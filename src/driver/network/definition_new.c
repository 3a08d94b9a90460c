/* SPDX-License-Identifier: Apache-2.0
 *
 * New definitions: the built-in networks, the subnets of the default bridge, user networks from
 * docker's create body.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/text.h"
#include "driver/network/definition.h"
#include "driver/network/definition_int.h"
#include "format/js.h"
#include "sys/rtnl.h"

#define OPT "com.docker.network."

enum { HAS_V4 = 1, HAS_V6 = 2 };

/* docker's object, without subnets */
static json_t *blank(const char *name, const char *driver)
{
	char id[65], now[CLOCK_TEXT_MAX];

	if (text_random_id(id) < 0)
		return NULL;
	clock_format(clock_now_ns(), now);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:{}, s:[]}, s:b, s:b, s:b, "
			 "s:{s:s}, s:b, s:{}, s:{}, s:{}}",
			 "Name", name, "Id", id, "Created", now, "Scope", "local", "Driver", driver,
			 "EnableIPv4", 1, "EnableIPv6", 0, "IPAM", "Driver", "default", "Options",
			 "Config", "Internal", 0, "Attachable", 0, "Ingress", 0, "ConfigFrom", "Network",
			 "", "ConfigOnly", 0, "Containers", "Options", "Labels");
}

static int save(const struct network_ctx *c, const json_t *j, unsigned flags, struct err *e)
{
	char file[NETWORK_NAME_MAX + 8];

	(void)snprintf(file, sizeof file, "%s.json", js_str(j, "Name", ""));
	return js_save(c->root, file, j, 0600, flags | IO_DURABLE, e);
}

int network_def_built_in(const struct network_ctx *c, const char *name, json_t **ret, struct err *e)
{
	OWN_JSON j = blank(name, !strcmp(name, "none") ? "null" : name);
	char bridge[IFNAMSIZ], file[NETWORK_NAME_MAX + 8];

	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "network %s", name);
	if (!strcmp(name, "bridge")) {
		(void)snprintf(bridge, sizeof bridge, "onggi%s%s", *c->tag ? "-" : "0", c->tag);
		json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", OPT "bridge.default_bridge", "true",
				      OPT "bridge.enable_icc", "true",
				      OPT "bridge.enable_ip_masquerade", "true",
				      OPT "bridge.host_binding_ipv4", "0.0.0.0",
				      OPT "bridge.name", bridge);
		if (json_object_set_new(j, "Options", o) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "network %s", name);
	}
	int r = save(c, j, IO_EXCLUSIVE, e);
	if (r == -EEXIST) {
		/* someone else was first: theirs counts */
		(void)snprintf(file, sizeof file, "%s.json", name);
		return js_load(c->root, file, NETWORK_FILE_MAX, ret, e);
	}
	if (r < 0)
		return err_ctx(e, "network %s", name);
	*ret = ptr_take(&j);
	return 0;
}

static json_t *config_of(const struct ip_net *n, const struct ip_addr *gw)
{
	char net[IP_TEXT_MAX], ip[IP_TEXT_MAX];

	return json_pack("{s:s, s:s}", "Subnet", ip_net_text(n, net), "Gateway", ip_addr_text(gw, ip));
}

static int add_subnet(json_t *j, const struct ip_net *n, struct err *e)
{
	struct ip_addr gw = ip_net_nth(n, 1);

	if (json_array_append_new(js_at(j, "IPAM.Config"), config_of(n, &gw)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "subnet");
	return 0;
}

/* a bridge of our name without a definition is the rest of a crash */
static int drop_stray(const char *bridge, struct err *e)
{
	OWN_FD rt = -1;
	OWN_NL_MSGS m = { 0 };
	struct rtnl_link l;
	struct nl_result res;

	if (nl_open(NETLINK_ROUTE, &rt, e) < 0)
		return -e->eno;
	if (rtnl_link_get(rt, bridge, &l, e) < 0)
		return e->kind == E_NOT_FOUND ? 0 : -e->eno;
	rtnl_link_del(&m, l.index);
	return nl_send(rt, &m, &res, e);
}

/* Two engines may pick the same subnet at the same moment. So the bridge is made before the choice
 * is written down, and the one whose bridge is younger picks again. */
int network_def_bridge_new(const struct network_ctx *c, json_t **ret, struct err *e)
{
	OWN_FD lock = -1, rt = -1;
	OWN_JSON j = NULL;

	if (lock_take(c->root, ".create.lock", LOCK_EXCLUSIVE, &lock, e) < 0 ||
	    nl_open(NETLINK_ROUTE, &rt, e) < 0 || network_def_read(c, "bridge", &j, e) < 0)
		return -e->eno;
	if (json_array_size(js_at(j, "IPAM.Config"))) {
		*ret = ptr_take(&j);
		return 0;
	}
	bridge_sweep(rt, ""); /* their subnets are free again */
	for (int attempt = 0; attempt < 20; attempt++) {
		OWN_NETWORK_DEF d = { 0 };
		struct ip_net n4, n6;
		if (network_def_parse(c, j, &d, e) < 0 || drop_stray(d.bridge, e) < 0 ||
		    pool_pick4(c, &n4, e) < 0)
			return -e->eno;
		network_def_done(&d);
		json_array_clear(js_at(j, "IPAM.Config"));
		if (add_subnet(j, &n4, e) < 0)
			return -e->eno;
		if (network_has_ipv6()) {
			if (pool_pick6(&n6, e) < 0 || add_subnet(j, &n6, e) < 0)
				return -e->eno;
			json_object_set_new(j, "EnableIPv6", json_true());
		}
		if (network_def_parse(c, j, &d, e) < 0)
			return -e->eno;
		struct rtnl_link l;
		bool taken;
		if (bridge_make(c, &d, rt, &l, e) < 0 || pool_taken(&d.net4, l.index, &taken, e) < 0)
			return -e->eno;
		if (taken)
			continue;
		if (save(c, j, 0, e) < 0 || bridge_announce(c, "bridge", e) < 0)
			return -e->eno;
		*ret = ptr_take(&j);
		return 0;
	}
	return err_new(e, E_BUSY, EADDRINUSE, "no subnet stayed free while the bridge was made");
}

static int check_name(const char *name, struct err *e)
{
	if (!name || !*name)
		return err_new(e, E_INVALID, EINVAL, "network name cannot be blank");
	if (network_is_built_in(name) || !strcmp(name, "default"))
		return err_new(e, E_DENIED, EPERM, "operation is not permitted on predefined %s network",
			       name);
	bool good = isalnum((unsigned char)*name) && strlen(name) <= NETWORK_NAME_MAX;
	for (const char *p = name; *p && good; p++)
		good = isalnum((unsigned char)*p) || strchr("_.-", *p);
	if (!good)
		return err_new(e, E_INVALID, EINVAL, "invalid network name \"%s\": only "
			       "[a-zA-Z0-9][a-zA-Z0-9_.-]* is allowed", name);
	return 0;
}

/* subnets of other networks of this engine; routes of the host do not count: who names a subnet
 * means it */
static int check_overlap(const struct network_ctx *c, const struct ip_net *n, struct err *e)
{
	OWN_JSON names = NULL;
	json_t *name, *conf;
	size_t i, k;
	char text[IP_TEXT_MAX];

	if (network_def_names(c, &names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		OWN_JSON j = NULL;
		struct err none;
		if (network_def_read(c, json_string_value(name), &j, &none) < 0)
			continue;
		json_array_foreach(js_at(j, "IPAM.Config"), k, conf) {
			struct ip_net other;
			if (ip_net_parse(js_str(conf, "Subnet", ""), &other) < 0 ||
			    !ip_net_overlap(&other, n))
				continue;
			return err_new(e, E_DENIED, EPERM, "invalid pool request: Pool overlaps with other "
				       "one on this address space: %s is part of network %s",
				       ip_net_text(n, text), json_string_value(name));
		}
	}
	return 0;
}

static int inside(const char *text, const struct ip_net *n, const char *what, struct err *e)
{
	struct ip_net r;
	struct ip_addr a;
	int bad = strcmp(what, "range") ? ip_addr_parse(text, &a) : ip_net_parse(text, &r);

	if (!bad && !strcmp(what, "range"))
		a = r.addr;
	if (bad < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid %s \"%s\"", what, text);
	if (!ip_net_has(n, &a) || (!strcmp(what, "range") && r.prefix < n->prefix))
		return err_new(e, E_INVALID, EINVAL, "no matching subnet for %s %s", what, text);
	return 0;
}

static int take_config(const struct network_ctx *c, json_t *j, const json_t *conf, int *families,
		       struct err *e)
{
	const char *subnet = js_str(conf, "Subnet", ""), *range = js_str(conf, "IPRange", "");
	const char *gw = js_str(conf, "Gateway", ""), *key;
	json_t *aux = json_object_get(conf, "AuxiliaryAddresses"), *v;
	char text[IP_TEXT_MAX];
	struct ip_net n;

	if (ip_net_parse(subnet, &n) < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid subnet \"%s\": not a CIDR address", subnet);
	n = ip_net_mask(&n);
	bool v4 = n.addr.family == AF_INET;
	int family = v4 ? HAS_V4 : HAS_V6;
	if (*families & family)
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "bridge driver doesn't support multiple IPv%d "
			       "subnets", v4 ? 4 : 6);
	if (n.prefix > (v4 ? 30u : 126u))
		return err_new(e, E_INVALID, EINVAL, "subnet %s is too small", subnet);
	if (check_overlap(c, &n, e) < 0 || (*range && inside(range, &n, "range", e) < 0) ||
	    (*gw && inside(gw, &n, "gateway", e) < 0))
		return -e->eno;
	json_object_foreach(aux, key, v)
		if (inside(json_is_string(v) ? json_string_value(v) : "", &n, "aux-address", e) < 0)
			return -e->eno;
	struct ip_addr first = ip_net_nth(&n, 1);
	json_t *o = json_pack("{s:s, s:s}", "Subnet", subnet, "Gateway",
			      *gw ? gw : ip_addr_text(&first, text));
	if (*range)
		json_object_set_new(o, "IPRange", json_string(range));
	if (json_object_size(aux))
		json_object_set(o, "AuxiliaryAddresses", aux);
	if (json_array_append_new(js_at(j, "IPAM.Config"), o) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "network");
	*families |= family;
	return 0;
}

static int take_subnets(const struct network_ctx *c, json_t *j, const json_t *body, struct err *e)
{
	bool v4 = js_bool(body, "EnableIPv4", true), v6 = js_bool(body, "EnableIPv6", false);
	const json_t *conf;
	int families = 0;
	struct ip_net n;
	size_t i;

	json_array_foreach(js_at(body, "IPAM.Config"), i, conf)
		if (take_config(c, j, conf, &families, e) < 0)
			return -e->eno;
	if (families)
		json_object_set_new(json_object_get(j, "Options"), "onggi.custom_subnet",
				    json_string("true"));
	v6 = v6 || (families & HAS_V6);
	if (v4 && !(families & HAS_V4) && (pool_pick4(c, &n, e) < 0 || add_subnet(j, &n, e) < 0))
		return -e->eno;
	if (v6 && !(families & HAS_V6) && (pool_pick6(&n, e) < 0 || add_subnet(j, &n, e) < 0))
		return -e->eno;
	if (!v4 && !v6)
		return err_new(e, E_INVALID, EINVAL, "IPv4 or IPv6 must be enabled");
	json_object_set_new(j, "EnableIPv4", json_boolean(v4));
	json_object_set_new(j, "EnableIPv6", json_boolean(v6));
	return 0;
}

static int check_options(const json_t *options, struct err *e)
{
	static const char *const modes[] = { OPT "bridge.gateway_mode_ipv4", OPT "bridge.gateway_mode_ipv6" };
	const char *key;
	const json_t *v;
	struct ip_addr a;
	uint32_t n;

	json_object_foreach((json_t *)options, key, v) {
		const char *s = json_string_value(v);
		if (!s)
			return err_new(e, E_INVALID, EINVAL, "option %s: expected a string", key);
		if (!strcmp(key, OPT "driver.mtu") && (text_uint32(s, &n) < 0 || n < 68 || n > 65535))
			return err_new(e, E_INVALID, EINVAL, "option %s: bad value \"%s\"", key, s);
		if (!strcmp(key, OPT "bridge.name") && (!*s || strlen(s) >= IFNAMSIZ || strpbrk(s, "/ \t")))
			return err_new(e, E_INVALID, EINVAL, "option %s: bad interface name \"%s\"", key, s);
		if (!strcmp(key, OPT "bridge.host_binding_ipv4") && ip_addr_parse(s, &a) < 0)
			return err_new(e, E_INVALID, EINVAL, "option %s: bad value \"%s\"", key, s);
		for (size_t i = 0; i < ARRAY_LEN(modes); i++)
			if (!strcmp(key, modes[i]) && strcmp(s, "nat"))
				return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "option %s: mode \"%s\" is not "
					       "supported", key, s);
	}
	return 0;
}

int network_create(const struct network_env *env, const json_t *body, char ret_id[65],
		   struct err *e)
{
	static const char *const flags[] = { "Internal", "Attachable" };
	static const char *const refused[] = { "Ingress", "ConfigOnly" };
	const char *name = js_str(body, "Name", ""), *driver = js_str(body, "Driver", "bridge");
	const char *ipam = js_str(body, "IPAM.Driver", "default");
	json_t *options = json_object_get(body, "Options"), *labels = json_object_get(body, "Labels");
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_FD lock = -1;

	if (check_name(name, e) < 0 || check_options(options, e) < 0)
		return -e->eno;
	if (*driver && strcmp(driver, "bridge"))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "network driver \"%s\" is not supported", driver);
	if (*ipam && strcmp(ipam, "default"))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "IPAM driver \"%s\" is not supported", ipam);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (js_bool(body, refused[i], false))
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s networks are not supported",
				       refused[i]);
	if (network_open(env, &c, e) < 0 ||
	    lock_take(c.root, ".create.lock", LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	OWN_JSON j = NULL;
	if (network_def_read(&c, name, &j, e) >= 0)
		return err_new(e, E_CONFLICT, EEXIST, "network with name %s already exists", name);
	j = blank(name, "bridge");
	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "network %s", name);
	if (json_is_object(options))
		json_object_update(json_object_get(j, "Options"), options);
	if (json_is_object(labels))
		json_object_set(j, "Labels", labels);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		json_object_set_new(j, flags[i], json_boolean(js_bool(body, flags[i], false)));
	if (take_subnets(&c, j, body, e) < 0)
		return -e->eno;
	int r = save(&c, j, IO_EXCLUSIVE, e);
	if (r == -EEXIST)
		return err_new(e, E_CONFLICT, EEXIST, "network with name %s already exists", name);
	if (r < 0)
		return err_ctx(e, "network %s", name);
	(void)snprintf(ret_id, 65, "%s", js_str(j, "Id", ""));
	return 0;
}
