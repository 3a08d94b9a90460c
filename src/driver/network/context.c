/* SPDX-License-Identifier: Apache-2.0
 *
 * One engine's networks, opened: folders, and the names that keep several engines on one host
 * apart (bridge, firewall table).
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/path.h"
#include "driver/network/network_int.h"

/* FNV-1a: only to tell engines apart, not against anyone */
static uint32_t fold(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

void network_tag(const char *run, char out[9])
{
	*out = 0;
	if (strcmp(run, "/run/onggi/network"))
		(void)snprintf(out, 9, "%08x", fold(run));
}

int network_open(const struct network_env *env, struct network_ctx *ret, struct err *e)
{
	struct network_ctx c = { .env = env, .root = -1, .run = -1 };
	OWN_FD root = -1;
	char clean[4096];

	if (path_normalize(env->run, clean, sizeof clean) < 0)
		return err_new(e, E_INVALID, EINVAL, "run directory %s is not an absolute path", env->run);
	network_tag(clean, c.tag);
	(void)snprintf(c.table, sizeof c.table, "onggi%s%s", *c.tag ? "-" : "", c.tag);
	if (io_open_dir(AT_FDCWD, env->root, 0700, &root, e) < 0 ||
	    io_open_dir(AT_FDCWD, env->run, 0700, &c.run, e) < 0)
		return err_ctx(e, "networks");
	c.root = fd_take(&root);
	*ret = c;
	return 0;
}

void network_close(struct network_ctx *c)
{
	own_fd_done(&c->root);
	own_fd_done(&c->run);
}

void network_warn(const struct network_ctx *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!c->env->warn)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* a cut warning is still one */
	va_end(ap);
	c->env->warn(text, c->env->warn_data);
}

int network_id_check(const char *id, struct err *e)
{
	if (!id || !path_is_clean(id) || strchr(id, '/') || *id == '.' ||
	    strlen(id) > NETWORK_NAME_MAX)
		return err_new(e, E_INVALID, EINVAL, "bad container id \"%s\"", id ? id : "");
	return 0;
}

bool network_has_ipv6(void)
{
	/* absent with ipv6.disable=1 and in kernels without IPv6; the switch is of this namespace */
	char c = '1';
	OWN_FD fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '0';
}
