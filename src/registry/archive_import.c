/* SPDX-License-Identifier: Apache-2.0
 *
 * Import: a tar of a root file system becomes an image of one layer.
 *
 * The stream is stored first, as received where a registry would take it so, decompressed
 * otherwise (bzip2, xz); its digests then name blob and snapshot, and it is unpacked from the blob.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "format/inflate.h"
#include "format/js.h"
#include "registry/archive_int.h"
#include "registry/layer_kind.h"
#include "spec/image_change.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"

/* what was stored */
struct imported {
	enum inflate_kind kind;       /* of the stream */
	const char *erofs;            /* media type of an EROFS image; NULL: it is an archive */
	char blob[DIGEST_TEXT_MAX];
	char diff_id[DIGEST_TEXT_MAX];
	uint64_t size_bytes;          /* of the blob */
};

/* passes bytes on and writes them to a blob that is committed by hand */
struct tee {
	struct source source;
	struct source *below;
	struct blob_writer *w;
};

static int tee_next(struct source *s, const unsigned char **ret, size_t *ret_n, struct err *e)
{
	struct tee *t = (struct tee *)s;
	int r = source_next(t->below, ret, ret_n, e);

	return r <= 0 || blob_writer_add(t->w, *ret, *ret_n, e) >= 0 ? r : -e->eno;
}

/* compressed bytes to the blob, decompressed ones to the digest */
static int store_as_is(struct source *src, struct blob_writer *w, struct imported *ret, struct err *e)
{
	struct tee tee = { { tee_next }, src, w };
	struct source_digest diff;
	struct inflate *in;

	if (inflate_open(&tee.source, 0, &in, e) < 0)
		return -e->eno;
	ret->kind = inflate_kind_of(in);
	int r = source_digest_init(&diff, inflate_source(in), NULL, -1, e);
	if (!r)
		r = source_drain(&diff.source, NULL, e);
	memcpy(ret->diff_id, diff.got, sizeof ret->diff_id);
	inflate_close(in);
	return r;
}

/* no registry knows these compressions: store the tar itself, read from the first blob */
static int store_plain(int xfd, struct blob_writer *w, struct err *e)
{
	struct source_fd file;
	struct inflate *in = NULL;

	if (lseek(xfd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek");
	if (source_fd_init(&file, xfd, UINT64_MAX, e) < 0)
		return -e->eno;
	int r = inflate_open(&file.source, 0, &in, e);
	if (!r) {
		struct tee tee = { { tee_next }, inflate_source(in), w };
		r = source_drain(&tee.source, NULL, e);
	}
	inflate_close(in);
	source_fd_done(&file);
	return r;
}

static int commit(struct lease *lease, struct blob_writer *w, struct imported *ret, struct err *e)
{
	struct hash h = w->hash;

	hash_text(&h, ret->blob);
	ret->size_bytes = w->size_bytes;
	ret->erofs = layer_erofs_type(w->fd, 0, w->size_bytes);
	if (lease_add_blob(lease, ret->blob, e) < 0) {
		blob_writer_abort(w);
		return -e->eno;
	}
	return blob_writer_commit(w, NULL, -1, NULL, e);
}

static int store_stream(const struct archive_import_req *q, struct lease *lease, struct imported *ret,
			struct err *e)
{
	struct blob_writer w, plain;
	struct source_fd file;

	if (blob_writer_open(q->store, DIGEST_SHA256, &w, e) < 0)
		return -e->eno;
	int r = source_fd_init(&file, q->xfd, UINT64_MAX, e);
	if (!r) {
		r = store_as_is(&file.source, &w, ret, e);
		source_fd_done(&file);
	}
	if (!r && !w.size_bytes)
		r = err_new(e, E_INVALID, EINVAL, "the archive is empty");
	if (!r && (ret->kind == INFLATE_BZIP2 || ret->kind == INFLATE_XZ)) {
		r = blob_writer_open(q->store, DIGEST_SHA256, &plain, e);
		if (!r && store_plain(w.fd, &plain, e) < 0) {
			r = -e->eno;
			blob_writer_abort(&plain);
		}
		blob_writer_abort(&w);
		if (!r)
			r = commit(lease, &plain, ret, e);
		return r;
	}
	if (r < 0) {
		blob_writer_abort(&w);
		return r;
	}
	return commit(lease, &w, ret, e);
}

static json_t *base_config(const struct archive_import_req *q, const struct platform *p,
			   const char *diff_id)
{
	char now[CLOCK_TEXT_MAX];
	const char *message = q->message ? q->message : "";

	clock_format(clock_now_ns(), now);
	json_t *config = json_pack("{s:s, s:s, s:s, s:s, s:{}, s:{s:s, s:[s]}, s:[{s:s, s:s}]}", "created",
				   now, "architecture", p->arch, "os", p->os, "comment", message, "config",
				   "rootfs", "type", "layers", "diff_ids", diff_id, "history", "created", now,
				   "comment", message);
	if (config && *p->variant)
		(void)json_object_set_new(config, "variant", json_string(p->variant));
	return config;
}

static const char *layer_type(const struct imported *in)
{
	return in->erofs ? in->erofs :
	       in->kind == INFLATE_GZIP ? MEDIA_OCI_LAYER_GZIP :
	       in->kind == INFLATE_ZSTD ? MEDIA_OCI_LAYER_ZSTD : MEDIA_OCI_LAYER;
}

static int make_image(const struct archive_import_req *q, struct lease *lease, json_t *config,
		      const struct imported *in, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	char manifest[DIGEST_TEXT_MAX], config_digest[DIGEST_TEXT_MAX];
	size_t n;

	if (blob_write_json(lease, config, config_digest, &n, e) < 0)
		return -e->eno;
	OWN_JSON m = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2,
			       "mediaType", MEDIA_OCI_MANIFEST, "config", "mediaType", MEDIA_OCI_CONFIG,
			       "digest", config_digest, "size", (json_int_t)n, "layers", "mediaType",
			       layer_type(in), "digest", in->blob, "size", (json_int_t)in->size_bytes);
	if (blob_write_json(lease, m, manifest, NULL, e) < 0)
		return -e->eno;
	struct layer_job job = { .blob = in->blob, .diff_id = in->diff_id };
	digest_chain_id(NULL, in->diff_id, job.chain_id);
	const struct archive none = { .store = q->store, .lease = lease };
	if (archive_layers(&none, &job, 1, e) < 0)
		return -e->eno;
	const struct image_new image = { .manifest = manifest, .local = true, .references = &q->reference,
					 .n_references = q->reference ? 1 : 0 };
	return image_register(q->store, &image, ret_id, e);
}

static int import(const struct archive_import_req *q, struct lease *lease, struct imported *in,
		  char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	struct platform p;

	if (q->platform) {
		if (platform_parse(q->platform, &p, e) < 0)
			return -e->eno;
	} else {
		platform_host(&p);
	}
	/* a wrong change is told before a long stream is read */
	OWN_JSON config = base_config(q, &p, "");
	if (!config)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	if (image_change_apply(json_object_get(config, "config"), q->changes, q->n_changes, e) < 0)
		return -e->eno;
	if (store_stream(q, lease, in, e) < 0)
		return err_ctx(e, "read archive");
	if (json_array_set_new(js_at(config, "rootfs.diff_ids"), 0, json_string(in->diff_id)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	return make_image(q, lease, config, in, ret_id, e);
}

int archive_import(const struct archive_import_req *q, char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	struct imported in = { 0 };
	struct err ignored = { 0 }; /* what cannot be dropped goes with the next prune */
	struct lease lease;

	if (lease_open(q->store, &lease, e) < 0)
		return -e->eno;
	int r = import(q, &lease, &in, ret_id, e);
	if (r < 0)
		(void)image_drop_leased(&lease, &ignored);
	else
		lease_close(&lease);
	return r;
}
