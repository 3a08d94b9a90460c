/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi and orun: one program, told apart by the name it is called by (docs/adr/0007). Called onggi
 * or docker it is the engine's command line; called anything else (orun, runc, crun, a name that an
 * engine gave it) it is the OCI runtime.
 */
#include <string.h>

#include "base/text.h"
#include "front/cli/cli.h"
#include "front/orun/main.h"

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : "onggi";

	if (text_starts(name, "onggi") || !strcmp(name, "docker"))
		return cli_main(argc, argv);
	return orun_main(argc, argv);
}
