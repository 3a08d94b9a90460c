/* SPDX-License-Identifier: Apache-2.0
 *
 * ps: summaries of containers. Reads the records and never waits for a lock: a container that is
 * being started or removed is shown as it was, or not at all.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/look.h"
#include "format/js.h"
#include "spec/port.h"
#include "spec/reference.h"
#include "store/image.h"

static const char *const filter_names[] = {
	"ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label",
	"name", "network", "publish", "since", "status", "volume", NULL,
};

/* the filters, ready for use */
struct wanted {
	const json_t *filters;
	json_t *ancestor, *exited, *expose, *id, *name, *network, *publish, *status, *volume, *task, *health;
	json_t *ancestor_ids;       /* image IDs and chain IDs of the ancestors */
	int64_t before_ns, since_ns; /* creation times; 0: not asked */
};

struct row {
	int64_t created_ns;
	json_t *summary;
};

void look_status(const struct handle *h, int64_t now, struct buf *out)
{
	char d[DURATION_TEXT_MAX];
	int64_t up = h->st.started_ns == INT64_MIN ? 0 : (now - h->st.started_ns) / 1000000000;
	int64_t since = h->st.finished_ns == INT64_MIN ? 0 : (now - h->st.finished_ns) / 1000000000;

	switch (h->st.status) {
	case CONTAINER_RUNNING:
		duration_human(up, d);
		buf_printf(out, "Up %s%s", d, h->st.paused ? " (Paused)" : "");
		return;
	case CONTAINER_RESTARTING:
		duration_human(since, d);
		buf_printf(out, "Restarting (%d) %s ago", h->st.exit_code, d);
		return;
	case CONTAINER_EXITED:
		duration_human(since, d);
		buf_printf(out, "Exited (%d) %s ago", h->st.exit_code, d);
		return;
	case CONTAINER_CREATED:
		buf_puts(out, "Created");
		return;
	case CONTAINER_DEAD:
		buf_puts(out, "Dead");
		return;
	case CONTAINER_PAUSED:
	case CONTAINER_STATUS_N:
	default:
		buf_puts(out, "");
	}
}

static json_t *command(const json_t *record)
{
	struct buf b = { 0 };
	size_t i;
	json_t *v;

	buf_puts(&b, js_str(record, "Path", ""));
	json_array_foreach(json_object_get(record, "Args"), i, v) {
		const char *s = json_string_value(v);
		buf_printf(&b, s && strpbrk(s, " \t\n") ? " '%s'" : " %s", s ? s : "");
	}
	json_t *r = json_string(buf_str(&b) ? buf_str(&b) : "");
	buf_done(&b);
	return r;
}

static void port_rows(json_t *list, const char *key, json_t *bindings)
{
	uint16_t port;
	char proto[5];
	struct err e;
	size_t i;
	json_t *b;

	if (port_key_parse(key, &port, proto, &e) < 0)
		return;
	if (!json_array_size(bindings))
		json_array_append_new(list, json_pack("{si ss}", "PrivatePort", port, "Type", proto));
	json_array_foreach(bindings, i, b)
		json_array_append_new(list, json_pack("{ss si si ss}", "IP", js_str(b, "HostIp", ""), "PrivatePort",
						      port, "PublicPort", (int)strtol(js_str(b, "HostPort", "0"), NULL, 10),
						      "Type", proto));
}

static json_t *ports(const struct handle *h)
{
	json_t *list = json_array(), *live = js_at(h->st.run, "network.Ports"), *v;
	json_t *exposed = js_at(h->c.record, "Config.ExposedPorts");
	const char *key;

	if (h->st.status != CONTAINER_RUNNING)
		return list;
	json_object_foreach(live, key, v)
		port_rows(list, key, v);
	json_object_foreach(exposed, key, v)
		if (!json_object_get(live, key))
			port_rows(list, key, NULL);
	return list;
}

/* What one listing keeps from one row to the next: the clock, and the image that the last name meant,
 * since hundreds of containers are made from one image. */
struct listing {
	struct engine *eng;
	int64_t now;
	bool size;
	json_t *endpoint; /* settings of a network that a container is not on now, shared; owned */
	char name[REFERENCE_TEXT_MAX];
	char image[DIGEST_TEXT_MAX]; /* "": the name means no image any more */
};

/* the name it was made from, unless that means another image by now */
static const char *image_name(struct listing *l, const json_t *record)
{
	const char *name = js_str(record, "Config.Image", ""), *id = js_str(record, "Image", "");
	char canonical[REFERENCE_TEXT_MAX];
	struct reference ref;
	struct err e;

	if (!l->name[0] || strcmp(l->name, name) != 0) {
		if (reference_is_id(name) || reference_parse_tagged(name, &ref, &e) < 0)
			return name;
		reference_canonical(&ref, canonical);
		if (reference_get(&l->eng->store, canonical, l->image, NULL, &e) < 0)
			l->image[0] = 0;
		(void)snprintf(l->name, sizeof l->name, "%s", name); /* one that is cut never matches */
	}
	return strcmp(l->image, id) ? id : name;
}

static json_t *summary(struct listing *l, const struct handle *h, int64_t created)
{
	struct engine *eng = l->eng;
	bool size = l->size;
	const json_t *r = h->c.record;
	struct buf status = { 0 };

	look_status(h, l->now, &status);
	json_t *labels = js_at(r, "Config.Labels"), *mounts = json_object_get(r, "Mounts");
	json_t *o = json_pack("{ss s[s] ss ss so sI so sO? ss ss s{ss} s{so} sO? sI}", "Id", h->c.id, "Names",
			      js_str(r, "Name", ""), "Image", image_name(l, r), "ImageID", js_str(r, "Image", ""),
			      "Command", command(r), "Created", (json_int_t)(created / 1000000000), "Ports", ports(h),
			      "Labels", labels, "State",
			      container_status_name(h->st.paused ? CONTAINER_PAUSED : h->st.status), "Status",
			      buf_str(&status) ? buf_str(&status) : "", "HostConfig", "NetworkMode",
			      js_str(r, "HostConfig.NetworkMode", ""), "NetworkSettings", "Networks",
			      look_networks(h, &l->endpoint), "Mounts", mounts, "CreatedNs", (json_int_t)created);
	buf_done(&status);
	if (o && json_is_null(json_object_get(o, "Labels")))
		json_object_set_new(o, "Labels", json_object());
	if (o && size)
		look_sizes(eng, h, o);
	return o;
}

/* docker takes a regular expression; a bare word matches anywhere, with or without the slash */
static bool name_matches(const json_t *values, const char *name)
{
	size_t i;
	json_t *v;

	json_array_foreach(values, i, v) {
		const char *want = json_string_value(v);
		regex_t re;
		if (!want || regcomp(&re, want, REG_EXTENDED | REG_NOSUB))
			continue;
		bool hit = !regexec(&re, name, 0, NULL, 0) || !regexec(&re, name + (*name == '/'), 0, NULL, 0);
		regfree(&re);
		if (hit)
			return true;
	}
	return false;
}

static bool id_matches(const json_t *values, const char *id)
{
	size_t i;
	json_t *v;
	json_array_foreach(values, i, v)
		if (json_is_string(v) && text_starts(id, json_string_value(v)))
			return true;
	return false;
}

static bool status_matches(const json_t *values, const struct handle *h)
{
	return js_has_string(values, container_status_name(h->st.paused ? CONTAINER_PAUSED : h->st.status));
}

static bool exited_matches(const json_t *values, const struct handle *h)
{
	char code[16];
	(void)snprintf(code, sizeof code, "%d", h->st.exit_code);
	return h->st.status == CONTAINER_EXITED && js_has_string(values, code);
}

static bool volume_matches(const json_t *values, const json_t *mounts)
{
	size_t i;
	json_t *m;
	json_array_foreach(mounts, i, m)
		if (js_has_string(values, js_str(m, "Name", "")) || js_has_string(values, js_str(m, "Destination", "")) ||
		    js_has_string(values, js_str(m, "Source", "")))
			return true;
	return false;
}

static bool network_matches(const json_t *values, const struct handle *h)
{
	OWN_JSON nets = look_networks(h, NULL);
	const char *key;
	json_t *v;
	json_object_foreach(nets, key, v)
		if (js_has_string(values, key) || js_has_string(values, js_str(v, "NetworkID", "-")))
			return true;
	return false;
}

/* "80", "80/tcp", "80-90/tcp" against the keys of published or exposed ports */
static bool port_matches(const json_t *values, json_t *keys, bool bound)
{
	size_t i;
	json_t *v, *b;
	const char *key;

	json_array_foreach(values, i, v) {
		const char *s = json_string_value(v), *slash = s ? strchr(s, '/') : NULL;
		unsigned from = 0, to = 0;
		if (!s || sscanf(s, "%u-%u", &from, &to) < 1)
			continue;
		if (to < from)
			to = from;
		json_object_foreach(keys, key, b) {
			uint16_t port;
			char proto[5];
			struct err e;
			if ((bound && !json_array_size(b)) || port_key_parse(key, &port, proto, &e) < 0)
				continue;
			if (port >= from && port <= to && !strcmp(proto, slash ? slash + 1 : "tcp"))
				return true;
		}
	}
	return false;
}

static bool ancestor_matches(const struct wanted *w, const json_t *record)
{
	const json_t *chain = js_at(record, "Onggi.Chain");
	size_t i;
	json_t *v;

	if (js_has_string(w->ancestor, js_str(record, "Config.Image", "-")) ||
	    js_has_string(w->ancestor_ids, js_str(record, "Image", "-")))
		return true;
	json_array_foreach(chain, i, v)
		if (js_has_string(w->ancestor_ids, json_string_value(v)))
			return true;
	return false;
}

static bool matches(const struct wanted *w, const struct handle *h, int64_t created)
{
	const json_t *r = h->c.record;

	if ((w->before_ns && created >= w->before_ns) || (w->since_ns && created <= w->since_ns) ||
	    !filter_labels(w->filters, "label", js_at(r, "Config.Labels")))
		return false;
	return (!w->id || id_matches(w->id, h->c.id)) &&
	       (!w->name || name_matches(w->name, js_str(r, "Name", ""))) &&
	       (!w->status || status_matches(w->status, h)) && (!w->exited || exited_matches(w->exited, h)) &&
	       (!w->volume || volume_matches(w->volume, json_object_get(r, "Mounts"))) &&
	       (!w->network || network_matches(w->network, h)) &&
	       (!w->publish || port_matches(w->publish, js_at(r, "HostConfig.PortBindings"), true)) &&
	       (!w->expose || port_matches(w->expose, js_at(r, "Config.ExposedPorts"), false)) &&
	       (!w->task || js_has_string(w->task, "false")) && (!w->health || js_has_string(w->health, "none")) &&
	       (!w->ancestor || ancestor_matches(w, r));
}

static int created_of(struct engine *eng, const json_t *filters, const char *key, int64_t *ret, struct err *e)
{
	CLEANUP(container_done) struct container c = CONTAINER_NULL;
	OWN_JSON v = filter_values(filters, key);
	const char *ref = json_string_value(json_array_get(v, 0));
	char id[65];

	if (!ref)
		return 0;
	if (container_resolve(&eng->store, ref, id, e) < 0 || container_load(&eng->store, id, &c, e) < 0)
		return -e->eno;
	return clock_parse(js_str(c.record, "Created", ""), ret) < 0 ?
		       err_new(e, E_CORRUPT, EINVAL, "container %.12s: bad creation time", id) : 0;
}

static int wanted_init(struct engine *eng, const json_t *filters, struct wanted *w, struct err *e)
{
	const struct {
		const char *name;
		json_t **to;
	} lists[] = {
		{ "ancestor", &w->ancestor }, { "exited", &w->exited },   { "expose", &w->expose },
		{ "id", &w->id },             { "name", &w->name },       { "network", &w->network },
		{ "publish", &w->publish },   { "status", &w->status },   { "volume", &w->volume },
		{ "is-task", &w->task },      { "health", &w->health },
	};
	size_t i;
	json_t *v;

	w->filters = filters;
	if (filter_check(filters, filter_names, e) < 0 || created_of(eng, filters, "before", &w->before_ns, e) < 0 ||
	    created_of(eng, filters, "since", &w->since_ns, e) < 0)
		return -e->eno;
	for (size_t k = 0; k < ARRAY_LEN(lists); k++)
		*lists[k].to = filter_values(filters, lists[k].name);
	json_array_foreach(w->status, i, v) {
		static const char *const states[] = { "created", "restarting", "running", "removing", "paused",
						      "exited", "dead" };
		size_t k = 0;
		while (k < ARRAY_LEN(states) && strcmp(states[k], json_string_value(v) ? json_string_value(v) : ""))
			k++;
		if (k == ARRAY_LEN(states))
			return err_new(e, E_INVALID, EINVAL, "invalid filter 'status=%s'", json_string_value(v));
	}
	w->ancestor_ids = json_array();
	json_array_foreach(w->ancestor, i, v) {
		struct image img;
		struct err ignored;
		if (image_resolve(&eng->store, json_string_value(v), &img, &ignored) < 0)
			continue;
		json_array_append_new(w->ancestor_ids, json_string(img.id));
		if (img.n_chain_ids)
			json_array_append_new(w->ancestor_ids, json_string(img.chain_ids[img.n_chain_ids - 1]));
		image_done(&img);
	}
	return 0;
}

static void wanted_done(struct wanted *w)
{
	json_t *all[] = { w->ancestor, w->exited, w->expose, w->id, w->name, w->network, w->publish,
			  w->status, w->volume, w->task, w->health, w->ancestor_ids };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		json_decref(all[i]);
}

static int newest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	return (y->created_ns > x->created_ns) - (y->created_ns < x->created_ns);
}

/* containers that pass; one that goes away meanwhile is simply not there */
static size_t collect(struct engine *eng, const struct engine_list *q, const struct wanted *w,
		      char (*ids)[65], size_t n, struct row *rows)
{
	bool all = q->all || q->limit > 0 || w->status || w->exited;
	struct listing l = { .eng = eng, .now = clock_now_ns(), .size = q->size };
	int64_t created;
	size_t k = 0;
	bool half_made = false;

	for (size_t i = 0; i < n; i++) {
		OWN_HANDLE h = HANDLE_NULL;
		struct err e;
		if (w->id && !id_matches(w->id, ids[i]))
			continue;
		if (handle_open(eng, ids[i], HANDLE_FULL_ID, &h, &e) < 0) {
			if (e.kind != E_NOT_FOUND)
				engine_warn(eng, "%s", e.chain);
			else
				half_made = true;
			continue;
		}
		if (is_abandoned(&h) && abandoned_remove(eng, ids[i]))
			continue;
		if (!all && h.st.status != CONTAINER_RUNNING && h.st.status != CONTAINER_RESTARTING)
			continue;
		if (clock_parse(js_str(h.c.record, "Created", ""), &created) < 0)
			created = 0;
		if (!matches(w, &h, created))
			continue;
		rows[k].created_ns = created;
		rows[k].summary = summary(&l, &h, created);
		k += rows[k].summary != NULL;
	}
	json_decref(l.endpoint);
	if (half_made)
		(void)container_sweep(&eng->store, &(struct err){ 0 }); /* what was killed while it was made */
	return k;
}

int engine_list(struct engine *eng, const struct engine_list *q, json_t **ret, struct err *e)
{
	CLEANUP(wanted_done) struct wanted w = { 0 };
	OWN_PTR char (*ids)[65] = NULL;
	size_t n;

	if (wanted_init(eng, q->filters, &w, e) < 0 || container_ids(&eng->store, &ids, &n, e) < 0)
		return -e->eno;
	OWN_PTR struct row *rows = malloc((n + 1) * sizeof *rows);
	json_t *list = json_array();
	if (!rows || !list) {
		json_decref(list);
		return err_new(e, E_NOMEM, ENOMEM, "list containers");
	}
	n = collect(eng, q, &w, ids, n, rows);
	qsort(rows, n, sizeof *rows, newest_first);
	for (size_t i = 0; i < n; i++) {
		if (q->limit <= 0 || i < (size_t)q->limit)
			json_array_append_new(list, rows[i].summary);
		else
			json_decref(rows[i].summary);
	}
	*ret = list;
	return 0;
}
