/* SPDX-License-Identifier: Apache-2.0
 *
 * The device mapper: see dm.h.
 */
#include "sys/dm.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"

union request {
	struct dm_ioctl head;
	char bytes[DM_REQUEST_MAX];
};

static int head_fill(union request *q, const char *name, uint32_t flags, struct err *e)
{
	memset(q, 0, sizeof *q);
	q->head.version[0] = DM_VERSION_MAJOR;
	q->head.data_size = sizeof *q;
	q->head.data_start = sizeof q->head;
	q->head.flags = flags;
	if (strlen(name) >= sizeof q->head.name)
		return err_new(e, E_INVALID, E2BIG, "device mapper: name %s is too long", name);
	(void)snprintf(q->head.name, sizeof q->head.name, "%s", name);
	return 0;
}

int dm_open(int *ret_ctl, struct err *e)
{
	union request q;

	OWN_FD fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		err_new(e, errno == EACCES || errno == EPERM ? E_DENIED : E_UNSUPPORTED, errno,
			"the device mapper of the kernel is missing: open /dev/mapper/control: %s", strerror(errno));
		err_hint(e, "load it with: modprobe dm_mod (CONFIG_BLK_DEV_DM)");
		return -e->eno;
	}
	if (head_fill(&q, "", 0, e) < 0)
		return -e->eno;
	if (ioctl(fd, DM_VERSION, &q) < 0)
		return err_sys(e, errno, "device mapper: version");
	*ret_ctl = fd_take(&fd);
	return 0;
}

int dm_target_check(int xctl, const char *target, struct err *e)
{
	union request q;

	if (head_fill(&q, target, 0, e) < 0)
		return -e->eno;
	if (!ioctl(xctl, DM_GET_TARGET_VERSION, &q))
		return 0;
	err_new(e, E_UNSUPPORTED, errno, "the kernel's device mapper has no target %s: %s", target, strerror(errno));
	err_hint(e, "load it with: modprobe dm-%s", target);
	return -e->eno;
}

int dm_status(int xctl, const char *name, struct dm_device *ret, struct err *e)
{
	union request q;

	if (head_fill(&q, name, 0, e) < 0)
		return -e->eno;
	if (ioctl(xctl, DM_DEV_STATUS, &q) < 0)
		return errno == ENXIO ? err_new(e, E_NOT_FOUND, ENXIO, "no device %s", name) :
					err_sys(e, errno, "status of device %s", name);
	/* the kernel's form of the number: minor in two parts (huge_encode_dev) */
	ret->dev = makedev((q.head.dev >> 8) & 0xfff, (q.head.dev & 0xff) | ((q.head.dev >> 12) & 0xfff00));
	ret->live = q.head.flags & DM_ACTIVE_PRESENT_FLAG;
	return 0;
}

int dm_request_table(void *buf, const char *name, uint64_t sectors, const char *target, const char *params,
		     struct err *e)
{
	union request *q = buf;

	if (head_fill(q, name, 0, e) < 0)
		return -e->eno;
	struct dm_target_spec *spec = (struct dm_target_spec *)(q->bytes + sizeof q->head);
	char *text = q->bytes + sizeof q->head + sizeof *spec;
	size_t room = sizeof *q - sizeof q->head - sizeof *spec;
	if (strlen(target) >= sizeof spec->target_type || strlen(params) >= room)
		return err_new(e, E_INVALID, E2BIG, "device mapper: table of %s is too long", name);
	q->head.target_count = 1;
	spec->length = sectors;
	/* to the next one, if there were one: aligned */
	spec->next = (uint32_t)((sizeof *spec + strlen(params) + 1 + 7) & ~(size_t)7);
	(void)snprintf(spec->target_type, sizeof spec->target_type, "%s", target);
	(void)snprintf(text, room, "%s", params);
	return 0;
}

int dm_request_message(void *buf, const char *name, const char *text, struct err *e)
{
	union request *q = buf;

	if (head_fill(q, name, 0, e) < 0)
		return -e->eno;
	struct dm_target_msg *msg = (struct dm_target_msg *)(q->bytes + sizeof q->head);
	size_t room = sizeof *q - sizeof q->head - sizeof *msg;
	if (strlen(text) >= room)
		return err_new(e, E_INVALID, E2BIG, "device mapper: message to %s is too long", name);
	(void)snprintf(q->bytes + sizeof q->head + sizeof *msg, room, "%s", text);
	return 0;
}

int dm_remove(int xctl, const char *name, bool deferred, struct err *e)
{
	union request q;

	if (head_fill(&q, name, deferred ? DM_DEFERRED_REMOVE : 0, e) < 0)
		return -e->eno;
	if (!ioctl(xctl, DM_DEV_REMOVE, &q))
		return 0;
	return errno == ENXIO ? err_new(e, E_NOT_FOUND, ENXIO, "no device %s", name) :
				err_sys(e, errno, "remove device %s", name);
}

int dm_make(int xctl, const char *name, uint64_t sectors, const char *target, const char *params, struct err *e)
{
	union request q;
	struct err ignored = { 0 }; /* the first error counts */

	if (head_fill(&q, name, 0, e) < 0)
		return -e->eno;
	if (ioctl(xctl, DM_DEV_CREATE, &q) < 0)
		return err_sys(e, errno, "make device %s", name);
	if (dm_request_table(&q, name, sectors, target, params, e) < 0)
		goto fail;
	if (ioctl(xctl, DM_TABLE_LOAD, &q) < 0) {
		err_sys(e, errno, "device %s: load table \"%s %s\"", name, target, params);
		goto fail;
	}
	/* without the flag that suspends it is the opposite: the table becomes the live one */
	if (head_fill(&q, name, 0, e) < 0)
		goto fail;
	if (ioctl(xctl, DM_DEV_SUSPEND, &q) < 0) {
		err_sys(e, errno, "start device %s", name);
		goto fail;
	}
	return 0;
fail:
	(void)dm_remove(xctl, name, false, &ignored);
	return -e->eno;
}

int dm_message(int xctl, const char *name, struct err *e, const char *fmt, ...)
{
	char text[DM_TEXT_MAX];
	union request q;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (n < 0 || n >= (int)sizeof text)
		return err_new(e, E_INVALID, E2BIG, "device mapper: message to %s is too long", name);
	if (dm_request_message(&q, name, text, e) < 0)
		return -e->eno;
	return ioctl(xctl, DM_TARGET_MSG, &q) < 0 ? err_sys(e, errno, "device %s: %s", name, text) : 0;
}

int dm_target_status(int xctl, const char *name, char type[DM_NAME_MAX], char line[DM_TEXT_MAX], struct err *e)
{
	union request q;

	if (head_fill(&q, name, DM_NOFLUSH_FLAG, e) < 0)
		return -e->eno;
	if (ioctl(xctl, DM_TABLE_STATUS, &q) < 0)
		return err_sys(e, errno, "status of device %s", name);
	size_t at = q.head.data_start;
	if (q.head.target_count != 1 || q.head.flags & DM_BUFFER_FULL_FLAG ||
	    at > sizeof q - sizeof(struct dm_target_spec) - DM_TEXT_MAX)
		return err_new(e, E_UNSUPPORTED, EINVAL, "device %s has no table of one target", name);
	const struct dm_target_spec *spec = (const struct dm_target_spec *)(q.bytes + at);
	(void)snprintf(type, DM_NAME_MAX, "%.*s", (int)sizeof spec->target_type, spec->target_type);
	(void)snprintf(line, DM_TEXT_MAX, "%.*s", DM_TEXT_MAX - 1, q.bytes + at + sizeof *spec);
	return 0;
}

int dm_node(dev_t dev, char path[DM_PATH_MAX], int *ret_fd, struct err *e)
{
	struct stat st;

	(void)snprintf(path, DM_PATH_MAX, "/dev/dm-%u", minor(dev));
	OWN_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, errno, "open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat %s", path);
	if (!S_ISBLK(st.st_mode) || st.st_rdev != dev) {
		err_new(e, E_UNSUPPORTED, ENODEV, "%s is another device than %u:%u", path, major(dev), minor(dev));
		err_hint(e, "/dev has to be the kernel's devtmpfs");
		return -e->eno;
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

/* "A/B" */
static bool fraction(const char *word, uint64_t *ret_a, uint64_t *ret_b)
{
	const char *slash = strchr(word, '/');
	char a[24];

	if (!slash || (size_t)(slash - word) >= sizeof a)
		return false;
	(void)snprintf(a, sizeof a, "%.*s", (int)(slash - word), word);
	return !text_uint64(a, ret_a) && !text_uint64(slash + 1, ret_b);
}

int dm_pool_status_parse(const char *line, struct dm_pool_status *ret, struct err *e)
{
	struct dm_pool_status s = { 0 };
	char word[32];
	size_t i = 0;

	for (const char *p = line; *(p += strspn(p, " ")); i++) {
		size_t n = strcspn(p, " ");
		(void)snprintf(word, sizeof word, "%.*s", (int)n, p);
		p += n;
		if (!i && !strcmp(word, "Fail")) {
			ret[0] = (struct dm_pool_status){ .failed = true };
			return 0;
		}
		if ((i == 0 && text_uint64(word, &s.transaction) < 0) ||
		    (i == 1 && !fraction(word, &s.used_meta, &s.total_meta)) ||
		    (i == 2 && !fraction(word, &s.used_data, &s.total_data)))
			break;
		/* 3 is the held root; then words, of which kernels learn new ones */
		s.read_only |= i > 3 && !strcmp(word, "ro");
		s.full |= i > 3 && !strcmp(word, "out_of_data_space");
		s.needs_check |= i > 3 && !strcmp(word, "needs_check");
	}
	if (i < 5)
		return err_new(e, E_INVALID, EINVAL, "status of a thin pool: \"%s\"", line);
	*ret = s;
	return 0;
}
