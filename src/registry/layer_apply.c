/* SPDX-License-Identifier: Apache-2.0
 *
 * Layer application: names of the archive, whiteouts, and the loop over entries. See
 * layer_apply.h; image-spec layer.md.
 *
 * The directory starts empty, so whatever is in it was put there by this archive: a whiteout never
 * removes it, and a directory that takes the place of something else, or of a whiteout, is opaque.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"
#include "driver/storage/storage.h"
#include "registry/layer_int.h"

void layer_show(struct layer_apply *a, const char *path)
{
	layer_printable(path, a->shown, sizeof a->shown);
}

int layer_bad(struct layer_apply *a, struct err *e, const char *what)
{
	return err_new(e, E_CORRUPT, EBADMSG, "entry %s: %s", a->shown, what);
}

int layer_sys(struct layer_apply *a, struct err *e, const char *what)
{
	int eno = errno;

	if (eno == ENAMETOOLONG)
		return err_new(e, E_CORRUPT, eno, "entry %s: name is too long", a->shown);
	err_sys(e, eno, "entry %s: %s", a->shown, what);
	if (eno == ENOSPC || eno == EDQUOT)
		err_hint(e, "free some space below ONGGI_ROOT, for example with: onggi image prune");
	return -e->eno;
}

static int clean_path(struct layer_apply *a, const char *path, struct buf *out, struct err *e)
{
	const char *why = layer_clean(path, a->lim.depth, out);

	if (buf_failed(out))
		return err_new(e, E_NOMEM, ENOMEM, "entry name");
	return why ? layer_bad(a, e, why) : 0;
}

bool layer_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

int layer_clear(struct layer_apply *a, int xdir, const char *name, struct err *e)
{
	/* a link that goes away may be part of the path of the parent at hand */
	if (xdir != a->parent_fd)
		layer_forget(a);
	if (!unlinkat(xdir, name, 0))
		return 1;
	if (errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return layer_sys(a, e, "replace");
	return io_remove_tree(xdir, name, e) < 0 ? err_ctx(e, "entry %s", a->shown) : 1;
}

int layer_put_whiteout(struct layer_apply *a, const char *path, const char *name, struct err *e)
{
	const char *slash = strrchr(path, '/'), *ignored;
	struct stat st;
	int dir;

	if (layer_parent(a, path, true, &dir, &ignored, e) < 0)
		return -e->eno;
	a->stats.whiteouts++;
	/* Linux lets anybody make this device (5.8), in a user namespace too */
	if (!mknodat(dir, name, S_IFCHR, makedev(0, 0))) {
		/* if it hides nothing it has to go: where no directories are merged, overlay shows it */
		buf_putc(a->loose, 'W');
		buf_add(a->loose, path, slash ? (size_t)(slash + 1 - path) : 0);
		buf_add(a->loose, name, strlen(name) + 1);
		return 0;
	}
	if (errno != EEXIST)
		return layer_sys(a, e, "make whiteout");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return layer_sys(a, e, "stat");
	/* added by this layer: it stays, only what parents have below it goes */
	if (!S_ISDIR(st.st_mode))
		return 0;
	OWN_FD fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return layer_sys(a, e, "open directory");
	return layer_set_opaque(a, fd, e);
}

/* ".wh.NAME" and its relatives. 1: it was one, and is done */
static int whiteout(struct layer_apply *a, const char *path, const char *base, struct err *e)
{
	const char *name = base + 4; /* after ".wh." */
	const char *ignored;
	int dir, r;

	if (!strcmp(base, ".wh..wh..opq")) {
		r = layer_parent(a, path, true, &dir, &ignored, e);
		if (r < 0)
			return r;
		a->stats.whiteouts++;
		if (base == path) {
			a->stats.root_opaque = true;
			return 1;
		}
		OWN_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return layer_sys(a, e, "open directory");
		return layer_set_opaque(a, fd, e) < 0 ? -e->eno : 1;
	}
	if (text_starts(name, ".wh.")) /* book-keeping of AUFS */
		return 1;
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return layer_bad(a, e, "whiteout without a name");
	return layer_put_whiteout(a, path, name, e) < 0 ? -e->eno : 1;
}

static int put(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e)
{
	switch (en->type) {
	case TAR_FILE: {
		int r = layer_take(a, path, en, e);
		return r ? (r < 0 ? r : 0) : layer_put_file(a, path, en, e);
	}
	case TAR_DIR:
		return layer_put_dir(a, path, en, e);
	case TAR_SYMLINK:
		return layer_put_symlink(a, path, en, e);
	case TAR_HARDLINK: {
		OWN_BUF target = { 0 };
		if (clean_path(a, en->link, &target, e) < 0)
			return -e->eno;
		return layer_put_link(a, path, buf_str(&target), e);
	}
	case TAR_CHAR:
	case TAR_BLOCK:
	case TAR_FIFO:
		return layer_put_special(a, path, en, e);
	case TAR_TYPE_N:
		break;
	}
	return layer_bad(a, e, "unknown type");
}

static int apply_entry(struct layer_apply *a, const struct tar_entry *en, struct buf *name,
		       struct err *e)
{
	layer_show(a, en->path);
	if (++a->stats.entries > a->lim.entries)
		return layer_bad(a, e, "too many entries in one layer");
	if (!*en->path)
		return layer_bad(a, e, "empty name");
	if (clean_path(a, en->path, name, e) < 0)
		return -e->eno;
	const char *path = name->p;
	if (!*path) {
		if (en->type != TAR_DIR)
			return layer_bad(a, e, "the root of a layer must be a directory");
		return layer_put_dir(a, path, en, e);
	}
	if (text_starts(path, ".wh..wh.plnk/"))
		a->saw_plnk = true; /* hard links below point here */
	else if (text_starts(path, ".wh..wh.") && strcmp(path, ".wh..wh..opq"))
		return 0;
	else if (layer_has_reserved_part(path))
		return layer_bad(a, e, "\".wh.\" in the name of a directory");
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	/* a whiteout spares what is there, a link has two names */
	bool alone = text_starts(base, ".wh.") || en->type == TAR_HARDLINK;
	if (alone ? layer_drain(a, e) < 0 : layer_meet(a, path, e) < 0)
		return -e->eno;
	if (text_starts(base, ".wh.")) {
		int r = whiteout(a, path, base, e);
		return r < 0 ? r : 0;
	}
	if (en->type == TAR_FILE) {
		a->stats.size_bytes += en->size;
		if (en->size > a->lim.total_bytes || a->stats.size_bytes > a->lim.total_bytes)
			return layer_bad(a, e, "the layer is too large");
	}
	return put(a, path, en, e);
}

/* "Umask:\t0022" of /proc/self/status (Linux 4.7); asking umask(2) would change it for all threads */
static mode_t read_umask(void)
{
	struct err ignored = { 0 };
	OWN_STR text = NULL;
	const char *p = NULL;

	if (!io_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, NULL, &ignored))
		p = strstr(text, "\nUmask:");
	return p ? (mode_t)strtoul(p + 7, NULL, 8) & 0777 : 0777;
}

static int prepare(struct layer_apply *a, const struct layer_limits *lim, struct err *e)
{
	struct stat st;

	if (lim)
		a->lim = *lim;
	if (!a->lim.total_bytes)
		a->lim.total_bytes = 1ULL << 40;
	if (!a->lim.entries)
		a->lim.entries = 16 << 20;
	if (!a->lim.depth)
		a->lim.depth = 1024;
	a->userxattr = storage_in_userns();
	a->umask = read_umask();
	a->fsuid = (uid_t)setfsuid((uid_t)-1); /* an invalid ID changes nothing and tells */
	a->fsgid = (gid_t)setfsgid((gid_t)-1);
	if (fstat(a->root, &st) < 0)
		return err_sys(e, errno, "layer directory");
	if (st.st_mode & S_ISGID) {
		if (fchmod(a->root, st.st_mode & 05777) < 0)
			return err_sys(e, errno, "layer directory");
	}
	/* mount option grpid: files take the group of their directory */
	a->same_owner = st.st_uid == a->fsuid && st.st_gid == a->fsgid;
	return 0;
}

static int apply_all(struct layer_apply *a, struct source *tar, struct err *e)
{
	OWN_BUF name = { 0 };
	const struct tar_entry *en;
	int r;

	while ((r = tar_next(a->tar, &en, e)) > 0)
		if (apply_entry(a, en, &name, e) < 0)
			return -e->eno;
	if (r < 0)
		return r;
	if (layer_drain(a, e) < 0 || layer_finish_links(a, e) < 0)
		return -e->eno;
	if (a->saw_plnk) {
		layer_forget(a);
		if (io_remove_tree(a->root, ".wh..wh.plnk", e) < 0)
			return -e->eno;
	}
	if (layer_finish_dirs(a, e) < 0)
		return -e->eno;
	/* padding and whatever else the digest covers */
	return source_drain(tar, NULL, e);
}

int layer_apply(const struct layer_apply_req *q, struct buf *loose, struct layer_stats *ret, struct err *e)
{
	struct layer_apply a = { .root = q->xdir, .parent_fd = -1, .loose = loose, .mate = q->mate };
	int r = prepare(&a, q->limits, e);

	if (!r)
		r = tar_open(q->tar, NULL, &a.tar, e);
	if (!r)
		r = apply_all(&a, q->tar, e);
	layer_beside_close(&a);
	if (!r && buf_failed(loose))
		r = err_new(e, E_NOMEM, ENOMEM, "layer");
	if (!r)
		*ret = a.stats;
	layer_forget(&a);
	buf_done(&a.parent);
	buf_done(&a.parent_path);
	tar_close(a.tar);
	free(a.dirs);
	free(a.links);
	arena_done(&a.a);
	return r;
}
