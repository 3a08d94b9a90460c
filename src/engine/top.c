/* SPDX-License-Identifier: Apache-2.0
 *
 * top: the processes of a container as ps shows them. The usual form (-ef) is read from /proc
 * here; any other is the host's own ps, cut down to the container's processes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "engine/engine_int.h"
#include "format/js.h"

enum { PS_OUTPUT_MAX = 16 << 20, PASSWD_MAX = 16 << 20 };

static bool has_pid(const pid_t *pids, size_t n, long pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* login name of the host, as ps shows it */
static void user_name(const char *passwd, unsigned uid, char out[64])
{
	(void)snprintf(out, 64, "%u", uid);
	for (const char *p = passwd; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char name[64];
		unsigned u;
		if (sscanf(p, "%63[^:\n]:%*[^:\n]:%u:", name, &u) == 2 && u == uid) {
			(void)snprintf(out, 64, "%s", name);
			return;
		}
	}
}

struct stat_fields {
	char comm[64];
	int ppid, tty;
	unsigned long long utime, stime, start;
};

static int stat_parse(const char *text, struct stat_fields *f)
{
	const char *open_p = strchr(text, '('), *close_p = strrchr(text, ')');

	if (!open_p || !close_p || close_p < open_p)
		return -EINVAL;
	(void)snprintf(f->comm, sizeof f->comm, "%.*s", (int)(close_p - open_p - 1), open_p + 1);
	return sscanf(close_p + 1, " %*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu",
		      &f->ppid, &f->tty, &f->utime, &f->stime, &f->start) == 5 ? 0 : -EINVAL;
}

static void tty_name(int dev, char out[32])
{
	unsigned major_no = ((unsigned)dev >> 8) & 0xfff;
	unsigned minor_no = ((unsigned)dev & 0xff) | (((unsigned)dev >> 12) & 0xfff00);

	if (major_no >= 136 && major_no <= 143)
		(void)snprintf(out, 32, "pts/%u", (major_no - 136) * 256 + minor_no);
	else if (major_no == 4)
		(void)snprintf(out, 32, "tty%u", minor_no);
	else
		(void)snprintf(out, 32, "?");
}

static json_t *command_line(int dir, const char *comm)
{
	OWN_STR text = NULL;
	size_t n = 0;
	struct err e;

	if (io_read_file(dir, "cmdline", 1 << 20, &text, &n, &e) < 0 || !n)
		return json_sprintf("[%s]", comm);
	for (size_t i = 0; i + 1 < n; i++)
		if (!text[i] || text[i] == '\n')
			text[i] = ' ';
	json_t *j = json_string(text);
	return j ? j : json_sprintf("[%s]", comm);
}

/* "HH:MM" today, "Jan02" before */
static void start_text(unsigned long long ticks, char out[16])
{
	struct timespec boot;
	time_t now = time(NULL), at;
	struct tm tm, today;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	at = now - boot.tv_sec + (time_t)(ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
	localtime_r(&at, &tm);
	localtime_r(&now, &today);
	bool same = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
	strftime(out, 16, same ? "%H:%M" : tm.tm_year == today.tm_year ? "%b%d" : "%Y", &tm);
}

static json_t *row_of(pid_t pid, const char *passwd)
{
	char path[32], name[64], tty[32], start[16];
	OWN_STR text = NULL;
	struct err e;
	struct stat st;
	struct stat_fields f;

	(void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
	OWN_FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || io_read_file(dir, "stat", 8192, &text, NULL, &e) < 0 ||
	    stat_parse(text, &f) < 0)
		return NULL; /* it has ended meanwhile */
	user_name(passwd, st.st_uid, name);
	tty_name(f.tty, tty);
	start_text(f.start, start);
	unsigned long long hz = (unsigned long long)sysconf(_SC_CLK_TCK), secs = (f.utime + f.stime) / hz;
	struct timespec boot;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	unsigned long long lived = (unsigned long long)boot.tv_sec - f.start / hz;
	return json_pack("[s o o o s s o o]", name, json_sprintf("%d", (int)pid),
			 json_sprintf("%d", f.ppid), json_sprintf("%llu", lived ? secs * 100 / lived : 0), start, tty,
			 json_sprintf("%02llu:%02llu:%02llu", secs / 3600, secs / 60 % 60, secs % 60),
			 command_line(dir, f.comm));
}

static int own_ps(const pid_t *pids, size_t n, json_t **ret, struct err *e)
{
	OWN_STR passwd = NULL;
	json_t *rows = json_array();

	if (io_read_file(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &passwd, NULL, e) < 0)
		err_clear(e); /* numbers then */
	for (size_t i = 0; i < n; i++) {
		json_t *row = row_of(pids[i], passwd);
		if (row)
			json_array_append_new(rows, row);
	}
	*ret = json_pack("{s[ssssssss] so}", "Titles", "UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD",
			 "Processes", rows);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "top");
}

static int ps_run(const char *args, char **ret, struct err *e)
{
	char copy[1024], *argv[64] = { (char[]){ "ps" } }, *save = NULL;
	size_t n = 1;
	int pair[2], status;

	(void)snprintf(copy, sizeof copy, "%s", args);
	for (char *w = strtok_r(copy, " \t", &save); w && n < ARRAY_LEN(argv) - 1; w = strtok_r(NULL, " \t", &save))
		argv[n++] = w;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	OWN_FD rd = pair[0], wr = pair[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		(void)dup2(wr, 1);
		execvp("ps", argv);
		_exit(127);
	}
	own_fd_done(&wr);
	int r = io_read_fd(rd, PS_OUTPUT_MAX, ret, NULL, e);
	(void)waitpid(pid, &status, 0);
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_new(e, E_UNSUPPORTED, ENOENT, "this host has no ps: only the form -ef is possible");
	if (status)
		return err_new(e, E_INVALID, EINVAL, "ps %s failed", args);
	return 0;
}

/* words of a line; the last of @max takes the rest */
static json_t *words(const char *line, size_t max)
{
	json_t *list = json_array();

	for (const char *p = line + strspn(line, " \t"); *p && *p != '\n';) {
		bool last = max && json_array_size(list) + 1 == max;
		size_t n = strcspn(p, last ? "\n" : " \t\n");
		json_array_append_new(list, json_stringn_nocheck(p, n));
		p += n;
		p += strspn(p, " \t");
	}
	return list;
}

static int host_ps(const char *args, const pid_t *pids, size_t n, json_t **ret, struct err *e)
{
	OWN_STR text = NULL;
	json_t *rows, *v;
	size_t i, pid_col;

	if (ps_run(args, &text, e) < 0)
		return -e->eno;
	OWN_JSON titles = words(text, 0);
	pid_col = json_array_size(titles);
	json_array_foreach(titles, i, v)
		if (!strcmp(json_string_value(v), "PID")) {
			pid_col = i;
			break;
		}
	if (pid_col == json_array_size(titles))
		return err_new(e, E_INVALID, EINVAL, "Couldn't find PID field in ps output");
	rows = json_array();
	for (const char *p = strchr(text, '\n'); p && p[1]; p = strchr(p + 1, '\n')) {
		json_t *row = words(p + 1, json_array_size(titles));
		const char *pid = json_string_value(json_array_get(row, pid_col));
		if (pid && has_pid(pids, n, strtol(pid, NULL, 10)))
			json_array_append(rows, row);
		json_decref(row);
	}
	*ret = json_pack("{sO so}", "Titles", titles, "Processes", rows);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "top");
}

int engine_top(struct engine *eng, const char *ref, const char *ps_args, json_t **ret, struct err *e)
{
	OWN_HANDLE h = HANDLE_NULL;
	OWN_PTR pid_t *pids = NULL;
	size_t n;

	if (handle_open(eng, ref, 0, &h, e) < 0)
		return -e->eno;
	if (h.st.status != CONTAINER_RUNNING)
		return err_new(e, E_STATE, EINVAL, "container %s is not running", h.c.id);
	if (runtime_pids(&eng->runtime, h.c.id, &pids, &n, e) < 0)
		return -e->eno;
	if (ps_args && *ps_args && strcmp(ps_args, "-ef"))
		return host_ps(ps_args, pids, n, ret, e);
	return own_ps(pids, n, ret, e);
}
