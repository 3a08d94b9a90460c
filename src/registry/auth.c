/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorization: see auth.h. Token flow of the distribution project: GET realm with service and
 * scope, or POST with an identity token (OAuth2 refresh token).
 */
#include "registry/auth.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "format/challenge.h"
#include "format/js.h"
#include "format/json.h"
#include "format/base64.h"
#include "registry/credential.h"

enum { CHALLENGES_MAX = 8, TOKEN_BYTES_MAX = 1 << 20 };

struct auth {
	pthread_mutex_t lock;
	char domain[300], path[300];
	char scope[2000];
	bool looked_up;
	bool login;       /* trying credentials: ask for an identity token */
	struct credential credential;
	const struct registry_access *access; /* NULL: nothing of its own */
	char *value;      /* of the Authorization header */
	bool value_basic; /* credentials themselves, which do not get better by asking again */
};

int auth_open(const char *domain, const char *path, const char *actions, struct auth **ret,
	      struct err *e)
{
	struct auth *a = calloc(1, sizeof *a);

	if (!a || pthread_mutex_init(&a->lock, NULL)) {
		free(a);
		return err_new(e, E_NOMEM, ENOMEM, "authorization");
	}
	/* both come from a parsed reference or a checked URL: at most 255 bytes */
	(void)snprintf(a->domain, sizeof a->domain, "%s", domain);
	(void)snprintf(a->path, sizeof a->path, "%s", path);
	if (*path)
		(void)snprintf(a->scope, sizeof a->scope, "repository:%s:%s", path, actions);
	*ret = a;
	return 0;
}

int auth_use(struct auth *a, const struct credential *c, struct err *e)
{
	a->looked_up = a->login = true;
	if ((c->user && !(a->credential.user = strdup(c->user))) ||
	    (c->password && !(a->credential.password = strdup(c->password))) ||
	    (c->identity_token && !(a->credential.identity_token = strdup(c->identity_token))))
		return err_new(e, E_NOMEM, ENOMEM, "credentials");
	return 0;
}

void auth_access(struct auth *a, const struct registry_access *access)
{
	a->access = access;
}

/* those of the command, else what is kept for the registry */
static int look_up(struct auth *a, struct err *e)
{
	const struct registry_access *x = a->access;

	if (x && x->user) {
		a->credential.user = strdup(x->user);
		a->credential.password = strdup(x->password ? x->password : "");
		return a->credential.user && a->credential.password ? 0 : err_new(e, E_NOMEM, ENOMEM, "credentials");
	}
	if (x && x->anonymous)
		return 0;
	return credential_find(a->domain, a->path, x ? x->authfile : NULL, &a->credential, e);
}

const char *auth_identity(const struct auth *a)
{
	return a->credential.identity_token;
}

void auth_also_pull(struct auth *a, const char *path)
{
	size_t at = strlen(a->scope);

	/* one more that does not fit is only an upload that could have been spared */
	if (at + strlen(path) + 20 < sizeof a->scope)
		(void)snprintf(a->scope + at, sizeof a->scope - at, " repository:%s:pull", path);
}

void auth_close(struct auth *a)
{
	if (!a)
		return;
	credential_done(&a->credential);
	secret_free(&a->value);
	(void)pthread_mutex_destroy(&a->lock); /* nobody holds it */
	free(a);
}

int auth_value(struct auth *a, char **ret, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&a->lock);
	*ret = a->value ? strdup(a->value) : NULL;
	if (a->value && !*ret)
		r = err_new(e, E_NOMEM, ENOMEM, "authorization");
	pthread_mutex_unlock(&a->lock);
	return r;
}

static void url_escape(struct buf *b, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c)) {
			buf_putc(b, *s);
		} else {
			buf_putc(b, '%');
			buf_putc(b, hex[c >> 4]);
			buf_putc(b, hex[c & 15]);
		}
	}
}

static void pair(struct buf *b, const char *before, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_puts(b, before);
	buf_puts(b, key);
	buf_putc(b, '=');
	url_escape(b, value);
}

/* a scope of several is sent as one parameter each */
static void scopes(struct buf *b, const char *scope)
{
	while (*scope) {
		char one[600];
		size_t n = strcspn(scope, " ");
		if (n && n < sizeof one) {
			memcpy(one, scope, n);
			one[n] = 0;
			pair(b, "&", "scope", one);
		}
		scope += n + (scope[n] == ' ');
	}
}

static int value_set(struct auth *a, const char *scheme, const char *secret, bool basic, struct err *e)
{
	struct buf b = { 0 };

	if (secret[strcspn(secret, "\r\n")])
		return err_new(e, E_AUTH, EINVAL, "token with a line end");
	buf_printf(&b, "%s %s", scheme, secret);
	if (buf_failed(&b)) {
		buf_done(&b);
		return err_new(e, E_NOMEM, ENOMEM, "authorization");
	}
	secret_free(&a->value);
	a->value = buf_take(&b);
	a->value_basic = basic;
	return 0;
}

static int basic_text(const struct credential *c, struct buf *out, struct err *e)
{
	struct buf plain = { 0 };

	buf_printf(&plain, "%s:%s", c->user, c->password ? c->password : "");
	if (!buf_failed(&plain))
		base64_encode(plain.p, plain.n, out);
	bool failed = buf_failed(&plain) || buf_failed(out);
	if (plain.p)
		explicit_bzero(plain.p, plain.n);
	buf_done(&plain);
	return failed ? err_new(e, E_NOMEM, ENOMEM, "authorization") : 0;
}

static int token_parse(const struct http_resp *r, struct auth *a, struct err *e)
{
	OWN_JSON j = NULL;

	if (js_parse(buf_str(&r->body), r->body.n, "token", &j, e) < 0) {
		e->kind = E_AUTH;
		return -e->eno;
	}
	const char *token = js_str(j, "token", "");
	if (!*token)
		token = js_str(j, "access_token", "");
	if (!*token)
		return err_new(e, E_AUTH, EBADMSG, "reply without a token");
	/* some realms rotate the refresh token */
	const char *refresh = js_str(j, "refresh_token", "");
	if ((a->credential.identity_token || a->login) && *refresh) {
		char *copy = strdup(refresh);
		if (!copy)
			return err_new(e, E_NOMEM, ENOMEM, "token");
		secret_free(&a->credential.identity_token);
		a->credential.identity_token = copy;
	}
	return value_set(a, "Bearer", token, false, e);
}

/* What is asked for is what the challenge names and what we shall need beside it: a HEAD is
 * answered with a scope for "pull" only, and the upload that follows would be refused. */
static void scope_join(const char *challenge, const char *own, char *out, size_t n)
{
	(void)snprintf(out, n, "%s", challenge); /* the buffer holds both */
	while (*own) {
		size_t len = strcspn(own, " "), at = strlen(out);
		char one[400];
		(void)snprintf(one, sizeof one, "%.*s", (int)len, own);
		if (!strstr(out, one))
			(void)snprintf(out + at, n - at, "%s%s", at ? " " : "", one);
		own += len + (own[len] == ' ');
	}
}

static int token_send(struct auth *a, struct http *h, const struct registry_endpoint *ep,
		      const struct challenge *c, struct http_resp *ret, struct err *e)
{
	char scope[sizeof c->scope + sizeof a->scope + 2];
	OWN_BUF url = { 0 };
	OWN_BUF form = { 0 };
	OWN_BUF basic = { 0 };
	struct http_req req = { .method = "GET", .max_body = TOKEN_BYTES_MAX };

	scope_join(c->scope, a->scope, scope, sizeof scope);
	buf_puts(&url, c->realm);
	if (a->credential.identity_token) {
		req.method = "POST";
		buf_puts(&form, "grant_type=refresh_token&client_id=onggi");
		pair(&form, "&", "service", c->service);
		pair(&form, "&", "scope", scope);
		pair(&form, "&", "refresh_token", a->credential.identity_token);
		req.form = buf_str(&form);
	} else {
		buf_puts(&url, strchr(c->realm, '?') ? "&" : "?");
		buf_puts(&url, "client_id=onggi");
		pair(&url, "&", "service", c->service);
		scopes(&url, scope);
		if (a->login)
			buf_puts(&url, "&offline_token=true");
		if (a->credential.user) {
			pair(&url, "&", "account", a->credential.user);
			buf_puts(&basic, "Basic ");
			if (basic_text(&a->credential, &basic, e) < 0)
				return -e->eno;
			req.authorization = buf_str(&basic);
		}
	}
	req.url = buf_str(&url);
	if (buf_failed(&url) || buf_failed(&form) || buf_failed(&basic))
		return err_new(e, E_NOMEM, ENOMEM, "token request");
	if (http_same_origin(ep->url, c->realm))
		req.tls = &ep->tls;
	int r = http_do(h, &req, ret, e);
	if (basic.p)
		explicit_bzero(basic.p, basic.n);
	if (form.p)
		explicit_bzero(form.p, form.n);
	return r;
}

static int bearer_get(struct auth *a, struct http *h, const struct registry_endpoint *ep,
		      const struct challenge *c, struct err *e)
{
	OWN_HTTP_RESP r = { 0 };

	if (a->credential.registry_token)
		return value_set(a, "Bearer", a->credential.registry_token, true, e);
	if (!text_starts(c->realm, "https://") && !text_starts(c->realm, "http://"))
		return err_new(e, E_DENIED, EACCES, "token realm \"%.200s\" is no http or https URL", c->realm);
	/* credentials would travel in clear, although the registry itself is asked over TLS */
	if (text_starts(c->realm, "http://") && text_starts(ep->url, "https://"))
		return err_new(e, E_DENIED, EACCES, "token realm %.200s refused: plain http for a registry on https",
			       c->realm);
	if (token_send(a, h, ep, c, &r, e) < 0)
		return err_ctx(e, "get token");
	if (r.status == 401 || r.status == 403)
		return err_new(e, E_AUTH, EACCES, a->credential.user || a->credential.identity_token ?
			       "unauthorized: incorrect username or password" :
			       "unauthorized: authentication required");
	if (r.status < 200 || r.status > 299) {
		bool later = r.status == 429 || r.status >= 500;
		return err_new(e, later ? E_NETWORK : E_AUTH, later ? EAGAIN : EACCES,
			       "get token: %.200s: unexpected status code %ld", c->realm, r.status);
	}
	int ret = token_parse(&r, a, e);
	if (r.body.p)
		explicit_bzero(r.body.p, r.body.n);
	return ret < 0 ? err_ctx(e, "get token") : 0;
}

static size_t challenges_of(const struct http_resp *r, struct challenge *list)
{
	const char *v;
	size_t n = 0;

	for (size_t i = 0; n < CHALLENGES_MAX && (v = http_header(r, "www-authenticate", i)); i++) {
		int k = challenge_parse(v, list + n, CHALLENGES_MAX - n, NULL);
		n += k > 0 ? (size_t)k : 0; /* one that cannot be read cannot be satisfied */
	}
	return n;
}

static int renew(struct auth *a, struct http *h, const struct registry_endpoint *ep,
		 const struct http_resp *refused, struct err *e)
{
	OWN_PTR struct challenge *list = calloc(CHALLENGES_MAX, sizeof *list);

	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "authorization");
	if (!a->looked_up) {
		if (look_up(a, e) < 0)
			return -e->eno;
		a->looked_up = true;
	}
	size_t n = challenges_of(refused, list);
	for (size_t i = 0; i < n; i++)
		if (list[i].scheme == CHALLENGE_BEARER && !(a->value && a->value_basic))
			return bearer_get(a, h, ep, &list[i], e);
	for (size_t i = 0; i < n; i++) {
		OWN_BUF text = { 0 };
		if (list[i].scheme != CHALLENGE_BASIC)
			continue;
		if (!a->credential.user)
			return err_new(e, E_AUTH, EACCES, "no basic auth credentials");
		if (a->value && a->value_basic)
			return err_new(e, E_AUTH, EACCES, "unauthorized: incorrect username or password");
		if (basic_text(&a->credential, &text, e) < 0)
			return -e->eno;
		int r = value_set(a, "Basic", buf_str(&text), true, e);
		explicit_bzero(text.p, text.n);
		return r;
	}
	return err_new(e, E_AUTH, EACCES, "unauthorized: authentication required");
}

int auth_renew(struct auth *a, struct http *h, const struct registry_endpoint *ep,
	       const struct http_resp *refused, const char *used, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&a->lock);
	/* another thread may have been faster */
	if (!a->value == !used && (!used || !strcmp(a->value, used)))
		r = renew(a, h, ep, refused, e);
	pthread_mutex_unlock(&a->lock);
	return r;
}
