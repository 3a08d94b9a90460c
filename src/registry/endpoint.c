/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints of a repository and how each is trusted: see config.h.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/config.h"
#include "registry/registries_conf.h"

enum { CERT_BYTES_MAX = 1 << 20 };

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

static int tls_find(const struct registry_config *c, const char *host_port, struct arena *a, struct http_tls *ret,
		    struct err *e)
{
	static const char *const roots[] = { "/etc/onggi/certs.d", "/etc/docker/certs.d",
					     "/etc/containers/certs.d" };
	const char *own = getenv("ONGGI_CERTS");

	if (c->access->cert_dir)
		return certs_read(c->access->cert_dir, a, ret, e);
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

/* what is known of an endpoint before its schemes are tried */
struct place {
	const char *domain; /* host[:port] */
	const char *path;
	bool insecure, mirror;
};

static int endpoint_add(const struct registry_config *c, struct registry_endpoints *l, struct arena *a, const char *url,
			const struct place *p, struct err *e)
{
	struct registry_endpoint *ep = &l->list[l->n];

	if (l->n == REGISTRY_ENDPOINTS_MAX)
		return 0;
	*ep = (struct registry_endpoint){ .url = url, .domain = p->domain, .path = p->path,
					  .mirror = p->mirror };
	if (!url || !p->domain || !p->path)
		return err_new(e, E_NOMEM, ENOMEM, "registry");
	if (text_starts(url, "https://") && tls_find(c, p->domain, a, &ep->tls, e) < 0)
		return -e->eno;
	ep->tls.insecure = p->insecure;
	l->n++;
	return 0;
}

/* https, and plain http where that will do */
static int place_add(const struct registry_config *c, struct registry_endpoints *l, struct arena *a, const struct place *p,
		     struct err *e)
{
	const char *host = strcmp(p->domain, "docker.io") ? p->domain : "registry-1.docker.io";

	if (endpoint_add(c, l, a, arena_printf(a, "https://%s", host), p, e) < 0)
		return -e->eno;
	return p->insecure ? endpoint_add(c, l, a, arena_printf(a, "http://%s", host), p, e) : 0;
}

/* docker's: base URLs for docker.io alone */
static int mirrors_add(const struct registry_config *c, const struct reference *ref, struct arena *a,
		       struct registry_endpoints *l, struct err *e)
{
	json_t *v;
	size_t i;

	json_array_foreach(c->mirrors, i, v) {
		const char *s = json_string_value(v), *rest = strstr(s, "://");
		if (!text_starts(s, "http://") && !text_starts(s, "https://"))
			return err_new(e, E_INVALID, EINVAL,
				       "registry-mirrors: %.200s: must begin with http:// or https://", s);
		char *url = arena_strdup(a, s);
		for (size_t n = url ? strlen(url) : 0; n && url[n - 1] == '/';)
			url[--n] = 0;
		struct place p = { .domain = arena_strndup(a, rest + 3, strcspn(rest + 3, "/")),
				   .path = ref->path, .mirror = true };
		p.insecure = p.domain && registry_is_insecure(c, p.domain);
		if (endpoint_add(c, l, a, url, &p, e) < 0)
			return -e->eno;
	}
	return 0;
}

/* podman's: "host[:port]/path" each. How many, 0 when registries.conf says nothing. */
static int places_add(const struct registry_config *c, const struct reference *ref, struct arena *a,
		      struct registry_endpoints *l, struct err *e)
{
	struct registries_place list[REGISTRIES_PLACES_MAX];
	char name[2 * REFERENCE_NAME_MAX + 2];

	(void)snprintf(name, sizeof name, "%s/%s", ref->domain, ref->path); /* at most 255 each */
	int n = registries_conf_places(c->registries, name, *ref->digest, a, list, e);
	for (int i = 0; i < n; i++) {
		const char *slash = strchr(list[i].location, '/');
		if (!slash || !slash[1])
			return err_new(e, E_INVALID, EINVAL, "registries.conf: location %.200s names no repository",
				       list[i].location);
		struct place p = { .domain = arena_strndup(a, list[i].location, (size_t)(slash - list[i].location)),
				   .path = slash + 1, .mirror = list[i].mirror };
		p.insecure = p.domain && ((list[i].insecure && c->access->tls != ACCESS_TLS_VERIFY) || registry_is_insecure(c, p.domain));
		if (!p.mirror && !strcmp(ref->domain, "docker.io") && mirrors_add(c, ref, a, l, e) < 0)
			return -e->eno;
		if (place_add(c, l, a, &p, e) < 0)
			return -e->eno;
	}
	return n;
}

int registry_endpoints_find(const struct registry_config *c, const struct reference *ref,
			    struct arena *a, struct registry_endpoints *ret, struct err *e)
{
	struct place p = { .domain = ref->domain, .path = ref->path,
			   .insecure = registry_is_insecure(c, ref->domain) };

	ret->n = 0;
	int n = places_add(c, ref, a, ret, e);
	if (n)
		return n < 0 ? n : 0;
	if (!strcmp(ref->domain, "docker.io") && mirrors_add(c, ref, a, ret, e) < 0)
		return -e->eno;
	return place_add(c, ret, a, &p, e);
}
