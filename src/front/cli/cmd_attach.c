/* SPDX-License-Identifier: Apache-2.0
 *
 * start, attach and exec: what connects this terminal to a container.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/js.h"
#include "front/cli/commands.h"

static int start_one(struct cli *c, const char *ref, struct err *e)
{
	return engine_start(&c->eng, ref, NULL, NULL, e);
}

int cmd_start(struct cli *c, struct err *e)
{
	bool in = opt_bool(c->req, "@interactive"), attach = opt_bool(c->req, "@attach") || in;
	struct engine_result res = { 0 };

	if (!attach)
		return cli_each(c, start_one, EACH_ECHO);
	if (c->argc > 1)
		return err_new(e, E_USAGE, EINVAL, "you cannot start and attach multiple containers at once");
	OWN_JSON info = NULL;
	if (engine_inspect(&c->eng, c->argv[0], false, &info, e) < 0)
		return -e->eno;
	struct engine_attach a = {
		.in = in && js_bool(info, "Config.OpenStdin", false),
		.out = true,
		.err = true,
		.sig_proxy = true,
		.detach_keys = opt_str(c->req, "@detach-keys", NULL),
		.no_logs = true,
		.stdio = { 0, 1, 2 },
	};
	(void)fflush(stdout); /* the engine writes to the descriptor itself */
	if (engine_start(&c->eng, c->argv[0], &a, &res, e) < 0)
		return -e->eno;
	return res.end == ENGINE_DETACHED ? 0 : res.exit_code;
}

int cmd_attach(struct cli *c, struct err *e)
{
	struct engine_result res = { 0 };
	OWN_JSON info = NULL;

	if (engine_inspect(&c->eng, c->argv[0], false, &info, e) < 0)
		return -e->eno;
	struct engine_attach a = {
		.in = !opt_bool(c->req, "@no-stdin") && js_bool(info, "Config.OpenStdin", false),
		.out = true,
		.err = true,
		.sig_proxy = !json_is_false(json_object_get(c->req, "@sig-proxy")),
		.detach_keys = opt_str(c->req, "@detach-keys", NULL),
		.no_logs = true,
		.stdio = { 0, 1, 2 },
	};
	if (js_bool(info, "Config.Tty", false) && a.in && !isatty(STDIN_FILENO))
		return err_new(e, E_INVALID, ENOTTY, "the input device is not a TTY");
	if (engine_attach(&c->eng, c->argv[0], &a, &res, e) < 0)
		return -e->eno;
	return res.end == ENGINE_DETACHED ? 0 : res.exit_code;
}

int cmd_exec(struct cli *c, struct err *e)
{
	const json_t *r = c->req;
	bool in = opt_bool(r, "@interactive"), tty = opt_bool(r, "@tty"), detach = opt_bool(r, "@detach");
	OWN_JSON config = json_object();
	json_t *cmd = json_array();
	int code = 0;

	for (int i = 1; i < c->argc; i++)
		if (json_array_append_new(cmd, json_string(c->argv[i])) < 0)
			return err_new(e, E_USAGE, EINVAL, "argument %d of the command is not valid UTF-8", i);
	(void)json_object_set_new(config, "Cmd", cmd);
	(void)json_object_set_new(config, "AttachStdin", json_boolean(in && !detach));
	(void)json_object_set_new(config, "AttachStdout", json_boolean(!detach));
	(void)json_object_set_new(config, "AttachStderr", json_boolean(!detach));
	(void)json_object_set_new(config, "Tty", json_boolean(tty));
	(void)json_object_set_new(config, "Privileged", json_boolean(opt_bool(r, "@privileged")));
	static const char *const copied[][2] = { { "@user", "User" }, { "@workdir", "WorkingDir" },
						 { "@detach-keys", "DetachKeys" }, { "Env", "Env" } };
	for (size_t i = 0; i < ARRAY_LEN(copied); i++) {
		json_t *v = json_object_get(r, copied[i][0]);
		if (v)
			(void)json_object_set(config, copied[i][1], v);
	}
	if (tty && in && !detach && !isatty(STDIN_FILENO)) {
		(void)err_new(e, E_INVALID, ENOTTY, "the input device is not a TTY");
		err_hint(e, "leave out -t, or run it from a terminal");
		return -ENOTTY;
	}
	struct engine_exec q = { .config = config, .detach = detach, .stdio = { 0, 1, 2 } };
	if (engine_exec(&c->eng, c->argv[0], &q, &code, e) < 0) {
		/* docker's exec: 127 and 126 for the command, 1 for everything else */
		if (e->kind != E_EXEC_MISSING && e->kind != E_EXEC_DENIED)
			return -e->eno;
		cli_error(c, e);
		return err_map_of(e->kind)->exit;
	}
	return detach ? 0 : code;
}
