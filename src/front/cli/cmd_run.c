/* SPDX-License-Identifier: Apache-2.0
 *
 * run and create: options -> create body -> engine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "format/js.h"
#include "front/cli/commands.h"
#include "front/cli/run_fields.h"
#include "store/image_platform.h"

/* -a, -d, -i and -t decide which streams are attached */
static int finish_streams(struct cli *c, bool detach, struct err *e)
{
	json_t *r = c->req;
	bool in = js_bool(r, "OpenStdin", false), chosen = opt_bool(r, "@attach");

	if (detach && chosen)
		return err_new(e, E_USAGE, EINVAL, "conflicting options: cannot specify both --attach and --detach");
	if (!chosen && !detach) {
		(void)json_object_set_new(r, "AttachStdout", json_true());
		(void)json_object_set_new(r, "AttachStderr", json_true());
		if (in)
			(void)json_object_set_new(r, "AttachStdin", json_true());
	}
	if (in && js_bool(r, "AttachStdin", false))
		(void)json_object_set_new(r, "StdinOnce", json_true());
	return 0;
}

/* endpoint settings belong to the one network of the container */
static int finish_network(struct cli *c, struct err *e)
{
	json_t *r = c->req, *aliases = json_object_get(r, "@aliases");
	const char *ip4 = opt_str(r, "@ip", NULL), *ip6 = opt_str(r, "@ip6", NULL);
	const char *net = js_str(r, "HostConfig.NetworkMode", "bridge");

	if (!aliases && !ip4 && !ip6)
		return 0;
	json_t *ep = json_object();
	if (aliases)
		(void)json_object_set(ep, "Aliases", aliases);
	json_t *ipam = json_object();
	if (ip4)
		(void)json_object_set_new(ipam, "IPv4Address", json_string(ip4));
	if (ip6)
		(void)json_object_set_new(ipam, "IPv6Address", json_string(ip6));
	(void)json_object_set_new(ep, "IPAMConfig", ipam);
	return opt_set_key(r, "NetworkingConfig.EndpointsConfig", net, ep, e);
}

/* the request without what is the CLI's own, with image and command */
static int finish_body(struct cli *c, bool detach, json_t **ret, struct err *e)
{
	OWN_JSON body = NULL;
	const char *key;
	json_t *v;

	if (finish_streams(c, detach, e) < 0 || finish_network(c, e) < 0)
		return -e->eno;
	body = json_object();
	json_object_foreach(c->req, key, v)
		if (*key != '@')
			(void)json_object_set(body, key, v);
	json_t *image = json_string(c->argv[0]);
	if (!image)
		return err_new(e, E_USAGE, EINVAL, "invalid reference format");
	(void)json_object_set_new(body, "Image", image);
	if (c->argc > 1) {
		json_t *cmd = json_array();
		for (int i = 1; i < c->argc; i++) {
			json_t *word = json_string(c->argv[i]);
			if (!word) {
				json_decref(cmd);
				return err_new(e, E_USAGE, EINVAL, "argument %d of the command is not valid UTF-8", i);
			}
			(void)json_array_append_new(cmd, word);
		}
		(void)json_object_set_new(body, "Cmd", cmd);
	}
	/* --entrypoint "" means none; an empty list clears the image's */
	json_t *entry = json_object_get(body, "Entrypoint");
	if (entry && !*json_string_value(json_array_get(entry, 0)))
		(void)json_object_set_new(body, "Entrypoint", json_pack("[s]", ""));
	*ret = ptr_take(&body);
	return 0;
}

static int cidfile_open(const char *path, int *ret_fd, struct err *e)
{
	*ret_fd = -1;
	if (!path)
		return 0;
	*ret_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (*ret_fd >= 0)
		return 0;
	if (errno == EEXIST)
		return err_new(e, E_CONFLICT, EEXIST,
			       "container ID file found, make sure the other container isn't running or delete %s", path);
	return err_sys(e, errno, "create container ID file %s", path);
}

static int create_once(struct cli *c, const json_t *body, char id[65], struct err *e)
{
	return engine_create(&c->eng, body, opt_str(c->req, "@name", NULL), id, e);
}

static bool image_missing(const struct err *e)
{
	return e->kind == E_NOT_FOUND && strstr(e->chain, "No such image");
}

/* 1: the image that the name stands for is for @platform | 0: there is none, or it is for another */
static int is_for_platform(struct cli *c, const char *image, const char *platform, struct err *e)
{
	char named[DIGEST_TEXT_MAX] = "";
	struct image img;

	if (image_resolve_platform(&c->eng.store, image, platform, &img, e) < 0) {
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		err_clear(e);
		return 0;
	}
	/* another one of the same index: the name has to move to it */
	int r = image_find(&c->eng.store, image, named, e) < 0 ? -e->eno : !strcmp(named, img.id);
	image_done(&img);
	return r;
}

/* with --pull and --platform: what is to be fetched before the image is looked for. 1: the image that is here is none to
 * look for */
static int fetch_first(struct cli *c, const char *pull, const char *platform, bool quiet, struct err *e)
{
	if (!strcmp(pull, "always"))
		return image_fetch(c, c->argv[0], platform, quiet, e);
	int r = platform ? is_for_platform(c, c->argv[0], platform, e) : 1;
	if (r != 0)
		return r < 0 ? r : 0;
	if (!strcmp(pull, "lazy"))
		return 1;
	if (strcmp(pull, "never") != 0)
		return image_fetch(c, c->argv[0], platform, quiet, e);
	return err_new(e, E_NOT_FOUND, ENOENT, "image %s for platform %s is not here", c->argv[0], platform);
}

/* an image that is not here: fetch it, or with --pull lazy what has to be here before the start */
static int fetch_and_create(struct cli *c, const char *pull, const json_t *body, char id[65], struct err *e)
{
	const char *platform = opt_str(c->req, "@platform", NULL);
	bool quiet = opt_bool(c->req, "@quiet"), lazy = !strcmp(pull, "lazy");
	char late[DIGEST_TEXT_MAX] = "";

	if (!quiet && strcmp(c->argv[0], "base"))
		fprintf(stderr, "Unable to find image '%s' locally\n", c->argv[0]);
	int r = lazy ? image_fetch_late(c, c->argv[0], platform, quiet, late, e) :
		       image_fetch(c, c->argv[0], platform, quiet, e);
	c->eng.late_image = *late ? late : NULL;
	if (r >= 0)
		r = create_once(c, body, id, e);
	c->eng.late_image = NULL;
	return r;
}

static int create(struct cli *c, bool detach, char id[65], struct err *e)
{
	OWN_JSON body = NULL;
	OWN_FD cid = -1;
	const char *pull = opt_str(c->req, "@pull", "missing"), *platform = opt_str(c->req, "@platform", NULL);
	const char *cidfile = opt_str(c->req, "@cidfile", NULL);
	bool quiet = opt_bool(c->req, "@quiet");

	if (strcmp(pull, "always") && strcmp(pull, "missing") && strcmp(pull, "never") && strcmp(pull, "lazy"))
		return err_new(e, E_USAGE, EINVAL,
			       "invalid pull option: '%s': must be one of \"always\", \"missing\", \"never\" or \"lazy\"", pull);
	if (json_is_false(json_object_get(c->req, "@disable-content-trust")))
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP,
			       "--disable-content-trust=false is not supported: there is no Notary client");
	if (finish_body(c, detach, &body, e) < 0 || cidfile_open(cidfile, &cid, e) < 0)
		return -e->eno;
	int r = fetch_first(c, pull, platform, quiet, e);
	if (r == 0)
		r = create_once(c, body, id, e);
	else if (r > 0)
		r = fetch_and_create(c, pull, body, id, e);
	if (r < 0 && image_missing(e) && (!strcmp(pull, "missing") || !strcmp(pull, "lazy")))
		r = fetch_and_create(c, pull, body, id, e);
	if (r < 0) {
		if (cid >= 0)
			(void)unlink(cidfile); /* nothing was made */
		return r;
	}
	if (cid >= 0 && (r = io_write_all(cid, id, 64)) < 0)
		return err_sys(e, -r, "write container ID file %s", cidfile);
	return 0;
}

int cmd_create(struct cli *c, struct err *e)
{
	char id[65];
	if (create(c, false, id, e) < 0)
		return -e->eno;
	puts(id);
	return 0;
}

int cmd_run(struct cli *c, struct err *e)
{
	char id[65];
	const json_t *r = c->req;
	bool detach = opt_bool(r, "@detach");
	struct engine_result res = { 0 };

	if (js_bool(r, "Tty", false) && !detach && js_bool(r, "OpenStdin", false) && !isatty(STDIN_FILENO) &&
	    !opt_bool(r, "@attach")) {
		(void)err_new(e, E_INVALID, ENOTTY, "the input device is not a TTY");
		err_hint(e, "leave out -t, or run it from a terminal");
		cli_error(c, e);
		return 1; /* as docker: nothing of the engine has failed */
	}
	if (create(c, detach, id, e) < 0)
		return -e->eno;
	if (detach) {
		if (engine_start(&c->eng, id, NULL, NULL, e) < 0)
			return -e->eno;
		puts(id);
		return 0;
	}
	struct engine_attach a = {
		.in = js_bool(r, "AttachStdin", false),
		.out = js_bool(r, "AttachStdout", false),
		.err = js_bool(r, "AttachStderr", false),
		.sig_proxy = !json_is_false(json_object_get(r, "@sig-proxy")),
		.detach_keys = opt_str(r, "@detach-keys", NULL),
		.no_logs = true,
		.stdio = { 0, 1, 2 },
	};
	(void)fflush(stdout); /* the engine writes to the descriptor itself */
	if (engine_start(&c->eng, id, &a, &res, e) < 0)
		return -e->eno;
	return res.end == ENGINE_DETACHED ? 0 : res.exit_code;
}
