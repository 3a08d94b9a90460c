/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts, hostname and resolv.conf as docker writes them: see hosts.h.
 */
#include "engine/hosts.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/ip.h"

enum { HOSTS_FILE_MAX = 1 << 20 };

/* splits "name:ip" or "name=ip"; the first separator counts, so that IPv6 addresses keep theirs */
static int split_extra(const char *spec, size_t *ret_name_n, char ip[IP_TEXT_MAX], struct err *e)
{
	const char *sep = strchr(spec, '=');
	struct ip_addr a;

	if (!sep)
		sep = strchr(spec, ':');
	if (!sep || sep == spec)
		return err_new(e, E_INVALID, EINVAL, "bad format for add-host: \"%s\"", spec);
	const char *v = sep + 1;
	size_t n = strlen(v);
	if (n > 2 && v[0] == '[' && v[n - 1] == ']') {
		v++;
		n -= 2;
	}
	if (n >= IP_TEXT_MAX)
		return err_new(e, E_INVALID, EINVAL, "invalid IP address in add-host: \"%s\"", sep + 1);
	memcpy(ip, v, n);
	ip[n] = 0;
	if (strcmp(ip, "host-gateway") && ip_addr_parse(ip, &a) < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid IP address in add-host: \"%s\"", ip);
	if (strcspn(spec, " \t\r\n") < (size_t)(sep - spec))
		return err_new(e, E_INVALID, EINVAL, "bad format for add-host: \"%s\"", spec);
	*ret_name_n = (size_t)(sep - spec);
	return 0;
}

int hosts_check_extra(const char *spec, struct err *e)
{
	char ip[IP_TEXT_MAX];
	size_t n;

	return split_extra(spec, &n, ip, e);
}

static int add_extra(struct buf *b, const struct hosts_req *q, const char *spec, struct err *e)
{
	char ip[IP_TEXT_MAX];
	size_t n;

	if (split_extra(spec, &n, ip, e) < 0)
		return -e->eno;
	if (strcmp(ip, "host-gateway")) {
		buf_printf(b, "%s\t%.*s\n", ip, (int)n, spec);
		return 0;
	}
	if (!q->gateway4 && !q->gateway6)
		return err_new(e, E_INVALID, EINVAL, "unable to derive the IP value for host-gateway");
	if (q->gateway4)
		buf_printf(b, "%s\t%.*s\n", q->gateway4, (int)n, spec);
	if (q->gateway6 && !q->no_ipv6)
		buf_printf(b, "%s\t%.*s\n", q->gateway6, (int)n, spec);
	return 0;
}

/* "IP<tab>fqdn short": the short name is what stands before the first dot */
static void add_self(struct buf *b, const struct hosts_req *q, const char *ip)
{
	if (!ip || !*ip || !q->hostname || !*q->hostname)
		return;
	buf_printf(b, "%s\t%s", ip, q->hostname);
	if (q->domainname && *q->domainname)
		buf_printf(b, ".%s %s", q->domainname, q->hostname);
	else if (strchr(q->hostname, '.'))
		buf_printf(b, " %.*s", (int)strcspn(q->hostname, "."), q->hostname);
	buf_putc(b, '\n');
}

static int read_host(const char *given, const char *path, char **ret, struct err *e)
{
	if (given) {
		*ret = strdup(given);
		return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "%s", path);
	}
	/* a link is usual here, so not io_read_file */
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*ret = strdup("");
		return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "%s", path);
	}
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	return io_read_fd(fd, HOSTS_FILE_MAX, ret, NULL, e) < 0 ? err_ctx(e, "%s", path) : 0;
}

int hosts_text(const struct hosts_req *q, char **ret, struct err *e)
{
	static const char v4[] = "127.0.0.1\tlocalhost\n";
	static const char v6[] = "::1\tlocalhost ip6-localhost ip6-loopback\n"
				 "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
				 "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
	OWN_BUF b = { 0 };

	if (q->mode == HOSTS_HOST) {
		OWN_STR host = NULL;
		if (read_host(q->host_hosts, "/etc/hosts", &host, e) < 0)
			return -e->eno;
		buf_puts(&b, host);
		if (b.n && b.p[b.n - 1] != '\n')
			buf_putc(&b, '\n');
	} else {
		buf_puts(&b, v4);
		if (!q->no_ipv6)
			buf_puts(&b, v6);
	}
	for (size_t i = 0; i < q->n_extra_hosts; i++)
		if (add_extra(&b, q, q->extra_hosts[i], e) < 0)
			return -e->eno;
	for (size_t i = 0; i < q->n_links; i++) {
		buf_puts(&b, q->links[i]);
		buf_putc(&b, '\n');
	}
	if (q->mode == HOSTS_BRIDGE || q->mode == HOSTS_USER) {
		add_self(&b, q, q->ip4);
		if (!q->no_ipv6)
			add_self(&b, q, q->ip6);
	}
	*ret = buf_take(&b);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "hosts");
}

/* one line of the host's resolv.conf by keyword, with its values still joined */
struct resolv_scan {
	const char *p;
};

static bool next_line(struct resolv_scan *s, const char *key, const char **value, size_t *n)
{
	size_t kn = strlen(key);

	while (*s->p) {
		const char *l = s->p + strspn(s->p, " \t");
		size_t len = strcspn(l, "\n");
		s->p = l + len + (l[len] == '\n');
		if (len <= kn || strncmp(l, key, kn) || (l[kn] != ' ' && l[kn] != '\t'))
			continue;
		const char *v = l + kn + strspn(l + kn, " \t");
		size_t vn = len - (size_t)(v - l);
		while (vn && strchr(" \t\r", v[vn - 1]))
			vn--;
		if (!vn || v > l + len)
			continue;
		*value = v;
		*n = vn;
		return true;
	}
	return false;
}

enum server_use { SERVERS_ALL, SERVERS_REACHABLE };

/* name servers as lines; those on loopback are not reachable from another namespace */
static size_t add_servers(struct buf *b, const char *text, enum server_use use, bool no_ipv6)
{
	struct resolv_scan s = { text };
	const char *v;
	size_t n, count = 0;

	while (next_line(&s, "nameserver", &v, &n)) {
		char ip[IP_TEXT_MAX];
		struct ip_addr a;
		size_t plain = 0;
		n = strcspn(v, " \t\r\n#;");
		while (plain < n && v[plain] != '%')
			plain++; /* a zone names a link of the host: useless inside */
		if (plain >= sizeof ip)
			continue;
		memcpy(ip, v, plain);
		ip[plain] = 0;
		if (ip_addr_parse(ip, &a) < 0)
			continue;
		if (use == SERVERS_REACHABLE &&
		    (ip_addr_is_loopback(&a) || plain < n || (no_ipv6 && strchr(ip, ':'))))
			continue;
		if (b)
			buf_printf(b, "nameserver %.*s\n", (int)n, v);
		count++;
	}
	return count;
}

static void add_list(struct buf *b, const char *key, const char *const *v, size_t n)
{
	buf_puts(b, key);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, " %s", v[i]);
	buf_putc(b, '\n');
}

static void add_search(struct buf *b, const struct hosts_req *q, const char *host)
{
	struct resolv_scan s = { host }, d = { host };
	const char *v = NULL, *w;
	size_t n = 0, m;

	if (q->n_dns_search) {
		/* one "." means: none */
		if (q->n_dns_search > 1 || strcmp(q->dns_search[0], "."))
			add_list(b, "search", q->dns_search, q->n_dns_search);
		return;
	}
	while (next_line(&s, "search", &w, &m)) {
		v = w;
		n = m;
	}
	if (!v && !next_line(&d, "domain", &v, &n))
		return;
	buf_printf(b, "search %.*s\n", (int)n, v);
}

static void add_options(struct buf *b, const struct hosts_req *q, const char *host)
{
	struct resolv_scan s = { host };
	OWN_BUF line = { 0 };
	const char *v;
	size_t n;

	for (size_t i = 0; i < q->n_dns_options; i++)
		buf_printf(&line, " %s", q->dns_options[i]);
	while (!q->n_dns_options && next_line(&s, "options", &v, &n))
		buf_printf(&line, " %.*s", (int)n, v);
	/* the embedded resolver knows single labels: ask for them first */
	if (q->mode == HOSTS_USER && (!line.n || !strstr(line.p, "ndots:")))
		buf_puts(&line, " ndots:0");
	if (line.n)
		buf_printf(b, "options%s\n", line.p);
}

/* the host's own text; where a stub resolver of systemd stands in, what it uses itself */
static int host_resolv(const struct hosts_req *q, char **ret, struct err *e)
{
	OWN_STR text = NULL;

	if (read_host(q->host_resolv, "/etc/resolv.conf", &text, e) < 0)
		return -e->eno;
	if (!q->host_resolv && add_servers(NULL, text, SERVERS_ALL, false) &&
	    !add_servers(NULL, text, SERVERS_REACHABLE, false)) {
		OWN_STR behind = NULL;
		struct err none;
		if (read_host(NULL, "/run/systemd/resolve/resolv.conf", &behind, &none) >= 0 && *behind) {
			*ret = ptr_take(&behind);
			return 0;
		}
	}
	*ret = ptr_take(&text);
	return 0;
}

int resolv_text(const struct hosts_req *q, char **ret, struct err *e)
{
	OWN_STR host = NULL;
	OWN_BUF b = { 0 };
	struct ip_addr a;

	if (q->mode == HOSTS_HOST && !q->n_dns && !q->n_dns_search && !q->n_dns_options)
		return read_host(q->host_resolv, "/etc/resolv.conf", ret, e);
	if (q->mode == HOSTS_HOST ? read_host(q->host_resolv, "/etc/resolv.conf", &host, e) < 0
				  : host_resolv(q, &host, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < q->n_dns; i++)
		if (ip_addr_parse(q->dns[i], &a) < 0)
			return err_new(e, E_INVALID, EINVAL, "%s is not an ip address", q->dns[i]);
	buf_puts(&b, "# Generated by onggi from the host's resolv.conf and the container's options.\n"
		     "# Edit it and it is left alone from then on.\n");
	if (q->mode == HOSTS_USER) {
		buf_puts(&b, "nameserver 127.0.0.11\n");
	} else if (q->n_dns) {
		for (size_t i = 0; i < q->n_dns; i++)
			buf_printf(&b, "nameserver %s\n", q->dns[i]);
	} else if (!add_servers(&b, host, q->mode == HOSTS_HOST ? SERVERS_ALL : SERVERS_REACHABLE,
				q->no_ipv6)) {
		buf_puts(&b, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
		if (!q->no_ipv6)
			buf_puts(&b, "nameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n");
	}
	add_search(&b, q, host);
	add_options(&b, q, host);
	*ret = buf_take(&b);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "resolv.conf");
}

/* only to notice an edit */
static uint64_t sum(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return h;
}

static bool edited(int xdir)
{
	OWN_STR text = NULL;
	OWN_STR was = NULL;
	char now[24];
	struct err none;

	if (io_read_file(xdir, "resolv.conf", HOSTS_FILE_MAX, &text, NULL, &none) < 0 ||
	    io_read_file(xdir, ".resolv.sum", sizeof now, &was, NULL, &none) < 0)
		return false;
	(void)snprintf(now, sizeof now, "%016llx", (unsigned long long)sum(text));
	return strcmp(now, was) != 0;
}

static int write_resolv(int xdir, const struct hosts_req *q, struct err *e)
{
	OWN_STR text = NULL;
	char mark[24];

	if (edited(xdir))
		return 0;
	if (resolv_text(q, &text, e) < 0)
		return -e->eno;
	(void)snprintf(mark, sizeof mark, "%016llx", (unsigned long long)sum(text));
	if (io_replace_file(xdir, "resolv.conf", text, strlen(text), 0644, 0, e) < 0)
		return -e->eno;
	return io_replace_file(xdir, ".resolv.sum", mark, strlen(mark), 0600, 0, e);
}

int hosts_write(int xdir, const struct hosts_req *q, struct err *e)
{
	OWN_STR text = NULL;
	struct utsname u;
	char name[270];

	if (hosts_text(q, &text, e) < 0 ||
	    io_replace_file(xdir, "hosts", text, strlen(text), 0644, 0, e) < 0)
		return err_ctx(e, "hosts file");
	const char *host = q->hostname;
	if (!host || !*host)
		host = uname(&u) < 0 ? "localhost" : u.nodename;
	(void)snprintf(name, sizeof name, "%.255s\n", host);
	if (io_replace_file(xdir, "hostname", name, strlen(name), 0644, 0, e) < 0)
		return err_ctx(e, "hostname file");
	return write_resolv(xdir, q, e) < 0 ? err_ctx(e, "resolv.conf") : 0;
}
