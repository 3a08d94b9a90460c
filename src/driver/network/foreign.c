/* SPDX-License-Identifier: Apache-2.0
 *
 * Firewalls of others that drop forwarded packets (docker's and ufw's policy). An accept in our
 * table does not overrule a drop in theirs, so one rule goes to the top of their FORWARD chain: let
 * pass what carries our connection mark. It is written as iptables would write it, so that iptables
 * and ufw go on understanding their own chain. Tables that are not of iptables are never touched:
 * the user gets a hint.
 */
#include <fcntl.h>
#include <linux/netfilter/xt_connmark.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/network/firewall_int.h"

extern char **environ;

enum { FOREIGN_MAX = 8 };

struct foreign {
	const char *own;
	struct {
		uint8_t family;
		char table[64], chain[64];
	} v[FOREIGN_MAX];
	size_t n;
};

static bool of_iptables(const struct foreign *f, size_t i)
{
	return (f->v[i].family == NFPROTO_IPV4 || f->v[i].family == NFPROTO_IPV6) &&
	       !strcmp(f->v[i].table, "filter") && !strcmp(f->v[i].chain, "FORWARD");
}

static int collect(const struct nft_chain_info *c, void *data, struct err *e)
{
	struct foreign *f = data;

	(void)e;
	bool relevant = c->family == NFPROTO_IPV4 || c->family == NFPROTO_IPV6 ||
			c->family == NFPROTO_INET;
	if (!c->base || !relevant || c->hook != NF_INET_FORWARD || c->policy != NF_DROP ||
	    !strcmp(c->table, f->own) || f->n == FOREIGN_MAX)
		return 0;
	/* a repeated dump shows chains again */
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].family == c->family && !strcmp(f->v[i].table, c->table) &&
		    !strcmp(f->v[i].chain, c->name))
			return 0;
	f->v[f->n].family = c->family;
	(void)snprintf(f->v[f->n].table, sizeof f->v[0].table, "%s", c->table);
	(void)snprintf(f->v[f->n].chain, sizeof f->v[0].chain, "%s", c->name);
	f->n++;
	return 0;
}

static int of_iptables_only(int nlfd, struct foreign *f, struct err *e)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		struct nft_chain_info c = {
			.family = families[i], .table = "filter", .name = "FORWARD", .base = true,
			.hook = NF_INET_FORWARD,
		};
		int r = nft_chain_exists(nlfd, c.family, c.table, c.name, &c.policy, e);
		if (r < 0)
			return r;
		if (r)
			(void)collect(&c, f, e); /* never fails */
	}
	return 0;
}

static int let_pass(int nlfd, uint8_t family, const char *table, const char *chain, struct err *e)
{
	struct xt_connmark_mtinfo1 info = { .mark = FIREWALL_MARK, .mask = FIREWALL_MARK_MASK };
	OWN_NFT_BATCH b = { 0 };
	uint64_t handle = 0;

	if (nft_rule_find(nlfd, family, table, chain, FIREWALL_COMMENT, &handle, e) < 0)
		return -e->eno;
	if (handle)
		return 0;
	nft_begin(&b, family, table);
	nft_rule_first(&b, chain, FIREWALL_COMMENT);
	nft_xt_match(&b, "connmark", 1, &info, sizeof info);
	nft_verdict(&b, NF_ACCEPT, NULL);
	nft_rule_end(&b);
	return nft_commit(nlfd, &b, e);
}

/* legacy tables are replaced whole under a lock of iptables: only its own program does that.
 * @what: "-I" or "-D". 0 when it went well */
static int run_legacy(int family, const char *what)
{
	const char *const argv[] = {
		family == AF_INET ? "iptables-legacy" : "ip6tables-legacy", "-w", what, "FORWARD", "-m",
		"connmark", "--mark", "0x6f670000/0xffff0000", "-m", "comment", "--comment",
		FIREWALL_COMMENT, "-j", "ACCEPT", NULL,
	};
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&quiet))
		return -ENOMEM;
	(void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	if (!posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	(void)posix_spawn_file_actions_destroy(&quiet);
	return status;
}

static void let_pass_legacy(const struct network_ctx *c, int family)
{
	if (run_legacy(family, "-I"))
		network_warn(c, "the policy of iptables' FORWARD chain is DROP; allow containers with: "
			     "%s -I FORWARD -m connmark --mark 0x6f670000/0xffff0000 -j ACCEPT",
			     family == AF_INET ? "iptables-legacy" : "ip6tables-legacy");
}

int foreign_check(const struct network_ctx *c, int nlfd, unsigned flags, bool *ret_mark,
		  struct err *e)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct foreign f = { .own = c->table };
	bool marked = flags & FIREWALL_MARKED;

	int r = flags & FOREIGN_ALL ? nft_chain_each(nlfd, collect, &f, e) : of_iptables_only(nlfd, &f, e);
	if (r < 0)
		return err_ctx(e, "list firewall chains");
	for (size_t i = 0; i < f.n; i++) {
		*ret_mark = true;
		if (of_iptables(&f, i)) {
			r = let_pass(nlfd, f.v[i].family, f.v[i].table, f.v[i].chain, e);
			if (r < 0 && r != -ENOENT)
				network_warn(c, "%s: %s", f.v[i].chain, e->chain);
		} else if (!marked) {
			network_warn(c, "nftables chain \"%s %s\" drops forwarded packets by policy; allow "
				     "containers with the rule: ct mark and 0xffff0000 == 0x6f670000 accept",
				     f.v[i].table, f.v[i].chain);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		int drops = foreign_legacy_drops(families[i]);
		if (!drops)
			continue;
		*ret_mark = true;
		if (drops == FOREIGN_DROPS)
			let_pass_legacy(c, families[i]);
	}
	return 0;
}

static int other_engine(const struct nft_chain_info *c, void *data, struct err *e)
{
	const char *own = data;

	if (c->family == NFPROTO_INET && !strncmp(c->table, "onggi", 5) && strcmp(c->table, own))
		return err_new(e, E_CONFLICT, EEXIST, "another engine has table %s", c->table);
	return 0;
}

void foreign_forget(const struct network_ctx *c, int nlfd)
{
	static const uint8_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct err none;
	uint64_t handle;

	if (!(firewall_flags(c) & FIREWALL_MARKED) ||
	    nft_chain_each(nlfd, other_engine, (void *)c->table, &none) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		OWN_NFT_BATCH b = { 0 };
		handle = 0;
		if (nft_rule_find(nlfd, families[i], "filter", "FORWARD", FIREWALL_COMMENT, &handle,
				  &none) < 0 || !handle)
			continue;
		nft_begin(&b, families[i], "filter");
		nft_rule_del(&b, "FORWARD", handle);
		(void)nft_commit(nlfd, &b, &none); /* one rule too many does no harm */
	}
	for (int v6 = 0; v6 < 2; v6++)
		if (foreign_legacy_drops(v6 ? AF_INET6 : AF_INET) == FOREIGN_KNOWS_US)
			(void)run_legacy(v6 ? AF_INET6 : AF_INET, "-D");
}
