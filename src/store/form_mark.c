/* SPDX-License-Identifier: Apache-2.0
 *
 * Word of forms of layers that go: see form_mark.h.
 */
#include "store/form_mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"

#define MARK "locks/forms"

enum { MODE_ON = 0700, MODE_OFF = 0600 };

void form_mark_get(const struct store *s, struct form_mark *ret)
{
	struct stat st;

	*ret = (struct form_mark){ 0 };
	if (fstatat(s->root_fd, MARK, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* there was never one */
	ret->inode = st.st_ino;
	ret->changed_ns = st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
	ret->on = (st.st_mode & 0777) == MODE_ON;
}

bool form_mark_stands(const struct store *s, const struct form_mark *then)
{
	struct form_mark now;

	form_mark_get(s, &now);
	return !now.on && now.inode == then->inode && now.changed_ns == then->changed_ns;
}

int form_mark_begin(const struct store *s, struct err *e)
{
	return io_mkdir_p(s->root_fd, "locks", 0700, e) < 0 ? -e->eno :
							       io_replace_file(s->root_fd, MARK, "", 0, MODE_ON, 0, e);
}

int form_mark_end(const struct store *s, struct err *e)
{
	return io_replace_file(s->root_fd, MARK, "", 0, MODE_OFF, 0, e);
}
