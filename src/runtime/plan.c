/* SPDX-License-Identifier: Apache-2.0
 *
 * Carrying out a mount plan: see plan.h.
 */
#include "runtime/plan.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/own.h"
#include "sys/mountfd.h"

/* The most that a string of fsconfig(2) may have, its end included. */
enum { STRING_MAX = 256 };

/* Before Linux 6.5 an overlay takes all its layers as one string, in which there is no room for their paths: they are
 * opened, and named by their numbers in /proc/self/fd, which is the working directory until the mount is made. */
struct by_number {
	int cwd; /* where we were; -1: there still */
	int *fds;
	size_t n;
};

static void by_number_done(struct by_number *o)
{
	/* a directory that was ours a moment ago; where it cannot be entered any more, "/" is as good as it */
	if (o->cwd >= 0 && fchdir(o->cwd) < 0)
		(void)!chdir("/");
	own_fd_done(&o->cwd);
	while (o->n)
		close(o->fds[--o->n]);
	free(o->fds);
	o->fds = NULL;
}

static int lowers_joined(int fs, const struct mount_step *s, struct by_number *o, struct err *e)
{
	char text[STRING_MAX];
	size_t w = 0;

	if (!(o->fds = calloc(s->n_lowers, sizeof *o->fds)))
		return err_new(e, E_NOMEM, ENOMEM, "layers");
	for (size_t i = 0; i < s->n_lowers; i++) {
		int fd = open(s->lowers[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open layer %s", s->lowers[i]);
		o->fds[o->n++] = fd;
		w += (size_t)snprintf(text + w, sizeof text - w, "%s%d", i ? ":" : "", fd);
		if (w >= sizeof text)
			return err_new(e, E_UNSUPPORTED, E2BIG,
				       "%zu layers are too many for this kernel (Linux 6.5 takes 500)", s->n_lowers);
	}
	OWN_FD cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (cwd < 0 || chdir("/proc/self/fd") < 0)
		return err_sys(e, errno, "enter /proc/self/fd");
	o->cwd = fd_take(&cwd);
	return mountfd_fs_string(fs, "lowerdir", text, e);
}

static int lowers_add(int fs, const struct mount_step *s, struct err *e)
{
	for (size_t i = 0; i < s->n_lowers; i++) {
		if (mountfd_fs_string(fs, "lowerdir+", s->lowers[i], e) < 0)
			return err_ctx(e, "layer %s", s->lowers[i]);
	}
	return 0;
}

static int datas_add(int fs, const struct mount_step *s, struct err *e)
{
	for (size_t i = 0; i < s->n_datas; i++)
		if (mountfd_fs_string(fs, "datadir+", s->datas[i], e) < 0)
			return err_ctx(e, "layer %s", s->datas[i]);
	return 0;
}

/* @xlast: the mount of the step before; -1: none */
static int step_try(const struct mount_step *s, int xlast, bool joined, const char *gain, int *ret_fd, struct err *e)
{
	CLEANUP(by_number_done) struct by_number numbers = { .cwd = -1 };
	OWN_FD fs = -1;

	/* without a source mount tables say "none" */
	if (mountfd_fs_open(s->fstype, &fs, e) < 0 ||
	    mountfd_fs_string(fs, "source", s->source ? s->source : s->fstype, e) < 0 ||
	    (s->n_lowers && (joined ? lowers_joined(fs, s, &numbers, e) : lowers_add(fs, s, e)) < 0) ||
	    (s->over_last && mountfd_fs_file(fs, "lowerdir+", xlast, e) < 0) || datas_add(fs, s, e) < 0 ||
	    (s->upper && mountfd_fs_string(fs, "upperdir", s->upper, e) < 0) ||
	    (s->work && mountfd_fs_string(fs, "workdir", s->work, e) < 0))
		return -e->eno;
	if (s->read_only && mountfd_fs_flags(fs, MS_RDONLY, e) < 0)
		return -e->eno;
	for (size_t i = 0; i < s->n_options; i++)
		if (mountfd_fs_word(fs, s->options[i], e) < 0)
			return -e->eno;
	/* a kernel that does not know the word works without it */
	if (gain && mountfd_fs_word(fs, gain, e) < 0 && e->eno != EINVAL)
		return -e->eno;
	return mountfd_fs_mount(fs, s->fstype, s->read_only ? MOUNT_ATTR_RDONLY : 0, ret_fd, e);
}

static int step_fs(const struct mount_step *s, int xlast, int *ret_fd, struct err *e)
{
	if (step_try(s, xlast, false, s->gain, ret_fd, e) >= 0)
		return 0;
	/* a kernel that does not know "lowerdir+" says so when it is given, or only at the end */
	if (e->eno != EINVAL || !s->n_lowers || s->over_last || s->n_datas)
		return -e->eno;
	err_clear(e);
	if (step_try(s, xlast, true, s->gain, ret_fd, e) >= 0)
		return 0;
	/* an old one says only at the end that it does not know a word */
	if (e->eno != EINVAL || !s->gain)
		return -e->eno;
	err_clear(e);
	return step_try(s, xlast, true, NULL, ret_fd, e);
}

static int step_mount(const struct mount_step *s, int xlast, int *ret_fd, struct err *e)
{
	OWN_FD fd = -1;

	if (!strcmp(s->fstype, MOUNT_STEP_FD)) {
		/* two descriptors of one mount: it stays until both are closed */
		*ret_fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_sys(e, errno, "mount of the plan") : 0;
	}
	if (strcmp(s->fstype, "bind") != 0)
		return step_fs(s, xlast, ret_fd, e);
	/* the clone of a shared mount is its peer: pivot_root(2) refuses such a root, and what is mounted below it would
	 * appear in the store */
	if (mountfd_clone(AT_FDCWD, s->source, MOUNTFD_REC, &fd, e) < 0 ||
	    mountfd_propagation(fd, MS_PRIVATE | MS_REC, e) < 0 ||
	    (s->read_only && mountfd_attr(fd, MOUNT_ATTR_RDONLY, 0, 0, e) < 0))
		return -e->eno;
	*ret_fd = fd_take(&fd);
	return 0;
}

int plan_mount(const struct mount_plan *plan, const char *at, int *ret_fd, struct err *e)
{
	OWN_FD last = -1;

	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct mount_step *s = &plan->steps[i];
		OWN_FD fd = -1;
		if (step_mount(s, last, &fd, e) < 0)
			return err_ctx(e, "mount plan, step %zu of %zu (%s)", i + 1, plan->n_steps, s->fstype);
		if (i + 1 == plan->n_steps) {
			*ret_fd = fd_take(&fd);
			return 0;
		}
		own_fd_done(&last);
		if (plan->steps[i + 1].over_last) {
			last = fd_take(&fd);
			continue;
		}
		if (!at)
			return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "mount plan of %zu steps", plan->n_steps);
		OWN_FD dir = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_sys(e, errno, "mount plan: open %s", at);
		if (mountfd_attach(fd, dir, e) < 0)
			return err_ctx(e, "mount plan, step %zu", i + 1);
	}
	return err_new(e, E_INVALID, EINVAL, "mount plan without steps");
}
