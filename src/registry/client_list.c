/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registry lists, page by page: tags of a repository, repositories. See client.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/client_int.h"

enum { NAMES_MAX = 100000, PAGE_BYTES_MAX = 8 << 20, PAGES_MAX = 1000 };

/* one kind of list */
struct kind {
	const char *what, *key;
	bool whole;
	bool (*is_valid)(const char *name);
};

static const struct kind tags_kind = { "tags/list", "tags", false, reference_tag_is_valid };
static const struct kind catalog_kind = { "_catalog", "repositories", true, reference_path_is_valid };

void registry_tags_free(char **tags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(tags[i]);
	free(tags);
}

struct names {
	char **list;
	size_t n, cap;
};

static int names_add(struct names *t, const struct kind *k, const struct http_resp *resp, struct err *e)
{
	OWN_JSON j = NULL;
	json_t *list = NULL, *v;
	size_t i;

	if (js_parse(buf_str(&resp->body), resp->body.n, k->key, &j, e) < 0 ||
	    /* docker-registry says null when the last one is gone */
	    (!json_is_null(json_object_get(j, k->key)) && js_get_arr(j, "", k->key, &list, e) < 0)) {
		e->kind = E_CORRUPT;
		return -e->eno;
	}
	json_array_foreach(list, i, v) {
		const char *name = json_string_value(v);
		if (!name || !k->is_valid(name))
			return err_new(e, E_CORRUPT, EBADMSG, "%s[%zu]: not valid", k->key, i);
		if (t->n == NAMES_MAX)
			return err_new(e, E_CORRUPT, EFBIG, "more than %d %s", NAMES_MAX, k->key);
		char **more = grow_one(t->list, t->n, &t->cap, sizeof *more);
		if (!more)
			return err_new(e, E_NOMEM, ENOMEM, "%s", k->key);
		t->list = more;
		t->list[t->n] = strdup(name);
		if (!t->list[t->n])
			return err_new(e, E_NOMEM, ENOMEM, "%s", k->key);
		t->n++;
	}
	return 0;
}

int registry_next_page(const struct registry *r, const struct http_resp *resp, struct buf *out, struct err *e)
{
	const struct registry_endpoint *ep = &r->endpoints.list[r->at];
	const char *link = http_header(resp, "link", 0);
	const char *end = link && *link == '<' ? strchr(link, '>') : NULL;

	out->n = 0;
	if (!end || !strstr(end, "next"))
		return 0;
	if (link[1] == '/')
		buf_puts(out, ep->url);
	buf_add(out, link + 1, (size_t)(end - link - 1));
	if (buf_failed(out))
		return err_new(e, E_NOMEM, ENOMEM, "next page");
	if (!http_same_origin(buf_str(out), ep->url))
		return err_new(e, E_CORRUPT, EBADMSG, "the next page is not on the same host: %.200s", buf_str(out));
	return 1;
}

static int names_read(struct registry *r, struct http *h, const struct kind *k, struct names *t, struct err *e)
{
	OWN_BUF url = { 0 };

	for (int page = 0; page < PAGES_MAX; page++) {
		OWN_HTTP_RESP resp = { 0 };
		struct registry_call c = { .method = "GET", .what = k->what, .whole = k->whole,
					   .max_body = PAGE_BYTES_MAX, .url = page ? buf_str(&url) : NULL };
		if (registry_exchange(r, h, &c, &resp, e) < 0)
			return registry_auth_err(r, e);
		if (resp.status != 200)
			return registry_status_err(r, &resp, NULL, e);
		int res = names_add(t, k, &resp, e);
		if (res < 0)
			return res;
		if ((res = registry_next_page(r, &resp, &url, e)) <= 0)
			return res;
	}
	return err_new(e, E_CORRUPT, EFBIG, "more than %d pages of %s", PAGES_MAX, k->key);
}

static int names_list(struct registry *r, struct http *h, const struct kind *k, char ***ret, size_t *ret_n,
		      struct err *e)
{
	struct names t = { 0 };

	int res = names_read(r, h, k, &t, e);
	if (res < 0) {
		registry_tags_free(t.list, t.n);
		return err_ctx(e, "list %s", k->key);
	}
	*ret = t.list;
	*ret_n = t.n;
	return 0;
}

int registry_tags(struct registry *r, struct http *h, char ***ret, size_t *ret_n, struct err *e)
{
	return names_list(r, h, &tags_kind, ret, ret_n, e);
}

int registry_catalog(struct registry *r, struct http *h, char ***ret, size_t *ret_n, struct err *e)
{
	return names_list(r, h, &catalog_kind, ret, ret_n, e);
}
