/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of layer_apply: one state for one archive.
 *
 *   layer_apply.c   names, whiteouts, the loop
 *   layer_dirs.c    finding and making parents, attributes of directories at the end
 *   layer_entry.c   files, links, devices
 *   layer_meta.c    owners, modes, times, extended attributes
 *   layer_beside.c  small files that are made beside the reading of the archive
 */
#ifndef ONGGI_REGISTRY_LAYER_INT_H
#define ONGGI_REGISTRY_LAYER_INT_H

#include <sys/stat.h>

#include "base/arena.h"
#include "format/tar.h"
#include "registry/layer_apply.h"
#include "store/layer_name.h"

enum {
	LAYER_DIR_BYTES_MAX = 512 << 20,   /* memory for directories of one archive */
	LAYER_OPEN_PATH_MAX = 4000,        /* longer paths are walked in pieces */
};

/* A directory of the archive. Its attributes are set when everything is in place: an archive may
 * make it read-only, set-group-ID or give it a default ACL before its files come. */
struct layer_dir {
	const char *path;
	ino_t ino;
	bool fresh;   /* made just then: older records of the same inode are of another directory */
	bool implied; /* made for something below it, without an entry of its own */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec times[2];
	struct tar_xattr *xattrs;
	size_t n_xattrs;
	size_t order;
};

/* a hard link whose target has not been seen yet */
struct layer_link {
	const char *target, *path;
};

struct layer_apply {
	int root;
	bool userxattr;           /* user.overlay.* instead of trusted.overlay.* */
	bool same_owner;          /* new files belong to fsuid:fsgid whatever the parent is */
	uid_t fsuid;
	gid_t fsgid;
	mode_t umask;
	struct layer_limits lim;
	struct layer_stats stats;
	struct tar_reader *tar;
	struct arena a;           /* directories, pending links */
	size_t arena_bytes;
	struct layer_dir *dirs;
	size_t n_dirs, cap_dirs;
	struct layer_link *links;
	size_t n_links, cap_links;
	struct buf parent;        /* name of the parent at hand */
	int parent_fd;            /* -1: none */
	bool parent_real;         /* no link is part of its name */
	struct buf parent_path;   /* its path without links; not set while parent_real */
	struct layer_mate *mate;  /* NULL: all is done in order */
	struct layer_beside *beside; /* NULL: not begun */
	unsigned small_files;     /* seen before it is begun */
	struct buf *loose;        /* list of store/snapshot.h */
	bool saw_plnk;            /* AUFS kept the targets of hard links there */
	char shown[200];          /* printable form of the current name, for errors */
};

/** layer_bad - E_CORRUPT that names the entry. layer_sys - the same for a system call. */
int layer_bad(struct layer_apply *a, struct err *e, const char *what);
int layer_sys(struct layer_apply *a, struct err *e, const char *what);
/** layer_show - remember @path for errors, control characters escaped. */
void layer_show(struct layer_apply *a, const char *path);

/** layer_parent - directory of the clean relative @path, as a descriptor that stays @a's; @make
 * missing ones. @ret_name points into @path. 0 | -ENOENT without @e filled when it is missing and
 * not to be made | error. */
int layer_parent(struct layer_apply *a, const char *path, bool make, int *ret_fd,
		 const char **ret_name, struct err *e);
/** layer_forget - something was replaced: the parent at hand may be gone. */
void layer_forget(struct layer_apply *a);
/** layer_put_dir - make or take over directory @path (clean; "" is the root). */
int layer_put_dir(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e);
/** layer_finish_dirs - set attributes of all directories; those without an entry go to loose. */
int layer_finish_dirs(struct layer_apply *a, struct err *e);
/** layer_set_opaque - hide what parents have in this directory. */
int layer_set_opaque(struct layer_apply *a, int xdir, struct err *e);

bool layer_is_whiteout(const struct stat *st);
/** layer_clear - make room for @name: remove what is there. 1 when something was. */
int layer_clear(struct layer_apply *a, int xdir, const char *name, struct err *e);
/** layer_put_whiteout - hide @name of the parents, in the directory of @path (whose last component
 * may be another), unless this layer has it. */
int layer_put_whiteout(struct layer_apply *a, const char *path, const char *name, struct err *e);

int layer_put_file(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e);
/* what a new file gets when its content is there */
struct layer_file {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec times[2];
	const struct tar_xattr *xattrs;
	size_t n_xattrs;
};
/** layer_file_of - from @en; refuses numbers that are no IDs. */
int layer_file_of(struct layer_apply *a, const struct tar_entry *en, struct layer_file *ret, struct err *e);
/** layer_dress - give @f to the new file @xfd. */
int layer_dress(struct layer_apply *a, int xfd, const struct layer_file *f, struct err *e);
int layer_write_at(struct layer_apply *a, int xfd, const unsigned char *p, size_t n, uint64_t at, struct err *e);

/** layer_take - the file @path is small enough to be made beside the reading. 1: taken, with its content | 0: to be
 * made here and now | error, also of an earlier one. */
int layer_take(struct layer_apply *a, const char *path, const struct tar_entry *en, struct err *e);
/** layer_meet - before @path is looked at: what was taken and could be met there is made first. */
int layer_meet(struct layer_apply *a, const char *path, struct err *e);
/** layer_drain - all that was taken is there. */
int layer_drain(struct layer_apply *a, struct err *e);
/** layer_beside_close - after a failure too: nobody works for @a any longer. */
void layer_beside_close(struct layer_apply *a);

int layer_put_symlink(struct layer_apply *a, const char *path, const struct tar_entry *en,
		      struct err *e);
int layer_put_special(struct layer_apply *a, const char *path, const struct tar_entry *en,
		      struct err *e);
/** layer_put_link - hard link to clean path @target; a missing target is remembered. */
int layer_put_link(struct layer_apply *a, const char *path, const char *target, struct err *e);
/** layer_finish_links - make the remembered links; those still without target go to loose. */
int layer_finish_links(struct layer_apply *a, struct err *e);

/** layer_owner - @en's owner in kernel types; refuses numbers that are no IDs. */
int layer_owner(struct layer_apply *a, const struct tar_entry *en, uid_t *ret_uid, gid_t *ret_gid,
		struct err *e);
int layer_chown(struct layer_apply *a, int xdir, const char *name, uid_t uid, gid_t gid,
		struct err *e);
/** layer_set_xattrs - by descriptor, or (xfd < 0) by @path through /proc. Skips what is not to be
 * taken or not supported. */
int layer_set_xattrs(struct layer_apply *a, int xfd, const struct tar_xattr *x, size_t n,
		     struct err *e);
int layer_set_xattrs_at(struct layer_apply *a, int xdir, const char *name,
			const struct tar_xattr *x, size_t n, struct err *e);

#endif
