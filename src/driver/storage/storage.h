/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage drivers: snapshots of layers and containers. A driver returns a mount plan (data) and
 * never mounts. One table of verbs per driver.
 */
#ifndef ONGGI_DRIVER_STORAGE_STORAGE_H
#define ONGGI_DRIVER_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "spec/mount_plan.h"
#include "store/store.h"

enum storage_can {
	STORAGE_ROOTLESS = 1,      /* works in a user namespace */
	STORAGE_LAYER_DIR = 2,     /* a committed layer is a directory of whiteout form */
	STORAGE_NATIVE_DIFF = 4,   /* the difference to the parent is read without a walk of both */
};

struct storage_layer {
	uint64_t size_bytes; /* of the files in it */
	bool root_opaque;    /* hides everything below */
	const char *loose;   /* what can be settled only above its parents, see store/snapshot.h */
	size_t loose_bytes;
};

enum storage_plan_flags {
	STORAGE_PLAN_READ_ONLY = 1,
	STORAGE_PLAN_VOLATILE = 2, /* what is written need not survive a power cut: no sync at unmount */
};

struct storage_ops {
	const char *name;
	uint32_t can;
	/* whether it works on the file system below the store; the error names the missing feature */
	int (*probe)(const struct store *s, struct err *e);
	/* layer_begin: a directory descriptor to unpack layer @chain_id into (as overlay whiteouts);
	 * invisible until layer_commit. layer_abort drops it. @key identifies this attempt. The
	 * descriptor holds the lock that protects the attempt from being swept: close it last. */
	int (*layer_begin)(const struct store *s, const char *chain_id, char key[64], int *ret_dirfd,
			   struct err *e);
	/* make it visible. An existing one of the same name is kept and this attempt dropped. */
	int (*layer_commit)(const struct store *s, const char *chain_id, const char *key,
			    const struct storage_layer *info, struct err *e);
	void (*layer_abort)(const struct store *s, const char *key);
	int (*layer_remove)(const struct store *s, const char *chain_id, struct err *e);
	/* prepare the writable layer of container @id over @chain (lowest first) and give its plan;
	 * plan may be called again at each start. */
	int (*prepare)(const struct store *s, const char *id, struct err *e);
	int (*plan)(const struct store *s, const char *id, const char *const *chain, size_t n_chain,
		    unsigned flags, struct arena *a, struct mount_plan *ret, struct err *e);
	int (*remove)(const struct store *s, const char *id, struct err *e);
};

extern const struct storage_ops storage_overlay;
/** storage_by_name - driver from the table; E_UNSUPPORTED lists the known ones. */
int storage_by_name(const char *name, const struct storage_ops **ret, struct err *e);
/** storage_in_userns - whether this process cannot use trusted.* attributes, so that whiteouts and
 * opaque directories take the user.* form and overlay the option userxattr. */
bool storage_in_userns(void);
/** storage_layer_size - unpacked size of a committed layer in bytes, -ENOENT otherwise. */
int64_t storage_layer_size(const struct store *s, const char *chain_id);
/** storage_layer_exists - whether the chain ID is committed. */
bool storage_layer_exists(const struct store *s, const char *chain_id);

#endif
