/* SPDX-License-Identifier: Apache-2.0
 *
 * One exchange with a registry: endpoint, authorization, retries, resuming. See client_int.h.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/client_int.h"

enum { DELAY_MAX_MS = 30000, RETRY_AFTER_MAX_S = 120, AUTH_TRIES = 3 };

/* a body on its way to a sink, of one reply */
struct body {
	struct registry_sink *sink;
	int64_t skip;   /* the reply began before sink->at_bytes */
	int64_t size;
	bool range;     /* nothing but a range will do */
	bool begun;
};

/* first byte of a 206 by its "Content-Range: bytes 100-199/200" */
static int64_t range_start(const struct http_resp *r)
{
	const char *v = http_header(r, "content-range", 0);
	char num[24];

	if (!v || strncasecmp(v, "bytes ", 6) != 0)
		return -1;
	size_t n = strspn(v + 6, "0123456789");
	if (!n || n >= sizeof num || v[6 + n] != '-')
		return -1;
	memcpy(num, v + 6, n);
	num[n] = 0;
	int64_t start;
	return text_int64(num, &start) < 0 ? -1 : start;
}

static int body_add(void *data, const struct http_resp *r, const void *p, size_t n, struct err *e)
{
	struct body *b = data;

	if (!b->begun) {
		int64_t start = r->status == 206 ? range_start(r) : 0;
		b->begun = true;
		if (b->range && r->status != 206)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "registry does not send parts of blobs");
		if (start < 0 || start > b->sink->at_bytes)
			return err_new(e, E_CORRUPT, EBADMSG, "registry sent another range than asked for");
		b->skip = b->sink->at_bytes - start; /* a server without ranges begins anew */
	}
	if ((int64_t)n <= b->skip) {
		b->skip -= (int64_t)n;
		return 0;
	}
	p = (const char *)p + b->skip;
	n -= (size_t)b->skip;
	b->skip = 0;
	if (b->size >= 0 && (int64_t)n > b->size - b->sink->at_bytes)
		return err_new(e, E_CORRUPT, EFBIG, "registry sent more than the %lld bytes of the descriptor",
			       (long long)b->size);
	int res = b->sink->add(b->sink->data, p, n, e);
	if (res == 0)
		b->sink->at_bytes += (int64_t)n;
	return res;
}

static int url_make(const struct registry_call *c, const struct registry_endpoint *ep, struct buf *out,
		    struct err *e)
{
	if (c->url)
		buf_puts(out, c->url);
	else
		buf_printf(out, "%s/v2/%s%s%s", ep->url, c->whole ? "" : ep->path, c->whole ? "" : "/", c->what);
	return buf_failed(out) ? err_new(e, E_NOMEM, ENOMEM, "URL") : 0;
}

/* at one endpoint: send, and once more after each 401 that can be satisfied */
static int at_endpoint(struct registry *r, struct http *h, const struct registry_call *c, size_t at,
		       struct http_resp *ret, struct err *e)
{
	const struct registry_endpoint *ep = &r->endpoints.list[at];
	OWN_BUF url = { 0 };

	int res = url_make(c, ep, &url, e);
	if (res < 0)
		return res;
	bool foreign = c->url && !http_same_origin(c->url, ep->url);
	for (int n = 0;; n++) {
		OWN_STR authorization = NULL;
		struct body body = { .sink = c->sink, .size = c->size, .range = c->range };
		struct http_req req = {
			.method = c->method, .url = buf_str(&url), .headers = c->headers, .tls = &ep->tls,
			.max_body = c->max_body ? c->max_body : 1 << 20, .stall_s = r->config->stall_s,
			.cancel = r->cancel, .sink = c->sink ? body_add : NULL, .data = &body,
			.range_from = c->sink ? c->sink->at_bytes : 0, .range_end = c->range ? c->size : 0, .body = c->body,
			.foreign = foreign,
		};
		res = foreign ? 0 : auth_value(r->auth[at], &authorization, e);
		if (res < 0)
			return res;
		req.authorization = authorization;
		res = http_do(h, &req, ret, e);
		if (res < 0 || ret->status != 401 || n == AUTH_TRIES || foreign)
			return res;
		res = auth_renew(r->auth[at], h, ep, ret, authorization, e);
		if (res < 0)
			return res;
	}
}

/* Warning: 299 - "text" (RFC 7234; distribution-spec): keep the first */
static void warning_note(struct registry *r, const struct http_resp *resp)
{
	const char *v = http_header(resp, "warning", 0);

	if (*r->warning || !v || !text_starts(v, "299 "))
		return;
	const char *open = strchr(v, '"'), *close = open ? strrchr(v, '"') : NULL;
	if (!open || close <= open)
		return;
	size_t n = 0;
	for (const char *p = open + 1; p < close && n + 1 < sizeof r->warning; p++)
		r->warning[n++] = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
	r->warning[n] = 0;
}

/* the endpoint in use, or the next one while none has answered */
static int any_endpoint(struct registry *r, struct http *h, const struct registry_call *c,
			struct http_resp *ret, struct err *e)
{
	for (;;) {
		pthread_mutex_lock(&r->lock);
		size_t at = r->at;
		bool answered = r->answered;
		pthread_mutex_unlock(&r->lock);
		int res = at_endpoint(r, h, c, at, ret, e);
		bool mirror = r->endpoints.list[at].mirror;
		bool last = at + 1 == r->endpoints.n;
		bool good = res == 0 && (ret->status < 400 || !mirror);
		bool down = res < 0 && e->kind == E_NETWORK;
		bool cancelled = res < 0 && e->kind == E_CANCELLED;
		bool next = !good && !last && !c->url && !cancelled && (mirror || (!answered && down));
		pthread_mutex_lock(&r->lock);
		if (good && at == r->at)
			r->answered = true;
		if (next && at == r->at) {
			r->at++;
			r->answered = false;
		}
		if (res == 0)
			warning_note(r, ret);
		pthread_mutex_unlock(&r->lock);
		if (!next)
			return res;
		err_clear(e);
	}
}

static unsigned jitter(unsigned ms)
{
	unsigned random = 0;
	(void)!getrandom(&random, sizeof random, GRND_NONBLOCK); /* 0 will do */
	return ms / 2 + random % (ms + 1);
}

/* Retry-After in seconds or as a date; 0 when absent */
static unsigned retry_after_ms(const struct http_resp *r)
{
	const char *v = http_header(r, "retry-after", 0);
	struct tm tm = { 0 };
	uint32_t s = 0;

	if (!v)
		return 0;
	if (text_uint32(v, &s) < 0 && strptime(v, "%a, %d %b %Y %H:%M:%S GMT", &tm)) {
		int64_t left = (int64_t)timegm(&tm) - clock_now_ns() / 1000000000;
		s = left > 0 && left < RETRY_AFTER_MAX_S ? (uint32_t)left : left > 0 ? RETRY_AFTER_MAX_S : 0;
	}
	return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000;
}

static int wait_ms(const struct registry *r, unsigned ms, struct err *e)
{
	int64_t end = clock_mono_ns() + (int64_t)ms * 1000000;

	for (int64_t left; (left = (end - clock_mono_ns()) / 1000000) > 0;) {
		if (r->cancel && atomic_load(r->cancel))
			return err_new(e, E_CANCELLED, ECANCELED, "cancelled");
		(void)poll(NULL, 0, left < 100 ? (int)left : 100); /* a signal only shortens it */
	}
	return 0;
}

bool registry_is_transient(long s)
{
	return s == 408 || s == 429 || s == 500 || s == 502 || s == 503 || s == 504;
}

int registry_backoff(struct registry *r, unsigned attempt, unsigned delay_ms,
		     const struct registry_retry *retry, struct err *why)
{
	if (!delay_ms) {
		unsigned shift = attempt - 1 < 8 ? attempt - 1 : 8;
		unsigned ms = r->config->retry_delay_ms << shift;
		delay_ms = jitter(ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS);
	}
	if (retry && retry->wait)
		retry->wait(retry->data, delay_ms, why);
	return wait_ms(r, delay_ms, why);
}

int registry_exchange(struct registry *r, struct http *h, const struct registry_call *c,
		      struct http_resp *ret, struct err *e)
{
	int64_t at = c->sink ? c->sink->at_bytes : 0;

	for (unsigned attempt = 1;; attempt++) {
		int res = any_endpoint(r, h, c, ret, e);
		unsigned delay = 0;
		if (res == 0) {
			if (registry_is_transient(ret->status)) {
				res = registry_status_err(r, ret, NULL, e);
				delay = retry_after_ms(ret);
			} else if (c->sink && ret->status / 100 == 2 && c->size >= 0 &&
				   c->sink->at_bytes < c->size) {
				res = err_new(e, E_NETWORK, EPIPE, "connection closed after %lld of %lld bytes",
					      (long long)c->sink->at_bytes, (long long)c->size);
			} else {
				return 0;
			}
		} else if (!http_err_is_transient(e) || (e->eno == ECONNREFUSED && !r->answered) ||
			   (e->eno == EHOSTUNREACH && !r->answered)) {
			return res;
		}
		if (c->sink && c->sink->at_bytes > at) { /* it moves: not the same failure again */
			at = c->sink->at_bytes;
			attempt = 1;
		}
		if (c->once || (c->retry && c->retry->never) || attempt >= r->config->attempts)
			return res;
		res = registry_backoff(r, attempt, delay, c->retry, e);
		if (res < 0)
			return res;
	}
}

/* "MANIFEST_UNKNOWN" + "manifest unknown" -> "manifest unknown: manifest unknown" */
static void error_text(const struct http_resp *resp, char *code, size_t code_n, char *out, size_t n)
{
	OWN_JSON j = json_loadb(resp->body.p ? resp->body.p : "", resp->body.n, 0, NULL);
	const json_t *first = json_array_get(json_object_get(j, "errors"), 0);
	const char *c = js_str(first, "code", ""), *m = js_str(first, "message", "");
	char words[64];

	(void)snprintf(code, code_n, "%s", c); /* a code too long is none we know */
	(void)snprintf(words, sizeof words, "%s", c);
	for (char *p = words; *p; p++)
		*p = *p == '_' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	if (*words)
		(void)snprintf(out, n, "%s%s%.300s", words, *m ? ": " : "", m);
	else
		(void)snprintf(out, n, "unexpected HTTP status %ld", resp->status);
	for (char *p = out; *p; p++) /* what a registry says goes to a terminal */
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

int registry_status_err(const struct registry *r, const struct http_resp *resp, const char *wanted,
			struct err *e)
{
	char name[REFERENCE_TEXT_MAX], code[64], text[400];
	const char *sep = !wanted ? "" : strchr(wanted, ':') ? "@" : ":";

	reference_familiar_name(&r->ref, name);
	error_text(resp, code, sizeof code, text, sizeof text);
	if (resp->status == 401 || resp->status == 403 || !strcmp(code, "DENIED") ||
	    !strcmp(code, "UNAUTHORIZED"))
		return err_new(e, E_AUTH, EACCES,
			       r->writes ? "requested access to %s is denied: %s" :
			       "pull access denied for %s, repository does not exist or may require "
			       "authorization: %s", name, text);
	if (!strcmp(code, "NAME_UNKNOWN"))
		return err_new(e, E_NOT_FOUND, ENOENT, "repository %s not found: %s", name, text);
	if (!strcmp(code, "MANIFEST_UNKNOWN") || (resp->status == 404 && wanted))
		return err_new(e, E_NOT_FOUND, ENOENT, "manifest for %s%s%s not found: %s", name, sep,
			       wanted ? wanted : "", *code ? text : "manifest unknown: manifest unknown");
	if (resp->status == 404)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: %s", name, text);
	if (resp->status == 429) {
		(void)err_new(e, E_BUSY, EAGAIN, "toomanyrequests: %s", text);
		err_hint(e, "the registry limits how often images are pulled: log in, or try again later");
		return -EAGAIN;
	}
	return err_new(e, E_NETWORK, EREMOTEIO, "%s: %s", name, text);
}
