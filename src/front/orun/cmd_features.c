/* SPDX-License-Identifier: Apache-2.0
 *
 * orun features: the features document of the runtime-spec.
 */
#include "base/own.h"
#include "format/js.h"
#include "front/orun/orun.h"

static int features_run(struct orun *o, const struct call *c, struct err *e)
{
	OWN_JSON f = NULL;
	int r = runtime_features(&f, e);

	(void)o; /* shape of a command */
	(void)c;
	return r < 0 ? r : orun_print_json(f, 4, e);
}

const struct command orun_command_features = {
	.name = "features", .args = "", .help = "print what this runtime supports", .run = features_run,
};
