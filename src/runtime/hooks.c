/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks: see hooks.h. Standard input is a memory file, not a pipe: a hook that does
 * not read its state cannot make us wait and cannot break us with SIGPIPE.
 */
#include "runtime/hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "sys/process.h"

enum { OUTPUT_MAX = 256 };

struct output {
	char text[OUTPUT_MAX + 1];
	size_t n;
};

/* keep the last bytes of the output */
static void output_read(int xfd, struct output *o)
{
	char part[512];
	ssize_t n;

	while ((n = read(xfd, part, sizeof part)) > 0) {
		const char *from = part;
		size_t len = (size_t)n;
		if (len > OUTPUT_MAX) {
			from += len - OUTPUT_MAX;
			len = OUTPUT_MAX;
		}
		if (o->n + len > OUTPUT_MAX) {
			size_t drop = o->n + len - OUTPUT_MAX;
			memmove(o->text, o->text + drop, o->n - drop);
			o->n -= drop;
		}
		memcpy(o->text + o->n, from, len);
		o->n += len;
	}
	o->text[o->n] = 0;
}

__attribute__((noreturn)) static void hook_child(const struct bundle_hook *k, const char *cwd,
						 int state, int out)
{
	const char *const self[] = { k->path, NULL };
	const char *const *argv = k->args.n ? k->args.v : self;
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	if (dup2(state, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    libc_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || (cwd && chdir(cwd) < 0) ||
	    sigaction(SIGPIPE, &dfl, NULL) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		_exit(127);
	execve(k->path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)k->env.v);
	const char *text = libc_error_text(errno);
	(void)!write(2, text, strlen(text)); /* read by our parent */
	_exit(127);
}

/* wait for the end of the hook, or kill it when its time is over */
static int hook_wait(const struct bundle_hook *k, int pidfd, int out, struct output *o)
{
	int64_t end = k->timeout_s > 0 ? clock_mono_ns() + (int64_t)k->timeout_s * 1000000000 : 0;
	struct pollfd p[2] = { { .fd = pidfd, .events = POLLIN }, { .fd = out, .events = POLLIN } };

	for (;;) {
		int wait_ms = -1;
		if (end) {
			int64_t left = end - clock_mono_ns();
			if (left <= 0) {
				(void)process_signal(pidfd, SIGKILL); /* it cannot refuse */
				return -ETIMEDOUT;
			}
			wait_ms = (int)((left + 999999) / 1000000);
		}
		if (poll(p, 2, wait_ms) < 0 && errno != EINTR)
			return -errno;
		if (p[1].revents) {
			output_read(out, o);
			if (p[1].revents & POLLHUP)
				p[1].fd = -1;
		}
		if (p[0].revents)
			return 0; /* a child of the hook may hold the pipe: do not wait for its end */
	}
}

static int hook_run(const struct bundle_hook *k, const char *cwd, int state, struct err *e)
{
	int out[2], status;
	struct output o = { .n = 0 };
	OWN_FD pidfd = -1;

	if (lseek(state, 0, SEEK_SET) < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(e, errno, "prepare");
	OWN_FD out_read = out[0];
	OWN_FD out_write = out[1];
	/* the hook gets a blocking descriptor: flags are per open file description of each end */
	if (fcntl(out_write, F_SETFL, O_WRONLY) < 0)
		return err_sys(e, errno, "prepare");
	struct process_clone c = { .cgroup_fd = -1, .ret_pidfd = &pidfd };
	pid_t pid = process_clone(&c);
	if (pid < 0)
		return err_sys(e, -pid, "fork");
	if (!pid)
		hook_child(k, cwd, state, out_write);
	own_fd_done(&out_write);
	int r = hook_wait(k, pidfd, out_read, &o);
	int w = process_wait(pid, &status);
	output_read(out_read, &o);
	if (r == -ETIMEDOUT)
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "not finished after %d s", k->timeout_s);
	if (r < 0 || w < 0)
		return err_sys(e, r < 0 ? -r : -w, "wait");
	if (!status)
		return 0;
	while (o.n && (o.text[o.n - 1] == '\n' || o.text[o.n - 1] == ' '))
		o.text[--o.n] = 0;
	if (WIFSIGNALED(status))
		return err_new(e, E_IO, EIO, "killed by signal %d%s%s", WTERMSIG(status), o.n ? ", output: " : "",
			       o.text);
	return err_new(e, E_IO, EIO, "exit status %d%s%s", WEXITSTATUS(status), o.n ? ", output: " : "",
		       o.text);
}

int hooks_run(const struct hooks_run *h, struct err *e)
{
	if (!h->hooks->n)
		return 0;
	OWN_FD state = memfd_create("state", MFD_CLOEXEC);
	if (state < 0)
		return err_sys(e, errno, "hooks: memory file");
	int r = io_write_all(state, h->state, strlen(h->state));
	if (r < 0)
		return err_sys(e, -r, "hooks: memory file");
	for (size_t i = 0; i < h->hooks->n; i++)
		if (hook_run(&h->hooks->v[i], h->cwd, state, e) < 0)
			return err_ctx(e, "%s hook #%zu %s", bundle_hook_name(h->point), i, h->hooks->v[i].path);
	return 0;
}
