/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of onggi-image, the program that holds the heavy libraries. Each parses its own command
 * line (docker's), prints and returns the exit status.
 */
#ifndef ONGGI_FRONT_IMAGE_VERB_H
#define ONGGI_FRONT_IMAGE_VERB_H

#include "base/err.h"

struct image_verb {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

/** image_verb_find - NULL when there is none of that name. */
const struct image_verb *image_verb_find(const char *name);
/** image_verb_fail - print @e once, with its hint, to stderr. Returns the exit status 1. */
int image_verb_fail(const struct err *e);
/** image_verb_usage - print a message about the command line. Returns @status. */
int image_verb_usage(int status, const char *verb, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** image_verb_badflag - what getopt_long() did not take (@c is '?' or ':'). Returns 125. */
int image_verb_badflag(const char *verb, int c, char **argv);

int verb_import(int argc, char **argv);
int verb_load(int argc, char **argv);
int verb_load_base(int argc, char **argv);
int verb_pull(int argc, char **argv);
int verb_save(int argc, char **argv);
/* the step tables of this program, for the tests that break each step */
int verb_ways(int argc, char **argv);

#endif
