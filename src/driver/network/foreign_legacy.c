/* SPDX-License-Identifier: Apache-2.0
 *
 * What the FORWARD chain of iptables-legacy does, read from the kernel's table. Only looked at when
 * the table exists: asking for it would make it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
/* after libc's, which they would redefine otherwise */
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/network/firewall_int.h"

/* IPT_* and IP6T_* have the same numbers and, but for the size of an entry, the same shapes */
enum { TABLE_MAX = 16 << 20 };

static bool has_filter_table(int family)
{
	const char *path = family == AF_INET ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
	char text[256] = "\n";
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text + 1, sizeof text - 2) > 0 && strstr(text, "\nfilter\n");
}

static bool our_match(const char *entry, size_t matches, size_t target)
{
	while (matches + sizeof(struct xt_entry_match) <= target) {
		const struct xt_entry_match *m = (const void *)(entry + matches);
		const struct xt_connmark_mtinfo1 *info = (const void *)m->data;
		if (m->u.match_size < sizeof *m)
			return false;
		if (!strcmp(m->u.user.name, "connmark") &&
		    m->u.match_size >= sizeof *m + sizeof *info && info->mark == FIREWALL_MARK)
			return true;
		matches += m->u.match_size;
	}
	return false;
}

/* walks FORWARD from its first entry to the policy, which is its last one */
static int judge(const char *p, size_t size, size_t at, size_t policy, int family)
{
	size_t head = family == AF_INET ? sizeof(struct ipt_entry) : sizeof(struct ip6t_entry);
	bool ours = false;

	while (at + head <= size && at <= policy) {
		uint16_t target, next;
		if (family == AF_INET) {
			target = ((const struct ipt_entry *)(p + at))->target_offset;
			next = ((const struct ipt_entry *)(p + at))->next_offset;
		} else {
			target = ((const struct ip6t_entry *)(p + at))->target_offset;
			next = ((const struct ip6t_entry *)(p + at))->next_offset;
		}
		if (next < head || at + next > size || target + sizeof(struct xt_standard_target) > next)
			break;
		if (at == policy) {
			const struct xt_standard_target *t = (const void *)(p + at + target);
			if (t->verdict != -NF_DROP - 1)
				return FOREIGN_PASSES;
			return ours ? FOREIGN_KNOWS_US : FOREIGN_DROPS;
		}
		ours = ours || our_match(p + at, head, target);
		at += next;
	}
	return FOREIGN_PASSES;
}

int foreign_legacy_drops(int family)
{
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct ipt_getinfo info = { .name = "filter" };
	socklen_t n = sizeof info;

	if (!has_filter_table(family))
		return FOREIGN_PASSES;
	OWN_FD fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0 || getsockopt(fd, level, IPT_SO_GET_INFO, &info, &n) < 0 || info.size > TABLE_MAX)
		return FOREIGN_PASSES;
	n = (socklen_t)(sizeof(struct ipt_get_entries) + info.size);
	OWN_PTR struct ipt_get_entries *all = calloc(1, n);
	if (!all)
		return FOREIGN_PASSES;
	(void)snprintf(all->name, sizeof all->name, "filter");
	all->size = info.size;
	if (getsockopt(fd, level, IPT_SO_GET_ENTRIES, all, &n) < 0)
		return FOREIGN_PASSES;
	return judge((const char *)all->entrytable, info.size, info.hook_entry[NF_INET_FORWARD],
		     info.underflow[NF_INET_FORWARD], family);
}
