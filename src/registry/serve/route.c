/* SPDX-License-Identifier: Apache-2.0
 *
 * From method and path to what answers: see serve_int.h. Names of repositories may hold any of the words that the
 * paths of the spec are made of, so a path is read from its end.
 */
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "registry/serve/serve_int.h"

enum place { P_BASE, P_CATALOG, P_TAGS, P_REFERRERS, P_MANIFEST, P_BLOB, P_UPLOADS, P_UPLOAD, P_NONE };

enum row_flags { R_WRITE = 1, R_DELETE = 2 };

static const struct row {
	enum place place;
	const char *method;
	unsigned flags;
	handler *run;
} rows[] = {
	{ P_CATALOG, "GET", 0, catalog_list },
	{ P_TAGS, "GET", 0, tags_list },
	{ P_REFERRERS, "GET", 0, referrers_list },
	{ P_MANIFEST, "GET", 0, manifest_get },
	{ P_MANIFEST, "HEAD", 0, manifest_get },
	{ P_MANIFEST, "PUT", R_WRITE, manifest_put },
	{ P_MANIFEST, "DELETE", R_WRITE | R_DELETE, manifest_delete },
	{ P_BLOB, "GET", 0, blob_get },
	{ P_BLOB, "HEAD", 0, blob_get },
	{ P_BLOB, "DELETE", R_WRITE | R_DELETE, blob_delete },
	{ P_UPLOADS, "POST", R_WRITE, upload_start },
	{ P_UPLOAD, "GET", R_WRITE, upload_status },
	{ P_UPLOAD, "PATCH", R_WRITE, upload_patch },
	{ P_UPLOAD, "PUT", R_WRITE, upload_put },
	{ P_UPLOAD, "DELETE", R_WRITE, upload_cancel },
};

/* takes "/WORD" from the end of @path; false: it does not end so */
static bool cut(char *path, const char *word)
{
	size_t n = strlen(path), len = strlen(word);

	if (n < len || strcmp(path + n - len, word) != 0)
		return false;
	path[n - len] = 0;
	return true;
}

static enum place place_of(char *path, struct route *ret)
{
	*ret = (struct route){ .name = NULL, .ref = "" };
	if (!strcmp(path, "/v2/") || !strcmp(path, "/v2"))
		return P_BASE;
	if (!text_starts(path, "/v2/"))
		return P_NONE;
	path += 4;
	if (!strcmp(path, "_catalog"))
		return P_CATALOG;
	ret->name = path;
	if (cut(path, "/tags/list"))
		return P_TAGS;
	if (cut(path, "/blobs/uploads/") || cut(path, "/blobs/uploads"))
		return P_UPLOADS;
	char *slash = strrchr(path, '/');
	if (!slash)
		return P_NONE;
	*slash = 0;
	ret->ref = slash + 1;
	if (cut(path, "/manifests"))
		return P_MANIFEST;
	if (cut(path, "/referrers"))
		return P_REFERRERS;
	if (cut(path, "/blobs/uploads"))
		return P_UPLOAD;
	return cut(path, "/blobs") ? P_BLOB : P_NONE;
}

static const struct row *row_find(enum place place, const char *method)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].place == place && !strcmp(rows[i].method, method))
			return &rows[i];
	return NULL;
}

/* which methods there are is part of the reply that refuses one, RFC 9110, 15.5.6 */
static int not_allowed(const struct conn *c, enum place place, struct reply *r)
{
	OWN_BUF allow = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].place == place)
			buf_printf(&allow, "%s%s", allow.n ? ", " : "", rows[i].method);
	if (allow.n)
		reply_header(r, "Allow: %s", allow.p);
	return reply_error(r, 405, "UNSUPPORTED", "%.20s is not possible here", c->req.method);
}

static int base_reply(const struct conn *c, struct reply *r)
{
	if (strcmp(c->req.method, "GET") != 0 && strcmp(c->req.method, "HEAD") != 0)
		return reply_error(r, 405, "UNSUPPORTED", "%.20s is not possible here", c->req.method);
	r->status = 200;
	reply_header(r, "Content-Type: application/json");
	buf_puts(&r->body, "{}");
	return 0;
}

int route_run(struct conn *c, struct reply *r, struct err *e)
{
	const struct serve_req *q = c->s->req;
	struct route to;
	enum place place = place_of(c->req.path, &to);

	if (place == P_BASE)
		return base_reply(c, r);
	if (place == P_NONE)
		return reply_error(r, 404, "NAME_UNKNOWN", "no such path");
	if (to.name && (strlen(to.name) > REFERENCE_NAME_MAX || !reference_path_is_valid(to.name)))
		return reply_error(r, 400, "NAME_INVALID", "invalid repository name");
	const struct row *row = row_find(place, c->req.method);
	if (!row)
		return not_allowed(c, place, r);
	if ((row->flags & R_WRITE) && q->read_only)
		return reply_error(r, 405, "UNSUPPORTED", "the registry is read-only");
	if ((row->flags & R_WRITE) && !(row->flags & R_DELETE) && q->proxy)
		return reply_error(r, 405, "UNSUPPORTED", "a cache of %s takes nothing else", q->proxy);
	if ((row->flags & R_DELETE) && !q->allow_delete)
		return reply_error(r, 405, "UNSUPPORTED", "deleting is switched off (--allow-delete)");
	return row->run(c, &to, r, e);
}
