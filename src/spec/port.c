/* SPDX-License-Identifier: Apache-2.0
 *
 * Grammar of published ports and docker's JSON for them: see port.h.
 */
#include "spec/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/ip.h"
#include "base/text.h"
#include "format/js.h"

static const char *const protos[] = { "tcp", "udp", "sctp" };

int port_list_add(struct port_list *l, const struct port_spec *p, struct err *e)
{
	if (l->n == PORT_SPECS_MAX)
		return err_new(e, E_INVALID, E2BIG, "more than %d published ports", PORT_SPECS_MAX);
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 8;
		struct port_spec *v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return err_new(e, E_NOMEM, ENOMEM, "ports");
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *p;
	return 0;
}

void port_list_done(struct port_list *l)
{
	free(l->v);
	*l = (struct port_list){ 0 };
}

static int parse_number(const char *s, size_t n, uint16_t *ret)
{
	char text[8];
	uint32_t v;

	if (!n || n >= sizeof text)
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = 0;
	if (text_uint32(text, &v) < 0 || v > 65535)
		return -EINVAL;
	*ret = (uint16_t)v;
	return 0;
}

/* "80" or "80-90" */
static int parse_range(const char *s, size_t n, uint16_t *first, uint16_t *last)
{
	const char *dash = memchr(s, '-', n);
	size_t head = dash ? (size_t)(dash - s) : n;

	if (parse_number(s, head, first) < 0)
		return -EINVAL;
	*last = *first;
	if (!dash)
		return 0;
	if (parse_number(dash + 1, n - head - 1, last) < 0 || *last < *first)
		return -EINVAL;
	return 0;
}

static int parse_proto(const char *s, size_t n, char ret[5], struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(protos); i++)
		if (strlen(protos[i]) == n && !strncasecmp(protos[i], s, n)) {
			memcpy(ret, protos[i], n + 1);
			return 0;
		}
	return err_new(e, E_INVALID, EINVAL, "invalid proto: %.*s", (int)n, s);
}

/* the address before the ports: docker takes IPv6 with and without brackets */
static int parse_ip(const char *s, size_t n, char ret[PORT_IP_MAX], struct err *e)
{
	struct ip_addr a;
	char text[PORT_IP_MAX];

	if (!n) {
		*ret = 0;
		return 0;
	}
	const char *p = s;
	size_t len = n;
	if (*p == '[') {
		if (p[len - 1] != ']')
			return err_new(e, E_INVALID, EINVAL, "invalid IP address: %.*s", (int)n, s);
		p++;
		len -= 2;
	}
	if (len >= sizeof text)
		return err_new(e, E_INVALID, EINVAL, "invalid IP address: %.100s", s);
	memcpy(text, p, len);
	text[len] = 0;
	if (ip_addr_parse(text, &a) < 0)
		return err_new(e, E_INVALID, EINVAL, "invalid IP address: %s", text);
	memcpy(ret, text, len + 1);
	return 0;
}

/* splits "80/tcp"; a missing or empty protocol is tcp */
static int split_proto(const char *s, size_t n, size_t *ret_n, char proto[5], struct err *e)
{
	const char *slash = memchr(s, '/', n);
	size_t head = slash ? (size_t)(slash - s) : n;

	*ret_n = head;
	if (!slash || head + 1 == n) {
		memcpy(proto, "tcp", 4);
		return 0;
	}
	/* as docker: what follows a second slash does not count */
	const char *p = slash + 1, *more = memchr(p, '/', n - head - 1);
	return parse_proto(p, more ? (size_t)(more - p) : n - head - 1, proto, e);
}

static int add_range(struct port_list *l, const struct port_spec *form, uint16_t first, uint16_t last,
		     struct err *e)
{
	bool pick = form->host_end != form->host && first == last;

	for (unsigned i = 0; i <= (unsigned)(last - first); i++) {
		struct port_spec p = *form;
		p.container = (uint16_t)(first + i);
		if (form->host && !pick)
			p.host = p.host_end = (uint16_t)(form->host + i);
		if (port_list_add(l, &p, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int parse_short(const char *spec, struct port_list *l, struct err *e)
{
	size_t n = strlen(spec), cn;
	const char *last = strrchr(spec, ':'), *cport = last ? last + 1 : spec;
	struct port_spec form = { 0 };
	uint16_t first, end;

	if (last) {
		const char *mid = memrchr(spec, ':', (size_t)(last - spec));
		const char *host = mid ? mid + 1 : spec;
		size_t hn = (size_t)(last - host);
		if (parse_ip(spec, mid ? (size_t)(mid - spec) : 0, form.host_ip, e) < 0)
			return -e->eno;
		if (split_proto(cport, n - (size_t)(cport - spec), &cn, form.proto, e) < 0)
			return -e->eno;
		if (!cn)
			return err_new(e, E_INVALID, EINVAL, "no port specified: %s<empty>", spec);
		if (parse_range(cport, cn, &first, &end) < 0 || !first)
			return err_new(e, E_INVALID, EINVAL, "invalid containerPort: %.*s", (int)cn, cport);
		if (hn && parse_range(host, hn, &form.host, &form.host_end) < 0)
			return err_new(e, E_INVALID, EINVAL, "invalid hostPort: %.*s", (int)hn, host);
		if (hn && end - first != form.host_end - form.host && end != first)
			return err_new(e, E_INVALID, EINVAL, "invalid ranges specified for container and host "
				       "Ports: %.*s and %.*s", (int)cn, cport, (int)hn, host);
		if (!form.host && form.host_end)
			return err_new(e, E_INVALID, EINVAL, "invalid hostPort: %.*s", (int)hn, host);
		return add_range(l, &form, first, end, e);
	}
	if (split_proto(spec, n, &cn, form.proto, e) < 0)
		return -e->eno;
	if (!cn)
		return err_new(e, E_INVALID, EINVAL, "no port specified: %s<empty>", spec);
	if (parse_range(spec, cn, &first, &end) < 0 || !first)
		return err_new(e, E_INVALID, EINVAL, "invalid containerPort: %.*s", (int)cn, spec);
	return add_range(l, &form, first, end, e);
}

/* "published=8080,target=80,protocol=udp": docker turns it into the short form */
static int parse_long(const char *spec, struct port_list *l, struct err *e)
{
	char published[40] = "", target[40] = "", protocol[40] = "tcp", text[128];
	const struct {
		const char *key;
		char *into;
	} keys[] = { { "published", published }, { "target", target }, { "protocol", protocol } };

	for (const char *p = spec; *p;) {
		size_t n = strcspn(p, ",");
		const char *eq = memchr(p, '=', n);
		if (!eq || eq == p)
			return err_new(e, E_INVALID, EINVAL, "invalid publish opts format (should be name=value "
				       "but got '%.*s')", (int)n, p);
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			size_t kn = (size_t)(eq - p), vn = n - kn - 1;
			if (strlen(keys[i].key) != kn || memcmp(keys[i].key, p, kn))
				continue;
			if (vn >= sizeof published)
				return err_new(e, E_INVALID, EINVAL, "invalid publish value: %.*s", (int)n, p);
			memcpy(keys[i].into, eq + 1, vn);
			keys[i].into[vn] = 0;
		}
		p += n + (p[n] == ',');
	}
	(void)snprintf(text, sizeof text, "%s:%s/%s", published, target, protocol);
	return parse_short(text, l, e);
}

int port_parse(const char *spec, struct port_list *l, struct err *e)
{
	return strchr(spec, '=') ? parse_long(spec, l, e) : parse_short(spec, l, e);
}

int port_parse_expose(const char *spec, struct port_list *l, struct err *e)
{
	struct port_spec form = { 0 };
	uint16_t first, last;
	size_t n;

	if (strchr(spec, ':'))
		return err_new(e, E_INVALID, EINVAL, "invalid port format for --expose: %s", spec);
	if (split_proto(spec, strlen(spec), &n, form.proto, e) < 0)
		return err_ctx(e, "invalid port format for --expose: %s", spec);
	if (parse_range(spec, n, &first, &last) < 0 || !first)
		return err_new(e, E_INVALID, EINVAL, "invalid range format for --expose: %s", spec);
	return add_range(l, &form, first, last, e);
}

json_t *port_list_exposed(const struct port_list *l)
{
	OWN_JSON all = json_object();

	for (size_t i = 0; i < l->n; i++) {
		char key[16];
		(void)snprintf(key, sizeof key, "%u/%s", l->v[i].container, l->v[i].proto);
		if (json_object_set_new(all, key, json_object()) < 0)
			return NULL;
	}
	return ptr_take(&all);
}

json_t *port_list_to_json(const struct port_list *l)
{
	OWN_JSON all = json_object();

	for (size_t i = 0; i < l->n; i++) {
		const struct port_spec *p = &l->v[i];
		char key[16], host[16] = "";
		(void)snprintf(key, sizeof key, "%u/%s", p->container, p->proto);
		if (p->host && p->host_end > p->host)
			(void)snprintf(host, sizeof host, "%u-%u", p->host, p->host_end);
		else if (p->host)
			(void)snprintf(host, sizeof host, "%u", p->host);
		json_t *arr = json_object_get(all, key);
		if (!arr) {
			arr = json_array();
			if (json_object_set_new(all, key, arr) < 0)
				return NULL;
		}
		if (json_array_append_new(arr, json_pack("{s:s, s:s}", "HostIp", p->host_ip, "HostPort",
							 host)) < 0)
			return NULL;
	}
	return ptr_take(&all);
}

int port_key_parse(const char *key, uint16_t *ret_port, char ret_proto[5], struct err *e)
{
	uint16_t last;
	size_t n;

	if (split_proto(key, strlen(key), &n, ret_proto, e) < 0)
		return -e->eno;
	if (parse_range(key, n, ret_port, &last) < 0 || last != *ret_port || !last)
		return err_new(e, E_INVALID, EINVAL, "invalid port specification: \"%s\"", key);
	return 0;
}

static int one_binding(const char *key, const json_t *o, struct port_spec *p, struct err *e)
{
	const char *ip = js_str(o, "HostIp", ""), *host = js_str(o, "HostPort", "");

	if (!json_is_object(o))
		return err_new(e, E_INVALID, EINVAL, "PortBindings.%s: expected object", key);
	if (parse_ip(ip, strlen(ip), p->host_ip, e) < 0)
		return -e->eno;
	p->host = p->host_end = 0;
	if (*host && (parse_range(host, strlen(host), &p->host, &p->host_end) < 0 ||
		      (!p->host && p->host_end)))
		return err_new(e, E_INVALID, EINVAL, "invalid port specification: \"%s\"", host);
	return 0;
}

int port_list_from_json(const json_t *bindings, struct port_list *l, struct err *e)
{
	const char *key;
	const json_t *arr, *o;
	size_t i;

	if (!bindings || json_is_null(bindings))
		return 0;
	if (!json_is_object(bindings))
		return err_new(e, E_INVALID, EINVAL, "PortBindings: expected object");
	json_object_foreach((json_t *)bindings, key, arr) {
		struct port_spec p = { 0 };
		if (port_key_parse(key, &p.container, p.proto, e) < 0)
			return -e->eno;
		/* null or no binding: nothing is published unless -P asks for it */
		json_array_foreach(arr, i, o)
			if (one_binding(key, o, &p, e) < 0 || port_list_add(l, &p, e) < 0)
				return -e->eno;
	}
	return 0;
}
