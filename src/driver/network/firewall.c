/* SPDX-License-Identifier: Apache-2.0
 *
 * Our table in the firewall: there, whole, and with the elements of our containers. Whoever adds or
 * takes elements holds the lock shared, so containers do not wait for each other; only a rebuild,
 * which reads all plans, holds it alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/lock.h"
#include "driver/network/firewall_int.h"
#include "format/js.h"

/* a change of the rules is a new number here: tables of older programs are rebuilt */
#define LAYOUT "layout-1"

static const struct {
	unsigned flag;
	char letter;
} letters[] = { { FIREWALL_CLOSED4, '4' }, { FIREWALL_CLOSED6, '6' }, { FIREWALL_MARKED, 'm' },
		{ FIREWALL_BRIDGED6, 'b' } };

static void flags_text(unsigned flags, char out[8])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (flags & letters[i].flag)
			out[n++] = letters[i].letter;
	out[n] = 0;
}

void firewall_layout(unsigned flags, char out[32])
{
	char text[8];

	flags_text(flags, text);
	(void)snprintf(out, 32, "%s%s%s", LAYOUT, *text ? "-" : "", text);
}

unsigned firewall_flags(const struct network_ctx *c)
{
	OWN_STR text = NULL;
	OWN_FD bridged = open("/proc/sys/net/bridge/bridge-nf-call-ip6tables", O_RDONLY | O_CLOEXEC);
	unsigned flags = 0;
	char on = '0';
	struct err none;

	if (bridged >= 0 && read(bridged, &on, 1) == 1 && on == '1')
		flags |= FIREWALL_BRIDGED6;
	if (io_read_file(c->run, "firewall", 64, &text, NULL, &none) < 0)
		return flags;
	for (size_t i = 0; i < ARRAY_LEN(letters); i++)
		if (strchr(text, letters[i].letter))
			flags |= letters[i].flag;
	return flags;
}

int firewall_flags_add(const struct network_ctx *c, unsigned flags, struct err *e)
{
	unsigned old = firewall_flags(c);
	char text[8];

	if ((old | flags) == old)
		return 0;
	flags_text((old | flags) & ~(unsigned)FIREWALL_BRIDGED6, text);
	return io_replace_file(c->run, "firewall", text, strlen(text), 0600, 0, e);
}

int firewall_lock(const struct network_ctx *c, int mode, int *ret_fd, struct err *e)
{
	return lock_take(c->run, "firewall.lock", mode, ret_fd, e);
}

int firewall_lock_shared(const struct network_ctx *c, int *ret_fd, struct err *e)
{
	return firewall_lock(c, LOCK_SHARED, ret_fd, e);
}

static void ports_of(struct nft_batch *b, const struct net_endpoint *ep)
{
	for (size_t i = 0; i < ep->n_ports; i++)
		for (unsigned k = 0; k < ep->ports[i].count; k++)
			firewall_port(b, ep, &ep->ports[i], k, true);
}

static int plan_elements(const struct net_plan *p, void *data, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < p->n; i++)
		ports_of(data, &p->v[i]);
	return 0;
}

static int rebuild_locked(const struct network_ctx *c, int nlfd, struct err *e)
{
	OWN_NFT_BATCH b = { 0 };
	OWN_JSON names = NULL;
	json_t *name;
	size_t i;

	/* made first, so that deleting it never fails: a delete of what is missing needs Linux 6.3 */
	nft_begin(&b, NFPROTO_INET, c->table);
	nft_table_new(&b);
	nft_table_del(&b);
	nft_table_new(&b);
	firewall_rules(&b, firewall_flags(c));
	if (network_def_names(c, &names, e) < 0)
		return -e->eno;
	json_array_foreach(names, i, name) {
		char path[NETWORK_NAME_MAX + 16];
		OWN_NETWORK_DEF d = { 0 };
		struct err one;
		(void)snprintf(path, sizeof path, "nets/%s", json_string_value(name));
		if (faccessat(c->run, path, F_OK, 0) < 0)
			continue; /* not used since boot */
		int r = network_def_load(c, json_string_value(name), &d, &one);
		if (r == -ENOENT)
			continue;
		if (r < 0) {
			network_warn(c, "%s", one.chain);
			continue;
		}
		firewall_network(&b, &d);
	}
	if (plan_each(c, plan_elements, &b, e) < 0 || nft_commit(nlfd, &b, e) < 0)
		return err_ctx(e, "build firewall");
	return 0;
}

int firewall_rebuild(const struct network_ctx *c, struct err *e)
{
	OWN_FD lock = -1, nl = -1;
	bool mark = false;

	if (nl_open(NETLINK_NETFILTER, &nl, e) < 0 ||
	    firewall_lock(c, LOCK_EXCLUSIVE, &lock, e) < 0 || foreign_check(c, nl, firewall_flags(c) | FOREIGN_ALL, &mark, e) < 0 ||
	    (mark && firewall_flags_add(c, FIREWALL_MARKED, e) < 0))
		return err_ctx(e, "firewall");
	return rebuild_locked(c, nl, e);
}

int firewall_ensure(const struct network_ctx *c, int nlfd, struct err *e)
{
	char layout[32];
	unsigned flags = firewall_flags(c);
	bool mark = false;

	firewall_layout(flags, layout);
	int there = nft_chain_exists(nlfd, NFPROTO_INET, c->table, layout, NULL, e);
	if (there < 0)
		return err_ctx(e, "firewall");
	if (foreign_check(c, nlfd, flags, &mark, e) < 0)
		return -e->eno;
	if (there && (!mark || (flags & FIREWALL_MARKED)))
		return 0;
	OWN_FD lock = -1;
	if (firewall_lock(c, LOCK_EXCLUSIVE, &lock, e) < 0 ||
	    (mark && firewall_flags_add(c, FIREWALL_MARKED, e) < 0))
		return -e->eno;
	firewall_layout(firewall_flags(c), layout);
	there = nft_chain_exists(nlfd, NFPROTO_INET, c->table, layout, NULL, e);
	if (there > 0)
		return 0; /* someone else was faster */
	return there < 0 ? there : rebuild_locked(c, nlfd, e);
}

int firewall_add(const struct network_ctx *c, int nlfd, const struct net_endpoint *ep, struct err *e)
{
	OWN_NFT_BATCH b = { 0 };

	nft_begin(&b, NFPROTO_INET, c->table);
	ports_of(&b, ep);
	return nft_commit(nlfd, &b, e) < 0 ? err_ctx(e, "publish ports") : 0;
}

static int delete_all(const struct network_ctx *c, int nlfd, const struct net_plan *p, bool add_first,
		      struct err *e)
{
	OWN_NFT_BATCH b = { 0 };

	nft_begin(&b, NFPROTO_INET, c->table);
	for (int pass = add_first ? 0 : 1; pass < 2; pass++)
		for (size_t i = 0; i < p->n; i++)
			for (size_t k = 0; k < p->v[i].n_ports; k++)
				for (unsigned n = 0; n < p->v[i].ports[k].count; n++)
					/* an element without our claim belongs to someone else by now */
					if (claim_owned(c, &p->v[i].ports[k], n, p->id))
						firewall_port(&b, &p->v[i], &p->v[i].ports[k], n, !pass);
	return nft_commit(nlfd, &b, e);
}

int firewall_del(const struct network_ctx *c, int nlfd, const struct net_plan *p, struct err *e)
{
	int r = delete_all(c, nlfd, p, false, e);

	if (r != -ENOENT)
		return r < 0 ? err_ctx(e, "unpublish ports") : 0;
	/* some were never added, or the table is gone: adding them first makes the delete succeed */
	r = delete_all(c, nlfd, p, true, e);
	if (r == -ENOENT)
		return 0; /* no table, so no elements either */
	return r < 0 ? err_ctx(e, "unpublish ports") : 0;
}

int firewall_remove_table(const struct network_ctx *c, struct err *e)
{
	OWN_NFT_BATCH b = { 0 };
	OWN_FD nl = -1, lock = -1;

	if (nl_open(NETLINK_NETFILTER, &nl, e) < 0 || firewall_lock(c, LOCK_EXCLUSIVE, &lock, e) < 0)
		return -e->eno;
	foreign_forget(c, nl);
	nft_begin(&b, NFPROTO_INET, c->table);
	nft_table_new(&b);
	nft_table_del(&b);
	return nft_commit(nl, &b, e);
}
