/* SPDX-License-Identifier: Apache-2.0
 *
 * system df: what the objects of this engine are, and what the store takes on the disk.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "engine/image.h"
#include "engine/look.h"
#include "format/js.h"
#include "store/volume.h"

/* of a volume whose content is mounted only while it is used */
static uint64_t disk_bytes(const struct store *s, const char *volume)
{
	OWN_STORAGE_SEEN seen = { 0 };
	struct storage_usage sum = { 0 };
	char path[320];

	(void)snprintf(path, sizeof path, "volumes/%s/disk.img", volume);
	storage_usage_add(s->root_fd, path, &seen, &sum);
	return sum.disk_bytes;
}

static int df_volumes(struct engine *eng, json_t **ret, struct err *e)
{
	json_t *v;
	size_t i;

	if (volume_list(&eng->store, ret, e) < 0)
		return -e->eno;
	json_array_foreach(*ret, i, v) {
		OWN_JSON users = NULL;
		struct err ignored;
		char path[320];
		(void)snprintf(path, sizeof path, "volumes/%s/_data", js_str(v, "Name", ""));
		uint64_t bytes = storage_tree_bytes(eng->store.root_fd, path);
		if (json_object_get(json_object_get(v, "Options"), "size"))
			bytes = disk_bytes(&eng->store, js_str(v, "Name", ""));
		if (volume_users(&eng->store, js_str(v, "Name", ""), &users, &ignored) < 0)
			users = json_array();
		json_object_set_new(v, "UsageData",
				    json_pack("{sI sI}", "Size", (json_int_t)bytes, "RefCount",
					      (json_int_t)json_array_size(users)));
	}
	return 0;
}

/* Whose the folders of the store are; all others are "Other". */
static const struct {
	const char *folder, *row;
} owners[] = {
	{ "blobs", "Images" },      { "containers", "Containers" }, { "images", "Images" },   { "names", "Containers" },
	{ "pushed", "Images" },     { "references", "Images" },	    { "snapshots", "Images" }, { "tocs", "Images" },
	{ "volumes", "Volumes" },
};

static const char *owner(const char *folder)
{
	for (size_t i = 0; i < ARRAY_LEN(owners); i++)
		if (!strcmp(owners[i].folder, folder))
			return owners[i].row;
	return "Other";
}

static void used_add(json_t *used, const char *row, uint64_t bytes)
{
	json_object_set_new(used, row, json_integer(js_int(used, row, 0) + (json_int_t)bytes));
}

/* all of the store, so that the rows together are what du says */
static int disk_usage(const struct store *s, json_t **ret, struct err *e)
{
	OWN_STORAGE_SEEN seen = { 0 };
	OWN_JSON used = json_pack("{sI sI sI sI sI}", "BuildCache", (json_int_t)0, "Containers", (json_int_t)0, "Images",
				  (json_int_t)0, "Other", (json_int_t)0, "Volumes", (json_int_t)0);
	const struct dirent *en;
	struct stat st;
	int r;

	int fd = openat(s->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR d = fd < 0 ? NULL : fdopendir(fd);
	if (!d || fstat(s->root_fd, &st) < 0) {
		r = errno;
		if (!d && fd >= 0)
			close(fd);
		return err_sys(e, r, "open %s", s->root);
	}
	if (!used)
		return err_new(e, E_NOMEM, ENOMEM, "system df");
	used_add(used, "Other", (uint64_t)st.st_blocks * 512);
	while ((r = io_dir_next(d, &en, e)) > 0) {
		struct storage_usage sum = { 0 };
		storage_usage_add(s->root_fd, en->d_name, &seen, &sum);
		used_add(used, owner(en->d_name), sum.disk_bytes);
	}
	if (r < 0)
		return err_ctx(e, "read %s", s->root);
	*ret = ptr_take(&used);
	return 0;
}

static void containers_count(const json_t *containers, json_t *image)
{
	json_int_t n = 0;
	const json_t *c;
	size_t i;

	json_array_foreach(containers, i, c)
		n += !strcmp(js_str(c, "ImageID", ""), js_str(image, "Id", "-"));
	json_object_set_new(image, "Containers", json_integer(n));
}

int engine_df(struct engine *eng, json_t **ret, struct err *e)
{
	OWN_JSON images = NULL;
	OWN_JSON containers = NULL;
	OWN_JSON volumes = NULL;
	OWN_JSON used = NULL;
	OWN_JSON own = json_pack("{s[s]}", "readonly", "false");
	struct engine_image_list iq = { .filters = own, .shared_size = true };
	struct engine_list cq = { .all = true, .size = true };
	json_int_t layers = 0;
	json_t *v;
	size_t i;

	if (!own)
		return err_new(e, E_NOMEM, ENOMEM, "system df");
	if (engine_image_list(eng, &iq, &images, e) < 0 || engine_list(eng, &cq, &containers, e) < 0 ||
	    df_volumes(eng, &volumes, e) < 0 || disk_usage(&eng->store, &used, e) < 0)
		return -e->eno;
	json_array_foreach(images, i, v) {
		layers += js_int(v, "Size", 0);
		containers_count(containers, v);
	}
	*ret = json_pack("{sI sO sO sO s[] sO}", "LayersSize", layers, "Images", images, "Containers", containers,
			 "Volumes", volumes, "BuildCache", "DiskUsage", used);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "system df");
}
