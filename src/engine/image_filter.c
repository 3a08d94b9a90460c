/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters on images: see image_filter.h.
 */
#include "engine/image_filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/look.h"
#include "format/js.h"
#include "spec/reference.h"

int64_t image_created_ns(const struct image *img)
{
	int64_t ns;
	const char *created = js_str(img->config, "created", "");
	return clock_parse(created, &ns) < 0 ? INT64_MIN : ns;
}

static int parse_kind(const char *key, const char *v, enum image_filter_kind *ret, struct err *e)
{
	static const char *const yes[] = { "1", "t", "T", "true", "True", "TRUE" };
	static const char *const no[] = { "0", "f", "F", "false", "False", "FALSE" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(v, yes[i]) || !strcmp(v, no[i])) {
			*ret = !strcmp(v, yes[i]) ? KIND_ONLY : KIND_NOT;
			return 0;
		}
	}
	return err_new(e, E_INVALID, EINVAL, "invalid filter '%s=[%s]'", key, v);
}

static int image_time(const struct store *s, const char *name, int64_t *ret, struct err *e)
{
	struct image img;

	if (image_resolve(s, name, &img, e) < 0)
		return -e->eno;
	*ret = image_created_ns(&img);
	image_done(&img);
	return 0;
}

/* a Go duration, or whole days or weeks: "36h", "30d", "2w" */
static int unused_for(const char *v, int64_t *used_ns, struct err *e)
{
	size_t n = strlen(v);
	int64_t ns = -1;
	char unit = n ? v[n - 1] : 0;

	if (unit == 'd' || unit == 'w') {
		OWN_STR digits = strndup(v, n - 1);
		uint32_t count;
		if (digits && text_uint32(digits, &count) == 0 && count < 100000)
			ns = count * (unit == 'w' ? 7 : 1) * 86400LL * 1000000000LL;
	} else if (duration_parse(v, &ns) < 0) {
		ns = -1;
	}
	if (ns < 0) {
		err_new(e, E_INVALID, EINVAL, "invalid filter 'unused-for=%s'", v);
		err_hint(e, "it takes a duration: 36h, 90m, 30d, 2w");
		return -e->eno;
	}
	int64_t at = clock_now_ns() - ns;
	if (at < *used_ns)
		*used_ns = at;
	return 0;
}

static int compile(struct image_filter *f, const struct store *s, const char *key, const char *v,
		   struct err *e)
{
	if (!strcmp(key, "dangling"))
		return parse_kind(key, v, &f->dangling, e);
	if (!strcmp(key, "readonly"))
		return parse_kind(key, v, &f->read_only, e);
	if (!strcmp(key, "before"))
		return image_time(s, v, &f->before_ns, e);
	if (!strcmp(key, "since"))
		return image_time(s, v, &f->since_ns, e);
	if (!strcmp(key, "unused-for"))
		return unused_for(v, &f->used_ns, e);
	if (!strcmp(key, "keep-last"))
		return text_int64(v, &f->keep_last) < 0 || f->keep_last < 0 ?
			       err_new(e, E_INVALID, EINVAL, "invalid filter 'keep-last=%s': a number of images is needed", v) :
			       0;
	return !strcmp(key, "until") ? filter_time(v, &f->until_ns, e) : 0;
}

int image_filter_init(struct image_filter *f, const struct store *s, const json_t *filters,
		      const char *const *allowed, struct err *e)
{
	const char *key;
	json_t *values, *v;
	size_t i;

	*f = (struct image_filter){ .filters = json_object(), .before_ns = INT64_MAX,
				    .since_ns = INT64_MIN, .until_ns = INT64_MAX, .store = s,
				    .used_ns = INT64_MAX, .keep_last = -1 };
	if (!f->filters)
		return err_new(e, E_NOMEM, ENOMEM, "filters");
	if (filter_check(filters, allowed, e) < 0)
		return -e->eno;
	json_object_foreach((json_t *)(uintptr_t)filters, key, values) {
		/* both forms of the API as a list */
		json_t *list = filter_values(filters, key);
		if (!list || json_object_set_new(f->filters, key, list) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "filters");
		if (!strcmp(key, "until") && json_array_size(list) > 1)
			return err_new(e, E_INVALID, EINVAL, "more than one until filter specified");
		json_array_foreach(list, i, v) {
			if (!json_is_string(v))
				return err_new(e, E_INVALID, EINVAL, "invalid filter '%s': no text", key);
			if (compile(f, s, key, json_string_value(v), e) < 0)
				return -e->eno;
		}
	}
	return 0;
}

void image_filter_done(struct image_filter *f)
{
	json_decref(f->filters);
	f->filters = NULL;
}

/* "key" or "key=value" against the image's labels */
static bool label_is(const struct image *img, const char *want)
{
	const json_t *labels = js_at(img->config, "config.Labels");
	size_t n = strcspn(want, "=");
	OWN_STR key = strndup(want, n);
	const char *have = key ? json_string_value(json_object_get(labels, key)) : NULL;

	return have && (!want[n] || !strcmp(have, want + n + 1));
}

static bool labels_match(const struct image_filter *f, const struct image *img)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(f->filters, "label"), i, v)
		if (!label_is(img, json_string_value(v)))
			return false;
	json_array_foreach(json_object_get(f->filters, "label!"), i, v)
		if (label_is(img, json_string_value(v)))
			return false;
	return true;
}

/* docker: the pattern against the familiar name with, then without tag or digest */
static bool pattern_matches(const char *pattern, const char *familiar)
{
	char name[REFERENCE_TEXT_MAX];
	struct reference ref;
	struct err ignored = { 0 };

	if (!fnmatch(pattern, familiar, FNM_PATHNAME))
		return true;
	if (reference_parse(familiar, &ref, &ignored) < 0)
		return false;
	reference_familiar_name(&ref, name);
	return !fnmatch(pattern, name, FNM_PATHNAME);
}

static bool name_matches(const struct image_filter *f, const char *familiar)
{
	const json_t *patterns = json_object_get(f->filters, "reference");
	json_t *v;
	size_t i;

	if (f->name && !pattern_matches(f->name, familiar))
		return false;
	json_array_foreach(patterns, i, v)
		if (pattern_matches(json_string_value(v), familiar))
			return true;
	return !json_array_size(patterns);
}

static void keep_matching(const struct image_filter *f, char **list, size_t *n)
{
	size_t w = 0;

	for (size_t i = 0; i < *n; i++) {
		if (name_matches(f, list[i]))
			list[w++] = list[i];
		else
			free(list[i]);
	}
	*n = w;
}

bool image_filter_match(const struct image_filter *f, struct image *img)
{
	int64_t created = image_created_ns(img);

	if (created >= f->before_ns || created > f->until_ns ||
	    (f->since_ns != INT64_MIN && created <= f->since_ns))
		return false;
	if (f->dangling == KIND_ONLY && img->n_repo_tags)
		return false;
	if (f->dangling == KIND_NOT && !img->n_repo_tags && !img->n_repo_digests)
		return false;
	if ((f->read_only == KIND_ONLY && !img->store) || (f->read_only == KIND_NOT && img->store))
		return false;
	if (!labels_match(f, img) ||
	    (f->used_ns != INT64_MAX && image_last_use_ns(f->store, img->id) > f->used_ns))
		return false;
	if (!f->name && !json_object_get(f->filters, "reference"))
		return true;
	keep_matching(f, img->repo_tags, &img->n_repo_tags);
	keep_matching(f, img->repo_digests, &img->n_repo_digests);
	return img->n_repo_tags || img->n_repo_digests;
}
