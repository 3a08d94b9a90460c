/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP exchanges: see http.h. All use of libcurl's easy interface is in this file.
 */
#include "registry/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"

struct http {
	CURL *curl;
	atomic_bool stop;
	char error[CURL_ERROR_SIZE];
};

/* state of one exchange, seen by the call-backs */
struct exchange {
	const struct http *http;
	const struct http_req *req;
	struct http_resp *resp;
	struct err *e;
	bool failed;        /* @e is filled by a call-back */
	bool redirected;    /* to another origin */
	int64_t sent_bytes; /* of the body */
	int64_t moved_ns;   /* when a byte last came or went */
	curl_off_t moved_bytes;
};

static bool is_2xx(long status)
{
	return status >= 200 && status < 300;
}

int http_open(struct http **ret, struct err *e)
{
	struct http *h = calloc(1, sizeof *h);

	if (h)
		h->curl = curl_easy_init();
	if (!h || !h->curl) {
		free(h);
		return err_new(e, E_NOMEM, ENOMEM, "HTTP client");
	}
	*ret = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

void http_stop(struct http *h)
{
	atomic_store(&h->stop, true);
}

void http_resp_done(struct http_resp *r)
{
	buf_done(&r->headers);
	buf_done(&r->body);
	*r = (struct http_resp){ 0 };
}

const char *http_header(const struct http_resp *r, const char *name, size_t nth)
{
	size_t at = 0;

	while (at < r->headers.n) {
		const char *key = r->headers.p + at;
		const char *value = key + strlen(key) + 1;
		if (!strcmp(key, name) && nth-- == 0)
			return value;
		at = (size_t)(value + strlen(value) + 1 - r->headers.p);
	}
	return NULL;
}

static size_t fail_with(struct exchange *x)
{
	x->failed = true;
	return 0; /* fewer bytes than given: curl ends the transfer */
}

/* "HTTP/1.1 206 Partial Content" -> 206: the sink needs it before curl tells */
static long status_of(const char *p, size_t n)
{
	const char *at = memchr(p, ' ', n);
	long status = 0;

	while (at && ++at < p + n && *at >= '0' && *at <= '9' && status < 1000)
		status = status * 10 + (*at - '0');
	return status;
}

static size_t on_header(char *p, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	struct buf *b = &x->resp->headers;

	(void)size; /* always 1 */
	if (n >= 5 && !memcmp(p, "HTTP/", 5)) { /* a new reply, after "100 Continue" for instance */
		b->n = 0;
		x->resp->status = status_of(p, n);
		return n;
	}
	char *colon = memchr(p, ':', n);
	if (!colon || colon == p)
		return n;
	if (b->n + n > HTTP_HEADERS_MAX) {
		(void)err_new(x->e, E_CORRUPT, EMSGSIZE, "reply with more than %d bytes of headers",
			      HTTP_HEADERS_MAX);
		return fail_with(x);
	}
	char *value = colon + 1, *end = p + n;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (char *c = p; c < colon; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (memchr(p, 0, (size_t)(end - p)))
		return n; /* a NUL byte in a header means nothing good */
	buf_add(b, p, (size_t)(colon - p));
	buf_add(b, "", 1);
	buf_add(b, value, (size_t)(end - value));
	buf_add(b, "", 1);
	return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	struct http_resp *r = x->resp;

	(void)size; /* always 1 */
	if (x->req->sink && is_2xx(r->status)) {
		if (x->req->sink(x->req->data, r, p, n, x->e) < 0)
			return fail_with(x);
		x->moved_ns = clock_mono_ns();
		return n;
	}
	if (r->body.n + n > x->req->max_body) {
		if (!is_2xx(r->status))
			return n; /* the text of an error may be cut */
		(void)err_new(x->e, E_CORRUPT, EFBIG, "reply of more than %zu bytes", x->req->max_body);
		return fail_with(x);
	}
	buf_add(&r->body, p, n);
	return n;
}

static size_t on_send(char *p, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	const struct http_body *b = x->req->body;
	int64_t left = b->n_bytes - x->sent_bytes;

	n *= size;
	if ((int64_t)n > left)
		n = (size_t)left;
	if (!n)
		return 0;
	if (b->p) {
		memcpy(p, (const char *)b->p + x->sent_bytes, n);
	} else {
		ssize_t got = pread(b->fd, p, n, b->from_bytes + x->sent_bytes);
		if (got <= 0) {
			(void)(got < 0 ? err_sys(x->e, errno, "read what is sent") :
					 err_new(x->e, E_CORRUPT, EPIPE, "what is sent became shorter"));
			x->failed = true;
			return CURL_READFUNC_ABORT;
		}
		n = (size_t)got;
	}
	x->sent_bytes += (int64_t)n;
	if (b->sent)
		b->sent(b->data, x->sent_bytes);
	return n;
}

/* curl would begin again by itself when a connection that it used before dies. Of a body some may have
 * arrived then, and a second one would be added to it: whoever sends it has to ask. */
static int on_rewind(void *data, curl_off_t offset, int origin)
{
	struct exchange *x = data;

	if (origin != SEEK_SET || offset < 0 || offset > x->req->body->n_bytes || x->sent_bytes > 0)
		return CURL_SEEKFUNC_FAIL;
	x->sent_bytes = offset;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(void *data, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
		       curl_off_t ulnow)
{
	struct exchange *x = data;
	int64_t now = clock_mono_ns();
	unsigned stall_s = x->req->stall_s ? x->req->stall_s : 30;

	(void)dltotal, (void)ultotal;
	if (atomic_load(&x->http->stop) || (x->req->cancel && atomic_load(x->req->cancel))) {
		(void)err_new(x->e, E_CANCELLED, ECANCELED, "cancelled");
		x->failed = true;
		return 1;
	}
	if (dlnow + ulnow != x->moved_bytes) {
		x->moved_bytes = dlnow + ulnow;
		x->moved_ns = now;
	} else if (now - x->moved_ns > (int64_t)stall_s * 1000000000) {
		(void)err_new(x->e, E_TIMEOUT, ETIMEDOUT, "no data for %u seconds", stall_s);
		x->failed = true;
		return 1;
	}
	return 0;
}

/* refuse to be sent from elsewhere to link-local addresses, where clouds keep their secrets */
static curl_socket_t on_socket(void *data, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct exchange *x = data;
	bool local = false;

	(void)purpose;
	if (a->family == AF_INET) {
		const struct sockaddr_in *in = (const void *)&a->addr;
		local = (ntohl(in->sin_addr.s_addr) >> 16) == 0xa9fe; /* 169.254.0.0/16 */
	} else if (a->family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)&a->addr;
		local = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
	}
	if (x->redirected && local) {
		(void)err_new(x->e, E_DENIED, EACCES, "redirect to a link-local address refused");
		x->failed = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

struct url_parts {
	char *scheme, *host, *port;
};

static void url_parts_done(struct url_parts *u)
{
	curl_free(u->scheme);
	curl_free(u->host);
	curl_free(u->port);
}

static int url_split(const char *url, struct url_parts *ret)
{
	CURLU *u = curl_url();
	int r = -EINVAL;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &ret->host, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) == CURLUE_OK)
		r = 0;
	curl_url_cleanup(u);
	return r;
}

bool http_same_origin(const char *a, const char *b)
{
	CLEANUP(url_parts_done) struct url_parts x = { 0 }, y = { 0 };

	return url_split(a, &x) == 0 && url_split(b, &y) == 0 && !strcasecmp(x.scheme, y.scheme) &&
	       !strcasecmp(x.host, y.host) && !strcmp(x.port, y.port);
}

int http_url_host(const char *url, char *out, size_t n)
{
	CLEANUP(url_parts_done) struct url_parts x = { 0 };

	if (url_split(url, &x) < 0 || snprintf(out, n, "%s", x.host) >= (int)n)
		return -EINVAL;
	return 0;
}

static int code_to_err(struct http *h, CURLcode code, const char *url, struct err *e)
{
	char host[300] = "?";
	long os = 0;

	(void)http_url_host(url, host, sizeof host); /* only for the message */
	curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &os);
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		(void)err_new(e, E_NETWORK, EHOSTUNREACH, "lookup %s: no such host", host);
		err_hint(e, "check the name and the resolver (/etc/resolv.conf)");
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		if (*h->error && *host != '[' && !strstr(h->error, host)) { /* it names who was called */
			(void)err_new(e, E_NETWORK, ECONNREFUSED, "connect to %s through a proxy: %s", host,
				      h->error);
			err_hint(e, "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment");
			return -ECONNREFUSED;
		}
		if (os) {
			(void)err_sys(e, (int)os, "connect to %s", host);
			e->kind = E_NETWORK;
		} else {
			(void)err_new(e, E_NETWORK, ECONNREFUSED, "connect to %s: %s", host, h->error);
		}
		if (e->eno == ECONNREFUSED)
			err_hint(e, "nothing listens at %.150s: is the registry running?", url);
		return -e->eno;
	case CURLE_OPERATION_TIMEDOUT:
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "%s: %s", host, h->error);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		(void)err_new(e, E_NETWORK, EPROTO, "%s: certificate not trusted: %s", host, h->error);
		err_hint(e, "put the authority into /etc/docker/certs.d/HOST:PORT/ca.crt, or list the "
			    "host in insecure-registries of /etc/docker/daemon.json");
		return -EPROTO;
	case CURLE_SSL_CONNECT_ERROR:
		if (strstr(h->error, "wrong version number") || strstr(h->error, "packet length too long")) {
			(void)err_new(e, E_NETWORK, EPROTO,
				      "%s: http: server gave HTTP response to HTTPS client", host);
			err_hint(e, "if plain http is wanted, list the host in insecure-registries of "
				    "/etc/docker/daemon.json");
			return -EPROTO;
		}
		return err_new(e, E_NETWORK, EPROTO, "%s: TLS handshake failed: %s", host,
			       *h->error ? h->error : curl_easy_strerror(code));
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
		return err_new(e, E_INVALID, EINVAL, "%.200s: %s", url, curl_easy_strerror(code));
	case CURLE_OUT_OF_MEMORY:
		return err_new(e, E_NOMEM, ENOMEM, "HTTP client");
	default:
		return err_new(e, E_NETWORK, ECONNRESET, "%s: %s", host,
			       *h->error ? h->error : curl_easy_strerror(code));
	}
}

bool http_err_is_transient(const struct err *e)
{
	return e->kind == E_TIMEOUT || (e->kind == E_NETWORK && e->eno != EPROTO);
}

static struct curl_slist *header_list(const struct http_req *req, bool secret)
{
	struct curl_slist *list = NULL, *next;
	OWN_BUF line = { 0 };

	next = list = curl_slist_append(NULL, "Expect:");
	if (next && !req->form && !req->body) /* curl would call nothing a form */
		next = curl_slist_append(list, "Content-Type:");
	for (size_t i = 0; next && req->headers && req->headers[i]; i++)
		next = curl_slist_append(list, req->headers[i]);
	if (next && secret && req->authorization) {
		buf_printf(&line, "Authorization: %s", req->authorization);
		next = buf_failed(&line) ? NULL : curl_slist_append(list, buf_str(&line));
	}
	if (next)
		return list;
	curl_slist_free_all(list);
	return NULL;
}

static bool host_is_loopback(const char *url)
{
	char host[300];
	struct in6_addr in6;

	if (http_url_host(url, host, sizeof host) < 0)
		return false;
	if (!strcasecmp(host, "localhost") || (text_starts(host, "127.") && !strpbrk(host + 4, "abcdefghijklmnopqrstuvwxyz")))
		return true;
	size_t n = strlen(host);
	if (host[0] != '[' || n < 3)
		return false;
	host[n - 1] = 0;
	return inet_pton(AF_INET6, host + 1, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6);
}

/* as Go programs do: no proxy for loopback, HTTP_PROXY in capitals counts too */
static void set_proxy(CURL *c, const char *url)
{
	const char *upper = getenv("HTTP_PROXY");

	if (host_is_loopback(url))
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	else if (upper && !getenv("http_proxy") && !getenv("REQUEST_METHOD") && text_starts(url, "http:"))
		curl_easy_setopt(c, CURLOPT_PROXY, upper);
}

static void set_method(CURL *c, struct exchange *x)
{
	const struct http_req *req = x->req;

	if (!strcmp(req->method, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (req->form) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, req->form);
	} else if (req->body) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->body->n_bytes);
		curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
		curl_easy_setopt(c, CURLOPT_READDATA, x);
		curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_rewind);
		curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
	} else if (!strcmp(req->method, "POST") || !strcmp(req->method, "PUT") || !strcmp(req->method, "PATCH")) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
	} else if (strcmp(req->method, "GET") != 0) {
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
	}
}

static void set_up(struct http *h, struct exchange *x, const char *url, struct curl_slist *headers)
{
	const struct http_req *req = x->req;
	CURL *c = h->curl;
	char range[48];

	curl_easy_reset(c); /* keeps connections and TLS sessions */
	h->error[0] = 0;
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "onggi/" ONGGI_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)(req->connect_s ? req->connect_s : 30));
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	set_proxy(c, url);
	set_method(c, x);
	if (req->range_from > 0 || req->range_end > 0) {
		int n = snprintf(range, sizeof range, "%lld-", (long long)req->range_from);
		if (req->range_end > 0)
			(void)snprintf(range + n, sizeof range - (size_t)n, "%lld", (long long)req->range_end - 1);
		curl_easy_setopt(c, CURLOPT_RANGE, range); /* copied */
	}
	if (!x->redirected && req->tls) {
		const struct http_tls *t = req->tls;
		struct curl_blob ca = { (void *)(uintptr_t)t->ca_pem, t->ca_pem_n, CURL_BLOB_COPY };
		/* the hashed directory of the system's authorities stays in force beside it */
		if (t->ca_pem)
			curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &ca);
		if (t->cert) {
			curl_easy_setopt(c, CURLOPT_SSLCERT, t->cert);
			curl_easy_setopt(c, CURLOPT_SSLKEY, t->key);
		}
		if (t->insecure) {
			curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
			curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
		}
	}
}

static int once(struct http *h, struct exchange *x, const char *url, struct err *e)
{
	struct curl_slist *headers = header_list(x->req, !x->redirected);

	if (!headers)
		return err_new(e, E_NOMEM, ENOMEM, "request headers");
	x->resp->status = 0;
	x->resp->headers.n = x->resp->body.n = 0;
	x->moved_ns = clock_mono_ns();
	x->moved_bytes = 0;
	x->sent_bytes = 0;
	set_up(h, x, url, headers);
	CURLcode code = curl_easy_perform(h->curl);
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &x->resp->status);
	/* the list must live as long as the handle may use it */
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (x->failed)
		return -(e->eno ? e->eno : EINVAL);
	if (code != CURLE_OK)
		return code_to_err(h, code, url, e);
	if (buf_failed(&x->resp->headers) || buf_failed(&x->resp->body))
		return err_new(e, E_NOMEM, ENOMEM, "reply of %.200s", url);
	return 0;
}

int http_url_resolve(const char *from, const char *location, char out[HTTP_URL_MAX], struct err *e)
{
	CURLU *u = curl_url();
	char *abs = NULL, *scheme = NULL;
	int r = -EINVAL;

	if (u && curl_url_set(u, CURLUPART_URL, from, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_URL, &abs, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (!strcasecmp(scheme, "https") || !strcasecmp(scheme, "http")) && strlen(abs) < HTTP_URL_MAX) {
		(void)snprintf(out, HTTP_URL_MAX, "%s", abs); /* fits */
		r = 0;
	}
	curl_free(abs);
	curl_free(scheme);
	curl_url_cleanup(u);
	if (r < 0)
		return err_new(e, E_DENIED, EACCES, "redirect to %.150s refused", location);
	return 0;
}

int http_do(struct http *h, const struct http_req *req, struct http_resp *ret, struct err *e)
{
	struct exchange x = { .http = h, .req = req, .resp = ret, .e = e, .redirected = req->foreign };
	bool reads = !strcmp(req->method, "GET") || !strcmp(req->method, "HEAD");

	http_resp_done(ret);
	if (snprintf(ret->url, sizeof ret->url, "%s", req->url) >= (int)sizeof ret->url)
		return err_new(e, E_INVALID, ENAMETOOLONG, "URL of more than %d bytes", HTTP_URL_MAX);
	for (int n = 0;; n++) {
		char next[HTTP_URL_MAX];
		int r = once(h, &x, ret->url, e);
		if (r < 0)
			return r;
		long s = ret->status;
		const char *location = http_header(ret, "location", 0);
		/* only 307 and 308 say that the method stays what it is (RFC 9110, 15.4) */
		bool moved = s == 307 || s == 308 || (reads && (s == 301 || s == 302 || s == 303));
		if (!moved || !location || req->form)
			return 0;
		if (n == HTTP_REDIRECTS_MAX)
			return err_new(e, E_CORRUPT, ELOOP, "more than %d redirects", HTTP_REDIRECTS_MAX);
		r = http_url_resolve(ret->url, location, next, e);
		if (r < 0)
			return r;
		if (!http_same_origin(req->url, next))
			x.redirected = true; /* and stays so, even when a later one leads back */
		memcpy(ret->url, next, sizeof next);
	}
}
