/* SPDX-License-Identifier: Apache-2.0
 *
 * orun checkpoint, and the options that it shares with restore.
 */
#include <signal.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "front/orun/criu_opts.h"

struct checkpoint_opts {
	struct criu_opts criu;
	const char *parent_path, *page_server;
	struct opt_int status_fd;
};

#define AT(m) offsetof(struct checkpoint_opts, m)
/* clang-format off */
static const struct opt_row checkpoint_rows[] = {
	CRIU_ROWS(checkpoint_opts),
	{ "tcp-skip-in-flight", 0, OPT_BOOL, CRIU_AT(checkpoint_opts, tcp_skip_in_flight), NULL,
	  "leave out TCP connections that are not yet established" },
	{ "leave-running", 0, OPT_BOOL, CRIU_AT(checkpoint_opts, leave_running), NULL,
	  "the container goes on afterwards" },
	{ "pre-dump", 0, OPT_BOOL, CRIU_AT(checkpoint_opts, pre_dump), NULL,
	  "save memory only, and let the container go on" },
	{ "parent-path", 0, OPT_STR, AT(parent_path), "DIR",
	  "images of an earlier pre-dump, relative to those of this one" },
	{ "page-server", 0, OPT_STR, AT(page_server), "ADDRESS:PORT", "where memory pages go to, or are served" },
	{ "status-fd", 0, OPT_INT, AT(status_fd), "N",
	  "descriptor that gets a zero byte when the lazy page server is ready" },
};
/* clang-format on */

static int word_of(const char *what, const char *const *words, size_t n, const char *given, int *ret,
		   struct err *e)
{
	*ret = 0;
	for (size_t i = 1; given && i < n; i++)
		if (!strcmp(given, words[i])) {
			*ret = (int)i;
			return 0;
		}
	return !given || !*given ? 0 : err_new(e, E_USAGE, EINVAL, "Invalid %s value \"%s\"", what, given);
}

static int empty_ns(const struct opt_list *l, unsigned *flags, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->v[i], "network"))
			return err_new(e, E_USAGE, EINVAL, "namespace \"%s\" is not supported", l->v[i]);
		*flags |= RUNTIME_CRIU_EMPTY_NETWORK;
	}
	return 0;
}

int criu_opts_take(struct orun *o, const struct criu_opts *opts, struct runtime_criu_opts *ret, struct err *e)
{
	static const char *const modes[] = { [RUNTIME_CRIU_CGROUPS_SOFT] = "soft",
					     [RUNTIME_CRIU_CGROUPS_FULL] = "full",
					     [RUNTIME_CRIU_CGROUPS_STRICT] = "strict",
					     [RUNTIME_CRIU_CGROUPS_IGNORE] = "ignore" };
	static const char *const locks[] = { [RUNTIME_CRIU_LOCK_IPTABLES] = "iptables",
					     [RUNTIME_CRIU_LOCK_NFTABLES] = "nftables",
					     [RUNTIME_CRIU_LOCK_SKIP] = "skip" };
	const struct {
		bool given;
		unsigned flag;
	} flags[] = {
		{ opts->tcp_established, RUNTIME_CRIU_TCP_ESTABLISHED },
		{ opts->tcp_skip_in_flight, RUNTIME_CRIU_TCP_SKIP_IN_FLIGHT },
		{ opts->tcp_close, RUNTIME_CRIU_TCP_CLOSE },
		{ opts->ext_unix_sk, RUNTIME_CRIU_EXT_UNIX_SK },
		{ opts->shell_job, RUNTIME_CRIU_SHELL_JOB },
		{ opts->file_locks, RUNTIME_CRIU_FILE_LOCKS },
		{ opts->link_remap, RUNTIME_CRIU_LINK_REMAP },
		{ opts->auto_dedup, RUNTIME_CRIU_AUTO_DEDUP },
		{ opts->lazy_pages, RUNTIME_CRIU_LAZY_PAGES },
		{ opts->leave_running, RUNTIME_CRIU_LEAVE_RUNNING },
		{ opts->pre_dump, RUNTIME_CRIU_PRE_DUMP },
	};
	int mode, lock;

	(void)o; /* shape of what the commands share */
	*ret = (struct runtime_criu_opts){
		.image_path = opts->image_path && *opts->image_path ? opts->image_path : "checkpoint",
		.work_path = opts->work_path && *opts->work_path ? opts->work_path : NULL,
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (flags[i].given)
			ret->flags |= flags[i].flag;
	if (empty_ns(&opts->empty_ns, &ret->flags, e) < 0 ||
	    word_of("manage-cgroups-mode", modes, ARRAY_LEN(modes), opts->cgroups, &mode, e) < 0 ||
	    word_of("network-lock", locks, ARRAY_LEN(locks), opts->network_lock, &lock, e) < 0)
		return -e->eno;
	ret->cgroups = (enum runtime_criu_cgroups)mode;
	ret->network_lock = (enum runtime_criu_lock)lock;
	return 0;
}

/* "ADDRESS:PORT", "[V6]:PORT" */
static int page_server(struct orun *o, const char *given, struct runtime_checkpoint_req *q, struct err *e)
{
	const char *colon = given ? strrchr(given, ':') : NULL;
	const char *from = given;
	uint32_t port;

	if (!given || !*given)
		return 0;
	if (!colon || colon == given || !colon[1])
		return err_new(e, E_USAGE, EINVAL, "Use --page-server ADDRESS:PORT to specify page server");
	if (text_uint32(colon + 1, &port) < 0 || !port || port > UINT16_MAX)
		return err_new(e, E_USAGE, EINVAL, "Invalid port number \"%s\"", colon + 1);
	size_t n = (size_t)(colon - given);
	if (*from == '[' && n > 2 && from[n - 1] == ']') {
		from++;
		n -= 2;
	}
	q->page_server = arena_strndup(&o->arena, from, n);
	q->page_server_port = (uint16_t)port;
	return q->page_server ? 0 : err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

static int checkpoint_run(struct orun *o, const struct call *c, struct err *e)
{
	const struct checkpoint_opts *opts = c->opts;
	struct runtime_checkpoint_req q = {
		.id = c->args[0],
		.parent_path = opts->parent_path && *opts->parent_path ? opts->parent_path : NULL,
		.status_fd = opts->status_fd.given ? (int)opts->status_fd.v : -1,
	};

	if (opts->status_fd.given && (opts->status_fd.v < -1 || opts->status_fd.v > 1 << 20))
		return err_new(e, E_USAGE, EINVAL, "invalid value for --status-fd");
	if (criu_opts_take(o, &opts->criu, &q.criu, e) < 0 || page_server(o, opts->page_server, &q, e) < 0)
		return -e->eno;
	if (q.status_fd >= 0)
		(void)signal(SIGPIPE, SIG_IGN); /* a reader that is gone is an error, not our end */
	return runtime_checkpoint(&o->env, &q, e);
}

const struct command orun_command_checkpoint = {
	.name = "checkpoint", .args = "CONTAINER", .help = "save a running container to files",
	.run = checkpoint_run, .rows = checkpoint_rows, .n_rows = ARRAY_LEN(checkpoint_rows),
	.opts_size = sizeof(struct checkpoint_opts), .min_args = 1, .max_args = 1,
};
