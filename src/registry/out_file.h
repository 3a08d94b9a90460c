/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that a user wants written: it appears whole under its name, or not at all. Pipes, devices and standard
 * output are written to directly.
 */
#ifndef ONGGI_REGISTRY_OUT_FILE_H
#define ONGGI_REGISTRY_OUT_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct out_file {
	const char *path; /* borrowed */
	char tmp[4200];   /* name beside @path; "" when it has none */
	int fd;
	bool direct;
};

/** out_file_open - @mode of a new file, the umask counts. out_file_close also after an error. */
int out_file_open(struct out_file *o, const char *path, mode_t mode, struct err *e);
/** out_file_show - everything was written: @path is the new file. */
int out_file_show(struct out_file *o, struct err *e);
/** out_file_close - what was not shown is gone. */
void out_file_close(struct out_file *o);

#endif
