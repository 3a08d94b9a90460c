/* SPDX-License-Identifier: Apache-2.0
 *
 * One mount of an image for all its containers, so that the kernel holds each file of the image once:
 *
 *   RUN/erofs/HEX/root         mount point; HEX: chain ID of the topmost layer
 *   RUN/erofs/HEX/users/ID     a container that was started or looked into, until it is removed
 *   containers/ID/image        link whose text is HEX, made before the first use
 *
 * RUN/erofs/HEX is locked (flock) by whoever changes it. The directory of users goes away only when it
 * is empty, so the kernel counts. Running containers hold the file system by themselves: an unmount
 * never takes it away from them. After a reboot RUN is empty and the next start mounts again; a mount
 * that is not in this mount namespace is made here once more.
 */
#ifndef ONGGI_STORE_IMAGE_SHARE_H
#define ONGGI_STORE_IMAGE_SHARE_H

#include "base/err.h"
#include "store/store.h"

/** image_share_note - say which image container @id will use, before it does. */
int image_share_note(const struct store *s, const char *id, const char *hex, struct err *e);
/** image_share_use - container @id is a user from now on; idempotent. Where it is not mounted, @mount gives a
 * detached mount, under the lock. */
int image_share_use(const struct store *s, const char *id, const char *hex,
		    int (*mount)(void *data, int *ret_fd, struct err *e), void *data, struct err *e);
/** image_share_leave - container @id is no user any more; the last one unmounts. One that never was, or that
 * has no note, is fine. */
int image_share_leave(const struct store *s, const char *id, struct err *e);

#endif
