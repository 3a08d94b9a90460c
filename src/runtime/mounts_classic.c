/* SPDX-License-Identifier: Apache-2.0
 *
 * A new file system by mount(2): two calls in the place of five to nine. It is used where nothing is to
 * be done with the mount afterwards; whatever it refuses, and all that needs more, goes through the
 * descriptors of mounts.c, which can also say what the file system did not like.
 *
 * The place is no path of the container, which others could change under us: the working directory is
 * put on it first, or on the container's own new /dev, which nobody else can see.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/container.h"
#include "sys/mountfd.h"

enum { WORDS_MAX = 32 };

static bool is(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* nothing but the mount itself is wanted */
bool mounts_plain(const struct child *ch, const struct bundle_mount *m)
{
	const struct container *c = ch->c;
	const struct mount_opt *o = &m->opt;

	return !c->in_user && !c->b.mount_label && !o->n_propagation && !o->tmpcopyup &&
	       o->n_data < WORDS_MAX && !is(m->destination, "/") &&
	       (is(m->type, "tmpfs") ? !(o->attr_set & MOUNT_ATTR_RDONLY) && !is(m->destination, "/dev") :
		is(m->type, "proc")  ? !container_writes_proc(c) :
		is(m->type, "devpts") ? !c->b.process || !c->b.process->terminal :
				       !is(m->destination, "/proc"));
}

/* "/dev/NAME" below a tmpfs mounted on /dev just before: NAME, made now; NULL: another place */
const char *mounts_dev_name(const struct child *ch, const struct bundle_mount *m)
{
	const char *name = m->destination + strlen("/dev/");

	if (!ch->fresh_dev || strncmp(m->destination, "/dev/", strlen("/dev/")) != 0 ||
	    !path_is_clean(name) || strchr(name, '/') || mkdirat(ch->dev, name, 0755) < 0)
		return NULL;
	return name;
}

int mounts_classic(struct child *ch, const struct bundle_mount *m, const struct mounts_place *at)
{
	const char *words[WORDS_MAX];
	char mode[16];
	struct mountfd_fs fs = { .type = m->type,
				 .source = m->source && *m->source ? m->source : NULL,
				 .data = words,
				 .n_data = m->opt.n_data,
				 .sb_flags = m->opt.sb_set & ~m->opt.sb_clr,
				 .attr = m->opt.attr_set };
	bool has_mode = false;
	struct stat st;

	for (size_t i = 0; i < fs.n_data; i++) {
		words[i] = m->opt.data[i];
		has_mode = has_mode || !strncmp(words[i], "mode=", strlen("mode="));
	}
	if (is(m->type, "tmpfs") && !has_mode && !at->made) {
		if (fstatat(at->dir, at->name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		(void)snprintf(mode, sizeof mode, "mode=%o", st.st_mode & 07777);
		words[fs.n_data++] = mode;
	}
	/* the second and the third entry of /dev find us there */
	int r = mountfd_classic(&fs, *at->name && ch->in_dev ? -1 : at->dir, at->name);
	ch->in_dev = *at->name && !r;
	return r;
}
