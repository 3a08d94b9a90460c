/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims of host ports, without a process that keeps them. A claim is a symbolic link to the owner:
 *
 *   ports/tcp-0.0.0.0-8080        every address of the family
 *   ports/single/tcp-10.0.0.1-80  one address
 *
 * The two kinds exclude each other, which one symlink(2) cannot tell; so whoever
 * claims single addresses holds ports/lock alone, the others share it. Programs of the host are found
 * by a bind() that is given up at once.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/text.h"
#include "driver/network/network_int.h"

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

static const struct {
	const char *name;
	uint8_t proto;
	int type;
} protos[] = {
	{ "tcp", IPPROTO_TCP, SOCK_STREAM },
	{ "udp", IPPROTO_UDP, SOCK_DGRAM },
	{ "sctp", IPPROTO_SCTP, SOCK_STREAM },
};

struct taker {
	const struct network_ctx *c;
	const char *id;
	int ports, single;       /* directories */
	struct net_endpoint *ep;
	size_t cap;
	bool has_single;         /* any claim for one address exists */
	int others[NEIGHBOURS_MAX]; /* run folders of other engines */
	size_t n_others;
	const char *host_binding;
};

static size_t proto_row(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++)
		if (protos[i].proto == proto)
			return i;
	return 0;
}

const char *claim_proto_name(uint8_t proto)
{
	return protos[proto_row(proto)].name;
}

enum { CLAIM_NAME_MAX = 96 };

static void claim_name(const struct net_port *p, unsigned port, char out[CLAIM_NAME_MAX])
{
	char ip[IP_TEXT_MAX];

	(void)snprintf(out, CLAIM_NAME_MAX, "%s%s-%s-%u", ip_addr_is_any(&p->ip) ? "" : "single/",
		       claim_proto_name(p->proto), ip_addr_text(&p->ip, ip), port);
}

static void shown(const struct ip_addr *a, unsigned port, char out[CLAIM_NAME_MAX])
{
	char ip[IP_TEXT_MAX];

	(void)snprintf(out, CLAIM_NAME_MAX, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		       ip_addr_text(a, ip), port);
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

bool claim_owned(const struct network_ctx *c, const struct net_port *p, unsigned i, const char *id)
{
	char path[CLAIM_NAME_MAX + 8] = "ports/";

	claim_name(p, p->host + i, path + 6);
	return owned_by(c->run, path, id);
}

void claim_drop(const struct network_ctx *c, const struct net_port *p, const char *id)
{
	for (unsigned i = 0; i < p->count; i++) {
		char path[CLAIM_NAME_MAX + 8] = "ports/";
		claim_name(p, p->host + i, path + 6);
		if (owned_by(c->run, path, id))
			(void)unlinkat(c->run, path, 0); /* gone is what we want */
	}
}

static void drop_below(int parent, const char *name, const char *id)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *en;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return; /* no claims were ever made */
	}
	while ((en = readdir(d)))
		if (en->d_type == DT_LNK && owned_by(fd, en->d_name, id))
			(void)unlinkat(fd, en->d_name, 0);
}

void claim_drop_all(const struct network_ctx *c, const char *id)
{
	drop_below(c->run, "ports", id);
	drop_below(c->run, "ports/single", id);
}

static bool any_single(int single)
{
	int fd = openat(single, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *en;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((en = readdir(d)))
		if (*en->d_name != '.')
			return true;
	return false;
}

/* whether a claim for one address of this family stands on @port */
static bool single_taken(const struct taker *t, const struct net_port *p, unsigned port)
{
	int fd = openat(t->single, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	const char *proto = claim_proto_name(p->proto);
	size_t n = strlen(proto);
	struct dirent *en;
	char end[8];

	if (!d) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	(void)snprintf(end, sizeof end, "-%u", port);
	while ((en = readdir(d))) {
		const char *tail = strrchr(en->d_name, '-');
		if (tail && !strcmp(tail, end) && !strncmp(en->d_name, proto, n) && en->d_name[n] == '-' &&
		    !strchr(en->d_name, ':') == (p->ip.family == AF_INET))
			return true;
	}
	return false;
}

/* 0 free, -EADDRINUSE a program of the host has it, other: cannot be bound at all */
static int probe(const struct net_port *p, unsigned port)
{
	size_t row = proto_row(p->proto);
	bool v4 = p->ip.family == AF_INET;
	struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int one = 1;
	OWN_FD fd = socket(p->ip.family, protos[row].type | SOCK_CLOEXEC, p->proto);

	if (fd < 0)
		return p->proto == IPPROTO_SCTP || errno == EAFNOSUPPORT ? 0 : -errno;
	/* connections in TIME_WAIT do not hold a TCP port; for UDP the option would hide others */
	if (p->proto == IPPROTO_TCP)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (!v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	memcpy(&a4.sin_addr, p->ip.bytes, 4);
	memcpy(&a6.sin6_addr, p->ip.bytes, 16);
	int r = v4 ? bind(fd, (struct sockaddr *)&a4, sizeof a4)
		   : bind(fd, (struct sockaddr *)&a6, sizeof a6);
	return r < 0 ? -errno : 0;
}

/* another engine has published it; asked after our own claim stands: of two at once, none wins both */
static bool taken_elsewhere(const struct taker *t, const struct net_port *p, unsigned port)
{
	char any[CLAIM_NAME_MAX + 8] = "ports/", own[CLAIM_NAME_MAX + 8] = "ports/";
	struct net_port all = *p;
	bool found = false;

	memset(all.ip.bytes, 0, sizeof all.ip.bytes);
	claim_name(&all, port, any + 6);
	claim_name(p, port, own + 6);
	for (size_t i = 0; i < t->n_others && !found; i++) {
		found = !faccessat(t->others[i], any, F_OK, AT_SYMLINK_NOFOLLOW) ||
			!faccessat(t->others[i], own, F_OK, AT_SYMLINK_NOFOLLOW);
		if (found || !ip_addr_is_any(&p->ip))
			continue;
		OWN_FD single = openat(t->others[i], "ports/single", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		const struct taker other = { .single = single };
		found = single >= 0 && single_taken(&other, p, port);
	}
	return found;
}

/* one port of one family */
static int take_one(const struct taker *t, const struct net_port *p, unsigned port, struct err *e)
{
	char name[CLAIM_NAME_MAX], text[CLAIM_NAME_MAX];
	struct net_port any = *p;
	bool is_any = ip_addr_is_any(&p->ip);

	shown(&p->ip, port, text);
	memset(any.ip.bytes, 0, sizeof any.ip.bytes);
	claim_name(&any, port, name);
	if ((!is_any && faccessat(t->ports, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) ||
	    (is_any && t->has_single && single_taken(t, p, port)))
		goto taken;
	int r = probe(p, port);
	if (r == -EADDRINUSE)
		return err_new(e, E_CONFLICT, EADDRINUSE, "failed to bind host port %s/%s: address already "
			       "in use", text, claim_proto_name(p->proto));
	if (r < 0)
		return err_sys(e, -r, "failed to bind host port %s/%s", text, claim_proto_name(p->proto));
	claim_name(p, port, name);
	if (!symlinkat(t->id, t->ports, name)) {
		if (!t->n_others || !taken_elsewhere(t, p, port))
			return 0;
		(void)unlinkat(t->ports, name, 0); /* just made */
		(void)err_new(e, E_CONFLICT, EADDRINUSE, "Bind for %s failed: port is already allocated", text);
		err_hint(e, "a container of another engine on this host has it");
		return -e->eno;
	}
	if (errno != EEXIST)
		return err_sys(e, errno, "claim port %s", text);
taken:
	(void)err_new(e, E_CONFLICT, EADDRINUSE, "Bind for %s failed: port is already allocated", text);
	char owner[NETWORK_NAME_MAX + 2];
	ssize_t n = readlinkat(t->ports, name, owner, sizeof owner - 1);
	if (n > 0)
		err_hint(e, "it is published by container %.*s", n > 12 ? 12 : (int)n, owner);
	return -e->eno;
}

static int remember(struct taker *t, const struct net_port *p, unsigned host, unsigned container,
		    struct err *e)
{
	struct net_endpoint *ep = t->ep;

	/* neighbours of the same kind are one entry */
	for (size_t i = ep->n_ports; i && i + 2 > ep->n_ports; i--) {
		struct net_port *q = &ep->ports[i - 1];
		if (q->proto == p->proto && ip_addr_equal(&q->ip, &p->ip) &&
		    q->host + q->count == (int)host && q->container + q->count == (int)container) {
			q->count++;
			return 0;
		}
	}
	if (ep->n_ports == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 8;
		struct net_port *v = realloc(ep->ports, cap * sizeof *v);
		if (!v)
			return err_new(e, E_NOMEM, ENOMEM, "ports");
		ep->ports = v;
		t->cap = cap;
	}
	ep->ports[ep->n_ports] = *p;
	ep->ports[ep->n_ports].host = (uint16_t)host;
	ep->ports[ep->n_ports].container = (uint16_t)container;
	ep->ports[ep->n_ports++].count = 1;
	return 0;
}

/* the same number for all families of @forms, or none of them */
static int take_number(struct taker *t, const struct net_port *forms, size_t n, unsigned host,
		       unsigned container, struct err *e)
{
	size_t taken = 0;
	int r = 0;

	for (; taken < n && r >= 0; taken += r >= 0)
		r = take_one(t, &forms[taken], host, e);
	for (size_t i = 0; i < n && r >= 0; i++)
		r = remember(t, &forms[i], host, container, e);
	for (; r < 0 && taken; taken--) {
		struct net_port undo = forms[taken - 1];
		undo.host = (uint16_t)host;
		undo.count = 1;
		claim_drop(t->c, &undo, t->id);
	}
	return r;
}

/* what a binding means: one form per family, without numbers */
static int forms_of(const struct taker *t, const struct port_binding *b, struct net_port forms[2],
		    struct err *e)
{
	const char *ip = b->host_ip && *b->host_ip ? b->host_ip : t->host_binding;
	const struct net_endpoint *ep = t->ep;
	size_t row = 0, n = 0;
	struct net_port f = { 0 };

	while (row < ARRAY_LEN(protos) && strcmp(b->proto, protos[row].name))
		row++;
	if (row == ARRAY_LEN(protos))
		return err_new(e, E_INVALID, EINVAL, "invalid proto: %s", b->proto);
	if (!b->container_port || b->host_port_end < b->host_port)
		return err_new(e, E_INVALID, EINVAL, "invalid port binding for port %u", b->container_port);
	f.proto = protos[row].proto;
	if (*ip) {
		if (ip_addr_parse(ip, &f.ip) < 0)
			return err_new(e, E_INVALID, EINVAL, "invalid IP address: %s", ip);
		if (!(f.ip.family == AF_INET ? ep->net4 : ep->net6).addr.family)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "publish on %s: the container has no IPv%d "
				       "address", ip, f.ip.family == AF_INET ? 4 : 6);
		forms[0] = f;
		return 1;
	}
	f.ip.family = AF_INET;
	if (ep->net4.addr.family)
		forms[n++] = f;
	f.ip.family = AF_INET6;
	if (ep->net6.addr.family)
		forms[n++] = f;
	return (int)n;
}

static void local_range(unsigned *first, unsigned *last)
{
	OWN_STR text = NULL;
	struct err none;

	*first = 32768;
	*last = 60999;
	if (io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_port_range", 64, &text, NULL, &none) < 0)
		return;
	unsigned a, b;
	if (sscanf(text, "%u %u", &a, &b) == 2 && a && a <= b && b < 65536) {
		*first = a;
		*last = b;
	}
}

static bool reserved_port(const char *list, unsigned port)
{
	/* "8080,9000-9010" */
	while (list && *list) {
		unsigned a, b;
		int n = sscanf(list, "%u-%u", &a, &b);
		if (n == 1)
			b = a;
		if (n >= 1 && port >= a && port <= b)
			return true;
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	return false;
}

static int take_free(struct taker *t, const struct net_port *forms, size_t n, unsigned container,
		     struct err *e)
{
	OWN_STR list = NULL;
	unsigned first, last;
	uint32_t start;
	struct err none;

	local_range(&first, &last);
	(void)io_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_reserved_ports", 1 << 20, &list, NULL,
			   &none); /* without it nothing is reserved */
	if (getrandom(&start, sizeof start, 0) != sizeof start)
		return err_sys(e, errno, "random port");
	unsigned count = last - first + 1;
	for (unsigned i = 0; i < count; i++) {
		unsigned port = first + (start + i) % count;
		if (reserved_port(list, port))
			continue;
		int r = take_number(t, forms, n, port, container, e);
		if (r != -EADDRINUSE)
			return r;
	}
	return err_new(e, E_CONFLICT, EADDRINUSE, "all ports are allocated");
}

static int take_binding(struct taker *t, const struct port_binding *b, struct err *e)
{
	struct net_port forms[2];
	int n = forms_of(t, b, forms, e);

	if (n <= 0)
		return n;
	if (!b->host_port)
		return take_free(t, forms, (size_t)n, b->container_port, e);
	for (unsigned port = b->host_port; port <= b->host_port_end; port++) {
		int r = take_number(t, forms, (size_t)n, port, b->container_port, e);
		if (r != -EADDRINUSE)
			return r;
	}
	if (b->host_port_end > b->host_port)
		return err_new(e, E_CONFLICT, EADDRINUSE, "failed to allocate ports %u-%u: all ports are "
			       "allocated", b->host_port, b->host_port_end);
	return -e->eno;
}

static bool wants_single(const struct network_req *req, const char *host_binding)
{
	for (size_t i = 0; i < req->n_ports; i++) {
		struct ip_addr a;
		const char *ip = req->ports[i].host_ip;
		if (!ip || !*ip)
			ip = host_binding;
		if (*ip && !ip_addr_parse(ip, &a) && !ip_addr_is_any(&a))
			return true;
	}
	return false;
}

static int take_all(struct taker *t, const struct network_req *req, struct err *e)
{
	/* fixed numbers first: a free one must not take what is asked for below */
	for (int fixed = 1; fixed >= 0; fixed--) {
		for (size_t i = 0; i < req->n_ports; i++) {
			if ((req->ports[i].host_port != 0) != fixed)
				continue;
			if (take_binding(t, &req->ports[i], e) >= 0)
				continue;
			for (size_t k = 0; k < t->ep->n_ports; k++)
				claim_drop(t->c, &t->ep->ports[k], t->id);
			t->ep->n_ports = 0;
			return -e->eno;
		}
	}
	return 0;
}

int claim_ports(const struct network_ctx *c, const struct network_req *req, const char *host_binding,
		struct net_endpoint *ep, struct err *e)
{
	struct taker t = { .c = c, .id = req->container_id, .ports = -1, .single = -1, .ep = ep,
			   .host_binding = host_binding };
	OWN_FD ports = -1, single = -1, lock = -1;

	if (!req->n_ports)
		return 0;
	if (io_open_dir(c->run, "ports/single", 0700, &single, e) < 0 ||
	    io_open_dir(c->run, "ports", 0700, &ports, e) < 0 ||
	    lock_take(ports, "lock", wants_single(req, host_binding) ? LOCK_EXCLUSIVE : LOCK_SHARED, &lock, e) < 0)
		return err_ctx(e, "claim ports");
	t.ports = ports;
	t.single = single;
	t.has_single = any_single(single);
	if (neighbours_open(c, t.others, &t.n_others, e) < 0)
		return err_ctx(e, "claim ports");
	int r = take_all(&t, req, e);
	neighbours_close(t.others, t.n_others);
	return r;
}
