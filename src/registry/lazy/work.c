/* SPDX-License-Identifier: Apache-2.0
 *
 * The pull behind what is shown, and its end: see serve_int.h. Every image of these layers that is on its way becomes
 * whole here, under all the names that it was asked for by:
 *
 *   each record of these layers:  pull -> names -> forget
 *   none left:                    lowers go -> who has read them has mounted -> the mount goes from its place -> a last look
 *
 * Each step may be done twice: what failed or was killed is done again from the first.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/lock.h"
#include "base/own.h"
#include "base/step.h"
#include "base/text.h"
#include "format/js.h"
#include "registry/lazy/serve_int.h"
#include "registry/pull.h"
#include "store/image.h"
#include "store/image_gc.h"
#include "store/image_int.h"
#include "store/lazy.h"

enum { RETRY_FIRST_S = 10, RETRY_LAST_S = 600 };

/* ---- one image ---- */

struct work {
	const struct serve *v;
	char id[DIGEST_TEXT_MAX];
	json_t *record;
};

static int pull_name(const struct work *w, const json_t *name, struct err *e)
{
	const char *platform = js_str(name, "platform", "");
	char text[REFERENCE_TEXT_MAX];
	struct pull_result result;
	struct reference ref;

	/* what it was, wherever the tag has gone meanwhile */
	if (reference_parse(js_str(name, "reference", ""), &ref, e) < 0)
		return -e->eno;
	ref.tag[0] = 0;
	(void)snprintf(ref.digest, sizeof ref.digest, "%s", js_str(name, "digest", ""));
	reference_canonical(&ref, text);
	const struct pull_req q = { .store = w->v->store, .reference = text, .platform = *platform ? platform : NULL };
	return pull_image(&q, &result, e);
}

/* one name that has the image is enough */
static int step_pull(void *ctx, struct err *e)
{
	const struct work *w = ctx;
	struct err why = { 0 };
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(w->record, "lazy"), i, name) {
		struct err own = { 0 };
		if (pull_name(w, name, &own) < 0) {
			show_log("%s: %s", js_str(name, "reference", ""), own.chain);
			why = own;
		}
	}
	if (image_exists_here(w->v->store, w->id))
		return 0;
	if (!why.kind) /* somebody was quick to remove it */
		return err_new(e, E_NOT_FOUND, ENOENT, "No such image: %s", w->id);
	*e = why;
	return -e->eno;
}

/* a name that was given to another image since then is not ours any more */
static int step_names(void *ctx, struct err *e)
{
	const struct work *w = ctx;
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(w->record, "lazy"), i, name) {
		const char *text = js_str(name, "reference", "");
		char now[DIGEST_TEXT_MAX] = "";
		struct reference ref;
		struct err none = { 0 };
		if (reference_parse(text, &ref, e) < 0)
			return -e->eno;
		if (!*ref.tag)
			continue;
		(void)reference_get(w->v->store, text, now, NULL, &none);
		if (*now && strcmp(now, w->id) != 0 && strcmp(now, js_str(name, "was", "")) != 0)
			continue;
		if (image_tag(w->v->store, w->id, text, js_str(name, "digest", ""), e) < 0) {
			if (e->kind != E_NOT_FOUND)
				return -e->eno;
			err_clear(e); /* removed already */
		}
	}
	return 0;
}

/* The forerunner of the image's record, unless it has got one more name since: then it is found again. Or it is the record
 * of an image that was removed since and that containers use, which took its place. */
static int step_forget(void *ctx, struct err *e)
{
	const struct work *w = ctx;
	const struct store *s = w->v->store;
	char path[LAZY_PATH_MAX];
	struct err none = { 0 };
	OWN_JSON now = NULL;
	OWN_FD begin = -1, gc = -1;

	if (lazy_begin(s, w->v->top, &begin, e) < 0 || image_gc_lock(s, &gc, e) < 0 || lazy_record_path(w->id, path, e) < 0)
		return -e->eno;
	if (lazy_record_load(s, w->id, &now, &none) < 0 ||
	    !json_equal(json_object_get(now, "lazy"), json_object_get(w->record, "lazy")))
		return 0;
	return unlinkat(s->root_fd, path, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "remove %s", path) : 0;
}

static const struct step end_steps[] = {
	{ "pull", step_pull, NULL },
	{ "names", step_names, NULL },
	{ "forget", step_forget, NULL },
};
WAY_DEFINE(end_way, "lazy-end", end_steps);

/* ---- all of these layers ---- */

/* the images of these layers that are on their way; 1 one, which caller owns | 0 no more */
static int next(DIR *d, struct work *w, struct err *e)
{
	const struct dirent *en;
	int r;

	while ((r = io_dir_next(d, &en, e)) > 0) {
		struct err none = { 0 };
		OWN_JSON record = NULL;
		if (!text_starts(en->d_name, IMAGE_KEPT))
			continue;
		const char *hex = en->d_name + strlen(IMAGE_KEPT);
		(void)snprintf(w->id, sizeof w->id, "sha%s:%.128s", strlen(hex) == 128 ? "512" : "256", hex);
		if (lazy_record_load(w->v->store, w->id, &record, &none) < 0 ||
		    strcmp(lazy_record_top(record), w->v->top) != 0)
			continue;
		w->record = ptr_take(&record);
		return 1;
	}
	return r;
}

static int images(const struct store *s, DIR **ret, struct err *e)
{
	int fd = openat(s->root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || !(*ret = fdopendir(fd))) {
		err_sys(e, errno, "open images");
		own_fd_done(&fd);
		return -e->eno;
	}
	return 0;
}

/* every one once: how many there were */
static int finish(const struct serve *v, struct err *e)
{
	struct work w = { .v = v };
	OWN_DIR d = NULL;
	int n = 0, r;

	if (images(v->store, &d, e) < 0)
		return -e->eno;
	while ((r = next(d, &w, e)) > 0) {
		r = way_run(&end_way, &w, NULL, e);
		if (r >= 0)
			show_log("image %.19s is whole", w.id);
		own_json_done(&w.record);
		if (r < 0)
			return r;
		n++;
	}
	return r < 0 ? r : n;
}

static int users_of_all(const struct serve *v, size_t *ret, struct err *e)
{
	struct work w = { .v = v };
	OWN_DIR d = NULL;
	int r;

	*ret = 0;
	if (images(v->store, &d, e) < 0)
		return -e->eno;
	while ((r = next(d, &w, e)) > 0) {
		size_t n;
		own_json_done(&w.record);
		if (image_users(v->store, w.id, NULL, &n, e) < 0)
			return -e->eno;
		*ret += n;
	}
	return r;
}

/* ---- the end ---- */

struct quit {
	struct serve *v;
	int use; /* lock: -1, or nobody is about to mount what is shown */
};

static int step_lowers(void *ctx, struct err *e)
{
	const struct quit *q = ctx;
	char path[LAZY_PATH_MAX];

	lazy_path(q->v->top, "/lowers", path);
	return unlinkat(q->v->store->run_fd, path, 0) < 0 && errno != ENOENT ? err_sys(e, errno, "remove %s", path) : 0;
}

static int step_users(void *ctx, struct err *e)
{
	struct quit *q = ctx;
	char path[LAZY_PATH_MAX];

	lazy_path(q->v->top, "/use", path);
	return q->use < 0 ? lock_take(q->v->store->run_fd, path, LOCK_EXCLUSIVE, &q->use, e) : 0;
}

static int step_unmount(void *ctx, struct err *e)
{
	const struct quit *q = ctx;
	(void)e;
	lazy_unmount(q->v->store, q->v->top);
	return 0;
}

static const struct step quit_steps[] = {
	{ "lowers", step_lowers, NULL },
	{ "users", step_users, NULL },
	{ "unmount", step_unmount, NULL },
};
WAY_DEFINE(quit_way, "lazy-quit", quit_steps);

/* no more new containers. @use: see struct quit; closed */
static int withdraw(struct serve *v, int use, struct err *e)
{
	struct quit q = { v, use };
	int r = way_run(&quit_way, &q, NULL, e);

	if (r >= 0) {
		atomic_store(&v->shared->withdrawn, true);
		lock_drop(&v->served);
	}
	own_fd_done(&q.use);
	return r;
}

/* 1: nobody wants it, and it is withdrawn */
static int give_up(struct serve *v, struct err *e)
{
	char path[LAZY_PATH_MAX];
	size_t users;
	OWN_FD begin = -1, use = -1;

	if (lazy_begin(v->store, v->top, &begin, e) < 0 || users_of_all(v, &users, e) < 0)
		return -e->eno;
	if (users)
		return 0;
	/* where it is held somebody makes a container of it; else nobody begins to before the end of this */
	lazy_path(v->top, "/use", path);
	if (lock_take(v->store->run_fd, path, LOCK_EXCLUSIVE | LOCK_NOWAIT, &use, e) < 0)
		return -e->eno;
	return withdraw(v, fd_take(&use), e) < 0 ? -e->eno : 1;
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_mono_ns() / 1000000);
}

/* the time until the next try, or until the last container is gone. 1: given up */
static int pause_s(struct serve *v, unsigned seconds)
{
	OWN_FD in = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	const int64_t end_ms = now_ms() + (int64_t)seconds * 1000;
	char place[sizeof v->store->root + 16], events[4096];
	int gone = 0;

	(void)snprintf(place, sizeof place, "%s/containers", v->store->root);
	if (in >= 0)
		(void)inotify_add_watch(in, place, IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR); /* without it: at the next try */
	while (!gone && now_ms() < end_ms) {
		struct pollfd p = { .fd = in, .events = POLLIN };
		struct err ignored = { 0 };
		gone = give_up(v, &ignored) > 0;
		if (!gone)
			(void)poll(&p, in >= 0, (int)(end_ms - now_ms()));
		while (in >= 0 && read(in, events, sizeof events) > 0)
			;
	}
	return gone;
}

void work_run(struct serve *v)
{
	unsigned delay_s = RETRY_FIRST_S;

	for (;;) {
		struct err why = { 0 };
		const bool last = atomic_load(&v->shared->withdrawn);
		int n = finish(v, &why);
		if (n == 0 && !last)
			n = withdraw(v, -1, &why) < 0 ? -1 : 1;
		/* the last look is after the end: who came late to have it done in here has all layers */
		if (n == 0)
			return;
		if (n > 0)
			continue;
		show_log("%s", why.chain);
		if (last || pause_s(v, delay_s))
			return;
		delay_s = delay_s * 2 < RETRY_LAST_S ? delay_s * 2 : RETRY_LAST_S;
	}
}
