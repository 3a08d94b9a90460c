/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc/PID/mountinfo as a list: see mountinfo.h and proc_pid_mountinfo(5).
 *
 *   36 35 98:0 /root /point rw,noatime master:1 - ext3 source options
 */
#include "sys/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"

enum { MOUNTINFO_BYTES = 64 << 20 };

static bool octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* "\040" and the like, for blanks in names; it only gets shorter */
static char *unescape(char *s)
{
	char *to = s;

	for (const char *from = s; *from; to++)
		if (*from == '\\' && octal(from + 1)) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else
			*to = *from++;
	*to = 0;
	return s;
}

static bool line_parse(char *line, struct mountinfo_entry *ret)
{
	char *field[5], *save = NULL, *tail = strstr(line, " - ");
	unsigned major, minor;
	int id;

	if (!tail)
		return false;
	*tail = 0;
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (!(field[i] = strtok_r(i ? NULL : line, " ", &save)))
			return false;
	char *type = strtok_r(tail + strlen(" - "), " ", &save);
	if (!type || sscanf(field[0], "%d", &id) != 1 || sscanf(field[2], "%u:%u", &major, &minor) != 2)
		return false;
	*ret = (struct mountinfo_entry){ id, makedev(major, minor), unescape(field[3]), unescape(field[4]), type };
	return true;
}

int mountinfo_parse(char *text, struct arena *a, struct mountinfo *ret, struct err *e)
{
	size_t lines = 1;
	char *next;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	*ret = (struct mountinfo){ arena_get(a, lines * sizeof *ret->v), 0 };
	if (!ret->v)
		return err_new(e, E_NOMEM, ENOMEM, "mountinfo: out of memory");
	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (line_parse(line, &ret->v[ret->n]))
			ret->n++;
	}
	return 0;
}

int mountinfo_read(pid_t pid, struct arena *a, struct mountinfo *ret, struct err *e)
{
	char path[64];
	OWN_STR text = NULL;

	if (pid)
		(void)snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
	else
		(void)snprintf(path, sizeof path, "/proc/self/mountinfo");
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (io_read_fd(fd, MOUNTINFO_BYTES, &text, NULL, e) < 0)
		return err_ctx(e, "%s", path);
	char *copy = arena_strdup(a, text);
	return copy ? mountinfo_parse(copy, a, ret, e) : err_new(e, E_NOMEM, ENOMEM, "mountinfo: out of memory");
}
