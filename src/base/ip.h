/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and subnets of both families as values: parse, print, compare, count. No I/O.
 */
#ifndef ONGGI_BASE_IP_H
#define ONGGI_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IP_TEXT_MAX = 56 }; /* "ffff:...:255.255.255.255/128" with its NUL */

/* family AF_INET: bytes[0..3]; AF_INET6: bytes[0..15]; 0: no address */
struct ip_addr {
	int family;
	uint8_t bytes[16];
};

struct ip_net {
	struct ip_addr addr;   /* may have host bits, see ip_net_mask */
	unsigned prefix;
};

/** ip_addr_parse - "10.1.2.3" or "fd00::1", without zone. 0 or -EINVAL. */
int ip_addr_parse(const char *s, struct ip_addr *ret);
/** ip_addr_text - print; "" for no address. Returns @out. */
const char *ip_addr_text(const struct ip_addr *a, char out[IP_TEXT_MAX]);
bool ip_addr_equal(const struct ip_addr *a, const struct ip_addr *b);
bool ip_addr_is_any(const struct ip_addr *a);
bool ip_addr_is_loopback(const struct ip_addr *a);
static inline size_t ip_addr_len(const struct ip_addr *a)
{
	return a->family == 2 /* AF_INET */ ? 4 : 16;
}

/** ip_net_parse - "10.1.0.0/16". Host bits are kept. 0 or -EINVAL. */
int ip_net_parse(const char *s, struct ip_net *ret);
const char *ip_net_text(const struct ip_net *n, char out[IP_TEXT_MAX]);
/** ip_net_mask - the same subnet with all host bits zero. */
struct ip_net ip_net_mask(const struct ip_net *n);
bool ip_net_has(const struct ip_net *n, const struct ip_addr *a);
bool ip_net_overlap(const struct ip_net *a, const struct ip_net *b);
/** ip_net_count - number of addresses, at most 2^32 (larger subnets are used no further). */
uint64_t ip_net_count(const struct ip_net *n);
/** ip_net_nth - network address plus @i; carries into the upper bytes. */
struct ip_addr ip_net_nth(const struct ip_net *n, uint64_t i);
/** ip_net_index - inverse of ip_net_nth, lower 32 bits. */
uint64_t ip_net_index(const struct ip_net *n, const struct ip_addr *a);

#endif
