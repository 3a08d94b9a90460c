/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes: see volume.h. A volume is made whole under a temporary name and renamed into place,
 * so two containers that want the same new one at once get the same.
 */
#include "store/volume.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/own.h"
#include "base/text.h"
#include "format/js.h"
#include "spec/storage_opt.h"
#include "store/container.h"
#include "store/disk.h"

enum { VOLUME_NAME_MAX = 255, VOLUME_DOC_MAX = 1 << 20, PATH_SPACE = 320 };

bool volume_name_is_valid(const char *name)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(name);
	return n >= 2 && n <= VOLUME_NAME_MAX && strspn(name, rest) == n && *name != '_' &&
	       *name != '.' && *name != '-';
}

static int name_check(const char *name, struct err *e)
{
	if (volume_name_is_valid(name))
		return 0;
	if (strlen(name) < 2)
		return err_new(e, E_INVALID, EINVAL,
			       "create %s: volume name is too short, names should be at least two "
			       "alphanumeric characters", name);
	err_new(e, E_INVALID, EINVAL,
		"create %s: \"%s\" includes invalid characters for a local volume name, only "
		"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed", name, name);
	err_hint(e, "to mount a host directory use its absolute path");
	return -e->eno;
}

static int options_check(const char *name, const json_t *options, struct err *e)
{
	static const char *const both[] = { "device", "type" };
	struct storage_opt limits;
	const char *key;
	json_t *v;

	/* a disk of its own: all of its options are limits, of which a size is one */
	if (json_object_get(options, "size")) {
		if (storage_opt_parse_limits(options, &limits, e) < 0)
			return err_ctx(e, "create %s", name);
		return limits.bytes ? 0 : err_new(e, E_INVALID, EINVAL, "create %s: size is 0", name);
	}
	json_object_foreach((json_t *)options, key, v) {
		if (strcmp(key, "type") && strcmp(key, "device") && strcmp(key, "o"))
			return err_new(e, E_INVALID, EINVAL, "create %s: invalid option: \"%s\"", name, key);
		if (!json_is_string(v))
			return err_new(e, E_INVALID, EINVAL, "create %s: option %s is no string", name, key);
	}
	/* as docker's local driver: none, or these two, which may be empty */
	for (size_t i = 0; json_object_size(options) && i < ARRAY_LEN(both); i++)
		if (!json_object_get(options, both[i]))
			return err_new(e, E_INVALID, EINVAL, "create %s: missing required option: \"%s\"", name, both[i]);
	return 0;
}

int volume_inspect(const struct store *s, const char *name, json_t **ret, struct err *e)
{
	char path[PATH_SPACE];
	OWN_JSON doc = NULL;

	if (!volume_name_is_valid(name))
		return err_new(e, E_NOT_FOUND, ENOENT, "get %s: no such volume", name);
	(void)snprintf(path, sizeof path, "volumes/%s/volume.json", name);
	if (js_load(s->root_fd, path, VOLUME_DOC_MAX, &doc, e) < 0) {
		if (e->eno == ENOENT || e->eno == ENOTDIR)
			return err_new(e, E_NOT_FOUND, ENOENT, "get %s: no such volume", name);
		return err_ctx(e, "volume %s", name);
	}
	/* a plugin's lies where the plugin says */
	OWN_JSON where = strcmp(js_str(doc, "Driver", "local"), "local") ? json_string("") : json_sprintf("%s/volumes/%s/_data", s->root, name);
	if (!where || json_object_set(doc, "Mountpoint", where) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	*ret = ptr_take(&doc);
	return 0;
}

bool volume_exists(const struct store *s, const char *name)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "volumes/%s/volume.json", name);
	return volume_name_is_valid(name) && faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* the volume of this name exists: it must be what is asked for */
static int same_check(const json_t *have, const struct volume_spec *spec, struct err *e)
{
	const json_t *options = json_object_get(have, "Options");

	if (!spec->options || !json_object_size(spec->options))
		return 0;
	if (!json_equal((json_t *)options, (json_t *)spec->options))
		return err_new(e, E_CONFLICT, EEXIST,
			       "create %s: conflict: volume name must be unique: it exists with other options",
			       spec->name);
	return 0;
}

static json_t *document(const struct volume_spec *spec, const char *name)
{
	char now[CLOCK_TEXT_MAX];
	json_t *options = spec->options && json_object_size(spec->options) ?
				  json_deep_copy(spec->options) : json_null();
	json_t *labels = spec->labels ? json_deep_copy(spec->labels) : json_object();

	clock_format(clock_now_ns(), now);
	if (!spec->name)
		json_object_set_new(labels, "com.docker.volume.anonymous", json_string(""));
	return json_pack("{ss ss so ss so ss}", "CreatedAt", now, "Driver",
			 spec->driver && *spec->driver ? spec->driver : "local", "Labels",
			 json_object_size(labels) ? labels : (json_decref(labels), json_null()),
			 "Name", name, "Options", options, "Scope", spec->scope ? spec->scope : "local");
}

static int make(const struct store *s, const char *name, const json_t *doc, struct err *e)
{
	char tmp[65], dir[PATH_SPACE], from[PATH_SPACE], to[PATH_SPACE];
	struct storage_opt limits;
	struct proc_id me;
	int r = text_random_id(tmp);

	if (r < 0)
		return err_sys(e, -r, "random name");
	if (proc_id_of(getpid(), &me, e) < 0)
		return -e->eno;
	/* who makes it, for the sweep */
	(void)snprintf(dir, sizeof dir, "volumes/.new-%d-%llu-%.16s", (int)me.pid,
		       (unsigned long long)me.start_ticks, tmp);
	(void)snprintf(from, sizeof from, "%.250s/_data", dir);
	(void)snprintf(to, sizeof to, "volumes/%s", name);
	if (io_mkdir_p(s->root_fd, from, 0701, e) < 0)
		return -e->eno;
	if (fchmodat(s->root_fd, from, 0755, 0) < 0)
		r = err_sys(e, errno, "chmod %s", from);
	(void)snprintf(from, sizeof from, "%.250s/disk.img", dir);
	const bool local = !strcmp(js_str(doc, "Driver", "local"), "local"); /* a plugin's options are its own */
	if (!r && local && json_object_get(json_object_get(doc, "Options"), "size"))
		r = storage_opt_parse_limits(json_object_get(doc, "Options"), &limits, e) < 0 ?
			    -e->eno : disk_file_make(s->root_fd, from, &limits, 0755, e);
	(void)snprintf(from, sizeof from, "%.250s/volume.json", dir);
	if (!r)
		r = js_save(s->root_fd, from, doc, 0600, IO_DURABLE, e);
	if (r >= 0 && libc_renameat2(s->root_fd, dir, s->root_fd, to, RENAME_NOREPLACE) < 0)
		r = err_sys(e, errno, "make volume %s", name);
	if (r < 0) {
		(void)io_remove_tree(s->root_fd, dir, NULL); /* the first error counts */
		return r;
	}
	/* the name of what lies on the disk already */
	return io_sync_dir(s->root_fd, "volumes", e);
}

static bool is_half_made(const char *name)
{
	struct proc_id maker;
	unsigned long long ticks;
	int pid;

	if (!text_starts(name, ".new-") && !text_starts(name, ".old-"))
		return false;
	if (sscanf(name + 5, "%d-%llu-", &pid, &ticks) != 2)
		return true;
	maker = (struct proc_id){ pid, ticks };
	return !proc_alive(&maker);
}

/* What a killed engine left mounted below @dir ("volumes/…") is somebody's: never to be taken for the volume's
 * own files. */
static int unmount(const struct store *s, const char *dir, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/%s/_data", s->root, dir) >= (int)sizeof path)
		return err_new(e, E_INVALID, ENAMETOOLONG, "%s", dir);
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	int mounted = libc_is_mount_root(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
	if (mounted < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "%s", dir);
	return mounted ? err_new(e, E_CONFLICT, EBUSY, "%s is mounted and cannot be unmounted", path) : 0;
}

void volume_sweep(const struct store *s)
{
	OWN_FD fd = openat(s->root_fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int dup_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	OWN_DIR d = dup_fd < 0 ? NULL : fdopendir(dup_fd);

	for (struct dirent *en; d && (en = readdir(d));) {
		struct err ignored = { 0 }; /* the next sweep tries again */
		char dir[PATH_SPACE];
		(void)snprintf(dir, sizeof dir, "volumes/%s", en->d_name);
		if (is_half_made(en->d_name) && unmount(s, dir, &ignored) == 0)
			(void)io_remove_tree(s->root_fd, dir, &ignored);
	}
}

int volume_create(const struct store *s, const struct volume_spec *spec, json_t **ret,
		  bool *ret_new, struct err *e)
{
	char id[65];
	const char *name = spec->name ? spec->name : spec->made_name;
	OWN_JSON have = NULL;

	bool local = !spec->driver || !*spec->driver || !strcmp(spec->driver, "local");

	if (!name) {
		int r = text_random_id(id);
		if (r < 0)
			return err_sys(e, -r, "random name");
		name = id;
	}
	if (name_check(name, e) < 0 || (local && options_check(name, spec->options, e) < 0))
		return -e->eno;
	for (int tries = 0; tries < 3; tries++) {
		if (volume_inspect(s, name, &have, e) >= 0) {
			if (same_check(have, spec, e) < 0)
				return -e->eno;
			if (ret_new)
				*ret_new = tries > 0;
			*ret = ptr_take(&have);
			return 0;
		}
		if (e->kind != E_NOT_FOUND)
			return -e->eno;
		OWN_JSON doc = document(spec, name);
		if (!doc)
			return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
		if (make(s, name, doc, e) < 0 && e->eno != EEXIST)
			return err_ctx(e, "create volume");
	}
	return err_ctx(e, "create volume %s", name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(js_str(*(json_t *const *)a, "Name", ""), js_str(*(json_t *const *)b, "Name", ""));
}

int volume_list(const struct store *s, json_t **ret, struct err *e)
{
	OWN_JSON list = json_array();
	OWN_FD fd = openat(s->root_fd, "volumes", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);

	if (d)
		(void)fd_take(&fd); /* the stream's */
	else if (errno != ENOENT)
		return err_sys(e, errno, "list volumes");
	for (struct dirent *en; d && (en = readdir(d));) {
		json_t *v = NULL;
		if (volume_name_is_valid(en->d_name) && volume_inspect(s, en->d_name, &v, e) >= 0)
			json_array_append_new(list, v);
	}
	size_t n = json_array_size(list);
	OWN_PTR json_t **sorted = malloc((n + 1) * sizeof *sorted);
	json_t *out = json_array();
	if (!sorted || !out) {
		json_decref(out);
		return err_new(e, E_NOMEM, ENOMEM, "list volumes");
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, n, sizeof *sorted, by_name);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, sorted[i]);
	*ret = out;
	return 0;
}

int volume_users(const struct store *s, const char *name, json_t **ret, struct err *e)
{
	OWN_PTR char (*ids)[65] = NULL;
	size_t n, k;
	json_t *m;
	OWN_JSON users = json_array();

	if (container_ids(s, &ids, &n, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(container_done) struct container c = CONTAINER_NULL;
		if (container_load(s, ids[i], &c, e) < 0) {
			if (!err_is_damage(e))
				return -e->eno;
			continue; /* gone meanwhile, or its record says nothing any more */
		}
		json_array_foreach(json_object_get(c.record, "Mounts"), k, m) {
			if (!strcmp(js_str(m, "Type", ""), "volume") && !strcmp(js_str(m, "Name", ""), name)) {
				json_array_append_new(users, json_string(ids[i]));
				break;
			}
		}
	}
	err_clear(e);
	*ret = ptr_take(&users);
	return 0;
}

int volume_unused(const struct store *s, const char *name, struct err *e)
{
	OWN_JSON users = NULL;
	char ids[512] = "";

	if (volume_users(s, name, &users, e) < 0)
		return -e->eno;
	for (size_t i = 0, w = 0; i < json_array_size(users) && w + 70 < sizeof ids; i++)
		w += (size_t)snprintf(ids + w, sizeof ids - w, "%s%s", i ? ", " : "",
				      json_string_value(json_array_get(users, i)));
	return *ids ? err_new(e, E_CONFLICT, EBUSY, "remove %s: volume is in use - [%s]", name, ids) : 0;
}

int volume_remove(const struct store *s, const char *name, unsigned flags, struct err *e)
{
	char from[PATH_SPACE], to[PATH_SPACE], tmp[65];
	struct proc_id self;
	OWN_JSON have = NULL;
	int r;

	if (volume_inspect(s, name, &have, e) < 0) {
		if (e->kind == E_NOT_FOUND && (flags & VOLUME_REMOVE_FORCE))
			return 0;
		if (e->kind == E_NOT_FOUND || !err_is_damage(e))
			return -e->eno;
		err_clear(e); /* what nobody can read any more can still be removed */
	}
	if (volume_unused(s, name, e) < 0 || proc_id_of(getpid(), &self, e) < 0)
		return -e->eno;
	if ((r = text_random_id(tmp)) < 0)
		return err_sys(e, -r, "random name");
	/* Out of sight by one rename, then another look: a container's maker writes its record first and looks
	 * for its volumes afterwards, so one of the two sees the other. */
	(void)snprintf(from, sizeof from, "volumes/%s", name);
	(void)snprintf(to, sizeof to, "volumes/.old-%d-%llu-%.16s", (int)self.pid, (unsigned long long)self.start_ticks, tmp);
	if (renameat(s->root_fd, from, s->root_fd, to) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "remove volume %s", name);
	r = volume_unused(s, name, e);
	if (r == 0 && unmount(s, to, e) < 0)
		r = err_ctx(e, "remove %s", name);
	if (r == 0 && io_sync_dir(s->root_fd, "volumes", e) < 0)
		return err_ctx(e, "remove %s", name);
	if (r == 0)
		return io_remove_tree(s->root_fd, to, e);
	/* a new one of this name may be there already: then nobody means this one any more, and the next sweep
	 * takes it */
	if (libc_renameat2(s->root_fd, to, s->root_fd, from, RENAME_NOREPLACE) < 0 && errno == EEXIST)
		err_clear(e);
	return -e->eno;
}
