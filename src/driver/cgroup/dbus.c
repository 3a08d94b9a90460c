/* SPDX-License-Identifier: Apache-2.0
 *
 * See dbus.h. The format is that of the D-Bus specification 0.36, protocol version 1; we write
 * in our own byte order and read what the other side says it writes: on one host the same.
 */
#include "driver/cgroup/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"

enum { MESSAGE_MAX = 1 << 20, WAIT_MS = 25000, HEADER = 16 };
enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY, FIELD_DESTINATION,
       FIELD_SIGNATURE = 8 };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_MARK 'l'
#else
#define BYTE_ORDER_MARK 'B'
#endif

/* --- writing ------------------------------------------------------------------------------- */

void dbus_put_align(struct buf *b, size_t n)
{
	while (b->n % n && !b->failed)
		buf_putc(b, 0);
}

void dbus_put_u32(struct buf *b, uint32_t v)
{
	dbus_put_align(b, 4);
	buf_add(b, &v, sizeof v);
}

void dbus_put_u64(struct buf *b, uint64_t v)
{
	dbus_put_align(b, 8);
	buf_add(b, &v, sizeof v);
}

void dbus_put_string(struct buf *b, const char *s)
{
	dbus_put_u32(b, (uint32_t)strlen(s));
	buf_add(b, s, strlen(s) + 1);
}

void dbus_put_signature(struct buf *b, const char *s)
{
	buf_putc(b, (char)strlen(s));
	buf_add(b, s, strlen(s) + 1);
}

size_t dbus_array_begin(struct buf *b, size_t align)
{
	dbus_put_u32(b, 0);
	size_t begin = b->n;
	dbus_put_align(b, align); /* does not count as part of the array */
	return begin;
}

void dbus_array_end(struct buf *b, size_t begin, size_t align)
{
	size_t first = (begin + align - 1) / align * align;
	uint32_t n = (uint32_t)(b->n - first);
	if (!b->failed)
		memcpy(b->p + begin - 4, &n, sizeof n);
}

static void put_field(struct buf *b, int field, const char *type, const char *value)
{
	dbus_put_align(b, 8);
	buf_putc(b, (char)field);
	dbus_put_signature(b, type);
	if (*type == 'g')
		dbus_put_signature(b, value);
	else
		dbus_put_string(b, value);
}

static int send_call(struct dbus *d, const struct dbus_call *c, struct err *e)
{
	OWN_BUF b = { 0 };
	const char head[4] = { BYTE_ORDER_MARK, DBUS_CALL, 0, 1 };

	buf_add(&b, head, sizeof head);
	dbus_put_u32(&b, c->body ? (uint32_t)c->body->n : 0);
	dbus_put_u32(&b, ++d->serial);
	size_t fields = dbus_array_begin(&b, 8);
	put_field(&b, FIELD_PATH, "o", c->path);
	put_field(&b, FIELD_INTERFACE, "s", c->interface);
	put_field(&b, FIELD_MEMBER, "s", c->member);
	put_field(&b, FIELD_DESTINATION, "s", c->destination);
	if (c->body)
		put_field(&b, FIELD_SIGNATURE, "g", c->signature);
	dbus_array_end(&b, fields, 8);
	dbus_put_align(&b, 8);
	if (c->body)
		buf_add(&b, c->body->p, c->body->n);
	if (buf_failed(&b) || (c->body && c->body->failed))
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	int r = io_write_all(d->fd, b.p, b.n);
	return r < 0 ? err_sys(e, -r, "send to systemd") : 0;
}

/* --- reading ------------------------------------------------------------------------------- */

static int read_exactly(int fd, void *p, size_t n, int64_t deadline_ns, struct err *e)
{
	for (size_t got = 0; got < n;) {
		int64_t left = (deadline_ns - clock_mono_ns()) / 1000000;
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int ready = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (ready == 0)
			return err_new(e, E_TIMEOUT, ETIMEDOUT, "no answer from systemd");
		if (ready < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for systemd");
		ssize_t k = ready < 0 ? -1 : read(fd, (char *)p + got, n - got);
		if (k == 0)
			return err_new(e, E_IO, ECONNRESET, "systemd closed the connection");
		if (k < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, errno, "read from systemd");
		got += k > 0 ? (size_t)k : 0;
	}
	return 0;
}

static uint32_t u32_at(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

bool dbus_get_u32(const struct dbus_message *m, size_t *at, uint32_t *ret)
{
	size_t p = (*at + 3) / 4 * 4;
	if (p + 4 > m->n)
		return false;
	*ret = u32_at(m->body + p);
	*at = p + 4;
	return true;
}

bool dbus_get_string(const struct dbus_message *m, size_t *at, const char **ret)
{
	uint32_t n;
	size_t p = *at;
	if (!dbus_get_u32(m, &p, &n) || n >= m->n || p + n + 1 > m->n || m->body[p + n])
		return false;
	*ret = m->body + p;
	*at = p + n + 1;
	return true;
}

/* The header fields that are of use here; a field of an unknown type ends the walk. */
static void read_fields(const char *p, size_t n, struct dbus_message *m)
{
	struct dbus_message f = { .body = (char *)p, .n = n };
	for (size_t at = 0; at + 4 < n;) {
		at = (at + 7) / 8 * 8;
		if (at + 4 >= n || p[at + 1] != 1)
			return;
		int field = p[at];
		char type = p[at + 2];
		const char *text = "";
		uint32_t v = 0;
		at += 4;
		if (type == 'u') {
			if (!dbus_get_u32(&f, &at, &v))
				return;
		} else if (type == 's' || type == 'o') {
			if (!dbus_get_string(&f, &at, &text))
				return;
		} else if (type == 'g') {
			at += (unsigned char)p[at] + 2u;
		} else {
			return;
		}
		if (field == FIELD_REPLY)
			m->reply_to = v;
		else if (field == FIELD_MEMBER)
			(void)snprintf(m->member, sizeof m->member, "%s", text); /* cut: no name of ours */
		else if (field == FIELD_ERROR)
			(void)snprintf(m->error, sizeof m->error, "%s", text); /* as above */
	}
}

int dbus_next(struct dbus *d, int64_t deadline_ns, struct dbus_message *ret, struct err *e)
{
	char head[HEADER];

	*ret = (struct dbus_message){ 0 };
	int r = read_exactly(d->fd, head, sizeof head, deadline_ns, e);
	if (r < 0)
		return r;
	size_t body = u32_at(head + 4), fields = u32_at(head + 12);
	if (head[0] != BYTE_ORDER_MARK || head[3] != 1 || body > MESSAGE_MAX || fields > MESSAGE_MAX)
		return err_new(e, E_CORRUPT, EPROTO, "systemd sent what is no D-Bus message");
	size_t padded = (fields + 7) / 8 * 8;
	OWN_STR rest = malloc(padded + body + 1);
	if (!rest)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	r = read_exactly(d->fd, rest, padded + body, deadline_ns, e);
	if (r < 0)
		return r;
	ret->type = (enum dbus_type)head[1];
	read_fields(rest, fields, ret);
	memmove(rest, rest + padded, body);
	ret->body = ptr_take(&rest);
	ret->n = body;
	return 0;
}

void dbus_message_done(struct dbus_message *m)
{
	free(m->body);
	m->body = NULL;
	m->n = 0;
}

int dbus_call(struct dbus *d, const struct dbus_call *c, struct dbus_message *ret, struct err *e)
{
	int64_t deadline = clock_mono_ns() + (int64_t)WAIT_MS * 1000000;

	*ret = (struct dbus_message){ 0 };
	int r = send_call(d, c, e);
	while (r >= 0) {
		r = dbus_next(d, deadline, ret, e);
		if (r < 0 || (ret->reply_to == d->serial &&
			      (ret->type == DBUS_RETURN || ret->type == DBUS_ERROR)))
			break;
		dbus_message_done(ret);
	}
	if (r >= 0 && ret->type == DBUS_ERROR) {
		size_t at = 0;
		const char *text = "";
		(void)dbus_get_string(ret, &at, &text); /* an error may come without words */
		bool denied = strstr(ret->error, "AccessDenied") || strstr(ret->error, "AuthorizationRequired");
		return err_new(e, denied ? E_DENIED : E_IO, denied ? EACCES : EIO,
			       "systemd refuses %s: %s (%s)", c->member, text, ret->error);
	}
	return r < 0 ? err_ctx(e, "%s", c->member) : 0;
}

/* --- connection ---------------------------------------------------------------------------- */

/* SASL: who we are is told by the socket's credentials. BEGIN goes along with the first line, as
 * systemd's own clients do: it must not come together with the first message, which systemd would
 * then leave lying until more arrives. */
static int authenticate(int fd, struct err *e)
{
	char uid[16], line[256] = "";
	OWN_BUF b = { 0 };
	int64_t deadline = clock_mono_ns() + (int64_t)WAIT_MS * 1000000;
	size_t n = 0;

	(void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid()); /* fits */
	buf_putc(&b, 0);
	buf_puts(&b, "AUTH EXTERNAL ");
	for (const char *p = uid; *p; p++)
		buf_printf(&b, "%02x", (unsigned)*p);
	buf_puts(&b, "\r\nBEGIN\r\n");
	int r = buf_failed(&b) ? -ENOMEM : io_write_all(fd, b.p, b.n);
	if (r < 0)
		return err_sys(e, -r, "greet systemd");
	while (n < sizeof line - 1 && (n < 2 || memcmp(line + n - 2, "\r\n", 2))) {
		r = read_exactly(fd, line + n, 1, deadline, e);
		if (r < 0)
			return r;
		n++;
	}
	if (strncmp(line, "OK", 2) != 0)
		return err_new(e, E_DENIED, EACCES, "systemd does not let us in");
	return 0;
}

int dbus_open(const char *path, bool bus, struct dbus *ret, struct err *e)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	OWN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof a.sun_path)
		return err_new(e, E_INVALID, ENAMETOOLONG, "socket %s", path);
	memcpy(a.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		return err_sys(e, errno, "connect to %s", path);
	int r = authenticate(fd, e);
	if (r < 0)
		return r;
	struct dbus d = { .fd = fd, .bus = bus };
	if (bus) {
		struct dbus_message m;
		struct dbus_call hello = { "org.freedesktop.DBus", "/org/freedesktop/DBus",
					   "org.freedesktop.DBus", "Hello", "", NULL };
		r = dbus_call(&d, &hello, &m, e);
		dbus_message_done(&m);
		if (r < 0)
			return r;
	}
	(void)fd_take(&fd); /* d's now */
	*ret = d;
	return 0;
}

void dbus_close(struct dbus *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
