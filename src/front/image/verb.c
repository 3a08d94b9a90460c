/* SPDX-License-Identifier: Apache-2.0
 *
 * Table of verbs and what they share: see verb.h.
 */
#include "front/image/verb.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/step.h"

static const struct image_verb verbs[] = {
	{ "import", verb_import },
	{ "load", verb_load },
	{ "load-base", verb_load_base },
	{ "pull", verb_pull },
	{ "save", verb_save },
	{ "ways", verb_ways },
};

const struct image_verb *image_verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

int image_verb_fail(const struct err *e)
{
	fprintf(stderr, "onggi: %s\n", e->chain);
	if (*e->hint)
		fprintf(stderr, "hint: %s\n", e->hint);
	return 1;
}

int image_verb_usage(int status, const char *verb, const char *fmt, ...)
{
	va_list ap;

	fputs("onggi: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nSee 'onggi %s --help'.\n", verb);
	return status;
}

int image_verb_badflag(const char *verb, int c, char **argv)
{
	const char *arg = argv[optind - 1];

	if (c == ':')
		return image_verb_usage(125, verb, "flag needs an argument: %s", arg);
	if (optopt && optopt < 128 && strncmp(arg, "--", 2) != 0)
		return image_verb_usage(125, verb, "unknown shorthand flag: '%c' in %s", optopt, arg);
	return image_verb_usage(125, verb, "unknown flag: %s", arg);
}

static void print_way(void *data, const struct way *w)
{
	(void)data;
	for (size_t i = 0; i < w->n; i++)
		printf("%s %s\n", w->name, w->steps[i].name);
}

int verb_ways(int argc, char **argv)
{
	(void)argc, (void)argv;
	if (!way_faults())
		return image_verb_usage(125, "ways", "this build has no fault points");
	way_each(print_way, NULL);
	return fflush(stdout) ? 1 : 0;
}
