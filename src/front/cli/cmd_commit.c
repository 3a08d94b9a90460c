/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/own.h"
#include "engine/commit.h"
#include "front/cli/commands.h"

int cmd_commit(struct cli *c, struct err *e)
{
	const json_t *changes = json_object_get(c->req, "@change"), *v;
	OWN_PTR const char **list = calloc(json_array_size(changes) + 1, sizeof *list);
	char id[DIGEST_TEXT_MAX];
	struct engine_commit q = {
		.reference = c->argc > 1 ? c->argv[1] : NULL,
		.author = opt_str(c->req, "@author", NULL),
		.message = opt_str(c->req, "@message", NULL),
		.changes = list,
		.pause = !opt_bool(c->req, "@no-pause") && !json_is_false(json_object_get(c->req, "@pause")),
	};

	if (!list)
		return err_new(e, E_NOMEM, ENOMEM, "commit");
	json_array_foreach(changes, q.n_changes, v)
		list[q.n_changes] = json_string_value(v);
	if (engine_commit(&c->eng, c->argv[0], &q, id, e) < 0)
		return -e->eno;
	puts(id);
	return 0;
}
