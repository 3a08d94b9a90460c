/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers as one tree: see merge.h.
 */
#include "driver/storage/merge.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "base/path.h"

int merge_open(const struct storage_lowers *lowers, struct merge *ret, struct err *e)
{
	struct merge m = { .opaque = storage_in_userns() ? "user.overlay.opaque" : "trusted.overlay.opaque" };

	if (!(m.base = malloc((lowers->n + 1) * sizeof *m.base)))
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (; m.n < lowers->n; m.n++) {
		m.base[m.n] = open(lowers->dirs[m.n], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (m.base[m.n] < 0) {
			err_sys(e, errno, "open layer %s", lowers->dirs[m.n]);
			merge_done(&m);
			return -e->eno;
		}
	}
	*ret = m;
	return 0;
}

void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		close(m->base[i]);
	free(m->base);
	*m = (struct merge){ 0 };
}

int merge_root(const struct merge *m, struct arena *a, struct merge_dir *ret, struct err *e)
{
	unsigned *layers = arena_get(a, (m->n + 1) * sizeof *layers);

	if (!layers)
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < m->n; i++)
		layers[i] = (unsigned)i;
	*ret = (struct merge_dir){ .path = "", .layers = layers, .n = m->n };
	return 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static int by_name(const void *x, const void *y)
{
	const struct merge_entry *a = x, *b = y;
	int r = strcmp(a->name, b->name);

	return r ? r : (a->layer > b->layer) - (a->layer < b->layer);
}

int merge_dir_open(const struct merge *m, const struct merge_dir *d, unsigned layer, int *ret_fd, struct err *e)
{
	return path_open_in(m->base[layer], *d->path ? d->path : ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, e);
}

struct names {
	struct merge_entry *list;
	size_t n, cap;
};

static int names_add(struct names *names, const struct merge *m, const struct merge_dir *d, unsigned layer,
		     struct arena *a, struct err *e)
{
	int fd = -1;

	if (merge_dir_open(m, d, layer, &fd, e) < 0)
		return -e->eno;
	OWN_DIR dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(e, errno, "read directory");
	}
	errno = 0;
	for (struct dirent *en; (en = readdir(dir)); errno = 0) {
		struct stat st;
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, ".."))
			continue;
		if (fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(e, errno, "stat %s", en->d_name);
		names->list = arena_grow(a, names->list, &names->cap, names->n + 1, sizeof *names->list);
		char *name = names->list ? arena_strdup(a, en->d_name) : NULL;
		if (!name)
			return err_new(e, E_NOMEM, ENOMEM, "directory");
		names->list[names->n++] = (struct merge_entry){ .name = name, .layer = layer, .st = st };
	}
	return errno ? err_sys(e, errno, "read directory") : 0;
}

int merge_list(const struct merge *m, const struct merge_dir *d, struct arena *a, struct merge_entry **ret,
	       size_t *ret_n, struct err *e)
{
	struct names names = { 0 };
	size_t w = 0;

	for (size_t i = 0; i < d->n; i++)
		if (names_add(&names, m, d, d->layers[i], a, e) < 0)
			return err_ctx(e, "/%s of layer %u from the top", d->path, d->layers[i]);
	if (names.n)
		qsort(names.list, names.n, sizeof *names.list, by_name);
	for (size_t i = 0; i < names.n; i++) {
		if (i && !strcmp(names.list[i].name, names.list[i - 1].name))
			continue; /* a layer above shows or hides it */
		if (!is_whiteout(&names.list[i].st))
			names.list[w++] = names.list[i];
	}
	*ret = names.list;
	*ret_n = w;
	return 0;
}

static const char *join(const struct merge_dir *d, const char *name, struct arena *a)
{
	return arena_printf(a, "%s%s%s", d->path, *d->path ? "/" : "", name);
}

/* 1: hides those below, 0: does not */
static int is_opaque(const struct merge *m, int xdir)
{
	char proc[40], value[2];

	(void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", xdir);
	return getxattr(proc, m->opaque, value, sizeof value) >= 1 && *value == 'y';
}

int merge_enter(const struct merge *m, const struct merge_dir *d, const struct merge_entry *entry, struct arena *a,
		struct merge_dir *ret, struct err *e)
{
	unsigned *layers = arena_get(a, (d->n + 1) * sizeof *layers);
	const char *path = join(d, entry->name, a);
	struct stat st;
	size_t n = 0;

	if (!layers || !path)
		return err_new(e, E_NOMEM, ENOMEM, "directory");
	for (size_t i = 0; i < d->n; i++) {
		OWN_FD fd = -1;
		if (d->layers[i] < entry->layer)
			continue;
		if (path_open_in(m->base[d->layers[i]], path, O_PATH | O_NOFOLLOW, 0, &fd, e) < 0) {
			if (e->eno != ENOENT)
				return err_ctx(e, "layers");
			err_clear(e);
			continue;
		}
		if (fstat(fd, &st) < 0)
			return err_sys(e, errno, "stat %s", path);
		if (!S_ISDIR(st.st_mode))
			break;
		layers[n++] = d->layers[i];
		if (is_opaque(m, fd))
			break;
	}
	*ret = (struct merge_dir){ .path = path, .layers = layers, .n = n };
	return 0;
}

int merge_file(const struct merge *m, const struct merge_dir *d, const struct merge_entry *entry, int flags,
	       int *ret_fd, struct err *e)
{
	OWN_STR path = NULL;

	if (asprintf(&path, "%s%s%s", d->path, *d->path ? "/" : "", entry->name) < 0)
		return err_new(e, E_NOMEM, ENOMEM, "path");
	return path_open_in(m->base[entry->layer], path, flags | O_NOFOLLOW, 0, ret_fd, e);
}
