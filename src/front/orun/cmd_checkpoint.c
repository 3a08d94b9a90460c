/* SPDX-License-Identifier: Apache-2.0
 *
 * orun checkpoint, restore: known by name so that callers get a clear answer.
 */
#include "base/own.h"
#include "front/orun/orun.h"

struct criu_opts {
	struct opt_list values;
	bool flag;
};

#define STR(name) { name, 0, OPT_LIST, offsetof(struct criu_opts, values), "VALUE", NULL }
#define BOOL(name) { name, 0, OPT_BOOL, offsetof(struct criu_opts, flag), NULL, NULL }

static const struct opt_row criu_rows[] = {
	STR("image-path"), STR("work-path"), STR("parent-path"), BOOL("leave-running"),
	BOOL("tcp-established"), BOOL("tcp-skip-in-flight"), BOOL("tcp-close"), BOOL("link-remap"),
	BOOL("ext-unix-sk"), BOOL("shell-job"), BOOL("lazy-pages"), STR("status-fd"), STR("page-server"),
	BOOL("file-locks"), BOOL("pre-dump"), STR("manage-cgroups-mode"), STR("empty-ns"),
	BOOL("auto-dedup"), STR("network-lock"), STR("bundle"), STR("b"), BOOL("detach"), BOOL("d"),
	STR("pid-file"), STR("console-socket"), BOOL("no-subreaper"), BOOL("no-pivot"), STR("lsm-profile"),
	STR("lsm-mount-context"),
};

static int criu_run(struct orun *o, const struct call *c, struct err *e)
{
	(void)o; /* shape of a command */
	return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "%s %s: checkpoint and restore are not supported",
		       c->command->name, c->args[0]);
}

const struct command orun_command_checkpoint = {
	.name = "checkpoint", .args = "CONTAINER", .help = "save a running container (not supported)",
	.run = criu_run, .rows = criu_rows, .n_rows = ARRAY_LEN(criu_rows),
	.opts_size = sizeof(struct criu_opts), .min_args = 1, .max_args = 1,
};

const struct command orun_command_restore = {
	.name = "restore", .args = "CONTAINER", .help = "continue a saved container (not supported)",
	.run = criu_run, .rows = criu_rows, .n_rows = ARRAY_LEN(criu_rows),
	.opts_size = sizeof(struct criu_opts), .min_args = 1, .max_args = 1,
};
