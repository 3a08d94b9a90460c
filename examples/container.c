/* SPDX-License-Identifier: Apache-2.0
 *
 * One container with libonggi-runtime, from create to delete:
 *
 *   cc container.c $(pkg-config --cflags --libs onggi-runtime) -o container
 *   ./container STATE-DIR BUNDLE ID COMMAND [ARG...]
 *
 * Makes container ID from the OCI bundle BUNDLE, starts it, executes COMMAND in it, kills and deletes
 * it. The exit status is COMMAND's. The process of the bundle should be one that waits, such as
 * ["sleep", "1000"].
 */
#include <onggi/runtime.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* whatever goes wrong is told in full, and the container does not stay */
static int failed(const struct onggi_runtime *rt, const char *id, struct onggi_error *e)
{
	int status = onggi_error_exit_code(e);

	fprintf(stderr, "%s: %s\n", onggi_error_kind_name(e), onggi_error_message(e));
	for (size_t i = 0; onggi_error_phrase(e, i); i++)
		fprintf(stderr, "  %s\n", onggi_error_phrase(e, i));
	if (*onggi_error_hint(e))
		fprintf(stderr, "hint: %s\n", onggi_error_hint(e));
	/* of a failed create nothing is left; a taken id is somebody else's */
	if (id && onggi_error_kind(e) != ONGGI_ERROR_CONFLICT)
		(void)onggi_runtime_delete(rt, id, ONGGI_DELETE_FORCE, NULL);
	onggi_error_free(e);
	return status;
}

static void log_line(void *data, enum onggi_log_level level, const char *message)
{
	fprintf(data, "%s: %s\n", level == ONGGI_LOG_DEBUG ? "debug" : "warning", message);
}

static int look(const struct onggi_runtime *rt, const char *id, struct onggi_error **err)
{
	enum onggi_status status;
	char *state, *stats;
	pid_t *pids;
	size_t n;

	if (onggi_runtime_status(rt, id, &status, NULL, err) < 0 ||
	    onggi_runtime_state(rt, id, &state, err) < 0)
		return -1;
	printf("state %d %s\n", status, state);
	onggi_free(state);
	if (onggi_runtime_pids(rt, id, &pids, &n, err) < 0)
		return -1;
	printf("processes %zu\n", n);
	onggi_free(pids);
	if (onggi_runtime_stats(rt, id, &stats, err) < 0)
		return -1;
	printf("stats %.20s...\n", stats);
	onggi_free(stats);
	return 0;
}

static int execute(const struct onggi_runtime *rt, const char *id, char **argv, int *ret_status,
		   struct onggi_error **err)
{
	struct onggi_process *p = NULL;
	struct onggi_exec *q = NULL;
	int r = onggi_exec_new(id, &q, err);

	if (r == 0 && onggi_exec_set_args(q, (const char *const *)argv) < 0) {
		fputs("the command is no UTF-8\n", stderr);
		exit(2);
	}
	if (r == 0)
		r = onggi_runtime_exec(rt, q, &p, err);
	if (r == 0)
		r = onggi_process_wait(p, ret_status, err);
	onggi_process_free(p);
	onggi_exec_free(q);
	return r;
}

/* from create to delete; the exit status */
static int life(const struct onggi_runtime *rt, const struct onggi_create *q, const char *id, char **argv)
{
	static const char limits[] = "{ \"pids\": { \"limit\": 100 } }";
	struct onggi_process *init = NULL;
	struct onggi_error *e = NULL;
	int status = 0, ended = 0;

	if (onggi_runtime_create(rt, q, &init, &e) < 0)
		return failed(rt, id, e);
	printf("created %d\n", (int)onggi_process_pid(init) > 0);
	if (onggi_runtime_start(rt, id, &e) < 0 || look(rt, id, &e) < 0)
		goto out;
	fflush(stdout);
	if (execute(rt, id, argv, &status, &e) < 0)
		goto out;
	printf("executed %d\n", status);
	if (onggi_runtime_pause(rt, id, &e) < 0 || onggi_runtime_resume(rt, id, &e) < 0 ||
	    onggi_runtime_update(rt, id, limits, sizeof limits - 1, &e) < 0 ||
	    onggi_runtime_kill(rt, id, SIGKILL, 0, &e) < 0 ||
	    onggi_process_wait(init, &ended, &e) < 0 || onggi_runtime_delete(rt, id, 0, &e) < 0)
		goto out;
	printf("ended %d\n", ended);
out:
	if (e)
		status = failed(rt, id, e);
	onggi_process_free(init);
	return status;
}

int main(int argc, char **argv)
{
	struct onggi_runtime *rt = NULL;
	struct onggi_create *q = NULL;
	struct onggi_error *e = NULL;
	int status;

	if (argc < 5) {
		fputs("usage: container STATE-DIR BUNDLE ID COMMAND [ARG...]\n", stderr);
		return 2;
	}
	if (onggi_runtime_new(&rt, &e) < 0 || onggi_create_new(argv[3], argv[2], &q, &e) < 0)
		status = failed(rt, NULL, e);
	else if (onggi_runtime_set_root(rt, argv[1]) < 0 ||
		 onggi_runtime_set_log(rt, log_line, stderr, ONGGI_LOG_WARNING) < 0)
		status = 125;
	else
		status = life(rt, q, argv[3], argv + 4);
	onggi_create_free(q);
	onggi_runtime_free(rt);
	return status;
}
