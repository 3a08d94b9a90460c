/* SPDX-License-Identifier: Apache-2.0
 *
 * A program of this project run to its end: see program.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/program.h"
#include "base/text.h"

extern char **environ;

enum { WORDS_MAX = 4096 };

static int spawn(const char *path, const char *const *argv, int words, pid_t *ret_pid, struct err *e)
{
	posix_spawn_file_actions_t acts;

	int r = posix_spawn_file_actions_init(&acts);
	if (r)
		return err_sys(e, r, "spawn %s", path);
	r = posix_spawn_file_actions_addopen(&acts, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_addopen(&acts, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&acts, words, STDERR_FILENO);
	if (!r)
		r = posix_spawn(ret_pid, path, &acts, NULL, (char *const *)argv, environ);
	(void)posix_spawn_file_actions_destroy(&acts); /* frees memory, cannot fail on Linux */
	return r ? err_sys(e, r, "execute %s", path) : 0;
}

/* what the program said ("onggi: ...", then perhaps "hint: ...") as an error of ours */
static int failed(const char *name, char *words, struct err *e)
{
	char *hint = strstr(words, "\nhint: ");

	if (hint) {
		*hint = 0;
		hint += 7;
		hint[strcspn(hint, "\n")] = 0;
	}
	words[strcspn(words, "\n")] = 0;
	if (*words)
		err_new(e, E_NOT_FOUND, ENOENT, "%s", text_starts(words, "onggi: ") ? words + 7 : words);
	else
		err_new(e, E_NOT_FOUND, ENOENT, "%s failed", name);
	if (hint)
		err_hint(e, "%s", hint);
	return -e->eno;
}

int program_run(const char *const *argv, struct err *e)
{
	char path[PROGRAM_PATH_MAX];
	OWN_STR words = NULL;
	struct err own = { 0 };
	int ends[2], status;
	pid_t pid;

	if (program_find(argv[0], path, e) < 0)
		return -e->eno;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in = ends[0];
	OWN_FD out = ends[1];
	if (spawn(path, argv, out, &pid, e) < 0)
		return -e->eno;
	own_fd_done(&out);
	int r = io_read_fd(in, WORDS_MAX, &words, NULL, &own);
	own_fd_done(&in); /* more words than that: it ends at its next one */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "wait for %s", path);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return failed(argv[0], r < 0 ? (char[]){ "" } : words, e);
}
