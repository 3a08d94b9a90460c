/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image search: docker's command, filters and table.
 */
#include "registry/search.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "format/js.h"
#include "front/cli/list.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"

static const struct list_field fields[] = {
	{ "Name", "NAME" }, { "Description", "DESCRIPTION" }, { "StarCount", "STARS" },
	{ "IsOfficial", "OFFICIAL" }, { "IsAutomated", "AUTOMATED" },
};
static const struct list_spec spec = {
	fields, ARRAY_LEN(fields), "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}", "Name"
};

/* what is let through */
struct wanted {
	int64_t stars;
	int official, automated; /* -1: either */
};

static int yes_or_no(const char *filter, const char *value, int *ret, struct err *e)
{
	if (!strcmp(value, "true") || !strcmp(value, "1"))
		*ret = 1;
	else if (!strcmp(value, "false") || !strcmp(value, "0"))
		*ret = 0;
	else
		return err_new(e, E_INVALID, EINVAL, "invalid filter '%s'", filter);
	return 0;
}

static int filter_take(const char *f, struct wanted *w, struct err *e)
{
	if (text_starts(f, "is-official="))
		return yes_or_no(f, strchr(f, '=') + 1, &w->official, e);
	if (text_starts(f, "is-automated="))
		return yes_or_no(f, strchr(f, '=') + 1, &w->automated, e);
	if (text_starts(f, "stars=")) {
		int64_t n;
		if (text_int64(f + strlen("stars="), &n) < 0)
			return err_new(e, E_INVALID, EINVAL, "invalid filter '%.100s'", f);
		if (n > w->stars)
			w->stars = n;
		return 0;
	}
	if (!strchr(f, '='))
		return err_new(e, E_USAGE, EINVAL, "invalid argument \"%.100s\" for \"-f, --filter\" flag: bad format of filter (expected name=value)", f);
	return err_new(e, E_INVALID, EINVAL, "invalid filter '%.*s'", (int)strcspn(f, "="), f);
}

static bool passes(const struct wanted *w, const json_t *r)
{
	return js_int(r, "star_count", 0) >= w->stars && (w->official < 0 || js_bool(r, "is_official", false) == w->official) &&
	       (w->automated < 0 || js_bool(r, "is_automated", false) == w->automated);
}

static json_t *row_of(const json_t *r, bool trunc, bool json)
{
	const char *yes = json ? "true" : "[OK]";
	struct buf b = { 0 };
	json_t *row = json_object();

	buf_puts(&b, js_str(r, "name", ""));
	list_set(row, "Name", &b);
	if (trunc)
		human_ellipsis(js_str(r, "description", ""), 45, &b);
	else
		buf_puts(&b, js_str(r, "description", ""));
	list_set(row, "Description", &b);
	buf_printf(&b, "%lld", (long long)js_int(r, "star_count", 0));
	list_set(row, "StarCount", &b);
	(void)json_object_set_new(row, "IsOfficial", json_string(js_bool(r, "is_official", false) ? yes : ""));
	(void)json_object_set_new(row, "IsAutomated", json_string(js_bool(r, "is_automated", false) ? yes : ""));
	return row;
}

static int run(const struct image_call *call, struct err *e)
{
	const char *format = opt_str(call->req, "@format", NULL);
	bool json = opt_bool(call->req, "@json");
	long long limit = opt_int(call->req, "@limit", SEARCH_LIMIT_DEFAULT);
	struct wanted w = { INT64_MIN, -1, -1 };
	OWN_JSON found = NULL;
	OWN_JSON rows = json_array();
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(call->req, "@filter"), i, v)
		if (filter_take(json_string_value(v), &w, e) < 0)
			return -e->eno;
	if (limit < 1 || limit > SEARCH_LIMIT_MAX)
		return err_new(e, E_INVALID, ERANGE, "limit %lld is outside the range of [1, %d]", limit, SEARCH_LIMIT_MAX);
	if (search_registry(call->argv[0], call->access, (unsigned)limit, &found, e) < 0)
		return -e->eno;
	json_array_foreach(found, i, v)
		if (passes(&w, v))
			(void)json_array_append_new(rows, row_of(v, !opt_bool(call->req, "@no-trunc"),
								 json || (format && !strcmp(format, "json"))));
	const struct list_opt opt = { format, false, json };
	return list_print(&spec, rows, &opt, e);
}

int verb_search(const struct image_call *call)
{
	struct err e = { 0 };

	return run(call, &e) < 0 ? image_fail(&e) : image_flush(0);
}
