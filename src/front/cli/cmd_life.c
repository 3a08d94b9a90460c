/* SPDX-License-Identifier: Apache-2.0
 *
 * stop, restart, kill, rm, wait, pause, unpause, rename, update.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "format/js.h"
#include "front/cli/commands.h"
#include "spec/signal.h"

static int signal_of(struct cli *c, int dflt, int *ret, struct err *e)
{
	const char *s = opt_str(c->req, "@signal", NULL);
	*ret = dflt;
	if (!s || !*s)
		return 0;
	int sig = signal_parse(s);
	if (sig < 0)
		return err_new(e, E_INVALID, EINVAL, "Invalid signal: %s", s);
	*ret = sig;
	return 0;
}

static int timeout_of(struct cli *c)
{
	return (int)opt_int(c->req, "@timeout", INT32_MIN);
}

static int stop_one(struct cli *c, const char *ref, struct err *e)
{
	int sig;
	if (signal_of(c, 0, &sig, e) < 0)
		return -e->eno;
	return engine_stop(&c->eng, ref, sig, timeout_of(c), e);
}

static int restart_one(struct cli *c, const char *ref, struct err *e)
{
	int sig;
	if (signal_of(c, 0, &sig, e) < 0)
		return -e->eno;
	return engine_restart(&c->eng, ref, sig, timeout_of(c), e);
}

static int kill_one(struct cli *c, const char *ref, struct err *e)
{
	int sig;
	if (signal_of(c, SIGKILL, &sig, e) < 0)
		return -e->eno;
	return engine_kill(&c->eng, ref, sig, e);
}

static int rm_one(struct cli *c, const char *ref, struct err *e)
{
	bool force = opt_bool(c->req, "@force");
	unsigned flags = (force ? ENGINE_REMOVE_FORCE : 0) |
			 (opt_bool(c->req, "@volumes") ? ENGINE_REMOVE_VOLUMES : 0);
	return engine_remove(&c->eng, ref, flags, e);
}

static int pause_one(struct cli *c, const char *ref, struct err *e)
{
	return engine_pause(&c->eng, ref, e);
}

static int unpause_one(struct cli *c, const char *ref, struct err *e)
{
	return engine_unpause(&c->eng, ref, e);
}

static int wait_one(struct cli *c, const char *ref, struct err *e)
{
	int code;
	if (engine_wait(&c->eng, ref, ENGINE_WAIT_NOT_RUNNING, &code, e) < 0)
		return -e->eno;
	printf("%d\n", code);
	return fflush(stdout) == EOF ? err_sys(e, errno, "write output") : 0;
}

static int update_one(struct cli *c, const char *ref, struct err *e)
{
	return engine_update(&c->eng, ref, c->req, e);
}

int cmd_stop(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, stop_one, EACH_ECHO);
}

int cmd_restart(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, restart_one, EACH_ECHO);
}

int cmd_kill(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, kill_one, EACH_ECHO);
}

/* rm -f of what does not exist is an error on stderr, yet success, as docker has it */
int cmd_rm(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, rm_one, EACH_ECHO | (opt_bool(c->req, "@force") ? EACH_MISSING_OK : 0));
}

int cmd_wait(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, wait_one, EACH_SERIAL);
}

int cmd_pause(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, pause_one, EACH_ECHO);
}

int cmd_unpause(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, unpause_one, EACH_ECHO);
}

int cmd_rename(struct cli *c, struct err *e)
{
	return engine_rename(&c->eng, c->argv[0], c->argv[1], e);
}

int cmd_update(struct cli *c, struct err *e)
{
	if (!json_object_size(c->req))
		return err_new(e, E_USAGE, EINVAL, "you must provide one or more flags when using this command");
	return cli_each(c, update_one, EACH_ECHO);
}
