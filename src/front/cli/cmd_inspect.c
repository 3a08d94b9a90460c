/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect of containers, images, volumes and networks: one array of what was found; a missing
 * object is an error, the others are printed all the same.
 */
#include <stdio.h>
#include <string.h>

#include "driver/network/definition.h"
#include "engine/image.h"
#include "engine/volume.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/list.h"

typedef int find_fn(struct cli *c, const char *ref, json_t **ret, struct err *e);

static int find_container(struct cli *c, const char *ref, json_t **ret, struct err *e)
{
	return engine_inspect(&c->eng, ref, opt_bool(c->req, "@size"), ret, e);
}

static int find_image(struct cli *c, const char *ref, json_t **ret, struct err *e)
{
	return engine_image_inspect(&c->eng, ref, opt_str(c->req, "@platform", NULL), ret, e);
}

static int find_volume(struct cli *c, const char *ref, json_t **ret, struct err *e)
{
	return engine_volume_inspect(&c->eng, ref, ret, e);
}

static int find_network(struct cli *c, const char *ref, json_t **ret, struct err *e)
{
	return network_inspect(&c->eng.network, ref, ret, e);
}

static const struct finder {
	const char *type;
	find_fn *find;
} finders[] = {
	{ "container", find_container },
	{ "image", find_image },
	{ "network", find_network },
	{ "volume", find_volume },
};

static int find_any(struct cli *c, const char *ref, json_t **ret, struct err *e)
{
	const char *type = opt_str(c->req, "@type", NULL);
	bool known = !type;

	for (size_t i = 0; i < ARRAY_LEN(finders); i++) {
		if (type && strcmp(type, finders[i].type))
			continue;
		known = true;
		int r = finders[i].find(c, ref, ret, e);
		if (r >= 0 || e->kind != E_NOT_FOUND)
			return r;
		if (type)
			return r;
	}
	if (!known)
		return err_new(e, E_USAGE, EINVAL, "\"%s\" is not a valid value for --type (container, image, network, volume)", type);
	return err_new(e, E_NOT_FOUND, ENOENT, "No such object: %s", ref);
}

static int inspect(struct cli *c, find_fn *find, struct err *e)
{
	OWN_JSON found = json_array();
	OWN_BUF out = { 0 };
	const char *format = opt_str(c->req, "@format", NULL);
	struct err missing[1] = { { 0 } };
	int rc = 0;
	OWN_BUF errors = { 0 };

	for (int i = 0; i < c->argc; i++) {
		json_t *j = NULL;
		if (find(c, c->argv[i], &j, missing) < 0) {
			if (missing->kind == E_USAGE) {
				*e = *missing;
				return -e->eno;
			}
			buf_printf(&errors, "onggi: %s\n", missing->chain);
			rc = 1;
			continue;
		}
		int r = format ? list_format_one(format, j, &out, e) : 0;
		(void)json_array_append_new(found, j);
		if (r < 0)
			return r;
	}
	if (!format) {
		OWN_STR text = json_dumps(found, JSON_INDENT(4));
		if (!text)
			return err_new(e, E_NOMEM, ENOMEM, "output: out of memory");
		puts(text);
	} else
		fputs(out.n ? out.p : "", stdout);
	(void)fflush(stdout);
	fputs(errors.n ? errors.p : "", stderr);
	return rc;
}

int cmd_inspect(struct cli *c, struct err *e)
{
	return inspect(c, find_any, e);
}

int cmd_container_inspect(struct cli *c, struct err *e)
{
	return inspect(c, find_container, e);
}

int cmd_image_inspect(struct cli *c, struct err *e)
{
	return inspect(c, find_image, e);
}

int cmd_volume_inspect(struct cli *c, struct err *e)
{
	return inspect(c, find_volume, e);
}

int cmd_network_inspect(struct cli *c, struct err *e)
{
	return inspect(c, find_network, e);
}
