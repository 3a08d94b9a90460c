/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration of registries: see config.h.
 */
#include "registry/config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/registries_conf.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

static const struct {
	const char *key;
	size_t at;
	int64_t min, max;
} numbers[] = {
	{ "download-range-bytes", offsetof(struct registry_config, range_bytes), 65536, 1 << 30 },
	{ "download-range-delay-ms", offsetof(struct registry_config, range_delay_ms), 0, 3600000 },
	{ "download-retry-delay-ms", offsetof(struct registry_config, retry_delay_ms), 1, 60000 },
	{ "download-stall-seconds", offsetof(struct registry_config, stall_s), 1, 3600 },
	{ "max-concurrent-downloads", offsetof(struct registry_config, parallel), 1, 64 },
	{ "max-concurrent-ranges", offsetof(struct registry_config, ranges), 0, 16 },
	{ "max-concurrent-uploads", offsetof(struct registry_config, uploads), 1, 64 },
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

int registry_config_load(const struct registry_access *access, struct registry_config *ret, struct err *e)
{
	static const struct registry_access as_configured;
	struct registry_config c = { .parallel = 3, .uploads = 5, .attempts = 5, .retry_delay_ms = 1000, .stall_s = 30,
				     .ranges = 4, .range_bytes = 8 << 20, .range_delay_ms = 1000 };
	const char *own = getenv("ONGGI_CONFIG");

	c.insecure = json_array();
	c.mirrors = json_array();
	int r = !c.insecure || !c.mirrors ? err_new(e, E_NOMEM, ENOMEM, "configuration") : 0;
	if (!r)
		r = file_read("/etc/docker/daemon.json", &c, e);
	if (!r)
		r = file_read(own && *own ? own : "/etc/onggi/onggi.json", &c, e);
	if (!r)
		r = registries_conf_load(&c.registries, e);
	if (r < 0) {
		registry_config_done(&c);
		return r;
	}
	c.access = access ? access : &as_configured;
	if (c.access->attempts)
		c.attempts = c.access->attempts;
	if (c.access->retry_delay_ms)
		c.retry_delay_ms = c.access->retry_delay_ms;
	*ret = c;
	return 0;
}

void registry_config_done(struct registry_config *c)
{
	json_decref(c->insecure);
	json_decref(c->mirrors);
	json_decref(c->registries);
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

	if (c->access->tls != ACCESS_TLS_CONFIGURED)
		return c->access->tls == ACCESS_TLS_ANY;
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
