/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices of a container: what it may use (device rules of the cgroup) and which nodes are made
 * in its /dev. The runtime makes the standard nodes (null, zero, tty ...) by itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "base/text.h"
#include "engine/oci.h"
#include "format/js.h"

enum { DEPTH_MAX = 8 };

struct rule {
	char type;
	int major, minor; /* -1: any */
	const char *access;
};

/* docker's: make any node, use the harmless ones */
static const struct rule allowed[] = {
	{ 'c', -1, -1, "m" },  { 'b', -1, -1, "m" },  { 'c', 1, 3, "rwm" }, { 'c', 1, 5, "rwm" },
	{ 'c', 1, 7, "rwm" },  { 'c', 1, 8, "rwm" },  { 'c', 1, 9, "rwm" }, { 'c', 5, 0, "rwm" },
	{ 'c', 5, 1, "rwm" },  { 'c', 5, 2, "rwm" },  { 'c', 136, -1, "rwm" },
};

static int rule_add(json_t *rules, const struct rule *r)
{
	char type[2] = { r->type, 0 };
	json_t *o = json_pack("{sb ss ss}", "allow", 1, "type", type, "access", r->access);

	if (r->major >= 0)
		json_object_set_new(o, "major", json_integer(r->major));
	if (r->minor >= 0)
		json_object_set_new(o, "minor", json_integer(r->minor));
	return json_array_append_new(rules, o);
}

/* "c 1:3 rwm", checked at creation */
static int rule_text(json_t *rules, const char *s)
{
	int v[2];

	const char *p = s + 2;
	for (int i = 0; i < 2; i++) {
		v[i] = *p == '*' ? -1 : 0;
		for (; *p == '*' || (*p >= '0' && *p <= '9'); p++)
			if (*p != '*' && v[i] < 100000000)
				v[i] = v[i] * 10 + (*p - '0');
		p++;
	}
	struct rule r = { *s, v[0], v[1], p };
	return rule_add(rules, &r);
}

struct walk {
	json_t *nodes, *rules; /* rules NULL: everything is allowed anyway */
	const char *access;
	unsigned found;
};

static int node_add(struct walk *w, const struct stat *st, const char *path)
{
	char type = S_ISCHR(st->st_mode) ? 'c' : 'b', text[2] = { type, 0 };
	struct rule r = { type, (int)major(st->st_rdev), (int)minor(st->st_rdev), w->access };

	w->found++;
	if (json_array_append_new(w->nodes, json_pack("{ss ss sI sI sI sI sI}", "path", path, "type", text,
						      "major", (json_int_t)r.major, "minor", (json_int_t)r.minor,
						      "fileMode", (json_int_t)(st->st_mode & 07777), "uid",
						      (json_int_t)st->st_uid, "gid", (json_int_t)st->st_gid)) < 0)
		return -ENOMEM;
	return w->rules ? rule_add(w->rules, &r) : 0;
}

/* places of /dev that belong to one instance of it */
static bool is_private(const char *name)
{
	static const char *const names[] = { "pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev",
					     "console", "core", "ptmx", "stdin", "stdout", "stderr" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* every device below the open directory @fd (consumed), as @to/NAME in the container */
static int dir_walk(struct walk *w, int fd, const char *to, int depth, bool all_of_dev)
{
	OWN_DIR d = fdopendir(fd);
	struct stat st;
	char path[4096];

	if (!d) {
		int eno = errno;
		close(fd);
		return -eno;
	}
	for (struct dirent *en; (en = readdir(d));) {
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, "..") ||
		    (all_of_dev && depth == 0 && is_private(en->d_name)) ||
		    fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/%s", to, en->d_name) >= sizeof path)
			continue;
		int r = 0;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			int sub = openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			r = sub < 0 ? 0 : dir_walk(w, sub, path, depth + 1, all_of_dev);
		} else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			r = node_add(w, &st, path);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

static int one_device(struct walk *w, const json_t *v, struct err *e)
{
	const char *host = js_str(v, "PathOnHost", ""), *in = js_str(v, "PathInContainer", "");
	const char *access = js_str(v, "CgroupPermissions", "");
	struct stat st;
	int r;

	w->access = *access ? access : "rwm";
	w->found = 0;
	if (!*in)
		in = host;
	if (stat(host, &st) < 0) {
		err_sys(e, errno, "error gathering device information while adding custom device \"%s\"", host);
		return -e->eno;
	}
	if (S_ISDIR(st.st_mode)) {
		int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? -errno : dir_walk(w, fd, in, 0, false);
	} else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		r = node_add(w, &st, in);
	else
		r = -ENODEV;
	if (r >= 0 && !w->found)
		r = -ENODEV;
	if (r == -ENODEV)
		return err_new(e, E_INVALID, ENODEV,
			       "error gathering device information while adding custom device \"%s\": not a device "
			       "node", host);
	return r < 0 ? err_sys(e, -r, "device %s", host) : 0;
}

int oci_devices(const struct oci_req *q, json_t *linux_part, json_t *resources, struct err *e)
{
	const json_t *hc = json_object_get(q->c->record, "HostConfig");
	json_t *rules = json_array(), *nodes = json_array(), *v;
	struct walk w = { .nodes = nodes, .rules = rules, .access = "rwm" };
	size_t i;
	int r = 0;

	if (json_object_set_new(resources, "devices", rules) < 0 ||
	    json_object_set_new(linux_part, "devices", nodes) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "devices");
	if (js_bool(hc, "Privileged", false)) {
		int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		w.rules = NULL;
		r = json_array_append_new(rules, json_pack("{sb ss}", "allow", 1, "access", "rwm"));
		if (fd >= 0 && dir_walk(&w, fd, "/dev", 0, true) == -ENOMEM)
			r = -1;
	} else {
		r |= json_array_append_new(rules, json_pack("{sb ss}", "allow", 0, "access", "rwm"));
		for (i = 0; i < ARRAY_LEN(allowed); i++)
			r |= rule_add(rules, &allowed[i]);
		json_array_foreach(json_object_get(hc, "DeviceCgroupRules"), i, v)
			r |= rule_text(rules, json_string_value(v));
	}
	if (r)
		return err_new(e, E_NOMEM, ENOMEM, "devices");
	json_array_foreach(json_object_get(hc, "Devices"), i, v)
		if (one_device(&w, v, e) < 0)
			return -e->eno;
	return 0;
}
