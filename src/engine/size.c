/* SPDX-License-Identifier: Apache-2.0
 *
 * Disk use of containers and volumes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "engine/look.h"

enum { DEPTH_MAX = 400 };

static uint64_t dir_bytes(int fd, int depth)
{
	OWN_DIR d = fdopendir(fd);
	uint64_t sum = 0;
	struct stat st;

	if (!d) {
		close(fd);
		return 0;
	}
	for (struct dirent *en; (en = readdir(d));) {
		if (!strcmp(en->d_name, ".") || !strcmp(en->d_name, "..") ||
		    fstatat(fd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
			sum += (uint64_t)st.st_size;
		if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
			continue;
		int sub = openat(fd, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			sum += dir_bytes(sub, depth + 1);
	}
	return sum;
}

uint64_t look_tree_bytes(int xdir, const char *name)
{
	int fd = openat(xdir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? 0 : dir_bytes(fd, 0);
}

void look_sizes(struct engine *eng, const struct handle *h, json_t *o)
{
	const json_t *chain = own_get(&h->c, "Chain");
	uint64_t rw = look_tree_bytes(h->c.dir_fd, "rw/diff"), all = rw;

	for (size_t i = 0; i < json_array_size(chain); i++) {
		int64_t n = storage_layer_size(&eng->store, json_string_value(json_array_get(chain, i)));
		all += n > 0 ? (uint64_t)n : 0;
	}
	json_object_set_new(o, "SizeRw", json_integer((json_int_t)rw));
	json_object_set_new(o, "SizeRootFs", json_integer((json_int_t)all));
}
