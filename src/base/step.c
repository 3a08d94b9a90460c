/* SPDX-License-Identifier: Apache-2.0
 *
 * Step tables: see step.h.
 */
#include "base/step.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* the bounds of the section, made by the linker; absent in a program without ways */
extern const struct way *const first_way __asm__("__start_onggi_ways") __attribute__((weak));
extern const struct way *const end_way __asm__("__stop_onggi_ways") __attribute__((weak));

#ifdef ONGGI_FAULTS
/* ONGGI_FAULT=WAY:STEP[:kill], a comma separates several */
static int fault_at(const char *way, const char *step, struct err *e)
{
	const char *s = getenv("ONGGI_FAULT");
	size_t wn = strlen(way), sn = strlen(step);

	for (; s && *s; s += strcspn(s, ","), s += *s == ',') {
		if (strncmp(s, way, wn) || s[wn] != ':' || strncmp(s + wn + 1, step, sn))
			continue;
		const char *rest = s + wn + 1 + sn;
		if (!strncmp(rest, ":kill", 5))
			kill(getpid(), SIGKILL);
		if (!*rest || *rest == ',')
			return err_new(e, E_INTERNAL, EIO, "injected fault");
	}
	return 0;
}
#else
static int fault_at(const char *way, const char *step, struct err *e)
{
	(void)way, (void)step, (void)e;
	return 0;
}
#endif

int way_run(const struct way *w, void *ctx, const struct way_observer *obs, struct err *e)
{
	for (size_t i = 0; i < w->n; i++) {
		uint64_t from = obs ? now_ns() : 0;
		int r = w->steps[i].act(ctx, e);
		if (obs)
			obs->done(obs->data, w, i, now_ns() - from, r);
		size_t acted = i;
		if (r >= 0) {
			r = fault_at(w->name, w->steps[i].name, e);
			acted = i + 1;
		}
		if (r < 0) {
			while (acted-- > 0)
				if (w->steps[acted].undo)
					w->steps[acted].undo(ctx);
			return r;
		}
	}
	return 0;
}

void way_undo(const struct way *w, void *ctx)
{
	for (size_t i = w->n; i-- > 0;)
		if (w->steps[i].undo)
			w->steps[i].undo(ctx);
}

void way_each(void (*each)(void *data, const struct way *w), void *data)
{
	for (const struct way *const *w = &first_way; w < &end_way; w++)
		each(data, *w);
}

bool way_faults(void)
{
#ifdef ONGGI_FAULTS
	return true;
#else
	return false;
#endif
}
