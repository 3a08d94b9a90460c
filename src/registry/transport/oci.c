/* SPDX-License-Identifier: Apache-2.0
 *
 * oci:DIR[:REF]: an OCI image layout.
 *
 *   DIR/oci-layout          written first; writers of index.json lock it
 *   DIR/blobs/sha256/HEX    shared by all images of the layout
 *   DIR/index.json          replaced whole, last
 *
 * What is in DIR may be anybody's: every name is opened below the descriptor of DIR, links do not lead
 * out, and what is read is verified by its digest.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/path.h"
#include "registry/transport/files.h"
#include "registry/transport/layout.h"
#include "registry/transport/transport.h"

struct oci_entry {
	struct registry_manifest m; /* without its bytes */
	char ref[FILES_REF_MAX];
};

struct oci {
	struct files_where where;
	int dir;
	bool made;   /* DIR is ours: goes away when the copy fails */
	bool done;
	struct layout_entry entry; /* source */
	struct oci_entry *tops;       /* target: what is to be entered */
	size_t n_tops;
	struct stat index;            /* target: index.json as it was at the beginning; 0: there was none */
	pthread_mutex_t lock;         /* of @added: many threads bring blobs */
	json_t *added;                /* digests of the blobs that this copy has made */
};

static int source_open(struct place *p, struct oci *o, const struct place_req *q, struct err *e)
{
	OWN_STR text = NULL;
	OWN_STR version = NULL;
	struct err ignored = { 0 };
	size_t n;

	o->dir = open(o->where.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0)
		return err_sys(e, errno, "open %s", o->where.path);
	if (files_read(o->dir, "oci-layout", 4096, &version, &n, e) < 0 || layout_check_version(version, n, e) < 0) {
		err_hint(e, "an OCI image layout has a file oci-layout in it");
		return err_ctx(e, "%s", o->where.path);
	}
	if (files_read(o->dir, "index.json", FILES_DOCUMENT_MAX, &text, &n, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (layout_find(text, n, &o->where, &o->entry, e) < 0)
		return -e->eno;
	if (*o->entry.name)
		(void)reference_parse(o->entry.name, &p->ref, &ignored); /* it was parsed before */
	if (q->path_only && *o->entry.name) /* as loaded from an archive */
		return place_add_name(p, o->entry.name, e);
	return q->path_only && q->at ? 0 : place_add_local_name(p, o->where.path, e); /* podman's rule */
}

/* A folder that has other things in it is not made a layout. Another copy may be about to make one here: its
 * oci-layout comes first, and has a temporary name until it is whole. */
static int check_foreign(const struct oci *o, struct err *e)
{
	OWN_FD fd = openat(o->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *en;
	bool other = false;

	if (!d)
		return err_sys(e, errno, "open %s", o->where.path);
	(void)fd_take(&fd);
	while ((en = readdir(d)))
		other |= strcmp(en->d_name, ".") != 0 && strcmp(en->d_name, "..") != 0 &&
			 strncmp(en->d_name, ".tmp-", 5) != 0; /* of io_replace_file */
	if (!other || faccessat(o->dir, "oci-layout", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return err_new(e, E_CONFLICT, EEXIST, "%s is no image layout, and has other files in it", o->where.path);
}

static int target_open(struct oci *o, struct err *e)
{
	struct stat st;

	if (mkdir(o->where.path, 0777) == 0)
		o->made = true;
	else if (errno != EEXIST)
		return err_sys(e, errno, "mkdir %s", o->where.path);
	o->dir = open(o->where.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir < 0)
		return err_sys(e, errno, "open %s", o->where.path);
	/* whoever writes to it keeps others from taking it away, see undo() */
	if (flock(o->dir, LOCK_SH) < 0)
		return err_sys(e, errno, "lock %s", o->where.path);
	if (fstatat(o->dir, "index.json", &o->index, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(e, errno, "stat %s/index.json", o->where.path);
	if (fstatat(o->dir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_sys(e, errno, "stat %s/oci-layout", o->where.path);
		if (!o->made && check_foreign(o, e) < 0)
			return -e->eno;
		int r = io_replace_file(o->dir, "oci-layout", LAYOUT_VERSION, strlen(LAYOUT_VERSION), 0644, IO_EXCLUSIVE, e);
		if (r < 0 && r != -EEXIST) /* another copy was first */
			return err_ctx(e, "%s", o->where.path);
		err_clear(e);
		return 0;
	}
	OWN_STR version = NULL;
	size_t n;
	if (files_read(o->dir, "oci-layout", 4096, &version, &n, e) < 0 || layout_check_version(version, n, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	return 0;
}

static int oci_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct oci *o = calloc(1, sizeof *o);

	if (!o)
		return err_new(e, E_NOMEM, ENOMEM, "image layout");
	o->dir = -1;
	(void)pthread_mutex_init(&o->lock, NULL); /* never fails on Linux */
	o->added = json_array();
	p->state = o;
	if (!o->added)
		return err_new(e, E_NOMEM, ENOMEM, "image layout");
	if ((q->path_only ? files_where_path(q->where, q->at, &o->where, e) : files_where_parse(q->where, &o->where, e)) < 0)
		return -e->eno;
	if (!q->target)
		return source_open(p, o, q, e);
	if (o->where.at >= 0)
		return err_new(e, E_USAGE, EINVAL, "oci:%.200s: an image is written by name, not by number", q->where);
	return target_open(o, e);
}

static int oci_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			    struct err *e)
{
	struct oci *o = p->state;
	char path[LAYOUT_BLOB_PATH_MAX];

	(void)h;
	layout_blob_path(digest ? digest : o->entry.digest, path);
	if (files_manifest_read(o->dir, path, digest ? digest : o->entry.digest, ret, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (digest)
		return 0;
	if ((int64_t)ret->n != o->entry.size) {
		registry_manifest_done(ret);
		return err_new(e, E_CORRUPT, EBADMSG, "%s: %s has not the size that it is listed with", o->where.path, path);
	}
	(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", o->entry.media_type);
	return 0;
}

static int oci_blob_get(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			const struct registry_retry *retry, struct err *e)
{
	struct oci *o = p->state;
	char path[LAYOUT_BLOB_PATH_MAX];

	(void)h;
	(void)retry;
	layout_blob_path(blob->digest, path);
	return files_blob_feed(o->dir, path, blob->size, sink, e) < 0 ? err_ctx(e, "%s", o->where.path) : 0;
}

static int oci_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	struct oci *o = p->state;
	char path[LAYOUT_BLOB_PATH_MAX];

	(void)h;
	layout_blob_path(blob->digest, path);
	return files_is_there(o->dir, path, blob->digest, blob->size, e);
}

/* the manifest's own size is not known here: all of it is put again */
static int oci_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	(void)p;
	(void)h;
	(void)digest;
	(void)e;
	return 0;
}

/* descriptor of blobs/ALGO, made when missing */
static int folder_open(struct oci *o, const char *digest, int *ret_fd, struct err *e)
{
	char path[32];
	OWN_FD made = -1;

	(void)snprintf(path, sizeof path, "blobs/%.*s", (int)(digest_hex(digest) - 1 - digest), digest);
	if (path_mkdir_in(o->dir, path, 0755, &made, e) < 0 ||
	    path_open_in(o->dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, ret_fd, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	return 0;
}

static int note_added(struct oci *o, const char *digest, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	int r = json_array_append_new(o->added, json_string(digest));
	pthread_mutex_unlock(&o->lock);
	return r < 0 ? err_new(e, E_NOMEM, ENOMEM, "blobs") : 0;
}

/* a file with a name only when it is whole */
static int blob_place(struct oci *o, const char *digest, int xfd, int64_t size, struct err *e)
{
	OWN_FD folder = -1, fd = -1;
	char proc[64];

	if (folder_open(o, digest, &folder, e) < 0)
		return -e->eno;
	fd = openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(e, errno, "make a file in %s", o->where.path);
	if (files_copy(xfd, 0, size, fd, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (fdatasync(fd) < 0)
		return err_sys(e, errno, "sync a file in %s", o->where.path);
	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	for (int tries = 0; tries < 3; tries++) {
		if (linkat(AT_FDCWD, proc, folder, digest_hex(digest), AT_SYMLINK_FOLLOW) == 0)
			return tries ? 0 : note_added(o, digest, e);
		if (errno != EEXIST)
			break;
		/* another copy was faster, or what is there is damaged */
		int r = files_is_there(folder, digest_hex(digest), digest, size, e);
		if (r != 0)
			return r < 0 ? r : 0;
		if (unlinkat(folder, digest_hex(digest), 0) < 0 && errno != ENOENT)
			break;
	}
	return err_sys(e, errno, "%s: make blob %s", o->where.path, digest);
}

static int oci_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	(void)h;
	return blob_place(p->state, put->blob.digest, put->fd, put->blob.size, e);
}

static int oci_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top, struct err *e)
{
	struct oci *o = p->state;
	const struct place_blob blob = { .digest = m->digest, .size = (int64_t)m->n };
	OWN_FD spool = -1;

	int r = oci_blob_has(p, h, &blob, e);
	if (r == 0) {
		if (files_spool_bytes(m->bytes, m->n, &spool, e) < 0)
			return -e->eno;
		r = blob_place(o, m->digest, spool, blob.size, e);
	}
	if (r < 0 || !top)
		return r < 0 ? r : 0;
	struct oci_entry *more = realloc(o->tops, (o->n_tops + 1) * sizeof *more);
	if (!more)
		return err_new(e, E_NOMEM, ENOMEM, "image layout");
	o->tops = more;
	more[o->n_tops].m = *m;
	more[o->n_tops].m.bytes = NULL;
	memcpy(more[o->n_tops++].ref, o->where.ref, sizeof o->where.ref);
	return 0;
}

static int oci_finish(struct place *p, struct err *e)
{
	struct oci *o = p->state;
	OWN_FD lock = -1;
	OWN_STR text = NULL;
	size_t n = 0;

	if (lock_take(o->dir, "oci-layout", LOCK_EXCLUSIVE, &lock, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (files_read(o->dir, "index.json", FILES_DOCUMENT_MAX, &text, &n, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return err_ctx(e, "%s", o->where.path);
		err_clear(e);
	}
	for (size_t i = 0; i < o->n_tops; i++) {
		OWN_STR old = ptr_take(&text);
		if (layout_enter(old, n, o->tops[i].ref, &o->tops[i].m, &text, e) < 0)
			return err_ctx(e, "%s", o->where.path);
		n = strlen(text);
	}
	if (io_replace_file(o->dir, "index.json", text, strlen(text), 0644, IO_DURABLE, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	o->done = true;
	return 0;
}

static int oci_image_name(struct place *p, const char *canonical, struct err *e)
{
	struct oci *o = p->state;

	if (snprintf(o->where.ref, sizeof o->where.ref, "%s", canonical) >= (int)sizeof o->where.ref)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%.100s...: the name is too long", canonical);
	return 0;
}

/* nobody has entered an image since the beginning */
static bool is_index_old(const struct oci *o)
{
	struct stat now;

	if (fstatat(o->dir, "index.json", &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT && !o->index.st_ino;
	return now.st_ino == o->index.st_ino && now.st_ctim.tv_sec == o->index.st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == o->index.st_ctim.tv_nsec;
}

/* What this copy has made: the layout that was not there before, or blobs in it. They stay where somebody else
 * copies to it or has, since he may have found them and not brought them himself. */
static void undo(struct oci *o)
{
	struct err ignored = { 0 };
	json_t *digest;
	size_t i;

	if (flock(o->dir, LOCK_EX | LOCK_NB) < 0 || !is_index_old(o))
		return;
	if (o->made) {
		(void)io_remove_tree(AT_FDCWD, o->where.path, &ignored);
		return;
	}
	json_array_foreach(o->added, i, digest) {
		OWN_FD folder = -1;
		if (folder_open(o, json_string_value(digest), &folder, &ignored) == 0)
			(void)unlinkat(folder, digest_hex(json_string_value(digest)), 0); /* the first error counts */
	}
}

static void oci_close(struct place *p)
{
	struct oci *o = p->state;

	if (!o)
		return;
	if (o->dir >= 0) {
		if (!o->done && (o->made || json_array_size(o->added)))
			undo(o);
		close(o->dir);
	}
	free(o->tops);
	json_decref(o->added);
	(void)pthread_mutex_destroy(&o->lock); /* nobody holds it */
	free(o);
}

const struct transport transport_oci = {
	.name = "oci",
	.form = PLACE_OCI,
	.open = oci_open,
	.manifest_get = oci_manifest_get,
	.blob_get = oci_blob_get,
	.manifest_has = oci_manifest_has,
	.blob_has = oci_blob_has,
	.blob_put = oci_blob_put,
	.manifest_put = oci_manifest_put,
	.finish = oci_finish,
	.image_name = oci_image_name,
	.close = oci_close,
};
