/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet forwarding of the host: switched on when it is off, without making the host a router
 * between its own links (flag CLOSED of the firewall) and without losing IPv6 routes that come
 * from router advertisements, which a forwarding host ignores unless accept_ra is 2.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/lock.h"
#include "driver/network/firewall_int.h"

/* first byte of a setting, 0 when it cannot be read */
static char setting(int dir, const char *name)
{
	char c = 0;
	OWN_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &c, 1) == 1 ? c : 0;
}

static int set(int dir, const char *name, char value)
{
	OWN_FD fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, &value, 1) == 1 ? 0 : -errno;
}

static void keep_advertised_routes(void)
{
	OWN_FD dir = open("/proc/sys/net/ipv6/conf", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int walk = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = walk < 0 ? NULL : fdopendir(walk);
	struct dirent *en;

	if (!d) {
		if (walk >= 0)
			close(walk);
		return;
	}
	while ((en = readdir(d))) {
		char name[280];
		if (*en->d_name == '.' || !strcmp(en->d_name, "all") || !strcmp(en->d_name, "lo"))
			continue;
		(void)snprintf(name, sizeof name, "%s/accept_ra", en->d_name);
		if (setting(dir, name) == '1')
			(void)set(dir, name, '2'); /* else the link keeps what it has */
	}
}

int firewall_forwarding(const struct network_ctx *c, struct err *e)
{
	static const struct {
		const char *name;
		unsigned flag;
	} families[] = {
		{ "ipv4/ip_forward", FIREWALL_CLOSED4 },
		{ "ipv6/conf/all/forwarding", FIREWALL_CLOSED6 },
	};
	OWN_FD dir = open("/proc/sys/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_FD lock = -1;

	for (size_t i = 0; i < ARRAY_LEN(families) && dir >= 0; i++) {
		if (setting(dir, families[i].name) != '0')
			continue;
		/* the rule first: no moment of an open router */
		if (lock < 0 && firewall_lock(c, LOCK_EXCLUSIVE, &lock, e) < 0)
			return -e->eno;
		if (firewall_flags_add(c, families[i].flag, e) < 0)
			return -e->eno;
		if (families[i].flag == FIREWALL_CLOSED6)
			keep_advertised_routes();
		int r = set(dir, families[i].name, '1');
		if (r < 0)
			network_warn(c, "cannot switch on forwarding (net.%s: %s): containers reach this host "
				     "only", families[i].name, libc_error_text(-r));
	}
	return 0;
}
