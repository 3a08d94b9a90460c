/* SPDX-License-Identifier: Apache-2.0
 *
 * Classes of service in the resctrl file system: see rdt.h.
 */
#include "driver/rdt/rdt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"

#define RDT_ROOT "/sys/fs/resctrl"
#define AT "linux.intelRdt"

enum { RDT_MAGIC = 0x7655821, FILE_MAX = 1 << 16, PATH_LEN = 560 };

int rdt_root_open(int *ret_fd, struct err *e)
{
	OWN_FD fd = open(RDT_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != RDT_MAGIC) {
		(void)err_new(e, E_UNSUPPORTED, EOPNOTSUPP, AT ": the resctrl file system is not mounted on " RDT_ROOT);
		err_hint(e, "it needs a processor with Intel RDT or its like: mount -t resctrl resctrl " RDT_ROOT);
		return -EOPNOTSUPP;
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

static void place(const struct rdt *r, const char *below, char out[PATH_LEN])
{
	(void)snprintf(out, PATH_LEN, "%s/%s", strcmp(r->clos, "/") ? r->clos : ".", below); /* all fit */
}

/* The kernel says more about a refusal than an errno. */
static int refused(int xroot, int eno, const char *what, const char *text, struct err *e)
{
	struct err ignored = { 0 };
	OWN_STR why = NULL;

	if (io_read_file(xroot, "info/last_cmd_status", FILE_MAX, &why, NULL, &ignored) < 0)
		return err_sys(e, eno, AT ": write \"%.200s\" to %s", text, what);
	why[strcspn(why, "\n")] = 0;
	return err_sys(e, eno, AT ": write \"%.200s\" to %s (%.200s)", text, what, why);
}

static int write_file(int xroot, const struct rdt *r, const char *name, const char *text, struct err *e)
{
	char path[PATH_LEN];
	struct err own = { 0 };

	place(r, name, path);
	if (io_write_file(xroot, path, text, strlen(text), &own) == 0)
		return 0;
	return refused(xroot, own.eno, path, text, e);
}

/* --- schemata ------------------------------------------------------------------------------ */

static bool is_bandwidth(const char *line)
{
	return !strncmp(line + strspn(line, " \t"), "MB:", 3);
}

/* the lines of one member; @no_bandwidth: those of memBwSchema take their place */
static void lines_add(struct buf *b, const char *text, bool no_bandwidth)
{
	while (text && *text) {
		size_t n = strcspn(text, "\n");
		if (n && !(no_bandwidth && is_bandwidth(text)))
			buf_printf(b, "%.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static int schemata_text(const struct bundle_intel_rdt *c, struct buf *b, struct err *e)
{
	lines_add(b, c->l3_cache_schema, c->mem_bw_schema);
	lines_add(b, c->mem_bw_schema, false);
	for (size_t i = 0; i < c->schemata.n; i++)
		lines_add(b, c->schemata.v[i], false);
	return buf_failed(b) ? err_new(e, E_NOMEM, ENOMEM, AT ": out of memory") : 0;
}

/* what stands for @key ("L3", or a domain "0") in @text, up to one of @end; NULL: not there */
static const char *value_of(const char *text, const char *key, size_t key_n, char sep, const char *next)
{
	while (*text) {
		text += strspn(text, " \t");
		if (!strncmp(text, key, key_n) && text[key_n] == sep)
			return text + key_n + 1;
		text += strcspn(text, next);
		text += *text != 0;
	}
	return NULL;
}

static bool same_number(const char *a, const char *b)
{
	a += strspn(a, "0");
	b += strspn(b, "0");
	size_t n = strcspn(a, ";\n"), m = strcspn(b, ";\n");
	return n == m && !strncasecmp(a, b, n);
}

/* each domain of each wanted line has the wanted value */
static bool schemata_hold(const char *now, const char *want)
{
	for (; *want; want += strcspn(want, "\n"), want += *want == '\n') {
		want += strspn(want, " \t");
		size_t n = strcspn(want, ":\n");
		const char *line = want[n] == ':' ? value_of(now, want, n, ':', "\n") : NULL;
		if (!line)
			return false;
		char domains[1024];
		(void)snprintf(domains, sizeof domains, "%.*s", (int)strcspn(line, "\n"), line); /* cut: differs */
		for (const char *d = want + n + 1; *d && *d != '\n'; d += strcspn(d, ";\n"), d += *d == ';') {
			size_t k = strcspn(d, "=;\n");
			const char *v = d[k] == '=' ? value_of(domains, d, k, '=', ";") : NULL;
			if (!v || !same_number(v, d + k + 1))
				return false;
		}
	}
	return true;
}

static int schemata_check(int xroot, const struct rdt *r, const char *want, struct err *e)
{
	char path[PATH_LEN];
	OWN_STR now = NULL;

	place(r, "schemata", path);
	if (io_read_file(xroot, path, FILE_MAX, &now, NULL, e) < 0)
		return err_ctx(e, AT);
	if (schemata_hold(now, want))
		return 0;
	return err_new(e, E_CONFLICT, EEXIST, AT ".closID: the class %s exists with other schemata than those wanted",
		       r->clos);
}

/* --- life ---------------------------------------------------------------------------------- */

static int clos_begin(int xroot, struct rdt *r, bool must_exist, struct err *e)
{
	struct stat st;

	if (!strcmp(r->clos, "/"))
		return 0;
	if (must_exist && (fstatat(xroot, r->clos, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)))
		return err_new(e, E_NOT_FOUND, ENOENT, AT ".closID: the class %s does not exist, and there are no schemata "
			       "to make it with", r->clos);
	if (mkdirat(xroot, r->clos, 0755) == 0) {
		r->made = true;
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	int r2 = err_sys(e, errno, AT ": make class %s", r->clos);
	if (e->eno == ENOSPC)
		err_hint(e, "the processor has no class left; give a closID to share one");
	return r2;
}

static int monitor_begin(int xroot, const char *id, struct rdt *r, struct err *e)
{
	char below[300], path[PATH_LEN];

	(void)snprintf(below, sizeof below, "mon_groups/%s", id); /* ids are at most 255 long */
	place(r, below, path);
	if (mkdirat(xroot, path, 0755) < 0)
		return err_sys(e, errno, AT ".enableMonitoring: make %s", path);
	(void)snprintf(r->monitor, sizeof r->monitor, "%s", id); /* as above */
	return 0;
}

static int fill(int xroot, const char *id, const struct bundle_intel_rdt *c, struct rdt *r, struct err *e)
{
	OWN_BUF want = { 0 };

	if (schemata_text(c, &want, e) < 0 || clos_begin(xroot, r, c->clos_id && !want.n, e) < 0)
		return -e->eno;
	if (want.n && (r->made ? write_file(xroot, r, "schemata", buf_str(&want), e) :
				 schemata_check(xroot, r, buf_str(&want), e)) < 0)
		return -e->eno;
	return c->enable_monitoring ? monitor_begin(xroot, id, r, e) : 0;
}

int rdt_create(int xroot, const char *id, const struct bundle_intel_rdt *conf, struct rdt *ret, struct err *e)
{
	struct rdt r = { 0 };
	struct err ignored = { 0 };
	const char *clos = conf->clos_id ? conf->clos_id : id;

	if (strlen(clos) >= sizeof r.clos || strlen(id) >= sizeof r.monitor)
		return err_new(e, E_INVALID, ENAMETOOLONG, AT ".closID: too long");
	(void)snprintf(r.clos, sizeof r.clos, "%s", clos); /* fits */
	int n = fill(xroot, id, conf, &r, e);
	if (n < 0) {
		(void)rdt_remove(xroot, &r, &ignored); /* the first error counts */
		return n;
	}
	*ret = r;
	return 0;
}

int rdt_enter(int xroot, const struct rdt *r, pid_t pid, struct err *e)
{
	char text[24], tasks[300];

	(void)snprintf(text, sizeof text, "%d", (int)pid); /* fits */
	if (write_file(xroot, r, "tasks", text, e) < 0)
		return -e->eno;
	if (!*r->monitor)
		return 0;
	(void)snprintf(tasks, sizeof tasks, "mon_groups/%s/tasks", r->monitor); /* fits */
	return write_file(xroot, r, tasks, text, e);
}

int rdt_update(int xroot, const struct rdt *r, const char *l3_cache_schema, const char *mem_bw_schema, struct err *e)
{
	const struct bundle_intel_rdt c = { .l3_cache_schema = l3_cache_schema, .mem_bw_schema = mem_bw_schema };
	OWN_BUF want = { 0 };

	if (schemata_text(&c, &want, e) < 0)
		return -e->eno;
	return want.n ? write_file(xroot, r, "schemata", buf_str(&want), e) : 0;
}

int rdt_remove(int xroot, const struct rdt *r, struct err *e)
{
	char below[300], path[PATH_LEN];

	(void)snprintf(below, sizeof below, "mon_groups/%s", r->monitor); /* fits */
	place(r, below, path);
	if (*r->monitor && unlinkat(xroot, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, AT ": remove %s", path);
	if (r->made && unlinkat(xroot, r->clos, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, AT ": remove class %s", r->clos);
	return 0;
}

json_t *rdt_record(const struct rdt *r)
{
	return json_pack("{s:s, s:b, s:s}", "clos", r->clos, "made", r->made, "monitor", r->monitor);
}

void rdt_read(const json_t *record, struct rdt *ret)
{
	*ret = (struct rdt){ .made = js_bool(record, "made", false) };
	(void)snprintf(ret->clos, sizeof ret->clos, "%s", js_str(record, "clos", "/")); /* ours: fits */
	(void)snprintf(ret->monitor, sizeof ret->monitor, "%s", js_str(record, "monitor", ""));
}
