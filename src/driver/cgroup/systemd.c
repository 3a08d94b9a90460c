/* SPDX-License-Identifier: Apache-2.0
 *
 * The systemd driver: a container is a transient scope unit, systemd makes its group. Here is what
 * linux.cgroupsPath "slice:prefix:name" means.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/cgroup/cgroup_int.h"

bool cg_systemd_running(void)
{
	struct stat st;
	return lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

/* Each "-" of a slice's name stands for one more level: a-b.slice is /a.slice/a-b.slice. */
static int slice_path(const char *slice, char *out, size_t cap, struct err *e)
{
	size_t n = strlen(slice), w = 0;
	static const char end[] = ".slice";

	out[0] = 0;
	if (!strcmp(slice, "-.slice"))
		return 0;
	if (n <= sizeof end - 1 || strcmp(slice + n - (sizeof end - 1), end) || strchr(slice, '/'))
		return err_new(e, E_INVALID, EINVAL, "linux.cgroupsPath: \"%s\" is not the name of a slice",
			       slice);
	n -= sizeof end - 1;
	if (slice[0] == '-' || slice[n - 1] == '-' || strstr(slice, "--"))
		return err_new(e, E_INVALID, EINVAL, "linux.cgroupsPath: slice \"%s\" has an empty part",
			       slice);
	for (size_t i = 1; i <= n; i++)
		if (i == n || slice[i] == '-') {
			int k = snprintf(out + w, cap - w, "/%.*s%s", (int)i, slice, end);
			if (k < 0 || (size_t)k >= cap - w)
				return err_new(e, E_INVALID, ENAMETOOLONG, "linux.cgroupsPath: slice too long");
			w += (size_t)k;
		}
	return 0;
}

int cg_systemd_parse(const char *path, const char *id, bool rootless, struct cg_scope *ret,
		     struct err *e)
{
	char text[1024], slices[768];
	const char *slice = rootless ? "user.slice" : "system.slice", *prefix = "onggi", *name = id;

	if (path && *path) {
		char *first, *second;
		int n = snprintf(text, sizeof text, "%s", path);
		if (n < 0 || (size_t)n >= sizeof text)
			return err_new(e, E_INVALID, ENAMETOOLONG, "linux.cgroupsPath: too long");
		first = strchr(text, ':');
		second = first ? strchr(first + 1, ':') : NULL;
		if (!second || strchr(second + 1, ':')) {
			err_new(e, E_INVALID, EINVAL, "linux.cgroupsPath: expected slice:prefix:name for the "
				"systemd driver, got \"%.200s\"", path);
			err_hint(e, "use the cgroupfs driver for paths, or give system.slice:onggi:%s", id);
			return -EINVAL;
		}
		*first = *second = 0;
		if (*text)
			slice = text;
		prefix = first + 1;
		name = second[1] ? second + 1 : id;
	}
	int r = slice_path(slice, slices, sizeof slices, e);
	if (r < 0)
		return r;
	/* a name that is a slice is taken as it is, as runc does */
	size_t n = strlen(name);
	bool whole = n > 6 && !strcmp(name + n - 6, ".slice");
	int k = whole ? snprintf(ret->unit, sizeof ret->unit, "%s", name) :
			snprintf(ret->unit, sizeof ret->unit, "%s%s%s.scope", prefix, *prefix ? "-" : "",
				 name);
	int s = snprintf(ret->slice, sizeof ret->slice, "%s", slice);
	int p = snprintf(ret->path, sizeof ret->path, "%s/%s", slices, ret->unit);
	if (k < 0 || s < 0 || p < 0 || (size_t)k >= sizeof ret->unit || (size_t)s >= sizeof ret->slice ||
	    (size_t)p >= sizeof ret->path)
		return err_new(e, E_INVALID, ENAMETOOLONG, "linux.cgroupsPath: too long");
	if (strpbrk(ret->unit, "/ \n"))
		return err_new(e, E_INVALID, EINVAL, "linux.cgroupsPath: \"%s\" is not the name of a unit",
			       ret->unit);
	return 0;
}
