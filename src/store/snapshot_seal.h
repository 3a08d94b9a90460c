/* SPDX-License-Identifier: Apache-2.0
 *
 * Seals: fs-verity of what EROFS is mounted from, a layer's archive and an image's index (docs/adr/0022).
 *
 *   snapshots/HEX/tar.verity, erofs.verity    "sha256:HEX\n", the measurement of the file without ".verity"
 *
 * Where there is such a note a file that is not the sealed one is not mounted, whatever the wish of the moment is.
 */
#ifndef ONGGI_STORE_SNAPSHOT_SEAL_H
#define ONGGI_STORE_SNAPSHOT_SEAL_H

#include <stddef.h>

#include "base/err.h"
#include "store/store.h"

#define SEAL_VARIABLE "ONGGI_EROFS_VERITY"

/* what SEAL_VARIABLE says */
enum seal_wish {
	SEAL_AUTO, /* new files get it where somebody has made the file system with it */
	SEAL_ON,   /* nothing else is mounted from the own store */
	SEAL_OFF,  /* new files do not get it */
	SEAL_WISH_N,
};
extern const char *const seal_words[SEAL_WISH_N];

enum seal_state {
	SEAL_NONE,   /* no note */
	SEAL_WHOLE,  /* what the note says */
	SEAL_LOST,   /* the file has no fs-verity: copied, or put in place of the sealed one */
	SEAL_OTHER,  /* it has, and is another file */
	SEAL_UNABLE, /* kernel or file system have no fs-verity */
};

/** seal_wish - SEAL_AUTO when nothing is said; E_INVALID for other words. */
int seal_wish(enum seal_wish *ret, struct err *e);
/** seal_probe - E_UNSUPPORTED where SEAL_ON cannot be had on the store's file system. */
int seal_probe(const struct store *s, struct err *e);
/** snapshot_seal - an image's archives (@chain, lowest first) that are not yet marked as synced, and its index. Before
 * the sync and the marks of the registration: a kill or power cut leaves layers that are not trusted.
 * @durable: the index's note reaches the disk, since the index does. */
int snapshot_seal(const struct store *s, const char *const *chain, size_t n, bool durable, struct err *e);
/** seal_state - of the open file @xfd, snapshots/HEX/@name ("tar" or "erofs") of @s
 * Returns an enum seal_state | -errno. @ret_why says what is wrong in the last three. */
int seal_state(const struct store *s, const char *chain_id, const char *name, int xfd, struct err *ret_why, struct err *e);
/** seal_open - @name of @at, which is @s or a store of others, to be mounted by its descriptor: a sealed one, -1 for one
 * that was never sealed and may be mounted. E_CORRUPT when it is not what was sealed. */
int seal_open(const struct store *s, const struct store *at, const char *chain_id, const char *name, int *ret_fd,
	      struct err *e);
/** seal_put - seal the open file @xfd, whose content is known to be right, and note it, durably. */
int seal_put(const struct store *s, const char *chain_id, const char *name, int xfd, struct err *e);
/** seal_forget - remove the note. A missing one is success. */
int seal_forget(const struct store *s, const char *chain_id, const char *name, struct err *e);

#endif
