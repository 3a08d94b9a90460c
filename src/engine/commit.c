/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a commit: see commit.h.
 *
 *   writable layer -> tar (the container waits) -> diff ID, blob, snapshot of the new chain
 *   -> config, manifest -> image
 */
#include "engine/commit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "engine/archive.h"
#include "engine/engine_int.h"
#include "engine/hasher.h"
#include "format/js.h"
#include "registry/layer_apply.h"
#include "store/layer_tree.h"
#include "spec/image_change.h"
#include "spec/manifest.h"
#include "spec/reference.h"
#include "store/blob.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/lazy.h"

struct commit {
	struct engine *eng;
	struct store store;                 /* the engine's, with the form of layers that the container has */
	const char *ref;
	const struct engine_commit *req;
	char *ret_id;
	struct handle h;
	struct image base;
	char reference[REFERENCE_TEXT_MAX]; /* canonical, "" for none */
	json_t *config;                     /* of the new image */
	struct arena a;
	struct lease lease;
	int guard_fd;                       /* frozen by us: see guard_start(); else -1 */
	pid_t guard_pid;
	struct hasher hasher;
	struct blob_writer writer;          /* of the tar, from step layer to step snapshot */
	char diff_id[DIGEST_TEXT_MAX], chain_id[DIGEST_TEXT_MAX];
	uint64_t tar_bytes;
};

/* the members of docker's container configuration that an image has (image-spec, config.md) */
static int take_settings(json_t *to, const json_t *from, struct err *e)
{
	static const char *const names[] = { "ArgsEscaped", "Cmd", "Entrypoint", "Env", "ExposedPorts",
					     "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal",
					     "User", "Volumes", "WorkingDir" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		json_t *v = json_object_get(from, names[i]);
		if (v && !json_is_null(v) && json_object_set(to, names[i], v) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "image config");
	}
	return 0;
}

static json_t *history_of(const struct commit *c, const char *now)
{
	const json_t *cmd = js_at(c->h.c.record, "Config.Cmd");
	OWN_BUF by = { 0 };
	json_t *v;
	size_t i;

	json_array_foreach(cmd, i, v) {
		buf_puts(&by, i ? " " : "");
		buf_puts(&by, json_string_value(v) ? json_string_value(v) : "");
	}
	json_t *h = buf_failed(&by) ? NULL : json_pack("{s:s, s:s}", "created", now, "created_by", buf_str(&by));
	if (h && c->req->author)
		(void)json_object_set_new(h, "author", json_string(c->req->author));
	if (h && c->req->message)
		(void)json_object_set_new(h, "comment", json_string(c->req->message));
	return h;
}

/* everything but the new diff ID; a wrong change is told before anything is read */
static int step_config(void *ctx, struct err *e)
{
	struct commit *c = ctx;
	const struct storage_ops *ops;
	char now[CLOCK_TEXT_MAX];
	struct reference ref;

	if (c->req->reference) {
		if (reference_parse_tagged(c->req->reference, &ref, e) < 0)
			return -e->eno;
		if (*ref.digest)
			return err_new(e, E_INVALID, EINVAL, "cannot commit to digest reference");
		reference_canonical(&ref, c->reference);
	}
	if (handle_open(c->eng, c->ref, 0, &c->h, e) < 0 || engine_storage(c->eng, &c->h.c, &ops, e) < 0 ||
	    lease_open(&c->eng->store, &c->lease, e) < 0)
		return -e->eno;
	if (image_load(&c->eng->store, js_str(c->h.c.record, "Image", ""), &c->base, e) < 0)
		return err_ctx(e, "image of the container");
	if (lazy_is_pending(&c->eng->store, c->base.id)) {
		(void)err_new(e, E_BUSY, EBUSY, "layers of the image are still on their way (--pull lazy)");
		err_hint(e, "commit when it is here; it is waited for by: onggi pull %s", js_str(c->h.c.record, "Config.Image", "IMAGE"));
		return -EBUSY;
	}
	c->store = c->eng->store;
	c->store.form = ops->form;
	c->config = json_deep_copy(c->base.config);
	clock_format(clock_now_ns(), now);
	json_t *settings = json_object();
	json_t *history = json_object_get(c->config, "history");
	int bad = !c->config || !settings || json_object_set_new(c->config, "config", settings) < 0;
	if (!bad && !json_is_array(history)) {
		history = json_array();
		bad = json_object_set_new(c->config, "history", history) < 0;
	}
	bad = bad || json_object_set_new(c->config, "created", json_string(now)) < 0 ||
	      json_array_append_new(history, history_of(c, now)) < 0 ||
	      (c->req->author && json_object_set_new(c->config, "author", json_string(c->req->author)) < 0) ||
	      (c->req->message && json_object_set_new(c->config, "comment", json_string(c->req->message)) < 0);
	if (bad)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	if (take_settings(settings, json_object_get(c->h.c.record, "Config"), e) < 0)
		return -e->eno;
	return image_change_apply(settings, c->req->changes, c->req->n_changes, e);
}

/* thaws the container when the pipe ends without a word */
static void guard_main(struct commit *c, int fd)
{
	struct err ignored = { 0 };
	char word;
	ssize_t n;

	(void)setsid(); /* a key on the terminal is for the command alone */
	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		(void)engine_unpause(c->eng, c->h.c.id, &ignored); /* an ended one needs none */
	_exit(0);
}

/* a process of its own, for the case that this command is killed */
static int guard_start(struct commit *c, struct err *e)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD in = fds[0];
	OWN_FD out = fds[1];
	c->guard_pid = fork();
	if (c->guard_pid < 0)
		return err_sys(e, errno, "fork");
	if (c->guard_pid == 0) {
		own_fd_done(&out);
		guard_main(c, in);
	}
	c->guard_fd = fd_take(&out);
	return 0;
}

static void guard_end(struct commit *c)
{
	if (c->guard_fd < 0)
		return;
	(void)io_write_all(c->guard_fd, "d", 1); /* a guard that is gone needs no word */
	own_fd_done(&c->guard_fd);
	while (waitpid(c->guard_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int step_freeze(void *ctx, struct err *e)
{
	struct commit *c = ctx;

	if (!c->req->pause || c->h.st.status != CONTAINER_RUNNING || c->h.st.paused)
		return 0;
	if (guard_start(c, e) < 0)
		return -e->eno;
	if (engine_pause(c->eng, c->h.c.id, e) == 0)
		return 0;
	guard_end(c);
	if (e->kind != E_STATE) /* it has ended meanwhile */
		return -e->eno;
	err_clear(e);
	return 0;
}

static void undo_freeze(void *ctx)
{
	struct commit *c = ctx;
	struct err ignored = { 0 };

	if (c->guard_fd >= 0)
		(void)engine_unpause(c->eng, c->h.c.id, &ignored); /* an ended one needs none */
	guard_end(c);
}

static int to_blob(void *data, const void *p, size_t n, struct err *e)
{
	struct commit *c = data;

	if (blob_writer_put(&c->writer, p, n, e) < 0)
		return -e->eno;
	hasher_grown(&c->hasher, c->writer.size_bytes);
	return 0;
}

static int write_tar(struct commit *c, struct err *e)
{
	struct storage_lowers lowers;
	struct storage_changes changes;

	if (engine_lowers(c->eng, &c->h.c, &c->a, &lowers, e) < 0 ||
	    engine_changes(c->eng, &c->h.c, &lowers, &changes, e) < 0)
		return -e->eno;
	int r = archive_write_layer(changes.fd, &lowers, to_blob, c, e);
	storage_changes_done(&c->eng->store, &changes);
	return r;
}

/* the container waits for this: writing only, the digest comes from a process beside it */
static int step_layer(void *ctx, struct err *e)
{
	struct commit *c = ctx;

	if (blob_writer_open(&c->eng->store, DIGEST_SHA256, &c->writer, e) < 0)
		return -e->eno;
	hasher_start(&c->hasher, c->writer.fd);
	if (write_tar(c, e) == 0)
		return 0;
	hasher_abort(&c->hasher);
	blob_writer_abort(&c->writer);
	return -e->eno;
}

/* what was leased and belongs to nothing goes away */
static void undo_layer(void *ctx)
{
	struct commit *c = ctx;
	struct err ignored = { 0 };

	hasher_abort(&c->hasher);
	blob_writer_abort(&c->writer);
	if (c->lease.fd >= 0)
		(void)image_drop_leased(&c->lease, &ignored); /* else with the next prune */
	c->lease.fd = -1;
}

static int step_thaw(void *ctx, struct err *e)
{
	struct commit *c = ctx;

	(void)e;
	undo_freeze(c);
	return 0;
}

/* what unpacking would tell of it */
static int count(struct source *tar, struct layer_stats *stats, struct err *e)
{
	struct fstree tree;

	if (fstree_init(&tree, e) < 0)
		return -e->eno;
	const struct layer_tree_req q = { .tar = tar, .tree = &tree, .layer = 1, .alone = true };
	int r = layer_tree_apply(&q, stats, e);
	fstree_done(&tree);
	return r;
}

/* into @dir; -1: it stays an archive */
static int unpack(struct commit *c, int dir, struct buf *loose, struct layer_stats *stats, struct err *e)
{
	struct source_at tar;

	if (source_at_init(&tar, c->writer.fd, 0, c->writer.size_bytes, e) < 0)
		return -e->eno;
	int r = dir < 0 ? count(&tar.source, stats, e) : layer_apply(&(struct layer_apply_req){ .tar = &tar.source, .xdir = dir }, loose, stats, e);
	source_at_done(&tar);
	return r;
}

/* the digest, and what depends on it */
static int name_layer(struct commit *c, struct err *e)
{
	struct hash h;
	size_t n = c->base.n_chain_ids;

	if (hasher_end(&c->hasher, c->writer.size_bytes, &c->writer.hash, e) < 0)
		return -e->eno;
	h = c->writer.hash;
	hash_text(&h, c->diff_id);
	c->tar_bytes = c->writer.size_bytes;
	digest_chain_id(n ? c->base.chain_ids[n - 1] : NULL, c->diff_id, c->chain_id);
	for (size_t i = 0; i < n; i++)
		if (lease_add_layer(&c->lease, c->base.chain_ids[i], e) < 0)
			return -e->eno;
	if (lease_add_layer(&c->lease, c->chain_id, e) < 0 || lease_add_blob(&c->lease, c->diff_id, e) < 0)
		return -e->eno;
	return blob_writer_commit(&c->writer, NULL, -1, NULL, e);
}

/* the blob is the layer as well */
static int link_tar(struct commit *c, const char *key, struct err *e)
{
	OWN_FD blob = -1;

	if (c->store.form != STORE_TAR)
		return 0;
	return blob_open(&c->store, c->diff_id, &blob, NULL, e) < 0 ? -e->eno : storage_layer_tar_is(&c->store, key, blob, e);
}

static int step_snapshot(void *ctx, struct err *e)
{
	struct commit *c = ctx;
	const struct store *s = &c->store;
	struct layer_stats stats = { 0 };
	OWN_BUF loose = { 0 };
	OWN_FD dir = -1;
	char key[64];

	if (storage_temp_begin(s, key, &dir, e) < 0)
		return -e->eno;
	if (unpack(c, s->form == STORE_TAR ? -1 : dir, &loose, &stats, e) < 0 || name_layer(c, e) < 0 ||
	    link_tar(c, key, e) < 0) {
		storage_layer_abort(s, key);
		return -e->eno;
	}
	const struct storage_layer info = { .size_bytes = stats.size_bytes, .root_opaque = stats.root_opaque,
					    .loose = loose.p, .loose_bytes = loose.n };
	return storage_layer_commit(s, c->chain_id, key, &info, e);
}

/* the manifest of the base with one layer more */
static int make_manifest(struct commit *c, const char *config, size_t config_n, char ret[DIGEST_TEXT_MAX],
			 struct err *e)
{
	OWN_STR text = NULL;
	OWN_MANIFEST base = { 0 };
	size_t n;

	if (blob_read(&c->eng->store, c->base.manifest, MANIFEST_BYTES_MAX, &text, &n, e) < 0 ||
	    manifest_parse(text, n, NULL, &base, e) < 0)
		return err_ctx(e, "manifest of the image");
	for (size_t i = 0; i < base.n_entries; i++)
		if (lease_add_blob(&c->lease, base.entries[i].digest, e) < 0)
			return -e->eno;
	bool oci = !strcmp(base.media_type, MEDIA_OCI_MANIFEST);
	OWN_JSON layers = json_deep_copy(json_object_get(base.json, "layers"));
	json_t *layer = json_pack("{s:s, s:s, s:I}", "mediaType", oci ? MEDIA_OCI_LAYER : MEDIA_DOCKER_LAYER_TAR,
				  "digest", c->diff_id, "size", (json_int_t)c->tar_bytes);
	if (!layers || json_array_append_new(layers, layer) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "manifest");
	OWN_JSON m = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
			       base.media_type, "config", "mediaType", base.config.media_type, "digest", config,
			       "size", (json_int_t)config_n, "layers", layers);
	return blob_write_json(&c->lease, m, ret, NULL, e);
}

static int step_register(void *ctx, struct err *e)
{
	struct commit *c = ctx;
	char config[DIGEST_TEXT_MAX], manifest[DIGEST_TEXT_MAX];
	const char *reference = c->reference;
	size_t n;

	if (json_array_append_new(js_at(c->config, "rootfs.diff_ids"), json_string(c->diff_id)) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "image config");
	if (blob_write_json(&c->lease, c->config, config, &n, e) < 0 || make_manifest(c, config, n, manifest, e) < 0)
		return -e->eno;
	const struct image_new image = { .manifest = manifest, .local = true, .references = &reference,
					 .n_references = *reference ? 1 : 0 };
	return image_register(&c->store, &image, c->ret_id, e);
}

static const struct step commit_steps[] = {
	{ "config", step_config, NULL },            { "freeze", step_freeze, undo_freeze },
	{ "layer", step_layer, undo_layer },        { "thaw", step_thaw, NULL },
	{ "snapshot", step_snapshot, NULL },        { "register", step_register, NULL },
};
WAY_DEFINE(commit_way, "commit", commit_steps);

int engine_commit(struct engine *eng, const char *ref, const struct engine_commit *req,
		  char ret_id[DIGEST_TEXT_MAX], struct err *e)
{
	struct commit c = { .eng = eng, .ref = ref, .req = req, .ret_id = ret_id, .h = HANDLE_NULL,
			    .lease.fd = -1, .guard_fd = -1, .writer.fd = -1, .hasher = HASHER_NULL };

	int r = way_run(&commit_way, &c, eng->opt.observer, e);
	lease_close(&c.lease);
	json_decref(c.config);
	image_done(&c.base);
	handle_done(&c.h);
	arena_done(&c.a);
	return r;
}
