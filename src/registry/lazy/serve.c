/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that shows layers which are on their way: one per set of layers; it outlives the command that started it.
 *
 *   start:  locks begin and served -> keeper -> process: trees -> mount -> lowers -> "ready"
 *   work:   threads answer the kernel; the first one pulls the image as any other, which goes by the same partial
 *           download that the threads read, and registers it (work.c)
 *   end:    lowers goes, so that new containers use the layers themselves; the mount goes from its place; the process
 *           ends when the last container that has it in its overlay is gone: the kernel counts
 *
 * The keeper does nothing but hold the connection to the kernel and wait: of a process that dies it makes another one,
 * which answers from there on, and readers notice nothing. Linux 6.9 gives it the requests again that the dead one had
 * read; before, these few fail. Keeper and process killed, a dead mount is left: whoever reads there gets ENOTCONN, and
 * the next start of a container takes it away and starts a new process.
 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/step.h"
#include "format/js.h"
#include "registry/lazy/lazy.h"
#include "registry/lazy/serve_int.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/lazy.h"
#include "sys/mountfd.h"

enum {
	DEATHS_MAX = 5,      /* of processes one after the other, each within LIFE_S of its start */
	LIFE_S = 60,
	DEATH_DELAY_MS = 100,
};

static void run_path(const struct serve *v, const char *what, char out[LAZY_PATH_MAX])
{
	lazy_path(v->top, what, out);
}

/* ---- the kernel's side ---- */

/* room for a request and its reply; NULL without memory */
static void *answer_room(void)
{
	return malloc(FUSE_REQUEST_MAX + FUSE_REPLY_MAX);
}

/* one request of @xfd: 1 | 0 nobody has it mounted any more */
static int answer_one(const struct serve *v, int xfd, unsigned char *room)
{
	unsigned char *reply = room + FUSE_REQUEST_MAX;
	ssize_t n = read(xfd, room, FUSE_REQUEST_MAX);

	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
		return 1;
	if (n <= 0) /* ENODEV */
		return 0;
	if (fuse_init_says_resend(room, (size_t)n))
		atomic_store(&v->shared->resend, true);
	size_t size = fuse_answer(v->show.tree, &v->show.files, room, (size_t)n, reply);
	if (size && write(xfd, reply, size) < 0 && errno != ENOENT) /* whoever asked was killed */
		show_log("answer to the kernel: %s", strerror(errno));
	return 1;
}

static void *answer_main(void *data)
{
	const struct serve *v = data;
	OWN_PTR unsigned char *room = answer_room();

	while (room && answer_one(v, v->answer, room))
		;
	return NULL;
}

/* What this process has read and not answered when it is killed: the next one asks for it; where it cannot, it has to
 * end with this process, and so is read by a descriptor of its own. */
static int answers_start(struct serve *v, struct err *e)
{
	uint32_t connection = (uint32_t)v->fuse;

	if (atomic_load(&v->shared->resend)) {
		v->answer = fcntl(v->fuse, F_DUPFD_CLOEXEC, 3);
	} else {
		v->answer = open("/dev/fuse", O_RDWR | O_CLOEXEC);
		if (v->answer >= 0 && ioctl(v->answer, FUSE_DEV_IOC_CLONE, &connection) < 0)
			return err_sys(e, errno, "share the connection to the kernel");
	}
	if (v->answer < 0)
		return err_sys(e, errno, "connection to the kernel");
	for (; v->n_threads < SHOW_THREADS; v->n_threads++) {
		int r = pthread_create(&v->threads[v->n_threads], NULL, answer_main, v);
		if (r)
			return err_sys(e, r, "start a thread");
	}
	return 0;
}

static int mount_open(int fuse, int *ret_fd, struct err *e)
{
	char fd[16];
	OWN_FD fs = -1;

	(void)snprintf(fd, sizeof fd, "%d", fuse);
	if (mountfd_fs_open("fuse", &fs, e) < 0 || mountfd_fs_string(fs, "source", "onggi-lazy", e) < 0 ||
	    mountfd_fs_string(fs, "fd", fd, e) < 0 || mountfd_fs_string(fs, "rootmode", "40000", e) < 0 ||
	    mountfd_fs_string(fs, "user_id", "0", e) < 0 || mountfd_fs_string(fs, "group_id", "0", e) < 0 ||
	    mountfd_fs_word(fs, "allow_other", e) < 0 || mountfd_fs_word(fs, "default_permissions", e) < 0 ||
	    mountfd_fs_flags(fs, MS_RDONLY, e) < 0)
		return -e->eno;
	return mountfd_fs_mount(fs, "fuse", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME, ret_fd, e);
}

static int attach(struct serve *v, struct err *e)
{
	OWN_PTR unsigned char *room = answer_room();
	char path[LAZY_PATH_MAX];
	OWN_FD mnt = -1, dir = -1;

	if (!room)
		return err_new(e, E_NOMEM, ENOMEM, "requests");
	if (mount_open(v->fuse, &mnt, e) < 0)
		return -e->eno;
	/* the first request, which says what the kernel can do, is there by now */
	(void)answer_one(v, v->fuse, room);
	if (answers_start(v, e) < 0)
		return -e->eno;
	run_path(v, "", path);
	dir = openat(v->store->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return err_sys(e, errno, "open %s", path);
	if (mkdirat(dir, "root", 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "mkdir root");
	return mountfd_attach_at(mnt, dir, "root", e);
}

/* ---- the process ---- */

static int step_trees(void *ctx, struct err *e)
{
	struct serve *v = ctx;
	return show_open(v->store, v->record, &v->show, e) < 0 || show_lowers(&v->show, &v->lowers, e) < 0 ? -e->eno : 0;
}

static int step_mount(void *ctx, struct err *e)
{
	struct serve *v = ctx;
	lazy_unmount(v->store, v->top); /* what a killed one has left */
	return attach(v, e);
}

static void undo_mount(void *ctx)
{
	const struct serve *v = ctx;
	lazy_unmount(v->store, v->top);
}

static int step_lowers(void *ctx, struct err *e)
{
	const struct serve *v = ctx;
	char path[LAZY_PATH_MAX];

	run_path(v, "/lowers", path);
	return io_replace_file(v->store->run_fd, path, v->lowers.p, v->lowers.n, 0600, 0, e);
}

static void undo_lowers(void *ctx)
{
	const struct serve *v = ctx;
	char path[LAZY_PATH_MAX];

	run_path(v, "/lowers", path);
	(void)unlinkat(v->store->run_fd, path, 0); /* without the lock it says nothing */
}

static const struct step serve_steps[] = {
	{ "trees", step_trees, NULL },
	{ "mount", step_mount, undo_mount },
	{ "lowers", step_lowers, undo_lowers },
};
WAY_DEFINE(serve_way, "lazy-serve", serve_steps);

/* in the place of one that died */
static int step_resend(void *ctx, struct err *e)
{
	const struct serve *v = ctx;
	char message[64];

	if (!atomic_load(&v->shared->resend))
		return 0;
	size_t n = fuse_resend(message);
	return write(v->fuse, message, n) < 0 && errno != ENODEV ? err_sys(e, errno, "ask for what was not answered") : 0;
}

static int step_answer(void *ctx, struct err *e)
{
	return answers_start(ctx, e);
}

static const struct step again_steps[] = {
	{ "trees", step_trees, NULL },
	{ "resend", step_resend, NULL },
	{ "answer", step_answer, NULL },
};
WAY_DEFINE(again_way, "lazy-again", again_steps);

/* @out: where a failed start is told, closed when it has succeeded; -1: not the first one */
static int process(struct serve *v, int out)
{
	struct err e = { 0 };

	if (way_run(out < 0 ? &again_way : &serve_way, v, NULL, &e) >= 0) {
		const char ready = 0;
		atomic_store(&v->shared->ready, true);
		if (out >= 0)
			(void)io_write_all(out, &ready, 1); /* who waited may have been killed */
	} else if (out >= 0) {
		(void)io_write_all(out, &e, sizeof e); /* else it is told that it failed, by our exit */
	} else {
		show_log("%s", e.chain);
	}
	own_fd_done(&out);
	own_fd_done(&v->begin);
	if (!e.kind) {
		work_run(v);
		for (size_t i = 0; i < v->n_threads; i++)
			pthread_join(v->threads[i], NULL);
	}
	return e.kind != E_NONE;
}

/* all that it has goes with it: threads that wait for the kernel, too */
static void process_exit(struct serve *v, int status)
{
	own_fd_done(&v->answer);
	own_fd_done(&v->fuse);
	if (!status) {
		show_close(&v->show);
		buf_done(&v->lowers);
	}
	own_json_done(&v->record);
	if (status)
		_exit(status);
	exit(0);
}

/* ---- the keeper ---- */

static int own_log(const struct serve *v, struct err *e)
{
	char path[LAZY_PATH_MAX];

	run_path(v, "/log", path);
	OWN_FD log = openat(v->store->run_fd, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	OWN_FD null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log < 0 || null < 0)
		return err_sys(e, errno, "open %s", path);
	if (dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		return err_sys(e, errno, "log");
	return 0;
}

/* blobs that no record names once the image is whole */
static int lease_tables(struct serve *v, struct err *e)
{
	json_t *layer;
	size_t i;

	if (lease_open(v->store, &v->lease, e) < 0)
		return -e->eno;
	json_array_foreach(json_object_get(v->record, "layers"), i, layer)
		if (json_object_get(layer, "toc") && lease_add_blob(&v->lease, js_str(layer, "toc", ""), e) < 0)
			return -e->eno;
	return 0;
}

static int keeper_prepare(struct serve *v, struct err *e)
{
	if (setsid() < 0 || chdir("/") < 0)
		return err_sys(e, errno, "process of its own");
	void *shared = mmap(NULL, sizeof *v->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return err_sys(e, errno, "memory");
	v->shared = shared;
	v->fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (v->fuse < 0) {
		err_sys(e, errno, "open /dev/fuse");
		err_hint(e, "load it with: modprobe fuse; or pull the image first");
		return -e->eno;
	}
	return own_log(v, e) < 0 || lease_tables(v, e) < 0 ? -e->eno : 0;
}

/* a process, and its end: its status as of waitpid, or -errno */
static int process_run(struct serve *v, int *out)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		int r = process(v, fd_take(out));
		process_exit(v, r);
	}
	/* it tells when it has begun, and holds the locks */
	own_fd_done(out);
	own_fd_done(&v->begin);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

/* again and again, as long as processes are killed that had begun */
static int keep(struct serve *v, int *out)
{
	unsigned deaths = 0;

	for (;;) {
		const uint64_t from_ns = clock_mono_ns();
		int status = process_run(v, out);
		if (status < 0)
			show_log("start a process: %s", strerror(-status));
		if (status < 0 || WIFEXITED(status) || !atomic_load(&v->shared->ready))
			return status < 0 || !WIFEXITED(status) ? 1 : WEXITSTATUS(status);
		if (clock_mono_ns() - from_ns > LIFE_S * 1000000000ULL)
			deaths = 0;
		show_log("the process was killed by signal %d", WTERMSIG(status));
		if (++deaths == DEATHS_MAX)
			return 1;
		(void)poll(NULL, 0, (int)(deaths - 1) * DEATH_DELAY_MS);
	}
}

static int keeper(struct serve *v, int out)
{
	struct err e = { 0 };
	int r = 1;

	if (keeper_prepare(v, &e) < 0)
		(void)io_write_all(out, &e, sizeof e);
	else
		r = keep(v, &out);
	own_fd_done(&out);
	if (r && !(v->shared && atomic_load(&v->shared->withdrawn))) { /* nobody answers there any more */
		undo_lowers(v);
		undo_mount(v);
	}
	own_fd_done(&v->fuse);
	err_clear(&e);
	if (v->lease.fd >= 0 && image_drop_leased(&v->lease, &e) < 0)
		show_log("%s", e.chain); /* the next collection takes them */
	own_json_done(&v->record);
	return r;
}

/* ---- start ---- */

static int wait_for(int in, pid_t pid, struct err *e)
{
	struct err why = { 0 };
	ssize_t n = io_read_full(in, &why, sizeof why);

	if (n == 1)
		return 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof why)
		return err_new(e, E_INTERNAL, ECHILD, "the process that shows them has died");
	*e = why;
	return -e->eno;
}

static int start(struct serve *v, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in = ends[0];
	OWN_FD out = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (!pid) {
		own_fd_done(&in);
		exit(keeper(v, fd_take(&out)));
	}
	own_fd_done(&out);
	return wait_for(in, pid, e);
}

/* locks in hand, unless somebody shows it already: 1 */
static int claim(struct serve *v, struct err *e)
{
	char path[LAZY_PATH_MAX];

	if (lazy_begin(v->store, v->top, &v->begin, e) < 0)
		return -e->eno;
	run_path(v, "/served", path);
	int r = lock_take(v->store->run_fd, path, LOCK_EXCLUSIVE | LOCK_NOWAIT, &v->served, e);
	if (r == 0 || e->kind != E_BUSY)
		return r;
	err_clear(e);
	return 1;
}

/* what is not here and cannot be shown comes by a pull of the whole */
static int advise(const json_t *record, struct err *e)
{
	const char *name = js_str(json_array_get(json_object_get(record, "lazy"), 0), "reference", "");

	if (!*e->hint && *name)
		err_hint(e, "its layers are on their way; have all of them here first with: onggi pull %.120s", name);
	return -e->eno;
}

int lazy_serve(const struct store *s, const char *image_id, struct err *e)
{
	struct serve v = { .store = s, .lease.fd = -1, .begin = -1, .served = -1, .fuse = -1, .answer = -1 };

	if (!lazy_is_pending(s, image_id))
		return image_exists(s, image_id) ? 0 : err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", image_id);
	if (lazy_record_load(s, image_id, &v.record, e) < 0)
		return -e->eno;
	(void)snprintf(v.top, sizeof v.top, "%s", lazy_record_top(v.record));
	int r = digest_is_valid(v.top) ? claim(&v, e) : err_new(e, E_CORRUPT, EBADMSG, "record of the image");
	if (r == 0)
		r = start(&v, e);
	own_fd_done(&v.begin);
	own_fd_done(&v.served);
	if (r < 0)
		r = advise(v.record, e);
	own_json_done(&v.record);
	return r < 0 ? err_ctx(e, "image %.19s", image_id) : 0;
}
