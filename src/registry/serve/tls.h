/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of the registry server's connections, by OpenSSL: 1.2 and later, HTTP/1.1 inside. Sockets do not block; whoever
 * calls waits (conn_io.c).
 */
#ifndef ONGGI_REGISTRY_SERVE_TLS_H
#define ONGGI_REGISTRY_SERVE_TLS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct tls;
struct ssl_st;

/** tls_open - certificate (with those between it and the authority) and key, both PEM; the paths are borrowed.
 * E_INVALID: a file is not that, or they do not belong together. */
int tls_open(const char *cert, const char *key, struct tls **ret, struct err *e);
void tls_close(struct tls *t);

/** tls_conn_new - for socket @xfd, which it does not own. A pair of files that was renewed counts from now on; one that is
 * wrong is told once on standard error, and the former one stays. NULL: no memory. Thread safe. */
struct ssl_st *tls_conn_new(struct tls *t, int xfd);
void tls_conn_free(struct ssl_st *c);

/* As the calls of sockets: bytes, 0 the peer has ended, -1 with errno. EAGAIN: *ret_events is what to poll for, which
 * may be the other direction. */
ssize_t tls_recv(struct ssl_st *c, void *p, size_t n, short *ret_events);
ssize_t tls_send(struct ssl_st *c, const void *p, size_t n, short *ret_events);
/** tls_handshake - 1: done. EPROTOTYPE: the client speaks plain http. */
ssize_t tls_handshake(struct ssl_st *c, short *ret_events);
/** tls_thread_end - the calling thread is done with OpenSSL, its own work and that of curl. OpenSSL would free what it
 * keeps for a thread after that has been counted as gone, when the process may be ending. */
void tls_thread_end(void);
/** tls_bye - says that nothing more comes; waits for nothing. */
void tls_bye(struct ssl_st *c);

#endif
