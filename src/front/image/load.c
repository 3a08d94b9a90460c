/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image load [-i FILE|DIR] [-q] [--platform P]
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "registry/copy.h"
#include "registry/transport/files.h"
#include "registry/transport/layout.h"
#include "store/image_gc.h"

struct options {
	const char *input, *platform;
	bool quiet;
};

static void loaded(void *data, const char *familiar, const char *id, const char *replaced)
{
	const struct options *o = data;

	if (*replaced && !o->quiet)
		printf("The image %s already exists, renaming the old one with ID %s to empty string\n", familiar,
		       replaced);
	if (*familiar)
		printf("Loaded image: %s\n", familiar);
	else
		printf("Loaded image ID: %s\n", id);
}

static int load_one(const struct options *o, const struct store *store, const char *kind, int at, struct err *e)
{
	const struct copy_req q = { .from_kind = kind, .from = o->input, .from_at = at, .to_kind = "store", .to = "",
				    .store = store, .platform = o->platform };
	struct copy_result result;
	const json_t *name;
	size_t i;

	if (copy_image(&q, &result, e) < 0)
		return -e->eno;
	json_array_foreach(result.names, i, name) {
		struct err ignored = { 0 };
		char familiar[REFERENCE_TEXT_MAX];
		struct reference ref;
		if (reference_parse(json_string_value(name), &ref, &ignored) < 0)
			continue;
		reference_familiar(&ref, familiar);
		loaded((void *)o, familiar, result.digest, "");
	}
	if (!i)
		loaded((void *)o, "", result.digest, "");
	json_decref(result.names);
	return 0;
}

/* an OCI layout with all its images, or the one of dir: */
static int load_dir(const struct options *o, int xdir, const struct store *store, struct err *e)
{
	struct stat st;
	size_t n;

	if (fstatat(xdir, "oci-layout", &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (fstatat(xdir, "manifest.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_new(e, E_CORRUPT, EINVAL, "%s: a folder without image: no oci-layout, no manifest.json", o->input);
		return load_one(o, store, "dir", 0, e);
	}
	if (layout_count(xdir, &n, e) < 0)
		return err_ctx(e, "%s", o->input);
	for (size_t i = 0; i < n; i++)
		if (load_one(o, store, "oci", n > 1 ? (int)i + 1 : 0, e) < 0)
			return -e->eno;
	return n ? 0 : err_new(e, E_NOT_FOUND, ENOENT, "%s: it has no image", o->input);
}

static int load_file(const struct options *o, int xfd, const struct store *store, struct err *e)
{
	const struct archive_load_req q = { .store = store, .xfd = xfd, .platform = o->platform, .loaded = loaded,
					    .data = (void *)o };
	return archive_load(&q, e);
}

static int run(const struct options *o, struct err *e)
{
	OWN_FD input = -1;
	struct store store;

	if (o->input) {
		input = open(o->input, O_RDONLY | O_CLOEXEC);
		if (input < 0)
			return err_sys(e, errno, "open %s", o->input);
	} else if (isatty(STDIN_FILENO)) {
		err_new(e, E_USAGE, EINVAL, "requested load from stdin, but stdin is empty");
		err_hint(e, "give the archive with -i FILE, or redirect stdin");
		return -e->eno;
	}
	if (image_store_open(&store, e) < 0)
		return -e->eno;
	struct stat st;
	const bool dir = o->input && !fstat(input, &st) && S_ISDIR(st.st_mode);
	int r = dir ? load_dir(o, input, &store, e) : load_file(o, o->input ? input : STDIN_FILENO, &store, e);
	struct err ignored = { 0 };
	(void)image_sweep_tmp(&store, &ignored); /* left-overs of others are no reason to fail */
	store_close(&store);
	return r;
}

int verb_load(const struct image_call *call)
{
	const struct options o = { .input = opt_str(call->req, "@input", NULL),
				   .platform = opt_str(call->req, "@platform", NULL),
				   .quiet = opt_bool(call->req, "@quiet") };
	struct err e = { 0 };

	return image_flush(run(&o, &e) < 0 ? image_fail(&e) : 0);
}
