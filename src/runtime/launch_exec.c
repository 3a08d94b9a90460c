/* SPDX-License-Identifier: Apache-2.0
 *
 * The exec. Where the container could write to the file that we were started from, it goes through
 * the embedded program of exec_stub.c in a sealed memory file; see there. See launch.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "runtime/exec_stub.h"
#include "runtime/launch.h"

static const unsigned char stub_program[] = {
#include "exec_stub_program.h"
	0
};
enum { STUB_SIZE = sizeof stub_program - 1 };

/* a copy that nobody can change: our own program is never reachable through it */
static int stub_open(void)
{
	int fd = (int)syscall(SYS_memfd_create, EXEC_STUB_MARKER, MFD_CLOEXEC | MFD_ALLOW_SEALING | 0x10u);

	if (fd < 0 && errno == EINVAL) /* before MFD_EXEC, Linux 6.3 */
		fd = (int)syscall(SYS_memfd_create, EXEC_STUB_MARKER, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (io_write_all(fd, stub_program, STUB_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		close(fd);
		return -EIO;
	}
	return fd;
}

int launch_seal(struct launch *l, struct arena *a, struct err *e)
{
	const struct bundle_strv *args = &l->p->args;
	struct stat st;

	l->stub = -1;
	if (stat("/proc/self/exe", &st) < 0)
		return err_sys(e, errno, "look at our own program");
	l->exe_dev = st.st_dev;
	l->exe_ino = st.st_ino;
	/* an ordinary user, or a read-only file system: nothing to protect */
	if (!STUB_SIZE || faccessat(AT_FDCWD, "/proc/self/exe", W_OK, AT_EACCESS) < 0)
		return 0;
	l->stub_argv = arena_get(a, (args->n + EXEC_STUB_ARGS + 1) * sizeof *l->stub_argv);
	if (!l->stub_argv)
		return err_new(e, E_NOMEM, ENOMEM, "arguments: out of memory");
	memcpy(l->stub_argv + EXEC_STUB_ARGS, args->v, args->n * sizeof *l->stub_argv);
	l->stub = stub_open(); /* -errno: executed directly, after a look at what it is */
	return 0;
}

void launch_done(struct launch *l)
{
	if (l->stub > 0) /* 0 is not planned: descriptor 0 is never free for it */
		close(l->stub);
	l->stub = -1;
}

int launch_failed(const char *path, int eno, bool in_label, struct err *e)
{
	if (in_label) {
		bool apparmor = !strncmp(path, "exec ", 5);
		(void)err_sys(e, eno, "apply %s %s: `/proc/self/attr/exec`",
			      apparmor ? "apparmor profile" : "selinux label", path + (apparmor ? 5 : 0));
		if (apparmor && eno == ENOENT)
			err_hint(e, "it is not loaded: see apparmor_parser(8)");
		return -eno;
	}
	(void)err_sys(e, eno, "exec %s", path);
	e->kind = eno == ENOENT || eno == ENOTDIR ? E_EXEC_MISSING : E_EXEC_DENIED;
	if (eno == ENOENT)
		err_hint(e, "the file is there, its interpreter (#! line or dynamic loader) is not");
	else if (eno == ENOEXEC)
		err_hint(e, "is the file of another CPU architecture, or a script without a #! line?");
	else if (eno == EPERM)
		err_hint(e, "does the seccomp profile allow execve?");
	return -eno;
}

int launch_failed_read(const void *p, size_t n, struct err *e)
{
	struct exec_stub_failed f;

	if (n != sizeof f)
		return 0;
	memcpy(&f, p, sizeof f);
	if (f.magic != EXEC_STUB_MAGIC)
		return 0;
	f.path[sizeof f.path - 1] = 0;
	return launch_failed(f.path, f.eno > 0 ? f.eno : EIO, f.in_label, e);
}

static int stub_exec(struct launch_run *r)
{
	const struct launch *l = r->l;
	const bool labelled = l->apparmor || l->selinux;
	char status[12], proc[12];

	(void)snprintf(status, sizeof status, "%d", r->status);
	(void)snprintf(proc, sizeof proc, "%d", r->proc);
	l->stub_argv[0] = EXEC_STUB_MARKER;
	l->stub_argv[1] = status;
	l->stub_argv[2] = labelled ? proc : "-";
	l->stub_argv[3] = labelled ? r->label : "";
	l->stub_argv[4] = r->path;
	/* the program closes them at the exec of the command */
	if (fcntl(r->status, F_SETFD, 0) < 0 || (labelled && fcntl(r->proc, F_SETFD, 0) < 0))
		return -errno;
	(void)syscall(SYS_execveat, l->stub, "", (char *const *)(uintptr_t)l->stub_argv,
		      (char *const *)(uintptr_t)l->env, AT_EMPTY_PATH);
	int eno = errno;
	(void)fcntl(r->status, F_SETFD, FD_CLOEXEC); /* as they were; they exist */
	if (labelled)
		(void)fcntl(r->proc, F_SETFD, FD_CLOEXEC);
	return -eno;
}

/* Is @path, or an interpreter that it names, our own program? Only for a direct exec. */
static bool leads_to_us(const struct launch *l, const char *path)
{
	char line[256], next[256];
	struct stat st;

	(void)snprintf(next, sizeof next, "%s", path);
	for (int depth = 0; depth < 6; depth++) {
		if (!stat(next, &st) && st.st_dev == l->exe_dev && st.st_ino == l->exe_ino)
			return true;
		OWN_FD fd = open(next, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
		if (n < 3 || line[0] != '#' || line[1] != '!')
			return false;
		line[n] = 0;
		const char *p = line + 2 + strspn(line + 2, " \t");
		(void)snprintf(next, sizeof next, "%.*s", (int)strcspn(p, " \t\n"), p);
	}
	return true;
}

int launch_exec(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;
	const char *const *argv = l->p->args.v;
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	if (sigaction(SIGPIPE, &dfl, NULL) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(e, errno, "signals");
	if (!r->filter_installed && launch_filter(r, e) < 0)
		return -e->eno;
	if (l->stub >= 0)
		(void)stub_exec(r); /* refused by a filter or policy: try the other way */
	if (l->stub_argv && leads_to_us(l, r->path))
		return err_new(e, E_EXEC_DENIED, EACCES, "exec %s: it leads to the runtime itself", r->path);
	if (l->stub >= 0 && launch_labels_exec(r, e) < 0)
		return -e->eno;
	execve(r->path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)l->env);
	return launch_failed(r->path, errno, false, e);
}
