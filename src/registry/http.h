/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP exchange by libcurl, with the rules that a registry client needs:
 *
 *  - redirects are followed here, so that Authorization never goes to another scheme, host or
 *    port (distribution-spec; CVE-2020-15157), nor a redirect from a public host to a link-local
 *    address (metadata services of clouds);
 *  - headers and bodies in memory are limited; large bodies go to a sink;
 *  - a connection on which nothing moves is given up after a stall time, however long a transfer
 *    as a whole may take. Time that the sink takes does not count.
 *
 * A struct http belongs to one thread at a time and keeps its connections alive.
 */
#ifndef ONGGI_REGISTRY_HTTP_H
#define ONGGI_REGISTRY_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	HTTP_HEADERS_MAX = 64 << 10, /* all headers of one response */
	HTTP_URL_MAX = 8192,
	HTTP_REDIRECTS_MAX = 10,
};

struct http;

/* How to trust one host. Strings are borrowed. */
struct http_tls {
	const char *ca_pem;     /* more authorities, PEM text; NULL: only those of the system */
	size_t ca_pem_n;
	const char *cert, *key; /* client certificate, paths; NULL: none */
	bool insecure;          /* do not verify */
};

struct http_resp {
	long status;
	struct buf headers;     /* "name\0value\0" with names in lower case */
	struct buf body;        /* when there is no sink, or the status is not 2xx */
	char url[HTTP_URL_MAX]; /* after redirects */
};

/* What is sent with a request: bytes of a file, or @p when that is set. */
struct http_body {
	const void *p;
	int fd;
	int64_t from_bytes, n_bytes;
	void (*sent)(void *data, int64_t n_bytes); /* so far in this exchange; may be NULL */
	void *data;
};

struct http_req {
	const char *method;          /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
	const char *url;
	const char *const *headers;  /* "Name: value", NULL-terminated; may be NULL */
	const char *authorization;   /* value; only to the first host */
	const char *form;            /* body of a POST, application/x-www-form-urlencoded */
	const struct http_body *body; /* NULL: none */
	bool foreign;                /* @url came from another host: as after a redirect */
	const struct http_tls *tls;  /* of the first host; NULL: system's */
	int64_t range_from;          /* > 0: Range: bytes=N- */
	int64_t range_end;           /* > 0: the range ends before this byte */
	size_t max_body;             /* of a body kept in memory; more is E_CORRUPT */
	unsigned connect_s, stall_s; /* 0: 30 */
	const atomic_bool *cancel;   /* E_CANCELLED when it becomes true; may be NULL */
	/* takes the body of a 2xx reply piece by piece; @resp has status and headers. 0 or negative:
	 * @e is filled and the exchange ends with it. */
	int (*sink)(void *data, const struct http_resp *resp, const void *p, size_t n, struct err *e);
	void *data;
};

/** http_open - one handle with its connections; http_close(NULL) is fine. */
int http_open(struct http **ret, struct err *e);
void http_close(struct http *h);
/** http_stop - from any thread: the exchange of the moment and all later ones end with E_CANCELLED, within a second. */
void http_stop(struct http *h);
/** http_do - one exchange. 0 when a reply came, whatever its status. @ret is reset first and must
 * be given to http_resp_done() in the end, also after an error.
 * E_NETWORK not reachable or broken off | E_TIMEOUT stalled | E_DENIED redirect refused |
 * E_CORRUPT limits | E_CANCELLED. */
int http_do(struct http *h, const struct http_req *req, struct http_resp *ret, struct err *e);
/** http_header - value of the @nth header of that name (lower case), NULL when there is none. */
const char *http_header(const struct http_resp *r, const char *name, size_t nth);
void http_resp_done(struct http_resp *r);
/** http_err_is_transient - whether the same exchange may go better in a moment. */
bool http_err_is_transient(const struct err *e);
/** http_same_origin - whether two URLs have the same scheme, host and port. */
bool http_same_origin(const char *a, const char *b);
/** http_url_resolve - @to, which may be relative, as seen from @from. E_DENIED when it is no http
 * or https URL. */
int http_url_resolve(const char *from, const char *to, char out[HTTP_URL_MAX], struct err *e);
/** http_url_host - host of a URL into @out. 0 or -EINVAL. */
int http_url_host(const char *url, char *out, size_t n);

#define OWN_HTTP_RESP CLEANUP(http_resp_done) struct http_resp

#endif
