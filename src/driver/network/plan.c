/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of one container: everything that was or will be made for it, as a file, so that
 * removal needs nothing but the plan.
 *
 *   {"intent": "bridge"}                       claims may exist: look for them by owner
 *   {"endpoints": [{"network", "bridge", ...}]} the whole, listed
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/text.h"
#include "driver/network/network_int.h"
#include "format/js.h"

static void plan_path(const char *id, char out[NETWORK_NAME_MAX + 32])
{
	(void)snprintf(out, NETWORK_NAME_MAX + 32, "plans/%s.json", id);
}

void plan_done(struct net_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].ports);
	free(p->v);
	p->v = NULL;
	p->n = 0;
}

static int parse_addr(const json_t *o, const char *key, struct ip_addr *ret, struct err *e)
{
	const char *s = js_str(o, key, NULL);

	if (s && *s && ip_addr_parse(s, ret) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "plan: %s \"%s\" is no address", key, s);
	return 0;
}

static int parse_net(const json_t *o, const char *key, struct ip_net *ret, struct err *e)
{
	const char *s = js_str(o, key, NULL);

	if (s && *s && ip_net_parse(s, ret) < 0)
		return err_new(e, E_CORRUPT, EINVAL, "plan: %s \"%s\" is no subnet", key, s);
	return 0;
}

static int parse_ports(const json_t *arr, struct net_endpoint *ep, struct err *e)
{
	size_t i;
	json_t *o;

	if (!json_array_size(arr))
		return 0;
	ep->ports = calloc(json_array_size(arr), sizeof *ep->ports);
	if (!ep->ports)
		return err_new(e, E_NOMEM, ENOMEM, "plan");
	json_array_foreach(arr, i, o) {
		struct net_port *p = &ep->ports[i];
		int64_t host = js_int(o, "host", 0), port = js_int(o, "port", 0);
		int64_t count = js_int(o, "count", 1);
		if (parse_addr(o, "ip", &p->ip, e) < 0)
			return -e->eno;
		if (host < 1 || port < 1 || count < 1 || host + count > 65536 || port + count > 65536 ||
		    !p->ip.family)
			return err_new(e, E_CORRUPT, EINVAL, "plan: port %zu out of range", i);
		p->proto = (uint8_t)js_int(o, "proto", 0);
		p->host = (uint16_t)host;
		p->container = (uint16_t)port;
		p->count = (uint16_t)count;
		ep->n_ports = i + 1;
	}
	return 0;
}

static void copy(char *out, size_t n, const json_t *o, const char *key)
{
	(void)snprintf(out, n, "%s", js_str(o, key, "")); /* we wrote it: it fits */
}

static int parse_endpoint(const json_t *o, struct net_endpoint *ep, struct err *e)
{
	unsigned m[6];

	copy(ep->network, sizeof ep->network, o, "network");
	copy(ep->network_id, sizeof ep->network_id, o, "network_id");
	copy(ep->endpoint_id, sizeof ep->endpoint_id, o, "endpoint_id");
	copy(ep->bridge, sizeof ep->bridge, o, "bridge");
	copy(ep->host_link, sizeof ep->host_link, o, "host_link");
	copy(ep->ifname, sizeof ep->ifname, o, "ifname");
	if (sscanf(js_str(o, "mac", ""), "%2x:%2x:%2x:%2x:%2x:%2x", m, m + 1, m + 2, m + 3, m + 4,
		   m + 5) != 6)
		return err_new(e, E_CORRUPT, EINVAL, "plan: no mac");
	for (int i = 0; i < 6; i++)
		ep->mac[i] = (uint8_t)m[i];
	if (parse_net(o, "ip4", &ep->net4, e) < 0 || parse_net(o, "ip6", &ep->net6, e) < 0 ||
	    parse_addr(o, "gw4", &ep->gw4, e) < 0 || parse_addr(o, "gw6", &ep->gw6, e) < 0)
		return -e->eno;
	return parse_ports(json_object_get(o, "ports"), ep, e);
}

int plan_parse(const json_t *j, struct net_plan *ret, struct err *e)
{
	const json_t *arr = json_object_get(j, "endpoints");
	const char *intent = js_str(j, "intent", NULL);
	OWN_NET_PLAN p = { .intent = intent != NULL };
	size_t i;
	json_t *o;

	copy(p.id, sizeof p.id, j, "container");
	copy(p.intent_network, sizeof p.intent_network, j, "intent");
	if (json_array_size(arr)) {
		p.v = calloc(json_array_size(arr), sizeof *p.v);
		if (!p.v)
			return err_new(e, E_NOMEM, ENOMEM, "plan");
	}
	json_array_foreach(arr, i, o) {
		p.n = i + 1;
		if (parse_endpoint(o, &p.v[i], e) < 0)
			return -e->eno;
	}
	*ret = p;
	p.v = NULL;
	p.n = 0;
	return 0;
}

int plan_load(const struct network_ctx *c, const char *id, struct net_plan *ret, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];
	OWN_JSON j = NULL;

	plan_path(id, path);
	if (js_load(c->run, path, NETWORK_FILE_MAX, &j, e) < 0 || plan_parse(j, ret, e) < 0)
		return err_ctx(e, "network plan of %s", id);
	(void)snprintf(ret->id, sizeof ret->id, "%s", id);
	return 0;
}

static json_t *endpoint_to_json(const struct net_endpoint *ep)
{
	char mac[18], ip4[IP_TEXT_MAX], ip6[IP_TEXT_MAX], gw4[IP_TEXT_MAX], gw6[IP_TEXT_MAX];
	json_t *ports = json_array();

	(void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", ep->mac[0], ep->mac[1],
		       ep->mac[2], ep->mac[3], ep->mac[4], ep->mac[5]);
	for (size_t i = 0; i < ep->n_ports; i++) {
		const struct net_port *p = &ep->ports[i];
		char ip[IP_TEXT_MAX];
		json_array_append_new(ports, json_pack("{s:i, s:s, s:i, s:i, s:i}", "proto", p->proto,
						       "ip", ip_addr_text(&p->ip, ip), "host", p->host,
						       "port", p->container, "count", p->count));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}",
			 "network", ep->network, "network_id", ep->network_id,
			 "endpoint_id", ep->endpoint_id, "bridge", ep->bridge,
			 "host_link", ep->host_link, "ifname", ep->ifname, "mac", mac,
			 "ip4", ip_net_text(&ep->net4, ip4),
			 "ip6", ip_net_text(&ep->net6, ip6), "gw4", ip_addr_text(&ep->gw4, gw4),
			 "gw6", ip_addr_text(&ep->gw6, gw6), "ports", ports);
}

json_t *plan_to_json(const struct net_plan *p)
{
	json_t *arr = json_array();
	json_t *o = json_pack("{s:s, s:o}", "container", p->id, "endpoints", arr);

	if (!o)
		return NULL;
	if (p->intent)
		json_object_set_new(o, "intent", json_string(p->intent_network));
	for (size_t i = 0; i < p->n; i++) {
		if (json_array_append_new(arr, endpoint_to_json(&p->v[i])) < 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

int plan_save(const struct network_ctx *c, const struct net_plan *p, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];
	OWN_JSON j = plan_to_json(p);

	if (!j)
		return err_new(e, E_NOMEM, ENOMEM, "network plan");
	plan_path(p->id, path);
	int r = js_save(c->run, path, j, 0600, 0, e);
	if (r == -ENOENT) {
		if (io_mkdir_p(c->run, "plans", 0700, e) < 0)
			return -e->eno;
		r = js_save(c->run, path, j, 0600, 0, e);
	}
	return r < 0 ? err_ctx(e, "network plan of %s", p->id) : 0;
}

int plan_lock(const struct network_ctx *c, const char *id, int *ret_fd, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];

	plan_path(id, path);
	for (;;) {
		OWN_FD fd = openat(c->run, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		struct stat a, b;
		if (fd < 0)
			return err_sys(e, errno, "network plan of %s", id);
		if (lock_fd(fd, LOCK_EXCLUSIVE, e) < 0)
			return -e->eno;
		/* replaced or removed while we waited: the lock is on a file that nobody sees */
		if (!fstat(fd, &a) && !fstatat(c->run, path, &b, AT_SYMLINK_NOFOLLOW) &&
		    a.st_ino == b.st_ino) {
			*ret_fd = fd_take(&fd);
			return 0;
		}
	}
}

static void nsid_path(const char *id, char out[NETWORK_NAME_MAX + 32])
{
	(void)snprintf(out, NETWORK_NAME_MAX + 32, "plans/%s.ns", id);
}

void plan_nsid_save(const struct network_ctx *c, const char *id, int nsid)
{
	char path[NETWORK_NAME_MAX + 32], text[16];

	nsid_path(id, path);
	(void)snprintf(text, sizeof text, "%d", nsid);
	(void)unlinkat(c->run, path, 0);       /* of an earlier start */
	(void)symlinkat(text, c->run, path);   /* without it a release only looks harder */
}

int plan_nsid(const struct network_ctx *c, const char *id)
{
	char path[NETWORK_NAME_MAX + 32], text[16];
	uint32_t v;

	nsid_path(id, path);
	ssize_t n = readlinkat(c->run, path, text, sizeof text - 1);
	if (n <= 0)
		return -1;
	text[n] = 0;
	return text_uint32(text, &v) < 0 ? -1 : (int)v;
}

void plan_remove(const struct network_ctx *c, const char *id)
{
	char path[NETWORK_NAME_MAX + 32];

	nsid_path(id, path);
	(void)unlinkat(c->run, path, 0);
	plan_path(id, path);
	(void)unlinkat(c->run, path, 0); /* gone is what we want */
}

int plan_each(const struct network_ctx *c,
	      int (*each)(const struct net_plan *p, void *data, struct err *e), void *data,
	      struct err *e)
{
	int fd = openat(c->run, "plans", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *en;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return 0; /* no plan was ever made */
	}
	while ((en = readdir(d))) {
		OWN_NET_PLAN p = { 0 };
		char id[NETWORK_NAME_MAX + 1];
		size_t n = strlen(en->d_name);
		struct err skipped;
		if (*en->d_name == '.' || n < 6 || n - 5 > NETWORK_NAME_MAX ||
		    strcmp(en->d_name + n - 5, ".json"))
			continue;
		memcpy(id, en->d_name, n - 5);
		id[n - 5] = 0;
		int r = plan_load(c, id, &p, &skipped);
		if (r == -ENOENT)
			continue; /* released meanwhile */
		if (r < 0) {
			network_warn(c, "%s", skipped.chain);
			continue;
		}
		r = each(&p, data, e);
		if (r < 0)
			return r;
	}
	return 0;
}
