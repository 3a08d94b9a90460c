/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: layers in snapshots/HEX/, named by chain ID, in one form or in both (docs/adr/0015):
 *
 *   diff/         the layer unpacked, as overlay wants it
 *   meta.json     {"driver","size","boot","root_opaque"}: written last, so where it is diff/ is whole
 *   synced        its content has reached the disk
 *
 *   tar           the layer's uncompressed archive, mode 0400: its digest is the DiffID
 *   tar.json      as meta.json
 *   tar.synced    as synced
 *   erofs         names of this layer and of all below it, merged: an EROFS image whose files' data lie
 *                 in the tars. Made when an image with this topmost layer is registered
 *   tar.verity, erofs.verity    that they are sealed, see snapshot_seal.h
 *
 * and, of diff/ alone:
 *
 *   opaque        hides everything below
 *   flat, meta    what the drivers btrfs and composefs made of the image with this topmost layer
 *   loose         (only until settled) what the archive left to its parents, NUL-terminated pairs
 *                   "D" PATH           directory without an entry: takes the parents' attributes
 *                   "L" TARGET "\0" NAME  hard link to a file of a parent layer
 *                   "W" PATH           whiteout, to be taken away if it hides nothing
 *
 * Layers are unpacked in any order, so an archive's gaps are closed when the whole chain is there
 * (settled), and the disk is told once per image (synced). A snapshot that was never synced is
 * trusted only until the next boot: after a power loss its files may be empty.
 */
#ifndef ONGGI_STORE_SNAPSHOT_H
#define ONGGI_STORE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "store/store.h"

enum { SNAPSHOT_PATH_MAX = 96, SNAPSHOT_BOOT_MAX = 40 };

/** snapshot_path - "snapshots/HEX" of a chain ID; E_INVALID for a malformed one. */
int snapshot_path(const char *chain_id, char out[SNAPSHOT_PATH_MAX], struct err *e);
/* Names of what belongs to a form; payload, meta, mark. */
struct snapshot_names {
	const char *payload, *meta, *mark;
};
extern const struct snapshot_names snapshot_names[STORE_FORM_N];

/** snapshot_home - the store that has it in this form, committed and to be trusted: the own one before those of others;
 * NULL: none. */
const struct store *snapshot_home(const struct store *s, const char *chain_id, enum store_form form);
/** snapshot_exists - whether there is one. */
bool snapshot_exists(const struct store *s, const char *chain_id, enum store_form form);
/** snapshot_exists_here - whether it is the own one. */
bool snapshot_exists_here(const struct store *s, const char *chain_id, enum store_form form);
/** snapshot_exists_any - in one form at least. */
bool snapshot_exists_any(const struct store *s, const char *chain_id);
/** snapshot_is_ready - whether all of @chain (lowest first) is there in this form, with what an image
 * needs beyond its layers. One system call per layer where it is synced. */
bool snapshot_is_ready(const struct store *s, const char *const *chain, size_t n, enum store_form form);
/** snapshot_size - unpacked bytes, -ENOENT when there is none. */
int64_t snapshot_size(const struct store *s, const char *chain_id);
/** snapshot_boot_id - of this boot, for meta.json. */
int snapshot_boot_id(char out[SNAPSHOT_BOOT_MAX], struct err *e);
/** snapshot_hide - take it out of sight: moved to tmp/dead-RANDOM, to be removed by
 * snapshot_bury() without any lock. A missing one is success. */
int snapshot_hide(const struct store *s, const char *chain_id, struct err *e);
/** snapshot_hide_form - the same with one form of it. */
int snapshot_hide_form(const struct store *s, const char *chain_id, enum store_form form, struct err *e);
/** snapshot_bury - remove everything that was hidden. */
int snapshot_bury(const struct store *s, struct err *e);
/** snapshot_settle - close the gaps of the topmost layer of @chain (lowest first), unpacked,
 * from the layers below it. Idempotent; nothing to do for most layers. */
int snapshot_settle(const struct store *s, const char *const *chain, size_t n, struct err *e);
/** snapshot_file_open - a file beside the layer that has no name yet, for reading and writing: a kill leaves nothing.
 * The layer may be another store's. */
int snapshot_file_open(const struct store *s, const char *chain_id, int *ret_fd, struct err *e);
/** snapshot_file_name - give it its name when it is whole; one that is there already is kept, since both are the same.
 * @durable: its content has reached the disk first, so that after a power cut it is whole or not there. */
int snapshot_file_name(const struct store *s, const char *chain_id, const char *name, int xfd, bool durable,
		       struct err *e);
/** snapshot_look - what the unpacked, settled layers @chain (lowest first) show at @path ("": the root), links not
 * followed. 1: @ret is its state, and of a directory @ret_dir is open (else -1) | 0: nothing. */
int snapshot_look(const struct store *s, const char *const *chain, size_t n, const char *path, int *ret_dir,
		  struct stat *ret, struct err *e);
/** snapshot_mark_synced - after a syncfs: mark what the own store has of @chain, durably. */
int snapshot_mark_synced(const struct store *s, char *const *chain, size_t n, enum store_form form, struct err *e);
/** snapshot_is_synced - whether it bears the mark, in any store. */
bool snapshot_is_synced(const struct store *s, const char *chain_id, enum store_form form);

#endif
