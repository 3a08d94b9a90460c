/* SPDX-License-Identifier: Apache-2.0
 *
 * CRIU as a subprocess: see criu.h.
 */
#include "runtime/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "sys/fdpass.h"
#include "sys/process.h"

enum { PACKET_MAX = 64 << 10, LOG_TAIL = 256 << 10, SOCKET_FD = 3 };

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

int criu_find(const struct runtime_env *env, char *out, size_t n, struct err *e)
{
	const char *path = getenv("PATH");

	if (env->criu && strchr(env->criu, '/')) {
		(void)snprintf(out, n, "%s", env->criu);
		if (is_program(out))
			return 0;
	} else
		for (const char *p = path ? path : "/usr/local/sbin:/usr/sbin:/sbin"; *p;) {
			size_t len = strcspn(p, ":");
			(void)snprintf(out, n, "%.*s/%s", (int)len, p, env->criu ? env->criu : "criu");
			if (len && is_program(out))
				return 0;
			p += len + (p[len] == ':');
		}
	if (env->criu && strchr(env->criu, '/'))
		(void)err_new(e, E_NOT_FOUND, ENOENT, "%s: executable file not found", env->criu);
	else
		(void)err_new(e, E_NOT_FOUND, ENOENT, "%s: executable file not found in $PATH", env->criu ? env->criu : "criu");
	err_hint(e, "checkpoint and restore need CRIU 3.15 or newer: install the package criu");
	return -ENOENT;
}

/* --- the process --------------------------------------------------------------------------- */

/* one packet, and at most one descriptor of those that come along. @ret_cut: it was longer */
static ssize_t receive(int sock, void *room, size_t size, int *ret_fd, bool *ret_cut)
{
	size_t n_fds;
	ssize_t n = fdpass_receive(sock, room, size, ret_fd, 1, &n_fds, ret_cut);

	if (n < 0 || !n_fds)
		*ret_fd = -1;
	return n;
}

struct child_fds {
	int sock, status, words, high[CRIU_FDS_MAX];
	size_t n;
};

/* what goes to a low number comes from a high one, or it could be overwritten before its turn */
static int raise_fd(int fd)
{
	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, CRIU_FIRST_FD + CRIU_FDS_MAX);
}

static int dir_add(struct child_fds *f, const char *path, struct err *e)
{
	if (!path)
		return 0;
	OWN_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || (f->high[f->n++] = raise_fd(dir)) < 0)
		return err_sys(e, errno, "open %s", path);
	return 0;
}

/* one message with no error and one descriptor: our end of the socket */
static int socket_send(int status, int fd, struct err *e)
{
	const struct err none = { .kind = E_NONE };
	ssize_t n = fdpass_send(status, &none, sizeof none, &fd, 1);

	return n < 0 ? err_sys(e, (int)-n, "criu: send socket") : 0;
}

/* those of what it restores, or none: a file for its last words */
static int streams(const struct criu_call *c, int words, struct err *e)
{
	int from[3] = { -1, words, words };

	if (!c->stdio)
		from[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	else
		for (int i = 0; i < 3; i++)
			from[i] = c->stdio[i] < 0 ? i : c->stdio[i];
	for (int i = 0; i < 3; i++)
		/* a low number could be overwritten before its turn: move it out of the way */
		if (from[i] < 3 && from[i] != i)
			from[i] = raise_fd(from[i]);
	for (int i = 0; i < 3; i++)
		if (from[i] != i && dup2(from[i], i) < 0)
			return err_sys(e, errno, "criu: prepare standard streams");
	return 0;
}

static int child_prepare(const struct criu_call *c, struct child_fds *f, struct err *e)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	int pair[2];

	for (size_t i = 0; i < c->n_fds; i++)
		if ((f->high[f->n++] = raise_fd(c->fds[i])) < 0)
			return err_sys(e, errno, "criu: prepare descriptors");
	if (streams(c, f->words, e) < 0)
		return -e->eno;
	if (c->enter && c->enter(c->data, e) < 0)
		return -e->eno;
	if (dir_add(f, c->images, e) < 0 || dir_add(f, c->work, e) < 0)
		return -e->eno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "criu: make socket");
	if (socket_send(f->status, pair[0], e) < 0)
		return -e->eno;
	f->sock = raise_fd(pair[1]);
	sigemptyset(&none);
	if (f->sock < 0 || libc_close_range(SOCKET_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || dup2(f->sock, SOCKET_FD) < 0 ||
	    sigaction(SIGPIPE, &dfl, NULL) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(e, errno, "criu: prepare");
	for (size_t i = 0; i < f->n; i++)
		if (dup2(f->high[i], CRIU_FIRST_FD + (int)i) < 0)
			return err_sys(e, errno, "criu: prepare descriptors");
	return 0;
}

__attribute__((noreturn)) static void child(const struct criu_call *c, const char *path, int status,
						int words)
{
	char *const argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)"swrk", (char *)(uintptr_t)"3", NULL };
	struct child_fds f = { .status = raise_fd(status), .words = raise_fd(words) };
	struct err e = { 0 };

	if (f.status < 0 || f.words < 0)
		_exit(127);
	if (child_prepare(c, &f, &e) >= 0) {
		execv(path, argv);
		(void)err_sys(&e, errno, "execute %s", path);
	}
	(void)send(f.status, &e, sizeof e, MSG_NOSIGNAL); /* read by our parent */
	_exit(127);
}

/* first our end of the socket; then the end of file, which is the exec. Or an error. */
static int started(int status, int *ret_sock, struct err *e)
{
	struct err told;
	bool more;

	for (;;) {
		OWN_FD sock = -1;
		ssize_t n = receive(status, &told, sizeof told, &sock, &more);
		if (n == 0 && *ret_sock >= 0)
			return 0;
		if (n != sizeof told)
			return n < 0 ? err_sys(e, (int)-n, "start criu") : err_new(e, E_IO, EPIPE, "start criu: it died");
		if (told.kind != E_NONE) {
			*e = told;
			return -e->eno;
		}
		own_fd_done(ret_sock);
		*ret_sock = fd_take(&sock);
	}
}

static int spawn(const struct criu_call *c, int words, pid_t *ret_pid, int *ret_sock, struct err *e)
{
	struct process_clone pc = { .cgroup_fd = -1 };
	char path[4096];
	int pair[2];

	if (c->n_fds + 2 > CRIU_FDS_MAX)
		return err_new(e, E_INTERNAL, E2BIG, "criu: too many descriptors");
	if (criu_find(c->env, path, sizeof path, e) < 0)
		return -e->eno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "criu: make socket");
	OWN_FD ours = pair[0];
	OWN_FD theirs = pair[1];
	OWN_FD sock = -1;
	pid_t pid = process_clone(&pc);
	if (pid < 0)
		return err_sys(e, -pid, "start criu");
	if (!pid)
		child(c, path, theirs, words);
	own_fd_done(&theirs);
	if (started(ours, &sock, e) < 0) {
		(void)process_wait(pid, NULL); /* our child, has ended */
		return -e->eno;
	}
	*ret_pid = pid;
	*ret_sock = fd_take(&sock);
	return 0;
}

/* --- packets ------------------------------------------------------------------------------- */

static int packet_send(int sock, const struct criu_request *q, struct err *e)
{
	OWN_BUF b = { 0 };

	if (criu_request_encode(q, &b, e) < 0)
		return -e->eno;
	while (send(sock, b.p, b.n, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "criu: send request");
	return 0;
}

static int packet_receive(int sock, char *room, struct criu_response *ret, int *ret_fd, struct err *e)
{
	bool cut = false;
	ssize_t n = receive(sock, room, PACKET_MAX, ret_fd, &cut);

	if (n < 0)
		return err_sys(e, (int)-n, "criu: read its answer");
	if (n == 0)
		return err_new(e, E_IO, EPIPE, "criu has ended without an answer");
	if (cut)
		return err_new(e, E_CORRUPT, EMSGSIZE, "criu: its answer is too long");
	return criu_response_decode(room, (size_t)n, ret, e);
}

static const char *type_name(uint32_t type)
{
	switch (type) {
	case CRIU_DUMP:
		return "DUMP";
	case CRIU_RESTORE:
		return "RESTORE";
	case CRIU_PRE_DUMP:
		return "PRE_DUMP";
	case CRIU_NOTIFY:
		return "NOTIFY";
	case CRIU_FEATURE_CHECK:
		return "FEATURE_CHECK";
	case CRIU_VERSION:
		return "VERSION";
	default:
		return "EMPTY";
	}
}

static void quote(const struct criu_call *c, int words, char *out, size_t n)
{
	OWN_FD log = c->log_fd < 0 || !c->request->log_file ?
			     -1 :
			     openat(c->log_fd, c->request->log_file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	*out = 0;
	if (log >= 0)
		criu_log_quote(log, out, n);
	if (!*out) /* it had not yet opened its log */
		criu_log_quote(words, out, n);
}

/* the words "criu failed: type T errno N" are those that callers of runc know */
static int refused(const struct criu_call *c, const struct criu_response *r, int words, struct err *e)
{
	const int eno = r->eno ? r->eno : EIO;
	char text[480];

	quote(c, words, text, sizeof text);
	if (!*text)
		(void)snprintf(text, sizeof text, "%s", r->message);
	(void)err_new(e, err_kind_of_errno(eno), eno, "criu failed: type %s errno %d%s%s", type_name(r->type), r->eno,
		      *text ? ": " : "", text);
	if (r->eno == EBADRQC)
		err_hint(e, "this CRIU does not know one of the options, or they do not go together");
	if (c->log_dir && c->request->log_file)
		err_hint(e, "the whole log is %s/%s", c->log_dir, c->request->log_file);
	return -eno;
}

/* its socket is closed. What a callback says of another pipe is no word about CRIU. */
static bool is_end(int r)
{
	return r == -EPIPE || r == -ECONNRESET;
}

struct talk {
	int sock, words;
	bool ended; /* CRIU has */
};

static int converse(const struct criu_call *c, struct talk *t, struct criu_response *ret, struct err *e)
{
	const struct criu_request go_on = { .type = CRIU_NOTIFY, .notify_success = true };
	OWN_PTR char *room = malloc(PACKET_MAX);
	int r;

	if (!room)
		return err_new(e, E_NOMEM, ENOMEM, "criu: out of memory");
	if ((r = packet_send(t->sock, c->request, e)) < 0) {
		t->ended = is_end(r);
		return r;
	}
	for (;;) {
		OWN_FD fd = -1;
		if ((r = packet_receive(t->sock, room, ret, &fd, e)) < 0) {
			t->ended = is_end(r);
			return r;
		}
		if (!ret->success)
			return refused(c, ret, t->words, e);
		if (ret->type != CRIU_NOTIFY)
			return 0;
		if (c->notify && (r = c->notify(c->data, ret, fd, e)) < 0)
			return r;
		if ((r = packet_send(t->sock, &go_on, e)) < 0) {
			t->ended = is_end(r);
			return r;
		}
	}
}

/* it ended without an answer: what it wrote says more than the socket */
static int ended(const struct criu_call *c, int status, int words, struct err *e)
{
	const struct criu_response none = { .type = c->request->type };
	char text[480];

	if (WIFSIGNALED(status))
		return err_new(e, E_IO, EPIPE, "criu was killed by signal %d", WTERMSIG(status));
	quote(c, words, text, sizeof text);
	if (*text) {
		(void)refused(c, &none, words, e);
		e->hint[0] = 0; /* there may be no log yet */
	}
	err_hint(e, "`criu check` tells what CRIU lacks on this host");
	return -e->eno;
}

int criu_call(const struct criu_call *c, struct criu_response *ret, struct err *e)
{
	struct talk t = { -1, -1, false };
	OWN_FD sock = -1;
	pid_t pid;
	int status = 0;
	/* an old one must not be taken for that of a CRIU which did not get so far */
	if (c->log_fd >= 0 && c->request->log_file && unlinkat(c->log_fd, c->request->log_file, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove old %s", c->request->log_file);
	OWN_FD words = memfd_create("criu", MFD_CLOEXEC);
	if (words < 0)
		return err_sys(e, errno, "criu: memory file");
	int r = spawn(c, words, &pid, &sock, e);
	if (r < 0)
		return r;
	if (c->images)
		c->request->images_fd = CRIU_FIRST_FD + (int)c->n_fds;
	if (c->work)
		c->request->work_fd = CRIU_FIRST_FD + (int)c->n_fds + (c->images != NULL);
	if (c->spawned)
		r = c->spawned(c->data, pid, e);
	t.sock = sock;
	t.words = words;
	if (r >= 0)
		r = converse(c, &t, ret, e);
	/* the end of the socket makes CRIU give up what it is doing, and put it back as it was */
	own_fd_done(&sock);
	int w = process_wait(pid, &status);
	if (t.ended)
		return ended(c, status, words, e);
	if (r < 0)
		return r;
	if (w < 0)
		return err_sys(e, -w, "wait for criu");
	/* after a pre-dump CRIU waits for the next request, and is not content with the end of the socket */
	if (status && (c->request->type == CRIU_DUMP || c->request->type == CRIU_RESTORE))
		return err_new(e, E_IO, EIO, "criu failed after its answer: status %d", status);
	return 0;
}

int criu_require(const struct runtime_env *env, const struct criu_need *needs, size_t n, struct err *e)
{
	OWN_CRIU_REQUEST q = CRIU_REQUEST_EMPTY;
	struct criu_call c = { .env = env, .request = &q, .log_fd = -1 };
	struct criu_response r;

	q.type = CRIU_VERSION;
	if (criu_call(&c, &r, e) < 0)
		return err_ctx(e, "ask criu for its version");
	for (size_t i = 0; i < n; i++)
		if (r.version < needs[i].version)
			return err_new(e, E_UNSUPPORTED, ENOSYS, "%s needs CRIU %u.%u, this is %u.%u", needs[i].what,
				       needs[i].version / 10000, needs[i].version / 100 % 100, r.version / 10000,
				       r.version / 100 % 100);
	return 0;
}

int criu_features(const struct runtime_env *env, unsigned want, struct err *e)
{
	OWN_CRIU_REQUEST q = CRIU_REQUEST_EMPTY;
	struct criu_call c = { .env = env, .request = &q, .log_fd = -1 };
	struct criu_response r;

	if (!want)
		return 0;
	q.type = CRIU_FEATURE_CHECK;
	q.want_lazy_pages = want & CRIU_CAN_LAZY_PAGES;
	q.want_mem_track = want & CRIU_CAN_TRACK_MEMORY;
	if (criu_call(&c, &r, e) < 0)
		return err_ctx(e, "ask criu for its features");
	if (q.want_mem_track && !r.mem_track)
		return err_new(e, E_UNSUPPORTED, ENOSYS, "CRIU or this kernel cannot track memory changes");
	if (q.want_lazy_pages && !r.lazy_pages)
		return err_new(e, E_UNSUPPORTED, ENOSYS, "CRIU or this kernel cannot serve memory pages lazily");
	return 0;
}

/* --- the log ------------------------------------------------------------------------------- */

/* "(00.012345) Error (criu/mount.c:123): mnt: ..." without the time */
static const char *without_time(const char *line)
{
	const char *end = *line == '(' ? strstr(line, ") ") : NULL;

	return end ? end + 2 : line;
}

/* the last lines that are errors, as many as fit, oldest first */
void criu_log_quote(int xlog, char *out, size_t n)
{
	enum { LINES = 3 };
	OWN_PTR char *text = malloc(LOG_TAIL + 1);
	const char *last[LINES] = { NULL };
	char *save = NULL;
	struct stat st;

	*out = 0;
	if (!text || fstat(xlog, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (lseek(xlog, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0, SEEK_SET) < 0)
		return;
	ssize_t got = io_read_full(xlog, text, LOG_TAIL);
	if (got <= 0)
		return;
	text[got] = 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, "Error")) {
			memmove(last, last + 1, sizeof last - sizeof *last);
			last[LINES - 1] = without_time(line);
		}
	for (int i = 0; i < LINES; i++)
		if (last[i]) {
			size_t used = strlen(out);
			(void)snprintf(out + used, n - used, "%s%s", used ? "; " : "", last[i]);
		}
}
