/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of registries: see config.h.
 */
#include "registry/config.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"

enum { CONFIG_BYTES_MAX = 1 << 20, CERT_BYTES_MAX = 1 << 20 };

static const struct {
	const char *key;
	size_t at;
	int64_t min, max;
} numbers[] = {
	{ "download-retry-delay-ms", offsetof(struct registry_config, retry_delay_ms), 1, 60000 },
	{ "download-stall-seconds", offsetof(struct registry_config, stall_s), 1, 3600 },
	{ "max-concurrent-downloads", offsetof(struct registry_config, parallel), 1, 64 },
	{ "max-download-attempts", offsetof(struct registry_config, attempts), 1, 100 },
};

/* lists of both files add up */
static int list_merge(const json_t *j, const char *key, json_t *into, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;

	if (js_get_arr(j, "", key, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return err_new(e, E_INVALID, EINVAL, "%s[%zu]: expected string", key, i);
		if (json_array_append(into, v) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "%s", key);
	}
	return 0;
}

static int file_read(const char *path, struct registry_config *c, struct err *e)
{
	OWN_JSON j = NULL;

	if (js_load(AT_FDCWD, path, CONFIG_BYTES_MAX, &j, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return err_ctx(e, "configuration");
		err_clear(e);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int64_t v = 0;
		int r = js_get_int(j, "", numbers[i].key, &v, e);
		if (r > 0 && (v < numbers[i].min || v > numbers[i].max))
			r = err_new(e, E_INVALID, ERANGE, "%s: %lld is not in %lld..%lld", numbers[i].key,
				    (long long)v, (long long)numbers[i].min, (long long)numbers[i].max);
		if (r < 0)
			return err_ctx(e, "%s", path);
		if (r > 0)
			*(unsigned *)((char *)c + numbers[i].at) = (unsigned)v;
	}
	if (list_merge(j, "insecure-registries", c->insecure, e) < 0 ||
	    list_merge(j, "registry-mirrors", c->mirrors, e) < 0)
		return err_ctx(e, "%s", path);
	return 0;
}

int registry_config_load(struct registry_config *ret, struct err *e)
{
	struct registry_config c = { .parallel = 3, .attempts = 5, .retry_delay_ms = 1000, .stall_s = 30 };
	const char *own = getenv("ONGGI_CONFIG");

	c.insecure = json_array();
	c.mirrors = json_array();
	int r = !c.insecure || !c.mirrors ? err_new(e, E_NOMEM, ENOMEM, "configuration") : 0;
	if (!r)
		r = file_read("/etc/docker/daemon.json", &c, e);
	if (!r)
		r = file_read(own && *own ? own : "/etc/onggi/onggi.json", &c, e);
	if (r < 0) {
		registry_config_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void registry_config_done(struct registry_config *c)
{
	json_decref(c->insecure);
	json_decref(c->mirrors);
	*c = (struct registry_config){ 0 };
}

/* "host:5000", "[::1]:5000" -> host without brackets */
static void host_of(const char *domain, char *out, size_t n)
{
	const char *end = strrchr(domain, ':');

	if (*domain == '[') {
		domain++;
		end = strchr(domain, ']');
	}
	(void)snprintf(out, n, "%.*s", (int)(end ? (size_t)(end - domain) : strlen(domain)), domain);
}

/* whether address text @host lies in "ADDRESS/BITS" */
static bool in_network(const char *host, const char *cidr)
{
	unsigned char a[16], b[16];
	char net[64];
	const char *slash = strchr(cidr, '/');
	uint32_t bits;

	if (!slash || (size_t)(slash - cidr) >= sizeof net || text_uint32(slash + 1, &bits) < 0)
		return false;
	memcpy(net, cidr, (size_t)(slash - cidr));
	net[slash - cidr] = 0;
	int family = strchr(net, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, net, a) != 1 || inet_pton(family, host, b) != 1 ||
	    bits > (family == AF_INET ? 32 : 128))
		return false;
	for (uint32_t i = 0; i < bits; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

bool registry_is_insecure(const struct registry_config *c, const char *domain)
{
	char host[300];
	json_t *v;
	size_t i;

	host_of(domain, host, sizeof host);
	if (!strcasecmp(host, "localhost") || in_network(host, "127.0.0.0/8") || in_network(host, "::1/128"))
		return true;
	json_array_foreach(c->insecure, i, v) {
		const char *s = json_string_value(v);
		if (text_starts(s, "http://"))
			s += 7;
		else if (text_starts(s, "https://"))
			s += 8;
		if (!strcasecmp(s, domain) || !strcasecmp(s, host) || in_network(host, s))
			return true;
	}
	return false;
}

static bool ends_in(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);
	return n > k && !strcmp(s + n - k, suffix);
}

/* one folder HOST[:PORT]: every *.crt is an authority, the first X.cert with X.key is ours */
static int certs_read(const char *path, struct arena *a, struct http_tls *tls, struct err *e)
{
	OWN_DIR d = opendir(path);
	OWN_BUF pem = { 0 };

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, errno, "open %s", path);
	if (tls->ca_pem)
		buf_puts(&pem, tls->ca_pem);
	for (struct dirent *de; (de = readdir(d));) {
		OWN_STR text = NULL;
		size_t n;
		if (ends_in(de->d_name, ".crt")) {
			if (io_read_file(dirfd(d), de->d_name, CERT_BYTES_MAX, &text, &n, e) < 0)
				return err_ctx(e, "certificate in %s", path);
			buf_add(&pem, text, n);
			buf_putc(&pem, '\n');
		} else if (ends_in(de->d_name, ".cert") && !tls->cert) {
			size_t stem = strlen(de->d_name) - strlen(".cert");
			tls->cert = arena_printf(a, "%s/%s", path, de->d_name);
			tls->key = arena_printf(a, "%s/%.*s.key", path, (int)stem, de->d_name);
			if (!tls->cert || !tls->key)
				return err_new(e, E_NOMEM, ENOMEM, "certificates");
			if (access(tls->key, R_OK) < 0)
				return err_sys(e, errno, "key of the certificate %s: %s", tls->cert, tls->key);
		}
	}
	if (pem.n) {
		tls->ca_pem = arena_strndup(a, buf_str(&pem), pem.n);
		tls->ca_pem_n = pem.n;
	}
	return buf_failed(&pem) || (pem.n && !tls->ca_pem) ? err_new(e, E_NOMEM, ENOMEM, "certificates") : 0;
}

static int tls_find(const char *host_port, struct arena *a, struct http_tls *ret, struct err *e)
{
	static const char *const roots[] = { "/etc/onggi/certs.d", "/etc/docker/certs.d",
					     "/etc/containers/certs.d" };
	const char *own = getenv("ONGGI_CERTS");

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		char *path = arena_printf(a, "%s/%s", i || !own || !*own ? roots[i] : own, host_port);
		if (!path)
			return err_new(e, E_NOMEM, ENOMEM, "certificates");
		int r = certs_read(path, a, ret, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int endpoint_add(struct registry_endpoints *l, struct arena *a, const char *scheme,
			const char *rest, struct err *e)
{
	struct registry_endpoint *ep = &l->list[l->n];

	if (l->n == REGISTRY_ENDPOINTS_MAX)
		return 0;
	*ep = (struct registry_endpoint){ .url = arena_printf(a, "%s%s", scheme, rest) };
	if (!ep->url)
		return err_new(e, E_NOMEM, ENOMEM, "registry");
	l->n++;
	return 0;
}

static int mirrors_add(const struct registry_config *c, struct arena *a, struct registry_endpoints *l,
		       struct err *e)
{
	json_t *v;
	size_t i;

	json_array_foreach(c->mirrors, i, v) {
		const char *s = json_string_value(v), *rest = strstr(s, "://");
		if (!text_starts(s, "http://") && !text_starts(s, "https://"))
			return err_new(e, E_INVALID, EINVAL, "registry-mirrors: %.200s: must begin with http:// or https://", s);
		char *url = arena_strdup(a, s), *host = arena_strndup(a, rest + 3, strcspn(rest + 3, "/"));
		if (!url || !host)
			return err_new(e, E_NOMEM, ENOMEM, "registry-mirrors");
		for (size_t n = strlen(url); n && url[n - 1] == '/';)
			url[--n] = 0;
		if (endpoint_add(l, a, "", url, e) < 0 || tls_find(host, a, &l->list[l->n - 1].tls, e) < 0)
			return -e->eno;
		l->list[l->n - 1].mirror = true;
		l->list[l->n - 1].tls.insecure = registry_is_insecure(c, host);
	}
	return 0;
}

int registry_endpoints_find(const struct registry_config *c, const char *domain, struct arena *a,
			    struct registry_endpoints *ret, struct err *e)
{
	const char *host = strcmp(domain, "docker.io") ? domain : "registry-1.docker.io";
	struct http_tls tls = { 0 };

	ret->n = 0;
	if (host != domain && mirrors_add(c, a, ret, e) < 0)
		return -e->eno;
	if (tls_find(domain, a, &tls, e) < 0 || endpoint_add(ret, a, "https://", host, e) < 0)
		return -e->eno;
	tls.insecure = registry_is_insecure(c, domain);
	ret->list[ret->n - 1].tls = tls;
	if (tls.insecure && endpoint_add(ret, a, "http://", host, e) < 0)
		return -e->eno;
	return 0;
}
