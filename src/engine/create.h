/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the create flow, one file each: the merge with the image's configuration
 * (create_config.c) and the mounts (create_mounts.c).
 */
#ifndef ONGGI_ENGINE_CREATE_H
#define ONGGI_ENGINE_CREATE_H

#include "base/arena.h"
#include "engine/engine_int.h"
#include "format/json.h"
#include "store/form_mark.h"
#include "store/image.h"

struct create {
	struct engine *eng;
	const json_t *body;
	const char *name;          /* as given; NULL: made up */
	json_t *warnings;
	struct image image;
	struct form_mark forms;    /* before its layers were looked at */
	struct lease lease;        /* of an image store of others: what is made of it here, see image_borrow() */
	struct container c;
	int lock;
	char claimed[256];         /* name that was claimed; "" none yet */
	json_t *new_volumes;       /* names of anonymous volumes made here */
	json_t *copy_up;           /* [{"Name": volume, "Destination": path in the image}] */
};

/** create_config_record - record of the container from body and image. c->c.id is known; sets
 * c->c.record. */
int create_config_record(struct create *c, struct err *e);
/** create_mounts - make volumes and directories; fills Mounts and Onggi.Mounts of the record. */
int create_mounts(struct create *c, struct err *e);
/** create_copy_up - give new volumes the content that the image has at their place. */
int create_copy_up(struct create *c, struct err *e);
void create_mounts_undo(struct create *c);

#endif
