/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image import [-c CHANGE]... [-m MESSAGE] [--platform P] FILE|URL|- [REPOSITORY[:TAG]]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "registry/http.h"
#include "store/image_gc.h"

struct options {
	const char **changes;
	size_t n_changes;
	const char *message, *platform, *source, *target;
};

static bool is_url(const char *s)
{
	return text_starts(s, "http://") || text_starts(s, "https://");
}

static int sink_write(void *data, const struct http_resp *resp, const void *p, size_t n, struct err *e)
{
	const int *fd = data;
	int r = io_write_all(*fd, p, n);
	(void)resp;
	return r < 0 ? err_sys(e, -r, "write download") : 0;
}

/* into a file without a name, which is gone with the last descriptor */
static int download(const struct store *s, const char *url, int *ret_fd, struct err *e)
{
	OWN_HTTP_RESP resp = { 0 };
	struct http *h;

	if (io_mkdir_p(s->root_fd, "tmp", 0700, e) < 0)
		return -e->eno;
	OWN_FD fd = openat(s->root_fd, "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "temporary file");
	if (http_open(&h, e) < 0)
		return -e->eno;
	fprintf(stderr, "Downloading from %s\n", url);
	const struct http_req req = { .method = "GET", .url = url, .max_body = 64 << 10,
				      .sink = sink_write, .data = &fd };
	int r = http_do(h, &req, &resp, e);
	http_close(h);
	if (r < 0)
		return err_ctx(e, "download %s", url);
	if (resp.status / 100 != 2)
		return err_new(e, resp.status == 404 ? E_NOT_FOUND : E_NETWORK, EIO,
			       "download %s: the server answers %ld", url, resp.status);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "seek");
	*ret_fd = fd_take(&fd);
	return 0;
}

static int open_source(const struct options *o, const struct store *s, int *ret_fd, struct err *e)
{
	if (is_url(o->source))
		return download(s, o->source, ret_fd, e);
	if (!strcmp(o->source, "-")) {
		*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_sys(e, errno, "stdin") : 0;
	}
	*ret_fd = open(o->source, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", o->source) : 0;
}

static int run(const struct options *o, const struct store *s, struct err *e)
{
	char reference[REFERENCE_TEXT_MAX], message[4200], id[DIGEST_TEXT_MAX];
	struct err ignored = { 0 };
	struct reference ref;
	OWN_FD fd = -1;

	if (o->target) {
		if (reference_parse_tagged(o->target, &ref, e) < 0)
			return -e->eno;
		if (*ref.digest)
			return err_new(e, E_INVALID, EINVAL, "cannot import digest reference");
		reference_canonical(&ref, reference);
	}
	(void)snprintf(message, sizeof message, "Imported from %.4000s", is_url(o->source) ? o->source : "-");
	if (open_source(o, s, &fd, e) < 0)
		return -e->eno;
	const struct archive_import_req q = { .store = s, .xfd = fd,
					      .reference = o->target ? reference : NULL,
					      .message = o->message ? o->message : message,
					      .platform = o->platform, .changes = o->changes,
					      .n_changes = o->n_changes };
	if (archive_import(&q, id, e) < 0)
		return -e->eno;
	(void)image_sweep_tmp(s, &ignored); /* left-overs of others are no reason to fail */
	return puts(id) < 0 || fflush(stdout) < 0 ? err_sys(e, errno, "write") : 0;
}

int verb_import(const struct image_call *call)
{
	const json_t *changes = json_object_get(call->req, "@change"), *v;
	OWN_PTR const char **list = calloc(json_array_size(changes) + 1, sizeof *list);
	struct options o = { .changes = list, .message = opt_str(call->req, "@message", NULL),
			     .platform = opt_str(call->req, "@platform", NULL),
			     .source = call->argv[0], .target = call->argc > 1 ? call->argv[1] : NULL };
	struct store store;
	struct err e = { 0 };

	if (!list) {
		err_new(&e, E_NOMEM, ENOMEM, "import");
		return image_fail(&e);
	}
	json_array_foreach(changes, o.n_changes, v)
		list[o.n_changes] = json_string_value(v);
	if (image_store_open(&store, &e) < 0)
		return image_fail(&e);
	int status = run(&o, &store, &e) < 0 ? image_fail(&e) : 0;
	store_close(&store);
	return status;
}
