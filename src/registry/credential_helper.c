/* SPDX-License-Identifier: Apache-2.0
 *
 * Credential helpers: programs `docker-credential-NAME get|store|erase`, a server or JSON on stdin,
 * JSON on stdout.
 */
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "registry/credential_store.h"

enum { HELPER_BYTES_MAX = 1 << 20, HELPER_S = 60, INPUT_BYTES_MAX = 4096 };

/* wait at most HELPER_S for the end of @fd, then for the process */
static int helper_read(int xfd, pid_t pid, struct buf *out, int *ret_status)
{
	int64_t end = clock_mono_ns() + (int64_t)HELPER_S * 1000000000;
	int r = 0;

	for (;;) {
		struct pollfd p = { .fd = xfd, .events = POLLIN };
		int64_t left = (end - clock_mono_ns()) / 1000000;
		char piece[4096];
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || out->n > HELPER_BYTES_MAX) {
			(void)kill(pid, SIGKILL); /* our own child, not waited for yet */
			r = n < 0 ? -errno : n == 0 ? -ETIMEDOUT : -EMSGSIZE;
			break;
		}
		ssize_t got = read(xfd, piece, sizeof piece);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		buf_add(out, piece, (size_t)got);
		explicit_bzero(piece, sizeof piece);
	}
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int helper_spawn(const char *program, const char *verb, int in, int out, pid_t *ret)
{
	char *argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t)verb, NULL };
	posix_spawn_file_actions_t fa;

	int r = posix_spawn_file_actions_init(&fa);
	if (r)
		return -r;
	r = posix_spawn_file_actions_adddup2(&fa, in, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (!r)
		r = posix_spawnp(ret, program, &fa, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa); /* cannot fail here */
	return -r;
}

int credential_helper(const char *name, const char *verb, const char *input, struct buf *out, struct err *e)
{
	OWN_BUF program = { 0 };
	int in[2], from[2], status = 0;
	pid_t pid;

	if (!*name || strchr(name, '/'))
		return err_new(e, E_INVALID, EINVAL, "credential helper \"%s\": bad name", name);
	if (strlen(input) > INPUT_BYTES_MAX) /* a pipe takes this much at once, whoever reads */
		return err_new(e, E_INVALID, EFBIG, "credential helper %s: more than %d bytes to tell", name,
			       INPUT_BYTES_MAX);
	buf_printf(&program, "docker-credential-%s", name);
	if (buf_failed(&program))
		return err_new(e, E_NOMEM, ENOMEM, "credential helper");
	if (pipe2(in, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in_r = in[0];
	OWN_FD in_w = in[1];
	if (pipe2(from, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD out_r = from[0];
	OWN_FD out_w = from[1];
	/* cannot block, nor raise SIGPIPE: both ends are ours still */
	if (io_write_all(in_w, input, strlen(input)) < 0)
		return err_sys(e, EIO, "credential helper %s", name);
	own_fd_done(&in_w);
	int r = helper_spawn(buf_str(&program), verb, in_r, out_w, &pid);
	own_fd_done(&out_w);
	if (r < 0) {
		(void)err_sys(e, -r, "run %s", buf_str(&program));
		err_hint(e, "credsStore or credHelpers of config.json names a program that cannot be run");
		return r;
	}
	r = helper_read(out_r, pid, out, &status);
	if (r < 0)
		return err_sys(e, -r, "%s", buf_str(&program));
	if (status == 0)
		return 1;
	if (strstr(buf_str(out), "credentials not found"))
		return 0;
	return err_new(e, E_AUTH, EACCES, "%s: %.*s", buf_str(&program), (int)strcspn(buf_str(out), "\n"),
		       buf_str(out));
}
