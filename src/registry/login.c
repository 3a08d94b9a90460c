/* SPDX-License-Identifier: Apache-2.0
 *
 * Trying credentials: see login.h.
 */
#include "registry/login.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/auth.h"
#include "registry/http.h"

int registry_domain(const char *server, char *out, size_t n, struct err *e)
{
	static const char *const hub[] = { "", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com" };
	const char *s = server ? strstr(server, "://") : NULL;
	struct err ignored = { 0 };
	char name[300];
	struct reference ref;

	s = s ? s + 3 : server ? server : "";
	size_t len = strcspn(s, "/");
	if (len >= n || len > 255)
		return err_new(e, E_INVALID, ENAMETOOLONG, "registry name of more than 255 characters");
	(void)snprintf(out, n, "%.*s", (int)len, s);
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	for (size_t i = 0; i < ARRAY_LEN(hub); i++)
		if (!strcmp(out, hub[i])) {
			(void)snprintf(out, n, "docker.io");
			return 0;
		}
	/* what may stand before a repository is a registry */
	(void)snprintf(name, sizeof name, "%s%s/x", out, strpbrk(out, ".:") || !strcmp(out, "localhost") ? "" : ":443");
	if (reference_parse(name, &ref, &ignored) < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid registry name \"%.255s\"", s);
	return 0;
}

static int ask(struct auth *a, struct http *h, const struct registry_endpoint *ep, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	OWN_BUF url = { 0 };

	buf_printf(&url, "%s/v2/", ep->url);
	if (buf_failed(&url))
		return err_new(e, E_NOMEM, ENOMEM, "URL");
	for (int tries = 0; tries < 3; tries++) {
		OWN_SECRET value = NULL;
		if (auth_value(a, &value, e) < 0)
			return -e->eno;
		const struct http_req req = { .method = "GET", .url = buf_str(&url), .authorization = value,
					      .tls = &ep->tls, .max_body = 64 << 10 };
		if (http_do(h, &req, &resp, e) < 0)
			return -e->eno;
		if (resp.status / 100 == 2)
			return 0;
		if (resp.status != 401)
			return err_new(e, resp.status == 403 ? E_AUTH : E_NETWORK, EACCES,
				       "%s: unexpected HTTP status %ld", buf_str(&url), resp.status);
		if (auth_renew(a, h, ep, &resp, value, e) < 0)
			return -e->eno;
	}
	return err_new(e, E_AUTH, EACCES, "unauthorized: incorrect username or password");
}

static int try_endpoint(const struct registry_endpoint *ep, struct http *h, struct credential *c, struct err *e)
{
	struct auth *a;
	int r;

	if (auth_open(ep->domain, "", "", &a, e) < 0)
		return -e->eno;
	r = auth_use(a, c, e);
	if (r == 0)
		r = ask(a, h, ep, e);
	const char *token = auth_identity(a);
	if (r == 0 && token && (!c->identity_token || strcmp(c->identity_token, token) != 0)) {
		free(c->identity_token);
		c->identity_token = strdup(token);
		if (!c->identity_token)
			r = err_new(e, E_NOMEM, ENOMEM, "credentials");
	}
	auth_close(a);
	return r;
}

int registry_login(const char *domain, const struct registry_access *access, struct credential *c, struct err *e)
{
	struct reference ref = { 0 };
	struct registry_config config;
	struct registry_endpoints list;
	struct http *h = NULL;
	ARENA arena = { 0 };

	(void)snprintf(ref.domain, sizeof ref.domain, "%s", domain); /* checked by registry_domain() */
	(void)snprintf(ref.path, sizeof ref.path, "x");
	if (registry_config_load(access, &config, e) < 0)
		return -e->eno;
	int r = registry_endpoints_find(&config, &ref, &arena, &list, e);
	if (r == 0)
		r = http_open(&h, e);
	int res = r < 0 ? r : err_new(e, E_NOT_FOUND, ENOENT, "no registry but mirrors");
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		if (list.list[i].mirror)
			continue;
		err_clear(e);
		res = try_endpoint(&list.list[i], h, c, e);
		/* plain http only where nothing speaks TLS */
		if (res == 0 || e->kind != E_NETWORK)
			break;
	}
	http_close(h);
	registry_config_done(&config);
	return res < 0 ? err_ctx(e, "login to %s", domain) : 0;
}
