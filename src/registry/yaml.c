/* SPDX-License-Identifier: Apache-2.0
 *
 * From libyaml's events to JSON: see yaml.h.
 */
#include "registry/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/own.h"
#include "format/js.h"

static void event_done(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}

#define OWN_EVENT CLEANUP(event_done) yaml_event_t

static int refuse(const yaml_event_t *ev, const char *what, struct err *e)
{
	return err_new(e, E_INVALID, EINVAL, "line %zu: %s", ev->start_mark.line + 1, what);
}

static int next(yaml_parser_t *p, yaml_event_t *ret, struct err *e)
{
	if (yaml_parser_parse(p, ret))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return err_new(e, E_NOMEM, ENOMEM, "YAML");
	return err_new(e, E_INVALID, EINVAL, "line %zu: %s", p->problem_mark.line + 1, p->problem ? p->problem : "no YAML");
}

static int value_make(yaml_parser_t *p, const yaml_event_t *ev, int depth, json_t **ret, struct err *e);

static int scalar_make(const yaml_event_t *ev, json_t **ret, struct err *e)
{
	const char *s = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (ev->data.scalar.anchor || ev->data.scalar.tag)
		return refuse(ev, "anchors and types of values are not known here", e);
	if (memchr(s, 0, n))
		return refuse(ev, "a NUL in a text", e);
	*ret = plain && (!n || !strcmp(s, "~") || !strcmp(s, "null")) ? json_null() : json_stringn(s, n);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "YAML");
}

static int sequence_make(yaml_parser_t *p, int depth, json_t **ret, struct err *e)
{
	OWN_JSON list = json_array();

	for (;;) {
		OWN_EVENT ev = { 0 };
		json_t *v;
		if (next(p, &ev, e) < 0)
			return -e->eno;
		if (ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (value_make(p, &ev, depth, &v, e) < 0)
			return -e->eno;
		if (json_array_append_new(list, v) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "YAML");
	}
	*ret = json_incref(list);
	return 0;
}

static int mapping_make(yaml_parser_t *p, int depth, json_t **ret, struct err *e)
{
	OWN_JSON map = json_object();

	for (;;) {
		OWN_EVENT key = { 0 };
		OWN_EVENT ev = { 0 };
		OWN_JSON name = NULL;
		json_t *v;
		if (next(p, &key, e) < 0)
			return -e->eno;
		if (key.type == YAML_MAPPING_END_EVENT)
			break;
		if (key.type != YAML_SCALAR_EVENT || scalar_make(&key, &name, e) < 0 || !json_is_string(name))
			return e->kind ? -e->eno : refuse(&key, "a name is wanted", e);
		if (json_object_get(map, json_string_value(name)))
			return refuse(&key, "a name that is there already", e);
		if (next(p, &ev, e) < 0 || value_make(p, &ev, depth, &v, e) < 0)
			return -e->eno;
		if (json_object_set_new(map, json_string_value(name), v) < 0)
			return err_new(e, E_NOMEM, ENOMEM, "YAML");
	}
	*ret = json_incref(map);
	return 0;
}

static int value_make(yaml_parser_t *p, const yaml_event_t *ev, int depth, json_t **ret, struct err *e)
{
	if (depth >= YAML_DEPTH_MAX)
		return refuse(ev, "nested too deeply", e);
	if (ev->type == YAML_SCALAR_EVENT)
		return scalar_make(ev, ret, e);
	if (ev->type == YAML_SEQUENCE_START_EVENT && !ev->data.sequence_start.anchor && !ev->data.sequence_start.tag)
		return sequence_make(p, depth + 1, ret, e);
	if (ev->type == YAML_MAPPING_START_EVENT && !ev->data.mapping_start.anchor && !ev->data.mapping_start.tag)
		return mapping_make(p, depth + 1, ret, e);
	return refuse(ev, "anchors and types of values are not known here", e);
}

/* stream, document, value, and the ends of both */
static int document_make(yaml_parser_t *p, json_t **ret, struct err *e)
{
	static const yaml_event_type_t before[] = { YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT };
	static const yaml_event_type_t after[] = { YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT };
	OWN_JSON v = NULL;

	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		OWN_EVENT ev = { 0 };
		if (next(p, &ev, e) < 0)
			return -e->eno;
		if (ev.type != before[i])
			return refuse(&ev, "there is nothing in it", e);
	}
	OWN_EVENT first = { 0 };
	if (next(p, &first, e) < 0 || value_make(p, &first, 0, &v, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < ARRAY_LEN(after); i++) {
		OWN_EVENT ev = { 0 };
		if (next(p, &ev, e) < 0)
			return -e->eno;
		if (ev.type != after[i])
			return refuse(&ev, "one document is wanted", e);
	}
	*ret = json_incref(v);
	return 0;
}

int yaml_parse(const char *text, size_t n, json_t **ret, struct err *e)
{
	yaml_parser_t p;

	if (n > YAML_BYTES_MAX)
		return err_new(e, E_INVALID, E2BIG, "more than %d bytes", YAML_BYTES_MAX);
	if (!yaml_parser_initialize(&p))
		return err_new(e, E_NOMEM, ENOMEM, "YAML");
	yaml_parser_set_input_string(&p, (const unsigned char *)text, n);
	int r = document_make(&p, ret, e);
	yaml_parser_delete(&p);
	return r;
}
