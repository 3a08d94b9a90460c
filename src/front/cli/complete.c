/* SPDX-License-Identifier: Apache-2.0
 *
 * Shell completion and the man page, both printed from the command table. Names of containers,
 * images, volumes and networks are asked for live.
 */
#include <stdio.h>
#include <string.h>

#include "front/cli/cli.h"

static void words_of(const char *names, const char *group)
{
	size_t g = group ? strlen(group) : 0;
	for (const char *p = names; p && *p;) {
		size_t n = strcspn(p, ",");
		const char *space = memchr(p, ' ', n);
		if (!group && !space)
			printf(" %.*s", (int)n, p);
		else if (group && n > g && !memcmp(p, group, g) && p[g] == ' ')
			printf(" %.*s", (int)(n - g - 1), p + g + 1);
		p += n + (p[n] == ',');
	}
}

static const char *const groups[] = { "container", "image", "manifest", "network", "registry", "storage", "system", "volume" };

static void command_words(const char *group)
{
	for (size_t i = 0; i < command_count; i++) {
		if (command_table[i].flags & CMD_HIDDEN)
			continue;
		words_of(command_table[i].name, group);
		words_of(command_table[i].aliases, group);
	}
	if (!group)
		for (size_t i = 0; i < ARRAY_LEN(groups); i++)
			printf(" %s", groups[i]);
}

static void flag_words(const struct command *cmd)
{
	for (size_t s = 0; s < ARRAY_LEN(cmd->sets); s++)
		for (size_t i = 0; i < cmd->sets[s].n; i++) {
			const struct opt *o = &cmd->sets[s].rows[i];
			if (!(o->flags & OPT_HIDDEN) && o->type != OPT_REFUSED)
				printf(" --%s", o->name);
		}
	printf(" --help");
}

/* shell function body that lists live names of one kind */
static const char *live(const char *kind)
{
	if (!kind)
		return NULL;
	if (!strcmp(kind, "container"))
		return "onggi ps -a --format '{{.Names}}'";
	if (!strcmp(kind, "image"))
		return "onggi images --format '{{.Repository}}:{{.Tag}}'";
	if (!strcmp(kind, "manifest"))
		return "onggi manifest ls -q";
	if (!strcmp(kind, "volume"))
		return "onggi volume ls -q";
	if (!strcmp(kind, "network"))
		return "onggi network ls --format '{{.Name}}'";
	return NULL;
}

static void bash_values(const struct command *cmd)
{
	for (size_t s = 0; s < ARRAY_LEN(cmd->sets); s++)
		for (size_t i = 0; i < cmd->sets[s].n; i++) {
			const struct opt *o = &cmd->sets[s].rows[i];
			if (!o->complete || (o->flags & OPT_HIDDEN))
				continue;
			if (!strcmp(o->complete, "file"))
				printf("\t\t--%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", o->name);
			else if (live(o->complete))
				printf("\t\t--%s) COMPREPLY=($(compgen -W \"$(%s 2>/dev/null)\" -- \"$cur\")); return ;;\n",
				       o->name, live(o->complete));
			else
				printf("\t\t--%s) COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n", o->name,
				       o->complete);
		}
}

static void bash(void)
{
	printf("# bash completion of onggi; made by `onggi completion bash`\n_onggi() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=${COMP_WORDS[1]}\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"");
	command_words(NULL);
	printf("\" -- \"$cur\")); return; fi\n\tcase $cmd in\n");
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		printf("\t%s) if [ \"$COMP_CWORD\" = 2 ]; then COMPREPLY=($(compgen -W \"", groups[i]);
		command_words(groups[i]);
		printf("\" -- \"$cur\")); return; fi; cmd=\"%s ${COMP_WORDS[2]}\" ;;\n", groups[i]);
	}
	printf("\tesac\n\tcase $cmd in\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &command_table[i];
		if (c->flags & CMD_HIDDEN)
			continue;
		printf("\t\"%s\"", c->name);
		for (const char *p = c->aliases; p && *p;) {
			size_t n = strcspn(p, ",");
			printf(" | \"%.*s\"", (int)n, p);
			p += n + (p[n] == ',');
		}
		printf(")\n\t\tcase $prev in\n");
		bash_values(c);
		printf("\t\tesac\n\t\tcase $cur in -*) COMPREPLY=($(compgen -W \"");
		flag_words(c);
		printf("\" -- \"$cur\")); return ;; esac\n");
		if (live(c->complete))
			printf("\t\tCOMPREPLY=($(compgen -W \"$(%s 2>/dev/null)\" -- \"$cur\")) ;;\n", live(c->complete));
		else
			printf("\t\tCOMPREPLY=($(compgen -f -- \"$cur\")) ;;\n");
	}
	printf("\tesac\n}\ncomplete -F _onggi onggi\n");
}

static void fish(void)
{
	printf("# fish completion of onggi; made by `onggi completion fish`\ncomplete -c onggi -f\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &command_table[i];
		if (c->flags & CMD_HIDDEN)
			continue;
		const char *space = strchr(c->name, ' ');
		if (!space)
			printf("complete -c onggi -n __fish_use_subcommand -a %s -d '%s'\n", c->name, c->summary);
		else
			printf("complete -c onggi -n '__fish_seen_subcommand_from %.*s' -a %s -d '%s'\n",
			       (int)(space - c->name), c->name, space + 1, c->summary);
		const char *last = space ? space + 1 : c->name;
		if (live(c->complete))
			printf("complete -c onggi -n '__fish_seen_subcommand_from %s' -a \"(%s 2>/dev/null)\"\n", last,
			       live(c->complete));
		for (size_t s = 0; s < ARRAY_LEN(c->sets); s++)
			for (size_t k = 0; k < c->sets[s].n; k++) {
				const struct opt *o = &c->sets[s].rows[k];
				if ((o->flags & OPT_HIDDEN) || o->type == OPT_REFUSED)
					continue;
				printf("complete -c onggi -n '__fish_seen_subcommand_from %s' -l %s", last, o->name);
				if (o->letter)
					printf(" -s %c", o->letter);
				if (o->type != OPT_BOOL)
					printf(" -r");
				printf(" -d '");
				for (const char *p = o->help; *p; p++)
					if (*p == '\'')
						printf("\\'");
					else
						putchar(*p);
				printf("'\n");
			}
	}
}

static void zsh(void)
{
	printf("#compdef onggi\n# zsh completion of onggi; made by `onggi completion zsh`\n"
	       "autoload -U +X bashcompinit && bashcompinit\n");
	bash();
}

int complete_run(struct cli *c, struct err *e)
{
	if (!strcmp(c->argv[0], "bash"))
		bash();
	else if (!strcmp(c->argv[0], "zsh"))
		zsh();
	else if (!strcmp(c->argv[0], "fish"))
		fish();
	else
		return err_new(e, E_USAGE, EINVAL, "no completion for \"%s\": bash, zsh and fish are known", c->argv[0]);
	return 0;
}

/* ---- man page, in scdoc's source form ---- */

static void man_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\#", *s))
			putchar('\\');
		putchar(*s);
	}
}

int manual_run(struct cli *cli, struct err *e)
{
	(void)cli, (void)e;
	printf("onggi(1)\n\n# NAME\n\nonggi - containers without a daemon, with docker's command line\n\n"
	       "# SYNOPSIS\n\n*onggi* [OPTIONS] COMMAND [ARG...]\n\n# COMMANDS\n\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = &command_table[i];
		if (c->flags & CMD_HIDDEN)
			continue;
		printf("## onggi %s\n\n", c->name);
		man_text(c->summary);
		printf(".\n\n");
		for (size_t s = 0; s < ARRAY_LEN(c->sets); s++)
			for (size_t k = 0; k < c->sets[s].n; k++) {
				const struct opt *o = &c->sets[s].rows[k];
				if ((o->flags & OPT_HIDDEN) || o->type == OPT_REFUSED)
					continue;
				if (o->letter)
					printf("*-%c*, ", o->letter);
				printf("*--%s*%s\n\t", o->name, o->type == OPT_BOOL ? "" : " VALUE");
				man_text(o->help);
				printf("\n\n");
			}
	}
	printf("# EXIT STATUS\n\n*run* ends with the status of the container's process, or 128+n after signal n;\n"
	       "125 when onggi itself failed, 126 when the command cannot be executed, 127 when it\n"
	       "does not exist. Other commands end with 0, or 1 on failure; 125 for a wrong command line.\n\n"
	       "# ENVIRONMENT\n\n*ONGGI_ROOT*, *ONGGI_RUN*\n\tWhere durable and run-time state is kept.\n\n"
	       "*ONGGI_IMAGE_STORES*\n\tImage stores of others, separated by \":\", whose images are used in place; asked in\n"
	       "\tthis order, after the own one and those of *--image-store*.\n\n"
	       "*ONGGI_EROFS_VERITY*\n\tfs-verity of what the storage driver erofs mounts: *auto* (where the store's file system was\n"
	       "\tmade with it), *on* (nothing else is mounted), *off*.\n\n"
	       "# SEE ALSO\n\n*orun*(1)\n");
	return 0;
}
