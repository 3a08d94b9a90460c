/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling of progress: see transfer.h.
 */
#include "registry/transfer.h"

#include <stdarg.h>
#include <stdio.h>

void transfer_emit(struct transfer_teller *t, const struct transfer_event *ev)
{
	if (!t->progress)
		return;
	pthread_mutex_lock(&t->lock);
	t->progress(t->data, ev);
	pthread_mutex_unlock(&t->lock);
}

void transfer_note(struct transfer_teller *t, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* a note may be cut */
	va_end(ap);
	const struct transfer_event ev = { .state = TRANSFER_NOTE, .text = text };
	transfer_emit(t, &ev);
}
