/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of run-time state: claim, open, lock, save, remove. The document itself is made and
 * read in state_doc.c. See state.h.
 */
#include "runtime/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "format/js.h"
#include "runtime/state_int.h"
#include "spec/limits.h"

#define STATE_LOCK "lock"
#define STATE_NEW  ".state.new"

int state_id_check(const char *id, struct err *e)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";
	size_t n = strlen(id);

	if (!n || n > LIMIT_ID_BYTES || strspn(id, set) != n || *id == '.') {
		(void)err_new(e, E_INVALID, EINVAL, "invalid container ID format: %.64s", id);
		err_hint(e, "an ID has letters, digits and _ + - . and does not begin with a dot");
		return -EINVAL;
	}
	return 0;
}

static int root_open(const struct runtime_env *env, bool make, int *ret, struct err *e)
{
	if (make)
		return io_open_dir(AT_FDCWD, env->root, 0700, ret, e);
	*ret = open(env->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(e, errno, "open %s", env->root) : 0;
}

static int dir_open(struct state *s, struct err *e)
{
	s->dir_fd = openat(s->root_fd, s->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->dir_fd < 0)
		return err_sys(e, errno, "open state of %s", s->id);
	return 0;
}

/* somebody may have removed the folder while we waited */
static int lock_is_there(const struct state *s, struct err *e)
{
	struct stat st;

	if (fstat(s->lock_fd, &st) < 0 || !st.st_nlink)
		return err_new(e, E_NOT_FOUND, ENOENT, "container does not exist");
	return 0;
}

void state_unlock(struct state *s)
{
	/* closing is not enough: a child may hold a copy of the descriptor */
	struct flock f = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	(void)fcntl(s->lock_fd, F_OFD_SETLK, &f); /* cannot fail on a lock that we hold */
}

int state_relock(struct state *s, struct err *e)
{
	int r = lock_fd(s->lock_fd, LOCK_EXCLUSIVE, e);
	return r < 0 ? err_ctx(e, "lock state of %s", s->id) : lock_is_there(s, e);
}

/* Lock the folder and make sure that it is still there. */
static int dir_lock(struct state *s, int open_flags, int mode, struct err *e)
{
	s->lock_fd = openat(s->dir_fd, STATE_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW | open_flags, 0600);
	if (s->lock_fd < 0)
		return err_sys(e, errno, "lock state of %s", s->id);
	int r = lock_fd(s->lock_fd, mode, e);
	if (r < 0) {
		own_fd_done(&s->lock_fd); /* not ours: no unlock */
		return err_ctx(e, "lock state of %s", s->id);
	}
	return lock_is_there(s, e);
}

static int begin(const struct runtime_env *env, const char *id, bool make, struct state *s, struct err *e)
{
	int r = state_id_check(id, e);
	if (r < 0)
		return r;
	memcpy(s->id, id, strlen(id) + 1);
	return root_open(env, make, &s->root_fd, e);
}

/* what only a hook or a later version can have put there */
static int others_remove(const struct state *s, struct err *e)
{
	OWN_FD copy = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_sys(e, errno, "read folder");
	(void)fd_take(&copy); /* belongs to d */
	while (r == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, "..") && strcmp(de->d_name, STATE_LOCK))
			r = io_remove_tree(s->dir_fd, de->d_name, e);
	return r;
}

/* Remove the folder, state.json first and the lock after all else that we know: should we die on the
 * way, what is left is recognised by state_sweep. */
static int folder_remove(const struct state *s, struct err *e)
{
	static const char *const known[] = { STATE_FILE, STATE_EXEC_FIFO, STATE_SECCOMP };

	for (size_t i = 0; i < (s->bare ? 1 : ARRAY_LEN(known)); i++)
		if (unlinkat(s->dir_fd, known[i], 0) < 0 && errno != ENOENT && errno != EISDIR)
			return err_sys(e, errno, "remove state of %s", s->id);
	if (unlinkat(s->dir_fd, STATE_LOCK, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove state of %s", s->id);
	if (unlinkat(s->root_fd, s->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(e, errno, "remove state of %s", s->id);
	if (others_remove(s, e) < 0)
		return err_ctx(e, "remove state of %s", s->id);
	/* not empty again: a sweeper has put its lock there and removes the rest */
	if (unlinkat(s->root_fd, s->id, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return err_sys(e, errno, "remove state of %s", s->id);
	return 0;
}

int state_note_cgroup(struct state *s, const struct cgroup *cg, struct err *e)
{
	OWN_JSON record = cgroup_record(cg);
	OWN_STR text = record ? json_dumps(record, JSON_COMPACT) : NULL;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "note cgroup: out of memory");
	size_t n = strlen(text);
	if (pwrite(s->lock_fd, text, n, 0) != (ssize_t)n)
		return err_sys(e, errno, "note cgroup");
	return 0;
}

/* the group that a dead creator noted; it was the creator's alone, and its child ended with it */
static int noted_cgroup_remove(struct state *s, struct err *e)
{
	OWN_STR text = NULL;
	OWN_JSON record = NULL;
	struct cgroup *cg = NULL;
	struct err own;
	size_t n;
	int r = 0;

	if (io_read_file(s->dir_fd, STATE_LOCK, LIMIT_STATE_BYTES, &text, &n, &own) < 0 || !n ||
	    js_parse(text, n, STATE_LOCK, &record, &own) < 0 || cgroup_open(record, &cg, &own) < 0)
		return 0; /* nothing noted, or died within the write */
	if ((cgroup_kill(cg, SIGKILL, &own) < 0 || cgroup_remove(cg, &own) < 0) && own.kind != E_NOT_FOUND) {
		*e = own;
		r = err_ctx(e, "remove left-over cgroup");
	}
	cgroup_free(cg);
	return r;
}

int state_sweep(const struct runtime_env *env, const char *id, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	int r = begin(env, id, false, &s, e);
	if (r == -ENOENT || (r == 0 && (r = dir_open(&s, e)) == -ENOENT))
		return 0;
	if (r < 0)
		return r;
	r = dir_lock(&s, O_CREAT, LOCK_EXCLUSIVE | LOCK_NOWAIT, e);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (!faccessat(s.dir_fd, STATE_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
		return err_new(e, E_STATE, EEXIST, "container %s has a state", id);
	if ((r = noted_cgroup_remove(&s, e)) < 0)
		return r;
	r = folder_remove(&s, e);
	return r < 0 ? r : 1;
}

static int taken(const char *id, struct err *e)
{
	return err_new(e, E_CONFLICT, EEXIST, "container with id exists: %s", id);
}

int state_reserve(const struct runtime_env *env, const char *id, struct state *ret, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	struct err own = { 0 };
	int r = begin(env, id, true, &s, e);
	if (r < 0)
		return r;
	if (mkdirat(s.root_fd, id, 0700) < 0) {
		if (errno != EEXIST)
			return err_sys(e, errno, "make state of %s", id);
		/* a folder without a lock file is being made right now */
		char lock[LIMIT_ID_BYTES + sizeof "/" STATE_LOCK];
		(void)snprintf(lock, sizeof lock, "%s/" STATE_LOCK, id);
		if (faccessat(s.root_fd, lock, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
		    state_sweep(env, id, &own) < 0)
			return taken(id, e);
		if (mkdirat(s.root_fd, id, 0700) < 0)
			return errno == EEXIST ? taken(id, e) : err_sys(e, errno, "make state of %s", id);
	}
	r = dir_open(&s, e);
	if (r < 0)
		return r;
	/* Whoever gets the lock first owns the folder: a sweeper may come between mkdir and here. */
	r = dir_lock(&s, O_CREAT | O_EXCL, LOCK_EXCLUSIVE | LOCK_NOWAIT, e);
	if (r == -EEXIST || r == -EBUSY || r == -ENOENT)
		return err_new(e, E_CONFLICT, EEXIST, "container with id exists: %s (deleted meanwhile)", id);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct state)STATE_EMPTY;
	return 0;
}

void state_unreserve(struct state *s)
{
	struct err own = { 0 };

	if (s->dir_fd >= 0 && s->lock_fd >= 0)
		(void)folder_remove(s, &own); /* the error that led here counts; sweep finds the rest */
	state_close(s);
}

/* The folder is ours and we hold its lock: the new file needs no name of its own. */
int state_save(struct state *s, struct err *e)
{
	OWN_STR text = json_dumps(s->doc, JSON_COMPACT);
	OWN_FD fd = -1;
	int r;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "save state of %s: out of memory", s->id);
	fd = openat(s->dir_fd, STATE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
	if (r >= 0 && renameat(s->dir_fd, STATE_NEW, s->dir_fd, STATE_FILE) < 0)
		r = -errno;
	if (r >= 0)
		return 0;
	(void)unlinkat(s->dir_fd, STATE_NEW, 0); /* the first error counts */
	return err_sys(e, -r, "save state of %s", s->id);
}

static int missing(const char *id, struct err *e)
{
	(void)err_new(e, E_NOT_FOUND, ENOENT, "container does not exist");
	err_hint(e, "there is no container \"%s\"; `list` shows those that exist", id);
	return -ENOENT;
}

int state_open(const struct runtime_env *env, const char *id, unsigned flags, struct state *ret,
	       struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	int r = begin(env, id, false, &s, e);
	if (r == 0)
		r = dir_open(&s, e);
	if (r == 0 && (flags & STATE_LOCKED))
		r = dir_lock(&s, 0, LOCK_EXCLUSIVE, e);
	if (r == 0)
		r = js_load(s.dir_fd, STATE_FILE, LIMIT_STATE_BYTES, &s.doc, e);
	if (r == -ENOENT || r == -ENOTDIR)
		return missing(id, e);
	if (r < 0)
		return r;
	r = state_decode(&s, e);
	if (r < 0)
		return err_ctx(e, "state of %s", id);
	*ret = s;
	s = (struct state)STATE_EMPTY;
	return 0;
}

int state_remove(struct state *s, struct err *e)
{
	int r = folder_remove(s, e);

	s->removed = r == 0;
	return r;
}

void state_close(struct state *s)
{
	if (s->lock_fd >= 0 && !s->removed)
		state_unlock(s);
	int *fds[] = { &s->lock_fd, &s->dir_fd, &s->root_fd };
	io_close_all(fds, ARRAY_LEN(fds));
	own_json_done(&s->doc);
	*s = (struct state)STATE_EMPTY;
}

int state_init_pidfd(const struct state *s, int *ret_fd, struct err *e)
{
	struct err own = { 0 };

	if (proc_pidfd(&s->init, ret_fd, &own) == 0)
		return 0;
	if (own.kind == E_NOT_FOUND)
		return err_new(e, E_STATE, ESRCH, "container not running");
	if (e)
		*e = own;
	return err_ctx(e, "container %s", s->id);
}

int state_cgroup(const struct state *s, struct cgroup **ret, struct err *e)
{
	if (!s->cgroup)
		return err_new(e, E_NOT_FOUND, ENOENT, "container %s has no cgroup", s->id);
	return cgroup_open(s->cgroup, ret, e);
}

/* a cgroup that is gone, or has no freezer, is not frozen */
static bool frozen(const struct state *s)
{
	struct err own = { 0 };
	struct cgroup *cg = NULL;
	bool yes = false;

	if (state_cgroup(s, &cg, &own) < 0)
		return false;
	if (cgroup_is_frozen(cg, &yes, &own) < 0)
		yes = false;
	cgroup_free(cg);
	return yes;
}

int state_status(const struct state *s, enum runtime_status *ret, struct err *e)
{
	bool fifo = !faccessat(s->dir_fd, STATE_EXEC_FIFO, F_OK, AT_SYMLINK_NOFOLLOW);

	if (!fifo && errno != ENOENT)
		return err_sys(e, errno, "look for " STATE_EXEC_FIFO);
	if (!proc_alive(&s->init))
		*ret = RUNTIME_STOPPED;
	else if (s->creating)
		*ret = RUNTIME_CREATING;
	else if (frozen(s))
		*ret = RUNTIME_PAUSED;
	else
		*ret = fifo ? RUNTIME_CREATED : RUNTIME_RUNNING;
	return 0;
}

const char *runtime_status_name(enum runtime_status s)
{
	static const char *const names[RUNTIME_STATUS_N] = {
		[RUNTIME_CREATING] = "creating", [RUNTIME_CREATED] = "created",
		[RUNTIME_RUNNING] = "running",	 [RUNTIME_PAUSED] = "paused",
		[RUNTIME_STOPPED] = "stopped",
	};
	return (unsigned)s < RUNTIME_STATUS_N ? names[s] : NULL;
}

int state_fifo_make(struct state *s, int *ret_fd, struct err *e)
{
	if (mkfifoat(s->dir_fd, STATE_EXEC_FIFO, 0600) < 0)
		return err_sys(e, errno, "make " STATE_EXEC_FIFO);
	*ret_fd = openat(s->dir_fd, STATE_EXEC_FIFO, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_sys(e, errno, "open " STATE_EXEC_FIFO) : 0;
}
