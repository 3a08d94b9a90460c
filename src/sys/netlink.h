/* SPDX-License-Identifier: Apache-2.0
 *
 * Netlink messages and their exchange with the kernel. Several messages travel in one sendmsg;
 * the kernel handles them in order and answers each. No allocation per attribute: a message
 * list is one growing buffer whose failure sticks (base/buf.h).
 *
 *   [nlmsghdr | family header | attr | attr {nested attr ...}] [nlmsghdr | ...] ...
 */
#ifndef ONGGI_SYS_NETLINK_H
#define ONGGI_SYS_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { NL_NEST_MAX = 12 };

/* A list of messages under construction; { 0 } is empty. */
struct nl_msgs {
	struct buf b;
	size_t msg;               /* offset of the open message */
	size_t nest[NL_NEST_MAX]; /* offsets of open nested attributes */
	unsigned depth;
	uint32_t seq;             /* of the last message */
	uint32_t first_seq;
	unsigned acks;            /* how many asked for an acknowledgement */
};

/** nl_begin - open a message of @type with the family header @hdr. NLM_F_REQUEST is added. */
void nl_begin(struct nl_msgs *m, uint16_t type, uint16_t flags, const void *hdr, size_t hdr_len);
void nl_end(struct nl_msgs *m);
/** nl_put - one attribute; the typed forms below are short for it. */
void nl_put(struct nl_msgs *m, uint16_t type, const void *p, size_t n);
void nl_put_str(struct nl_msgs *m, uint16_t type, const char *s);
void nl_put_u8(struct nl_msgs *m, uint16_t type, uint8_t v);
void nl_put_u32(struct nl_msgs *m, uint16_t type, uint32_t v);
void nl_put_be16(struct nl_msgs *m, uint16_t type, uint16_t v);
void nl_put_be32(struct nl_msgs *m, uint16_t type, uint32_t v);
void nl_put_be64(struct nl_msgs *m, uint16_t type, uint64_t v);
/** nl_nest, nl_nest_end - open and close a nested attribute (NLA_F_NESTED is added). */
void nl_nest(struct nl_msgs *m, uint16_t type);
void nl_nest_end(struct nl_msgs *m);
/** nl_raw - bytes within the innermost attribute, padded (a header inside an attribute). */
void nl_raw(struct nl_msgs *m, const void *p, size_t n);
void nl_msgs_done(struct nl_msgs *m);
#define OWN_NL_MSGS CLEANUP(nl_msgs_done) struct nl_msgs

/** nl_open - socket of @protocol (NETLINK_ROUTE, NETLINK_NETFILTER) in our network namespace. */
int nl_open(int protocol, int *ret_fd, struct err *e);
/** nl_open_in - the same inside @netns_fd. The calling thread enters the namespace and comes back;
 * a process that cannot come back (never seen) gets E_INTERNAL and must not go on. */
int nl_open_in(int netns_fd, int protocol, int *ret_fd, struct err *e);

/** nl_close_later - close @fd without waiting: releasing a netfilter socket waits for an RCU grace
 * period (8 ms and more) when something was deleted from nftables. An orphan process holds the socket
 * and ends; nothing is left to reap. Falls back to closing. */
void nl_close_later(int fd);

/* What the kernel said about a list of messages. */
struct nl_result {
	int eno;              /* first error, 0 = none */
	uint32_t failed;      /* index of the failed message in the list, 0 = first */
	unsigned errors;      /* how many messages failed */
	char text[160];       /* extended acknowledgement, may be empty */
};

/** nl_send - send the list and collect the acknowledgements. Returns 0 also when messages failed
 * (see @ret); negative for a broken exchange. */
int nl_send(int xfd, struct nl_msgs *m, struct nl_result *ret, struct err *e);
/** nl_query - send one request, call @each for every answer (dumps: all of them). @each returns
 * negative to stop with that error. The kernel's refusal comes back as -errno with @e filled.
 * Dumps go through nl_dump. */
int nl_query(int xfd, struct nl_msgs *m,
	     int (*each)(const struct nlmsghdr *h, void *data, struct err *e), void *data,
	     struct err *e);

/** nl_dump - the same for a dump, which a change of any neighbour interrupts: it is repeated a few
 * times, so @each may see things twice; then what was seen has to do. */
int nl_dump(int xfd, struct nl_msgs *m,
	    int (*each)(const struct nlmsghdr *h, void *data, struct err *e), void *data,
	    struct err *e);

/** nl_first - the message at @p, NULL when @left bytes hold none. */
static inline const struct nlmsghdr *nl_first(const void *p, size_t left)
{
	const struct nlmsghdr *h = p;

	return left >= sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= left ? h : NULL;
}
/** nl_after - the message behind @h; @left is updated. */
static inline const struct nlmsghdr *nl_after(const struct nlmsghdr *h, size_t *left)
{
	size_t step = NLMSG_ALIGN(h->nlmsg_len);

	if (step >= *left)
		return NULL;
	*left -= step;
	return nl_first((const char *)h + step, *left);
}
/** nl_parse - index the attributes at @p by type into @tb[0..max]; later ones win, types above
 * @max are skipped. False for a malformed stream. */
bool nl_parse(const void *p, size_t n, const struct nlattr **tb, unsigned max);
/** nl_data, nl_len - payload of an attribute. */
static inline const void *nl_data(const struct nlattr *a)
{
	return (const char *)a + NLA_HDRLEN;
}
static inline size_t nl_len(const struct nlattr *a)
{
	return a->nla_len - (size_t)NLA_HDRLEN;
}
/** nl_get_u32, nl_get_be32 - value of an attribute, 0 when @a is NULL or too short. */
uint32_t nl_get_u32(const struct nlattr *a);
uint32_t nl_get_be32(const struct nlattr *a);
uint64_t nl_get_be64(const struct nlattr *a);
/** nl_get_str - text of an attribute; NULL when @a is NULL or not terminated. */
const char *nl_get_str(const struct nlattr *a);
/** nl_body - attributes of a message behind a family header of @hdr_len bytes. */
bool nl_body(const struct nlmsghdr *h, size_t hdr_len, const struct nlattr **tb, unsigned max);

#endif
