/* SPDX-License-Identifier: Apache-2.0
 *
 * nf_tables by netlink: one batch is one transaction that the kernel takes whole or not at all.
 * No text is generated and no program is run: the grammar of nft differs between versions, the
 * netlink form does not.
 *
 * Registers are the 16 words of NFT_REG32_*: an IPv6 address fills four of them, everything else
 * that is used here at most one (interface names: four). A concatenation is words side by side.
 */
#ifndef ONGGI_SYS_NFT_H
#define ONGGI_SYS_NFT_H

/* libc's view of the address types first, else the kernel's headers redefine them */
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/netlink.h"

/* type numbers of nft(8), kept by the kernel for whoever lists the table */
enum nft_show {
	NFT_SHOW_VERDICT = 1,
	NFT_SHOW_IP4 = 7,
	NFT_SHOW_IP6 = 8,
	NFT_SHOW_PROTO = 12,
	NFT_SHOW_PORT = 13,
	NFT_SHOW_IFNAME = 41,
};
#define NFT_SHOW_2(a, b)    ((a) << 6 | (b))
#define NFT_SHOW_3(a, b, c) ((a) << 12 | (b) << 6 | (c))

/* A batch for one table of one family. */
struct nft_batch {
	struct nl_msgs m;
	const char *table;
	uint8_t family;
	uint32_t set_id;
	/* open list of elements */
	const char *set;
	uint16_t set_op;
	unsigned set_n;
};

/** nft_begin - start a transaction on @table (borrowed) of @family (NFPROTO_INET ...). */
void nft_begin(struct nft_batch *b, uint8_t family, const char *table);
/** nft_commit - end the batch, send it, wait. The batch is empty afterwards. A refusal comes back
 * as -errno with the kernel's text; -ENOENT, -EEXIST as they are. No nf_tables in the kernel:
 * E_UNSUPPORTED. */
int nft_commit(int xfd, struct nft_batch *b, struct err *e);
void nft_batch_done(struct nft_batch *b);
#define OWN_NFT_BATCH CLEANUP(nft_batch_done) struct nft_batch

void nft_table_new(struct nft_batch *b);
void nft_table_del(struct nft_batch *b);

struct nft_set_def {
	const char *name;
	uint32_t flags;            /* NFT_SET_MAP, NFT_SET_INTERVAL */
	uint32_t key_show, key_len;
	uint32_t data_show, data_len; /* maps; NFT_SHOW_VERDICT: verdicts */
};
void nft_set_new(struct nft_batch *b, const struct nft_set_def *d);

struct nft_chain_def {
	const char *name;
	const char *type;          /* "filter", "nat"; NULL: a chain without hook */
	int hook, priority;
};
void nft_chain_new(struct nft_batch *b, const struct nft_chain_def *d);

/** nft_elem_* - add (or delete) elements; consecutive calls for one set share a message. */
void nft_elem_add(struct nft_batch *b, const char *set, const void *key, size_t key_n,
		  const void *data, size_t data_n);
void nft_elem_add_verdict(struct nft_batch *b, const char *set, const void *key, size_t key_n,
			  const char *chain);
/** nft_elem_add_range - first and first-after-last of an interval set; @end NULL: to the last. */
void nft_elem_add_range(struct nft_batch *b, const char *set, const void *start, const void *end,
			size_t key_n);
void nft_elem_del(struct nft_batch *b, const char *set, const void *key, size_t key_n);

/** nft_rule - open a rule at the end of @chain; @comment may be NULL. Expressions follow. */
void nft_rule(struct nft_batch *b, const char *chain, const char *comment);
/** nft_rule_first - the same at the top of the chain. */
void nft_rule_first(struct nft_batch *b, const char *chain, const char *comment);
void nft_rule_end(struct nft_batch *b);

/* expressions; @reg counts words 0..15 */
void nft_meta(struct nft_batch *b, enum nft_meta_keys key, unsigned reg);
void nft_ct(struct nft_batch *b, enum nft_ct_keys key, unsigned reg);
void nft_ct_set(struct nft_batch *b, enum nft_ct_keys key, unsigned reg);
void nft_payload(struct nft_batch *b, enum nft_payload_bases base, uint32_t off, uint32_t len,
		 unsigned reg);
void nft_cmp(struct nft_batch *b, enum nft_cmp_ops op, unsigned reg, const void *p, size_t n);
/** nft_bitwise - reg = (reg & mask) ^ xor, @n bytes. */
void nft_bitwise(struct nft_batch *b, unsigned reg, const void *mask, const void *xor, size_t n);
/** nft_lookup - reg in set (@invert: not in). */
void nft_lookup(struct nft_batch *b, const char *set, unsigned reg, bool invert);
/** nft_lookup_map - reg = map[reg]; nft_lookup_vmap - go where the map says. A miss ends the rule. */
void nft_lookup_map(struct nft_batch *b, const char *map, unsigned reg);
void nft_lookup_vmap(struct nft_batch *b, const char *map, unsigned reg);
/** nft_fib_daddr_type - reg = kind of the destination (RTN_LOCAL ...). */
void nft_fib_daddr_type(struct nft_batch *b, unsigned reg);
/** nft_verdict - NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_GOTO, NFT_RETURN; @chain for the jumps. */
void nft_verdict(struct nft_batch *b, int code, const char *chain);
/** nft_dnat - to the address in @reg_addr and the port in @reg_port. */
void nft_dnat(struct nft_batch *b, uint8_t family, unsigned reg_addr, unsigned reg_port);
void nft_masquerade(struct nft_batch *b);
/** nft_xt_match - a match of xtables, so that iptables understands the rule. */
void nft_xt_match(struct nft_batch *b, const char *name, uint32_t rev, const void *info, size_t n);

/** nft_chain_exists - 1, 0, or negative. One round trip: cheap check of a whole table.
 * @ret_policy (may be NULL): NF_ACCEPT, NF_DROP. */
int nft_chain_exists(int xfd, uint8_t family, const char *table, const char *chain,
		     uint32_t *ret_policy, struct err *e);

struct nft_chain_info {
	uint8_t family;
	const char *table, *name;
	bool base;
	uint32_t hook;
	int priority;
	uint32_t policy;           /* NF_DROP, NF_ACCEPT */
};
/** nft_chain_each - every chain of every table. */
int nft_chain_each(int xfd, int (*each)(const struct nft_chain_info *c, void *data, struct err *e),
		   void *data, struct err *e);
/** nft_rule_find - handle of the rule with this comment in a chain; 0 = none. */
int nft_rule_find(int xfd, uint8_t family, const char *table, const char *chain,
		  const char *comment, uint64_t *ret_handle, struct err *e);
/** nft_rule_del - delete one rule by handle. */
void nft_rule_del(struct nft_batch *b, const char *chain, uint64_t handle);

#endif
