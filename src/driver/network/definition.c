/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored definitions: read, find, list, inspect, remove. Making them is definition_new.c.
 */
#include "driver/network/definition.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "driver/network/definition_int.h"
#include "driver/network/network_int.h"
#include "format/js.h"

#define OPT "com.docker.network."

const char *const network_built_in[NETWORK_BUILT_IN_N] = { "bridge", "host", "none" };

bool network_is_built_in(const char *name)
{
	for (size_t i = 0; i < NETWORK_BUILT_IN_N; i++)
		if (!strcmp(name, network_built_in[i]))
			return true;
	return false;
}

void network_def_done(struct network_def *d)
{
	own_json_done(&d->json);
}

/* members of Options are strings; their names hold dots, so js_str does not reach them */
static const char *option(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(json_object_get(j, "Options"), key));
}

static bool option_bool(const json_t *j, const char *key, bool dflt)
{
	const char *s = option(j, key);

	return s ? !strcmp(s, "true") || !strcmp(s, "1") : dflt;
}

static int parse_config(const json_t *conf, struct network_def *d, struct err *e)
{
	const char *subnet = js_str(conf, "Subnet", ""), *gw = js_str(conf, "Gateway", NULL);
	const char *range = js_str(conf, "IPRange", NULL);
	struct ip_net n, r;
	struct ip_addr g = { 0 };

	if (ip_net_parse(subnet, &n) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "subnet \"%s\"", subnet);
	n = ip_net_mask(&n);
	r = n;
	if (range && *range && ip_net_parse(range, &r) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "range \"%s\"", range);
	if (gw && *gw && ip_addr_parse(gw, &g) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "gateway \"%s\"", gw);
	if (n.addr.family == AF_INET && !d->net4.addr.family) {
		d->net4 = n;
		d->range4 = ip_net_mask(&r);
		d->gw4 = g;
	} else if (n.addr.family == AF_INET6 && !d->net6.addr.family) {
		d->net6 = n;
		d->range6 = ip_net_mask(&r);
		d->gw6 = g;
	}
	return 0;
}

int network_def_parse(const struct network_ctx *c, json_t *j, struct network_def *ret, struct err *e)
{
	struct network_def d = { 0 };
	const char *mtu = option(j, OPT "driver.mtu"), *bridge = option(j, OPT "bridge.name");
	const char *binding = option(j, OPT "bridge.host_binding_ipv4");
	json_t *conf;
	size_t i;

	(void)snprintf(d.name, sizeof d.name, "%s", js_str(j, "Name", ""));
	(void)snprintf(d.id, sizeof d.id, "%s", js_str(j, "Id", ""));
	(void)snprintf(d.driver, sizeof d.driver, "%s", js_str(j, "Driver", ""));
	if (bridge)
		(void)snprintf(d.bridge, sizeof d.bridge, "%s", bridge);
	else if (!strcmp(d.name, "bridge"))
		(void)snprintf(d.bridge, sizeof d.bridge, "onggi%s%s", *c->tag ? "-" : "0", c->tag);
	else
		(void)snprintf(d.bridge, sizeof d.bridge, "br-%.12s", d.id);
	/* docker's own default means both families, as no address does */
	if (binding && strcmp(binding, "0.0.0.0"))
		(void)snprintf(d.host_binding, sizeof d.host_binding, "%s", binding);
	d.internal = js_bool(j, "Internal", false);
	d.icc = option_bool(j, OPT "bridge.enable_icc", true);
	d.masquerade = option_bool(j, OPT "bridge.enable_ip_masquerade", true) && !d.internal;
	d.custom_subnet = option_bool(j, "onggi.custom_subnet", false);
	if (mtu && text_uint32(mtu, &d.mtu) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "network %s: mtu \"%s\"", d.name, mtu);
	json_array_foreach(js_at(j, "IPAM.Config"), i, conf)
		if (parse_config(conf, &d, e) < 0)
			return err_ctx(e, "network %s", d.name);
	d.json = json_incref(j);
	*ret = d;
	return 0;
}

int network_def_read(const struct network_ctx *c, const char *name, json_t **ret, struct err *e)
{
	char file[NETWORK_NAME_MAX + 8];

	if (strlen(name) > NETWORK_NAME_MAX || strchr(name, '/') || *name == '.' || !*name)
		return err_new(e, E_NOT_FOUND, ENOENT, "network %.200s not found", name);
	(void)snprintf(file, sizeof file, "%s.json", name);
	int r = js_load(c->root, file, NETWORK_FILE_MAX, ret, e);
	if (r == -ENOENT && network_is_built_in(name))
		return network_def_built_in(c, name, ret, e);
	if (r == -ENOENT)
		return err_new(e, E_NOT_FOUND, ENOENT, "network %s not found", name);
	return r < 0 ? err_ctx(e, "network %s", name) : 0;
}

int network_def_load(const struct network_ctx *c, const char *name, struct network_def *ret,
		     struct err *e)
{
	OWN_JSON j = NULL;

	if (network_def_read(c, name, &j, e) < 0)
		return -e->eno;
	/* the default bridge gets its subnets when the first container needs them */
	if (!strcmp(name, "bridge") && !json_array_size(js_at(j, "IPAM.Config"))) {
		own_json_done(&j);
		if (network_def_bridge_new(c, &j, e) < 0)
			return err_ctx(e, "default network");
	}
	return network_def_parse(c, j, ret, e);
}

int network_def_names(const struct network_ctx *c, json_t **ret, struct err *e)
{
	int fd = openat(c->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	OWN_JSON arr = json_array();
	struct dirent *en;

	if (!d) {
		int eno = errno;
		if (fd >= 0)
			close(fd);
		return err_sys(e, eno, "list networks");
	}
	while ((en = readdir(d))) {
		size_t n = strlen(en->d_name);
		if (*en->d_name == '.' || n < 6 || strcmp(en->d_name + n - 5, ".json"))
			continue;
		if (json_array_append_new(arr, json_stringn(en->d_name, n - 5)) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "list networks");
	}
	*ret = ptr_take(&arr);
	return 0;
}

static int name_order(const void *a, const void *b)
{
	json_t *const *x = a, *const *y = b;

	return strcmp(js_str(*x, "Name", ""), js_str(*y, "Name", ""));
}

static int read_all(const struct network_ctx *c, json_t **ret, struct err *e)
{
	OWN_JSON names = NULL;
	OWN_JSON arr = json_array();
	json_t *name;
	size_t i;

	for (i = 0; i < NETWORK_BUILT_IN_N; i++) {
		json_t *j = NULL;
		if (network_def_read(c, network_built_in[i], &j, e) < 0)
			return -e->eno;
		json_array_append_new(arr, j);
	}
	if (network_def_names(c, &names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		json_t *j = NULL;
		struct err one;
		if (network_is_built_in(json_string_value(name)))
			continue;
		int r = network_def_read(c, json_string_value(name), &j, &one);
		if (r == -ENOENT)
			continue; /* removed meanwhile */
		if (r < 0) {
			network_warn(c, "%s", one.chain);
			continue;
		}
		json_array_append_new(arr, j);
	}
	size_t n = json_array_size(arr);
	OWN_PTR json_t **v = calloc(n, sizeof *v);
	OWN_JSON sorted = json_array();
	if (!v || !sorted)
		return err_new(e, E_NOMEM, ENOMEM, "list networks");
	for (i = 0; i < n; i++)
		v[i] = json_array_get(arr, i);
	qsort(v, n, sizeof *v, name_order);
	for (i = 0; i < n; i++)
		json_array_append(sorted, v[i]);
	*ret = ptr_take(&sorted);
	return 0;
}

int network_def_find(const struct network_ctx *c, const char *name, json_t **ret, struct err *e)
{
	OWN_JSON all = NULL;
	json_t *j, *hit = NULL;
	size_t i, n = strlen(name);

	int r = network_def_read(c, !strcmp(name, "default") ? "bridge" : name, ret, e);
	if (r != -ENOENT)
		return r;
	if (read_all(c, &all, e) < 0)
		return -e->eno;
	json_array_foreach(all, i, j) {
		const char *id = js_str(j, "Id", "");
		if (!n || strncmp(id, name, n))
			continue;
		if (hit && n < 64)
			return err_new(e, E_INVALID, EINVAL, "network %s is ambiguous (more than one ID "
				       "begins with it)", name);
		hit = j;
	}
	if (!hit)
		return err_new(e, E_NOT_FOUND, ENOENT, "network %s not found", name);
	*ret = json_incref(hit);
	return 0;
}

struct users {
	const char *network;
	json_t *into;
	size_t n;
};

static int add_user(const struct net_plan *p, void *data, struct err *e)
{
	struct users *u = data;

	for (size_t i = 0; i < p->n; i++) {
		const struct net_endpoint *ep = &p->v[i];
		char mac[18], ip4[IP_TEXT_MAX], ip6[IP_TEXT_MAX];
		if (strcmp(ep->network, u->network))
			continue;
		u->n++;
		if (!u->into)
			continue;
		(void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1],
			       ep->mac[2], ep->mac[3], ep->mac[4], ep->mac[5]);
		json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", "", "EndpointID",
				      ep->endpoint_id, "MacAddress", mac, "IPv4Address",
				      ip_net_text(&ep->net4, ip4), "IPv6Address",
				      ip_net_text(&ep->net6, ip6));
		if (json_object_set_new(u->into, p->id, o) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "containers of network %s", u->network);
	}
	if (p->intent && !strcmp(p->intent_network, u->network))
		u->n++;
	return 0;
}

static int fill_users(const struct network_ctx *c, json_t *j, struct err *e)
{
	struct users u = { .network = js_str(j, "Name", ""), .into = json_object() };

	if (!u.into || json_object_set_new(j, "Containers", u.into) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "network");
	json_object_del(json_object_get(j, "Options"), "onggi.custom_subnet"); /* ours, not to be shown */
	return plan_each(c, add_user, &u, e);
}

int network_list(const struct network_env *env, json_t **ret, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_JSON all = NULL;
	json_t *j;
	size_t i;

	if (network_open(env, &c, e) < 0 || read_all(&c, &all, e) < 0)
		return -e->eno;
	json_array_foreach(all, i, j)
		json_object_del(json_object_get(j, "Options"), "onggi.custom_subnet");
	*ret = ptr_take(&all);
	return 0;
}

int network_find(const struct network_env *env, const char *name, json_t **ret, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_JSON j = NULL;

	if (network_open(env, &c, e) < 0 || network_def_find(&c, name, &j, e) < 0)
		return -e->eno;
	json_object_del(json_object_get(j, "Options"), "onggi.custom_subnet");
	*ret = ptr_take(&j);
	return 0;
}

int network_inspect(const struct network_env *env, const char *name, json_t **ret, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_JSON j = NULL;

	if (network_open(env, &c, e) < 0 || network_def_find(&c, name, &j, e) < 0 ||
	    fill_users(&c, j, e) < 0)
		return -e->eno;
	*ret = ptr_take(&j);
	return 0;
}

int network_remove(const struct network_env *env, const char *name, struct err *e)
{
	OWN_NETWORK_CTX c = { .root = -1, .run = -1 };
	OWN_NETWORK_DEF d = { 0 };
	OWN_JSON j = NULL;
	char path[NETWORK_NAME_MAX + 16];

	if (network_open(env, &c, e) < 0 || network_def_find(&c, name, &j, e) < 0 ||
	    network_def_parse(&c, j, &d, e) < 0)
		return -e->eno;
	if (network_is_built_in(d.name))
		return err_new(e, E_DENIED, EPERM, "%s is a pre-defined network and cannot be removed",
			       d.name);
	struct users u = { .network = d.name };
	if (plan_each(&c, add_user, &u, e) < 0)
		return -e->eno;
	if (u.n) {
		err_new(e, E_CONFLICT, EBUSY, "error while removing network: network %s id %s has active "
			"endpoints", d.name, d.id);
		err_hint(e, "stop or disconnect its containers first");
		return -e->eno;
	}
	/* the definition goes first: from then on nobody starts a container on it */
	(void)snprintf(path, sizeof path, "%s.json", d.name);
	if (unlinkat(c.root, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove network %s", d.name);
	(void)snprintf(path, sizeof path, "nets/%s", d.name);
	if (faccessat(c.run, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* never used since boot: neither bridge nor rules */
	if (io_remove_tree(c.run, path, e) < 0 || bridge_remove(&c, &d, e) < 0 ||
	    firewall_rebuild(&c, e) < 0)
		return err_ctx(e, "remove network %s", d.name);
	return 0;
}
