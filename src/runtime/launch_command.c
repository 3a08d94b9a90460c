/* SPDX-License-Identifier: Apache-2.0
 *
 * What the process executes and where: working directory, HOME, the command found in PATH. All of
 * it is looked at inside the container, with the rights of the process. See launch.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/launch.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { PASSWD_MAX = 16 << 20 };

/* Texts and kinds that engines look for: docker's exit statuses 126 and 127. */
static int directory_err(const char *cwd, int eno, struct err *e)
{
	int r = err_sys(e, eno, "chdir to cwd (\"%s\") set in config.json failed", cwd);

	if (eno == ENOENT || eno == ENOTDIR)
		e->kind = E_EXEC_MISSING;
	else if (eno == EACCES)
		e->kind = E_EXEC_DENIED;
	return r;
}

int launch_directory(struct launch_run *r, bool last, struct err *e)
{
	const char *cwd = r->l->p->cwd;
	char now[4096];

	/* once as root, who may search more; again as the user when that failed */
	if (!last || r->directory_again) {
		if (!chdir(cwd))
			r->directory_again = false;
		else if (last || errno != EACCES)
			return directory_err(cwd, errno, e);
		else
			r->directory_again = true;
	}
	/* nothing but the root itself */
	if (!last || !strcmp(cwd, "/"))
		return 0;
	/* a descriptor of the host as working directory shows as "(unreachable)/..." (CVE-2024-21626) */
	long n = syscall(SYS_getcwd, now, sizeof now);
	if (n < 0 && errno == ENOENT)
		return err_new(e, E_DENIED, EPERM, "cwd %s is not inside the container", cwd);
	if (n < 0)
		return err_sys(e, errno, "cwd %s", cwd);
	if (now[0] != '/')
		return err_new(e, E_DENIED, EPERM, "cwd %s is not inside the container", cwd);
	return 0;
}

/* one line of passwd(5): is it @uid, and what is the home */
static bool passwd_line(char *line, uint32_t uid, char *home, size_t size)
{
	char *field[7], *p = line;
	uint32_t have;

	for (int i = 0; i < 7; i++) {
		field[i] = p;
		p = strchr(p, ':');
		if (!p && i < 5)
			return false;
		if (p)
			*p++ = 0;
		else
			p = (char *)(uintptr_t)"";
	}
	if (text_uint32(field[2], &have) < 0 || have != uid || !field[5][0])
		return false;
	(void)snprintf(home, size, "%s", field[5]);
	return true;
}

static bool passwd_home(uint32_t uid, char *home, size_t size)
{
	char block[4096];
	size_t have = 0, total = 0;
	struct stat st;
	OWN_FD fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	for (;;) {
		ssize_t n = read(fd, block + have, sizeof block - 1 - have);
		if (n < 0)
			return false;
		have += (size_t)n;
		total += (size_t)n;
		block[have] = 0;
		char *line = block, *end;
		while ((end = strchr(line, '\n')) || (!n && *line)) {
			if (end)
				*end = 0;
			if (passwd_line(line, uid, home, size))
				return true;
			line = end ? end + 1 : line + strlen(line);
		}
		if (!n || total > PASSWD_MAX)
			return false;
		have = (size_t)(block + have - line);
		if (have == sizeof block - 1) /* a line longer than the block: no user of ours */
			have = 0;
		memmove(block, line, have);
	}
}

int launch_home(struct launch_run *r, struct err *e)
{
	const struct launch *l = r->l;

	(void)e;
	if (l->p->has_home)
		return 0;
	memcpy(r->home, "HOME=", 5);
	if (!passwd_home(l->p->uid, r->home + 5, sizeof r->home - 5))
		memcpy(r->home + 5, "/", 2);
	l->env[l->env_n] = r->home;
	l->env[l->env_n + 1] = NULL;
	return 0;
}

/* the same file by a bind mount is the user's own wish, by /proc/self/exe it is an attack */
static bool by_magic_link(const char *path)
{
	struct err own;
	int fd = -1;

	if (!path_open_in(AT_FDCWD, path, O_PATH, 0, &fd, &own))
		close(fd);
	return fd < 0;
}

/* 0: can be executed; EACCES, ENOENT ... as execve would say; ELIBBAD: it is our own program, by
 * /proc/self/exe (CVE-2019-5736) */
static int executable(const struct launch *l, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (st.st_dev == l->exe_dev && st.st_ino == l->exe_ino && by_magic_link(path))
		return ELIBBAD;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return EACCES;
	return 0;
}

static int command_err(const char *name, int eno, struct err *e)
{
	switch (eno) {
	case EISDIR:
		return err_new(e, E_EXEC_DENIED, EISDIR, "exec: \"%s\": is a directory: permission denied", name);
	case EACCES:
	case EPERM:
		return err_new(e, E_EXEC_DENIED, EACCES, "exec: \"%s\": permission denied", name);
	case ELIBBAD:
		return err_new(e, E_EXEC_DENIED, EACCES,
			       "exec: \"%s\": it is the program of the runtime: permission denied", name);
	case ENOENT:
	case ENOTDIR:
		return err_new(e, E_EXEC_MISSING, eno, "exec: \"%s\": stat %s: %s", name, name,
			       eno == ENOENT ? "no such file or directory" : "not a directory");
	default:
		return err_sys(e, eno, "exec: \"%s\"", name);
	}
}

int launch_command(struct launch_run *r, struct err *e)
{
	const struct bundle_process *p = r->l->p;
	const char *name = p->args.v[0];
	int found = ENOENT, eno;

	if (strchr(name, '/')) {
		if (snprintf(r->path, sizeof r->path, "%s", name) >= (int)sizeof r->path)
			return err_new(e, E_EXEC_MISSING, ENAMETOOLONG, "exec: file name too long");
		eno = executable(r->l, r->path);
		return eno ? command_err(name, eno, e) : 0;
	}
	for (const char *dir = p->path ? p->path : PATH_DEFAULT; *name;) {
		size_t n = strcspn(dir, ":");
		if (snprintf(r->path, sizeof r->path, "%.*s/%s", n ? (int)n : 1, n ? dir : ".", name) <
		    (int)sizeof r->path) {
			eno = executable(r->l, r->path);
			if (!eno)
				return 0;
			if (eno == EACCES)
				found = EACCES; /* as a shell: go on, but remember that there was one */
		}
		if (!dir[n])
			break;
		dir += n + 1;
	}
	if (found == EACCES)
		return command_err(name, EACCES, e);
	return err_new(e, E_EXEC_MISSING, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}
