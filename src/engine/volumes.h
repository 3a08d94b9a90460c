/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes of the local driver with options (type, device, o): a file system of their own, mounted at the
 * volume's _data before the first container that uses it starts, and unmounted after the last one, so that all of
 * them see the same.
 *
 * Who uses it is a file RUN/containers/ID/volumes with one name a line, written before the mount and gone with the
 * run; the lock is volumes/NAME/lock. A use by the engine itself has such a folder, too, of an ID that is no container's,
 * and holds the lock RUN/containers/ID/use: so nobody takes it for what a kill has left.
 */
#ifndef ONGGI_ENGINE_VOLUMES_H
#define ONGGI_ENGINE_VOLUMES_H

#include "base/err.h"
#include "format/js.h"
#include "store/store.h"

/* A plugin's volume is mounted by the plugin, once for each use, with the container's ID: VolumeDriver.Mount after it
 * was noted, VolumeDriver.Unmount for each note. After a kill in between the plugin gets an Unmount of an ID that it
 * may not know, never a Mount that nobody takes back. */

/** volume_attach - container @id, whose folder RUN/containers/ID is @run_fd, uses volume @name from now on: mounted
 * when it is not yet. @ret_place: where a plugin has put it, owned by the caller; else NULL. "error while mounting volume ...: failed to mount local volume: ...". */
int volume_attach(const struct store *s, const char *id, int run_fd, const char *name, char **ret_place,
		  struct err *e);
/** volume_attach_mount - volume_attach for the volume of @m, a mount of @id as its record has it, whose "source" is then
 * where it lies. Nothing for other mounts. */
int volume_attach_mount(const struct store *s, const char *id, int run_fd, json_t *m, struct err *e);
/** volumes_detach - @id uses no volume any more; those that nobody else uses are unmounted. Nothing when it used
 * none. */
void volumes_detach(const struct store *s, const char *id);

struct engine;
/* Content of a volume, for the engine itself. One that has to be mounted first is used as a container uses it,
 * under an ID that no container has. */
struct volume_use {
	struct engine *eng;
	char id[65]; /* "": nothing is mounted */
	int dir;     /* of the content, for reading; -1: none */
	int lock;
};
#define VOLUME_USE_NULL { .dir = -1, .lock = -1 }
/** volume_use_begin - @u is ended with volume_use_end, whatever this returns. */
int volume_use_begin(struct engine *eng, const char *name, struct volume_use *u, struct err *e);
void volume_use_end(struct volume_use *u);
/** volume_use_take - the lock of RUN/containers/@id, which is no container's: 1, *ret_lock is held, so its user is gone |
 * 0: it is in use | negative: the folder is gone. */
int volume_use_take(const struct store *s, const char *id, int *ret_lock);

#endif
