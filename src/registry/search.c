/* SPDX-License-Identifier: Apache-2.0
 *
 * Search by the v1 API, see search.h.
 */
#include "registry/search.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/auth.h"
#include "registry/config.h"
#include "registry/credential.h"
#include "registry/http.h"

enum { REPLY_MAX = 4 << 20 };

struct search {
	struct reference ref; /* the registry; a path of no meaning */
	char query[512];      /* escaped for a URL */
	unsigned limit;
};

/* whether what stands before the first slash is a host, by the rule for references */
static bool is_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !memcmp(s, "localhost", 9));
}

static int term_take(struct search *s, const char *term, struct err *e)
{
	size_t n = strcspn(term, "/"), w = 0;

	if (strstr(term, "://")) {
		err_new(e, E_INVALID, EINVAL, "invalid repository name: repository name (%.200s) should not have a scheme", term);
		err_hint(e, "say HOST/TERM, or TERM alone for docker.io");
		return -e->eno;
	}
	(void)snprintf(s->ref.path, sizeof s->ref.path, "x");
	(void)snprintf(s->ref.domain, sizeof s->ref.domain, "docker.io");
	if (term[n] && is_host(term, n)) {
		if (n >= sizeof s->ref.domain)
			return err_new(e, E_INVALID, ENAMETOOLONG, "registry name of more than 255 characters");
		for (size_t i = 0; i < n; i++)
			if (!isalnum((unsigned char)term[i]) && !strchr(".-:[]", term[i]))
				return err_new(e, E_INVALID, EINVAL, "invalid registry name \"%.*s\"", (int)n, term);
		memcpy(s->ref.domain, term, n);
		s->ref.domain[n] = 0;
		term += n + 1;
		if (!strcmp(s->ref.domain, "index.docker.io"))
			(void)snprintf(s->ref.domain, sizeof s->ref.domain, "docker.io");
	}
	/* the names of official images have no folder there */
	if (!strcmp(s->ref.domain, "docker.io") && text_starts(term, "library/"))
		term += strlen("library/");
	if (!*term)
		return err_new(e, E_INVALID, EINVAL, "nothing to search for");
	for (; *term; term++) {
		if (w + 4 > sizeof s->query)
			return err_new(e, E_INVALID, ENAMETOOLONG, "the search term is too long");
		if (isalnum((unsigned char)*term) || strchr("-._~", *term))
			s->query[w++] = *term;
		else
			w += (size_t)snprintf(s->query + w, 4, "%%%02X", (unsigned char)*term);
	}
	s->query[w] = 0;
	return 0;
}

/* what a registry says goes to a terminal */
static json_t *plain(const char *s)
{
	OWN_BUF b = { 0 };

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool c1 = c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0; /* U+0080 to U+009F */
		buf_putc(&b, c < ' ' || c == 0x7f || c1 ? ' ' : *s);
		s += c1;
	}
	return json_string(buf_str(&b));
}

int search_parse(const char *text, size_t n, unsigned limit, json_t **ret, struct err *e)
{
	OWN_JSON j = NULL;
	OWN_JSON out = json_array();
	json_t *list = NULL;
	json_t *v;
	size_t i;

	if (!out)
		return err_new(e, E_NOMEM, ENOMEM, "search");
	if (js_parse(text, n, "search results", &j, e) < 0 || js_get_arr(j, "", "results", &list, e) < 0) {
		e->kind = e->kind == E_NOMEM ? E_NOMEM : E_CORRUPT;
		return -e->eno;
	}
	json_array_foreach(list, i, v) {
		const char *name = js_str(v, "name", "");
		if (!*name)
			return err_new(e, E_CORRUPT, EBADMSG, "results[%zu]: no name", i);
		if (i == limit)
			break;
		json_t *row = json_pack("{so so sb sb sI}", "name", plain(name), "description", plain(js_str(v, "description", "")),
					"is_official", js_bool(v, "is_official", false), "is_automated",
					js_bool(v, "is_automated", false), "star_count", (json_int_t)js_int(v, "star_count", 0));
		if (!row || json_array_append_new(out, row) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "search results");
	}
	*ret = ptr_take(&out);
	return 0;
}

/* one exchange with what authorization it takes */
static int ask(struct auth *a, struct http *h, const struct registry_endpoint *ep, const struct search *s, json_t **ret,
	       struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	OWN_BUF url = { 0 };
	bool hub = !strcmp(ep->domain, "docker.io");
	static const char *const headers[] = { "X-Docker-Token: true", NULL };

	buf_printf(&url, "%s/v1/search?q=%s&n=%u", hub ? "https://index.docker.io" : ep->url, s->query, s->limit);
	if (buf_failed(&url))
		return err_new(e, E_NOMEM, ENOMEM, "URL");
	for (int tries = 0; tries < 3; tries++) {
		OWN_SECRET value = NULL;
		if (auth_value(a, &value, e) < 0)
			return -e->eno;
		const struct http_req req = { .method = "GET", .url = buf_str(&url), .authorization = value, .headers = headers,
					      .tls = &ep->tls, .max_body = REPLY_MAX };
		if (http_do(h, &req, &resp, e) < 0)
			return -e->eno;
		if (resp.status == 200)
			return search_parse(buf_str(&resp.body), resp.body.n, s->limit, ret, e);
		if (resp.status == 404) {
			err_new(e, E_UNSUPPORTED, ENOSYS, "the registry has no search (GET /v1/search: 404)");
			err_hint(e, "list what it has with: onggi registry ls %s", ep->domain);
			return -e->eno;
		}
		if (resp.status != 401)
			return err_new(e, resp.status == 403 ? E_AUTH : E_NETWORK, EACCES, "Unexpected status code %ld", resp.status);
		if (auth_renew(a, h, ep, &resp, value, e) < 0)
			return -e->eno;
	}
	return err_new(e, E_AUTH, EACCES, "unauthorized");
}

static int ask_endpoints(const struct registry_access *access, const struct search *s, const struct registry_endpoints *list,
			 struct http *h, json_t **ret, struct err *e)
{
	int r = err_new(e, E_NOT_FOUND, ENOENT, "no registry but mirrors");

	for (size_t i = 0; i < list->n; i++) {
		struct auth *a;
		if (list->list[i].mirror)
			continue;
		err_clear(e);
		if (auth_open(list->list[i].domain, "", "", &a, e) < 0)
			return -e->eno;
		auth_access(a, access);
		r = ask(a, h, &list->list[i], s, ret, e);
		auth_close(a);
		/* plain http only where nothing speaks TLS */
		if (r == 0 || e->kind != E_NETWORK)
			break;
	}
	return r;
}

int search_registry(const char *term, const struct registry_access *access, unsigned limit, json_t **ret, struct err *e)
{
	struct search s = { .limit = limit };
	struct registry_config config;
	struct registry_endpoints list;
	struct http *h = NULL;
	ARENA arena = { 0 };

	if (term_take(&s, term, e) < 0 || registry_config_load(access, &config, e) < 0)
		return -e->eno;
	int r = registry_endpoints_find(&config, &s.ref, &arena, &list, e);
	if (r == 0)
		r = http_open(&h, e);
	if (r == 0)
		r = ask_endpoints(config.access, &s, &list, h, ret, e);
	http_close(h);
	registry_config_done(&config);
	return r < 0 ? err_ctx(e, "search %s", s.ref.domain) : 0;
}
