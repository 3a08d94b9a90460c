/* SPDX-License-Identifier: Apache-2.0
 *
 * Work on the file system of a container that may be stopped: see rootfs_run() in rootfs.h.
 *
 *   us --fork--> child: root mounted, unshare(mounts), volumes mounted, chroot-free work by descriptor
 *    <-- struct err and result over a pipe
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "engine/engine_int.h"
#include "engine/rootfs.h"
#include "engine/volumes.h"
#include "format/js.h"
#include "sys/mountfd.h"

int rootfs_begin(struct engine *eng, const struct handle *h, struct rootfs *ret, struct err *e)
{
	OWN_FD run_fd = -1;
	size_t i;
	json_t *m;

	*ret = (struct rootfs){ .eng = eng, .c = &h->c, .st = &h->st };
	if (h->st.status == CONTAINER_RUNNING)
		return 0;
	ret->mounts = json_deep_copy(own_get(&h->c, "Mounts"));
	json_array_foreach(ret->mounts, i, m) {
		if (!json_object_get(m, "onggi.volume"))
			continue;
		/* what a kill leaves noted there is taken back after the next start, or with the container */
		if (run_fd < 0 && container_run_dir(&eng->store, h->c.id, true, &run_fd, e) < 0)
			return -e->eno;
		ret->attached = true;
		if (volume_attach_mount(&eng->store, h->c.id, run_fd, m, e) < 0)
			return -e->eno;
	}
	return 0;
}

void rootfs_end(struct rootfs *r)
{
	char path[96];

	json_decref(r->mounts);
	r->mounts = NULL;
	if (!r->attached)
		return;
	volumes_detach(&r->eng->store, r->c->id);
	(void)snprintf(path, sizeof path, "containers/%s", r->c->id);
	(void)unlinkat(r->eng->store.run_fd, path, AT_REMOVEDIR); /* unless it holds something else */
}

/* the mount of @m, or what it is of inside a volume */
static int source_open(const json_t *m, int *ret_fd, struct err *e)
{
	const char *from = js_str(m, "source", ""), *sub = json_string_value(json_object_get(m, "onggi.subpath"));
	OWN_FD volume = -1, fd = -1;

	if (!sub)
		return mountfd_clone(AT_FDCWD, from, MOUNTFD_REC, ret_fd, e);
	volume = open(from, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (volume < 0)
		return err_sys(e, errno, "open volume %s", from);
	return path_open_in(volume, sub, O_PATH, 0, &fd, e) < 0 ? -e->eno : mountfd_clone(fd, "", MOUNTFD_REC, ret_fd, e);
}

/* where @xmnt goes; made as a start makes it, which may not have been yet */
static int place_open(int root, const char *to, int xmnt, int *ret_fd, struct err *e)
{
	OWN_FD dir = -1, file = -1;
	const char *name;
	struct stat st;

	if (path_open_in(root, to, O_PATH, 0, ret_fd, e) == 0 || e->eno != ENOENT)
		return e->kind == E_NONE ? 0 : -e->eno;
	err_clear(e);
	if (fstat(xmnt, &st) < 0)
		return err_sys(e, errno, "stat %s", to);
	if (S_ISDIR(st.st_mode))
		return path_mkdir_in(root, to, 0755, ret_fd, e);
	if (path_parent_in(root, to, true, &dir, &name, e) < 0)
		return -e->eno;
	file = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	return file < 0 ? err_sys(e, errno, "make %s", to) : path_open_in(root, to, O_PATH, 0, ret_fd, e);
}

/* what cannot be there now is not there, as docker's stopped containers show it */
static bool is_absent(const struct err *e)
{
	return e->eno == ENOENT || e->eno == ENOTDIR || e->eno == ENOSPC || e->eno == EDQUOT;
}

/* binds of the record (volumes, -v) at their places, parents first as they are stored */
static int volumes_mount(const json_t *mounts, int root, struct err *e)
{
	size_t i;
	json_t *m;

	json_array_foreach(mounts, i, m) {
		const char *to = js_str(m, "destination", "");
		OWN_FD mnt = -1, target = -1;
		if (strcmp(js_str(m, "type", ""), "bind"))
			continue;
		if (source_open(m, &mnt, e) < 0 || place_open(root, to, mnt, &target, e) < 0) {
			if (!is_absent(e))
				return -e->eno;
			err_clear(e);
			continue;
		}
		if (mountfd_attach(mnt, target, e) < 0 && e->eno != ENOTDIR)
			return err_ctx(e, "mount %s", to);
	}
	return 0;
}

static int mounted(const struct rootfs *r, bool write, int *ret_root, struct err *e)
{
	struct engine *eng = r->eng;
	const struct container *c = r->c;
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	OWN_FD mnt = -1, at = -1, root = -1;
	char path[4096];

	(void)snprintf(path, sizeof path, "%s/containers/%s/rootfs", eng->store.root, c->id);
	/* places for the mounts may have to be made */
	const unsigned how = write || json_array_size(r->mounts) ? 0 : STORAGE_PLAN_READ_ONLY;
	/* detached, and still where a driver's mounts for all users of it are seen */
	if (engine_plan(eng, c, how, &a, &plan, e) < 0 || rootfs_mount(&plan, &mnt, e) < 0)
		return -e->eno;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(e, errno, "mount namespace");
	if (mkdirat(c->dir_fd, "rootfs", 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir rootfs");
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
	if (volumes_mount(r->mounts, root, e) < 0)
		return -e->eno;
	*ret_root = fd_take(&root);
	return 0;
}

struct answer {
	bool ok;
	struct err e;
};

__attribute__((noreturn)) static void child(const struct rootfs *r, const struct rootfs_job *job, int fd)
{
	struct answer a = { .ok = false };
	int root = -1;

	/* the mounts of a killed child go with its namespace */
	a.ok = mounted(r, job->write, &root, &a.e) >= 0 && job->fn(root, job->data, &a.e) >= 0;
	(void)io_write_all(fd, &a, sizeof a);
	if (a.ok && job->result)
		(void)io_write_all(fd, job->result, job->result_n);
	_exit(0);
}

int rootfs_run(const struct rootfs *r, const struct rootfs_job *job, struct err *e)
{
	OWN_FD root = -1;
	struct answer a;
	int pair[2], status;

	if (r->st->status == CONTAINER_RUNNING)
		return rootfs_open_init(&r->st->init, &root, e) < 0 ? -e->eno : job->fn(root, job->data, e);
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD rd = pair[0], wr = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0)
		child(r, job, wr);
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
