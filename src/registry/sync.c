/* SPDX-License-Identifier: Apache-2.0
 *
 * Sync, see sync.h: the list of images first, then their names at the target, then one copy after the other.
 *
 *   docker  host/path/name:tag          every tag of the repository, or the one that was said
 *   dir     DIR/path/name:tag           every folder below DIR that has a manifest.json
 *   target  TO/name:tag, scoped: TO/host/path/name:tag or TO/path/name:tag
 */
#include "registry/sync_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/own.h"
#include "registry/client.h"
#include "registry/copy.h"

enum { DEPTH_MAX = 64, IMAGES_MAX = 100000 };

int sync_add_name(struct sync *s, const char *name, struct err *e)
{
	if (json_array_size(s->names) >= IMAGES_MAX)
		return err_new(e, E_INVALID, E2BIG, "more than %d images", IMAGES_MAX);
	return json_array_append_new(s->names, json_string(name)) < 0 ? err_new(e, E_NOMEM, ENOMEM, "images") : 0;
}

int sync_add_tags(struct sync *s, struct reference *ref, bool (*fits)(const void *data, const char *tag),
		  const void *data, struct err *e)
{
	struct registry_config config = { 0 };
	struct registry *registry = NULL;
	struct http *http = NULL;
	char text[REFERENCE_TEXT_MAX];
	char **tags;
	size_t n = 0;
	int r = registry_config_load(s->access, &config, e);

	if (r == 0)
		r = http_open(&http, e);
	if (r == 0)
		r = registry_open(ref, &config, "pull", NULL, &registry, e);
	if (r == 0 && (r = registry_tags(registry, http, &tags, &n, e)) == 0) {
		for (size_t i = 0; r == 0 && i < n; i++) {
			if (fits && !fits(data, tags[i]))
				continue;
			(void)snprintf(ref->tag, sizeof ref->tag, "%s", tags[i]); /* was checked */
			reference_canonical(ref, text);
			r = sync_add_name(s, text, e);
		}
		registry_tags_free(tags, n);
	}
	registry_close(registry);
	http_close(http);
	registry_config_done(&config);
	return r;
}

static int list_docker(struct sync *s, struct err *e)
{
	char text[REFERENCE_TEXT_MAX];
	struct reference ref;

	if (reference_parse(s->q->from, &ref, e) < 0)
		return -e->eno;
	if (!*ref.tag && !*ref.digest)
		return sync_add_tags(s, &ref, NULL, NULL, e);
	if (*ref.tag && *ref.digest)
		return err_new(e, E_USAGE, EINVAL, "%s: a tag or a digest, not both", s->q->from);
	reference_canonical(&ref, text);
	return sync_add_name(s, text, e);
}

/* @name: "" or "/path" below s->from; links are not followed */
static int list_folder(struct sync *s, int xfd, const char *name, int depth, struct err *e)
{
	OWN_FD fd = openat(xfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	OWN_DIR list = fd >= 0 ? fdopendir(fd) : NULL;
	char below[FILES_PATH_MAX];
	const struct dirent *en;
	struct stat st;
	int r;

	if (!list)
		return err_sys(e, errno, "open %s%s", s->from, name);
	(void)fd_take(&fd);
	if (fstatat(xfd, "manifest.json", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && sync_add_name(s, name, e) < 0)
		return -e->eno;
	while ((r = io_dir_next(list, &en, e)) > 0) {
		if (fstatat(xfd, en->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (depth >= DEPTH_MAX || snprintf(below, sizeof below, "%s/%s", name, en->d_name) >= (int)sizeof below)
			return err_new(e, E_INVALID, ELOOP, "%s%s: folders are nested too deeply", s->from, name);
		OWN_FD next = openat(xfd, en->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return err_sys(e, errno, "open %s%s", s->from, below);
		if (list_folder(s, next, below, depth + 1, e) < 0)
			return -e->eno;
	}
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_dir(struct sync *s, struct err *e)
{
	size_t n = strlen(s->q->from);

	while (n > 1 && s->q->from[n - 1] == '/')
		n--;
	if (n >= sizeof s->from)
		return err_new(e, E_USAGE, ENAMETOOLONG, "%.100s...: the path is too long", s->q->from);
	memcpy(s->from, s->q->from, n);
	OWN_FD fd = open(s->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, errno, "open %s", s->from) : list_folder(s, fd, "", 0, e);
}

/* what goes behind s->q->to */
static const char *target_suffix(const struct sync *s, const char *name)
{
	const char *from = strcmp(s->q->src, "dir") || *name ? name : s->from; /* the folder itself is the image */
	const char *slash = strrchr(from, '/');

	if (from == s->from || !s->q->scoped)
		return slash ? slash + 1 : from;
	return from + strspn(from, "/");
}

static int target_of(const struct sync *s, const char *name, char out[FILES_PATH_MAX], struct err *e)
{
	const char *to = s->q->to;
	size_t n = strlen(to);

	while (n > 1 && to[n - 1] == '/')
		n--;
	if (snprintf(out, FILES_PATH_MAX, "%.*s/%s%s", (int)n, to, target_suffix(s, name), s->q->suffix ? s->q->suffix : "") >=
	    FILES_PATH_MAX)
		return err_new(e, E_USAGE, ENAMETOOLONG, "%.100s...: the path is too long", out);
	return 0;
}

/* folders of scoped names; one that is there is somebody's image */
static int prepare_dir(char *path, struct err *e)
{
	struct stat st;
	char *slash = strrchr(path, '/');

	if (lstat(path, &st) == 0)
		return err_new(e, E_CONFLICT, EEXIST, "%s is there already, and not written over", path);
	if (!slash || slash == path)
		return 0;
	*slash = 0;
	int r = io_mkdir_p(AT_FDCWD, path, 0777, e);
	*slash = '/';
	return r;
}

static int sync_one(const struct sync *s, const char *name, const char *platform, struct err *e)
{
	const struct sync_req *q = s->q;
	char from[FILES_PATH_MAX + 16], to[FILES_PATH_MAX], target[FILES_PATH_MAX + 16];
	const bool from_dir = !strcmp(q->src, "dir"), to_dir = !strcmp(q->dest, "dir");
	struct copy_result done;

	(void)snprintf(from, sizeof from, "%s%s", from_dir ? s->from : "docker://", name);
	if (target_of(s, name, to, e) < 0)
		return -e->eno;
	(void)snprintf(target, sizeof target, "%s%s", to_dir ? "" : "docker://", to);
	if (q->dry_run) {
		q->copied(q->data, from, target, NULL);
		return 0;
	}
	if (to_dir && prepare_dir(to, e) < 0)
		return -e->eno;
	const struct copy_req c = { .from = from, .from_kind = from_dir ? "dir" : NULL, .to = target,
				    .to_kind = to_dir ? "dir" : NULL, .platform = q->all ? NULL : platform,
				    .convert = q->convert, .preserve = q->preserve, .from_access = s->access,
				    .to_access = q->to_access };
	if (copy_image(&c, &done, e) < 0)
		return -e->eno;
	q->copied(q->data, from, target, done.digest);
	return 0;
}

int sync_failed(struct sync *s, const struct err *one, struct err *e)
{
	if (!s->q->keep_going) {
		*e = *one;
		return -e->eno;
	}
	s->result->failed++;
	s->q->failed(s->q->data, one);
	return 0;
}

int sync_names(struct sync *s, struct err *e)
{
	const size_t n = json_array_size(s->names);
	OWN_PTR const char **names = calloc(n + 1, sizeof *names);
	char host[PLATFORM_TEXT_MAX];
	struct platform p;

	if (!names)
		return err_new(e, E_NOMEM, ENOMEM, "images");
	platform_host(&p);
	platform_format(&p, host);
	for (size_t i = 0; i < n; i++)
		names[i] = json_string_value(json_array_get(s->names, i));
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++) {
		struct err one = { 0 };
		if (sync_one(s, names[i], s->q->platform ? s->q->platform : host, &one) == 0) {
			s->result->copied++;
			continue;
		}
		if (sync_failed(s, &one, e) < 0)
			return -e->eno;
	}
	return 0;
}

static int check(const struct sync_req *q, struct err *e)
{
	if (!q->src || (strcmp(q->src, "docker") != 0 && strcmp(q->src, "dir") != 0 && strcmp(q->src, "yaml") != 0))
		return err_new(e, E_USAGE, EINVAL, "--src: docker, dir or yaml is wanted");
	if (!q->dest || (strcmp(q->dest, "docker") != 0 && strcmp(q->dest, "dir") != 0))
		return err_new(e, E_USAGE, EINVAL, "--dest: docker or dir is wanted");
	if (!strcmp(q->src, "dir") && !strcmp(q->dest, "dir"))
		return err_new(e, E_USAGE, EINVAL, "from dir to dir there is nothing to do but to copy files");
	return q->all && q->platform ? err_new(e, E_USAGE, EINVAL, "--all and --platform exclude each other") : 0;
}

int sync_images(const struct sync_req *q, struct sync_result *ret, struct err *e)
{
	struct sync s = { .q = q, .result = ret, .access = q->from_access, .names = json_array() };

	*ret = (struct sync_result){ 0 };
	int r = s.names ? check(q, e) : err_new(e, E_NOMEM, ENOMEM, "images");
	if (r == 0 && !strcmp(q->src, "yaml")) {
		r = sync_yaml(&s, e);
		json_decref(s.names);
		return r;
	}
	if (r == 0)
		r = !strcmp(q->src, "dir") ? list_dir(&s, e) : list_docker(&s, e);
	if (r == 0 && !json_array_size(s.names))
		r = err_new(e, E_NOT_FOUND, ENOENT, "%s: there are no images", q->from);
	if (r == 0)
		r = sync_names(&s, e);
	json_decref(s.names);
	return r;
}
