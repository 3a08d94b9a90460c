/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches, tables, sets, chains, elements and look-ups of nf_tables: see nft.h. Expressions are in
 * nft_expr.c.
 */
#include "sys/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* a nested list is limited to 64 KiB by its 16-bit length */
enum { ELEMS_PER_MESSAGE = 400 };

static struct nfgenmsg family_header(uint8_t family, uint16_t res_id)
{
	return (struct nfgenmsg){
		.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res_id),
	};
}

static void begin(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	struct nfgenmsg h = family_header(b->family, 0);

	nl_begin(&b->m, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &h, sizeof h);
}

static void elems_end(struct nft_batch *b)
{
	if (!b->set)
		return;
	nl_nest_end(&b->m);
	nl_end(&b->m);
	b->set = NULL;
}

static void frame(struct nft_batch *b, uint16_t type)
{
	struct nfgenmsg h = family_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	nl_begin(&b->m, type, 0, &h, sizeof h);
	nl_end(&b->m);
}

void nft_begin(struct nft_batch *b, uint8_t family, const char *table)
{
	*b = (struct nft_batch){ .family = family, .table = table };
	frame(b, NFNL_MSG_BATCH_BEGIN);
}

void nft_batch_done(struct nft_batch *b)
{
	nl_msgs_done(&b->m);
}

int nft_commit(int xfd, struct nft_batch *b, struct err *e)
{
	struct nl_result res;
	struct nlmsghdr h;

	elems_end(b);
	if (!buf_failed(&b->m.b) && b->m.seq > b->m.first_seq) {
		/* the acknowledgement of the last message tells that the whole batch is in */
		memcpy(&h, b->m.b.p + b->m.msg, sizeof h);
		h.nlmsg_flags |= NLM_F_ACK;
		memcpy(b->m.b.p + b->m.msg, &h, sizeof h);
		b->m.acks = 1;
	}
	frame(b, NFNL_MSG_BATCH_END);
	int r = b->m.acks ? nl_send(xfd, &b->m, &res, e) : 0;
	bool sent = b->m.acks;
	nft_batch_done(b);
	if (r < 0)
		return err_ctx(e, "nftables %s", b->table);
	if (!sent || !res.eno)
		return 0;
	if (res.failed == 0 && (res.eno == EOPNOTSUPP || res.eno == EINVAL)) {
		err_hint(e, "enable CONFIG_NF_TABLES, or run with --network host or none");
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the kernel has no nf_tables");
	}
	return err_sys(e, res.eno, "nftables %s: message %u%s%s", b->table, res.failed,
		       *res.text ? ": " : "", res.text);
}

void nft_table_new(struct nft_batch *b)
{
	elems_end(b);
	begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	nl_put_str(&b->m, NFTA_TABLE_NAME, b->table);
	nl_end(&b->m);
}

void nft_table_del(struct nft_batch *b)
{
	elems_end(b);
	begin(b, NFT_MSG_DELTABLE, 0);
	nl_put_str(&b->m, NFTA_TABLE_NAME, b->table);
	nl_end(&b->m);
}

void nft_set_new(struct nft_batch *b, const struct nft_set_def *d)
{
	/* type 0 = byte order of the key, 1 = that of the host: else nft(8) cannot print names */
	static const uint8_t names_first[] = { 0, 4, 1, 0, 0, 0 };
	bool verdicts = d->data_show == NFT_SHOW_VERDICT;

	elems_end(b);
	begin(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	nl_put_str(&b->m, NFTA_SET_TABLE, b->table);
	nl_put_str(&b->m, NFTA_SET_NAME, d->name);
	nl_put_be32(&b->m, NFTA_SET_FLAGS, d->flags);
	nl_put_be32(&b->m, NFTA_SET_KEY_TYPE, d->key_show);
	nl_put_be32(&b->m, NFTA_SET_KEY_LEN, d->key_len);
	nl_put_be32(&b->m, NFTA_SET_ID, ++b->set_id);
	if (d->key_show == NFT_SHOW_IFNAME)
		nl_put(&b->m, NFTA_SET_USERDATA, names_first, sizeof names_first);
	if (d->flags & NFT_SET_MAP) {
		nl_put_be32(&b->m, NFTA_SET_DATA_TYPE, verdicts ? NFT_DATA_VERDICT : d->data_show);
		if (!verdicts)
			nl_put_be32(&b->m, NFTA_SET_DATA_LEN, d->data_len);
	}
	nl_end(&b->m);
}

void nft_chain_new(struct nft_batch *b, const struct nft_chain_def *d)
{
	elems_end(b);
	begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	nl_put_str(&b->m, NFTA_CHAIN_TABLE, b->table);
	nl_put_str(&b->m, NFTA_CHAIN_NAME, d->name);
	if (d->type) {
		nl_put_str(&b->m, NFTA_CHAIN_TYPE, d->type);
		nl_nest(&b->m, NFTA_CHAIN_HOOK);
		nl_put_be32(&b->m, NFTA_HOOK_HOOKNUM, (uint32_t)d->hook);
		nl_put_be32(&b->m, NFTA_HOOK_PRIORITY, (uint32_t)d->priority);
		nl_nest_end(&b->m);
		nl_put_be32(&b->m, NFTA_CHAIN_POLICY, NF_ACCEPT);
	}
	nl_end(&b->m);
}

static void elems_begin(struct nft_batch *b, const char *set, uint16_t op)
{
	if (b->set && !strcmp(b->set, set) && b->set_op == op && b->set_n < ELEMS_PER_MESSAGE) {
		b->set_n++;
		return;
	}
	elems_end(b);
	b->set = set;
	b->set_op = op;
	b->set_n = 1;
	begin(b, op, op == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	nl_put_str(&b->m, NFTA_SET_ELEM_LIST_TABLE, b->table);
	nl_put_str(&b->m, NFTA_SET_ELEM_LIST_SET, set);
	nl_nest(&b->m, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void value(struct nft_batch *b, uint16_t type, const void *p, size_t n)
{
	nl_nest(&b->m, type);
	nl_put(&b->m, NFTA_DATA_VALUE, p, n);
	nl_nest_end(&b->m);
}

static void elem_open(struct nft_batch *b, const void *key, size_t n, uint32_t flags)
{
	nl_nest(&b->m, NFTA_LIST_ELEM);
	if (flags)
		nl_put_be32(&b->m, NFTA_SET_ELEM_FLAGS, flags);
	value(b, NFTA_SET_ELEM_KEY, key, n);
}

void nft_elem_add(struct nft_batch *b, const char *set, const void *key, size_t key_n,
		  const void *data, size_t data_n)
{
	elems_begin(b, set, NFT_MSG_NEWSETELEM);
	elem_open(b, key, key_n, 0);
	if (data)
		value(b, NFTA_SET_ELEM_DATA, data, data_n);
	nl_nest_end(&b->m);
}

void nft_elem_add_verdict(struct nft_batch *b, const char *set, const void *key, size_t key_n,
			  const char *chain)
{
	elems_begin(b, set, NFT_MSG_NEWSETELEM);
	elem_open(b, key, key_n, 0);
	nl_nest(&b->m, NFTA_SET_ELEM_DATA);
	nl_nest(&b->m, NFTA_DATA_VERDICT);
	nl_put_be32(&b->m, NFTA_VERDICT_CODE, (uint32_t)(chain ? NFT_GOTO : NF_ACCEPT));
	if (chain)
		nl_put_str(&b->m, NFTA_VERDICT_CHAIN, chain);
	nl_nest_end(&b->m);
	nl_nest_end(&b->m);
	nl_nest_end(&b->m);
}

void nft_elem_add_range(struct nft_batch *b, const char *set, const void *start, const void *end,
			size_t key_n)
{
	elems_begin(b, set, NFT_MSG_NEWSETELEM);
	elem_open(b, start, key_n, 0);
	nl_nest_end(&b->m);
	if (!end)
		return;
	elem_open(b, end, key_n, NFT_SET_ELEM_INTERVAL_END);
	nl_nest_end(&b->m);
}

void nft_elem_del(struct nft_batch *b, const char *set, const void *key, size_t key_n)
{
	elems_begin(b, set, NFT_MSG_DELSETELEM);
	elem_open(b, key, key_n, 0);
	nl_nest_end(&b->m);
}

static void rule_open(struct nft_batch *b, const char *chain, const char *comment, uint16_t flags)
{
	uint8_t udata[2 + 128];
	size_t n = comment ? strlen(comment) + 1 : 0;

	elems_end(b);
	begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | flags);
	nl_put_str(&b->m, NFTA_RULE_TABLE, b->table);
	nl_put_str(&b->m, NFTA_RULE_CHAIN, chain);
	if (n && n <= 128) {
		/* type 0 = comment, as nft(8) writes it */
		udata[0] = 0;
		udata[1] = (uint8_t)n;
		memcpy(udata + 2, comment, n);
		nl_put(&b->m, NFTA_RULE_USERDATA, udata, 2 + n);
	}
	nl_nest(&b->m, NFTA_RULE_EXPRESSIONS);
}

void nft_rule(struct nft_batch *b, const char *chain, const char *comment)
{
	rule_open(b, chain, comment, NLM_F_APPEND);
}

void nft_rule_first(struct nft_batch *b, const char *chain, const char *comment)
{
	rule_open(b, chain, comment, 0);
}

void nft_rule_end(struct nft_batch *b)
{
	nl_nest_end(&b->m);
	nl_end(&b->m);
}

void nft_rule_del(struct nft_batch *b, const char *chain, uint64_t handle)
{
	elems_end(b);
	begin(b, NFT_MSG_DELRULE, 0);
	nl_put_str(&b->m, NFTA_RULE_TABLE, b->table);
	nl_put_str(&b->m, NFTA_RULE_CHAIN, chain);
	nl_put_be64(&b->m, NFTA_RULE_HANDLE, handle);
	nl_end(&b->m);
}

struct one_chain {
	bool found;
	uint32_t policy;
};

static int seen(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[NFTA_CHAIN_POLICY + 1];
	struct one_chain *c = data;

	(void)e;
	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
	    !nl_body(h, sizeof(struct nfgenmsg), tb, NFTA_CHAIN_POLICY))
		return 0;
	c->found = true;
	if (tb[NFTA_CHAIN_POLICY])
		c->policy = nl_get_be32(tb[NFTA_CHAIN_POLICY]);
	return 0;
}

static int unsupported(struct err *e)
{
	if (e->eno == EOPNOTSUPP || e->eno == EINVAL || e->eno == EPROTONOSUPPORT) {
		err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "the kernel has no nf_tables");
		err_hint(e, "enable CONFIG_NF_TABLES, or run with --network host or none");
	}
	return -e->eno;
}

int nft_chain_exists(int xfd, uint8_t family, const char *table, const char *chain,
		     uint32_t *ret_policy, struct err *e)
{
	struct nfgenmsg h = family_header(family, 0);
	struct one_chain c = { .policy = NF_ACCEPT };
	OWN_NL_MSGS m = { 0 };

	nl_begin(&m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, 0, &h, sizeof h);
	nl_put_str(&m, NFTA_CHAIN_TABLE, table);
	nl_put_str(&m, NFTA_CHAIN_NAME, chain);
	nl_end(&m);
	int r = nl_query(xfd, &m, seen, &c, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return unsupported(e);
	if (ret_policy)
		*ret_policy = c.policy;
	return c.found;
}

struct chain_walk {
	int (*each)(const struct nft_chain_info *c, void *data, struct err *e);
	void *data;
};

static int chain_answer(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[NFTA_CHAIN_POLICY + 1], *hook[NFTA_HOOK_PRIORITY + 1];
	const struct nfgenmsg *g = NLMSG_DATA(h);
	struct chain_walk *w = data;

	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
	    !nl_body(h, sizeof *g, tb, NFTA_CHAIN_POLICY))
		return 0;
	struct nft_chain_info c = {
		.family = g->nfgen_family,
		.table = nl_get_str(tb[NFTA_CHAIN_TABLE]),
		.name = nl_get_str(tb[NFTA_CHAIN_NAME]),
		.policy = tb[NFTA_CHAIN_POLICY] ? nl_get_be32(tb[NFTA_CHAIN_POLICY]) : NF_ACCEPT,
	};
	if (tb[NFTA_CHAIN_HOOK] && nl_parse(nl_data(tb[NFTA_CHAIN_HOOK]), nl_len(tb[NFTA_CHAIN_HOOK]),
					    hook, NFTA_HOOK_PRIORITY)) {
		c.base = true;
		c.hook = nl_get_be32(hook[NFTA_HOOK_HOOKNUM]);
		c.priority = (int)nl_get_be32(hook[NFTA_HOOK_PRIORITY]);
	}
	return c.table && c.name ? w->each(&c, w->data, e) : 0;
}

int nft_chain_each(int xfd, int (*each)(const struct nft_chain_info *c, void *data, struct err *e),
		   void *data, struct err *e)
{
	struct nfgenmsg h = family_header(NFPROTO_UNSPEC, 0);
	struct chain_walk w = { .each = each, .data = data };
	OWN_NL_MSGS m = { 0 };

	nl_begin(&m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP, &h, sizeof h);
	nl_end(&m);
	return nl_dump(xfd, &m, chain_answer, &w, e);
}

struct rule_walk {
	const char *comment;
	uint64_t handle;
};

static int rule_answer(const struct nlmsghdr *h, void *data, struct err *e)
{
	const struct nlattr *tb[NFTA_RULE_USERDATA + 1];
	struct rule_walk *w = data;

	(void)e;
	if (h->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE) ||
	    !nl_body(h, sizeof(struct nfgenmsg), tb, NFTA_RULE_USERDATA) || !tb[NFTA_RULE_USERDATA])
		return 0;
	const uint8_t *u = nl_data(tb[NFTA_RULE_USERDATA]);
	size_t n = nl_len(tb[NFTA_RULE_USERDATA]), want = strlen(w->comment) + 1;
	if (n >= 2 + want && u[0] == 0 && u[1] == want && !memcmp(u + 2, w->comment, want))
		w->handle = nl_get_be64(tb[NFTA_RULE_HANDLE]);
	return 0;
}

int nft_rule_find(int xfd, uint8_t family, const char *table, const char *chain,
		  const char *comment, uint64_t *ret_handle, struct err *e)
{
	struct nfgenmsg h = family_header(family, 0);
	struct rule_walk w = { .comment = comment };
	OWN_NL_MSGS m = { 0 };

	nl_begin(&m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP, &h, sizeof h);
	nl_put_str(&m, NFTA_RULE_TABLE, table);
	nl_put_str(&m, NFTA_RULE_CHAIN, chain);
	nl_end(&m);
	int r = nl_dump(xfd, &m, rule_answer, &w, e);
	if (r < 0 && r != -ENOENT)
		return err_ctx(e, "list rules of %s %s", table, chain);
	*ret_handle = w.handle;
	return 0;
}
