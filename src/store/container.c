/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers in the store: see container.h.
 *
 * A name is a symbolic link ROOT/names/NAME -> ID: made by one system call that refuses an
 * existing one, and never followed. Removal goes config.json first, then the name, then the rest:
 * whatever is killed on the way leaves a half-made folder that the next sweep takes.
 */
#include "store/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "store/image_share.h"
#include "store/volume.h"

#define VOLUMES_NOTE "volumes.json"

enum { PATH_SPACE = 320, MAKE_TRIES = 16, NOTE_MAX = 1 << 20 };

static int no_such(const char *ref, struct err *e)
{
	return err_new(e, E_NOT_FOUND, ENOENT, "No such container: %s", ref);
}

static bool has_record(const struct store *s, const char *id)
{
	char path[PATH_SPACE];
	(void)snprintf(path, sizeof path, "containers/%.64s/config.json", id);
	return !faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* ID behind a name; false when nobody has it */
static bool name_read(const struct store *s, const char *name, char id[65])
{
	char path[PATH_SPACE];

	if (strlen(name) > 250 || strchr(name, '/'))
		return false;
	(void)snprintf(path, sizeof path, "names/%s", name);
	ssize_t n = readlinkat(s->root_fd, path, id, 65);
	if (n != CONTAINER_ID_LEN)
		return false;
	id[n] = 0;
	return text_is_hex(id, CONTAINER_ID_LEN);
}

static DIR *containers_open(const struct store *s)
{
	OWN_FD fd = openat(s->root_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d)
		(void)fd_take(&fd); /* now the stream's */
	return d;
}

static int prefix_find(const struct store *s, const char *ref, char ret_id[65], struct err *e)
{
	size_t n = strlen(ref);
	unsigned found = 0;

	if (!n || n > CONTAINER_ID_LEN || !text_is_hex(ref, n))
		return no_such(ref, e);
	OWN_DIR d = containers_open(s);
	for (struct dirent *en; d && (en = readdir(d));) {
		if (strncmp(en->d_name, ref, n) || !text_is_hex(en->d_name, CONTAINER_ID_LEN) ||
		    !has_record(s, en->d_name))
			continue;
		memcpy(ret_id, en->d_name, CONTAINER_ID_LEN + 1);
		if (++found > 1)
			return err_new(e, E_CONFLICT, EEXIST,
				       "Multiple IDs found with provided prefix: %s", ref);
	}
	return found ? 0 : no_such(ref, e);
}

int container_resolve(const struct store *s, const char *ref, char ret_id[65], struct err *e)
{
	const char *name = ref + (*ref == '/');
	char id[65];

	if (text_is_hex(ref, CONTAINER_ID_LEN) && has_record(s, ref)) {
		memcpy(ret_id, ref, CONTAINER_ID_LEN + 1);
		return 0;
	}
	if (*name && name_read(s, name, id) && has_record(s, id)) {
		memcpy(ret_id, id, sizeof id);
		return 0;
	}
	return prefix_find(s, ref, ret_id, e);
}

int container_load(const struct store *s, const char *id, struct container *ret, struct err *e)
{
	char path[PATH_SPACE];
	OWN_JSON record = NULL;

	(void)snprintf(path, sizeof path, "containers/%.64s", id);
	OWN_FD fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? no_such(id, e) : err_sys(e, errno, "open container %.12s", id);
	if (js_load(fd, "config.json", CONTAINER_RECORD_MAX, &record, e) < 0) {
		if (e->eno == ENOENT)
			return no_such(id, e);
		if (e->kind == E_INVALID)
			e->kind = E_CORRUPT;
		return err_ctx(e, "container %.12s", id);
	}
	if (!json_is_object(record) || strcmp(js_str(record, "Id", ""), id))
		return err_new(e, E_CORRUPT, EINVAL, "container %.12s: config.json is not its record", id);
	(void)snprintf(ret->id, sizeof ret->id, "%s", id);
	ret->dir_fd = fd_take(&fd);
	ret->record = ptr_take(&record);
	return 0;
}

void container_done(struct container *c)
{
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	json_decref(c->record);
	c->dir_fd = -1;
	c->record = NULL;
}

int container_save(const struct container *c, unsigned flags, struct err *e)
{
	if (js_save(c->dir_fd, "config.json", c->record, 0600, flags, e) < 0)
		return err_ctx(e, "container %.12s", c->id);
	return 0;
}

int container_ids(const struct store *s, char (**ret)[65], size_t *ret_n, struct err *e)
{
	size_t n = 0, cap = 64;
	OWN_PTR char (*ids)[65] = malloc(cap * sizeof *ids);
	OWN_DIR d = containers_open(s);
	const struct dirent *en;
	int r = 0;

	if (!ids)
		return err_new(e, E_NOMEM, ENOMEM, "list containers");
	if (!d && errno != ENOENT)
		return err_sys(e, errno, "list containers");
	while (d && (r = io_dir_next(d, &en, e)) > 0) {
		if (!text_is_hex(en->d_name, CONTAINER_ID_LEN))
			continue;
		if (n == cap) {
			char (*more)[65] = realloc(ids, 2 * cap * sizeof *ids);
			if (!more)
				return err_new(e, E_NOMEM, ENOMEM, "list containers");
			ids = more;
			cap *= 2;
		}
		memcpy(ids[n++], en->d_name, CONTAINER_ID_LEN + 1);
	}
	if (r < 0)
		return err_ctx(e, "list containers");
	*ret = ptr_take(&ids);
	*ret_n = n;
	return 0;
}

int container_lock(const struct store *s, const char *id, int mode, int *ret_fd, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "containers/%.64s/lock", id);
	if (lock_take(s->root_fd, path, mode, ret_fd, e) < 0)
		return e->eno == ENOENT ? no_such(id, e) : -e->eno;
	return 0;
}

/* 0 made, 1 taken away by a sweep that came between, negative error */
static int make_once(const struct store *s, struct container *ret, int *ret_lock, struct err *e)
{
	char path[PATH_SPACE];
	struct container c = CONTAINER_NULL;
	OWN_FD lock = -1, dir = -1;
	struct stat st;
	int r = text_random_id(c.id);

	if (r < 0)
		return err_sys(e, -r, "random ID");
	(void)snprintf(path, sizeof path, "containers/%s", c.id);
	r = mkdirat(s->root_fd, path, 0710) < 0 ? -errno : 0;
	if (r == -ENOENT) {
		if (io_mkdir_p(s->root_fd, "containers", 0710, e) < 0)
			return -e->eno;
		r = mkdirat(s->root_fd, path, 0710) < 0 ? -errno : 0;
	}
	if (r < 0)
		return err_sys(e, -r, "make container %.12s", c.id);
	dir = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0) {
		if (errno == ENOENT)
			return 1;
		r = err_sys(e, errno, "make container %.12s", c.id);
	} else {
		r = lock_take(dir, "lock", LOCK_EXCLUSIVE, &lock, e);
		if (r == -ENOENT || (r >= 0 && (fstat(lock, &st) < 0 || !st.st_nlink)))
			return 1;
	}
	if (r < 0) {
		(void)io_remove_tree(s->root_fd, path, NULL); /* the first error counts */
		return r;
	}
	c.dir_fd = fd_take(&dir);
	*ret = c;
	*ret_lock = fd_take(&lock);
	return 0;
}

int container_make(const struct store *s, struct container *ret, int *ret_lock, struct err *e)
{
	for (int tries = 0; tries < MAKE_TRIES; tries++) {
		int r = make_once(s, ret, ret_lock, e);
		if (r <= 0)
			return r;
	}
	return err_new(e, E_BUSY, EBUSY, "make container: its folder is removed again and again");
}

int container_run_dir(const struct store *s, const char *id, bool make, int *ret_fd, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "containers/%.64s", id);
	if (make)
		return io_open_dir(s->run_fd, path, 0710, ret_fd, e);
	int fd = openat(s->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, errno, "run-time folder of %.12s", id);
	*ret_fd = fd;
	return 0;
}

int container_volumes_note(const struct container *c, const json_t *names, struct err *e)
{
	if (!json_array_size(names)) {
		if (unlinkat(c->dir_fd, VOLUMES_NOTE, 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "container %.12s: note of volumes", c->id);
		return 0;
	}
	return js_save(c->dir_fd, VOLUMES_NOTE, names, 0600, 0, e);
}

/* what cannot be removed, or is in use by now, stays as a volume without a container */
static void noted_volumes_remove(const struct store *s, const char *id)
{
	char path[PATH_SPACE];
	OWN_JSON names = NULL;
	json_t *name;
	size_t i;
	struct err e;

	(void)snprintf(path, sizeof path, "containers/%.64s/" VOLUMES_NOTE, id);
	if (js_load(s->root_fd, path, NOTE_MAX, &names, &e) < 0)
		return;
	json_array_foreach(names, i, name)
		if (json_is_string(name))
			(void)volume_remove(s, json_string_value(name), VOLUME_REMOVE_FORCE, &e);
}

int container_unmake(const struct store *s, const char *id, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "containers/%.64s/config.json", id);
	if (unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "remove container %.12s", id);
	noted_volumes_remove(s, id);
	(void)snprintf(path, sizeof path, "containers/%.64s", id);
	/* half-made ones may have come as far as that */
	if (image_share_leave(s, id, e) < 0 || io_remove_tree(s->run_fd, path, e) < 0 || io_remove_tree(s->root_fd, path, e) < 0)
		return err_ctx(e, "remove container %.12s", id);
	return 0;
}

static bool bears_name(const struct store *s, const char *id, const char *name)
{
	CLEANUP(container_done) struct container c = CONTAINER_NULL;
	struct err e = { 0 };

	if (container_load(s, id, &c, &e) < 0)
		return true; /* nobody can say */
	const char *have = js_str(c.record, "Name", "");
	return !strcmp(have + (*have == '/'), name);
}

/* a claim whose owner is half-made and has let go of its lock, or is no more; or bears another name, since its
 * rename was killed */
static bool claim_is_stale(const struct store *s, const char *name, const char *id)
{
	struct err e;
	OWN_FD lock = -1;

	if (has_record(s, id) && bears_name(s, id, name))
		return false;
	if (container_lock(s, id, LOCK_EXCLUSIVE | LOCK_NOWAIT, &lock, &e) < 0)
		return e.kind == E_NOT_FOUND;
	if (has_record(s, id)) /* perhaps made, or renamed, between the two looks */
		return !bears_name(s, id, name);
	(void)container_unmake(s, id, &e); /* else the sweep takes it */
	return true;
}

int container_name_claim(const struct store *s, const char *name, const char *id, struct err *e)
{
	char path[PATH_SPACE], owner[65] = "";

	if (snprintf(path, sizeof path, "names/%s", name) > 256 || strchr(name, '/'))
		return err_new(e, E_INVALID, ENAMETOOLONG, "container name %.20s... is too long", name);
	for (int tries = 0; tries < 4; tries++) {
		if (!symlinkat(id, s->root_fd, path))
			return 0;
		if (errno == ENOENT) {
			if (io_mkdir_p(s->root_fd, "names", 0700, e) < 0)
				return -e->eno;
			continue;
		}
		if (errno != EEXIST)
			return err_sys(e, errno, "claim name %s", name);
		bool read = name_read(s, name, owner);
		if (read && !strcmp(owner, id))
			return 0; /* by a rename that was killed */
		if (!read || claim_is_stale(s, name, owner))
			(void)unlinkat(s->root_fd, path, 0); /* the next try tells */
		else
			break;
	}
	return err_new(e, E_CONFLICT, EEXIST,
		       "Conflict. The container name \"/%s\" is already in use by container \"%s\". "
		       "You have to remove (or rename) that container to be able to reuse that name.",
		       name, owner);
}

void container_name_release(const struct store *s, const char *name, const char *id)
{
	char path[PATH_SPACE], owner[65];

	name += *name == '/';
	if (!name_read(s, name, owner) || strcmp(owner, id))
		return;
	(void)snprintf(path, sizeof path, "names/%s", name);
	(void)unlinkat(s->root_fd, path, 0); /* a stale claim is stolen by who needs it */
}

/* names whose container is gone */
static void sweep_names(const struct store *s)
{
	OWN_FD fd = openat(s->root_fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	char id[65];

	if (!d)
		return;
	int xdir = fd_take(&fd);
	for (struct dirent *en; (en = readdir(d));)
		if (en->d_name[0] != '.' && name_read(s, en->d_name, id) && claim_is_stale(s, en->d_name, id))
			(void)unlinkat(xdir, en->d_name, 0);
}

int container_sweep(const struct store *s, struct err *e)
{
	OWN_PTR char (*ids)[65] = NULL;
	size_t n;
	int swept = 0;

	if (container_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		OWN_FD lock = -1;
		struct err ignored;
		if (has_record(s, ids[i]))
			continue;
		/* a creator that has not got its lock yet takes another folder then */
		if (container_lock(s, ids[i], LOCK_EXCLUSIVE | LOCK_NOWAIT, &lock, &ignored) < 0 ||
		    has_record(s, ids[i]))
			continue;
		swept += container_unmake(s, ids[i], &ignored) == 0;
	}
	sweep_names(s);
	return swept;
}
