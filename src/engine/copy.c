/* SPDX-License-Identifier: Apache-2.0
 *
 * cp in both directions, export, and the archive calls of the API. A copy is a tar stream between
 * two processes: one walks the source, the other unpacks below the destination's root. No path
 * of a container is ever resolved outside it, and none twice.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/archive.h"
#include "engine/engine_int.h"
#include "engine/rootfs.h"
#include "format/js.h"

/* ---- jobs inside the container's root ---- */

struct stat_job {
	const char *path;
	bool follow;
	struct engine_path_stat st;
};

static int job_stat(int root, void *data, struct err *e)
{
	struct stat_job *j = data;
	OWN_FD fd = -1;
	struct stat st;
	char clean[PATH_MAX];

	if (path_open_in(root, j->path, O_PATH | (j->follow ? 0 : O_NOFOLLOW), 0, &fd, e) < 0)
		return -e->eno;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", j->path);
	if (path_normalize(j->path, clean, sizeof clean) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	const char *base = strrchr(clean, '/');
	(void)snprintf(j->st.name, sizeof j->st.name, "%s", base[1] ? base + 1 : "root");
	j->st.size = (uint64_t)st.st_size;
	j->st.mode = st.st_mode;
	j->st.mtime_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	j->st.link_target[0] = 0;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(fd, "", j->st.link_target, sizeof j->st.link_target - 1);
		j->st.link_target[n < 0 ? 0 : n] = 0;
	}
	return 0;
}

struct write_job {
	const char *path, *name;
	unsigned flags;
	int out;
};

static int job_write(int root, void *data, struct err *e)
{
	const struct write_job *j = data;
	return archive_write(root, j->path, j->name, j->flags, j->out, e);
}

struct read_job {
	struct archive_dest dest;
	int in;
};

static int job_read(int root, void *data, struct err *e)
{
	struct read_job *j = data;
	OWN_FD dir = -1;

	j->dest.root = root;
	if (path_open_in(root, j->dest.dir, O_PATH | O_DIRECTORY, 0, &dir, e) < 0)
		return -e->eno;
	return archive_read(j->in, &j->dest, e);
}

/* ---- the calls of the API ---- */

static int no_file(const char *ref, const char *path, struct err *e)
{
	if (e->eno != ENOENT && e->eno != ENOTDIR)
		return -e->eno;
	return err_new(e, E_NOT_FOUND, ENOENT, "Could not find the file %s in container %s", path, ref);
}

static int stat_in(const struct rootfs *fs, const char *path, bool follow, struct engine_path_stat *ret, struct err *e)
{
	struct stat_job j = { .path = path, .follow = follow };
	struct rootfs_job job = { job_stat, &j, &j.st, sizeof j.st, false };

	if (rootfs_run(fs, &job, e) < 0)
		return -e->eno;
	*ret = j.st;
	return 0;
}

/* under the lock while the stopped container's layer is mounted; a running one is read as it runs */
static int files_open(struct engine *eng, const char *ref, struct handle *h, struct rootfs *fs, struct err *e)
{
	return handle_open(eng, ref, HANDLE_LOCK, h, e) < 0 || rootfs_begin(eng, h, fs, e) < 0 ? -e->eno : 0;
}

int engine_archive_stat(struct engine *eng, const char *ref, const char *path, struct engine_path_stat *ret,
			struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_ROOTFS fs = { 0 };

	if (files_open(eng, ref, &h, &fs, e) < 0)
		return -e->eno;
	return stat_in(&fs, path, false, ret, e) < 0 ? no_file(ref, path, e) : 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);
	return n >= k && !strcmp(s + n - k, end);
}

/* "x/." is what is in x; so is the root */
static bool wants_content(const char *path)
{
	char clean[PATH_MAX];
	return ends_with(path, "/.") || !strcmp(path, ".") ||
	       (path_normalize(path, clean, sizeof clean) >= 0 && !clean[1]);
}

int engine_archive_get(struct engine *eng, const char *ref, const char *path, int out_fd, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_ROOTFS fs = { 0 };
	struct engine_path_stat st;

	if (files_open(eng, ref, &h, &fs, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RUNNING)
		own_fd_done(&h.lock);
	if (stat_in(&fs, path, false, &st, e) < 0)
		return no_file(ref, path, e);
	struct write_job j = { path, st.name, wants_content(path) ? ARCHIVE_CONTENT : 0u, out_fd };
	struct rootfs_job job = { job_write, &j, NULL, 0, false };
	return rootfs_run(&fs, &job, e);
}

/* a read-only root takes nothing, its writable volumes do */
static int writable(const struct handle *h, const char *path, struct err *e)
{
	char clean[PATH_MAX];
	const json_t *best = NULL;
	size_t i, best_n = 0;
	json_t *m;

	if (path_normalize(path, clean, sizeof clean) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	json_array_foreach(json_object_get(h->c.record, "Mounts"), i, m) {
		const char *to = js_str(m, "Destination", "");
		size_t n = strlen(to);
		if (!strncmp(clean, to, n) && (!clean[n] || clean[n] == '/') && n > best_n) {
			best = m;
			best_n = n;
		}
	}
	if (best ? !js_bool(best, "RW", true) : js_bool(h->c.record, "HostConfig.ReadonlyRootfs", false))
		return err_new(e, E_DENIED, EROFS, best ? "mounted volume is marked read-only" :
							 "container rootfs is marked read-only");
	return 0;
}

static int put(struct handle *h, const struct rootfs *fs, struct read_job *j, struct err *e)
{
	struct rootfs_job job = { job_read, j, NULL, 0, true };

	if (writable(h, j->dest.dir, e) < 0)
		return -e->eno;
	if (h->st.status == CONTAINER_RUNNING)
		own_fd_done(&h->lock);
	return rootfs_run(fs, &job, e);
}

int engine_archive_put(struct engine *eng, const char *ref, const char *path, int in_fd, unsigned flags,
		       struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_ROOTFS fs = { 0 };
	struct engine_path_stat st;
	struct read_job j = { .dest = { .dir = path }, .in = in_fd };

	if (files_open(eng, ref, &h, &fs, e) < 0)
		return -e->eno;
	if (stat_in(&fs, path, true, &st, e) < 0)
		return no_file(ref, path, e);
	if (!S_ISDIR(st.mode))
		return err_new(e, E_INVALID, ENOTDIR, "extraction point is not a directory");
	j.dest.flags = flags & ENGINE_ARCHIVE_NO_OVERWRITE ? ARCHIVE_NO_OVERWRITE : 0;
	return put(&h, &fs, &j, e);
}

int engine_export(struct engine *eng, const char *ref, int out_fd, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	ARENA a = { 0 };
	OWN_MOUNT_PLAN plan = { 0 };
	OWN_FD root = -1;

	/* the layers read-only, without volumes, as docker does; a running container goes on */
	if (handle_open(eng, ref, 0, &h, e) < 0 || engine_plan(eng, &h.c, STORAGE_PLAN_READ_ONLY, &a, &plan, e) < 0 ||
	    rootfs_mount(&plan, &root, e) < 0)
		return -e->eno;
	return archive_write_fd(root, "", ARCHIVE_BARE, out_fd, e);
}

/* ---- cp ---- */

/* What lies at the destination decides where the top entry goes; docker's table in `cp --help`. */
struct target {
	char dir[PATH_MAX];  /* existing directory to unpack in */
	char name[NAME_MAX + 1]; /* new name of the top entry; "" keeps it */
	bool content;        /* the source directory's content, without itself */
};

static int split(const char *path, struct target *t, struct err *e)
{
	char clean[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof clean)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	memcpy(clean, path, n + 1);
	while (n > 1 && clean[n - 1] == '/')
		clean[--n] = 0;
	char *slash = strrchr(clean, '/');
	(void)snprintf(t->name, sizeof t->name, "%s", slash ? slash + 1 : clean);
	if (slash && slash != clean)
		*slash = 0;
	(void)snprintf(t->dir, sizeof t->dir, "%s", !slash ? "." : slash == clean ? "/" : clean);
	return 0;
}

/* @dst_mode 0: there is nothing */
static int target_of(bool src_dir, bool src_content, const char *dst, mode_t dst_mode, struct target *t,
		     struct err *e)
{
	*t = (struct target){ 0 };
	if (S_ISDIR(dst_mode)) {
		(void)snprintf(t->dir, sizeof t->dir, "%s", dst);
		t->content = src_dir && src_content;
		return 0;
	}
	if (dst_mode) {
		if (src_dir)
			return err_new(e, E_INVALID, ENOTDIR, "cannot copy directory");
		if (ends_with(dst, "/"))
			return err_new(e, E_INVALID, ENOTDIR, "not a directory: %s", dst);
		return split(dst, t, e);
	}
	if (!src_dir && ends_with(dst, "/"))
		return err_new(e, E_NOT_FOUND, ENOENT, "no such directory: the destination directory %s must exist",
			       dst);
	return split(dst, t, e);
}

/* run @fn in a child that writes into a pipe */
struct writer {
	pid_t pid;
	int data, report;
};

static int writer_start(struct writer *w, int (*fn)(void *data, int out, struct err *e), void *data,
			struct err *e)
{
	int d[2], r[2];
	struct err why = { 0 };

	if (pipe2(d, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	if (pipe2(r, O_CLOEXEC) < 0) {
		close(d[0]);
		close(d[1]);
		return err_sys(e, errno, "pipe");
	}
	w->pid = fork();
	if (w->pid == 0) {
		(void)signal(SIGPIPE, SIG_IGN); /* the reader has its own reason */
		close(d[0]);
		if (fn(data, d[1], &why) < 0)
			(void)io_write_all(r[1], &why, sizeof why);
		_exit(0);
	}
	close(d[1]);
	close(r[1]);
	w->data = d[0];
	w->report = r[0];
	if (w->pid < 0) {
		close(d[0]);
		close(r[0]);
		return err_sys(e, errno, "fork");
	}
	return 0;
}

/* the writer's fault explains the reader's, unless it only met a closed pipe */
static int writer_end(struct writer *w, int r, struct err *e)
{
	struct err why;

	close(w->data);
	if (io_read_full(w->report, &why, sizeof why) == (ssize_t)sizeof why && !(r < 0 && why.eno == EPIPE)) {
		*e = why;
		r = -e->eno;
	}
	close(w->report);
	(void)waitpid(w->pid, NULL, 0);
	return r;
}

struct out_job {
	const struct rootfs *fs;
	struct write_job w;
};

static int out_write(void *data, int out, struct err *e)
{
	struct out_job *j = data;
	struct rootfs_job job = { job_write, &j->w, NULL, 0, false };
	j->w.out = out;
	return rootfs_run(j->fs, &job, e);
}

static int host_mode(const char *path, mode_t *ret, struct err *e)
{
	struct stat st;

	*ret = 0;
	if (!stat(path, &st))
		*ret = st.st_mode;
	else if (errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	return 0;
}

int engine_copy_out(struct engine *eng, const struct engine_copy *q, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_ROOTFS fs = { 0 };
	struct engine_path_stat st;
	struct target t;
	struct writer w;
	mode_t mode;
	bool follow = q->follow_link || ends_with(q->container_path, "/");

	if (files_open(eng, q->ref, &h, &fs, e) < 0)
		return -e->eno;
	if (h.st.status == CONTAINER_RUNNING)
		own_fd_done(&h.lock);
	if (stat_in(&fs, q->container_path, follow, &st, e) < 0)
		return no_file(q->ref, q->container_path, e);
	struct out_job j = { &fs, { q->container_path, st.name, follow ? ARCHIVE_FOLLOW : 0u, -1 } };
	if (!strcmp(q->host_path, "-")) {
		j.w.flags |= wants_content(q->container_path) ? ARCHIVE_CONTENT : 0u;
		return out_write(&j, q->stream_fd, e);
	}
	if (host_mode(q->host_path, &mode, e) < 0 ||
	    target_of(S_ISDIR(st.mode), wants_content(q->container_path), q->host_path, mode, &t, e) < 0)
		return -e->eno;
	OWN_FD dir = open(t.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "open %s", t.dir);
	j.w.flags |= t.content ? ARCHIVE_CONTENT : 0u;
	struct archive_dest dest = { .root = dir, .dir = ".", .flags = ARCHIVE_NO_OVERWRITE };
	dest.flags |= q->archive ? 0u : ARCHIVE_OWN;
	if (t.name[0]) {
		dest.rename_from = st.name;
		dest.rename_to = t.name;
	}
	if (writer_start(&w, out_write, &j, e) < 0)
		return -e->eno;
	return writer_end(&w, archive_read(w.data, &dest, e), e);
}

struct in_job {
	int fd;
	const char *name;
	unsigned flags;
};

static int in_write(void *data, int out, struct err *e)
{
	const struct in_job *j = data;
	return archive_write_fd(j->fd, j->name, j->flags, out, e);
}

/* the destination inside the container; relative paths start at its root */
static int in_target(const struct rootfs *fs, const struct engine_copy *q, bool src_dir, struct target *t,
		     struct err *e)
{
	struct engine_path_stat st = { 0 };
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s%s", *q->container_path == '/' ? "" : "/",
			     q->container_path) >= sizeof path)
		return err_new(e, E_INVALID, ENAMETOOLONG, "path too long");
	if (stat_in(fs, path, true, &st, e) < 0) {
		if (e->eno != ENOENT)
			return -e->eno;
		st.mode = 0;
	}
	return target_of(src_dir, wants_content(q->host_path), path, st.mode, t, e);
}

int engine_copy_in(struct engine *eng, const struct engine_copy *q, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_ROOTFS fs = { 0 };
	struct target t;
	struct writer w;
	struct stat st;
	char clean[PATH_MAX];
	const char *host = q->host_path;
	bool follow = q->follow_link || ends_with(host, "/");

	if (!strcmp(host, "-"))
		return engine_archive_put(eng, q->ref, q->container_path, q->stream_fd, 0, e);
	OWN_FD fd = open(host, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", host);
	/* the top entry bears the last name of the path; for "." and ".." that of the directory */
	OWN_STR real = ends_with(host, ".") ? realpath(host, NULL) : strdup(host);
	if (!real || path_normalize(real, clean, sizeof clean) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%s: path too long", host);
	if (files_open(eng, q->ref, &h, &fs, e) < 0 ||
	    in_target(&fs, q, S_ISDIR(st.st_mode), &t, e) < 0)
		return -e->eno;
	const char *name = strrchr(clean, '/') + 1;
	struct in_job j = { fd, *name ? name : "root", t.content ? ARCHIVE_CONTENT : 0u };
	struct read_job r = { .dest = { .dir = t.dir, .flags = ARCHIVE_NO_OVERWRITE } };
	if (t.name[0]) {
		r.dest.rename_from = j.name;
		r.dest.rename_to = t.name;
	}
	if (writer_start(&w, in_write, &j, e) < 0)
		return -e->eno;
	r.in = w.data;
	return writer_end(&w, put(&h, &fs, &r, e), e);
}
