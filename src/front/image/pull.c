/* SPDX-License-Identifier: Apache-2.0
 *
 * onggi-image pull [-a] [-q] [--platform P] NAME[:TAG|@DIGEST]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "front/image/progress.h"
#include "front/image/verb.h"
#include "registry/pull.h"
#include "store/store.h"

struct options {
	struct pull_req req;
	bool quiet, help;
};

static const char help_text[] =
	"Usage:  onggi pull [OPTIONS] NAME[:TAG|@DIGEST]\n\n"
	"Download an image from a registry\n\n"
	"Options:\n"
	"  -a, --all-tags                Download all tagged images in the repository\n"
	"      --disable-content-trust   Skip image verification (default true)\n"
	"      --platform string         Set platform if server is multi-platform capable\n"
	"  -q, --quiet                   Suppress verbose output\n";

/* 0, or the exit status of a wrong command line */
static int options_read(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "all-tags", no_argument, NULL, 'a' },
		{ "disable-content-trust", optional_argument, NULL, 'T' },
		{ "help", no_argument, NULL, 'h' },
		{ "platform", required_argument, NULL, 'P' },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 },
	};
	int c;

	optind = 0; /* GNU: start over */
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":aqh", table, NULL)) != -1) {
		switch (c) {
		case 'a':
			o->req.all_tags = true;
			break;
		case 'h':
			o->help = true;
			return 0;
		case 'P':
			o->req.platform = optarg;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'T': /* there is no content trust to disable */
			break;
		case ':':
			return image_verb_usage(125, "pull", "flag needs an argument: %s", argv[optind - 1]);
		default:
			if (optopt && optopt < 128 && !strchr("aqhPT", optopt))
				return image_verb_usage(125, "pull", "unknown shorthand flag: '%c' in %s", optopt,
							argv[optind - 1]);
			return image_verb_usage(125, "pull", "unknown flag: %s", argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return image_verb_usage(1, "pull", "\"onggi pull\" requires exactly 1 argument.");
	o->req.reference = argv[optind];
	return 0;
}

static int report(const struct options *o, const struct pull_result *r)
{
	if (*r->warning)
		fprintf(stderr, "WARNING: %s\n", r->warning);
	if (!o->quiet) {
		if (!o->req.all_tags)
			printf("Digest: %s\n", r->digest);
		printf("Status: %s%s\n",
		       r->updated ? "Downloaded newer image for " : "Image is up to date for ", r->familiar);
	}
	printf("%s\n", r->canonical);
	if (fflush(stdout) == 0)
		return 0;
	perror("onggi: write");
	return 1;
}

int verb_pull(int argc, char **argv)
{
	struct options o = { 0 };
	struct pull_result result;
	struct progress progress;
	struct reference ref;
	struct store store;
	struct err e = { 0 };

	int status = options_read(argc, argv, &o);
	if (status)
		return status;
	if (o.help)
		return fputs(help_text, stdout) < 0;
	if (store_open(NULL, NULL, &store, &e) < 0)
		return image_verb_fail(&e);
	progress_init(&progress, stdout);
	o.req.store = &store;
	if (!o.quiet) {
		o.req.progress = progress_event;
		o.req.data = &progress;
		if (!o.req.all_tags && reference_parse(o.req.reference, &ref, &e) == 0 && !*ref.tag && !*ref.digest)
			puts("Using default tag: latest");
	}
	int r = pull_image(&o.req, &result, &e);
	progress_done(&progress);
	status = r < 0 ? image_verb_fail(&e) : report(&o, &result);
	store_close(&store);
	return status;
}
