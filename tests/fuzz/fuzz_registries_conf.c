/* SPDX-License-Identifier: Apache-2.0
 *
 * needs registry
 * registries.conf: any file gives tables or an error, and every table places or a refusal for any name.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "format/js.h"
#include "registry/registries_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* one file for all inputs: the module reads files alone */
static void file_remove(void)
{
	(void)unlink(getenv("CONTAINERS_REGISTRIES_CONF"));
}

static int file_of(void)
{
	static int fd = -1;
	char path[] = "/tmp/onggi-fuzz-registries-XXXXXX";

	if (fd < 0) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0 || setenv("CONTAINERS_REGISTRIES_CONF", path, 1) < 0 || atexit(file_remove))
			abort();
	}
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "docker.io/library/x", "example.com/a/b/c", "localhost:5000/x" };
	int fd = file_of();
	OWN_JSON list = NULL;
	struct err e = { 0 };

	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size || registries_conf_load(&list, &e) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ARENA a = { 0 };
		struct registries_place out[REGISTRIES_PLACES_MAX];
		for (int by_digest = 0; by_digest < 2; by_digest++) {
			int n = registries_conf_places(list, names[i], by_digest, &a, out, &e);
			if (n > REGISTRIES_PLACES_MAX)
				abort();
			for (int k = 0; k < n; k++)
				if (!out[k].location[0])
					abort();
		}
	}
	return 0;
}
