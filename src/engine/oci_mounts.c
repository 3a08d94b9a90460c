/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts of the OCI configuration: docker's default ones, minus those that the user covers, then
 * the user's (prepared at creation, see create_mounts.c), parents before children.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "engine/oci.h"
#include "format/js.h"
#include "spec/container_mode.h"

enum { SHM_DEFAULT_BYTES = 64 << 20 };

struct default_mount {
	const char *destination, *type, *source, *options; /* options: comma separated */
	const char *privileged; /* options of a privileged container, NULL: the same */
};

static const struct default_mount defaults[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev", NULL },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", NULL },
	{ "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5", NULL },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro", "nosuid,noexec,nodev,rw" },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev,relatime",
	  "rw,nosuid,noexec,nodev,relatime" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", NULL },
};

static int append(json_t *list, const char *destination, const char *type, const char *source,
		  const char *options)
{
	json_t *words = json_array();

	while (*options) {
		size_t n = strcspn(options, ",");
		json_array_append_new(words, json_stringn(options, n));
		options += n + (options[n] == ',');
	}
	return json_array_append_new(list, json_pack("{ss ss ss so}", "destination", destination, "type", type,
						     "source", source, "options", words));
}

/* the user mounts this place itself, or all of /dev above it */
static bool is_covered(const json_t *mounts, const char *destination)
{
	size_t i;
	json_t *m;

	json_array_foreach(mounts, i, m) {
		const char *d = js_str(m, "destination", "");
		if (!strcmp(d, destination) || (!strcmp(d, "/dev") && text_starts(destination, "/dev/")))
			return true;
	}
	return false;
}

static int shm(const struct oci_req *q, const json_t *hc, json_t *list)
{
	int64_t size = js_int(hc, "ShmSize", 0);
	OWN_JSON path = NULL;

	switch (container_mode_of(MODE_OF_IPC, js_str(hc, "IpcMode", ""), NULL)) {
	case CONTAINER_MODE_NONE:
		return 0;
	case CONTAINER_MODE_HOST:
		return append(list, "/dev/shm", "bind", "/dev/shm", "rbind,rprivate");
	case CONTAINER_MODE_JOIN:
		return append(list, "/dev/shm", "bind", q->join_shm ? q->join_shm : "/dev/shm", "rbind,rprivate");
	case CONTAINER_MODE_SHAREABLE:
		path = json_sprintf("%s/shm", q->run_dir);
		return append(list, "/dev/shm", "bind", json_string_value(path), "rbind,rprivate");
	case CONTAINER_MODE_PRIVATE:
	case CONTAINER_MODE_NETWORK:
	case CONTAINER_MODE_N:
	default:
		path = json_sprintf("nosuid,noexec,nodev,mode=1777,size=%lld",
				    (long long)(size > 0 ? size : SHM_DEFAULT_BYTES));
		return append(list, "/dev/shm", "tmpfs", "shm", json_string_value(path));
	}
}

static int files(const struct oci_req *q, const json_t *hc, const json_t *mounts, json_t *list)
{
	static const char *const names[] = { "resolv.conf", "hostname", "hosts" };
	const char *options = js_bool(hc, "ReadonlyRootfs", false) ? "rbind,rprivate,ro" : "rbind,rprivate";
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		OWN_JSON to = json_sprintf("/etc/%s", names[i]);
		OWN_JSON from = json_sprintf("%s/%s", q->files_dir, names[i]);
		if (!is_covered(mounts, json_string_value(to)))
			r |= append(list, json_string_value(to), "bind", json_string_value(from), options);
	}
	return r;
}

static unsigned depth(const char *path)
{
	unsigned n = 0;
	for (; *path; path++)
		n += *path == '/' && path[1];
	return n;
}

/* stable: the order of equal depth stays as given */
static int by_depth(const json_t *mounts, json_t *list)
{
	unsigned deepest = 0;
	size_t i;
	json_t *m;
	int r = 0;

	json_array_foreach(mounts, i, m)
		if (depth(js_str(m, "destination", "")) > deepest)
			deepest = depth(js_str(m, "destination", ""));
	for (unsigned d = 0; d <= deepest; d++)
		json_array_foreach(mounts, i, m)
			if (depth(js_str(m, "destination", "")) == d)
				r |= json_array_append(list, m);
	return r;
}

int oci_mounts(const struct oci_req *q, json_t *config, struct err *e)
{
	const json_t *hc = json_object_get(q->c->record, "HostConfig");
	const json_t *mounts = q->mounts;
	bool privileged = js_bool(hc, "Privileged", false);
	json_t *list = json_array();
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		const struct default_mount *d = &defaults[i];
		if (!is_covered(mounts, d->destination))
			r |= append(list, d->destination, d->type, d->source,
				    privileged && d->privileged ? d->privileged : d->options);
	}
	if (!is_covered(mounts, "/dev/shm"))
		r |= shm(q, hc, list);
	/* a volume at /etc must not hide /etc/hosts: all of these in one order */
	OWN_JSON rest = json_array();
	r |= files(q, hc, mounts, rest);
	if (q->init)
		r |= append(rest, "/sbin/docker-init", "bind", q->init, "bind,ro");
	if (mounts)
		r |= json_array_extend(rest, (json_t *)mounts);
	r |= by_depth(rest, list);
	if (r || json_object_set_new(config, "mounts", list) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "mounts");
	return 0;
}
