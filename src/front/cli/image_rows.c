/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of the commands of onggi-image, see image_rows.h.
 */
#include "front/cli/image_rows.h"

#include "front/cli/opt_rows.h"

const struct opt pull_rows[PULL_ROWS_N] = {
	BOOL("all-tags", 'a', "Pull every tag of the repository"),
	{ "disable-content-trust", 0, OPT_BOOL, OPT_HIDDEN, "@disable-content-trust", NULL, "", NULL, NULL },
	STR("platform", 0, "Platform of the image (os/arch[/variant])"),
	BOOL("quiet", 'q', "Print only the name"),
};
const struct opt load_rows[LOAD_ROWS_N] = {
	{ "input", 'i', OPT_STRING, 0, "@input", NULL, "Read from this file, not from standard input", NULL, "file" },
	STR("platform", 0, "Load only this platform"),
	BOOL("quiet", 'q', "Do not show progress"),
};
const struct opt save_rows[SAVE_ROWS_N] = {
	{ "output", 'o', OPT_STRING, 0, "@output", NULL, "Write to this file, not to standard output", NULL, "file" },
	STR("platform", 0, "Save only this platform"),
};
const struct opt import_rows[IMPORT_ROWS_N] = {
	LIST("change", 'c', "Apply a Dockerfile instruction to the image"),
	STR("message", 'm', "Comment of the image"),
	STR("platform", 0, "Platform of the image"),
};
