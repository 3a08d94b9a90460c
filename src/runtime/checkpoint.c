/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_checkpoint: save a container by CRIU. What is not the container's own is found by
 * checkpoint_outside.c; the images, and the two files of checkpoint.h beside them, are all that a
 * restore needs besides the bundle.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "runtime/checkpoint.h"
#include "runtime/delete.h"

enum { DIE_WAIT_MS = 10000 };

struct checkpoint {
	const struct runtime_env *env;
	const struct runtime_checkpoint_req *req;
	struct state state;
	struct arena arena;
	struct criu_request request;
	struct cgroup *cg;       /* NULL: none */
	int images, work, init;
	bool paused;             /* and stays so */
};

static void checkpoint_done(struct checkpoint *k)
{
	own_fd_done(&k->images);
	own_fd_done(&k->work);
	own_fd_done(&k->init);
	cgroup_free(k->cg);
	criu_request_done(&k->request);
	state_close(&k->state);
	arena_done(&k->arena);
}

/* --- shared with restore ------------------------------------------------------------------- */

static int dir_open(const char *path, bool make, int *ret_fd, struct err *e)
{
	if (make && io_mkdir_p(AT_FDCWD, path, 0700, e) < 0)
		return -e->eno;
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", path) : 0;
}

int checkpoint_dirs(const struct runtime_criu_opts *o, bool make, int *ret_images, int *ret_work, struct err *e)
{
	if (dir_open(o->image_path, make, ret_images, e) < 0)
		return err_ctx(e, "image path");
	*ret_work = -1;
	if (o->work_path && dir_open(o->work_path, true, ret_work, e) < 0)
		return err_ctx(e, "work path");
	return 0;
}

void checkpoint_options(const struct runtime_criu_opts *o, struct criu_request *q)
{
	static const enum criu_cgroup_mode modes[] = {
		[RUNTIME_CRIU_CGROUPS_DEFAULT] = CRIU_CGROUP_SOFT,
		[RUNTIME_CRIU_CGROUPS_SOFT] = CRIU_CGROUP_SOFT,
		[RUNTIME_CRIU_CGROUPS_FULL] = CRIU_CGROUP_FULL,
		[RUNTIME_CRIU_CGROUPS_STRICT] = CRIU_CGROUP_STRICT,
		[RUNTIME_CRIU_CGROUPS_IGNORE] = CRIU_CGROUP_IGNORE,
	};
	static const enum criu_network_lock locks[] = {
		[RUNTIME_CRIU_LOCK_DEFAULT] = CRIU_LOCK_DEFAULT,
		[RUNTIME_CRIU_LOCK_IPTABLES] = CRIU_LOCK_IPTABLES,
		[RUNTIME_CRIU_LOCK_NFTABLES] = CRIU_LOCK_NFTABLES,
		[RUNTIME_CRIU_LOCK_SKIP] = CRIU_LOCK_SKIP,
	};

	q->has_options = true;
	q->tcp_established = o->flags & RUNTIME_CRIU_TCP_ESTABLISHED;
	q->tcp_skip_in_flight = o->flags & RUNTIME_CRIU_TCP_SKIP_IN_FLIGHT;
	q->tcp_close = o->flags & RUNTIME_CRIU_TCP_CLOSE;
	q->ext_unix_sk = o->flags & RUNTIME_CRIU_EXT_UNIX_SK;
	q->shell_job = o->flags & RUNTIME_CRIU_SHELL_JOB;
	q->file_locks = o->flags & RUNTIME_CRIU_FILE_LOCKS;
	q->link_remap = o->flags & RUNTIME_CRIU_LINK_REMAP;
	q->auto_dedup = o->flags & RUNTIME_CRIU_AUTO_DEDUP;
	q->lazy_pages = o->flags & RUNTIME_CRIU_LAZY_PAGES;
	q->empty_ns = o->flags & RUNTIME_CRIU_EMPTY_NETWORK ? CLONE_NEWNET : 0;
	q->cgroup_mode = modes[o->cgroups];
	q->network_lock = locks[o->network_lock];
	q->notify_scripts = true;
	/* the master of a terminal is not in the container: it is sent anew */
	q->orphan_pts_master = true;
}

const char *checkpoint_config_file(const json_t *annotations)
{
	static const char *const files[] = { "/etc/criu/orun.conf", "/etc/criu/runc.conf" };
	const json_t *chosen = json_object_get(annotations, CHECKPOINT_CONFIG_ANNOTATION);

	if (json_is_string(chosen)) /* empty: none at all */
		return *json_string_value(chosen) ? json_string_value(chosen) : NULL;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!access(files[i], R_OK))
			return files[i];
	return NULL;
}

/* --- checkpoint ---------------------------------------------------------------------------- */

static int check(const struct checkpoint *k, enum runtime_status status, struct err *e)
{
	const struct runtime_checkpoint_req *q = k->req;

	if (status != RUNTIME_RUNNING && status != RUNTIME_PAUSED)
		return err_new(e, E_STATE, EBUSY, "Container cannot be checkpointed in %s state",
			       runtime_status_name(status));
	if (q->parent_path && q->parent_path[0] == '/')
		return err_new(e, E_INVALID, EINVAL, "--parent-path must be relative");
	if (q->status_fd >= 0) {
		int flags = fcntl(q->status_fd, F_GETFL);
		if (flags < 0)
			return err_sys(e, errno, "invalid --status-fd argument %d", q->status_fd);
		if ((flags & O_ACCMODE) == O_RDONLY)
			return err_new(e, E_INVALID, EBADF, "invalid --status-fd argument %d: not writable", q->status_fd);
	}
	const struct criu_need need = { CRIU_VERSION_MIN, "checkpoint" };
	if (criu_require(k->env, &need, 1, e) < 0)
		return -e->eno;
	const bool tracks = q->criu.flags & RUNTIME_CRIU_PRE_DUMP || q->parent_path;
	const bool lazy = q->criu.flags & RUNTIME_CRIU_LAZY_PAGES;
	return criu_features(k->env, (tracks ? CRIU_CAN_TRACK_MEMORY : 0) | (lazy ? CRIU_CAN_LAZY_PAGES : 0), e);
}

static int open_all(struct checkpoint *k, struct err *e)
{
	struct err own;
	struct stat st;

	if (state_init_pidfd(&k->state, &k->init, e) < 0 ||
	    checkpoint_dirs(&k->req->criu, true, &k->images, &k->work, e) < 0)
		return -e->eno;
	int eno = 0;
	if (k->req->parent_path && fstatat(k->images, k->req->parent_path, &st, 0) < 0)
		eno = errno;
	else if (k->req->parent_path && !S_ISDIR(st.st_mode))
		eno = ENOTDIR;
	if (eno)
		return err_sys(e, eno, "invalid --parent-path: %s/%s", k->req->criu.image_path, k->req->parent_path);
	/* without a freezer CRIU stops the processes one by one */
	if (state_cgroup(&k->state, &k->cg, &own) < 0)
		k->cg = NULL;
	return 0;
}

static int request_fill(struct checkpoint *k, struct err *e)
{
	const struct runtime_checkpoint_req *q = k->req;
	struct criu_request *r = &k->request;

	checkpoint_options(&q->criu, r);
	r->type = q->criu.flags & RUNTIME_CRIU_PRE_DUMP ? CRIU_PRE_DUMP : CRIU_DUMP;
	r->pid = k->state.init.pid;
	r->root = k->state.rootfs;
	r->log_file = "dump.log";
	r->config_file = checkpoint_config_file(k->state.annotations);
	r->leave_running = q->criu.flags & RUNTIME_CRIU_LEAVE_RUNNING;
	r->parent_path = q->parent_path;
	r->track_mem = q->parent_path || r->type == CRIU_PRE_DUMP;
	r->page_server = q->page_server;
	r->page_server_port = q->page_server_port;
	r->freeze_cgroup = k->cg ? cgroup_freeze_dir(k->cg) : NULL;
	/* mounts whose peers are on the host */
	r->ext_masters = r->ext_sharing = true;
	const struct outside o = { .request = r, .state = &k->state, .arena = &k->arena };
	if (outside_network(&o))
		r->empty_ns |= CLONE_NEWNET;
	return outside_namespaces(&o, e);
}

/* the two files beside the images */
static int save_beside(struct checkpoint *k, struct err *e)
{
	struct mountinfo in;
	const struct outside o = { .request = &k->request, .state = &k->state, .arena = &k->arena, .in = &in };
	OWN_JSON mounts = NULL;
	OWN_JSON streams = NULL;

	if (mountinfo_read(k->state.init.pid, &k->arena, &in, e) < 0 || outside_mounts(&o, &mounts, e) < 0 || outside_streams(&o, &streams, e) < 0)
		return -e->eno;
	if (js_save(k->images, CHECKPOINT_MOUNTS, mounts, 0600, 0, e) < 0)
		return -e->eno;
	return js_save(k->images, CHECKPOINT_DESCRIPTORS, streams, 0600, 0, e);
}

static int notified(void *data, const struct criu_response *r, int fd, struct err *e)
{
	const struct checkpoint *k = data;

	(void)fd; /* nothing is sent on the way out */
	if (strcmp(r->script, "status-ready") || k->req->status_fd < 0)
		return 0;
	ssize_t n = write(k->req->status_fd, "", 1);
	return n == 1 ? 0 : err_sys(e, n < 0 ? errno : EIO, "--status-fd %d", k->req->status_fd);
}

/* CRIU puts the processes back; were it killed, they would stay frozen */
static void let_go(const struct checkpoint *k)
{
	struct err own;
	bool frozen = false;

	if (k->cg && !k->paused && cgroup_is_frozen(k->cg, &frozen, &own) >= 0 && frozen)
		(void)cgroup_freeze(k->cg, false, &own); /* the first error counts */
}

static int dump(struct checkpoint *k, struct err *e)
{
	struct criu_call c = { .env = k->env,
			       .request = &k->request,
			       .notify = notified,
			       .data = k,
			       .images = k->req->criu.image_path,
			       .work = k->req->criu.work_path,
			       .log_fd = k->work >= 0 ? k->work : k->images,
			       .log_dir = k->work >= 0 ? k->req->criu.work_path : k->req->criu.image_path };
	struct criu_response r;

	if (criu_call(&c, &r, e) >= 0)
		return 0;
	let_go(k);
	return -e->eno;
}

/* CRIU has killed the processes: what is left goes as after an exit */
static int end(struct checkpoint *k, struct err *e)
{
	struct pollfd p = { .fd = k->init, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, DIE_WAIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_new(e, E_TIMEOUT, ETIMEDOUT, "container init still running");
	return delete_locked(k->env, &k->state, RUNTIME_DELETE_FORCE, e);
}

static int checkpoint(struct checkpoint *k, struct err *e)
{
	enum runtime_status status;

	if (state_open(k->env, k->req->id, STATE_LOCKED, &k->state, e) < 0 ||
	    state_status(&k->state, &status, e) < 0 || check(k, status, e) < 0 || open_all(k, e) < 0)
		return -e->eno;
	k->paused = status == RUNTIME_PAUSED;
	if (request_fill(k, e) < 0)
		return -e->eno;
	if (k->request.type == CRIU_DUMP && save_beside(k, e) < 0)
		return -e->eno;
	if (dump(k, e) < 0)
		return -e->eno;
	if (k->request.type == CRIU_PRE_DUMP || k->request.leave_running)
		return 0;
	return end(k, e);
}

int runtime_checkpoint(const struct runtime_env *env, const struct runtime_checkpoint_req *req, struct err *e)
{
	struct checkpoint k = { .env = env,
				.req = req,
				.state = STATE_EMPTY,
				.request = CRIU_REQUEST_EMPTY,
				.images = -1,
				.work = -1,
				.init = -1 };
	int r = checkpoint(&k, e);

	checkpoint_done(&k);
	return r < 0 ? err_ctx(e, "checkpoint %s", req->id) : 0;
}
