/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a running container is not its own, and so is not saved: see checkpoint.h. Found by
 * looking at the container, not at its config: that may have changed, and binds bring mounts along
 * that it does not name.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"
#include "format/js.h"
#include "runtime/checkpoint.h"

static int nomem(struct err *e)
{
	return err_new(e, E_NOMEM, ENOMEM, "checkpoint: out of memory");
}

/* CRIU makes these anew, and there is one instance per namespace, not per mount */
static bool of_kernel(const char *type)
{
	static const char *const types[] = { "proc", "sysfs", "mqueue" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(type, types[i]))
			return true;
	return false;
}

/* whether path @sub is @top or below it */
static bool below(const char *sub, const char *top)
{
	size_t n = strlen(top);

	if (!strcmp(top, "/"))
		return true;
	return !strncmp(sub, top, n) && (!sub[n] || sub[n] == '/');
}

static const struct mountinfo_entry *root_of(const struct mountinfo *m)
{
	for (size_t i = m->n; i-- > 0;)
		if (!strcmp(m->v[i].point, "/"))
			return &m->v[i];
	return NULL;
}

static bool has_device(const struct mountinfo *m, dev_t dev)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].dev == dev)
			return true;
	return false;
}

/* a bind of something that the container itself has mounted */
static bool has_wider(const struct mountinfo *m, const struct mountinfo_entry *x)
{
	for (size_t i = 0; i < m->n; i++)
		if (&m->v[i] != x && m->v[i].dev == x->dev && below(x->root, m->v[i].root))
			return true;
	return !strcmp(x->root, "/");
}

static bool is_outside(const struct mountinfo *in, const struct mountinfo *host, const struct mountinfo_entry *x)
{
	const struct mountinfo_entry *root = root_of(in);

	if (x == root || of_kernel(x->type) || !strcmp(x->point, "/"))
		return false;
	if (root && x->dev == root->dev && below(x->root, root->root))
		return false; /* a bind of a part of the root file system */
	/* a group of the host, also where a namespace hides what is above it */
	if (!strncmp(x->type, "cgroup", 6))
		return true;
	return has_device(host, x->dev) || !has_wider(in, x);
}

/* what covers a masked file is the same on every host */
static bool is_mask(int xroot, const char *point)
{
	OWN_FD fd = -1;
	struct err own;
	struct stat st;

	return path_open_in(xroot, point, O_PATH, 0, &fd, &own) >= 0 && !fstat(fd, &st) && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(1, 3);
}

int outside_mounts(const struct outside *o, json_t **ret, struct err *e)
{
	const pid_t pid = o->state->init.pid;
	OWN_JSON names = json_array();
	struct mountinfo host;
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	OWN_FD root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "open root of the container");
	if (mountinfo_read(0, o->arena, &host, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < o->in->n; i++) {
		const char *point = o->in->v[i].point;
		if (!is_outside(o->in, &host, &o->in->v[i]))
			continue;
		const char *name = is_mask(root, point) ? CHECKPOINT_MASK : point;
		criu_add_mount(o->request, point, name);
		if (json_array_append_new(names, json_string(name)) < 0)
			return nomem(e);
	}
	*ret = ptr_take(&names);
	return 0;
}

static int fdinfo_mount(pid_t pid, int fd)
{
	char path[64], line[256];
	int id;

	(void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)pid, fd);
	OWN_FILE f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "mnt_id: %d", &id) == 1)
			return id;
	return -1;
}

/* how CRIU calls an open file of another mount namespace; "": it is none */
static void outside_file(pid_t pid, const struct mountinfo *in, int fd, char out[64])
{
	char path[64];
	struct stat st;
	int id = fdinfo_mount(pid, fd);

	*out = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
	if (id < 0 || stat(path, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)))
		return;
	for (size_t i = 0; i < in->n; i++)
		if (in->v[i].id == id)
			return;
	(void)snprintf(out, 64, "file[%x:%llx]", (unsigned)id, (unsigned long long)st.st_ino);
}

int outside_streams(const struct outside *o, json_t **ret, struct err *e)
{
	const json_t *at_start = json_object_get(o->state->doc, "external_descriptors");
	const pid_t pid = o->state->init.pid;
	OWN_JSON list = json_array();

	for (int i = 0; json_is_array(at_start) && i < 3; i++) {
		const json_t *was = json_array_get(at_start, (size_t)i);
		const char *text = json_is_string(was) ? json_string_value(was) : "";
		char file[64] = "";
		if (strncmp(text, "pipe:", 5))
			outside_file(pid, o->in, i, file);
		if (*file)
			criu_add_external(o->request, file);
		if (json_array_append_new(list, json_string(*file ? file : text)) < 0)
			return nomem(e);
	}
	*ret = ptr_take(&list);
	return 0;
}

/* "" : the container has one of its own; NULL: it uses the host's */
static const char *namespace_path(const struct state *s, enum ns_kind k)
{
	const json_t *list = js_at(s->doc, "config.namespaces"), *ns;
	size_t i;

	json_array_foreach((json_t *)list, i, ns)
		if (!strcmp(js_str(ns, "type", ""), ns_table[k].runc))
			return js_str(ns, "path", "");
	return NULL;
}

static int external(const struct outside *o, enum ns_kind k, const char *name, struct err *e)
{
	const char *path = namespace_path(o->state, k);
	char text[128];
	struct stat st;

	if (!path || !*path)
		return 0;
	/* the namespace itself, whatever lies at its path by now */
	(void)snprintf(text, sizeof text, "/proc/%d/ns/%s", (int)o->state->init.pid, ns_table[k].proc);
	if (stat(text, &st) < 0)
		return err_sys(e, errno, "look at the %s namespace", ns_table[k].name);
	(void)snprintf(text, sizeof text, "%s[%llu]:%s", ns_table[k].proc, (unsigned long long)st.st_ino, name);
	criu_add_external(o->request, text);
	return 0;
}

int outside_namespaces(const struct outside *o, struct err *e)
{
	static const enum ns_kind never[] = { NS_MOUNT, NS_CGROUP };

	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		const char *path = namespace_path(o->state, never[i]);
		if (path && *path)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "CRIU cannot save a container in the %s namespace %s",
				       ns_table[never[i]].name, path);
	}
	if (external(o, NS_NETWORK, CHECKPOINT_NET, e) < 0)
		return -e->eno;
	return external(o, NS_PID, CHECKPOINT_PID, e);
}

bool outside_network(const struct outside *o)
{
	const char *own = namespace_path(o->state, NS_NETWORK);
	char path[64], line[512];

	if (!own || *own)
		return false;
	(void)snprintf(path, sizeof path, "/proc/%d/net/dev", (int)o->state->init.pid);
	OWN_FILE f = fopen(path, "re");
	/* two lines of headings, then "  name: counters" */
	for (int i = 0; f && fgets(line, sizeof line, f); i++) {
		const char *name = line + strspn(line, " ");
		if (i >= 2 && strncmp(name, "lo:", 3))
			return true;
	}
	return false;
}
