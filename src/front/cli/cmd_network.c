/* SPDX-License-Identifier: Apache-2.0
 *
 * network create, ls, rm, prune.
 */
#include <stdio.h>
#include <string.h>

#include "driver/network/definition.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"

/* the n-th value of list @at_name, NULL when there are fewer */
static json_t *nth(const json_t *req, const char *at_name, size_t n)
{
	return json_array_get(json_object_get(req, at_name), n);
}

/* --subnet, --ip-range and --gateway belong together by their order */
static int ipam_of(struct cli *c, json_t *body, struct err *e)
{
	size_t subnets = json_array_size(json_object_get(c->req, "@subnet"));
	size_t ranges = json_array_size(json_object_get(c->req, "@ip-range"));
	size_t gateways = json_array_size(json_object_get(c->req, "@gateway"));
	json_t *aux = json_object_get(c->req, "@aux-address");

	if (ranges > subnets || gateways > subnets || (aux && !subnets))
		return err_new(e, E_USAGE, EINVAL, "every --ip-range, --gateway and --aux-address requires a corresponding --subnet");
	json_t *config = json_array();
	for (size_t i = 0; i < subnets; i++) {
		json_t *one = json_object();
		(void)json_object_set(one, "Subnet", nth(c->req, "@subnet", i));
		if (nth(c->req, "@ip-range", i))
			(void)json_object_set(one, "IPRange", nth(c->req, "@ip-range", i));
		if (nth(c->req, "@gateway", i))
			(void)json_object_set(one, "Gateway", nth(c->req, "@gateway", i));
		if (aux && !i)
			(void)json_object_set(one, "AuxiliaryAddresses", aux);
		(void)json_array_append_new(config, one);
	}
	return opt_store(body, "IPAM.Config", config, e);
}

int cmd_network_create(struct cli *c, struct err *e)
{
	char id[65];
	OWN_JSON body = json_pack("{s:s,s:s,s:b,s:b,s:b}", "Name", c->argv[0], "Driver",
				  opt_str(c->req, "@driver", "bridge"), "Internal",
				  opt_bool(c->req, "@internal"), "EnableIPv6", opt_bool(c->req, "@ipv6"),
				  "Attachable", opt_bool(c->req, "@attachable"));
	if (!body)
		return err_new(e, E_USAGE, EINVAL, "network name is not valid UTF-8");
	json_t *v4 = json_object_get(c->req, "@ipv4");
	if (v4)
		(void)json_object_set(body, "EnableIPv4", v4);
	json_t *labels = json_object_get(c->req, "Labels"), *opts = json_object_get(c->req, "@opt");
	if (labels)
		(void)json_object_set(body, "Labels", labels);
	if (opts)
		(void)json_object_set(body, "Options", opts);
	if (ipam_of(c, body, e) < 0 || network_create(&c->eng.network, body, id, e) < 0)
		return -e->eno;
	puts(id);
	return 0;
}

static const struct list_field fields[] = {
	{ "ID", "NETWORK ID" }, { "Name", "NAME" }, { "Driver", "DRIVER" }, { "Scope", "SCOPE" },
	{ "IPv4", "IPV4" }, { "IPv6", "IPV6" }, { "Internal", "INTERNAL" }, { "Labels", "LABELS" },
	{ "Label", "LABEL" }, { "CreatedAt", "CREATED AT" },
};
static const struct list_spec spec = {
	fields, ARRAY_LEN(fields), "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", "ID"
};

static bool label_matches(const json_t *labels, const char *want)
{
	const char *eq = strchr(want, '=');
	char key[256];
	size_t n = eq ? (size_t)(eq - want) : strlen(want);

	if (n >= sizeof key)
		return false;
	memcpy(key, want, n);
	key[n] = 0;
	const json_t *v = json_object_get(labels, key);
	return v && (!eq || !strcmp(json_string_value(v) ? json_string_value(v) : "", eq + 1));
}

/* one condition: true when any of its values fits; *ret_known false for an unknown name */
static bool fits(const json_t *net, const char *key, const json_t *values, bool *ret_known)
{
	const json_t *v;
	size_t i;
	bool builtin = strstr(" bridge host none ", js_str(net, "Name", "")) != NULL;

	*ret_known = true;
	json_array_foreach(values, i, v) {
		const char *s = json_string_value(v);
		if (!strcmp(key, "name") ? strstr(js_str(net, "Name", ""), s) != NULL :
		    !strcmp(key, "id") ? !strncmp(js_str(net, "Id", ""), s, strlen(s)) :
		    !strcmp(key, "driver") ? !strcmp(js_str(net, "Driver", ""), s) :
		    !strcmp(key, "scope") ? !strcmp(js_str(net, "Scope", ""), s) :
		    !strcmp(key, "type") ? !strcmp(s, builtin ? "builtin" : "custom") :
		    !strcmp(key, "label") ? label_matches(json_object_get(net, "Labels"), s) :
		    !strcmp(key, "dangling") ?
			    (!builtin && !json_object_size(json_object_get(net, "Containers"))) == !strcmp(s, "true") :
			    (*ret_known = false))
			return true;
	}
	return false;
}

static int passes(const json_t *net, json_t *filters, bool *ret, struct err *e)
{
	const char *key;
	json_t *values;
	bool known;

	*ret = true;
	json_object_foreach(filters, key, values) {
		*ret = *ret && fits(net, key, values, &known);
		if (!known)
			return err_new(e, E_INVALID, EINVAL, "invalid filter '%s'", key);
	}
	return 0;
}

static json_t *row_of(const json_t *n, bool trunc)
{
	json_t *row = json_object();
	static const char *const same[] = { "Name", "Driver", "Scope" };
	static const struct { const char *name, *key; bool dflt; } flags[] = {
		{ "IPv4", "EnableIPv4", true }, { "IPv6", "EnableIPv6", false }, { "Internal", "Internal", false },
	};
	struct buf b = { 0 };

	buf_printf(&b, "%.*s", trunc ? 12 : 64, js_str(n, "Id", ""));
	list_set(row, "ID", &b);
	list_copy(row, n, same, ARRAY_LEN(same));
	(void)json_object_set_new(row, "CreatedAt", json_string(js_str(n, "Created", "")));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		(void)json_object_set_new(row, flags[i].name,
					  json_string(js_bool(n, flags[i].key, flags[i].dflt) ? "true" : "false"));
	list_set_labels(row, json_object_get(n, "Labels"));
	return row;
}

int cmd_network_ls(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON list = NULL;
	OWN_JSON rows = json_array();
	struct list_opt opt = { opt_str(c->req, "@format", NULL), opt_bool(c->req, "@quiet"),
				opt_bool(c->req, "@json") };
	json_t *n;
	size_t i;
	bool ok;

	if (cli_filters(c, "@filter", &filters, e) < 0 || network_list(&c->eng.network, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, n) {
		if (passes(n, filters, &ok, e) < 0)
			return -e->eno;
		if (ok)
			(void)json_array_append_new(rows, row_of(n, !opt_bool(c->req, "@no-trunc")));
	}
	return list_print(&spec, rows, &opt, e);
}

static int rm_one(struct cli *c, const char *name, struct err *e)
{
	int r = network_remove(&c->eng.network, name, e);
	if (r < 0 && e->kind == E_NOT_FOUND && opt_bool(c->req, "@force"))
		return 0;
	return r;
}

int cmd_network_rm(struct cli *c, struct err *e)
{
	(void)e;
	return cli_each(c, rm_one, EACH_ECHO);
}

int cmd_network_prune(struct cli *c, struct err *e)
{
	OWN_JSON filters = NULL;
	OWN_JSON list = NULL;
	json_t *n;
	size_t i;
	bool title = false, ok;

	if (cli_filters(c, "@filter", &filters, e) < 0)
		return -e->eno;
	if (!opt_bool(c->req, "@force") &&
	    !confirm("WARNING! This will remove all custom networks not used by at least one container."))
		return 0;
	if (network_list(&c->eng.network, &list, e) < 0)
		return -e->eno;
	json_array_foreach(list, i, n) {
		const char *name = js_str(n, "Name", "");
		struct err busy = { 0 };
		if (!strcmp(name, "bridge") || !strcmp(name, "host") || !strcmp(name, "none"))
			continue;
		if (passes(n, filters, &ok, e) < 0)
			return -e->eno;
		if (!ok || network_remove(&c->eng.network, name, &busy) < 0)
			continue; /* in use: not ours to remove */
		if (!title)
			puts("Deleted Networks:");
		title = true;
		puts(name);
	}
	return 0;
}
