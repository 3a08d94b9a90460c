/* SPDX-License-Identifier: Apache-2.0
 *
 * Small outputs and inputs shared by the commands of orun.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "base/text.h"
#include "front/orun/orun.h"

int orun_print_text(const char *s, struct err *e)
{
	int r = io_write_all(STDOUT_FILENO, s, strlen(s));
	return r < 0 ? err_sys(e, -r, "write output") : 0;
}

int orun_print_json(const json_t *j, size_t indent, struct err *e)
{
	OWN_STR text = json_dumps(j, JSON_ENCODE_ANY | (indent ? JSON_INDENT(indent) : JSON_COMPACT));
	int r;

	if (!text)
		return err_new(e, E_NOMEM, ENOMEM, "print: out of memory");
	r = orun_print_text(text, e);
	return r < 0 ? r : orun_print_text("\n", e);
}

int orun_user_spec_parse(const char *s, uint32_t *ret_uid, uint32_t *ret_gid, struct err *e)
{
	char uid[16];
	const char *colon = strchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);
	uint32_t u, g = 0;

	(void)snprintf(uid, sizeof uid, "%.*s", (int)(n < sizeof uid ? n : sizeof uid - 1), s);
	if (n >= sizeof uid || text_uint32(uid, &u) < 0 || u == UINT32_MAX ||
	    (colon && (text_uint32(colon + 1, &g) < 0 || g == UINT32_MAX)))
		return err_new(e, E_USAGE, EINVAL, "invalid user \"%s\": expected UID or UID:GID in numbers", s);
	*ret_uid = u;
	if (colon)
		*ret_gid = g;
	return 0;
}

/* getpwuid would need the name service libraries, which a static program has not */
void orun_user_name(unsigned uid, char *out, size_t size)
{
	OWN_FILE f = fopen("/etc/passwd", "re");
	char line[1024];

	(void)snprintf(out, size, "%u", uid);
	while (f && fgets(line, sizeof line, f)) {
		char *save = NULL, *name = strtok_r(line, ":", &save);
		const char *id = strchr(save ? save : "", ':');
		uint32_t v;
		char num[16] = "";
		if (!name || !id)
			continue;
		size_t n = strcspn(id + 1, ":");
		if (n < sizeof num)
			memcpy(num, id + 1, n);
		if (!text_uint32(num, &v) && v == uid) {
			(void)snprintf(out, size, "%s", name);
			return;
		}
	}
}

int orun_listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	uint32_t p, v;

	if (!pid || !n || text_uint32(pid, &p) < 0 || text_uint32(n, &v) < 0)
		return 0;
	return p == (uint32_t)getpid() && v < 4096 ? (int)v : 0;
}
