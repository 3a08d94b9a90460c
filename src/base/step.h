/* SPDX-License-Identifier: Apache-2.0
 *
 * Step tables: every flow of the engine is a const table of steps, each with its undo.
 *
 *   act 1 -> act 2 -> act 3 (fails) -> undo 2 -> undo 1
 *
 * A failed step cleans up after itself; the earlier ones are undone backwards. The table gives
 * roll-back, the context of errors ("run: step 4 of 9, snapshot"), timings for --trace, progress
 * events and the matrix of fault tests: with ONGGI_FAULT=run:snapshot[:kill] a build with
 * -Dfaults=true fails (or kills itself) right after that step acted.
 */
#ifndef ONGGI_BASE_STEP_H
#define ONGGI_BASE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct step {
	const char *name;
	int (*act)(void *ctx, struct err *e);
	void (*undo)(void *ctx); /* NULL: nothing to undo; must cope with a half-done object */
};

struct way {
	const char *name;
	const struct step *steps;
	size_t n;
};
#define WAY(name, table) { (name), (table), sizeof(table) / sizeof((table)[0]) }
/* WAY_DEFINE - a way of this file, listed by way_each in every program that it is linked into */
#define WAY_DEFINE(var, name, table)                  \
	static const struct way var = WAY(name, table); \
	static const struct way *const var##_listed __attribute__((section("onggi_ways"), used)) = &var

/** way_observer - told after each step how long it took; for --trace and progress. */
struct way_observer {
	void (*done)(void *data, const struct way *w, size_t index, uint64_t ns, int result);
	void *data;
};

/** way_run - act all steps in order; on failure undo backwards. @obs may be NULL. */
int way_run(const struct way *w, void *ctx, const struct way_observer *obs, struct err *e);
/** way_undo - undo all steps of a finished way backwards. */
void way_undo(const struct way *w, void *ctx);
/** way_each - every way of this program; the matrix of fault tests is made from it. */
void way_each(void (*each)(void *data, const struct way *w), void *data);
/** way_faults - whether this build has fault points. */
bool way_faults(void);

#endif
