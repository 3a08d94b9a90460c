/* SPDX-License-Identifier: Apache-2.0
 *
 * cp and export: files between a container and the host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "front/cli/commands.h"

/* "NAME:path" names a container; "./a:b", "/a:b" and "-" are host paths, as docker decides it */
static bool split_container(struct cli *c, const char *arg, const char **ret_ref, const char **ret_path)
{
	const char *colon = strchr(arg, ':');

	if (!colon || arg[0] == '/' || arg[0] == '.')
		return false;
	*ret_ref = arena_strndup(&c->arena, arg, (size_t)(colon - arg));
	*ret_path = colon + 1;
	return *ret_ref && **ret_ref;
}

int cmd_cp(struct cli *c, struct err *e)
{
	const char *src_ref = NULL, *dst_ref = NULL, *src_path = c->argv[0], *dst_path = c->argv[1];
	bool from = split_container(c, c->argv[0], &src_ref, &src_path);
	bool to = split_container(c, c->argv[1], &dst_ref, &dst_path);

	if (from && to)
		return err_new(e, E_USAGE, EINVAL, "copying between containers is not supported");
	if (!from && !to)
		return err_new(e, E_USAGE, EINVAL, "must specify at least one container source");
	if (!*src_path)
		return err_new(e, E_USAGE, EINVAL, "source can not be empty");
	if (!*dst_path)
		return err_new(e, E_USAGE, EINVAL, "destination can not be empty");
	struct engine_copy q = {
		.ref = from ? src_ref : dst_ref,
		.container_path = from ? src_path : dst_path,
		.host_path = from ? dst_path : src_path,
		.stream_fd = from ? STDOUT_FILENO : STDIN_FILENO,
		.follow_link = opt_bool(c->req, "@follow-link"),
		.archive = opt_bool(c->req, "@archive"),
	};
	if (from && !strcmp(dst_path, "-") && isatty(STDOUT_FILENO))
		return err_new(e, E_USAGE, EINVAL, "refusing to write a tar archive to a terminal; redirect it");
	return from ? engine_copy_out(&c->eng, &q, e) : engine_copy_in(&c->eng, &q, e);
}

int cli_export(struct cli *c, int (*write)(struct engine *eng, const char *name, int out_fd, struct err *e), struct err *e)
{
	const char *file = opt_str(c->req, "@output", NULL);
	OWN_FD fd = -1;

	if (file) {
		fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_sys(e, errno, "create %s", file);
	} else if (isatty(STDOUT_FILENO))
		return err_new(e, E_USAGE, EINVAL, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
	int r = write(&c->eng, c->argv[0], file ? fd : STDOUT_FILENO, e);
	if (r < 0 && file)
		(void)unlink(file); /* half an archive is of no use */
	return r;
}

int cmd_export(struct cli *c, struct err *e)
{
	return cli_export(c, engine_export, e);
}
