/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image registry serve: a registry in the foreground.
 */
#include <stdio.h>

#include "front/cli/opt.h"
#include "front/image/verb.h"
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

int verb_registry_serve(const struct image_call *call)
{
	struct serve_req q = { .listen = opt_str(call->req, "@listen", "127.0.0.1:5000"),
			       .root = opt_str(call->req, "@root", SERVE_ROOT),
			       .proxy = opt_str(call->req, "@proxy", NULL),
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
		r = registry_serve(&q, &e);
	return r < 0 ? image_fail(&e) : 0;
}
