/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image save [-o FILE] [--platform P] [--format F] IMAGE [IMAGE...]
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"

#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "registry/copy.h"
#include "registry/out_file.h"

struct options {
	const char *output, *platform;
	char **names;
	size_t n_names;
	bool compress;
};

static int save_to(const struct options *o, int fd, struct err *e)
{
	struct store store;

	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	const struct archive_save_req q = { .store = &store, .names = (const char *const *)o->names,
					    .n_names = o->n_names, .platform = o->platform, .xfd = fd };
	int r = archive_save(&q, e);
	store_close(&store);
	return r;
}

static int save_to_file(const struct options *o, struct err *e)
{
	struct out_file out;
	int r = out_file_open(&out, o->output, 0600, e);

	if (r == 0)
		r = save_to(o, out.fd, e);
	if (r == 0)
		r = out_file_show(&out, e);
	out_file_close(&out);
	return r;
}

/* podman's names of forms */
static const struct format {
	const char *name, *transport;
	enum place_form form;
	bool dir;
	bool many;
} formats[] = {
	{ "docker-archive", "docker-archive", PLACE_ANY, false, true },
	{ "docker-dir", "dir", PLACE_DOCKER, true, false },
	{ "oci-archive", "oci-archive", PLACE_OCI, false, true },
	{ "oci-dir", "oci", PLACE_OCI, true, true },
};

static int format_find(const char *name, const struct format **ret, struct err *e)
{
	*ret = NULL;
	for (size_t i = 0; name && i < ARRAY_LEN(formats); i++)
		if (!strcmp(formats[i].name, name))
			*ret = &formats[i];
	return *ret || !name ? 0 : err_new(e, E_USAGE, EINVAL, "--format %s: docker-archive, docker-dir, oci-archive or oci-dir is wanted",
					   name);
}

/* flags that podman has for some of the forms */
static int format_check(const struct format *f, const struct options *o, const struct image_call *call, struct err *e)
{
	if (opt_bool(call->req, "@multi-image-archive") && f && strcmp(f->name, "docker-archive") != 0)
		return err_new(e, E_USAGE, EINVAL, "--multi-image-archive is for --format docker-archive");
	if (opt_bool(call->req, "@uncompressed") && (!f || f->form != PLACE_OCI))
		return err_new(e, E_USAGE, EINVAL, "--uncompressed is for --format oci-archive and oci-dir");
	if (opt_bool(call->req, "@compress") && (!f || f->form != PLACE_DOCKER))
		return err_new(e, E_USAGE, EINVAL, "--compress can only be set when --format is 'docker-dir'");
	if (f && !f->many && o->n_names > 1)
		return err_new(e, E_USAGE, EINVAL, "--format %s: it has room for one image", f->name);
	if (f && f->dir && !o->output)
		return err_new(e, E_USAGE, EINVAL, "--format %s: give the folder with -o", f->name);
	return 0;
}

static int save_format(const struct format *f, const struct options *o, struct err *e)
{
	struct copy_result ignored;
	struct store store;

	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	const struct copy_req q = { .from_kind = "store", .from = o->names[0], .store = &store,
				    .more = (const char *const *)o->names + 1, .n_more = o->n_names - 1,
				    .to_kind = f->transport, .to = o->output ? o->output : "/dev/stdout",
				    .form = f->form, .compress = o->compress, .platform = o->platform, .replace = true, .name_images = true };
	int r = copy_image(&q, &ignored, e);
	store_close(&store);
	return r;
}

int verb_save(const struct image_call *call)
{
	const struct format *format;
	const struct options o = { .output = opt_str(call->req, "@output", NULL),
				   .platform = opt_str(call->req, "@platform", NULL),
				   .names = call->argv, .n_names = (size_t)call->argc,
				   .compress = opt_bool(call->req, "@compress") };
	struct err e = { 0 };

	if (format_find(opt_str(call->req, "@format", NULL), &format, &e) < 0 || format_check(format, &o, call, &e) < 0)
		return image_fail(&e);
	if (o.output && format)
		return save_format(format, &o, &e) < 0 ? image_fail(&e) : 0;
	if (o.output)
		return save_to_file(&o, &e) < 0 ? image_fail(&e) : 0;
	if (isatty(STDOUT_FILENO)) {
		err_new(&e, E_USAGE, EINVAL,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
		return image_fail(&e);
	}
	if (format)
		return save_format(format, &o, &e) < 0 ? image_fail(&e) : 0;
	return save_to(&o, STDOUT_FILENO, &e) < 0 ? image_fail(&e) : 0;
}
