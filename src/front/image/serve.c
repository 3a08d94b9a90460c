/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image registry serve: a registry in the foreground; registry gc: garbage of its folder.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "front/cli/list.h"
#include "front/cli/opt.h"
#include "front/image/verb.h"
#include "registry/serve/collect.h"
#include "registry/serve/serve.h"

#define SERVE_ROOT "/var/lib/onggi-registry"

enum { CONNECTIONS_MAX = 10000, HOURS_MAX = 24 * 365 };

/* on standard output, so that a script can read the port of port 0 there */
static void on_ready(void *data, const char *address)
{
	(void)data;
	printf("Listening on %s\n", address);
	(void)fflush(stdout); /* nobody needs to read it */
}

static int number(const struct image_call *call, const char *name, long long dflt, long long max, unsigned *ret,
		  struct err *e)
{
	long long v = opt_int(call->req, name, dflt);

	if (v < 1 || v > max)
		return err_new(e, E_USAGE, EINVAL, "--%s: a number from 1 to %lld is wanted", name + 1, max);
	*ret = (unsigned)v;
	return 0;
}

/* a time of --@name in seconds, at least @min */
static int seconds(const struct image_call *call, const char *name, const char *dflt, int64_t min, int64_t *ret,
		   struct err *e)
{
	const char *text = opt_str(call->req, name, dflt);
	int64_t ns = 0;

	if (!text)
		return 0;
	if (duration_parse(text, &ns) < 0 || ns < min * 1000000000LL)
		return err_new(e, E_USAGE, EINVAL, "--%s %.40s: a time like 12h or 30m is wanted", name + 1, text);
	*ret = ns / 1000000000LL;
	return 0;
}

/* what is for caches only */
static int proxy_flags(const struct image_call *call, struct serve_req *q, struct err *e)
{
	static const char *const flags[] = { "@authfile", "@proxy-size", "@proxy-ttl" };
	long long bytes = opt_int(call->req, "@proxy-size", 0);

	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (!q->proxy && json_object_get(call->req, flags[i]))
			return err_new(e, E_USAGE, EINVAL, "--%s is for a pull-through cache (--proxy)", flags[i] + 1);
	if (json_object_get(call->req, "@proxy-size") && bytes < 1)
		return err_new(e, E_USAGE, EINVAL, "--proxy-size: more than nothing is wanted");
	q->proxy_bytes = (uint64_t)bytes;
	q->proxy_access = call->access;
	return seconds(call, "@proxy-ttl", NULL, 1, &q->proxy_ttl_s, e);
}

int verb_registry_serve(const struct image_call *call)
{
	struct serve_req q = { .listen = opt_str(call->req, "@listen", "127.0.0.1:5000"),
			       .root = opt_str(call->req, "@root", SERVE_ROOT),
			       .proxy = opt_str(call->req, "@proxy", NULL),
			       .htpasswd = opt_str(call->req, "@htpasswd", NULL),
			       .tls_cert = opt_str(call->req, "@tls-cert", NULL),
			       .tls_key = opt_str(call->req, "@tls-key", NULL),
			       .read_only = opt_bool(call->req, "@read-only"),
			       .allow_delete = opt_bool(call->req, "@allow-delete"),
			       .quiet = opt_bool(call->req, "@quiet"),
			       .ready = on_ready };
	struct err e = { 0 };

	int r = number(call, "@connections", 512, CONNECTIONS_MAX, &q.connections, &e);
	if (r == 0)
		r = number(call, "@upload-hours", 168, HOURS_MAX, &q.upload_hours, &e);
	if (r == 0 && q.read_only && q.proxy)
		r = err_new(&e, E_USAGE, EINVAL, "--read-only and --proxy exclude each other: a cache has to keep what it fetched");
	if (r == 0 && q.read_only && q.allow_delete)
		r = err_new(&e, E_USAGE, EINVAL, "--read-only and --allow-delete exclude each other");
	if (r == 0)
		r = proxy_flags(call, &q, &e);
	if (r == 0 && !q.tls_cert != !q.tls_key)
		r = err_new(&e, E_USAGE, EINVAL, "--tls-cert and --tls-key belong together");
	if (r == 0)
		r = registry_serve(&q, &e);
	return r < 0 ? image_fail(&e) : 0;
}

static void removed(void *data, const char *repo, const char *digest, uint64_t bytes)
{
	const struct image_call *call = data;

	if (opt_bool(call->req, "@quiet"))
		return;
	if (repo)
		printf("manifest %s@%s\n", repo, digest);
	else
		printf("blob %s %llu\n", digest, (unsigned long long)bytes);
}

static int is_registry(const char *root, struct err *e)
{
	OWN_FD fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || faccessat(fd, "repositories", F_OK, 0) < 0)
		return err_sys(e, errno, "registry in %s", root);
	return 0;
}

int verb_registry_gc(const struct image_call *call)
{
	struct collect_req q = { .untagged = opt_bool(call->req, "@untagged"),
				 .dry_run = opt_bool(call->req, "@dry-run"),
				 .removed = removed,
				 .data = (void *)call };
	const char *root = opt_str(call->req, "@root", SERVE_ROOT);
	struct collect_result done;
	struct err e = { 0 };
	OWN_BUF size = { 0 };
	struct depot depot;

	/* a folder that is mistyped is not made */
	if (seconds(call, "@keep", "24h", 0, &q.keep_s, &e) < 0 || is_registry(root, &e) < 0 || depot_open(root, &depot, &e) < 0)
		return image_fail(&e);
	int r = depot_collect(&depot, &q, &done, &e);
	depot_close(&depot);
	if (r < 0)
		return image_fail(&e);
	human_size((double)done.bytes, &size);
	printf("%s: %zu manifests, %zu blobs, %s\n", q.dry_run ? "Would remove" : "Removed", done.manifests, done.blobs,
	       size.p ? size.p : "");
	return image_flush(0);
}
