/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the storage driver "devicemapper": the thin pool of a store, and volumes in it.
 *
 *   devicemapper/pool.json     which pool: of the user, or in the two files beside it
 *   devicemapper/{data,metadata}
 *   devicemapper/lock          taken while the pool is opened, started or given up
 *   devicemapper/use           shared by those that have it open
 *   devicemapper/ids/N         link: number N of the pool is claimed; its text is the path of the note
 *   devicemapper/dead/N        a claim whose volume could not be deleted yet, since it was open
 *   devicemapper/sweep         locked by who sweeps
 *   containers/ID/rw/thin      note: the number of the volume
 *   snapshots/HEX/thin         the same of an image whose topmost layer that is
 *   snapshots/HEX/thin-made    empty: that volume is whole
 *
 * Numbers are kept whole without a journal or a lock for all: note, claim (a link that is made once), volume; and
 * backwards. Whoever is killed in between leaves a claim whose note is gone or says another number, and that is what
 * a sweep looks for; or one whose note is right, and then the owner's removal finds it. A claim never has a volume
 * of anybody else: pools are taken while they are empty, and marked as taken by transaction ID 1.
 */
#ifndef ONGGI_DRIVER_STORAGE_DM_INT_H
#define ONGGI_DRIVER_STORAGE_DM_INT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "driver/storage/storage.h"
#include "sys/dm.h"

enum { DM_NO_ORIGIN = -1 };

struct dm_pool {
	const struct store *s;
	int ctl;
	int fd;  /* node of the pool, which stays as long as it is open */
	int dir; /* ROOT/devicemapper */
	int use; /* lock: nobody gives the pool up */
	dev_t dev;
	uint64_t volume_bytes; /* of each volume */
	char name[DM_NAME_MAX];
};
#define DM_POOL_NULL { .ctl = -1, .fd = -1, .dir = -1, .use = -1 }

/** dm_pool_exists - whether the store has a pool, that is: whether a volume was ever made and is not gone. */
bool dm_pool_exists(const struct store *s);
/** dm_pool_open - the store's pool, started when it is not; with @make taken or made when the store has none. */
int dm_pool_open(const struct store *s, bool make, struct dm_pool *ret, struct err *e);
/** dm_pool_room - E_NOSPACE when less than a tenth of data or metadata is free, or the pool has stopped. */
int dm_pool_room(const struct dm_pool *p, struct err *e);
void dm_pool_close(struct dm_pool *p);
#define OWN_POOL CLEANUP(dm_pool_close) struct dm_pool
/** dm_pool_retire - give the pool up when it has no volume: a user's is free for others again, one of ours goes with
 * its files. Does nothing while somebody uses it; whatever is in the way is met again by the next one. */
void dm_pool_retire(const struct store *s);

/** dm_volume_make - a volume for the owner of @note: empty, or a snapshot of volume @origin. */
int dm_volume_make(const struct dm_pool *p, const char *note, int64_t origin, uint32_t *ret_id, struct err *e);
/** dm_volume_find - the volume of @note; E_NOT_FOUND where it was never made. */
int dm_volume_find(const struct dm_pool *p, const char *note, uint32_t *ret_id, struct err *e);
/** dm_volume_start - its device, which ends by itself with its last user. @ret_fd is the first, @path its node. */
int dm_volume_start(const struct dm_pool *p, const char *note, uint32_t id, char path[DM_PATH_MAX], int *ret_fd,
		    struct err *e);
/** dm_volume_drop - delete the volume of @note, later when it is in use. None is success. */
int dm_volume_drop(const struct dm_pool *p, const char *note, struct err *e);
/** dm_volume_sweep - delete volumes that nobody owns any more, with @all also those whose owner's folder is gone. */
void dm_volume_sweep(const struct dm_pool *p, bool all);

#endif
