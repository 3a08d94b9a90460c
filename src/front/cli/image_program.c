/* SPDX-License-Identifier: Apache-2.0
 *
 * pull, load, save, import: handed to `onggi-image`, the program that maps the heavy libraries
 * (TLS, HTTP, compression), so that no other command pays for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "front/cli/commands.h"
#include "spec/platform.h"

extern char **environ;

#define OUT_FD_TEXT "3"
enum { OUT_FD = 3 };

/* the engine's roots and driver travel by environment */
static int hand_over_roots(struct cli *c, struct err *e)
{
	if ((c->root && setenv("ONGGI_ROOT", c->root, 1) < 0) || (c->run && setenv("ONGGI_RUN", c->run, 1) < 0) ||
	    (c->storage_driver && setenv("ONGGI_STORAGE_DRIVER", c->storage_driver, 1) < 0))
		return err_sys(e, errno, "environment");
	return 0;
}

int image_program_exec(struct cli *c, char **argv, struct err *e)
{
	char path[PROGRAM_PATH_MAX];

	if (hand_over_roots(c, e) < 0 || program_find("onggi-image", path, e) < 0)
		return -e->eno;
	(void)fflush(stdout); /* an error shows up at the next write */
	execv(path, argv);
	return err_sys(e, errno, "execute %s", path);
}

/* @out: -1, or what the program gets as descriptor OUT_FD */
static int run(struct cli *c, const char *const *argv, bool quiet, int out, struct err *e)
{
	char path[PROGRAM_PATH_MAX];
	posix_spawn_file_actions_t acts;
	pid_t pid;
	int status;

	if (hand_over_roots(c, e) < 0 || program_find("onggi-image", path, e) < 0)
		return -e->eno;
	int r = posix_spawn_file_actions_init(&acts);
	if (r)
		return err_sys(e, r, "spawn %s", path);
	/* what a pull prints must not mix with the container's own output */
	r = quiet ? posix_spawn_file_actions_addopen(&acts, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) :
		    posix_spawn_file_actions_adddup2(&acts, STDERR_FILENO, STDOUT_FILENO);
	if (!r && out >= 0)
		r = posix_spawn_file_actions_adddup2(&acts, out, OUT_FD);
	if (!r)
		r = posix_spawn(&pid, path, &acts, NULL, (char *const *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&acts); /* frees memory, cannot fail on Linux */
	if (r)
		return err_sys(e, r, "execute %s", path);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait for %s", path);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_new(e, E_NOT_FOUND, ENOENT, "%s", ""); /* it has said why */
}

int image_program_run(struct cli *c, const char *const *argv, bool quiet, struct err *e)
{
	return run(c, argv, quiet, -1, e);
}

int image_fetch_late(struct cli *c, const char *image, const char *platform, bool quiet, char ret_id[DIGEST_TEXT_MAX],
		     struct err *e)
{
	const char *argv[8] = { "onggi-image", "lazy" };
	int n = 2, ends[2];
	OWN_STR id = NULL;

	*ret_id = 0;
	if (!strcmp(image, "base") || !strcmp(image, "base:latest"))
		return image_fetch(c, image, platform, quiet, e);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in = ends[0];
	OWN_FD out = ends[1];
	if (quiet)
		argv[n++] = "--quiet";
	if (platform) {
		argv[n++] = "--platform";
		argv[n++] = platform;
	}
	argv[n++] = OUT_FD_TEXT;
	argv[n++] = image;
	argv[n] = NULL;
	/* an ID goes into the pipe whole */
	if (run(c, argv, quiet, out, e) < 0)
		return -e->eno;
	own_fd_done(&out);
	if (io_read_fd(in, DIGEST_TEXT_MAX - 1, &id, NULL, e) < 0)
		return err_ctx(e, "ID of the image");
	(void)snprintf(ret_id, DIGEST_TEXT_MAX, "%s", id);
	return 0;
}

int image_fetch(struct cli *c, const char *image, const char *platform, bool quiet, struct err *e)
{
	const char *argv[8] = { "onggi-image", "pull" };
	int n = 2;

	/* the embedded base image needs no registry */
	if (!strcmp(image, "base") || !strcmp(image, "base:latest")) {
		static const char *const base[] = { "onggi-image", "load-base", NULL };
		struct platform want, host;
		platform_host(&host);
		if (platform && (platform_parse(platform, &want, e) < 0 || platform_rank(&want, &host) < 0))
			return err_new(e, E_NOT_FOUND, ENOENT, "the embedded base image is not made for platform %s",
				       platform);
		return image_program_run(c, base, true, e);
	}
	if (quiet)
		argv[n++] = "--quiet";
	if (platform) {
		argv[n++] = "--platform";
		argv[n++] = platform;
	}
	argv[n++] = image;
	argv[n] = NULL;
	return image_program_run(c, argv, quiet, e);
}

/* argv for onggi-image: its name, the verb, then what the user gave */
static int forward(struct cli *c, const char *verb, struct err *e)
{
	char **argv = arena_get(&c->arena, ((size_t)c->argc + 3) * sizeof *argv);
	if (!argv)
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	argv[0] = arena_strdup(&c->arena, "onggi-image");
	argv[1] = arena_strdup(&c->arena, verb);
	if (!argv[0] || !argv[1])
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	for (int i = 0; i < c->argc; i++)
		argv[i + 2] = c->argv[i];
	return image_program_exec(c, argv, e);
}

int cmd_pull(struct cli *c, struct err *e)
{
	return forward(c, "pull", e);
}

int cmd_push(struct cli *c, struct err *e)
{
	return forward(c, "push", e);
}

int cmd_login(struct cli *c, struct err *e)
{
	return forward(c, "login", e);
}

int cmd_logout(struct cli *c, struct err *e)
{
	return forward(c, "logout", e);
}

int cmd_load(struct cli *c, struct err *e)
{
	return forward(c, "load", e);
}

int cmd_save(struct cli *c, struct err *e)
{
	return forward(c, "save", e);
}

int cmd_import(struct cli *c, struct err *e)
{
	return forward(c, "import", e);
}

int cmd_registry_copy(struct cli *c, struct err *e)
{
	return forward(c, "registry copy", e);
}

int cmd_registry_ls(struct cli *c, struct err *e)
{
	return forward(c, "registry ls", e);
}

int cmd_registry_referrers(struct cli *c, struct err *e)
{
	return forward(c, "registry referrers", e);
}

int cmd_registry_rm(struct cli *c, struct err *e)
{
	return forward(c, "registry rm", e);
}

int cmd_registry_gc(struct cli *c, struct err *e)
{
	return forward(c, "registry gc", e);
}

int cmd_registry_serve(struct cli *c, struct err *e)
{
	return forward(c, "registry serve", e);
}

int cmd_registry_sync(struct cli *c, struct err *e)
{
	return forward(c, "registry sync", e);
}

int cmd_registry_tags(struct cli *c, struct err *e)
{
	return forward(c, "registry tags", e);
}

int cmd_search(struct cli *c, struct err *e)
{
	return forward(c, "search", e);
}

int cmd_storage_dedupe(struct cli *c, struct err *e)
{
	return forward(c, "storage dedupe", e);
}

int cmd_storage_migrate(struct cli *c, struct err *e)
{
	return forward(c, "storage migrate", e);
}

int cmd_manifest_add(struct cli *c, struct err *e)
{
	return forward(c, "manifest add", e);
}

int cmd_manifest_create(struct cli *c, struct err *e)
{
	return forward(c, "manifest create", e);
}

int cmd_manifest_inspect(struct cli *c, struct err *e)
{
	return forward(c, "manifest inspect", e);
}

int cmd_manifest_push(struct cli *c, struct err *e)
{
	return forward(c, "manifest push", e);
}
