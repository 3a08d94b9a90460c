/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection: request after request (keep-alive, also several sent ahead), reply after reply: see serve_int.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "registry/http.h"
#include "registry/serve/cache.h"
#include "registry/serve/passwords.h"
#include "registry/serve/tls.h"

enum { DRAIN_MAX = 64 << 10 };

static const char *reason(int status)
{
	static const struct { int status; const char *text; } table[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 206, "Partial Content" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 404, "Not Found" },
		{ 403, "Forbidden" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 413, "Content Too Large" },
		{ 416, "Range Not Satisfiable" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].status == status)
			return table[i].text;
	return "";
}

/* between two requests: from now on the end of the server may end the connection. false: it ends already */
static bool idle_set(struct conn *c, bool idle)
{
	pthread_mutex_lock(&c->s->lock);
	bool go_on = !c->s->stopping;
	c->idle = idle && go_on;
	pthread_mutex_unlock(&c->s->lock);
	return go_on;
}

static bool head_is_text(const char *p, size_t n)
{
	size_t blank = 0;

	while (blank < n && (p[blank] == '\r' || p[blank] == '\n'))
		blank++;
	return blank == n || (p[blank] > ' ' && p[blank] < 0x7f);
}

/* the next head to @c->head. Bytes of it; 0: there is none; negative: @e says why */
static int head_read(struct conn *c, struct err *e)
{
	int64_t until = clock_mono_ns() + IDLE_S * 1000000000LL;
	size_t n = 0, looked = 0;

	for (;;) {
		if (c->in_at < c->in_n) {
			size_t have = c->in_n - c->in_at, room = HTTP_REQUEST_HEAD_MAX - n;
			size_t take = have < room ? have : room;
			memcpy(c->head + n, c->in + c->in_at, take);
			size_t head = http_request_head(c->head, n + take, looked);
			if (head) {
				c->in_at += head - n; /* the rest is the body, or the next request */
				return (int)head;
			}
			/* a client that tries TLS first wants to hear at once that this is none */
			if (!head_is_text(c->head, n + take))
				return err_new(e, E_INVALID, EPROTO, "this is no HTTP request");
			if (take == room)
				return err_new(e, E_INVALID, E2BIG, "head of more than %d bytes", HTTP_REQUEST_HEAD_MAX);
			if (!n)
				until = clock_mono_ns() + HEAD_S * 1000000000LL;
			looked = n += take;
			c->in_at += take;
		}
		if (!n && !idle_set(c, true))
			return 0;
		int r = conn_fill(c, until, e);
		if (!n && !idle_set(c, false) && r <= 0)
			return 0;
		if (r < 0)
			return n && e->kind == E_TIMEOUT ? r : 0;
		if (!r)
			return 0;
	}
}

static void log_line(const struct conn *c, const struct reply *r, int64_t began_ns)
{
	char when[CLOCK_TEXT_MAX], line[600];
	int64_t now = clock_mono_ns();

	if (c->s->req->quiet)
		return;
	clock_format(clock_now_ns() / 1000000 * 1000000, when);
	int n = snprintf(line, sizeof line, "%s %s \"%s\" %d %llu %lldms\n", when, c->peer, c->line, r->status,
			 (unsigned long long)c->sent_bytes, (long long)((now - began_ns) / 1000000));
	(void)!write(STDERR_FILENO, line, (size_t)n); /* one line, one write; a full disk stops nobody */
}

/* what the log says of a request; printable, whatever came */
static void line_note(struct conn *c)
{
	(void)snprintf(c->line, sizeof c->line, "%s %s%s%s", c->req.method, c->req.path, *c->req.query ? "?" : "",
		       c->req.query);
	for (char *p = c->line; *p; p++)
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

/* what is left of a small body goes; false: too much, or it does not come */
static bool body_drain(struct conn *c)
{
	struct err ignored = { 0 };
	const char *p;
	size_t n, sum = 0;
	int r = 0;

	if (c->body_broken || (c->body != BODY_NONE && c->req.expects_continue) ||
	    (c->body == BODY_LENGTH && c->body_left > DRAIN_MAX))
		return false;
	while (sum <= DRAIN_MAX && (r = body_next(c, &p, &n, &ignored)) > 0)
		sum += n;
	return r == 0;
}

static bool reply_send(struct conn *c, struct reply *r, bool keep)
{
	bool has_body = strcmp(c->req.method ? c->req.method : "", "HEAD") != 0 && r->status != 204 && r->status != 304;
	OWN_BUF head = { 0 };
	struct err e = { 0 };

	if (r->fd < 0 && !r->download && !r->n)
		r->n = r->body.n;
	buf_printf(&head, "HTTP/1.1 %d %s\r\nDocker-Distribution-Api-Version: registry/2.0\r\n", r->status, reason(r->status));
	buf_puts(&head, "X-Content-Type-Options: nosniff\r\n");
	buf_add(&head, r->headers.p ? r->headers.p : "", r->headers.n);
	if (r->status != 204 && r->status != 304)
		buf_printf(&head, "Content-Length: %llu\r\n", (unsigned long long)r->n);
	buf_puts(&head, keep ? "\r\n" : "Connection: close\r\n\r\n");
	bool whole = has_body && r->fd < 0 && !r->download;
	if (whole && r->body.n)
		buf_add(&head, r->body.p, r->body.n);
	if (buf_failed(&head) || buf_failed(&r->headers) || buf_failed(&r->body))
		return false;
	if (conn_send(c, head.p, head.n, &e) < 0)
		return false;
	if (whole)
		c->sent_bytes = r->body.n;
	if (has_body && r->download)
		return download_send(r->download, c, r->from, r->n, &e) == 0;
	return !has_body || r->fd < 0 || conn_send_file(c, r->fd, r->from, r->n, &e) == 0;
}

/* a fault of ours, or of the host, in the client's words */
static void reply_fault(struct reply *r, const struct err *e)
{
	r->headers.n = 0;
	if (e->kind == E_NOSPACE)
		(void)reply_error(r, 507, "UNKNOWN", "%s", e->chain);
	else if (e->kind == E_TIMEOUT)
		(void)reply_error(r, 408, "UNKNOWN", "%s", e->chain);
	else if (e->kind == E_CORRUPT && e->eno == EPROTO)
		(void)reply_error(r, 400, "UNKNOWN", "%s", e->chain);
	else
		(void)reply_error(r, 500, "UNKNOWN", "%s", e->chain);
}

static void reply_done(struct reply *r)
{
	buf_done(&r->headers);
	buf_done(&r->body);
	own_fd_done(&r->fd);
	if (r->download)
		download_leave(r->download);
}

/* what is no request is answered once, then the connection ends */
static void refuse(struct conn *c, const struct err *e)
{
	struct reply r = { .fd = -1 };
	int status = e->kind == E_TIMEOUT ? 408 : e->eno == E2BIG ? 431 : e->kind == E_UNSUPPORTED ? 501 : 400;

	memset(&c->req, 0, sizeof c->req);
	(void)snprintf(c->line, sizeof c->line, "-");
	(void)reply_error(&r, status, "UNKNOWN", "%s", e->chain);
	(void)reply_send(c, &r, false);
	log_line(c, &r, clock_mono_ns());
	reply_done(&r);
}

/* whether the client is a user; else @r asks who it is. "/v2/" included: by that clients find out that they must say
 * (docker's API, "API version check") */
static bool may_ask(struct conn *c, struct reply *r)
{
	if (!c->s->passwords || passwords_check(c->s->passwords, http_request_header(&c->req, "Authorization")))
		return true;
	reply_header(r, "WWW-Authenticate: Basic realm=\"onggi registry\"");
	(void)reply_error(r, 401, "UNAUTHORIZED", "authentication required");
	return false;
}

/* false: the connection ends */
static bool one_request(struct conn *c, size_t n)
{
	struct reply r = { .fd = -1 };
	struct err e = { 0 };
	int64_t began = clock_mono_ns();

	if (http_request_parse(c->head, n, &c->req, &e) < 0) {
		refuse(c, &e);
		return false;
	}
	line_note(c);
	c->body = c->req.length < 0 ? BODY_CHUNKS : c->req.length ? BODY_LENGTH : BODY_NONE;
	c->body_left = c->req.length > 0 ? (uint64_t)c->req.length : 0;
	c->chunks = (struct http_chunks){ 0 };
	c->body_broken = false;
	c->body_until_ns = 0;
	c->sent_bytes = 0;
	if (may_ask(c, &r) && route_run(c, &r, &e) < 0)
		reply_fault(&r, &e);
	bool keep = body_drain(c) && c->req.keep_alive && idle_set(c, false);
	if (!reply_send(c, &r, keep))
		keep = false;
	log_line(c, &r, began);
	reply_done(&r);
	return keep;
}

/* a client that does not know of TLS: it gets the words that Go's servers have for it, which other clients look for */
static void plain_refuse(struct conn *c)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

	if (send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		conn_end(c);
}

void conn_run(struct conn *c)
{
	struct err e = { 0 };
	int n;

	c->head = malloc(HTTP_REQUEST_HEAD_MAX + 1);
	c->in = malloc(CONN_BUFFER_BYTES);
	if (!idle_set(c, true)) /* the end of the server need not wait for a handshake */
		goto out;
	if (c->head && c->in && conn_secure(c, &e) < 0) {
		if (e.eno == EPROTOTYPE)
			plain_refuse(c);
		goto out;
	}
	while (c->head && c->in && (n = head_read(c, &e)) != 0) {
		if (n < 0)
			refuse(c, &e);
		if (n < 0 || !one_request(c, (size_t)n)) {
			conn_end(c);
			break;
		}
	}
out:
	tls_conn_free(c->tls);
	http_close(c->http);
	free(c->head);
	free(c->in);
}
