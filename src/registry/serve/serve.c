/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets, signals and threads of the registry server: see serve.h. The main thread accepts and waits for signals;
 * each connection has a thread with a small stack, which lives as long as the connection.
 */
#include "registry/serve/serve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"
#include "registry/serve/cache.h"
#include "registry/serve/collect.h"
#include "registry/serve/passwords.h"
#include "registry/serve/tls.h"

enum { STACK_BYTES = 512 << 10, ADDRESS_MAX = 72 };

/* "HOST:PORT", "[V6]:PORT", ":PORT"; @host "" for every address */
static int address_split(const char *s, char host[256], char port[8], struct err *e)
{
	const char *colon = strrchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : 0;
	const char *from = s;

	if (n >= 2 && *s == '[' && s[n - 1] == ']') {
		from++;
		n -= 2;
	} else if (memchr(s, ':', n)) {
		colon = NULL; /* an address of IPv6 without brackets: which colon is it? */
	}
	if (!colon || n > 255 || !colon[1] || strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strtoul(colon + 1, NULL, 10) > 65535)
		return err_new(e, E_USAGE, EINVAL, "--listen %.80s: ADDRESS:PORT or [IPV6]:PORT is wanted", s);
	(void)snprintf(host, 256, "%.*s", (int)n, from);
	(void)snprintf(port, 8, "%s", colon + 1);
	return 0;
}

static int bind_one(const struct addrinfo *a, int *ret)
{
	int on = 1, off = 0;
	OWN_FD fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -errno;
	if (a->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0)
		return -errno;
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
		return -errno;
	*ret = fd_take(&fd);
	return 0;
}

static int listen_open(const char *address, int *ret, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list;
	char host[256], port[8];
	int r = -EADDRNOTAVAIL;

	if (address_split(address, host, port, e) < 0)
		return -e->eno;
	if (!*host)
		hints.ai_family = AF_INET6; /* takes IPv4 along */
	int res = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (res && !*host) {
		hints.ai_family = AF_INET;
		res = getaddrinfo(NULL, port, &hints, &list);
	}
	if (res)
		return err_new(e, E_INVALID, EINVAL, "listen on %s: %s", address, gai_strerror(res));
	for (const struct addrinfo *a = list; a && r < 0; a = a->ai_next)
		r = bind_one(a, ret);
	freeaddrinfo(list);
	if (r == -EAFNOSUPPORT && !*host) { /* a kernel without IPv6 */
		struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
		struct addrinfo a = { .ai_family = AF_INET, .ai_addr = (struct sockaddr *)&any, .ai_addrlen = sizeof any };
		r = bind_one(&a, ret);
	}
	if (r < 0)
		return err_sys(e, -r, "listen on %s", address);
	return 0;
}

/* "127.0.0.1:5000"; IPv4 that came over a socket of both as itself */
static void address_text(const struct sockaddr_storage *a, char out[ADDRESS_MAX])
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *four = (const struct sockaddr_in *)a;
	char text[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
		(void)snprintf(out, ADDRESS_MAX, "%s:%u", text, ntohs(four->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		(void)inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], text, sizeof text);
		(void)snprintf(out, ADDRESS_MAX, "%s:%u", text, ntohs(six->sin6_port));
	} else {
		(void)inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
		(void)snprintf(out, ADDRESS_MAX, "[%s]:%u", text, ntohs(six->sin6_port));
	}
}

/* ---- connections ---- */

static void conn_add(struct serve *s, struct conn *c)
{
	pthread_mutex_lock(&s->lock);
	c->next = s->conns;
	c->prev = &s->conns;
	if (c->next)
		c->next->prev = &c->next;
	s->conns = c;
	s->n_conns++;
	pthread_mutex_unlock(&s->lock);
}

/* the last that a thread does with @s: after the count has changed the server may end */
static void conn_gone(struct conn *c)
{
	struct serve *s = c->s;
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->n_conns--;
	(void)!write(s->wake_fd, &one, sizeof one); /* cannot fail: the counter is far from its end */
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	pthread_mutex_unlock(&s->lock);
}

static void *conn_thread(void *data)
{
	conn_run(data);
	tls_thread_end();
	conn_gone(data);
	return NULL;
}

static void accept_one(struct serve *s, int listen_fd, const pthread_attr_t *attr)
{
	struct sockaddr_storage from = { 0 };
	socklen_t n = sizeof from;
	pthread_t thread;
	int on = 1;

	OWN_FD fd = accept4(listen_fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return; /* gone again, or out of descriptors: those who have some go on */
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only faster */
	address_text(&from, c->peer);
	c->s = s;
	c->fd = fd;
	conn_add(s, c);
	if (pthread_create(&thread, attr, conn_thread, c) == 0)
		(void)fd_take(&fd);
	else {
		c->fd = -1;
		conn_gone(c);
	}
}

/* who waits for a request waits no more; who answers one finishes */
static void idle_end(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	for (struct conn *c = s->conns; c; c = c->next)
		if (c->idle)
			(void)shutdown(c->fd, SHUT_RD); /* the client may have gone already */
	pthread_mutex_unlock(&s->lock);
}

static unsigned conns_count(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->n_conns;
	pthread_mutex_unlock(&s->lock);
	return n;
}

/* until the first signal, then until the last connection */
static void loop(struct serve *s, int *listen_fd, int signal_fd, const pthread_attr_t *attr)
{
	uint64_t ignored;

	while (*listen_fd >= 0 || conns_count(s)) {
		bool full = conns_count(s) >= s->req->connections;
		struct pollfd p[] = { { .fd = signal_fd, .events = POLLIN },
				      { .fd = s->wake_fd, .events = POLLIN },
				      { .fd = full ? -1 : *listen_fd, .events = POLLIN } };
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents) {
			struct signalfd_siginfo info;
			if (read(signal_fd, &info, sizeof info) != sizeof info)
				continue;
			if (*listen_fd < 0)
				_exit(128 + (int)info.ssi_signo); /* the second one: at once, as asked */
			own_fd_done(listen_fd);
			idle_end(s);
		}
		if (p[1].revents)
			(void)!read(s->wake_fd, &ignored, sizeof ignored); /* only woke us */
		if (p[2].revents && *listen_fd >= 0)
			accept_one(s, *listen_fd, attr);
	}
}

static int run(struct serve *s, struct err *e)
{
	struct sockaddr_storage at = { 0 };
	socklen_t n = sizeof at;
	char address[ADDRESS_MAX];
	pthread_attr_t attr;
	sigset_t set, pipes;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigemptyset(&pipes);
	(void)sigaddset(&pipes, SIGPIPE); /* of a client that has gone: OpenSSL writes to sockets without MSG_NOSIGNAL */
	(void)pthread_sigmask(SIG_BLOCK, &pipes, NULL);
	OWN_FD listen_fd = -1;
	if (listen_open(s->req->listen, &listen_fd, e) < 0)
		return -e->eno;
	OWN_FD signal_fd = pthread_sigmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0 || getsockname(listen_fd, (struct sockaddr *)&at, &n) < 0)
		return err_sys(e, errno, "listen on %s", s->req->listen);
	/* its thread must not be the one that a signal ends us by: after they are blocked */
	if (!s->req->read_only && keeper_open(s, &s->keeper, e) < 0)
		return -e->eno;
	int r = pthread_attr_init(&attr);
	if (r || (r = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED)) ||
	    (r = pthread_attr_setstacksize(&attr, STACK_BYTES)))
		return err_sys(e, r, "threads");
	address_text(&at, address);
	s->req->ready(s->req->data, address);
	loop(s, &listen_fd, signal_fd, &attr);
	(void)pthread_attr_destroy(&attr);
	return 0;
}

int registry_serve(const struct serve_req *req, struct err *e)
{
	struct serve s = { .req = req, .lock = PTHREAD_MUTEX_INITIALIZER };
	OWN_FD wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (wake < 0)
		return err_sys(e, errno, "events");
	s.wake_fd = wake;
	if (depot_open(req->root, &s.depot, e) < 0)
		return -e->eno;
	int r = req->proxy ? cache_open(&s, req->proxy, &s.cache, e) : 0;
	if (r == 0 && req->htpasswd)
		r = passwords_open(req->htpasswd, &s.passwords, e);
	if (r == 0 && req->tls_cert)
		r = tls_open(req->tls_cert, req->tls_key, &s.tls, e);
	if (r == 0)
		r = run(&s, e);
	cache_close(s.cache);
	keeper_close(s.keeper); /* after the downloads, which tell it what came */
	passwords_close(s.passwords);
	tls_close(s.tls);
	depot_close(&s.depot);
	(void)pthread_mutex_destroy(&s.lock); /* no thread is left */
	return r;
}
