/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of connections: see tls.h.
 */
#include "registry/serve/tls.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct tls {
	const char *path[2];   /* certificate, key */
	pthread_mutex_t lock;  /* of what follows */
	SSL_CTX *now;          /* counted: connections hold the one that they began with */
	struct stat was[2];    /* the files when they were read last, well or not */
};

/* a key with a passphrase is refused, not asked for at the terminal */
static int no_passphrase(char *buf, int n, int writing, void *data)
{
	(void)writing;
	(void)data;
	if (n > 0)
		*buf = 0;
	return 0;
}

static const char *why(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "it cannot be read";
}

static int pair_read(const char *cert, const char *key, SSL_CTX **ret, struct err *e)
{
	int r = 0;
	SSL_CTX *t = SSL_CTX_new(TLS_server_method());

	if (!t)
		return err_new(e, E_NOMEM, ENOMEM, "TLS");
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(t, no_passphrase);
	(void)SSL_CTX_set_options(t, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_mode(t, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	if (!SSL_CTX_set_min_proto_version(t, TLS1_2_VERSION))
		r = err_new(e, E_UNSUPPORTED, EPROTONOSUPPORT, "TLS 1.2: %s", why());
	else if (SSL_CTX_use_certificate_chain_file(t, cert) != 1)
		r = err_new(e, E_INVALID, EINVAL, "certificate %s: %s", cert, why());
	else if (SSL_CTX_use_PrivateKey_file(t, key, SSL_FILETYPE_PEM) != 1)
		r = err_new(e, E_INVALID, EINVAL, "key %s: %s", key, why());
	else if (SSL_CTX_check_private_key(t) != 1)
		r = err_new(e, E_INVALID, EINVAL, "key %s is not that of certificate %s", key, cert);
	ERR_clear_error();
	if (r < 0) {
		SSL_CTX_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* 1: they are others than at the last look, or there is none */
static int look(struct tls *t)
{
	int changed = 0;

	for (int i = 0; i < 2; i++) {
		struct stat now = { 0 };
		const struct stat *was = &t->was[i];
		if (stat(t->path[i], &now) < 0)
			now = (struct stat){ 0 };
		changed |= now.st_ino != was->st_ino || now.st_dev != was->st_dev || now.st_size != was->st_size ||
			   now.st_mtim.tv_sec != was->st_mtim.tv_sec || now.st_mtim.tv_nsec != was->st_mtim.tv_nsec ||
			   now.st_ctim.tv_sec != was->st_ctim.tv_sec || now.st_ctim.tv_nsec != was->st_ctim.tv_nsec;
		t->was[i] = now;
	}
	return changed;
}

int tls_open(const char *cert, const char *key, struct tls **ret, struct err *e)
{
	struct tls *t = calloc(1, sizeof *t);

	if (!t || pthread_mutex_init(&t->lock, NULL)) {
		free(t);
		return err_new(e, E_NOMEM, ENOMEM, "TLS");
	}
	t->path[0] = cert;
	t->path[1] = key;
	(void)look(t); /* before they are read: what changes after that is seen at the next look */
	if (pair_read(cert, key, &t->now, e) < 0) {
		tls_close(t);
		return -e->eno;
	}
	*ret = t;
	return 0;
}

void tls_close(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->now);
	(void)pthread_mutex_destroy(&t->lock); /* no thread is left */
	free(t);
}

/* under the lock. Of two files that are renewed one is first: until the other follows they do not fit */
static void look_again(struct tls *t)
{
	struct err e = { 0 };
	SSL_CTX *next;

	if (!look(t))
		return;
	if (pair_read(t->path[0], t->path[1], &next, &e) < 0) {
		(void)dprintf(2, "onggi: %s; the certificate that was read before counts\n", e.chain);
		return;
	}
	SSL_CTX_free(t->now);
	t->now = next;
}

struct ssl_st *tls_conn_new(struct tls *t, int xfd)
{
	pthread_mutex_lock(&t->lock);
	look_again(t);
	SSL *c = SSL_new(t->now);
	pthread_mutex_unlock(&t->lock);
	if (c && !SSL_set_fd(c, xfd)) {
		SSL_free(c);
		return NULL;
	}
	return c;
}

void tls_conn_free(struct ssl_st *c)
{
	SSL_free(c);
}

/* result @r of a call as that of a socket */
static ssize_t result(SSL *c, int r, short *ret_events)
{
	if (r > 0)
		return r;
	switch (SSL_get_error(c, r)) {
	case SSL_ERROR_WANT_READ:
		*ret_events = POLLIN;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*ret_events = POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		if (!errno)
			errno = ECONNRESET;
		return -1;
	default:
		errno = ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST ? EPROTOTYPE : EPROTO;
		return -1;
	}
}

static int capped(size_t n)
{
	return n > INT_MAX ? INT_MAX : (int)n;
}

ssize_t tls_recv(struct ssl_st *c, void *p, size_t n, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(c, SSL_read(c, p, capped(n)), ret_events);
}

ssize_t tls_send(struct ssl_st *c, const void *p, size_t n, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(c, SSL_write(c, p, capped(n)), ret_events);
}

ssize_t tls_handshake(struct ssl_st *c, short *ret_events)
{
	ERR_clear_error();
	errno = 0;
	return result(c, SSL_accept(c), ret_events);
}

void tls_thread_end(void)
{
	OPENSSL_thread_stop();
}

void tls_bye(struct ssl_st *c)
{
	ERR_clear_error();
	(void)SSL_shutdown(c); /* the peer may have gone, or take nothing: then it is not told */
	ERR_clear_error();
}
