/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes, and files that change atomically. Directories are always given as
 * descriptors (AT_FDCWD where a user gave a path); names below them are plain relative paths of
 * our own making. Paths that come from outside go through path.h instead.
 */
#ifndef ONGGI_BASE_IO_H
#define ONGGI_BASE_IO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/** io_close_all - close those of @fds that are open (>= 0) and make them -1, neighbours by one call; at most 16.
 * CHILD_SAFE: yes. */
void io_close_all(int *const fds[], size_t n);
/** io_write_all - write everything, going on after EINTR and short writes. 0 or -errno. */
int io_write_all(int xfd, const void *p, size_t n);
/** io_write_all_at - io_write_all to offset @at; the file's own offset stays. */
int io_write_all_at(int xfd, const void *p, size_t n, off_t at);
/** io_read_full - read exactly @n bytes or up to end of file. Bytes read, or -errno. */
ssize_t io_read_full(int xfd, void *p, size_t n);
/** io_read_fd - all of @xfd as a NUL-terminated heap string; more than @max bytes is E_INVALID.
 * @ret_n may be NULL. */
int io_read_fd(int xfd, size_t max, char **ret, size_t *ret_n, struct err *e);
/** io_read_file - open @name below @xdir (no final symlink) and read it all, see io_read_fd. */
int io_read_file(int xdir, const char *name, size_t max, char **ret, size_t *ret_n, struct err *e);

enum io_replace_flags {
	IO_DURABLE = 1,   /* fsync file and directory: the content survives power loss */
	IO_EXCLUSIVE = 2, /* fail with -EEXIST (E_CONFLICT) when @name exists */
};
/** io_replace_file - write a temporary file beside @name and rename it into place: readers see
 * the old or the new content, never a mixture. @mode is exact, the umask does not count. */
int io_replace_file(int xdir, const char *name, const void *p, size_t n, mode_t mode,
		    unsigned flags, struct err *e);
/** io_sync_dir - the names in folder @path below @xdir, made, replaced and removed ones, reach the disk. */
int io_sync_dir(int xdir, const char *path, struct err *e);
/** io_write_file - one open + write to an existing file such as a control file of the kernel. */
int io_write_file(int xdir, const char *name, const void *p, size_t n, struct err *e);

/** io_mkdir_p - make @path below @xdir with missing parents (mode @mode). Ours only: symbolic
 * links are followed. 0 also when it exists. */
int io_mkdir_p(int xdir, const char *path, mode_t mode, struct err *e);
/** io_open_dir - O_PATH-free directory descriptor, made first (with parents) when missing. */
int io_open_dir(int xdir, const char *path, mode_t mode, int *ret_fd, struct err *e);
/** io_dir_next - the next name of @xdir without "." and "..": 1, 0 when there are no more, or -errno. For lists of which
 * a missing name would be taken for an object that is not there. @ret is valid until the next call. */
int io_dir_next(DIR *xdir, const struct dirent **ret, struct err *e);
/** io_remove_tree - remove @name below @xdir with all it holds, never crossing a mount point,
 * never following a link. A missing @name is success. */
int io_remove_tree(int xdir, const char *name, struct err *e);
/** io_sweep_replaced - remove what io_replace_file left in folder @name below @xdir where it was
 * killed: by age, since nobody knows whose it is. Errors are left to the next sweep. */
void io_sweep_replaced(int xdir, const char *name);
/** io_copy_fd - copy all from @xin to @xout (copy_file_range, else read and write). */
int io_copy_fd(int xin, int xout, struct err *e);
/** io_copy_file - content of the regular file @xin into the new one @xout: blocks are shared where the file
 * system can, and holes stay holes. */
int io_copy_file(int xin, int xout, struct err *e);

#endif
