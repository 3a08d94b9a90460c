/* SPDX-License-Identifier: Apache-2.0
 *
 * CRIU's messages: see criu_rpc.h. The options are one table: number in rpc.proto, type, member.
 */
#include "runtime/criu_rpc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "format/protobuf.h"

enum option_kind { OPTION_BOOL, OPTION_STRING, OPTION_U32, OPTION_FD, OPTION_ENUM };

#define AT(m) offsetof(struct criu_request, m)
static const struct option {
	uint8_t number;
	uint8_t kind; /* enum option_kind */
	uint16_t offset;
} options[] = {
	{ 1, OPTION_FD, AT(images_fd) },
	{ 2, OPTION_U32, AT(pid) },
	{ 3, OPTION_BOOL, AT(leave_running) },
	{ 4, OPTION_BOOL, AT(ext_unix_sk) },
	{ 5, OPTION_BOOL, AT(tcp_established) },
	{ 6, OPTION_BOOL, AT(evasive_devices) },
	{ 7, OPTION_BOOL, AT(shell_job) },
	{ 8, OPTION_BOOL, AT(file_locks) },
	{ 10, OPTION_STRING, AT(log_file) },
	{ 12, OPTION_BOOL, AT(notify_scripts) },
	{ 13, OPTION_STRING, AT(root) },
	{ 14, OPTION_STRING, AT(parent_path) },
	{ 15, OPTION_BOOL, AT(track_mem) },
	{ 16, OPTION_BOOL, AT(auto_dedup) },
	{ 17, OPTION_FD, AT(work_fd) },
	{ 18, OPTION_BOOL, AT(link_remap) },
	{ 26, OPTION_BOOL, AT(rst_sibling) },
	{ 29, OPTION_BOOL, AT(ext_sharing) },
	{ 30, OPTION_BOOL, AT(ext_masters) },
	{ 34, OPTION_ENUM, AT(cgroup_mode) },
	{ 38, OPTION_U32, AT(empty_ns) },
	{ 44, OPTION_STRING, AT(freeze_cgroup) },
	{ 46, OPTION_BOOL, AT(tcp_skip_in_flight) },
	{ 48, OPTION_BOOL, AT(lazy_pages) },
	{ 49, OPTION_FD, AT(status_fd) },
	{ 50, OPTION_BOOL, AT(orphan_pts_master) },
	{ 51, OPTION_STRING, AT(config_file) },
	{ 52, OPTION_BOOL, AT(tcp_close) },
	{ 53, OPTION_STRING, AT(lsm_profile) },
	{ 63, OPTION_STRING, AT(lsm_mount_context) },
	{ 65, OPTION_BOOL, AT(mntns_compat_mode) },
};

/* numbers of what is no plain option */
enum {
	REQ_TYPE = 1,
	REQ_OPTIONS = 2,
	REQ_NOTIFY_SUCCESS = 3,
	REQ_FEATURES = 5,
	OPT_LOG_LEVEL = 9,
	OPT_PAGE_SERVER = 11,
	OPT_EXT_MOUNT = 23,
	OPT_MANAGE_CGROUPS = 24,
	OPT_CGROUP_ROOT = 25,
	OPT_INHERIT_FD = 27,
	OPT_EXTERNAL = 37,
	OPT_JOIN_NS = 39,
	OPT_NETWORK_LOCK = 64,
	LOG_LEVEL_DEBUG = 4,
};

static void put_string(struct buf *b, uint32_t number, const char *s)
{
	protobuf_put_bytes(b, number, s, strlen(s));
}

/* a message of two strings, the shape of most lists */
static void put_pair(struct buf *b, uint32_t number, const char *first, const char *second)
{
	OWN_BUF m = { 0 };

	put_string(&m, 1, first);
	put_string(&m, 2, second);
	if (buf_failed(&m))
		b->failed = true;
	else
		protobuf_put_bytes(b, number, m.p, m.n);
}

void criu_add_mount(struct criu_request *q, const char *key, const char *value)
{
	put_pair(&q->lists, OPT_EXT_MOUNT, key, value);
}

void criu_add_external(struct criu_request *q, const char *what)
{
	put_string(&q->lists, OPT_EXTERNAL, what);
}

void criu_add_fd(struct criu_request *q, const char *key, int fd)
{
	OWN_BUF m = { 0 };

	put_string(&m, 1, key);
	protobuf_put_int(&m, 2, fd);
	if (buf_failed(&m))
		q->lists.failed = true;
	else
		protobuf_put_bytes(&q->lists, OPT_INHERIT_FD, m.p, m.n);
}

void criu_add_join(struct criu_request *q, const char *ns, const char *path)
{
	put_pair(&q->lists, OPT_JOIN_NS, ns, path);
}

void criu_add_cgroup_root(struct criu_request *q, const char *controller, const char *path)
{
	put_pair(&q->lists, OPT_CGROUP_ROOT, controller, path);
}

static void put_option(struct buf *b, const struct criu_request *q, const struct option *o)
{
	const void *member = (const char *)q + o->offset;

	switch ((enum option_kind)o->kind) {
	case OPTION_BOOL:
		if (*(const bool *)member)
			protobuf_put_int(b, o->number, 1);
		break;
	case OPTION_STRING:
		if (*(const char *const *)member)
			put_string(b, o->number, *(const char *const *)member);
		break;
	case OPTION_U32:
		if (*(const uint32_t *)member)
			protobuf_put_int(b, o->number, *(const uint32_t *)member);
		break;
	case OPTION_FD:
		if (*(const int *)member >= 0)
			protobuf_put_int(b, o->number, *(const int *)member);
		break;
	case OPTION_ENUM: /* 0 is a value of its own */
		protobuf_put_int(b, o->number, *(const int *)member);
		break;
	}
}

static void put_options(struct buf *b, const struct criu_request *q)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		put_option(b, q, &options[i]);
	protobuf_put_int(b, OPT_LOG_LEVEL, LOG_LEVEL_DEBUG);
	if (q->cgroup_mode != CRIU_CGROUP_IGNORE)
		protobuf_put_int(b, OPT_MANAGE_CGROUPS, 1);
	if (q->network_lock != CRIU_LOCK_DEFAULT)
		protobuf_put_int(b, OPT_NETWORK_LOCK, q->network_lock);
	if (q->page_server) {
		OWN_BUF m = { 0 };
		put_string(&m, 1, q->page_server);
		protobuf_put_int(&m, 2, q->page_server_port);
		if (buf_failed(&m))
			b->failed = true;
		else
			protobuf_put_bytes(b, OPT_PAGE_SERVER, m.p, m.n);
	}
	if (buf_failed(&q->lists))
		b->failed = true;
	else
		buf_add(b, q->lists.p, q->lists.n);
}

int criu_request_encode(const struct criu_request *q, struct buf *ret, struct err *e)
{
	OWN_BUF options_bytes = { 0 };
	OWN_BUF features = { 0 };

	protobuf_put_int(ret, REQ_TYPE, q->type);
	if (q->has_options) {
		put_options(&options_bytes, q);
		protobuf_put_bytes(ret, REQ_OPTIONS, buf_str(&options_bytes), options_bytes.n);
	}
	if (q->notify_success)
		protobuf_put_int(ret, REQ_NOTIFY_SUCCESS, 1);
	if (q->type == CRIU_FEATURE_CHECK) {
		if (q->want_mem_track)
			protobuf_put_int(&features, 1, 1);
		if (q->want_lazy_pages)
			protobuf_put_int(&features, 2, 1);
		protobuf_put_bytes(ret, REQ_FEATURES, buf_str(&features), features.n);
	}
	if (buf_failed(ret) || buf_failed(&options_bytes) || buf_failed(&features))
		return err_new(e, E_NOMEM, ENOMEM, "criu: out of memory");
	return 0;
}

void criu_request_done(struct criu_request *q)
{
	buf_done(&q->lists);
}

/* --- response ------------------------------------------------------------------------------ */

static void take_text(const struct protobuf_field *f, char *out, size_t size)
{
	size_t n = f->n < size ? f->n : size - 1;

	memcpy(out, f->p, n);
	out[n] = 0;
}

/* a restore that failed has PID -1 */
static void take_pid(const struct protobuf_field *f, pid_t *ret)
{
	if (f->wire == PROTOBUF_VARINT && f->value <= INT_MAX)
		*ret = (pid_t)f->value;
}

/* dump: nothing of interest; restore: pid is 1; notify: script is 1, pid is 2 */
static int take_nested(const struct protobuf_field *outer, struct criu_response *ret)
{
	enum { RESTORE = 4, NOTIFY = 5, FEATURES = 8, VERSION = 10 };
	struct protobuf_reader r = protobuf_read(outer->p, outer->n);
	struct protobuf_field f;
	uint64_t version[3] = { 0 };
	int rc;

	while ((rc = protobuf_next(&r, &f)) > 0) {
		const bool number = f.wire == PROTOBUF_VARINT;
		if ((outer->number == RESTORE && f.number == 1) || (outer->number == NOTIFY && f.number == 2))
			take_pid(&f, &ret->pid);
		else if (outer->number == NOTIFY && f.number == 1 && f.wire == PROTOBUF_BYTES)
			take_text(&f, ret->script, sizeof ret->script);
		else if (outer->number == FEATURES && number && f.number == 1)
			ret->mem_track = f.value;
		else if (outer->number == FEATURES && number && f.number == 2)
			ret->lazy_pages = f.value;
		else if (outer->number == VERSION && number && (f.number <= 2 || f.number == 4) && f.value < 100)
			version[f.number == 4 ? 2 : f.number - 1] = f.value;
	}
	if (outer->number == VERSION)
		ret->version = (uint32_t)(version[0] * 10000 + version[1] * 100 + version[2]);
	return rc;
}

int criu_response_decode(const void *p, size_t n, struct criu_response *ret, struct err *e)
{
	enum { TYPE = 1, SUCCESS = 2, ERRNO = 7, MESSAGE = 9 };
	struct criu_response got = { 0 };
	struct protobuf_reader r = protobuf_read(p, n);
	struct protobuf_field f;
	bool typed = false;
	int rc;

	while ((rc = protobuf_next(&r, &f)) > 0) {
		if (f.wire == PROTOBUF_VARINT && f.number == TYPE && f.value <= UINT32_MAX) {
			got.type = (uint32_t)f.value; /* 0 in the answer to a request that it did not get far with */
			typed = true;
		} else if (f.wire == PROTOBUF_VARINT && f.number == SUCCESS)
			got.success = f.value;
		else if (f.wire == PROTOBUF_VARINT && f.number == ERRNO && f.value <= INT_MAX)
			got.eno = (int)f.value;
		else if (f.wire == PROTOBUF_BYTES && f.number == MESSAGE)
			take_text(&f, got.message, sizeof got.message);
		else if (f.wire == PROTOBUF_BYTES && take_nested(&f, &got) < 0)
			rc = -EBADMSG;
		if (rc < 0)
			break;
	}
	if (rc < 0 || !typed)
		return err_new(e, E_CORRUPT, EBADMSG, "criu: its answer makes no sense");
	*ret = got;
	return 0;
}
