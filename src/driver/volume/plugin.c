/* SPDX-License-Identifier: Apache-2.0
 *
 * Exchanges with volume plugins, see plugin.h.
 */
#include "driver/volume/plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/volume/plugin_find.h"
#include "format/http_reply.h"
#include "format/js.h"

enum {
	REPLY_MAX = 4 << 20,
	CONNECT_S = 30, QUESTION_S = 60, CHANGE_S = 120, /* moby: pkg/plugins/client.go, volume/drivers/proxy.go */
};

struct call {
	const char *plugin, *method; /* "VolumeDriver.Mount" */
	struct sockaddr_un addr;
	int64_t end_ns;              /* when we give up */
	unsigned timeout_s, flags;
};

static unsigned seconds(unsigned dflt)
{
	const char *s = getenv("ONGGI_PLUGIN_TIMEOUT");
	uint32_t n;

	return s && text_uint32(s, &n) == 0 && n ? n : dflt;
}

static int timed_out(const struct call *c, struct err *e)
{
	return err_new(e, E_TIMEOUT, ETIMEDOUT, "plugin %s: %s: no answer in %u seconds", c->plugin, c->method, c->timeout_s);
}

/* wait until the socket is ready; not beyond the call's end */
static int ready(const struct call *c, int fd, short events, struct err *e)
{
	for (;;) {
		int64_t left = c->end_ns - clock_mono_ns();
		struct pollfd p = { .fd = fd, .events = events };
		if (left <= 0)
			return timed_out(c, e);
		int r = poll(&p, 1, (int)(left / 1000000) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_sys(e, errno, "plugin %s: poll", c->plugin);
	}
}

/* a plugin that is being started is given time, as docker does: 1, 2, 4 ... seconds between the tries */
static int connect_plugin(const struct call *c, int *ret_fd, struct err *e)
{
	unsigned limit_s = seconds(CONNECT_S), pause_s = 1;
	int64_t end = clock_mono_ns() + limit_s * 1000000000LL;

	for (;;) {
		OWN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* where many wait to be accepted we wait too: it lives, which is no matter of retries */
		const struct timeval limit = { .tv_sec = limit_s };
		if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
			return err_sys(e, errno, "plugin %s: socket", c->plugin);
		if (!connect(fd, (const struct sockaddr *)&c->addr, sizeof c->addr)) {
			if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
				return err_sys(e, errno, "plugin %s: socket", c->plugin);
			*ret_fd = fd_take(&fd);
			return 0;
		}
		int why = errno;
		bool again = why == ECONNREFUSED || why == ENOENT;
		if (!again || (c->flags & PLUGIN_NO_RETRY) ||
		    clock_mono_ns() + pause_s * 1000000000LL > end) {
			err_new(e, E_NETWORK, why, "plugin %s does not listen at %s: %s", c->plugin, c->addr.sun_path, strerror(why));
			err_hint(e, "start the plugin, or remove its socket and specification");
			return -e->eno;
		}
		const struct timespec t = { .tv_sec = pause_s };
		(void)nanosleep(&t, NULL); /* a shorter sleep is one more try */
		pause_s *= 2;
	}
}

static int send_all(const struct call *c, int fd, const char *p, size_t n, struct err *e)
{
	while (n) {
		if (ready(c, fd, POLLOUT, e) < 0)
			return -e->eno;
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
		if (w < 0 && errno != EAGAIN && errno != EINTR)
			return err_new(e, E_NETWORK, errno, "plugin %s: %s: send: %s", c->plugin, c->method, strerror(errno));
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

/* @b holds what the reply points into */
static int receive(const struct call *c, int fd, struct buf *b, struct http_reply *ret, struct err *e)
{
	char chunk[16384];

	for (;;) {
		if (ready(c, fd, POLLIN, e) < 0)
			return -e->eno;
		ssize_t n = recv(fd, chunk, sizeof chunk, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0 || (!n && !b->n))
			return err_new(e, E_NETWORK, n < 0 ? errno : EPIPE, "plugin %s: %s: the connection broke off before a reply",
				       c->plugin, c->method);
		buf_add(b, chunk, (size_t)n);
		if (b->n > REPLY_MAX)
			return err_new(e, E_CORRUPT, EFBIG, "plugin %s: %s: reply of more than %d bytes", c->plugin, c->method, REPLY_MAX);
		(void)buf_str(b);
		if (!b->p)
			return err_new(e, E_NOMEM, ENOMEM, "reply of a plugin");
		int r = http_reply_parse(b->p, b->n, !n, ret, e);
		if (r < 0)
			return err_ctx(e, "plugin %s: %s", c->plugin, c->method);
		if (r)
			return 0;
	}
}

static int request(const struct call *c, const json_t *req, struct buf *out, struct err *e)
{
	OWN_STR body = req ? json_dumps(req, JSON_COMPACT) : strdup("{}");

	if (!body)
		return err_new(e, E_NOMEM, ENOMEM, "request to a plugin");
	buf_printf(out,
		   "POST /%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: onggi\r\nConnection: close\r\n"
		   "Accept: application/vnd.docker.plugins.v1.2+json, application/vnd.docker.plugins.v1.1+json\r\n"
		   "Content-Type: application/vnd.docker.plugins.v1.1+json\r\nContent-Length: %zu\r\n\r\n%s",
		   c->method, c->plugin, strlen(body), body);
	return 0;
}

/* the error that a plugin tells: in "Err" whatever the status, or the body as text */
static int own_error(const struct call *c, const struct http_reply *r, const json_t *j, struct err *e)
{
	const char *text = js_str(j, "Err", "");

	if (r->status == 200 && !*text)
		return 0;
	if (r->status == 404 && !*text)
		return err_new(e, E_UNSUPPORTED, ENOSYS, "plugin %s does not know %s", c->plugin, c->method);
	if (*text)
		return err_new(e, E_STATE, EREMOTEIO, "%s: %s", c->method, text);
	return err_new(e, E_STATE, EREMOTEIO, "%s: HTTP status %d: %.*s", c->method, r->status, (int)(r->n < 200 ? r->n : 200), r->body);
}

static int exchange(struct call *c, const json_t *req, json_t **ret, struct err *e)
{
	OWN_BUF out = { 0 };
	OWN_BUF in = { 0 };
	OWN_JSON j = NULL;
	OWN_FD fd = -1;
	struct http_reply reply;
	struct err garbage = { 0 };

	if (request(c, req, &out, e) < 0 || connect_plugin(c, &fd, e) < 0)
		return -e->eno;
	c->end_ns = clock_mono_ns() + c->timeout_s * 1000000000LL;
	if (send_all(c, fd, buf_str(&out), out.n, e) < 0 || receive(c, fd, &in, &reply, e) < 0)
		return -e->eno;
	int r = js_parse(reply.body, reply.n, c->method, &j, &garbage);
	if (r < 0 && reply.status == 200) {
		*e = garbage;
		e->kind = E_CORRUPT;
		return err_ctx(e, "plugin %s", c->plugin);
	}
	if (own_error(c, &reply, r < 0 ? NULL : j, e) < 0)
		return -e->eno;
	if (!json_is_object(j))
		return err_new(e, E_CORRUPT, EPROTO, "plugin %s: %s: the reply is no object", c->plugin, c->method);
	*ret = ptr_take(&j);
	return 0;
}

static int activate(struct call *c, struct err *e)
{
	OWN_JSON j = NULL;

	c->method = "Plugin.Activate";
	c->timeout_s = seconds(CONNECT_S);
	if (exchange(c, NULL, &j, e) < 0)
		return -e->eno;
	if (js_has_string(json_object_get(j, "Implements"), "VolumeDriver"))
		return 0;
	return err_new(e, E_UNSUPPORTED, ENOSYS, "plugin %s does not implement the requested driver \"VolumeDriver\"", c->plugin);
}

static bool is_change(const char *method)
{
	static const char *const list[] = { "Create", "Mount", "Remove", "Unmount" };

	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (!strcmp(list[i], method))
			return true;
	return false;
}

int plugin_volume_call(const char *name, const char *method, const json_t *req, unsigned flags, json_t **ret,
		       struct err *e)
{
	struct call c = { .plugin = name, .flags = flags, .addr = { .sun_family = AF_UNIX } };
	char full[64];
	OWN_JSON j = NULL;

	if (plugin_find(name, c.addr.sun_path, sizeof c.addr.sun_path, e) < 0 || activate(&c, e) < 0)
		return -e->eno;
	(void)snprintf(full, sizeof full, "VolumeDriver.%s", method);
	c.method = full;
	c.timeout_s = seconds(is_change(method) ? CHANGE_S : QUESTION_S);
	if (exchange(&c, req, &j, e) < 0)
		return -e->eno;
	if (ret)
		*ret = ptr_take(&j);
	return 0;
}
