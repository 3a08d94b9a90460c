/* SPDX-License-Identifier: Apache-2.0
 *
 * runtime_list and runtime_state: what is there, read only, without a lock.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/state.h"

static int id_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void ids_free(char **ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(ids[i]);
	free(ids);
}

static bool has_record(int xroot, const char *id)
{
	char path[sizeof((struct dirent *)0)->d_name + sizeof "/" STATE_FILE];
	(void)snprintf(path, sizeof path, "%s/" STATE_FILE, id);
	return !faccessat(xroot, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int add(char ***ids, size_t *n, size_t *cap, const char *id)
{
	if (*n == *cap) {
		size_t want = *cap ? *cap * 2 : 16;
		char **v = reallocarray(*ids, want, sizeof *v);
		if (!v)
			return -ENOMEM;
		*ids = v;
		*cap = want;
	}
	(*ids)[*n] = strdup(id);
	if (!(*ids)[*n])
		return -ENOMEM;
	(*n)++;
	return 0;
}

int runtime_list(const struct runtime_env *env, char ***ret, size_t *ret_n, struct err *e)
{
	OWN_DIR d = opendir(env->root);
	char **ids = NULL;
	size_t n = 0, cap = 0;
	struct dirent *de;
	struct err own;

	if (!d && errno != ENOENT)
		return err_sys(e, errno, "open %s", env->root);
	while (d && (de = readdir(d))) {
		if (state_id_check(de->d_name, &own) < 0 || !has_record(dirfd(d), de->d_name))
			continue;
		if (add(&ids, &n, &cap, de->d_name) < 0) {
			ids_free(ids, n);
			return err_new(e, E_NOMEM, ENOMEM, "list: out of memory");
		}
	}
	if (n)
		qsort(ids, n, sizeof *ids, id_compare);
	*ret = ids;
	*ret_n = n;
	return 0;
}

int runtime_state(const struct runtime_env *env, const char *id, struct runtime_state *ret, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	enum runtime_status status;
	int r = state_open(env, id, 0, &s, e);
	if (r == 0)
		r = state_status(&s, &status, e);
	if (r < 0)
		return r;
	*ret = (struct runtime_state){ .init = s.init, .status = status };
	memcpy(ret->id, s.id, sizeof ret->id);
	(void)snprintf(ret->bundle, sizeof ret->bundle, "%s", s.bundle);
	ret->json = ptr_take(&s.doc);
	return 0;
}

int runtime_record(const struct runtime_env *env, const char *id, json_t **ret, struct err *e)
{
	OWN_STATE s = STATE_EMPTY;
	int r = state_open(env, id, 0, &s, e);

	if (r < 0)
		return r;
	*ret = ptr_take(&s.doc);
	return 0;
}

void runtime_state_done(struct runtime_state *s)
{
	if (s->json)
		json_decref(s->json);
	s->json = NULL;
}
