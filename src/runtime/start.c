/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_start: let a created process go on and wait for its exec. The FIFO tells: its last
 * reader is the process itself, whose descriptor closes at the exec; an error that it wrote
 * before its end is still in there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "runtime/hooks.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "sys/process.h"

static int released(const struct state *s, int fifo, struct err *e)
{
	struct pollfd p = { .fd = fifo, .events = 0 };
	struct err told;

	/* POLLERR: nobody has it open for reading any more */
	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait for the exec");
	OWN_FD in = openat(s->dir_fd, STATE_EXEC_FIFO, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (in < 0)
		return err_sys(e, errno, "open " STATE_EXEC_FIFO);
	ssize_t n = read(in, &told, sizeof told); /* one write of the child, below PIPE_BUF */
	if (n > 0 && sync_error_read(&told, (size_t)n, e) < 0)
		return -e->eno;
	if (n == 1) /* our own byte: it died before it could read it */
		return err_new(e, E_STATE, ESRCH, "cannot start a container that has stopped");
	return 0;
}

static int release(const struct state *s, struct err *e)
{
	OWN_FD fifo = openat(s->dir_fd, STATE_EXEC_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fifo < 0 && errno == ENXIO)
		return err_new(e, E_STATE, ESRCH, "cannot start a container that has stopped");
	if (fifo < 0 && errno == ENOENT)
		return err_new(e, E_STATE, EEXIST, "cannot start an already running container");
	if (fifo < 0)
		return err_sys(e, errno, "open " STATE_EXEC_FIFO);
	int r = io_write_all(fifo, "0", 1);
	if (r < 0)
		return err_sys(e, -r, "write " STATE_EXEC_FIFO);
	r = released(s, fifo, e);
	if (unlinkat(s->dir_fd, STATE_EXEC_FIFO, 0) < 0 && r >= 0)
		return err_sys(e, errno, "remove " STATE_EXEC_FIFO);
	return r;
}

/* after the exec, before start returns; a failure ends the container (runtime-spec 1.3) */
static int poststart(struct state *s, struct err *e)
{
	ARENA a = { 0 };
	OWN_JSON state = NULL;
	struct bundle_hooks hooks;

	if (state_late_hooks(s, BUNDLE_HOOK_POSTSTART, &a, &hooks, e) < 0)
		return -e->eno;
	if (!hooks.n)
		return 0;
	if (state_oci_json(s, "running", s->init.pid, &state, e) < 0)
		return -e->eno;
	OWN_STR text = json_dumps(state, JSON_COMPACT);
	struct hooks_run h = { .point = BUNDLE_HOOK_POSTSTART, .hooks = &hooks, .state = text };
	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "hooks: out of memory");
	return hooks_run(&h, e);
}

int runtime_start(const struct runtime_env *env, const char *id, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	enum runtime_status status;
	char copy[sizeof s.id];
	struct err own;

	if (state_open(env, id, STATE_LOCKED, &s, e) < 0 || state_status(&s, &status, e) < 0)
		return -e->eno;
	if (status == RUNTIME_STOPPED)
		return err_new(e, E_STATE, ESRCH, "cannot start a container that has stopped");
	if (status == RUNTIME_PAUSED)
		return err_new(e, E_STATE, EBUSY, "cannot start a paused container");
	if (release(&s, e) < 0)
		return -e->eno;
	if (poststart(&s, e) >= 0)
		return 0;
	memcpy(copy, s.id, sizeof copy);
	state_close(&s);
	if (runtime_delete(env, copy, RUNTIME_DELETE_FORCE, &own) < 0 && env->warn)
		env->warn(own.chain, env->warn_data);
	return -e->eno;
}
