/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of a registry: see serve_int.h. Names of files are made here of names and digests that were checked:
 * nothing that a client says becomes part of a path in another way.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "registry/serve/serve_int.h"

enum { NAME_PATH_MAX = 300, FILE_MAX = 512 };

int depot_open(const char *root, struct depot *ret, struct err *e)
{
	struct depot d = { .store = { .root_fd = -1, .run_fd = -1 } };

	if (snprintf(d.store.root, sizeof d.store.root, "%s", root) >= (int)sizeof d.store.root)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%.40s...: path too long", root);
	if (io_open_dir(AT_FDCWD, root, 0700, &d.store.root_fd, e) < 0)
		return err_ctx(e, "folder of the registry");
	*ret = d;
	static const char *const dirs[] = { "blobs/sha256", "blobs/sha512", "repositories", "tmp", "uploads" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (io_mkdir_p(d.store.root_fd, dirs[i], 0700, e) < 0) {
			depot_close(ret);
			return err_ctx(e, "%s", root);
		}
	}
	return 0;
}

void depot_close(struct depot *d)
{
	store_close(&d->store);
}

void depot_key(const char *digest, char out[DEPOT_KEY_MAX])
{
	(void)snprintf(out, DEPOT_KEY_MAX, "%s", digest); /* a valid digest fits */
	out[strcspn(out, ":")] = '-';
}

bool depot_key_digest(const char *key, char out[DIGEST_TEXT_MAX])
{
	size_t n = strcspn(key, "-");

	if (!key[n] || snprintf(out, DIGEST_TEXT_MAX, "%s", key) >= DIGEST_TEXT_MAX)
		return false;
	out[n] = ':';
	return digest_is_valid(out);
}

/* "DIR/ALGO-HEX" */
static void key_path(const char *dir, const char *digest, char out[NAME_PATH_MAX])
{
	char key[DEPOT_KEY_MAX];

	depot_key(digest, key);
	(void)snprintf(out, NAME_PATH_MAX, "%s/%s", dir, key);
}

int repo_open(const struct depot *d, const char *name, bool make, int *ret_fd, struct err *e)
{
	static const char *const dirs[] = { "blobs", "manifests", "tags" };
	char path[sizeof "repositories/" + REFERENCE_NAME_MAX];

	/* '+' is in no name: no two of them meet */
	(void)snprintf(path, sizeof path, "repositories/%s", name);
	for (char *p = path + sizeof "repositories/" - 1; *p; p++)
		if (*p == '/')
			*p = '+';
	OWN_FD fd = openat(d->store.root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno != ENOENT || !make))
		return err_sys(e, errno, "repository %s", name);
	if (fd < 0 && io_open_dir(d->store.root_fd, path, 0700, &fd, e) < 0)
		return err_ctx(e, "repository %s", name);
	for (size_t i = 0; make && i < ARRAY_LEN(dirs); i++)
		if (mkdirat(fd, dirs[i], 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "repository %s: make %s", name, dirs[i]);
	*ret_fd = fd_take(&fd);
	return 0;
}

int repo_lock(int xrepo, int *ret_fd, struct err *e)
{
	return lock_take(xrepo, "lock", LOCK_EXCLUSIVE, ret_fd, e);
}

int64_t repo_has_blob(const struct depot *d, int xrepo, const char *digest)
{
	char path[NAME_PATH_MAX];

	key_path("blobs", digest, path);
	/* whoever asks may rely on it for a while: what is fresh is not collected */
	if (utimensat(xrepo, path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		return -ENOENT;
	return blob_size(&d->store, digest);
}

/* under the shared lock */
static int link_make(int xrepo, const char *digest, struct err *e)
{
	char path[NAME_PATH_MAX];

	key_path("blobs", digest, path);
	OWN_FD fd = openat(xrepo, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || futimens(fd, NULL) < 0)
		return err_sys(e, errno, "link blob %s", digest);
	return 0;
}

int repo_link_blob(const struct depot *d, int xrepo, const char *digest, struct err *e)
{
	OWN_FD lock = -1;

	if (lock_take(d->store.root_fd, "lock", LOCK_SHARED, &lock, e) < 0)
		return -e->eno;
	if (!blob_exists(&d->store, digest))
		return 0;
	return link_make(xrepo, digest, e) < 0 ? -e->eno : 1;
}

int repo_commit_blob(const struct depot *d, int xrepo, struct blob_writer *w, const char *digest, struct err *e)
{
	OWN_FD lock = -1;

	/* without it a crash of the host could leave the name with other bytes behind it */
	if (fdatasync(w->fd) < 0) {
		int eno = errno;
		blob_writer_abort(w);
		return err_sys(e, eno, "sync blob %s", digest);
	}
	if (lock_take(d->store.root_fd, "lock", LOCK_SHARED, &lock, e) < 0) {
		blob_writer_abort(w);
		return -e->eno;
	}
	w->keep = false;
	if (blob_writer_commit(w, digest, -1, NULL, e) < 0)
		return -e->eno;
	return link_make(xrepo, digest, e);
}

static int unlink_in(int xrepo, const char *path, struct err *e)
{
	if (unlinkat(xrepo, path, 0) < 0)
		return err_sys(e, errno, "remove %s", path);
	return 0;
}

int repo_sync(int xrepo, struct err *e)
{
	static const char *const dirs[] = { "tags", "manifests" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		if (io_sync_dir(xrepo, dirs[i], e) == 0)
			continue;
		if (e->eno != ENOENT)
			return -e->eno;
		err_clear(e); /* of a repository that is only being made nothing was removed */
	}
	return 0;
}

int repo_unlink_blob(int xrepo, const char *digest, struct err *e)
{
	char path[NAME_PATH_MAX];

	key_path("blobs", digest, path);
	return unlink_in(xrepo, path, e);
}

/* first line of a small file */
static int line_read(int xrepo, const char *path, char *out, size_t n, struct err *e)
{
	OWN_STR text = NULL;

	if (io_read_file(xrepo, path, FILE_MAX, &text, NULL, e) < 0)
		return -e->eno;
	text[strcspn(text, "\n")] = 0;
	if (snprintf(out, n, "%s", text) >= (int)n)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: too long", path);
	return 0;
}

static void tag_path(const char *tag, char out[NAME_PATH_MAX])
{
	(void)snprintf(out, NAME_PATH_MAX, "tags/%s", tag); /* a valid tag fits, and begins with no dot */
}

int repo_tag_get(int xrepo, const char *tag, char ret[DIGEST_TEXT_MAX], struct err *e)
{
	char path[NAME_PATH_MAX];

	tag_path(tag, path);
	if (line_read(xrepo, path, ret, DIGEST_TEXT_MAX, e) < 0)
		return -e->eno;
	return digest_is_valid(ret) ? 0 : err_new(e, E_CORRUPT, EBADMSG, "tag %s: no digest", tag);
}

int repo_tag_set(int xrepo, const char *tag, const char *digest, struct err *e)
{
	char path[NAME_PATH_MAX];

	tag_path(tag, path);
	return io_replace_file(xrepo, path, digest, strlen(digest), 0600, IO_DURABLE, e);
}

int repo_tag_remove(int xrepo, const char *tag, struct err *e)
{
	char path[NAME_PATH_MAX];

	tag_path(tag, path);
	return unlink_in(xrepo, path, e);
}

int repo_manifest_type(int xrepo, const char *digest, char ret[128], struct err *e)
{
	char path[NAME_PATH_MAX];

	key_path("manifests", digest, path);
	return line_read(xrepo, path, ret, 128, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(char **names, size_t n)
{
	if (n)
		qsort(names, n, sizeof *names, by_name);
}

void names_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

int names_list(int xrepo, const char *dir, char ***ret, size_t *ret_n, struct err *e)
{
	OWN_FD fd = openat(xrepo, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const struct dirent *en;
	char **names = NULL;
	size_t n = 0, cap = 0;
	int r;

	*ret = NULL;
	*ret_n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", dir);
	OWN_DIR d = fdopendir(fd);
	if (!d)
		return err_sys(e, errno, "%s", dir);
	(void)fd_take(&fd); /* the stream's now */
	while ((r = io_dir_next(d, &en, e)) > 0) {
		if (*en->d_name == '.')
			continue;
		char **more = grow_one(names, n, &cap, sizeof *more);
		if (more)
			names = more;
		if (!more || !(names[n] = strdup(en->d_name))) {
			r = err_new(e, E_NOMEM, ENOMEM, "list of %s", dir);
			break;
		}
		n++;
	}
	if (r < 0) {
		names_free(names, n);
		return err_ctx(e, "%s", dir);
	}
	names_sort(names, n);
	*ret = names;
	*ret_n = n;
	return 0;
}
