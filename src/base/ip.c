/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and subnets: see ip.h.
 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

int ip_addr_parse(const char *s, struct ip_addr *ret)
{
	struct ip_addr a = { .family = strchr(s, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(a.family, s, a.bytes) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

const char *ip_addr_text(const struct ip_addr *a, char out[IP_TEXT_MAX])
{
	if (!a->family || !inet_ntop(a->family, a->bytes, out, IP_TEXT_MAX))
		*out = 0;
	return out;
}

bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family == b->family && (!a->family || !memcmp(a->bytes, b->bytes, ip_addr_len(a)));
}

bool ip_addr_is_any(const struct ip_addr *a)
{
	static const uint8_t zero[16];
	return a->family && !memcmp(a->bytes, zero, ip_addr_len(a));
}

bool ip_addr_is_loopback(const struct ip_addr *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return a->family == AF_INET6 && !memcmp(a->bytes, &in6addr_loopback, 16);
}

int ip_net_parse(const char *s, struct ip_net *ret)
{
	char addr[IP_TEXT_MAX];
	const char *slash = strchr(s, '/');
	struct ip_net n;
	uint32_t prefix;

	if (!slash || (size_t)(slash - s) >= sizeof addr)
		return -EINVAL;
	memcpy(addr, s, (size_t)(slash - s));
	addr[slash - s] = 0;
	if (ip_addr_parse(addr, &n.addr) < 0 || text_uint32(slash + 1, &prefix) < 0 ||
	    prefix > 8 * ip_addr_len(&n.addr))
		return -EINVAL;
	n.prefix = prefix;
	*ret = n;
	return 0;
}

const char *ip_net_text(const struct ip_net *n, char out[IP_TEXT_MAX])
{
	size_t len = strlen(ip_addr_text(&n->addr, out));

	if (len)
		(void)snprintf(out + len, IP_TEXT_MAX - len, "/%u", n->prefix);
	return out;
}

struct ip_net ip_net_mask(const struct ip_net *n)
{
	struct ip_net r = *n;

	for (unsigned i = 0; i < ip_addr_len(&r.addr); i++) {
		unsigned bits = n->prefix > 8 * i ? n->prefix - 8 * i : 0;
		if (bits < 8)
			r.addr.bytes[i] &= (uint8_t)(0xff00 >> bits);
	}
	return r;
}

bool ip_net_has(const struct ip_net *n, const struct ip_addr *a)
{
	struct ip_net other = { .addr = *a, .prefix = n->prefix };

	if (!a->family || a->family != n->addr.family)
		return false;
	struct ip_net x = ip_net_mask(n), y = ip_net_mask(&other);
	return ip_addr_equal(&x.addr, &y.addr);
}

bool ip_net_overlap(const struct ip_net *a, const struct ip_net *b)
{
	return a->prefix <= b->prefix ? ip_net_has(a, &b->addr) : ip_net_has(b, &a->addr);
}

uint64_t ip_net_count(const struct ip_net *n)
{
	unsigned bits = 8 * (unsigned)ip_addr_len(&n->addr) - n->prefix;

	return bits >= 32 ? UINT64_C(1) << 32 : UINT64_C(1) << bits;
}

struct ip_addr ip_net_nth(const struct ip_net *n, uint64_t i)
{
	struct ip_addr a = ip_net_mask(n).addr;

	for (int k = (int)ip_addr_len(&a) - 1; k >= 0 && i; k--) {
		i += a.bytes[k];
		a.bytes[k] = (uint8_t)i;
		i >>= 8;
	}
	return a;
}

uint64_t ip_net_index(const struct ip_net *n, const struct ip_addr *a)
{
	struct ip_addr base = ip_net_mask(n).addr;
	size_t len = ip_addr_len(a);
	uint32_t x = 0, y = 0;

	for (size_t k = len - 4; k < len; k++) {
		x = x << 8 | a->bytes[k];
		y = y << 8 | base.bytes[k];
	}
	return (uint32_t)(x - y);
}
