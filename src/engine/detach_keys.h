/* SPDX-License-Identifier: Apache-2.0
 *
 * Detach keys: docker's notation, and the filter that finds them in what the user types.
 */
#ifndef ONGGI_ENGINE_DETACH_KEYS_H
#define ONGGI_ENGINE_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	DETACH_KEYS_MAX = 16
};
struct detach_keys {
	uint8_t key[DETACH_KEYS_MAX];
	uint8_t n; /* 0: no detaching */
};

/** detach_keys_parse - docker's syntax: "ctrl-p,ctrl-q", "ctrl-a,a", "ctrl-@"; NULL = the default
 * ctrl-p,ctrl-q; "" = none. E_USAGE names the wrong key. */
int detach_keys_parse(const char *s, struct detach_keys *ret, struct err *e);
/** detach_filter - what of the typed @n bytes goes to the container, into @out (room for
 * n + DETACH_KEYS_MAX). Keys that may be the beginning of the sequence are held back: @held counts
 * them between calls (0 at first). Returns the length; @ret_detach: the sequence is complete. */
size_t detach_filter(const struct detach_keys *k, size_t *held, const uint8_t *in, size_t n,
		     uint8_t *out, bool *ret_detach);

#endif
