/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups below a container's own, as `exec --cgroup` names them: "path" for every hierarchy, or
 * "ctrl[,ctrl]:path" once or more where hierarchies differ. They exist already, and never lie above
 * or beside the container's. One is also found by a process that is in it: where a container has
 * handed its controllers down to groups below, its own can hold no process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/own.h"
#include "base/path.h"
#include "driver/cgroup/cgroup_int.h"

/* what the words say: per tree the word's path, NULL where none speaks of it */
struct places {
	const char *below[CG_TREES_MAX];
};

static int bad_word(struct err *e, const char *word, const char *why)
{
	return err_new(e, E_INVALID, EINVAL, "invalid --cgroup argument: %s%s", word, why);
}

/* "a/../.." leads out, "a/.." does not */
static bool leads_out(const char *path)
{
	int depth = 0;

	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && !strncmp(path, "..", 2))
			depth--;
		else if (n && !(n == 1 && *path == '.'))
			depth++;
		if (depth < 0)
			return true;
		path += n + (path[n] == '/');
	}
	return false;
}

/* whether @ctrl is one of the names of a v1 tree: "cpu,cpuacct" */
static bool is_named(const struct cg_tree *t, const char *ctrl)
{
	size_t n = strlen(ctrl);

	for (const char *p = t->name; !t->unified && *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && !strncmp(p, ctrl, n))
			return true;
	return false;
}

/* one controller of a word: the tree that has it */
static int place_one(const struct cgroup *cg, const char *ctrl, const char *path, struct places *p,
		     struct err *e)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (!is_named(&cg->t[i], ctrl))
			continue;
		/* cpu and cpuacct may share one */
		if (p->below[i] && strcmp(p->below[i], path))
			return err_new(e, E_INVALID, EINVAL,
				       "invalid --cgroup argument(s): controller %s specified multiple times",
				       ctrl);
		p->below[i] = path;
		return 0;
	}
	return err_new(e, E_INVALID, EINVAL, "--cgroup: unknown controller %s", ctrl);
}

static int place_word(const struct cgroup *cg, const char *word, bool alone, struct places *p,
		      struct err *e)
{
	const char *colon = strchr(word, ':'), *path = colon ? colon + 1 : word;
	char ctrl[64];

	if (colon && strchr(path, ':'))
		return bad_word(e, word, "");
	if (leads_out(path))
		return err_new(e, E_INVALID, EINVAL, "--cgroup: %s is not a sub cgroup path", path);
	if (!colon || colon == word) {
		if (!alone)
			return bad_word(e, word, " (missing <controller>: prefix)");
		for (size_t i = 0; i < cg->n; i++)
			p->below[i] = path;
		return 0;
	}
	for (const char *c = word; c < colon;) {
		size_t n = strcspn(c, ",:");
		if (!n || n >= sizeof ctrl)
			return bad_word(e, word, "");
		memcpy(ctrl, c, n);
		ctrl[n] = 0;
		int r = place_one(cg, ctrl, path, p, e);
		if (r < 0)
			return r;
		c += n + 1;
	}
	return 0;
}

static int tree_below(struct cgroup *sub, const struct cg_tree *of, const char *path, struct err *e)
{
	char raw[4096], below[4096];
	struct cg_tree *t = &sub->t[sub->n];
	int n = snprintf(raw, sizeof raw, "/%s", path ? path : "");

	if (n < 0 || (size_t)n >= sizeof raw || path_normalize(raw, below, sizeof below) < 0)
		return err_new(e, E_INVALID, ENAMETOOLONG, "--cgroup: path too long");
	*t = *of;
	t->fd = -1;
	if (asprintf(&t->dir, "%s%s", of->dir, strcmp(below, "/") ? below : "") < 0) {
		t->dir = NULL;
		return err_new(e, E_NOMEM, ENOMEM, "out of memory");
	}
	sub->n++;
	n = cg_tree_fd(t);
	return n < 0 ? err_sys(e, -n, "open control group %s", t->dir) : 0;
}

static int finish(const struct cgroup *cg, struct cgroup *sub, int r, struct cgroup **ret)
{
	if (r < 0) {
		cgroup_free(sub);
		return r;
	}
	sub->rootless = cg->rootless;
	sub->warn = cg->warn;
	sub->warn_data = cg->warn_data;
	sub->early = cg->early;
	*ret = sub;
	return 0;
}

int cgroup_open_sub(const struct cgroup *cg, const char *const *words, struct cgroup **ret, struct err *e)
{
	struct places p = { 0 };
	struct cgroup *sub = cg_new();
	int r = sub ? 0 : err_new(e, E_NOMEM, ENOMEM, "out of memory");

	for (size_t i = 0; r >= 0 && words[i]; i++)
		r = place_word(cg, words[i], !words[1], &p, e);
	for (size_t i = 0; r >= 0 && i < cg->n; i++)
		r = tree_below(sub, &cg->t[i], p.below[i], e);
	return finish(cg, sub, r, ret);
}

int cgroup_each_of(pid_t pid, int (*each)(void *data, const char *controllers, const char *path, struct err *e), void *data,
		   struct err *e)
{
	char path[64], *save = NULL;
	OWN_STR text = NULL;

	(void)snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid); /* fits */
	int r = io_read_file(AT_FDCWD, path, CG_FILE_MAX, &text, NULL, e);
	for (char *line = r < 0 ? NULL : strtok_r(text, "\n", &save); line && !r; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group = 0;
		r = each(data, controllers + 1, group + 1, e);
	}
	return r;
}

static int unified_take(void *data, const char *controllers, const char *path, struct err *e)
{
	char **ret = data;

	if (*controllers)
		return 0;
	*ret = strdup(path);
	return *ret ? 1 : err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

/* where process @pid is in the v2 hierarchy, below the container's own group: "" for the very group */
static int below_of(const struct cgroup *cg, pid_t pid, char **ret, struct err *e)
{
	const char *own = cgroup_path(cg);
	const size_t n = strlen(own);
	OWN_STR at = NULL;
	int r = cgroup_each_of(pid, unified_take, &at, e);

	if (r < 0)
		return r;
	/* a group that is not ours is never entered, whoever moved the process */
	if (!at || strncmp(at, own, n) || (at[n] && at[n] != '/'))
		return err_new(e, E_CONFLICT, EBUSY, "process %d is outside of control group %s", (int)pid, own);
	*ret = strdup(at + n);
	return *ret ? 0 : err_new(e, E_NOMEM, ENOMEM, "out of memory");
}

int cgroup_open_of(const struct cgroup *cg, pid_t pid, struct cgroup **ret, struct err *e)
{
	OWN_STR below = NULL;
	int r = below_of(cg, pid, &below, e);
	struct cgroup *sub = r < 0 ? NULL : cg_new();

	if (r >= 0 && !sub)
		r = err_new(e, E_NOMEM, ENOMEM, "out of memory");
	for (size_t i = 0; r >= 0 && i < cg->n; i++)
		r = tree_below(sub, &cg->t[i], cg->t[i].unified ? below : "", e);
	return finish(cg, sub, r, ret);
}
