/* SPDX-License-Identifier: Apache-2.0
 *
 * Address leases. A lease is a symbolic link nets/NAME/leases/IP -> container ID: symlink(2) makes
 * name and owner in one step, so there is no moment with a lease that nobody owns, and no lock.
 * Addresses go up; one that was given back comes round only after all others, so that peers with
 * old neighbour entries or sockets do not meet a stranger.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "driver/network/network_int.h"
#include "format/js.h"

static int leases_open(const struct network_ctx *c, const char *network, int *ret, struct err *e)
{
	char path[NETWORK_NAME_MAX + 32];

	(void)snprintf(path, sizeof path, "nets/%s/leases", network);
	return io_open_dir(c->run, path, 0700, ret, e);
}

/* hands out start positions: concurrent takers mostly get different ones */
static int cursor_open(const struct network_ctx *c, const char *network, int family)
{
	char path[NETWORK_NAME_MAX + 32];

	(void)snprintf(path, sizeof path, "nets/%s/next%c", network, family == AF_INET ? '4' : '6');
	return openat(c->run, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static uint64_t cursor_read(int xfd)
{
	char text[24] = "";
	uint64_t v = 0;

	if (xfd < 0 || pread(xfd, text, sizeof text - 1, 0) <= 0)
		return 0;
	text[strcspn(text, "\n")] = 0;
	return text_uint64(text, &v) < 0 ? 0 : v;
}

static void cursor_write(int xfd, uint64_t v)
{
	char text[24];
	/* fixed width: a shorter number leaves no old digits behind */
	int n = snprintf(text, sizeof text, "%010llu\n", (unsigned long long)v);

	if (xfd >= 0 && pwrite(xfd, text, (size_t)n, 0) < 0)
		return; /* only the order of later leases suffers */
}

static bool reserved(const struct network_def *d, const struct ip_net *net, const struct ip_addr *a)
{
	const struct ip_addr *gw = a->family == AF_INET ? &d->gw4 : &d->gw6;
	uint64_t last = ip_net_count(net) - 1, at = ip_net_index(net, a);
	char text[IP_TEXT_MAX];
	const char *key;
	json_t *conf, *aux, *v;
	size_t i;

	if (ip_addr_equal(a, gw))
		return true;
	if (a->family == AF_INET && net->prefix < 31 && (at == 0 || at == last))
		return true;
	if (a->family == AF_INET6 && net->prefix < 127 && at == 0)
		return true; /* the subnet-router anycast address */
	(void)ip_addr_text(a, text);
	json_array_foreach(js_at(d->json, "IPAM.Config"), i, conf) {
		aux = json_object_get(conf, "AuxiliaryAddresses");
		json_object_foreach(aux, key, v) {
			struct ip_addr x;
			if (json_is_string(v) && !ip_addr_parse(json_string_value(v), &x) &&
			    ip_addr_equal(&x, a))
				return true;
		}
	}
	return false;
}

static int take_fixed(const struct lease_req *q, const struct ip_net *net, int dir,
		      struct ip_addr *ret, struct err *e)
{
	struct ip_addr a;
	char text[IP_TEXT_MAX];

	if (ip_addr_parse(q->fixed, &a) < 0 || a.family != q->family)
		return err_new(e, E_INVALID, EINVAL, "invalid %s address: %s",
			       q->family == AF_INET ? "IPv4" : "IPv6", q->fixed);
	if (!ip_net_has(net, &a))
		return err_new(e, E_INVALID, EINVAL, "no configured subnet contains IP address %s", q->fixed);
	if (reserved(q->def, net, &a))
		return err_new(e, E_CONFLICT, EADDRINUSE, "address %s is reserved in network %s: "
			       "Address already in use", q->fixed, q->def->name);
	if (symlinkat(q->id, dir, ip_addr_text(&a, text)) < 0) {
		if (errno == EEXIST)
			return err_new(e, E_CONFLICT, EADDRINUSE, "address %s: Address already in use", text);
		return err_sys(e, errno, "lease %s", text);
	}
	*ret = a;
	return 0;
}

int lease_take(const struct network_ctx *c, const struct lease_req *q, struct ip_addr *ret,
	       struct err *e)
{
	const struct network_def *d = q->def;
	const struct ip_net *net = q->family == AF_INET ? &d->net4 : &d->net6;
	const struct ip_net *range = q->family == AF_INET ? &d->range4 : &d->range6;
	char text[IP_TEXT_MAX];
	OWN_FD dir = -1;

	if (leases_open(c, d->name, &dir, e) < 0)
		return err_ctx(e, "leases of network %s", d->name);
	if (q->fixed)
		return take_fixed(q, net, dir, ret, e);
	OWN_FD cur = cursor_open(c, d->name, q->family);
	uint64_t count = ip_net_count(range), at = cursor_read(cur) % count;
	/* no subnet holds more containers than this; keeps a full /64 from being counted out */
	uint64_t tries = count < 1 << 20 ? count : 1 << 20;
	for (; tries; tries--, at = (at + 1) % count) {
		struct ip_addr a = ip_net_nth(range, at);
		if (reserved(d, net, &a))
			continue;
		if (!symlinkat(q->id, dir, ip_addr_text(&a, text))) {
			cursor_write(cur, (at + 1) % count);
			*ret = a;
			return 0;
		}
		if (errno != EEXIST)
			return err_sys(e, errno, "lease %s", text);
	}
	err_hint(e, "remove unused containers, or make a network with a larger subnet");
	return err_new(e, E_NOSPACE, ENOSPC, "no available IPv%d addresses on network %s",
		       q->family == AF_INET ? 4 : 6, d->name);
}

static bool owned_by(int dir, const char *name, const char *id)
{
	char owner[NETWORK_NAME_MAX + 2];
	ssize_t n = readlinkat(dir, name, owner, sizeof owner - 1);

	if (n < 0)
		return false;
	owner[n] = 0;
	return !strcmp(owner, id);
}

void lease_drop(const struct network_ctx *c, const char *network, const struct ip_addr *a,
		const char *id)
{
	char path[NETWORK_NAME_MAX + 100], text[IP_TEXT_MAX];

	if (!a->family)
		return;
	(void)snprintf(path, sizeof path, "nets/%s/leases/%s", network, ip_addr_text(a, text));
	if (owned_by(c->run, path, id))
		(void)unlinkat(c->run, path, 0); /* gone is what we want */
}

void lease_drop_all(const struct network_ctx *c, const char *network, const char *id)
{
	char path[NETWORK_NAME_MAX + 32];
	struct dirent *en;

	(void)snprintf(path, sizeof path, "nets/%s/leases", network);
	int fd = openat(c->run, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return; /* no leases, nothing to give back */
	}
	while ((en = readdir(d)))
		if (*en->d_name != '.' && owned_by(fd, en->d_name, id))
			(void)unlinkat(fd, en->d_name, 0);
}
