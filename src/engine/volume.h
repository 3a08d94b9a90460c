/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes of all drivers: those of store/volume.h, and those that a plugin keeps (driver/volume/plugin.h). Of a
 * plugin's volume the store has a record with its labels and options once it was used here; others only the plugin
 * knows, and they are found by asking.
 */
#ifndef ONGGI_ENGINE_VOLUME_H
#define ONGGI_ENGINE_VOLUME_H

#include <stdbool.h>

#include "engine/engine.h"
#include "store/volume.h"

/** volume_driver - driver of a volume object; volume_is_local - whether it is ours. */
const char *volume_driver(const json_t *volume);
bool volume_is_local(const json_t *volume);

/** engine_volume_create - volume_create of any driver. A plugin's volume that exists is taken as it is. Without a
 * driver in @spec a name that only a plugin knows is the plugin's. */
int engine_volume_create(struct engine *eng, const struct volume_spec *spec, json_t **ret, bool *ret_new,
			 struct err *e);
/** engine_volume_inspect - volume object; a plugin's with Mountpoint and Status as it tells them. E_NOT_FOUND. */
int engine_volume_inspect(struct engine *eng, const char *name, json_t **ret, struct err *e);
/** engine_volume_all - array of all volume objects, sorted by name. A plugin that does not answer is a warning.
 * Caller owns. */
int engine_volume_all(struct engine *eng, json_t **ret, struct err *e);
/** engine_volume_remove - @flags of enum volume_remove_flags; forced, a plugin's refusal does not keep the record. */
int engine_volume_remove(struct engine *eng, const char *name, unsigned flags, struct err *e);

/** engine_volume_export - tar stream of the volume's content, mounted for it where it has to be. */
int engine_volume_export(struct engine *eng, const char *name, int out_fd, struct err *e);
/** engine_volume_import - unpack the tar stream @in_fd into the volume, beside and over what is there. */
int engine_volume_import(struct engine *eng, const char *name, int in_fd, struct err *e);

#endif
