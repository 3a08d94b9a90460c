/* SPDX-License-Identifier: Apache-2.0
 *
 * internal-exited: what the monitor runs after a container's exit.
 */
#include "base/text.h"
#include "front/cli/commands.h"

int cmd_internal_exited(struct cli *c, struct err *e)
{
	if (!text_is_hex(c->argv[0], 64))
		return err_new(e, E_USAGE, EINVAL, "a full container ID is needed");
	return engine_exited(&c->eng, c->argv[0], e);
}
