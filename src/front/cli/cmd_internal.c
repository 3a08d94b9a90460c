/* SPDX-License-Identifier: Apache-2.0
 *
 * internal-exited: what the monitor runs after a container's exit.
 * internal-ways: the step tables, for the tests that break each step.
 */
#include <stdio.h>

#include "base/step.h"
#include "base/text.h"
#include "front/cli/commands.h"

int cmd_internal_exited(struct cli *c, struct err *e)
{
	if (!text_is_hex(c->argv[0], 64))
		return err_new(e, E_USAGE, EINVAL, "a full container ID is needed");
	return engine_exited(&c->eng, c->argv[0], e);
}

static void print_way(void *data, const struct way *w)
{
	(void)data;
	for (size_t i = 0; i < w->n; i++)
		printf("%s %s\n", w->name, w->steps[i].name);
}

int cmd_internal_ways(struct cli *c, struct err *e)
{
	(void)c;
	if (!way_faults())
		return err_new(e, E_UNSUPPORTED, EOPNOTSUPP, "this build has no fault points");
	way_each(print_way, NULL);
	return 0;
}
