/* SPDX-License-Identifier: Apache-2.0
 *
 * Netlink builder, parser and exchange: see netlink.h.
 */
#include "sys/netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/own.h"

/* answers are at most one page or 32 KiB in dumps */
enum { ANSWER_MAX = 32768 };

static void pad(struct nl_msgs *m)
{
	static const char zero[4];
	size_t over = m->b.n % 4;

	if (over)
		buf_add(&m->b, zero, 4 - over);
}

void nl_begin(struct nl_msgs *m, uint16_t type, uint16_t flags, const void *hdr, size_t hdr_len)
{
	struct nlmsghdr h = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
		.nlmsg_seq = ++m->seq,
	};

	if (!m->b.n)
		m->first_seq = m->seq;
	if (flags & NLM_F_ACK)
		m->acks++;
	m->msg = m->b.n;
	m->depth = 0;
	buf_add(&m->b, &h, sizeof h);
	buf_add(&m->b, hdr, hdr_len);
	pad(m);
}

void nl_end(struct nl_msgs *m)
{
	uint32_t len = (uint32_t)(m->b.n - m->msg);

	if (!buf_failed(&m->b))
		memcpy(m->b.p + m->msg, &len, sizeof len);
}

void nl_put(struct nl_msgs *m, uint16_t type, const void *p, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type };

	if (n > UINT16_MAX - NLA_HDRLEN) {
		m->b.failed = true;
		return;
	}
	buf_add(&m->b, &a, sizeof a);
	buf_add(&m->b, p, n);
	pad(m);
}

void nl_put_str(struct nl_msgs *m, uint16_t type, const char *s)
{
	nl_put(m, type, s, strlen(s) + 1);
}

void nl_put_u8(struct nl_msgs *m, uint16_t type, uint8_t v)
{
	nl_put(m, type, &v, sizeof v);
}

void nl_put_u32(struct nl_msgs *m, uint16_t type, uint32_t v)
{
	nl_put(m, type, &v, sizeof v);
}

void nl_put_be16(struct nl_msgs *m, uint16_t type, uint16_t v)
{
	v = htobe16(v);
	nl_put(m, type, &v, sizeof v);
}

void nl_put_be32(struct nl_msgs *m, uint16_t type, uint32_t v)
{
	v = htobe32(v);
	nl_put(m, type, &v, sizeof v);
}

void nl_put_be64(struct nl_msgs *m, uint16_t type, uint64_t v)
{
	v = htobe64(v);
	nl_put(m, type, &v, sizeof v);
}

void nl_nest(struct nl_msgs *m, uint16_t type)
{
	if (m->depth == NL_NEST_MAX) {
		m->b.failed = true;
		return;
	}
	m->nest[m->depth++] = m->b.n;
	nl_put(m, type | NLA_F_NESTED, NULL, 0);
}

void nl_nest_end(struct nl_msgs *m)
{
	if (!m->depth)
		return;
	size_t at = m->nest[--m->depth], n = m->b.n - at;
	if (n > UINT16_MAX)
		m->b.failed = true;
	if (buf_failed(&m->b))
		return;
	uint16_t len = (uint16_t)n;
	memcpy(m->b.p + at, &len, sizeof len);
}

void nl_raw(struct nl_msgs *m, const void *p, size_t n)
{
	buf_add(&m->b, p, n);
	pad(m);
}

void nl_msgs_done(struct nl_msgs *m)
{
	buf_done(&m->b);
	*m = (struct nl_msgs){ 0 };
}

int nl_open(int protocol, int *ret_fd, struct err *e)
{
	OWN_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int one = 1;

	if (fd < 0) {
		if (errno == EPROTONOSUPPORT)
			return err_new(e, E_UNSUPPORTED, EPROTONOSUPPORT,
				       "the kernel has no netlink protocol %d", protocol);
		return err_sys(e, errno, "open netlink socket");
	}
	/* texts of refusals (Linux 4.12), and no echo of the request; older kernels do without */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
	*ret_fd = fd_take(&fd);
	return 0;
}

int nl_open_in(int netns_fd, int protocol, int *ret_fd, struct err *e)
{
	int fd = -1;
	OWN_FD home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return err_sys(e, errno, "open own network namespace");
	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter network namespace");
	int r = nl_open(protocol, &fd, e);
	if (setns(home, CLONE_NEWNET) < 0) {
		if (fd >= 0)
			close(fd);
		return err_new(e, E_INTERNAL, errno, "leave network namespace");
	}
	if (r < 0)
		return r;
	*ret_fd = fd;
	return 0;
}

void nl_close_later(int fd)
{
	enum { LINGER_US = 20000 };
	pid_t pid = fork();

	if (!pid) {
		/* the one in between is reaped below, so its child belongs to init; it keeps the socket
		 * alone: a pipe of ours must not stay open */
		if (fork())
			_exit(0);
		if (fd > 0)
			(void)libc_close_range(0, (unsigned)fd - 1, 0);
		(void)libc_close_range((unsigned)fd + 1, ~0u, 0);
		if (chdir("/") == 0) /* a file system of ours stays free to unmount */
			(void)usleep(LINGER_US); /* whoever closes last is the one that waits */
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(fd);
}

static int send_all(int xfd, struct nl_msgs *m, struct err *e)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (buf_failed(&m->b))
		return err_new(e, E_NOMEM, ENOMEM, "netlink message does not fit");
	if (m->b.n > 100000) {
		int size = (int)(m->b.n + 65536);
		if (setsockopt(xfd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
			(void)setsockopt(xfd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	}
	for (;;) {
		ssize_t w = sendto(xfd, m->b.p, m->b.n, 0, (struct sockaddr *)&kernel, sizeof kernel);
		if (w == (ssize_t)m->b.n)
			return 0;
		if (w < 0 && errno == EINTR)
			continue;
		return err_sys(e, w < 0 ? errno : EMSGSIZE, "send to netlink");
	}
}

static ssize_t receive(int xfd, void *p, size_t n, struct err *e)
{
	for (;;) {
		ssize_t r = recv(xfd, p, n, 0);
		if (r > 0)
			return r;
		if (r < 0 && errno == EINTR)
			continue;
		return err_sys(e, r < 0 ? errno : ENODATA, "receive from netlink");
	}
}

/* text of an extended acknowledgement, behind the copied request (capped by NETLINK_CAP_ACK) */
static void ext_text(const struct nlmsghdr *h, char *out, size_t n)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *er = NLMSG_DATA(h);
	size_t off = sizeof *er;

	*out = 0;
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED) && er->msg.nlmsg_len > sizeof er->msg)
		off += NLMSG_ALIGN(er->msg.nlmsg_len) - sizeof er->msg;
	if (NLMSG_HDRLEN + off > h->nlmsg_len ||
	    !nl_parse((const char *)er + off, h->nlmsg_len - NLMSG_HDRLEN - off, tb, NLMSGERR_ATTR_MAX))
		return;
	const char *s = nl_get_str(tb[NLMSGERR_ATTR_MSG]);
	if (s)
		(void)snprintf(out, n, "%s", s);
}

int nl_send(int xfd, struct nl_msgs *m, struct nl_result *ret, struct err *e)
{
	_Alignas(struct nlmsghdr) char block[ANSWER_MAX];
	struct nl_result r = { 0 };
	unsigned acks = 0;

	if (send_all(xfd, m, e) < 0)
		return -e->eno;
	while (acks < m->acks) {
		ssize_t got = receive(xfd, block, sizeof block, e);
		if (got < 0)
			return (int)got;
		size_t left = (size_t)got;
		for (const struct nlmsghdr *h = nl_first(block, left); h; h = nl_after(h, &left)) {
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
				continue;
			const struct nlmsgerr *er = NLMSG_DATA(h);
			if (er->msg.nlmsg_flags & NLM_F_ACK)
				acks++;
			if (!er->error)
				continue;
			if (!r.errors++) {
				r.eno = -er->error;
				r.failed = h->nlmsg_seq - m->first_seq;
				ext_text(h, r.text, sizeof r.text);
			}
			/* the frame of a batch was refused: nothing else will be answered */
			if (h->nlmsg_seq == m->first_seq && !(er->msg.nlmsg_flags & NLM_F_ACK))
				acks = m->acks;
		}
	}
	*ret = r;
	return 0;
}

int nl_query(int xfd, struct nl_msgs *m,
	     int (*each)(const struct nlmsghdr *h, void *data, struct err *e), void *data,
	     struct err *e)
{
	_Alignas(struct nlmsghdr) char block[ANSWER_MAX];
	char text[160];
	int result = 0;
	bool interrupted = false;

	if (send_all(xfd, m, e) < 0)
		return -e->eno;
	for (;;) {
		ssize_t got = receive(xfd, block, sizeof block, e);
		if (got < 0)
			return (int)got;
		size_t left = (size_t)got;
		for (const struct nlmsghdr *h = nl_first(block, left); h; h = nl_after(h, &left)) {
			if (h->nlmsg_seq != m->seq)
				continue;
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = true;
			if (h->nlmsg_type == NLMSG_DONE) {
				if (!result && interrupted)
					return err_new(e, E_BUSY, EINTR, "netlink dump interrupted");
				return result;
			}
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *er = NLMSG_DATA(h);
				if (!er->error || result < 0)
					return result;
				ext_text(h, text, sizeof text);
				return err_sys(e, -er->error, "netlink%s%s", *text ? ": " : "", text);
			}
			if (!result)
				result = each(h, data, e);
			/* a single answer is followed by an acknowledgement only when asked for */
			if (!(h->nlmsg_flags & NLM_F_MULTI) && !m->acks)
				return result;
		}
	}
}

int nl_dump(int xfd, struct nl_msgs *m,
	    int (*each)(const struct nlmsghdr *h, void *data, struct err *e), void *data,
	    struct err *e)
{
	int r = -EINTR;

	for (int tries = 0; tries < 3 && r == -EINTR; tries++)
		r = nl_query(xfd, m, each, data, e);
	return r == -EINTR ? 0 : r;
}

bool nl_parse(const void *p, size_t n, const struct nlattr **tb, unsigned max)
{
	const char *c = p;

	memset(tb, 0, (max + 1) * sizeof *tb);
	while (n >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)c;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > n)
			return false;
		unsigned type = a->nla_type & NLA_TYPE_MASK;
		if (type <= max)
			tb[type] = a;
		size_t step = NLA_ALIGN(a->nla_len);
		if (step > n)
			break;
		c += step;
		n -= step;
	}
	return true;
}

uint32_t nl_get_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	if (a && nl_len(a) >= sizeof v)
		memcpy(&v, nl_data(a), sizeof v);
	return v;
}

uint32_t nl_get_be32(const struct nlattr *a)
{
	return be32toh(nl_get_u32(a));
}

uint64_t nl_get_be64(const struct nlattr *a)
{
	uint64_t v = 0;

	if (a && nl_len(a) >= sizeof v)
		memcpy(&v, nl_data(a), sizeof v);
	return be64toh(v);
}

const char *nl_get_str(const struct nlattr *a)
{
	if (!a || !nl_len(a) || !memchr(nl_data(a), 0, nl_len(a)))
		return NULL;
	return nl_data(a);
}

bool nl_body(const struct nlmsghdr *h, size_t hdr_len, const struct nlattr **tb, unsigned max)
{
	size_t off = NLMSG_HDRLEN + NLMSG_ALIGN(hdr_len);

	if (h->nlmsg_len < off)
		return false;
	return nl_parse((const char *)h + off, h->nlmsg_len - off, tb, max);
}
