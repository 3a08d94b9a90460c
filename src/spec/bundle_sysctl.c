/* SPDX-License-Identifier: Apache-2.0
 *
 * linux.sysctl: only keys that a namespace of the container owns may be set; anything else would
 * change the host. Part of the bundle parser, see bundle.h.
 */
#include <linux/sched.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "spec/bundle_int.h"

/* paths below /proc/sys; one with a slash at the end stands for all below it */
static const struct {
	const char *file;
	enum ns_kind ns;
} sysctl_owners[] = {
	{ "kernel/auto_msgmni", NS_IPC }, { "kernel/msgmax", NS_IPC },
	{ "kernel/msgmnb", NS_IPC },	  { "kernel/msgmni", NS_IPC },
	{ "kernel/sem", NS_IPC },	  { "kernel/shmall", NS_IPC },
	{ "kernel/shmmax", NS_IPC },	  { "kernel/shmmni", NS_IPC },
	{ "kernel/shm_rmid_forced", NS_IPC }, { "fs/mqueue/", NS_IPC },
	{ "net/", NS_NETWORK },		  { "kernel/hostname", NS_UTS },
	{ "kernel/domainname", NS_UTS },  { "user/", NS_USER },
};

/* sysctl(8): the first separator decides. "net.ipv4.conf.eth0/1.mtu" and
 * "net/ipv4/conf/eth0.1/mtu" are the same file. */
static const char *key_to_file(struct reader *r, const char *key)
{
	char *s = arena_strdup(r->arena, key);
	size_t first = strcspn(key, "./");

	if (!s || key[first] != '.')
		return s;
	for (char *p = s; *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return s;
}

static bool owned(const char *file, const char *row)
{
	size_t n = strlen(row);
	return row[n - 1] == '/' ? !strncmp(file, row, n) : !strcmp(file, row);
}

static int owner_check(struct reader *r, const struct where *w, struct bundle_sysctl *s,
		       const struct bundle *b)
{
	for (size_t i = 0; i < ARRAY_LEN(sysctl_owners); i++) {
		const struct ns_row *ns = &ns_table[sysctl_owners[i].ns];
		if (!owned(s->file, sysctl_owners[i].file))
			continue;
		if (!b->ns[sysctl_owners[i].ns].present)
			return where_fail(r, w, s->key, "needs a %s namespace of the container's own",
					  ns->name);
		if (b->hostname && !strcmp(s->file, "kernel/hostname"))
			return where_fail(r, w, s->key, "contradicts the member hostname");
		s->ns = sysctl_owners[i].ns;
		return 0;
	}
	return where_fail(r, w, s->key, "is not in a separate kernel namespace");
}

int sysctl_read(struct reader *r, const struct where *up, const json_t *o, struct bundle *b)
{
	struct where w = { up, "sysctl", 0 };
	const char *key;
	json_t *obj, *value;
	int n = read_obj(r, up, o, "sysctl", &obj);
	if (n <= 0)
		return n;
	struct bundle_sysctl *v = arena_get(r->arena, (json_object_size(obj) + 1) * sizeof *v);
	if (!v)
		return read_nomem(r);
	json_object_foreach(obj, key, value) {
		struct bundle_sysctl *s = &v[b->n_sysctls];
		if (!json_is_string(value))
			return where_fail(r, &w, key, "expected string");
		*s = (struct bundle_sysctl){ .key = key, .file = key_to_file(r, key), .value = json_string_value(value) };
		if (!s->file)
			return read_nomem(r);
		if (!path_is_clean(s->file))
			return where_fail(r, &w, NULL, "\"%s\" is no name of a sysctl", key);
		if ((n = owner_check(r, &w, s, b)) < 0)
			return n;
		b->n_sysctls++;
	}
	b->sysctls = v;
	return 1;
}
