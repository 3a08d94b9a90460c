/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of orun, one word a line; the first byte picks the command whose options are read.
 * What is accepted keeps every argument that is no option, in order; users are two plain numbers.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "front/orun/orun.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct command *const all[] = {
		&orun_command_create, &orun_command_run, &orun_command_exec, &orun_command_kill,
		&orun_command_update, &orun_command_checkpoint, &orun_command_restore, &orun_command_ps,
	};
	const struct command *c = n ? all[*p % ARRAY_LEN(all)] : NULL;
	struct opt_list args = { 0 }, words = { 0 };
	ARENA a = { 0 };
	struct err e = { 0 };
	uint32_t uid = 0, gid = 0;

	char *text = c ? arena_strndup(&a, (const char *)p + 1, n - 1) : NULL;
	void *opts = c ? arena_get(&a, c->opts_size + 1) : NULL;
	if (!text || !opts || !(words.v = arena_get(&a, (n + 2) * sizeof *words.v)))
		return 0;
	for (char *w; (w = strsep(&text, "\n"));)
		words.v[words.n++] = w;
	struct opt_table t = { c->rows, c->n_rows, c->flags & COMMAND_STOP_AT_FIRST };
	if (orun_opt_parse(&t, (char *const *)words.v, &a, opts, &args, &e) < 0)
		assert(e.kind == E_USAGE && e.chain[0]);
	assert(args.n <= words.n);
	for (size_t i = 0, k = 0; i < args.n; i++, k++)
		while (k < words.n && args.v[i] != words.v[k])
			assert(++k < words.n);
	for (size_t i = 0; i < words.n; i++)
		if (orun_user_spec_parse(words.v[i], &uid, &gid, &e) == 0)
			assert(strspn(words.v[i], "0123456789:") == strlen(words.v[i]) && uid != UINT32_MAX);
	return 0;
}
