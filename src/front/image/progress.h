/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of a pull as docker shows it: on a terminal one line per layer that is redrawn in
 * place, with a bar, rate and remaining time; elsewhere one plain line per change of state.
 */
#ifndef ONGGI_FRONT_IMAGE_PROGRESS_H
#define ONGGI_FRONT_IMAGE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "registry/pull.h"

struct progress_row;

struct progress {
	FILE *out;
	bool terminal, color;
	struct progress_row *rows;
	size_t n, cap;
	unsigned drawn;   /* lines on the screen that are ours */
	int64_t drawn_ns; /* when */
};

/** progress_init - output to @out; whether that is a terminal decides the form. */
void progress_init(struct progress *p, FILE *out);
/** progress_event - the call-back of struct pull_req; @data is a struct progress. */
void progress_event(void *data, const struct transfer_event *ev);
/** progress_done - draw the last state and let go. */
void progress_done(struct progress *p);
/** progress_size - "12.3MB" as docker prints sizes (powers of 1000, 4 significant digits). */
void progress_size(int64_t bytes, char out[32]);

#endif
