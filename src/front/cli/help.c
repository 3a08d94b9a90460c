/* SPDX-License-Identifier: Apache-2.0
 *
 * Help out of the tables: one command, one group, all.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "front/cli/cli.h"

static const char *type_word(const struct opt *o)
{
	static const char *const words[OPT_TYPE_N] = {
		[OPT_BOOL] = "",       [OPT_STRING] = "string",     [OPT_INT] = "int",
		[OPT_BYTES] = "bytes", [OPT_CPUS] = "decimal",      [OPT_DURATION] = "duration",
		[OPT_LIST] = "list",   [OPT_MAP] = "map",           [OPT_CUSTOM] = "string",
		[OPT_REFUSED] = "",
	};
	return o->meta ? o->meta : words[o->type];
}

static void print_options(const struct command *cmd)
{
	size_t width = 0;
	char left[128];

	for (int pass = 0; pass < 2; pass++)
		for (size_t s = 0; s < ARRAY_LEN(cmd->sets); s++)
			for (size_t i = 0; i < cmd->sets[s].n; i++) {
				const struct opt *o = &cmd->sets[s].rows[i];
				if ((o->flags & OPT_HIDDEN) || o->type == OPT_REFUSED)
					continue;
				char letter[8] = "    ";
				if (o->letter)
					(void)snprintf(letter, sizeof letter, "-%c, ", o->letter);
				int n = snprintf(left, sizeof left, "  %s--%s %s", letter, o->name, type_word(o));
				if ((size_t)n > width)
					width = (size_t)n;
				if (pass)
					printf("%-*s   %s\n", (int)width, left, o->help);
			}
	if (width)
		printf("%-*s   %s\n", (int)width, "      --help", "Print this text");
}

void help_command(const struct command *cmd)
{
	printf("Usage:  onggi %s%s%s\n\n%s\n", cmd->name, *cmd->usage ? " " : "", cmd->usage, cmd->summary);
	if (cmd->aliases) {
		printf("\nAliases:\n  onggi %s", cmd->name);
		for (const char *p = cmd->aliases; *p;) {
			size_t n = strcspn(p, ",");
			printf(", onggi %.*s", (int)n, p);
			p += n + (p[n] == ',');
		}
		printf("\n");
	}
	bool any = false;
	for (size_t s = 0; s < ARRAY_LEN(cmd->sets); s++)
		any |= cmd->sets[s].n > 0;
	if (any) {
		printf("\nOptions:\n");
		print_options(cmd);
	}
	if (cmd->examples)
		printf("\nExamples:\n%s", cmd->examples);
}

/* second word of a command that belongs to @group, by its name or an alias; NULL: not a member */
static const char *member_of(const struct command *cmd, const char *group, size_t *ret_n)
{
	size_t g = strlen(group);
	const char *names[2] = { cmd->name, cmd->aliases };

	for (int k = 0; k < 2; k++)
		for (const char *p = names[k]; p && *p;) {
			size_t n = strcspn(p, ",");
			if (n > g + 1 && !memcmp(p, group, g) && p[g] == ' ') {
				*ret_n = n - g - 1;
				return p + g + 1;
			}
			p += n + (p[n] == ',');
		}
	return NULL;
}

bool command_group_exists(const char *word)
{
	size_t n;
	for (size_t i = 0; i < command_count; i++)
		if (!(command_table[i].flags & CMD_HIDDEN) && member_of(&command_table[i], word, &n))
			return true;
	return false;
}

void help_group(const char *group)
{
	printf("Usage:  onggi %s COMMAND\n\nCommands:\n", group);
	for (size_t i = 0; i < command_count; i++) {
		size_t n;
		const char *m = member_of(&command_table[i], group, &n);
		if (m && !(command_table[i].flags & CMD_HIDDEN))
			printf("  %-12.*s %s\n", (int)n, m, command_table[i].summary);
	}
	printf("\nRun 'onggi %s COMMAND --help' for more on a command.\n", group);
}

void help_all(void)
{
	printf("Usage:  onggi [OPTIONS] COMMAND\n\nContainers without a daemon, with docker's command line\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < command_count; i++)
		if (!(command_table[i].flags & CMD_HIDDEN) && !strchr(command_table[i].name, ' '))
			printf("  %-12s %s\n", command_table[i].name, command_table[i].summary);
	printf("\nManagement commands:\n"
	       "  container    Manage containers\n"
	       "  image        Manage images\n"
	       "  network      Manage networks\n"
	       "  system       Manage onggi\n"
	       "  volume       Manage volumes\n"
	       "\nGlobal options:\n"
	       "  -D, --debug            Show the kind of an error and what led to it\n"
	       "      --image-store DIR  Use images of another engine's store, read-only and in place; can be given\n"
	       "                         several times (ONGGI_IMAGE_STORES)\n"
	       "      --json-errors      Print errors as JSON\n"
	       "      --root DIR         Where images, containers and volumes are kept (ONGGI_ROOT)\n"
	       "      --run-dir DIR      Where run-time state is kept (ONGGI_RUN)\n"
	       "  -s, --storage-driver DRIVER\n"
	       "                         Driver of new containers: overlay, erofs, btrfs, devicemapper, fuse-overlayfs,\n"
	       "                         composefs, vfs or zfs\n"
	       "                         (ONGGI_STORAGE_DRIVER)\n"
	       "      --storage-opt OPTION=VALUE\n"
	       "                         Of new containers: size=10G, inodes=100000, metacopy=on (ONGGI_STORAGE_OPT)\n"
	       "      --trace            Show how long each step took\n"
	       "  -v, --version          Print the version\n"
	       "\nRun 'onggi COMMAND --help' for more on a command.\n");
}

void usage_hint(const struct command *cmd)
{
	if (cmd)
		fprintf(stderr, "See 'onggi %s --help'.\n", cmd->name);
	else
		fprintf(stderr, "See 'onggi --help'.\n");
}
