/* SPDX-License-Identifier: Apache-2.0
 *
 * oci-archive:FILE[:REF|:@N]: an OCI image layout in a tar, compressed or not; written plain.
 *
 * A source is read where it lies, see tarball.h: no name of it reaches a file system, and what is read is verified
 * by its digest. A target is written from its first byte to its last and shown when it is whole; it replaces a file
 * that has this name, as skopeo does.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "registry/out_file.h"
#include "registry/tar_out.h"
#include "registry/transport/files.h"
#include "registry/transport/layout.h"
#include "registry/transport/tarball.h"
#include "registry/transport/transport.h"

struct oci_archive {
	struct files_where where;
	/* source */
	struct tarball tar;
	struct layout_entry entry;
	/* target */
	struct out_file file;
	struct tar_out out;
	pthread_mutex_t lock; /* of the target: many threads bring blobs */
	json_t *blobs;        /* set of the digests that are in it */
	char *index;          /* text so far; NULL: none yet */
};

static int source_open(struct place *p, struct oci_archive *o, struct err *e)
{
	const struct archive *ar = &o->tar.ar;
	struct err ignored = { 0 };

	if (tarball_open(&o->tar, o->where.path, e) < 0)
		return -e->eno;
	if (!ar->has_index_json) {
		(void)err_new(e, E_CORRUPT, EBADMSG, "%s: no OCI archive: it has no index.json", o->where.path);
		if (ar->has_manifest_json)
			err_hint(e, "it has a manifest.json: read it as docker-archive:");
		return -EBADMSG;
	}
	if (layout_check_version(buf_str(&ar->oci_layout), ar->oci_layout.n, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (layout_find(buf_str(&ar->index_json), ar->index_json.n, &o->where, &o->entry, e) < 0)
		return -e->eno;
	if (*o->entry.name)
		(void)reference_parse(o->entry.name, &p->ref, &ignored); /* it was parsed before */
	return *o->entry.ref ? place_add_local_name(p, o->entry.ref, e) : 0; /* podman's rule */
}

static int target_open(struct oci_archive *o, struct err *e)
{
	if (o->where.at >= 0)
		return err_new(e, E_USAGE, EINVAL, "oci-archive:%s: an image is written by name, not by number", o->where.path);
	o->blobs = json_object();
	if (!o->blobs)
		return err_new(e, E_NOMEM, ENOMEM, "OCI archive");
	if (out_file_open(&o->file, o->where.path, 0666, e) < 0)
		return -e->eno;
	o->out.xfd = o->file.fd;
	return tar_out_dir(&o->out, "blobs/", e) < 0 || tar_out_dir(&o->out, "blobs/sha256/", e) < 0 ?
		       err_ctx(e, "%s", o->where.path) : 0;
}

static int oci_archive_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct oci_archive *o = calloc(1, sizeof *o);

	if (!o)
		return err_new(e, E_NOMEM, ENOMEM, "OCI archive");
	o->tar.fd = o->file.fd = -1;
	(void)pthread_mutex_init(&o->lock, NULL); /* never fails on Linux */
	p->state = o;
	if ((q->path_only ? files_where_path(q->where, q->at, &o->where, e) : files_where_parse(q->where, &o->where, e)) < 0)
		return -e->eno;
	return q->target ? target_open(o, e) : source_open(p, o, e);
}

static int find(const struct oci_archive *o, const char *digest, const struct archive_file **ret, struct err *e)
{
	char path[LAYOUT_BLOB_PATH_MAX];

	layout_blob_path(digest, path);
	const struct archive_file *f = archive_entry(&o->tar.ar, path);
	if (!f)
		return err_new(e, E_NOT_FOUND, ENOENT, "%s: %s is not in it", o->where.path, path);
	if (f->link)
		return err_new(e, E_CORRUPT, ELOOP, "%s: %s is a link, not a file", o->where.path, path);
	*ret = f;
	return 0;
}

static int oci_archive_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
				    struct err *e)
{
	struct oci_archive *o = p->state;
	const char *wanted = digest ? digest : o->entry.digest;
	const struct archive_file *f;
	OWN_STR text = NULL;
	size_t n;

	(void)h;
	if (find(o, wanted, &f, e) < 0)
		return -e->eno;
	if (!digest && f->size != o->entry.size)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: %s has not the size that it is listed with", o->where.path, f->name);
	if (tarball_read(&o->tar, f, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    files_manifest_take(&text, n, f->name, wanted, ret, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	if (!digest)
		(void)snprintf(ret->content_type, sizeof ret->content_type, "%s", o->entry.media_type);
	return 0;
}

static int oci_archive_blob_get(struct place *p, struct http *h, const struct place_blob *blob,
				struct registry_sink *sink, const struct registry_retry *retry, struct err *e)
{
	struct oci_archive *o = p->state;
	const struct archive_file *f;

	(void)h;
	(void)retry;
	if (find(o, blob->digest, &f, e) < 0)
		return -e->eno;
	if (f->size != blob->size)
		return err_new(e, E_CORRUPT, EBADMSG, "%s: %s has %lld bytes, not %lld", o->where.path, f->name,
			       (long long)f->size, (long long)blob->size);
	return files_feed(o->tar.fd, (int64_t)f->at, f->size, sink, e) < 0 ?
		       err_ctx(e, "%s: %s", o->where.path, f->name) : 0;
}

static int is_written(struct oci_archive *o, const char *digest)
{
	pthread_mutex_lock(&o->lock);
	int r = json_object_get(o->blobs, digest) != NULL;
	pthread_mutex_unlock(&o->lock);
	return r;
}

static int oci_archive_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	(void)h;
	(void)e;
	return is_written(p->state, digest);
}

static int oci_archive_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	(void)h;
	(void)e;
	return is_written(p->state, blob->digest);
}

static int write_locked(struct oci_archive *o, const char *digest, int xfd, int64_t size, struct err *e)
{
	char path[LAYOUT_BLOB_PATH_MAX];

	if (json_object_get(o->blobs, digest)) /* another index entry has it too */
		return 0;
	layout_blob_path(digest, path);
	if (lseek(xfd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek");
	if (tar_out_file(&o->out, path, xfd, (uint64_t)size, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	return json_object_set_new(o->blobs, digest, json_true()) < 0 ? err_new(e, E_NOMEM, ENOMEM, "blobs") : 0;
}

static int blob_write(struct oci_archive *o, const char *digest, int xfd, int64_t size, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	int r = write_locked(o, digest, xfd, size, e);
	pthread_mutex_unlock(&o->lock);
	return r;
}

static int oci_archive_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	(void)h;
	return blob_write(p->state, put->blob.digest, put->fd, put->blob.size, e);
}

static int oci_archive_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top,
				    struct err *e)
{
	struct oci_archive *o = p->state;
	OWN_FD spool = -1;
	char *text;

	(void)h;
	if (files_spool_bytes(m->bytes, m->n, &spool, e) < 0 || blob_write(o, m->digest, spool, (int64_t)m->n, e) < 0)
		return -e->eno;
	if (!top)
		return 0;
	if (layout_enter(o->index, o->index ? strlen(o->index) : 0, o->where.ref, m, &text, e) < 0)
		return -e->eno;
	free(o->index);
	o->index = text;
	return 0;
}

static int oci_archive_image_name(struct place *p, const char *canonical, struct err *e)
{
	struct oci_archive *o = p->state;

	if (snprintf(o->where.ref, sizeof o->where.ref, "%s", canonical) >= (int)sizeof o->where.ref)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%.100s...: the name is too long", canonical);
	return 0;
}

static int oci_archive_finish(struct place *p, struct err *e)
{
	struct oci_archive *o = p->state;

	if (tar_out_text(&o->out, "index.json", o->index, e) < 0 ||
	    tar_out_text(&o->out, "oci-layout", LAYOUT_VERSION, e) < 0 || tar_out_end(&o->out, e) < 0 ||
	    out_file_show(&o->file, e) < 0)
		return err_ctx(e, "%s", o->where.path);
	return 0;
}

static void oci_archive_close(struct place *p)
{
	struct oci_archive *o = p->state;

	if (!o)
		return;
	tarball_close(&o->tar);
	tar_out_done(&o->out);
	out_file_close(&o->file);
	json_decref(o->blobs);
	free(o->index);
	(void)pthread_mutex_destroy(&o->lock); /* nobody holds it */
	free(o);
}

const struct transport transport_oci_archive = {
	.name = "oci-archive",
	.form = PLACE_OCI,
	.ordered = true,
	.open = oci_archive_open,
	.manifest_get = oci_archive_manifest_get,
	.blob_get = oci_archive_blob_get,
	.manifest_has = oci_archive_manifest_has,
	.blob_has = oci_archive_blob_has,
	.blob_put = oci_archive_blob_put,
	.manifest_put = oci_archive_manifest_put,
	.finish = oci_archive_finish,
	.image_name = oci_archive_image_name,
	.close = oci_archive_close,
};
