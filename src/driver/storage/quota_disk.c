/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits by a file system of its own: see quota.h.
 *
 *   containers/ID/disk.img    sparse; ext4
 *
 *   us --fork--> child: unshare(mounts); loop device of the file, found or bound; mounted at rw; job
 *    <-- struct err, result, descriptor over a socket
 *
 * The child's namespace ends with it. The mounts that it hands out are detached and keep the file
 * system and so the device, which the kernel unbinds after the last of them.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "driver/storage/quota_int.h"
#include "store/disk.h"
#include "sys/fdpass.h"
#include "sys/mountfd.h"

static int disk_path(const char *id, char out[STORAGE_PATH_MAX], struct err *e)
{
	if (storage_rw_path(id, "", out, e) < 0) /* checks the ID */
		return -e->eno;
	(void)snprintf(out, STORAGE_PATH_MAX, "containers/%.64s/disk.img", id);
	return 0;
}

int disk_make(const struct store *s, const char *id, const struct storage_opt *opt, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	return disk_path(id, path, e) < 0 ? -e->eno : disk_file_make(s->root_fd, path, opt, 0700, e);
}

int disk_remove(const struct store *s, const char *id, struct err *e)
{
	char path[STORAGE_PATH_MAX];

	if (disk_path(id, path, e) < 0)
		return -e->eno;
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove %s", path);
	return 0;
}

static int enter(const struct store *s, const char *id, struct store *inside, struct err *e)
{
	char path[STORAGE_PATH_MAX], disk[STORAGE_PATH_MAX];
	OWN_FD mnt = -1;

	if (storage_rw_path(id, "", path, e) < 0 || disk_path(id, disk, e) < 0)
		return -e->eno;
	/* what is unmounted on the host goes here, too: fuse-overlayfs stays in this namespace */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_sys(e, errno, "mount namespace");
	/* descriptors from before belong to the mounts of the old namespace */
	*inside = *s;
	inside->root_fd = open(s->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (inside->root_fd < 0)
		return err_sys(e, errno, "open %s", s->root);
	OWN_FD at = openat(inside->root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (at < 0)
		return err_sys(e, errno, "open %s", path);
	return disk_file_mount(inside->root_fd, disk, id, &mnt, e) < 0 || mountfd_attach(mnt, at, e) < 0 ? -e->eno : 0;
}

struct answer {
	bool ok;
	struct err e;
	char result[QUOTA_RESULT_MAX];
};

__attribute__((noreturn)) static void child(const struct store *s, const char *id, const struct quota_job *job, int sock)
{
	struct answer a = { .ok = false };
	struct store inside;
	int fd = -1;

	a.ok = enter(s, id, &inside, &a.e) >= 0 && job->fn(&inside, job->data, &fd, &a.e) >= 0;
	if (a.ok && job->result)
		memcpy(a.result, job->result, job->result_n);
	(void)fdpass_send(sock, &a, sizeof a, &fd, fd >= 0);
	_exit(0);
}

int quota_inside(const struct store *s, const char *id, const struct quota_job *job, int *ret_fd, struct err *e)
{
	struct answer a;
	int pair[2], status, fd = -1;
	size_t n = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket");
	OWN_FD ours = pair[0], theirs = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (!pid)
		child(s, id, job, theirs);
	own_fd_done(&theirs);
	ssize_t got = fdpass_receive(ours, &a, sizeof a, &fd, 1, &n, NULL);
	OWN_FD back = n ? fd : -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got != (ssize_t)sizeof a)
		return err_new(e, E_INTERNAL, ECHILD, "the process that mounts the disk of the container was killed");
	if (!a.ok) {
		*e = a.e;
		return -e->eno;
	}
	if (job->result)
		memcpy(job->result, a.result, job->result_n);
	if (ret_fd)
		*ret_fd = fd_take(&back);
	return 0;
}
