/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the image store, shared by image*.c, reference_store.c and manifest_store.c.
 */
#ifndef ONGGI_STORE_IMAGE_INT_H
#define ONGGI_STORE_IMAGE_INT_H

#include <stdbool.h>

#include "store/image.h"

enum { IMAGE_PATH_MAX = 160, REFERENCE_PATH_MAX = 300 };

/** image_record_path - "images/HEX". */
int image_record_path(const char *image_id, char out[IMAGE_PATH_MAX], struct err *e);
/** image_record_load - the record alone, whatever became of the image's blobs; caller owns. */
int image_record_load(const struct store *s, const char *image_id, json_t **ret, struct err *e);
/** image_is_sound - whether there is a record that can be trusted: written durably or, unless
 * @durable, since the last boot. */
bool image_is_sound(const struct store *s, const char *image_id, bool durable);
/** reference_path - FOLDER/ENC of a canonical reference, see reference_store.c. E_INVALID. */
int reference_path(const char *folder, const char *reference, char out[REFERENCE_PATH_MAX], struct err *e);
/** reference_write - reference_set with @flags of enum io_replace_flags. */
int reference_write(const struct store *s, const char *reference, const char *image_id,
		    const char *manifest, unsigned flags, struct err *e);
/** image_untag - take away every name that points at @id, durably. @ret may be NULL. */
int image_untag(const struct store *s, const char *id, struct image_removed *ret, struct err *e);
/** image_ids - of all records; heap array. */
int image_ids(const struct store *s, char (**ret)[DIGEST_TEXT_MAX], size_t *ret_n, struct err *e);
/** image_add_reference - add the familiar form of a canonical reference. 0 or -ENOMEM. */
int image_add_reference(struct image *img, const char *canonical);
void image_sort_references(struct image *img);

#endif
