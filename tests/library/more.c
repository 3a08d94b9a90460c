/* SPDX-License-Identifier: Apache-2.0
 *
 * libonggi-runtime: what the example does not use. `more STATE-DIR BUNDLE ID`; the bundle's process is
 * replaced. Prints the first check that fails, else "all right".
 */
#define _GNU_SOURCE
#include <onggi/runtime.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(what)                                                                          \
	do {                                                                                 \
		if (!(what)) {                                                               \
			printf("line %d: %s: %s\n", __LINE__, #what, onggi_error_message(e)); \
			exit(1);                                                             \
		}                                                                            \
	} while (0)

static struct onggi_error *e;
static struct onggi_runtime *rt;
static const char *id;

/* the bundle's config.json with @from replaced by @to */
static char *config_with(const char *bundle, const char *from, const char *to)
{
	static char text[1 << 16], out[1 << 16];
	char path[4096];

	snprintf(path, sizeof path, "%s/config.json", bundle);
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
	text[n] = 0;
	char *at = strstr(text, from);
	CHECK(f && at);
	fclose(f);
	snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return out;
}

/* all that comes from a terminal until it hangs up */
static const char *terminal_text(int fd)
{
	static char text[4096];
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)r;
	text[n] = 0;
	return text;
}

static int network(void *data, pid_t pid, int netns)
{
	struct stat st;

	*(int *)data += kill(pid, 0) == 0 && fstat(netns, &st) == 0;
	return 0;
}

static int network_fails(void *data, pid_t pid, int netns)
{
	(void)data, (void)pid, (void)netns;
	return -EADDRNOTAVAIL;
}

static int event(void *data, const char *type, const char *json)
{
	int *n = data;

	if (strcmp(type, "stats") || !strstr(json, "\"cpu\"") || ++*n < 2)
		return 0;
	return 42;
}

static void values(void)
{
	struct onggi_create *q = NULL;
	struct onggi_exec *x = NULL;

	CHECK(onggi_runtime_api() == ONGGI_RUNTIME_API && *onggi_runtime_version());
	CHECK(onggi_create_new(NULL, "/", &q, &e) == -EINVAL && onggi_error_kind(e) == ONGGI_ERROR_INVALID);
	onggi_error_free(e);
	CHECK(onggi_create_new(id, "/nowhere", &q, &e) == 0 && !e);
	CHECK(onggi_runtime_create(rt, q, NULL, NULL) == -ENOENT);
	CHECK(onggi_create_set_config(q, "{ nonsense", 10, &e) < 0 && onggi_error_kind(e) != ONGGI_ERROR_NONE);
	onggi_error_free(e);
	CHECK(onggi_create_set_flags(q, 1u << 20) == -EINVAL && onggi_create_set_stdio(q, -2, 0, 0) == -EINVAL);
	CHECK(onggi_create_set_preserve_fds(q, 1u << 30) == -EINVAL && onggi_create_set_pid_file(q, "") == -EINVAL);
	CHECK(onggi_exec_new(id, &x, &e) == 0 && onggi_exec_set_flags(x, 1u << 20) == -EINVAL);
	CHECK(onggi_runtime_exec(rt, x, NULL, &e) == -EINVAL && strstr(onggi_error_message(e), "args"));
	onggi_error_free(e);
	CHECK(onggi_runtime_set_root(rt, "") == -EINVAL && onggi_runtime_set_rootless(rt, 7) == -EINVAL &&
	      onggi_runtime_set_cgroup_manager(rt, 9) == -EINVAL);
	CHECK(onggi_runtime_start(rt, id, &e) < 0 && onggi_error_kind(e) == ONGGI_ERROR_NOT_FOUND &&
	      !strcmp(onggi_error_kind_name(e), "not-found") && onggi_error_exit_code(e) == 125 &&
	      onggi_error_errno(e) == ENOENT && !onggi_error_phrase(e, 99));
	onggi_error_free(e);
	CHECK(onggi_runtime_kill(rt, id, SIGTERM, 8, NULL) == -EINVAL);
	CHECK(onggi_runtime_delete(rt, id, ONGGI_DELETE_FORCE, &e) == 0 && !e);
	onggi_error_free(NULL);
	onggi_process_free(NULL);
	onggi_create_free(q);
	onggi_exec_free(x);
}

static void terminal(const char *bundle)
{
	const char *config = config_with(bundle, "\"terminal\": false", "\"terminal\": true");
	static const char *const tty[] = { "tty", NULL };
	struct onggi_process *p = NULL, *x = NULL;
	struct onggi_create *q = NULL;
	struct onggi_exec *xq = NULL;
	int status = -1, net = 0;
	char *list;

	CHECK(onggi_create_new(id, bundle, &q, &e) == 0);
	CHECK(onggi_create_set_config(q, config, strlen(config), &e) == 0);
	CHECK(onggi_runtime_run(rt, q, NULL, NULL) < 0); /* nobody takes the terminal */
	onggi_create_set_network(q, network_fails, NULL);
	CHECK(onggi_runtime_run(rt, q, &p, &e) == -EADDRNOTAVAIL && strstr(onggi_error_message(e), "network: "));
	onggi_error_free(e);
	onggi_create_set_network(q, network, &net);
	CHECK(onggi_runtime_run(rt, q, &p, &e) == 0 && net == 1);
	CHECK(onggi_process_terminal(p) >= 0 && isatty(onggi_process_terminal(p)));
	CHECK(onggi_exec_new(id, &xq, &e) == 0 && onggi_exec_set_args(xq, tty) == 0 &&
	      onggi_exec_set_flags(xq, ONGGI_EXEC_TERMINAL) == 0);
	CHECK(onggi_runtime_exec(rt, xq, &x, &e) == 0);
	CHECK(strstr(terminal_text(onggi_process_terminal(x)), "/dev/pts/"));
	CHECK(onggi_process_wait(x, &status, &e) == 0 && status == 0);
	CHECK(onggi_runtime_features(&list, &e) == 0 && strstr(list, "ociVersionMin"));
	onggi_free(list);
	CHECK(onggi_runtime_kill(rt, id, SIGKILL, ONGGI_KILL_ALL, &e) == 0);
	CHECK(onggi_runtime_delete(rt, id, ONGGI_DELETE_FORCE, &e) == 0); /* before it is reaped */
	CHECK(onggi_process_wait(p, &status, &e) == 0 && status == 137);
	CHECK(onggi_process_wait(p, &status, &e) == 0 && status == 137);
	onggi_process_free(p);
	onggi_process_free(x);
	onggi_create_free(q);
	onggi_exec_free(xq);
}

/* descriptor 3 goes in, the streams are ours to choose, events end when told to */
static void streams(const char *bundle, const char *pid_file)
{
	static const char process[] = "{\"cwd\":\"/\",\"args\":[\"sh\",\"-c\",\"cat <&3; exit 3\"],"
				      "\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0,\"gid\":0}}";
	struct onggi_process *p = NULL, *x = NULL;
	struct onggi_create *q = NULL;
	struct onggi_exec *xq = NULL;
	enum onggi_status status;
	int in[2], out[2], n = 0, code;
	char text[64] = "", **ids;
	size_t count;
	pid_t pid;

	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	CHECK(dup2(in[0], 3) == 3);
	CHECK(write(in[1], "through 3", 9) == 9);
	close(in[1]);
	CHECK(onggi_create_new(id, bundle, &q, &e) == 0 && onggi_create_set_pid_file(q, pid_file) == 0);
	CHECK(onggi_runtime_create(rt, q, &p, &e) == 0);
	CHECK(onggi_runtime_create(rt, q, NULL, NULL) == -EEXIST);
	CHECK(onggi_runtime_status(rt, id, &status, &pid, &e) == 0 && status == ONGGI_STATUS_CREATED &&
	      pid == onggi_process_pid(p));
	CHECK(onggi_runtime_list(rt, &ids, &count, &e) == 0 && count == 1 && !strcmp(ids[0], id) && !ids[1]);
	onggi_list_free(ids);
	CHECK(onggi_runtime_start(rt, id, &e) == 0);
	CHECK(onggi_runtime_events(rt, id, 1, event, &n, &e) == 42 && n == 2 && !e);
	CHECK(onggi_exec_new(id, &xq, &e) == 0 && onggi_exec_set_process(xq, process, sizeof process - 1, &e) == 0 &&
	      onggi_exec_set_stdio(xq, -1, out[1], -1) == 0 && onggi_exec_set_preserve_fds(xq, 1) == 0);
	CHECK(onggi_runtime_exec(rt, xq, &x, &e) == 0);
	CHECK(onggi_process_wait(x, &code, &e) == 0 && code == 3);
	CHECK(read(out[0], text, sizeof text - 1) == 9 && !strcmp(text, "through 3"));
	CHECK(onggi_runtime_pause(rt, id, &e) == 0);
	CHECK(onggi_runtime_exec(rt, xq, NULL, NULL) == -EBUSY);
	CHECK(onggi_runtime_resume(rt, id, &e) == 0);
	CHECK(onggi_runtime_delete(rt, id, 0, &e) < 0 && onggi_error_kind(e) == ONGGI_ERROR_STATE &&
	      *onggi_error_hint(e));
	onggi_error_free(e);
	CHECK(onggi_runtime_kill(rt, id, SIGKILL, 0, &e) == 0);
	struct pollfd ended = { .fd = onggi_process_pidfd(p), .events = POLLIN };
	CHECK(poll(&ended, 1, -1) == 1);
	CHECK(onggi_runtime_events(rt, id, 1, event, &n, NULL) == -ESRCH);
	CHECK(onggi_runtime_delete(rt, id, 0, &e) == 0);
	CHECK(onggi_process_wait(p, &code, &e) == 0 && code == 137);
	onggi_process_free(p);
	onggi_process_free(x);
	onggi_create_free(q);
	onggi_exec_free(xq);
}

/* the options reach CRIU, or what stands in for it; a failure leaves the container as it was */
static void checkpoint(const char *bundle, const char *images)
{
	struct onggi_checkpoint *c = NULL;
	struct onggi_process *p = NULL;
	struct onggi_create *q = NULL;
	enum onggi_status status;
	int code;

	CHECK(onggi_checkpoint_new("", &c, NULL) == -EINVAL && onggi_checkpoint_new(images, &c, &e) == 0);
	CHECK(onggi_checkpoint_set_flags(c, 1u << 30) == -EINVAL && onggi_checkpoint_set_cgroups(c, 9) == -EINVAL &&
	      onggi_checkpoint_set_network_lock(c, 9) == -EINVAL &&
	      onggi_checkpoint_set_page_server(c, "::1", 65536) == -EINVAL &&
	      onggi_checkpoint_set_status_fd(c, -2) == -EINVAL);
	CHECK(onggi_checkpoint_set_flags(c, ONGGI_CHECKPOINT_LEAVE_RUNNING) == 0 &&
	      onggi_checkpoint_set_cgroups(c, ONGGI_CHECKPOINT_CGROUPS_IGNORE) == 0);
	CHECK(onggi_runtime_set_criu(rt, "/nowhere/criu") == 0);
	CHECK(onggi_runtime_checkpoint(rt, id, c, &e) < 0 && onggi_error_kind(e) == ONGGI_ERROR_NOT_FOUND);
	onggi_error_free(e);
	CHECK(onggi_create_new(id, bundle, &q, &e) == 0 && onggi_runtime_run(rt, q, &p, &e) == 0);
	CHECK(onggi_runtime_checkpoint(rt, id, c, &e) < 0 && onggi_error_kind(e) == ONGGI_ERROR_NOT_FOUND &&
	      strstr(onggi_error_message(e), "/nowhere/criu"));
	onggi_error_free(e);
	CHECK(onggi_runtime_status(rt, id, &status, NULL, &e) == 0 && status == ONGGI_STATUS_RUNNING);
	CHECK(onggi_runtime_delete(rt, id, ONGGI_DELETE_FORCE, &e) == 0);
	CHECK(onggi_process_wait(p, &code, &e) == 0 && code == 137);
	/* what only the other call can do is no matter of course */
	CHECK(onggi_runtime_restore(rt, q, c, NULL, &e) == -EINVAL && onggi_error_kind(e) == ONGGI_ERROR_INVALID &&
	      strstr(onggi_error_message(e), "ONGGI_CHECKPOINT_LEAVE_RUNNING"));
	onggi_error_free(e);
	CHECK(onggi_checkpoint_set_flags(c, ONGGI_CHECKPOINT_TCP_CLOSE) == 0);
	CHECK(onggi_runtime_checkpoint(rt, id, c, &e) == -EINVAL && onggi_error_kind(e) == ONGGI_ERROR_INVALID);
	onggi_error_free(e);
	CHECK(onggi_runtime_restore(rt, q, c, NULL, &e) < 0 && onggi_error_kind(e) != ONGGI_ERROR_INVALID &&
	      *onggi_error_message(e));
	onggi_error_free(e);
	CHECK(onggi_checkpoint_set_parent(c, "../before") == 0);
	CHECK(onggi_runtime_restore(rt, q, c, NULL, &e) == -EINVAL && onggi_error_kind(e) == ONGGI_ERROR_INVALID);
	onggi_error_free(e);
	CHECK(onggi_runtime_status(rt, id, &status, NULL, NULL) == -ENOENT);
	onggi_process_free(p);
	onggi_create_free(q);
	onggi_checkpoint_free(c);
}

int main(int argc, char **argv)
{
	char pid_file[4096];

	if (argc != 4)
		return 2;
	id = argv[3];
	CHECK(onggi_runtime_new(&rt, &e) == 0 && onggi_runtime_set_root(rt, argv[1]) == 0);
	values();
	terminal(argv[2]);
	snprintf(pid_file, sizeof pid_file, "%s/pid", argv[2]);
	streams(argv[2], pid_file);
	CHECK(access(pid_file, R_OK) == 0);
	snprintf(pid_file, sizeof pid_file, "%s/images", argv[2]);
	checkpoint(argv[2], pid_file);
	onggi_runtime_free(rt);
	puts("all right");
	return 0;
}
