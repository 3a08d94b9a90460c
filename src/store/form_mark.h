/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether forms of layers were taken away since somebody looked: `storage migrate` does that under the collector's
 * lock, and leaves word here, so that the maker of a container need not look at every layer once more.
 *
 *   locks/forms     a new file for each time; mode 0700 while it is on, 0600 afterwards. One that was killed
 *                   leaves 0700: then everybody looks again, until the next one ends
 *
 * The maker: form_mark_get, a look at the layers, its record is written, form_mark_stands. Who takes forms away looks at
 * the records after form_mark_begin: either it sees the record, or the maker sees that something began.
 */
#ifndef ONGGI_STORE_FORM_MARK_H
#define ONGGI_STORE_FORM_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

struct form_mark {
	uint64_t inode;
	int64_t changed_ns;
	bool on;
};

/** form_mark_get - how it is now: one system call. */
void form_mark_get(const struct store *s, struct form_mark *ret);
/** form_mark_stands - whether no form went since @then, nor goes now. */
bool form_mark_stands(const struct store *s, const struct form_mark *then);
/** form_mark_begin, form_mark_end - around taking forms away, under the collector's lock. */
int form_mark_begin(const struct store *s, struct err *e);
int form_mark_end(const struct store *s, struct err *e);

#endif
