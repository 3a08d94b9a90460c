/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions of nf_tables rules: see nft.h. Each is one nested element {name, data {...}}.
 */
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

#include "sys/nft.h"

static uint32_t word(unsigned reg)
{
	return NFT_REG32_00 + reg;
}

static void expr(struct nft_batch *b, const char *name)
{
	nl_nest(&b->m, NFTA_LIST_ELEM);
	nl_put_str(&b->m, NFTA_EXPR_NAME, name);
	nl_nest(&b->m, NFTA_EXPR_DATA);
}

static void expr_end(struct nft_batch *b)
{
	nl_nest_end(&b->m);
	nl_nest_end(&b->m);
}

static void value(struct nft_batch *b, uint16_t type, const void *p, size_t n)
{
	nl_nest(&b->m, type);
	nl_put(&b->m, NFTA_DATA_VALUE, p, n);
	nl_nest_end(&b->m);
}

void nft_meta(struct nft_batch *b, enum nft_meta_keys key, unsigned reg)
{
	expr(b, "meta");
	nl_put_be32(&b->m, NFTA_META_KEY, key);
	nl_put_be32(&b->m, NFTA_META_DREG, word(reg));
	expr_end(b);
}

void nft_ct(struct nft_batch *b, enum nft_ct_keys key, unsigned reg)
{
	expr(b, "ct");
	nl_put_be32(&b->m, NFTA_CT_KEY, key);
	nl_put_be32(&b->m, NFTA_CT_DREG, word(reg));
	expr_end(b);
}

void nft_ct_set(struct nft_batch *b, enum nft_ct_keys key, unsigned reg)
{
	expr(b, "ct");
	nl_put_be32(&b->m, NFTA_CT_KEY, key);
	nl_put_be32(&b->m, NFTA_CT_SREG, word(reg));
	expr_end(b);
}

void nft_payload(struct nft_batch *b, enum nft_payload_bases base, uint32_t off, uint32_t len,
		 unsigned reg)
{
	expr(b, "payload");
	nl_put_be32(&b->m, NFTA_PAYLOAD_DREG, word(reg));
	nl_put_be32(&b->m, NFTA_PAYLOAD_BASE, base);
	nl_put_be32(&b->m, NFTA_PAYLOAD_OFFSET, off);
	nl_put_be32(&b->m, NFTA_PAYLOAD_LEN, len);
	expr_end(b);
}

void nft_cmp(struct nft_batch *b, enum nft_cmp_ops op, unsigned reg, const void *p, size_t n)
{
	expr(b, "cmp");
	nl_put_be32(&b->m, NFTA_CMP_SREG, word(reg));
	nl_put_be32(&b->m, NFTA_CMP_OP, op);
	value(b, NFTA_CMP_DATA, p, n);
	expr_end(b);
}

void nft_bitwise(struct nft_batch *b, unsigned reg, const void *mask, const void *xor, size_t n)
{
	expr(b, "bitwise");
	nl_put_be32(&b->m, NFTA_BITWISE_SREG, word(reg));
	nl_put_be32(&b->m, NFTA_BITWISE_DREG, word(reg));
	nl_put_be32(&b->m, NFTA_BITWISE_LEN, (uint32_t)n);
	value(b, NFTA_BITWISE_MASK, mask, n);
	value(b, NFTA_BITWISE_XOR, xor, n);
	expr_end(b);
}

void nft_lookup(struct nft_batch *b, const char *set, unsigned reg, bool invert)
{
	expr(b, "lookup");
	nl_put_str(&b->m, NFTA_LOOKUP_SET, set);
	nl_put_be32(&b->m, NFTA_LOOKUP_SREG, word(reg));
	if (invert)
		nl_put_be32(&b->m, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	expr_end(b);
}

static void lookup_to(struct nft_batch *b, const char *map, unsigned reg, uint32_t dreg)
{
	expr(b, "lookup");
	nl_put_str(&b->m, NFTA_LOOKUP_SET, map);
	nl_put_be32(&b->m, NFTA_LOOKUP_SREG, word(reg));
	nl_put_be32(&b->m, NFTA_LOOKUP_DREG, dreg);
	expr_end(b);
}

void nft_lookup_map(struct nft_batch *b, const char *map, unsigned reg)
{
	lookup_to(b, map, reg, word(reg));
}

void nft_lookup_vmap(struct nft_batch *b, const char *map, unsigned reg)
{
	lookup_to(b, map, reg, NFT_REG_VERDICT);
}

void nft_fib_daddr_type(struct nft_batch *b, unsigned reg)
{
	expr(b, "fib");
	nl_put_be32(&b->m, NFTA_FIB_DREG, word(reg));
	nl_put_be32(&b->m, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nl_put_be32(&b->m, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expr_end(b);
}

void nft_verdict(struct nft_batch *b, int code, const char *chain)
{
	expr(b, "immediate");
	nl_put_be32(&b->m, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nl_nest(&b->m, NFTA_IMMEDIATE_DATA);
	nl_nest(&b->m, NFTA_DATA_VERDICT);
	nl_put_be32(&b->m, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nl_put_str(&b->m, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(&b->m);
	nl_nest_end(&b->m);
	expr_end(b);
}

void nft_dnat(struct nft_batch *b, uint8_t family, unsigned reg_addr, unsigned reg_port)
{
	expr(b, "nat");
	nl_put_be32(&b->m, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nl_put_be32(&b->m, NFTA_NAT_FAMILY, family);
	nl_put_be32(&b->m, NFTA_NAT_REG_ADDR_MIN, word(reg_addr));
	nl_put_be32(&b->m, NFTA_NAT_REG_PROTO_MIN, word(reg_port));
	expr_end(b);
}

void nft_masquerade(struct nft_batch *b)
{
	expr(b, "masq");
	expr_end(b);
}

void nft_xt_match(struct nft_batch *b, const char *name, uint32_t rev, const void *info, size_t n)
{
	expr(b, "match");
	nl_put_str(&b->m, NFTA_MATCH_NAME, name);
	nl_put_be32(&b->m, NFTA_MATCH_REV, rev);
	nl_put(&b->m, NFTA_MATCH_INFO, info, n);
	expr_end(b);
}
