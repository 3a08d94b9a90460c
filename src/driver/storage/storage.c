/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of storage drivers and what is common to them.
 */
#include "driver/storage/storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "driver/storage/overlay_int.h"
#include "store/snapshot.h"

static const struct storage_ops *const storage_table[] = {
	&storage_overlay, &storage_erofs, &storage_btrfs, &storage_devicemapper, &storage_fuse,
	&storage_composefs, &storage_vfs, &storage_zfs, &storage_aufs,
};

int storage_by_name(const struct store *s, const char *name, const struct storage_ops **ret, struct err *e)
{
	char known[128] = "";
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(storage_table); i++) {
		const char *have = storage_table[i]->name;
		/* docker's name of the same thing */
		if (!strcmp(name, have) || (!strcmp(name, "overlay2") && !strcmp(have, "overlay"))) {
			if (!storage_table[i]->prepare)
				return storage_probe(s, storage_table[i], e);
			*ret = storage_table[i];
			return 0;
		}
		if (storage_table[i]->prepare)
			n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", have);
	}
	err_new(e, E_UNSUPPORTED, EINVAL, "unknown storage driver %s", name);
	err_hint(e, "known drivers: %s", known);
	return -e->eno;
}

const char *storage_survey(const struct store *s, size_t i, struct err *ret_why)
{
	err_clear(ret_why);
	if (i >= ARRAY_LEN(storage_table))
		return NULL;
	(void)storage_table[i]->probe(s, ret_why);
	return storage_table[i]->name;
}

int storage_probe(const struct store *s, const struct storage_ops *ops, struct err *e)
{
	struct err why = { 0 };
	const char *name;

	if (ops->probe(s, e) >= 0)
		return 0;
	size_t n = strlen(e->hint);
	n += (size_t)snprintf(e->hint + n, sizeof e->hint - n, "%sdrivers that work here:", n ? "; " : "");
	for (size_t i = 0; n < sizeof e->hint && (name = storage_survey(s, i, &why)); i++)
		if (why.kind == E_NONE)
			n += (size_t)snprintf(e->hint + n, sizeof e->hint - n, " %s", name);
	return -e->eno;
}

void storage_images_gone(const struct store *s)
{
	for (size_t i = 0; i < ARRAY_LEN(storage_table); i++)
		if (storage_table[i]->images_gone)
			storage_table[i]->images_gone(s);
}

int storage_open(struct store *s, const char *name, struct err *e)
{
	const struct storage_ops *ops = &storage_overlay;

	if (name && *name && storage_by_name(s, name, &ops, e) < 0)
		return -e->eno;
	s->form = ops->form;
	/* unpacked layers are of use to several; archives to one driver only */
	return ops->form == STORE_TAR && storage_probe(s, ops, e) < 0 ? err_ctx(e, "storage driver") : 0;
}

int storage_kernel_lists(const char *fstype, struct err *e)
{
	OWN_STR text = NULL;
	char line[64];

	if (io_read_file(AT_FDCWD, "/proc/filesystems", 1 << 16, &text, NULL, e) < 0)
		return err_ctx(e, "%s", fstype);
	(void)snprintf(line, sizeof line, "\t%s\n", fstype);
	return strstr(text, line) != NULL;
}

static bool able_name(const struct store *s, const char *driver, char ret[64])
{
	struct stat st;

	return !fstat(s->root_fd, &st) &&
	       snprintf(ret, 64, "able/%s-%u-%u", driver, major(st.st_dev), minor(st.st_dev)) < 64;
}

bool storage_able(const struct store *s, const char *driver)
{
	char note[64];

	return able_name(s, driver, note) && !faccessat(s->run_fd, note, F_OK, AT_SYMLINK_NOFOLLOW);
}

void storage_able_note(const struct store *s, const char *driver)
{
	struct err ignored = { 0 };
	char note[64];

	/* without the note it is tried again */
	if (able_name(s, driver, note) && io_mkdir_p(s->run_fd, "able", 0700, &ignored) == 0)
		(void)io_replace_file(s->run_fd, note, "", 0, 0600, 0, &ignored);
}

bool storage_in_userns(void)
{
	const uint32_t init_userns_ino = 0xeffffffd; /* PROC_USER_INIT_INO of the kernel */
	struct stat st;

	if (geteuid() != 0)
		return true;
	return !stat("/proc/self/ns/user", &st) && st.st_ino != init_userns_ino;
}

bool storage_layer_exists(const struct store *s, const char *chain_id)
{
	return snapshot_exists(s, chain_id, s->form);
}

int64_t storage_layer_size(const struct store *s, const char *chain_id)
{
	return snapshot_size(s, chain_id);
}

void storage_changes_done(const struct store *s, struct storage_changes *c)
{
	if (*c->key) /* while locked, or a sweeper would be at it too */
		storage_layer_abort(s, c->key);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct storage_changes){ .fd = -1 };
}

uint64_t storage_changes_bytes(const struct store *s, struct storage_changes *c)
{
	char path[STORAGE_PATH_MAX];

	(void)snprintf(path, sizeof path, "tmp/layer-%.32s/diff", c->key);
	uint64_t n = storage_tree_bytes(s->root_fd, path);
	storage_changes_done(s, c);
	return n;
}

int storage_rw_path(const char *id, const char *what, char out[STORAGE_PATH_MAX], struct err *e)
{
	if (!*id || strchr(id, '/') || id[0] == '.' ||
	    snprintf(out, STORAGE_PATH_MAX, "containers/%s/rw%s", id, what) >= STORAGE_PATH_MAX)
		return err_new(e, E_INVALID, EINVAL, "bad container ID");
	return 0;
}
