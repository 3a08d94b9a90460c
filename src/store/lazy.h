/* SPDX-License-Identifier: Apache-2.0
 *
 * Images of which containers run while layers are still on their way (docs/adr/0021). Such an image is in no
 * list yet: its record is images/kept-HEX, as of an image that only containers use, with one member more:
 *
 *   "lazy": [{"reference": "docker.io/library/nginx:1.25", "digest": of what it names, "platform": "linux/amd64",
 *             "was": ID of the image of that name until then, or ""}, ...]: the names that it is to get,
 *   and in each layer that may come late "toc": digest of its table of contents, which is a blob here
 *
 * A process (registry/lazy/) shows those layers, and registers the image when it has all of it, and other images of the
 * same layers. Of the run-time folder, HEX being the chain ID of the topmost layer:
 *
 *   RUN/lazy/HEX/root     mount of the layers that come late, one folder per chain ID
 *   RUN/lazy/HEX/lowers   what an overlay of the image consists of, topmost first: "late HEX" or "here HEX"; there
 *                         while the process is ready for new containers
 *   RUN/lazy/HEX/served   lock of the process, as long as it shows anything
 *   RUN/lazy/HEX/begin    lock of whoever starts or ends the process, or changes the names in a record
 *   RUN/lazy/HEX/use      shared lock of whoever has read lowers and has not mounted yet
 *   RUN/lazy/HEX/log      what the process has to say
 */
#ifndef ONGGI_STORE_LAZY_H
#define ONGGI_STORE_LAZY_H

#include <stdbool.h>

#include "format/json.h"
#include "store/store.h"

enum { LAZY_PATH_MAX = 128 };

/** lazy_path - "lazy/HEX" and @what ("" or "/name") below RUN; @top: chain ID. */
void lazy_path(const char *top, const char *what, char out[LAZY_PATH_MAX]);
/** lazy_record_path - "images/kept-HEX" of image @image_id. E_INVALID. */
int lazy_record_path(const char *image_id, char out[LAZY_PATH_MAX], struct err *e);
/** lazy_record_top - chain ID of the topmost layer in a record, "" when there is none. */
const char *lazy_record_top(const json_t *record);
/** lazy_is_pending - whether the image is here for such containers only. One system call for one that is whole. */
bool lazy_is_pending(const struct store *s, const char *image_id);
/** lazy_is_served - whether a process shows the layers that are missing. */
bool lazy_is_served(const struct store *s, const char *top);
/** lazy_is_claimed - whether there is such a process, if only one that begins or ends. */
bool lazy_is_claimed(const struct store *s, const char *top);
/** lazy_begin - the lock "begin". */
int lazy_begin(const struct store *s, const char *top, int *ret_fd, struct err *e);
/** lazy_use - keep the mount from going away while @ret_fd is open. */
int lazy_use(const struct store *s, const char *top, int *ret_fd, struct err *e);
/** lazy_lowers - content of the file "lowers"; NULL in @ret when there is none. Caller owns. */
int lazy_lowers(const struct store *s, const char *top, char **ret, struct err *e);
/** lazy_unmount - what a process that was killed has left, or the mount of a living one, from its place. */
void lazy_unmount(const struct store *s, const char *top);
/** lazy_sweep - lazy_unmount of all processes that were killed. */
void lazy_sweep(const struct store *s);

#endif
