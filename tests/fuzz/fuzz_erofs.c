/* SPDX-License-Identifier: Apache-2.0
 *
 * EROFS images as layers, as anybody may build them: the tar made of one is a tar, and what is said of files
 * lies in the image.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "format/erofs_tar.h"
#include "format/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_file(struct erofs_tar *t, struct tar_reader *r, const struct tar_entry *en, size_t size)
{
	struct fsextent *list;
	struct err e = { 0 };
	ARENA a = { 0 };
	size_t n;

	/* whiteouts are no files of the image */
	if (!en->size || erofs_tar_extents(t, tar_offset(r), 1, &a, &list, &n, &e) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (list[i].from + list[i].length > size || list[i].offset + list[i].length > en->size)
			abort();
}

static void read_all(struct erofs_tar *t, size_t size)
{
	const struct tar_entry *en;
	const unsigned char *p;
	struct tar_reader *r;
	struct err e = { 0 };
	uint64_t at, sum = 0;
	size_t n, entries = 0;

	if (tar_open(&t->source, NULL, &r, &e) < 0)
		return;
	while (entries++ < 10000 && sum < 64 << 20 && tar_next(r, &en, &e) > 0) {
		if (en->type == TAR_FILE)
			one_file(t, r, en, size);
		for (int i = 0; i < 64 && tar_body(r, &p, &n, &at, &e) > 0; i++, sum += n)
			if (at + n > en->size)
				abort();
	}
	tar_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct erofs_tar t;
	struct err e = { 0 };

	if (fd < 0 || io_write_all(fd, data, size) < 0)
		abort();
	(void)erofs_is_image(data, size);
	if (erofs_tar_open(&t, fd, size, &e) == 0) {
		read_all(&t, size);
		erofs_tar_close(&t);
	}
	close(fd);
	return 0;
}
