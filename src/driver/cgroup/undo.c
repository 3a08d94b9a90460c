/* SPDX-License-Identifier: Apache-2.0
 *
 * What the limits of a group in use were before an update, so that one whose last value is refused
 * leaves all as it was. Only the knobs of knob.c: each is one short line that can be written back.
 */
#include <stdlib.h>
#include <string.h>

#include "driver/cgroup/cgroup_int.h"

enum { UNDO_TEXT = 128 };

struct cg_undo {
	struct cg_undo *before;
	struct cg_tree *t;
	const char *file;
	char text[UNDO_TEXT];
};

void cg_undo_note(struct cgroup *cg, struct cg_tree *t, const char *file)
{
	if (cg->fresh)
		return; /* it is removed when this fails */
	struct cg_undo *u = calloc(1, sizeof *u);
	ssize_t n = u ? cg_read(t, file, u->text, sizeof u->text) : -1;
	if (n <= 0) { /* what cannot be read can still be set */
		free(u);
		return;
	}
	u->text[strcspn(u->text, "\n")] = 0;
	u->t = t;
	u->file = file;
	u->before = cg->undo;
	cg->undo = u;
}

void cg_undo_end(struct cgroup *cg, bool back)
{
	while (cg->undo) {
		struct cg_undo *u = cg->undo;
		if (back && cg_write_raw(u->t, u->file, u->text) < 0)
			cg_warn(cg, "%s cannot be set back to %s", u->file, u->text);
		cg->undo = u->before;
		free(u);
	}
}
