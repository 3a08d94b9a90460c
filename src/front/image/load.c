/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image load [-i FILE] [-q] [--platform P]
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "front/image/verb.h"
#include "registry/archive.h"
#include "store/image_gc.h"

struct options {
	const char *input, *platform;
	bool quiet, help;
};

static const char help_text[] =
	"Usage:  onggi load [OPTIONS]\n\n"
	"Load an image from a tar archive or STDIN\n\n"
	"Options:\n"
	"  -i, --input string      Read from tar archive file, instead of STDIN\n"
	"      --platform string   Load only the given platform of a multi-platform archive\n"
	"  -q, --quiet             Suppress the load output\n";

static int options_read(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "input", required_argument, NULL, 'i' },
		{ "platform", required_argument, NULL, 'P' },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 },
	};
	int c;

	optind = 0; /* GNU: start over */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hi:q", table, NULL)) != -1) {
		switch (c) {
		case 'h':
			o->help = true;
			return 0;
		case 'i':
			o->input = optarg;
			break;
		case 'P':
			o->platform = optarg;
			break;
		case 'q':
			o->quiet = true;
			break;
		default:
			return image_verb_badflag("load", c, argv);
		}
	}
	if (argc != optind)
		return image_verb_usage(1, "load", "\"onggi load\" accepts no arguments.");
	return 0;
}

static void loaded(void *data, const char *familiar, const char *id, const char *replaced)
{
	const struct options *o = data;

	if (*replaced && !o->quiet)
		printf("The image %s already exists, renaming the old one with ID %s to empty string\n", familiar,
		       replaced);
	if (*familiar)
		printf("Loaded image: %s\n", familiar);
	else
		printf("Loaded image ID: %s\n", id);
}

static int run(const struct options *o, struct err *e)
{
	OWN_FD input = -1;
	struct store store;

	if (o->input) {
		input = open(o->input, O_RDONLY | O_CLOEXEC);
		if (input < 0)
			return err_sys(e, errno, "open %s", o->input);
	} else if (isatty(STDIN_FILENO)) {
		err_new(e, E_USAGE, EINVAL, "requested load from stdin, but stdin is empty");
		err_hint(e, "give the archive with -i FILE, or redirect stdin");
		return -e->eno;
	}
	if (store_open(NULL, NULL, &store, e) < 0)
		return -e->eno;
	struct archive_load_req q = { .store = &store, .xfd = o->input ? input : STDIN_FILENO,
				      .platform = o->platform, .loaded = loaded, .data = (void *)o };
	int r = archive_load(&q, e);
	struct err ignored = { 0 };
	(void)image_sweep_tmp(&store, &ignored); /* left-overs of others are no reason to fail */
	store_close(&store);
	return r;
}

int verb_load(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };
	int status = options_read(argc, argv, &o);

	if (status)
		return status;
	if (o.help)
		return fputs(help_text, stdout) < 0;
	status = run(&o, &e) < 0 ? image_verb_fail(&e) : 0;
	if (fflush(stdout) == 0)
		return status;
	perror("onggi: write");
	return 1;
}
