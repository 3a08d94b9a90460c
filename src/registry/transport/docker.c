/* SPDX-License-Identifier: Apache-2.0
 *
 * docker://NAME[:TAG|@DIGEST]: a repository of a registry, by its client.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "registry/transport/transport.h"

/* a place's state is its struct registry */

static int target_name(struct place *p, const struct place_req *q, struct err *e)
{
	struct reference *r = &p->ref;

	if (*r->digest)
		return err_new(e, E_USAGE, EINVAL, "%s: the target has the digest of the source; give it a tag or none",
			       q->where);
	if (q->repository && *r->tag)
		return err_new(e, E_USAGE, EINVAL, "tag can't be used with --all-tags/-a");
	if (q->repository || *r->tag)
		return 0;
	/* NAME@DIGEST to NAME: no tag; else the same tag, and "latest" for what had none */
	if (*q->source->domain)
		memcpy(r->tag, q->source->tag, sizeof r->tag);
	else
		(void)snprintf(r->tag, sizeof r->tag, "latest");
	return 0;
}

static int source_name(struct place *p, const struct place_req *q, struct err *e)
{
	if (q->repository)
		return *p->ref.tag || *p->ref.digest ?
			       err_new(e, E_USAGE, EINVAL, "tag can't be used with --all-tags/-a") : 0;
	return *p->ref.digest ? 0 : reference_parse_tagged(q->where, &p->ref, e);
}

static int docker_open(struct place *p, const struct place_req *q, struct err *e)
{
	struct registry *r;

	if (reference_parse(q->where, &p->ref, e) < 0 ||
	    (q->target ? target_name(p, q, e) : source_name(p, q, e)) < 0 ||
	    registry_open(&p->ref, q->config, q->target ? "pull,push" : "pull", q->cancel, &r, e) < 0)
		return -e->eno;
	p->state = r;
	if (q->target && !strcmp(q->source->domain, p->ref.domain))
		registry_mount_from(r, q->source->path);
	return 0;
}

static int docker_manifest_get(struct place *p, struct http *h, const char *digest, struct registry_manifest *ret,
			       struct err *e)
{
	const char *named = *p->ref.digest ? p->ref.digest : p->ref.tag;
	return registry_manifest_get(p->state, h, digest ? digest : named, ret, e);
}

static int docker_blob_get(struct place *p, struct http *h, const struct place_blob *blob, struct registry_sink *sink,
			   const struct registry_retry *retry, struct err *e)
{
	return registry_blob_get(p->state, h, blob->digest, blob->size, sink, retry, e);
}

static int docker_blob_size(struct place *p, struct http *h, const char *digest, int64_t *ret, struct err *e)
{
	return registry_blob_size(p->state, h, digest, ret, e);
}

static int docker_manifest_has(struct place *p, struct http *h, const char *digest, struct err *e)
{
	return registry_manifest_has(p->state, h, digest, e);
}

static int docker_blob_has(struct place *p, struct http *h, const struct place_blob *blob, struct err *e)
{
	return registry_blob_has(p->state, h, blob->digest, e);
}

static int docker_blob_put(struct place *p, struct http *h, struct place_put *put, struct err *e)
{
	struct registry_upload u = { .digest = put->blob.digest, .size_bytes = put->blob.size, .fd = put->fd,
				     .sent = put->sent, .data = put->data, .retry = put->retry };
	return registry_blob_put(p->state, h, &u, e);
}

static int docker_manifest_put(struct place *p, struct http *h, const struct registry_manifest *m, bool top,
			       struct err *e)
{
	return registry_manifest_publish(p->state, h, top && *p->ref.tag ? p->ref.tag : m->digest, m, e);
}

static int docker_tags(struct place *p, struct http *h, char ***ret, size_t *ret_n, struct err *e)
{
	char name[REFERENCE_TEXT_MAX];

	if (registry_tags(p->state, h, ret, ret_n, e) < 0)
		return -e->eno;
	if (*ret_n)
		return 0;
	registry_tags_free(*ret, 0);
	reference_familiar_name(&p->ref, name);
	return err_new(e, E_NOT_FOUND, ENOENT, "repository %s has no tags", name);
}

static int docker_referrers(struct place *p, struct http *h, const char *digest, json_t **ret, struct err *e)
{
	return registry_referrers(p->state, h, digest, NULL, ret, e);
}

static int docker_blob_mount(struct place *p, struct http *h, const struct place_blob *blob, const struct place *from,
			     struct err *e)
{
	if (strcmp(p->ref.domain, from->ref.domain) != 0)
		return 0;
	return registry_blob_mount(p->state, h, blob->digest, from->ref.path, e);
}

static void docker_close(struct place *p)
{
	registry_close(p->state);
}

const struct transport transport_docker = {
	.name = "docker",
	.online = true,
	.schema1 = true,
	.open = docker_open,
	.manifest_get = docker_manifest_get,
	.blob_get = docker_blob_get,
	.blob_size = docker_blob_size,
	.manifest_has = docker_manifest_has,
	.blob_has = docker_blob_has,
	.blob_put = docker_blob_put,
	.manifest_put = docker_manifest_put,
	.close = docker_close,
	.tags = docker_tags,
	.referrers = docker_referrers,
	.blob_mount = docker_blob_mount,
};
