/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps of ids: see idmap.h. Format and rules of the files: user_namespaces(7).
 */
#include "sys/idmap.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "sys/process.h"

enum { LINES_MAX = 340, TEXT_MAX = LINES_MAX * 36 };

extern char **environ;

static int text_of(const struct idmap_line *v, size_t n, char text[TEXT_MAX], size_t *ret_len,
		   struct err *e)
{
	size_t w = 0;

	if (n > LINES_MAX)
		return err_new(e, E_INVALID, E2BIG, "%zu lines of id map, at most %d", n, LINES_MAX);
	for (size_t i = 0; i < n; i++)
		w += (size_t)snprintf(text + w, TEXT_MAX - w, "%u %u %u\n", v[i].container, v[i].host,
				      v[i].size);
	*ret_len = w;
	return 0;
}

static int proc_write(pid_t pid, const char *file, const char *text, size_t n)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	OWN_FD fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* the kernel takes a map by one write only */
	return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

/* newuidmap PID container host size ... */
static int helper_run(const char *helper, pid_t pid, const struct idmap_line *v, size_t n,
		      struct err *e)
{
	char numbers[3 * LINES_MAX][12], pid_text[16];
	char *argv[3 * LINES_MAX + 3];
	size_t a = 0;
	pid_t child;
	int status;

	(void)snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
	argv[a++] = (char *)(uintptr_t)helper;
	argv[a++] = pid_text;
	for (size_t i = 0; i < n; i++) {
		const uint32_t f[3] = { v[i].container, v[i].host, v[i].size };
		for (int k = 0; k < 3; k++) {
			char *s = numbers[3 * i + (size_t)k];
			(void)snprintf(s, sizeof numbers[0], "%u", f[k]);
			argv[a++] = s;
		}
	}
	argv[a] = NULL;
	int r = posix_spawnp(&child, helper, NULL, NULL, argv, environ);
	if (r) {
		r = err_sys(e, r, "run %s", helper);
		err_hint(e, "install the package that has %s (Debian: uidmap)", helper);
		return r;
	}
	if ((r = process_wait(child, &status)) < 0)
		return err_sys(e, -r, "wait for %s", helper);
	if (status) {
		r = err_new(e, E_DENIED, EPERM, "%s refused the map", helper);
		err_hint(e, "give the user a range in /etc/subuid and /etc/subgid");
		return r;
	}
	return 0;
}

int idmap_write(pid_t pid, const struct idmap *m, struct err *e)
{
	char text[TEXT_MAX];
	size_t n;
	bool privileged = geteuid() == 0;
	int r;

	if (text_of(m->uids, m->n_uids, text, &n, e) < 0)
		return -e->eno;
	r = n ? proc_write(pid, "uid_map", text, n) : 0;
	if (r == -EPERM && !privileged)
		r = helper_run("newuidmap", pid, m->uids, m->n_uids, e);
	else if (r < 0)
		r = err_sys(e, -r, "write uid_map");
	if (r < 0)
		return r;
	if (text_of(m->gids, m->n_gids, text, &n, e) < 0)
		return -e->eno;
	r = n ? proc_write(pid, "gid_map", text, n) : 0;
	if (r == -EPERM && !privileged) {
		/* one own group may be mapped once setgroups is denied: Linux 3.19 */
		if (m->n_gids == 1 && m->gids[0].size == 1 && m->gids[0].host == getegid()) {
			r = proc_write(pid, "setgroups", "deny", 4);
			if (!r)
				r = proc_write(pid, "gid_map", text, n);
		} else
			return helper_run("newgidmap", pid, m->gids, m->n_gids, e);
	}
	if (r < 0)
		return err_sys(e, -r, "write gid_map");
	return 0;
}

int idmap_userns(const struct idmap *m, int *ret_fd, struct err *e)
{
	OWN_FD pidfd = -1;
	char path[64];
	struct process_clone c = { .flags = CLONE_NEWUSER, .cgroup_fd = -1, .ret_pidfd = &pidfd };

	pid_t pid = process_clone(&c);
	if (pid < 0)
		return err_sys(e, -pid, "make user namespace for an id-mapped mount");
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a second line of defence only */
		for (;;)
			pause();
	}
	int r = idmap_write(pid, m, e);
	if (!r) {
		(void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (*ret_fd < 0)
			r = err_sys(e, errno, "open user namespace");
	}
	(void)process_signal(pidfd, SIGKILL); /* it cannot refuse */
	(void)process_wait(pid, NULL);
	return r;
}

#define INIT_USER_NS 0xEFFFFFFDu

bool idmap_nested(void)
{
	char text[64];
	unsigned inside, outside, size;
	struct stat st;

	/* the number of the first one is fixed (init_ns_ino of <linux/nsfs.h>) */
	if (!stat("/proc/self/ns/user", &st) && st.st_ino == INIT_USER_NS)
		return false;
	OWN_FD fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : io_read_full(fd, text, sizeof text - 1);

	if (n <= 0)
		return false;
	text[n] = 0;
	return sscanf(text, "%u %u %u", &inside, &outside, &size) == 3 &&
	       (inside || outside || size != UINT32_MAX);
}

bool idmap_ordinary_user(void)
{
	const char *user = getenv("USER");

	return geteuid() || ((!user || strcmp(user, "root") != 0) && idmap_nested());
}
