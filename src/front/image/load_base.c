/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image load-base: the embedded image, under the name base:latest. Run by `onggi run base`
 * when there is no such image yet; any number at once do the work once.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "store/image.h"

#ifndef ONGGI_DATADIR
#define ONGGI_DATADIR "/usr/local/share"
#endif

#define BASE_NAME "base:latest"
#define BASE_FILE "base.oci.tar"

/* ONGGI_DATA, the build tree, the installed place */
static int open_archive(int *ret_fd, struct err *e)
{
	static const char *const beside[] = { "/../../data/", "/../../share/onggi/" };
	char self[4096], path[4300];
	const char *dir = getenv("ONGGI_DATA");

	if (dir && *dir) {
		(void)snprintf(path, sizeof path, "%.4096s/" BASE_FILE, dir);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		return *ret_fd < 0 ? err_sys(e, errno, "open %s (ONGGI_DATA)", path) : 0;
	}
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash = n > 0 ? (self[n] = 0, strrchr(self, '/')) : NULL;
	for (size_t i = 0; slash && i < ARRAY_LEN(beside); i++) {
		*slash = 0;
		(void)snprintf(path, sizeof path, "%s%s" BASE_FILE, self, beside[i]);
		*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (*ret_fd >= 0)
			return 0;
	}
	*ret_fd = open(ONGGI_DATADIR "/onggi/" BASE_FILE, O_RDONLY | O_CLOEXEC);
	if (*ret_fd >= 0)
		return 0;
	err_new(e, E_NOT_FOUND, ENOENT, "the embedded base image (" BASE_FILE ") is not installed");
	err_hint(e, "set ONGGI_DATA to the folder that holds it; it is built where a static busybox is");
	return -e->eno;
}

static int run(struct err *e)
{
	OWN_FD lock = -1, fd = -1;
	struct image img;
	struct store store;

	if (image_store_open(&store, e) < 0)
		return -e->eno;
	int r = io_mkdir_p(store.root_fd, "locks", 0700, e);
	if (!r)
		r = lock_take(store.root_fd, "locks/load-base", LOCK_EXCLUSIVE, &lock, e);
	if (!r && image_resolve(&store, BASE_NAME, &img, e) >= 0) {
		image_done(&img); /* somebody else has loaded it meanwhile */
	} else if (!r && e->kind != E_NOT_FOUND) {
		r = -e->eno;
	} else if (!r) {
		err_clear(e);
		r = open_archive(&fd, e);
		/* it comes back from the same file whenever it is lost: no waiting for the disk */
		const struct archive_load_req q = { .store = &store, .xfd = fd, .hasty = true };
		if (!r)
			r = archive_load(&q, e);
	}
	store_close(&store);
	return r;
}

int verb_load_base(const struct image_call *call)
{
	struct err e = { 0 };

	(void)call;
	return run(&e) < 0 ? image_fail(&e) : 0;
}
