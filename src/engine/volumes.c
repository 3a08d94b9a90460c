/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts of volumes, see volumes.h.
 */
#include "engine/volumes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/io.h"
#include "base/libc.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/text.h"
#include "driver/volume/plugin.h"
#include "engine/volume.h"
#include "format/js.h"
#include "spec/mount_option.h"
#include "store/container.h"
#include "store/disk.h"
#include "sys/mountfd.h"

enum { USES_MAX = 64 << 10, PATH_SPACE = 320 };

static int lock_volume(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "volumes/%s/lock", name);
	return lock_take(s->root_fd, path, LOCK_EXCLUSIVE, ret_fd, e);
}

static int data_open(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "volumes/%s/_data", name);
	*ret_fd = openat(s->root_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(e, errno, "open %s", path) : 0;
}

static bool is_mounted(int fd)
{
	return libc_is_mount_root(fd, "", AT_EMPTY_PATH) > 0;
}

/* "addr=HOST" -> "addr=IP": the kernel resolves no names */
static const char *resolved(const char *word, struct arena *a, struct err *e)
{
	const char *host = word + strlen("addr=");
	struct addrinfo *list = NULL;
	struct in6_addr ip;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1)
		return word;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	int r = getaddrinfo(host, NULL, &hints, &list);
	if (r || getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST)) {
		(void)err_new(e, E_NETWORK, EHOSTUNREACH, "error resolving passed in network volume address: lookup %s: %s",
			      host, r ? gai_strerror(r) : "no address");
		if (list)
			freeaddrinfo(list);
		return NULL;
	}
	freeaddrinfo(list);
	return arena_printf(a, "addr=%s", text);
}

static bool is_network(const char *type)
{
	return text_starts(type, "nfs") || !strcmp(type, "cifs");
}

/* the words of "-o o=..." */
static int options_take(const char *type, const char *o, struct arena *a, struct mount_opt *opt, struct err *e)
{
	while (*o) {
		size_t n = strcspn(o, ",");
		const char *word = arena_strndup(a, o, n);
		if (!word)
			return err_new(e, E_NOMEM, ENOMEM, "mount options");
		if (is_network(type) && text_starts(word, "addr=") && !(word = resolved(word, a, e)))
			return -e->eno;
		if (n && mount_opt_add(opt, word, a, e) < 0)
			return -e->eno;
		o += n + (o[n] == ',');
	}
	return 0;
}

static int make_tree(const json_t *options, struct arena *a, int *ret_fd, struct err *e)
{
	const char *type = js_str(options, "type", "none"), *device = js_str(options, "device", "");
	struct mount_opt opt = { 0 };

	if (options_take(type, js_str(options, "o", ""), a, &opt, e) < 0)
		return -e->eno;
	if (opt.bind) {
		if (mountfd_clone(AT_FDCWD, device, opt.bind_rec ? MOUNTFD_REC : 0, ret_fd, e) < 0)
			return -e->eno;
		return (opt.attr_set || opt.attr_clr) && mountfd_attr(*ret_fd, opt.attr_set, opt.attr_clr, 0, e) < 0 ?
			       -e->eno : 0;
	}
	const struct mountfd_fs fs = { .type = type, .source = device, .data = opt.data, .n_data = opt.n_data,
				       .sb_flags = opt.sb_set, .attr = opt.attr_set };
	return mountfd_fs(&fs, ret_fd, e);
}

/* of "-o size=": without the folder of e2fsck, or it would not be empty */
static int disk_tree(const struct store *s, const char *name, int *ret_fd, struct err *e)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "volumes/%s/disk.img", name);
	if (disk_file_mount(s->root_fd, path, path, ret_fd, e) < 0)
		return -e->eno;
	(void)unlinkat(*ret_fd, "lost+found", AT_REMOVEDIR); /* with files in it stays */
	return 0;
}

/* Under the lock. */
static int mount_volume(const struct store *s, const char *name, struct err *e)
{
	ARENA a = { 0 };
	OWN_JSON v = NULL;
	OWN_FD at = -1, tree = -1;

	if (volume_inspect(s, name, &v, e) < 0 || data_open(s, name, &at, e) < 0)
		return -e->eno;
	const json_t *options = json_object_get(v, "Options");
	if (!json_is_object(options) || is_mounted(at))
		return 0;
	int r = json_object_get(options, "size") ? disk_tree(s, name, &tree, e) : make_tree(options, &a, &tree, e);
	if (r < 0 || mountfd_attach(tree, at, e) < 0)
		return err_ctx(e, "error while mounting volume '%s': failed to mount local volume: mount %s:%s",
			       js_str(v, "Mountpoint", name), js_str(options, "device", ""), js_str(v, "Mountpoint", ""));
	return 0;
}

/* note it before the mount: whoever looks for users then finds us */
static int use_note(int run_fd, const char *name, struct err *e)
{
	OWN_FD fd = openat(run_fd, "volumes", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	char line[PATH_SPACE];
	int n = snprintf(line, sizeof line, "%s\n", name);

	if (fd < 0)
		return err_sys(e, errno, "note the use of volume %s", name);
	int r = io_write_all(fd, line, (size_t)n);
	return r < 0 ? err_sys(e, -r, "note the use of volume %s", name) : 0;
}

/* 1: @ret | 0: it uses none | -errno */
static int uses_read(const struct store *s, const char *id, char **ret)
{
	char path[PATH_SPACE];
	struct err own = { 0 };

	(void)snprintf(path, sizeof path, "containers/%s/volumes", id);
	int r = io_read_file(s->run_fd, path, USES_MAX, ret, NULL, &own);
	return r < 0 ? (r == -ENOENT ? 0 : r) : 1;
}

static bool names_it(char *text, const char *name)
{
	char *save = NULL;

	for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		if (!strcmp(p, name))
			return true;
	return false;
}

/* whether @id, which has noted a use, still is: a container, or the engine itself */
static bool is_alive(const struct store *s, const char *id)
{
	char path[PATH_SPACE];

	(void)snprintf(path, sizeof path, "containers/%s", id);
	if (!faccessat(s->root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return true;
	(void)snprintf(path, sizeof path, "containers/%s/use", id);
	return lock_is_held(s->run_fd, path);
}

/* under the lock; in doubt it is used */
static bool is_used(const struct store *s, const char *name, const char *but)
{
	OWN_FD fd = openat(s->run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	struct err ignored = { 0 };
	const struct dirent *en;
	int r;

	if (!d)
		return true;
	(void)fd_take(&fd); /* the stream's now */
	while ((r = io_dir_next(d, &en, &ignored)) > 0) {
		OWN_STR text = NULL;
		if (!text_is_hex(en->d_name, CONTAINER_ID_LEN) || !strcmp(en->d_name, but))
			continue;
		int uses = uses_read(s, en->d_name, &text);
		if (uses < 0 || (uses > 0 && names_it(text, name) && is_alive(s, en->d_name)))
			return true;
	}
	return r < 0;
}

/* by the volume's plugin: @ret_place. The plugin's word is not taken for granted. */
static int plugin_mount(const json_t *v, const char *id, char **ret_place, struct err *e)
{
	const char *name = js_str(v, "Name", ""), *driver = volume_driver(v);
	OWN_JSON req = json_pack("{ss ss}", "Name", name, "ID", id);
	OWN_JSON reply = NULL;
	OWN_JSON ignored = NULL;
	struct err undo = { 0 };
	struct stat st;

	if (!req)
		return err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	if (plugin_volume_call(driver, "Mount", req, 0, &reply, e) < 0)
		return err_ctx(e, "error while mounting volume '%s'", name);
	const char *place = js_str(reply, "Mountpoint", "");
	if (*place != '/')
		err_new(e, E_CORRUPT, EPROTO, "VolumeDriver.Mount: plugin %s gives no absolute path: \"%.200s\"", driver, place);
	else if (stat(place, &st) < 0)
		err_new(e, E_CORRUPT, errno, "VolumeDriver.Mount: plugin %s: %.200s: %s", driver, place, strerror(errno));
	else if (!(*ret_place = strdup(place)))
		err_new(e, E_NOMEM, ENOMEM, "volume %s", name);
	else
		return 0;
	(void)plugin_volume_call(driver, "Unmount", req, PLUGIN_NO_RETRY, &ignored, &undo); /* the first error counts */
	return err_ctx(e, "error while mounting volume '%s'", name);
}

static int plugin_attach(const json_t *v, const char *id, int run_fd, char **ret_place, struct err *e)
{
	const char *name = js_str(v, "Name", "");
	struct stat st = { 0 };

	if (fstatat(run_fd, "volumes", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
		return err_sys(e, errno, "volume %s", name);
	if (use_note(run_fd, name, e) < 0)
		return -e->eno;
	if (plugin_mount(v, id, ret_place, e) == 0)
		return 0;
	/* not mounted: nothing to take back */
	OWN_FD fd = openat(run_fd, "volumes", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && ftruncate(fd, st.st_size) < 0)
		err_hint(e, "the plugin may be asked to unmount %s once too often", name);
	return -e->eno;
}

static void plugin_detach(const json_t *v, const char *id)
{
	OWN_JSON req = json_pack("{ss ss}", "Name", js_str(v, "Name", ""), "ID", id);
	struct err ignored = { 0 }; /* one that does not answer has lost its mounts, or is asked in vain by docker, too */

	(void)plugin_volume_call(volume_driver(v), "Unmount", req, PLUGIN_NO_RETRY, NULL, &ignored);
}

int volume_attach(const struct store *s, const char *id, int run_fd, const char *name, char **ret_place, struct err *e)
{
	OWN_JSON v = NULL;
	OWN_FD lock = -1;

	if (volume_inspect(s, name, &v, e) < 0)
		return -e->eno;
	if (!volume_is_local(v))
		return plugin_attach(v, id, run_fd, ret_place, e);
	if (lock_volume(s, name, &lock, e) < 0)
		return e->eno == ENOENT ? err_new(e, E_NOT_FOUND, ENOENT, "get %s: no such volume", name) : -e->eno;
	return use_note(run_fd, name, e) < 0 || mount_volume(s, name, e) < 0 ? -e->eno : 0;
}

int volume_attach_mount(const struct store *s, const char *id, int run_fd, json_t *m, struct err *e)
{
	const char *name = json_string_value(json_object_get(m, "onggi.volume"));
	OWN_STR place = NULL;

	if (!name)
		return 0;
	if (volume_attach(s, id, run_fd, name, &place, e) < 0)
		return -e->eno;
	return place && json_object_set_new(m, "source", json_string(place)) < 0 ?
		       err_new(e, E_NOMEM, ENOMEM, "volume %s", name) : 0;
}

/* unmount a local volume unless others use it; @but: of whose use we know */
static void release(const struct store *s, const char *name, const char *but)
{
	char path[PATH_MAX];
	struct err ignored = { 0 };
	OWN_FD lock = -1;

	if (!volume_name_is_valid(name) || lock_volume(s, name, &lock, &ignored) < 0 || is_used(s, name, but))
		return;
	(void)snprintf(path, sizeof path, "%s/volumes/%s/_data", s->root, name);
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
}

static bool in_plugin(const struct store *s, const char *name, json_t **ret)
{
	struct err ignored = { 0 };

	return volume_inspect(s, name, ret, &ignored) == 0 && !volume_is_local(*ret);
}

void volumes_detach(const struct store *s, const char *id)
{
	char path[PATH_SPACE], *save = NULL;
	OWN_STR text = NULL;
	OWN_STR again = NULL;

	if (uses_read(s, id, &text) <= 0)
		return;
	again = strdup(text);
	/* the note stays until it is done, for whoever clears up after us */
	for (char *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		OWN_JSON v = NULL;
		if (in_plugin(s, p, &v))
			plugin_detach(v, id);
		else
			release(s, p, id);
	}
	(void)snprintf(path, sizeof path, "containers/%s/volumes", id);
	(void)unlinkat(s->run_fd, path, 0); /* goes with the folder at the latest */
	/* of two that end at once each may have seen the other's note: the later one does not see any now */
	save = NULL;
	for (char *p = again ? strtok_r(again, "\n", &save) : NULL; p; p = strtok_r(NULL, "\n", &save)) {
		OWN_JSON v = NULL;
		if (!in_plugin(s, p, &v))
			release(s, p, id);
	}
}
