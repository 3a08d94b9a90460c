/* SPDX-License-Identifier: Apache-2.0
 *
 * Work on the file system of a container that may be stopped: see rootfs_run() in rootfs.h.
 *
 *   us --fork--> child: unshare(mounts), root and volumes mounted, chroot-free work by descriptor
 *    <-- struct err and result over a pipe
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/engine_int.h"
#include "engine/rootfs.h"
#include "format/js.h"
#include "sys/mountfd.h"

/* binds of the record (volumes, -v) at their places, parents first as they are stored */
static int volumes_mount(const struct container *c, int root, struct err *e)
{
	size_t i;
	json_t *m;

	json_array_foreach(own_get(c, "Mounts"), i, m) {
		const char *to = js_str(m, "destination", ""), *from = js_str(m, "source", "");
		OWN_FD mnt = -1, target = -1;
		/* a plugin's volume is there only while a container runs */
		if (strcmp(js_str(m, "type", ""), "bind") || json_object_get(m, "onggi.driver"))
			continue;
		/* what cannot be there now is not there, as docker's stopped containers show it */
		if (mountfd_clone(AT_FDCWD, from, MOUNTFD_REC, &mnt, e) < 0 ||
		    path_open_in(root, to, O_PATH, 0, &target, e) < 0) {
			if (e->eno == ENOENT || e->eno == ENOTDIR)
				continue;
			return -e->eno;
		}
		if (mountfd_attach(mnt, target, e) < 0 && e->eno != ENOTDIR)
			return err_ctx(e, "mount %s", to);
	}
	return 0;
}

static int mounted(struct engine *eng, const struct container *c, bool write, int *ret_root, struct err *e)
{
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	OWN_FD mnt = -1, at = -1, root = -1;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/containers/%s/rootfs", eng->store.root, c->id);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, errno, "mount namespace");
	if (mkdirat(c->dir_fd, "rootfs", 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir rootfs");
	if (engine_plan(eng, c, write ? 0 : STORAGE_PLAN_READ_ONLY, &a, &plan, e) < 0 || rootfs_mount(&plan, &mnt, e) < 0)
		return -e->eno;
	/* by path: descriptors from before belong to the mounts of the old namespace */
	at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (at < 0)
		return err_sys(e, errno, "open rootfs");
	if (mountfd_attach(mnt, at, e) < 0)
		return -e->eno;
	/* opened again: the old descriptor is of the directory below the mount */
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0)
		return err_sys(e, errno, "open rootfs");
	if (volumes_mount(c, root, e) < 0)
		return -e->eno;
	*ret_root = fd_take(&root);
	return 0;
}

struct answer {
	bool ok;
	struct err e;
};

__attribute__((noreturn)) static void child(struct engine *eng, const struct container *c,
					    const struct rootfs_job *job, int fd)
{
	struct answer a = { .ok = false };
	int root = -1;

	/* the mounts of a killed child go with its namespace */
	a.ok = mounted(eng, c, job->write, &root, &a.e) >= 0 && job->fn(root, job->data, &a.e) >= 0;
	(void)io_write_all(fd, &a, sizeof a);
	if (a.ok && job->result)
		(void)io_write_all(fd, job->result, job->result_n);
	_exit(0);
}

int rootfs_run(struct engine *eng, const struct container *c, const struct container_state *st,
	       const struct rootfs_job *job, struct err *e)
{
	OWN_FD root = -1;
	struct answer a;
	int pair[2], status;

	if (st->status == CONTAINER_RUNNING)
		return rootfs_open_init(&st->init, &root, e) < 0 ? -e->eno : job->fn(root, job->data, e);
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD rd = pair[0], wr = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0)
		child(eng, c, job, wr);
	own_fd_done(&wr);
	bool whole = io_read_full(rd, &a, sizeof a) == (ssize_t)sizeof a;
	if (whole && a.ok && job->result)
		whole = io_read_full(rd, job->result, job->result_n) == (ssize_t)job->result_n;
	(void)waitpid(pid, &status, 0);
	if (!whole)
		return err_new(e, E_INTERNAL, ECHILD, "the process that mounts the container was killed");
	if (!a.ok) {
		*e = a.e;
		return -e->eno;
	}
	return 0;
}
